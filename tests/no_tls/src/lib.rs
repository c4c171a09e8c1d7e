//! Without a TLS feature: typed errors that say so, before anything is sent.

#![cfg(test)]

use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::fleet::RedisFleet;
use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient, OAuthConfig, OAuthError};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};

#[test]
fn a_client_for_https_says_that_it_needs_tls() {
    let error = SpotifyClient::new(SpotifyClientConfig::default().with_token("token")).unwrap_err();

    assert!(matches!(error, Error::Config { option: "base URL", .. }), "{error:?}");
    assert!(error.to_string().contains("enable the feature `rustls-aws-lc-rs`"), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_token_request_for_https_says_that_it_needs_tls() {
    let of_config = OAuthClient::new(&SpotifyClientConfig::default());
    let by_hand = OAuthClient::new(OAuthConfig::for_server("https://id.example.test/token"));
    let elsewhere = OAuthClient::new(OAuthConfig::for_server("http://127.0.0.1:1/token"));
    let elsewhere = elsewhere.at("https://id.example.test/token");
    for client in [of_config, by_hand, elsewhere] {
        let request = ClientCredentialsRequest::new("id", "secret");
        let error = client.request_token(request).await.unwrap_err();
        assert!(matches!(error, OAuthError::Input { name: "token URL", .. }), "{error:?}");
        assert!(error.to_string().contains("needs TLS"), "{error}");
        assert!(!error.is_transient());
    }
}

/// The API on loopback, the accounts service by HTTPS: the client says it.
#[test]
fn a_client_whose_token_needs_tls_says_so() {
    let config = SpotifyClientConfig::default().with_base_url("http://127.0.0.1:1/");
    let config = config.with_authenticator(CredentialsAuthenticator::new("id", "secret"));

    let error = SpotifyClient::new(config).unwrap_err();

    assert!(error.to_line().contains("needs TLS"), "{}", error.to_line());
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_fleet_behind_tls_says_that_it_needs_tls() {
    for scheme in ["rediss", "valkeys", "rediss+cluster", "rediss+sentinel"] {
        let error = RedisFleet::new(format!("{scheme}://localhost/0")).check().await.unwrap_err();
        assert!(error.to_string().contains("needs TLS; enable the feature"), "{error}");
        assert!(!error.is_transient());
    }
}

/// An HTTP client of the user's own is taken as it is.
#[test]
fn a_client_of_the_users_own_needs_no_feature() {
    let http = SpotifyClientConfig::default().http_client().unwrap();
    let config = SpotifyClientConfig::default().with_http_client(http).with_token("token");
    SpotifyClient::new(config).unwrap();
}

#[tokio::test]
async fn plain_http_to_loopback_needs_no_tls() {
    let config = SpotifyClientConfig::default().with_base_url("http://127.0.0.1:1/");
    let spotify = SpotifyClient::new(config.with_token("token").without_retries()).unwrap();

    let error = spotify.get::<()>("x").await.unwrap_err();

    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert!(error.is_transient());
}
