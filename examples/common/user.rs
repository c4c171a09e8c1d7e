//! Where the examples that log a user in get their Spotify from.
//!
//! `SPOTIFY_BASE_URL`, `SPOTIFY_TOKEN_URL` and `SPOTIFY_AUTHORIZE_URL` lead them to another server.

use spotify_web::SpotifyClientConfig;
use spotify_web::oauth::Login;
use spotify_web::testing::FakeSpotify;

/// An app of Spotify's, or of a fake when there is no client id in the environment.
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) config: SpotifyClientConfig,
    pub(crate) authorize_url: String,
    /// Ends with the program.
    pub(crate) fake: Option<FakeSpotify>,
}

pub(crate) async fn app() -> std::io::Result<App> {
    let fake = match variable("SPOTIFY_CLIENT_ID") {
        Some(_) => None,
        None => {
            eprintln!("SPOTIFY_CLIENT_ID is not set: using the built-in fake Spotify");
            Some(FakeSpotify::start().await?)
        }
    };
    let mut config = fake.as_ref().map(FakeSpotify::config).unwrap_or_default();
    if let Some(url) = variable("SPOTIFY_BASE_URL") {
        config = config.with_base_url(url);
    }
    if let Some(url) = variable("SPOTIFY_TOKEN_URL") {
        config = config.with_token_url(url);
    }
    let authorize_url = fake.as_ref().map(FakeSpotify::authorize_url);
    let authorize_url = variable("SPOTIFY_AUTHORIZE_URL").or(authorize_url);
    Ok(App {
        client_id: variable("SPOTIFY_CLIENT_ID").unwrap_or_else(|| "fake-id".to_owned()),
        config,
        authorize_url: authorize_url.unwrap_or_else(|| Login::SPOTIFY_AUTHORIZE_URL.to_owned()),
        fake,
    })
}

pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
