//! Credentials go to the API's own origin and nowhere else.

use reqwest_middleware::ClientBuilder;
use serde_json::{Value, json};
use spotify_web::auth::TokenAuthenticator;
use spotify_web::middleware::AuthMiddleware;
use spotify_web::model::{Page, SimplifiedTrack};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, Origin, SpotifyClient};

use crate::common::{ALBUM, TRACK};

#[tokio::test]
async fn a_raw_request_to_another_origin_is_refused_before_it_is_sent() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let port = fake.base_url().rsplit(':').next().unwrap().trim_end_matches("/v1/").to_owned();

    for foreign in [
        "https://api.spotify.com/v1/me",
        "https://api.spotify.com.evil.test/v1/me",
        "http://127.0.0.1:1/v1/me",
        "http://127.0.0.2/v1/me",
        &format!("https://127.0.0.1:{port}/v1/me"),
        &format!("http://user@127.0.0.1:{port}/v1/me"),
        "ftp://127.0.0.1/v1/me",
        "file:///etc/passwd",
        "data:text/plain,hello",
    ] {
        let error = spotify.get::<Value>(foreign).await.unwrap_err();
        assert!(matches!(error, Error::ForeignOrigin { .. }), "{foreign}: {error:?}");
    }
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn a_path_cannot_be_mistaken_for_a_url() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    for path in ["//evil.test/v1/me", "/\\evil.test/me", "\\\\evil.test", "/me", "me"] {
        // The fake knows none of them; what counts is that it was asked.
        spotify.get::<Value>(path).await.unwrap_err();
    }

    assert_eq!(fake.api_requests(), 5);
    assert!(fake.requests().iter().any(|request| request.path == "/v1/me"));
}

#[tokio::test]
async fn a_next_link_to_another_origin_is_refused() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let evil = json!({
        "href": null, "items": [], "limit": 50, "offset": 0, "previous": null, "total": 100,
        "next": "https://api.spotify.com.evil.test/v1/albums/x/tracks?offset=50",
    });

    fake.next_api(FakeResponse::json(200, &evil));
    let page: Page<SimplifiedTrack> = spotify.albums().tracks(ALBUM).await.unwrap();
    let error = spotify.next_page(&page).unwrap().await.unwrap_err();
    assert!(matches!(error, Error::ForeignOrigin { .. }), "{error:?}");

    fake.next_api(FakeResponse::json(200, &evil));
    let error = spotify.albums().tracks(ALBUM).all().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`https://api.spotify.com.evil.test` is not of the API's origin {}; nothing was sent there",
            fake.base_url().trim_end_matches("/v1/"),
        )
    );
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_not_followed() {
    let fake = FakeSpotify::start().await.unwrap();
    let other = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let elsewhere = format!("{}tracks/{TRACK}", other.base_url());

    for status in [301, 302, 307, 308] {
        fake.next_api(FakeResponse::status(status).with_header("location", &elsewhere));
        let error = spotify.tracks().get(TRACK).await.unwrap_err();
        assert_eq!(error.status().unwrap(), status);
        assert!(error.to_string().contains("redirects to another origin are not followed"));
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_of_a_token_request_takes_no_secret_along() {
    let fake = FakeSpotify::start().await.unwrap();
    let other = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    fake.next_token(FakeResponse::status(307).with_header("location", other.token_url()));
    spotify.tracks().get(TRACK).await.unwrap_err();

    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_on_the_origin_is_followed() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    fake.next_api(FakeResponse::status(307).with_header("location", format!("/v1/tracks/{TRACK}")));

    assert_eq!(spotify.tracks().get(TRACK).await.unwrap().name, "Cut To The Feeling");
}

/// With the redirect policy of a client that is not ours.
#[tokio::test]
async fn the_middleware_signs_nothing_for_another_origin() {
    let (fake, other) = (FakeSpotify::start().await.unwrap(), FakeSpotify::start().await.unwrap());
    let origin = fake.base_url().parse().unwrap();
    let client = ClientBuilder::new(fake.config().http_client().unwrap())
        .with(AuthMiddleware::new(TokenAuthenticator::new("secret"), origin))
        .build();

    client.get(other.base_url()).send().await.unwrap();
    client.get(fake.base_url()).send().await.unwrap();

    assert!(!other.requests()[0].authorized);
    assert!(fake.requests()[0].authorized);
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let origin: Origin = "https://api.spotify.com/v1".parse().unwrap();
    for (url, same) in [
        ("https://api.spotify.com/", true),
        ("https://api.spotify.com:443/x?y#z", true),
        ("https://API.spotify.com/", true),
        ("https://api.spotify.com:444/", false),
        ("http://api.spotify.com/", false),
        ("http://api.spotify.com:443/", false),
        ("https://api.spotify.com.evil.test/", false),
        ("https://evil.test/https://api.spotify.com/", false),
        ("https://api.spotify.com@evil.test/", false),
    ] {
        assert_eq!(origin.covers(&url.parse().unwrap()), same, "{url}");
    }
}
