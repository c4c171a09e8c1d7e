//! No secret shows, wherever one looks.

use std::time::SystemTime;

use serde_json::{Value, json};
use spotify_web::auth::{
    Authenticator, CachedAuthenticator, CredentialsAuthenticator, MemoryTokenStore, StoredToken,
    TokenAuthenticator, TokenCacheOptions, TokenKey, TokenStore, TokenSwapAuthenticator,
};
use spotify_web::middleware::AuthMiddleware;
use spotify_web::oauth::{
    AccessToken, ClientCredentialsRequest, ClientSecret, OAuthClient, OAuthConfig, RefreshToken,
    Token, TokenForm, TokenRequest,
};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Origin, SpotifyClient};

use crate::common::{Log, ScriptedSource, TRACK};

const SECRET: &str = "s3cr3t-n0t-t0-b3-s33n";

#[tokio::test]
async fn no_secret_shows_in_debug() {
    let fake = FakeSpotify::builder().with_client("id", SECRET).start().await.unwrap();
    fake.next_token(FakeResponse::json(
        200,
        &json!({ "access_token": SECRET, "refresh_token": SECRET }),
    ));
    let authenticator = CredentialsAuthenticator::new("id", SECRET);
    let config = fake.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config.clone()).unwrap();
    spotify.get::<Value>("me").await.unwrap_err();
    let origin: Origin = "https://api.spotify.com".parse().unwrap();
    let request = ClientCredentialsRequest::new("id", SECRET);
    let form = TokenForm::new("refresh_token")
        .basic("id", SECRET)
        .secret_parameter("refresh_token", SECRET);
    let cached = CachedAuthenticator::new(ScriptedSource::default());
    let mut signed = reqwest::Request::new(reqwest::Method::GET, fake.base_url().parse().unwrap());
    authenticator.apply(&mut signed).await.unwrap();

    let key = TokenKey::new("id");
    let stored = StoredToken::new(secret_token(), SystemTime::now());
    let store = MemoryTokenStore::new();
    store.save(&key, &stored, None).await.unwrap();
    let options = TokenCacheOptions::default();
    let cached_with_store =
        CachedAuthenticator::new(ScriptedSource::default()).with_store(store.clone(), key);

    let shown = [
        format!("{:#?}", AccessToken::new(SECRET)),
        format!("{:#?}", RefreshToken::new(SECRET)),
        format!("{:#?}", ClientSecret::new(SECRET)),
        format!("{:#?}", secret_token()),
        format!("{request:#?} {:#?}", request.form().unwrap()),
        format!("{form:#?}"),
        format!("{:#?}", OAuthClient::new(&config)),
        format!("{:#?}", OAuthConfig::from(&config)),
        format!("{config:#?}"),
        format!("{authenticator:#?}"),
        format!("{cached:#?} {:#?}", cached.cache()),
        format!("{stored:#?} {:#?} {store:#?}", stored.to_text()),
        format!("{options:#?} {cached_with_store:#?}"),
        format!("{:#?}", TokenAuthenticator::new(SECRET)),
        format!("{:#?}", AuthMiddleware::new(authenticator, origin)),
        format!("{spotify:#?} {:#?} {:#?}", spotify.tracks(), spotify.tracks().get(TRACK)),
        format!("{:#?}", spotify.albums().tracks(TRACK).stream()),
        format!("{signed:#?}"),
        format!(
            "{fake:#?} {:#?} {:#?}",
            fake.requests(),
            FakeSpotify::builder().with_client("id", SECRET)
        ),
        format!("{:#?}", FakeResponse::body(200, "text/plain", SECRET)),
    ];

    for text in shown {
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains("czNjcjN0"), "in base 64: {text}");
    }
}

#[test]
fn secrets_say_that_they_are_redacted() {
    assert_eq!(format!("{:?}", AccessToken::new(SECRET)), "AccessToken([redacted])");
    assert_eq!(format!("{:?}", RefreshToken::new(SECRET)), "RefreshToken([redacted])");
    assert_eq!(format!("{:?}", ClientSecret::new(SECRET)), "ClientSecret([redacted])");
    assert_eq!(AccessToken::new(SECRET).expose(), SECRET);
}

/// Everything that can go wrong with a token request, and with a call after it.
#[tokio::test]
async fn no_secret_shows_in_an_error() {
    let echo = json!({ "error": SECRET, "error_description": SECRET });
    let responses = [
        FakeResponse::json(400, &echo),
        FakeResponse::body(500, "text/plain", SECRET),
        FakeResponse::body(200, "text/plain", SECRET),
        FakeResponse::body(200, "text/plain", format!("{{\"access_token\":\"{SECRET}")),
        FakeResponse::json(200, &json!({ "access_token": format!("{SECRET}\n") })),
        FakeResponse::json(
            200,
            &json!({ "access_token": SECRET, "expires_in": -1, "refresh_token": SECRET }),
        ),
        FakeResponse::json(200, &json!({ "access_token": SECRET, "token_type": "mac" })),
        FakeResponse::hang_up(),
    ];
    for response in responses {
        let fake = FakeSpotify::start().await.unwrap();
        let authenticator = CredentialsAuthenticator::new("id", SECRET);
        let spotify = SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap();
        fake.next_token(response.clone());

        let error = spotify.tracks().get(TRACK).await.unwrap_err();

        let text = format!("{error} {error:#?} {}", error.to_line());
        assert!(!text.contains(SECRET), "{response:?}: {text}");
    }
}

/// P39, B38: at TRACE, from all layers below as well, also those that use the `log` crate. The
/// subscriber is the only one of this binary, so it hears what the other tests do, too.
#[tokio::test]
async fn no_secret_shows_in_a_log() {
    let log = Log::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).init();
    let fake = FakeSpotify::builder().with_client("id", SECRET).start().await.unwrap();
    let client = || {
        let authenticator = CredentialsAuthenticator::new("id", SECRET);
        SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap()
    };

    fake.next_token(FakeResponse::json(400, &json!({ "error": SECRET })));
    client().tracks().get(TRACK).await.unwrap_err();
    let token = json!({ "access_token": SECRET, "refresh_token": SECRET });
    fake.next_token(FakeResponse::json(200, &token));
    client().tracks().get(TRACK).await.unwrap();

    let log = log.text();
    for event in ["got no access token", "got an access token", "starting new connection"] {
        assert!(log.contains(event), "{event} is not in: {log}");
    }
    assert!(!log.contains(SECRET), "{log}");
    assert!(!log.contains("czNjcjN0"), "in base 64: {log}");
}

fn secret_token() -> Token {
    Token::new(SECRET, Token::DEFAULT_LIFETIME).with_refresh_token(SECRET)
}

/// A server may take a key in its URL.
#[test]
fn no_secret_of_a_url_shows() {
    for url in [
        "https://anna:the-secret@id.test/token",
        "https://the-secret@id.test/token",
        "https://id.test/token?key=the-secret",
        "https://id.test/token#the-secret",
        "https://id.test:the-secret/",
    ] {
        let config = spotify_web::SpotifyClientConfig::default().with_token_url(url);
        let login = spotify_web::oauth::Login::pkce("id", url).with_authorize_url(url);
        let shown = [
            format!("{:?}", TokenSwapAuthenticator::new(url)),
            format!("{:?}", spotify_web::oauth::OAuthConfig::for_server(url)),
            format!("{:?}", OAuthClient::new(&config).at(url)),
            format!("{login:?}"),
            format!("{:?}", login.begin()),
            format!("{config:?}"),
            format!("{:?}", spotify_web::SpotifyClient::new(config)),
        ];
        for shown in shown {
            assert!(!shown.contains("the-secret"), "{shown}");
        }
    }
}
