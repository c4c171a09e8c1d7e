//! Serves a fake Spotify, so that a program in any language can be pointed at it, or a browser.
//!
//! ```text
//! cargo run --example fake_spotify -- --port 8080
//! cargo run --example fake_spotify -- --extended
//! ```
//!
//! Without `--port` it takes a free one. `--extended` grants extended quota, with the endpoints that
//! development mode has lost. It ends on Ctrl-C, and keeps nothing.

use std::process::ExitCode;

use spotify_web::api::Quota;
use spotify_web::testing::{FakeSpotify, FakeSpotifyBuilder};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let fake = match options(&arguments) {
        Some(builder) => builder.start().await.map_err(|error| error.to_string()),
        None => Err("usage: fake_spotify [--port PORT] [--extended]".to_owned()),
    };
    match fake {
        Ok(fake) => serve(&fake).await,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// What the arguments ask for, if they are right.
fn options(arguments: &[&str]) -> Option<FakeSpotifyBuilder> {
    // It may run for days.
    let mut builder = FakeSpotify::builder().with_remembered_requests(0);
    let mut rest = arguments;
    loop {
        (builder, rest) = match rest {
            [] => return Some(builder),
            ["--port", port, rest @ ..] => (builder.with_port(port.parse().ok()?), rest),
            ["--extended", rest @ ..] => (builder.with_quota(Quota::Extended), rest),
            _ => return None,
        };
    }
}

async fn serve(fake: &FakeSpotify) -> ExitCode {
    println!("base URL       {}", fake.base_url());
    println!("token URL      {}", fake.token_url());
    println!("authorize URL  {}", fake.authorize_url());
    println!("Any client id and secret will do. Ctrl-C ends it.");
    println!();
    println!("A user's token, for an hour: {}", fake.user_token().expose());
    println!();
    println!("  curl -H 'Authorization: Bearer TOKEN' {}me", fake.base_url());
    match tokio::signal::ctrl_c().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: Ctrl-C cannot be heard: {error}");
            ExitCode::FAILURE
        }
    }
}
