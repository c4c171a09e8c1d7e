//! Serves a fake Spotify, so that a program in any language can be pointed at it, or a browser.
//!
//! ```text
//! cargo run --example fake_spotify -- --port 8080
//! cargo run --example fake_spotify -- --extended
//! ```
//!
//! It ends on Ctrl-C, and keeps nothing.

use std::process::ExitCode;

use clap::Parser;
use spotify_web::api::Quota;
use spotify_web::testing::{FakeSpotify, FakeSpotifyBuilder};

/// Serves a fake Spotify.
#[derive(Parser)]
struct Arguments {
    /// The port on loopback; by default a free one.
    #[arg(long)]
    port: Option<u16>,
    /// Grants extended quota, with the endpoints that development mode has lost.
    #[arg(long)]
    extended: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match builder(&arguments).start().await {
        Ok(fake) => serve(&fake).await,
        Err(error) => {
            let port = arguments
                .port
                .map_or_else(|| "a free port".to_owned(), |port| format!("port {port}"));
            eprintln!("error: {port} of 127.0.0.1 cannot be listened on: {error}");
            ExitCode::FAILURE
        }
    }
}

fn builder(arguments: &Arguments) -> FakeSpotifyBuilder {
    // It may run for days.
    let builder = FakeSpotify::builder().with_remembered_requests(0);
    let builder = match arguments.port {
        Some(port) => builder.with_port(port),
        None => builder,
    };
    if arguments.extended { builder.with_quota(Quota::Extended) } else { builder }
}

async fn serve(fake: &FakeSpotify) -> ExitCode {
    println!("base URL       {}", fake.base_url());
    println!("token URL      {}", fake.token_url());
    println!("authorize URL  {}", fake.authorize_url());
    println!("Any client id and secret will do. Ctrl-C ends it.");
    println!();
    let token = fake.user_token();
    println!("A user's token, for an hour: {}", token.expose());
    println!();
    println!("  curl -H 'Authorization: Bearer {}' {}me", token.expose(), fake.base_url());
    match tokio::signal::ctrl_c().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: Ctrl-C cannot be heard: {error}");
            ExitCode::FAILURE
        }
    }
}
