//! Every grant against a real OAuth server, through the public API alone.

use std::time::Duration;

use serde_json::json;
use spotify_web::auth::{
    AuthError, AuthorizationCodeAuthenticator, CredentialsAuthenticator, PkceAuthenticator,
    TokenCacheOptions,
};
use spotify_web::oauth::{
    AuthorizationCodeRequest, ClientCredentialsRequest, LoginError, OAuthErrorCode, RefreshRequest,
    Scope, Token,
};
use spotify_web::{Error, SpotifyClient};

use crate::common::{ManualClock, OAuthServer};

#[tokio::test]
async fn client_credentials_at_a_real_server() {
    let Some(server) = OAuthServer::start() else { return };
    let oauth = server.oauth();

    let token = oauth.request_token(credentials(OAuthServer::SECRET)).await.unwrap();
    let error = oauth.request_token(credentials("another-secret")).await.unwrap_err();

    assert_eq!(token.expires_in, Duration::from_secs(3600));
    assert!(token.refresh_token.is_none());
    assert_eq!(error.code(), Some(&OAuthErrorCode::InvalidClient));
    assert!(!error.is_transient());
}

/// An app's token is good, and acts for nobody.
#[tokio::test]
async fn an_app_without_a_user_at_a_real_server() {
    let Some(server) = OAuthServer::start() else { return };
    let authenticator =
        CredentialsAuthenticator::new(OAuthServer::CONFIDENTIAL, OAuthServer::SECRET);
    let spotify = SpotifyClient::new(server.config().with_authenticator(authenticator)).unwrap();

    let error = spotify.users().me().await.unwrap_err();

    assert_eq!(error.status().map(|status| status.as_u16()), Some(401), "{error:?}");
    let stats = server.stats().await;
    assert_eq!(stats.refused.len(), 0, "{stats:?}");
}

#[tokio::test]
async fn authorization_code_at_a_real_server() {
    let Some(server) = OAuthServer::start() else { return };
    let clock = ManualClock::new();
    let options = TokenCacheOptions::default().with_clock(clock.clone());
    let (id, secret) = (OAuthServer::CONFIDENTIAL, OAuthServer::SECRET);
    let authenticator = AuthorizationCodeAuthenticator::new(id, secret).with_options(options);
    let config = server.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config).unwrap();

    let pending = server.confidential_login().begin().unwrap();
    let code = pending.finish(&server.open(pending.url()).await).unwrap();
    let request = AuthorizationCodeRequest::confidential(id, secret, code);
    authenticator.log_in(server.oauth().request_token(request).await.unwrap()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(spotify.users().me().await.unwrap().id.as_str(), "wizzler");
        clock.advance(3600.0);
    }

    // The clock runs ahead of the server, so that each refresh is one too many, and good.
    let stats = server.stats().await;
    assert_eq!((stats.granted["refresh_token"], stats.rotations), (2, 0), "{stats:?}");
}

/// Each refresh token is good once.
#[tokio::test]
async fn pkce_with_rotation_at_a_real_server() {
    let Some(server) = OAuthServer::start() else { return };
    let clock = ManualClock::new();
    let options = TokenCacheOptions::default().with_clock(clock.clone());
    let authenticator = PkceAuthenticator::new(OAuthServer::PUBLIC).with_options(options);
    let config = server.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config).unwrap();
    authenticator.log_in(log_in(&server).await).await.unwrap();

    for _ in 0..10 {
        let (one, other) = tokio::join!(spotify.users().me().send(), spotify.users().me().send());
        assert_eq!(one.unwrap().id, other.unwrap().id);
        clock.advance(3600.0);
    }

    let stats = server.stats().await;
    assert_eq!((stats.rotations, stats.reused), (9, 0), "{stats:?}");
    assert_eq!(stats.refused.len(), 0, "{stats:?}");
}

/// So that a test which counts no reuse means something.
#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_the_login_at_a_real_server() {
    let Some(server) = OAuthServer::start() else { return };
    let oauth = server.oauth();
    let token = log_in(&server).await;
    let refresh = |token: &Token| {
        RefreshRequest::public(OAuthServer::PUBLIC, token.refresh_token.clone().unwrap())
    };

    let next = oauth.request_token(refresh(&token)).await.unwrap();
    let reused = oauth.request_token(refresh(&token)).await.unwrap_err();
    let ended = oauth.request_token(refresh(&next)).await.unwrap_err();

    for error in [reused, ended] {
        assert_eq!(error.code(), Some(&OAuthErrorCode::InvalidGrant), "{error:?}");
    }
    assert_eq!(server.stats().await.reused, 1);
}

#[tokio::test]
async fn a_login_whose_refresh_token_was_used_by_another_has_ended() {
    let Some(server) = OAuthServer::start() else { return };
    let clock = ManualClock::new();
    let options = TokenCacheOptions::default().with_clock(clock.clone());
    let authenticator = PkceAuthenticator::new(OAuthServer::PUBLIC).with_options(options);
    let config = server.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config).unwrap();
    let token = log_in(&server).await;
    let refresh_token = token.refresh_token.clone().unwrap();
    authenticator.log_in(token).await.unwrap();

    let stolen = RefreshRequest::public(OAuthServer::PUBLIC, refresh_token);
    server.oauth().request_token(stolen).await.unwrap();
    clock.advance(3600.0);
    let error = spotify.users().me().await.unwrap_err();

    let ended = matches!(&error, Error::Auth { source: AuthError::LoginEnded { .. }, .. });
    assert!(ended, "{error:?}");
}

#[tokio::test]
async fn what_a_real_server_refuses_at_its_login_page() {
    let Some(server) = OAuthServer::start() else { return };
    server.set_denies(true).await;
    let pending = server.login().begin().unwrap();
    let redirect = server.open(pending.url()).await;
    assert_eq!(pending.finish(&redirect).map(drop), Err(LoginError::Denied), "{redirect}");

    server.set_denies(false).await;
    let pending =
        server.login().with_scopes([Scope::UserReadEmail, Scope::Streaming]).begin().unwrap();
    let redirect = server.open(pending.url()).await;
    // A scope that it does not know is left out.
    let code = pending.finish(&redirect).unwrap();
    let request = AuthorizationCodeRequest::public(OAuthServer::PUBLIC, code);
    let token = server.oauth().request_token(request).await.unwrap();
    assert_eq!(token.scopes.unwrap(), ["user-read-email"]);
}

/// A code is good once, with its own verifier.
#[tokio::test]
async fn a_code_at_a_real_server_is_good_once_and_with_its_verifier() {
    let Some(server) = OAuthServer::start() else { return };
    let oauth = server.oauth();
    let (mine, other) = (server.login().begin().unwrap(), server.login().begin().unwrap());
    let redirect = server.open(mine.url()).await;
    let stolen = redirect.replace(mine.state(), other.state());
    let request = |pending: &spotify_web::oauth::PendingLogin, redirect: &str| {
        AuthorizationCodeRequest::public(OAuthServer::PUBLIC, pending.finish(redirect).unwrap())
    };

    let wrong_verifier = oauth.request_token(request(&other, &stolen)).await.unwrap_err();
    let redirect = server.open(mine.url()).await;
    oauth.request_token(request(&mine, &redirect)).await.unwrap();
    let twice = oauth.request_token(request(&mine, &redirect)).await.unwrap_err();

    for error in [wrong_verifier, twice] {
        assert_eq!(error.code(), Some(&OAuthErrorCode::InvalidGrant), "{error:?}");
    }
}

/// A token of a second really ends after one.
#[tokio::test]
async fn a_token_of_a_real_server_that_has_expired_is_replaced() {
    let Some(server) = OAuthServer::start() else { return };
    server.set_lifetime(1).await;
    let authenticator = PkceAuthenticator::new(OAuthServer::PUBLIC);
    let config = server.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config).unwrap();
    authenticator.log_in(log_in(&server).await).await.unwrap();

    while server.stats().await.rotations < 2 {
        spotify.users().me().await.unwrap();
    }

    assert_eq!(server.stats().await.reused, 0);
}

/// The response to a rotation is lost: what the token request is told is transient.
#[tokio::test]
async fn a_real_server_that_fails_or_hangs_up_is_transient() {
    let Some(server) = OAuthServer::start() else { return };
    for knob in ["fail", "lose"] {
        server.set(knob, json!(1)).await;
        let error = server.oauth().request_token(credentials(OAuthServer::SECRET)).await;
        assert!(error.unwrap_err().is_transient(), "{knob}");
    }
    server.set("hang_before", json!(30)).await;
    let config = server.config().with_token_timeout(Duration::from_millis(300));
    let oauth = spotify_web::oauth::OAuthClient::new(&config);
    let error = oauth.request_token(credentials(OAuthServer::SECRET)).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(server.stats().await.in_flight, 1, "it still hangs");
}

fn credentials(secret: &str) -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(OAuthServer::CONFIDENTIAL, secret)
}

/// The token of a user who logs in with PKCE and agrees.
async fn log_in(server: &OAuthServer) -> Token {
    let pending = server.login().begin().unwrap();
    let code = pending.finish(&server.open(pending.url()).await).unwrap();
    let request = AuthorizationCodeRequest::public(OAuthServer::PUBLIC, code);
    server.oauth().request_token(request).await.unwrap()
}
