//! The two ways to use the library: a token once, and tokens on demand.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` set it talks to Spotify, else to a fake.

mod common;

use common::Setup;
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::run(FakeSpotify::builder(), run).await
}

async fn run(setup: &Setup) -> Result<(), Error> {
    // A token once: good for an hour, then calls fail.
    let request = ClientCredentialsRequest::new(setup.client_id(), setup.client_secret());
    let token = OAuthClient::new(&setup.config()).request_token(request).await?;
    println!("got a token that holds for {} s", token.expires_in.as_secs());
    let spotify = SpotifyClient::new(setup.config().with_token(token.access_token))?;
    let track = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").market("DE").await?;
    println!("{} ({:.0?})", track.name, track.duration);

    // Tokens on demand: good for as long as the program runs.
    let authenticator = CredentialsAuthenticator::new(setup.client_id(), setup.client_secret());
    let spotify = SpotifyClient::new(setup.config().with_authenticator(authenticator))?;
    let found = spotify.search().albums("cut to the feeling").limit(3).await?;
    for album in found.into_items() {
        println!(
            "{} ({})",
            album.name,
            album.release_date.map(|it| it.to_string()).unwrap_or_default()
        );
    }
    Ok(())
}
