//! Logs in where there is no browser, in two runs: the first prints a URL, the second takes the one
//! that the user was sent to. Between them, the pending login is in a file.
//!
//! ```text
//! cargo run --example headless_login
//! cargo run --example headless_login -- 'http://127.0.0.1:8888/callback?code=…&state=…'
//! ```
//!
//! Without `SPOTIFY_CLIENT_ID`, a fake plays Spotify and the user, and both happen in one run.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use clap::Parser;
use spotify_web::SpotifyClient;
use spotify_web::auth::PkceAuthenticator;
use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient, PendingLogin, Scope};

#[path = "common/user.rs"]
mod user;

/// Logs a user in, in two runs.
#[derive(Parser)]
struct Arguments {
    /// In the second run: the URL that the browser was sent to.
    redirect: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let redirect = Arguments::parse().redirect;
    let app = user::app().await?;
    let file = std::env::temp_dir().join("spotify-web-pending-login.json");
    let redirect = match (redirect, &app.fake) {
        (Some(redirect), _) => redirect,
        (None, fake) => {
            let pending = begin(&app)?;
            keep(&pending, &file)?;
            println!("Open this URL anywhere, and agree:\n\n  {}\n", pending.url());
            match fake {
                Some(fake) => fake.agree(pending.url()),
                None => {
                    println!("Then run this again with the URL that the browser was sent to.");
                    return Ok(());
                }
            }
        }
    };

    let pending: PendingLogin = serde_json::from_slice(&fs::read(&file)?)?;
    let code = pending.finish(&redirect)?;
    let request = AuthorizationCodeRequest::public(&app.client_id, code);
    let token = OAuthClient::new(&app.config).request_token(request).await?;
    fs::remove_file(file)?;

    let authenticator = PkceAuthenticator::new(&app.client_id);
    authenticator.log_in(token).await?;
    let spotify = SpotifyClient::new(app.config.with_authenticator(authenticator))?;
    println!("You are {}.", spotify.users().me().await?.id);
    Ok(())
}

fn begin(app: &user::App) -> Result<PendingLogin, spotify_web::oauth::LoginError> {
    Login::pkce(&app.client_id, "http://127.0.0.1:8888/callback")
        .with_scopes([Scope::UserReadPrivate])
        .with_authorize_url(&app.authorize_url)
        .begin()
}

/// It holds secrets: no other user may read it.
fn keep(pending: &PendingLogin, file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(&serde_json::to_vec(pending)?)?;
    Ok(())
}
