//! Two authenticators of one's own: one from scratch, one as a source of tokens.
//!
//! The first asks its own token service for every request. The second says only how a token is
//! requested, and gets caching, single flight, refresh ahead of expiry and replay for free.

mod common;

use async_trait::async_trait;
use common::Setup;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use spotify_web::auth::{AuthError, Authenticator, CachedAuthenticator, TokenSource};
use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient, Token};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::run(FakeSpotify::builder(), run).await
}

async fn run(setup: &Setup) -> Result<(), Error> {
    let service = TokenService {
        request: ClientCredentialsRequest::new(setup.client_id(), setup.client_secret()),
        oauth: OAuthClient::new(&setup.config()),
    };

    let spotify = SpotifyClient::new(setup.config().with_authenticator(Uncached(service.clone())))?;
    three_requests("from scratch", &spotify, setup).await?;

    let authenticator = CachedAuthenticator::new(service);
    let spotify = SpotifyClient::new(setup.config().with_authenticator(authenticator))?;
    three_requests("as a token source", &spotify, setup).await
}

async fn three_requests(name: &str, spotify: &SpotifyClient, setup: &Setup) -> Result<(), Error> {
    let tokens = || setup.fake.as_ref().map(FakeSpotify::token_requests);
    let before = tokens();
    for _ in 0..3 {
        spotify.artists().get("6sFIWsNpZYqfjUpaCgueju").await?;
    }
    match (before, tokens()) {
        (Some(before), Some(after)) => {
            println!("{name}: 3 requests took {} token request(s)", after - before);
        }
        _ => println!("{name}: 3 requests"),
    }
    Ok(())
}

/// The house's own token service; here it simply asks Spotify.
#[derive(Debug, Clone)]
struct TokenService {
    request: ClientCredentialsRequest,
    oauth: OAuthClient,
}

/// From nothing: whatever `apply` does is what happens, for every request.
#[derive(Debug)]
struct Uncached(TokenService);

#[async_trait]
impl Authenticator for Uncached {
    async fn apply(&self, request: &mut reqwest::Request) -> Result<(), AuthError> {
        let token = self.0.oauth.request_token(&self.0.request).await?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.access_token.expose()))
            .map_err(|error| AuthError::custom("the token cannot be sent", error))?;
        header.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(())
    }
}

/// As a source: only how a token is requested.
#[async_trait]
impl TokenSource for TokenService {
    async fn request_token(&self, _previous: Option<&Token>) -> Result<Token, AuthError> {
        Ok(self.oauth.request_token(&self.request).await?)
    }
}
