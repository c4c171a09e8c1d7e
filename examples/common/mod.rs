//! Where the examples get their Spotify from.
//!
//! `SPOTIFY_BASE_URL` and `SPOTIFY_TOKEN_URL` lead them to another server, such as a proxy.

use std::process::ExitCode;

use spotify_web::oauth::ClientSecret;
use spotify_web::testing::{FakeSpotify, FakeSpotifyBuilder};
use spotify_web::{Error, SpotifyClientConfig};

/// Spotify itself, or a fake when there are no credentials in the environment.
pub(crate) struct Setup {
    client_id: String,
    client_secret: ClientSecret,
    pub(crate) fake: Option<FakeSpotify>,
}

impl Setup {
    pub(crate) fn config(&self) -> SpotifyClientConfig {
        let config = self.fake.as_ref().map(FakeSpotify::config).unwrap_or_default();
        let config = match variable("SPOTIFY_BASE_URL") {
            Some(url) => config.with_base_url(url),
            None => config,
        };
        match variable("SPOTIFY_TOKEN_URL") {
            Some(url) => config.with_token_url(url),
            None => config,
        }
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(crate) fn client_secret(&self) -> ClientSecret {
        self.client_secret.clone()
    }
}

/// Runs an example, with `fake` where there are no credentials. An error becomes one sentence and
/// exit code 1.
pub(crate) async fn run(
    fake: FakeSpotifyBuilder,
    example: impl AsyncFnOnce(&Setup) -> Result<(), Error>,
) -> ExitCode {
    let result = match set_up(fake).await {
        Ok(setup) => example(&setup).await.map_err(|error| error.to_line()),
        Err(error) => Err(format!("the fake Spotify cannot be started: {error}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("error: {line}");
            ExitCode::FAILURE
        }
    }
}

async fn set_up(fake: FakeSpotifyBuilder) -> std::io::Result<Setup> {
    let missing = match (variable("SPOTIFY_CLIENT_ID"), variable("SPOTIFY_CLIENT_SECRET")) {
        (Some(client_id), Some(client_secret)) => {
            return Ok(Setup { client_id, client_secret: client_secret.into(), fake: None });
        }
        (Some(_), None) => "SPOTIFY_CLIENT_SECRET is",
        (None, Some(_)) => "SPOTIFY_CLIENT_ID is",
        (None, None) => "SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET are",
    };
    println!("{missing} not set: using the built-in fake Spotify");
    let fake = fake.start().await?;
    let (client_id, client_secret) = ("fake-id".to_owned(), "fake-secret".into());
    Ok(Setup { client_id, client_secret, fake: Some(fake) })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
