//! What ends by itself, and what ends a wait: P59, P60 and P62.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use serde_json::json;
use spotify_web::SpotifyClient;
use spotify_web::auth::{
    AuthError, CredentialsAuthenticator, PkceAuthenticator, TokenCache, TokenCacheOptions,
    TokenSource,
};
use spotify_web::oauth::{OAuthError, Token};
use spotify_web::testing::{FakeResponse, FakeSpotify};

use crate::common::{ManualClock, Outcome, TRACK, cache, cache_with, plain, token};

/// P59: whatever its length, and whether a token was there when it began. Callers ask four times a
/// second, with the default jitter.
#[tokio::test]
async fn within_ten_seconds_of_the_end_of_an_outage_callers_are_served() {
    #[derive(Debug, Default)]
    struct Down(AtomicBool);

    #[async_trait]
    impl TokenSource for Down {
        async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
            match self.0.load(Ordering::SeqCst) {
                true => Err(unavailable(None)),
                false => Ok(Token::new(format!("{}", fastrand::u64(..)), Duration::from_secs(60))),
            }
        }
    }

    for outage in [1.0, 3.0, 10.0, 30.0, 61.0, 300.0, 3000.0] {
        for has_token in [false, true] {
            let (clock, source) = (ManualClock::new(), Arc::new(Down::default()));
            let options = TokenCacheOptions::default().with_clock(clock.clone());
            let cache = TokenCache::new(Arc::clone(&source)).with_options(options);
            if has_token {
                cache.header().await.unwrap();
            }
            source.0.store(true, Ordering::SeqCst);
            let mut seconds = 0.0;
            while seconds < outage {
                let _ = cache.header().await;
                clock.advance(0.25);
                seconds += 0.25;
            }
            source.0.store(false, Ordering::SeqCst);
            let mut waited = 0.0;
            while cache.header().await.is_err() {
                clock.advance(0.25);
                waited += 0.25;
                assert!(waited <= 10.0, "{waited} s after {outage} s, token: {has_token}");
            }
        }
    }
}

/// P60: ten minutes by default, or as it is set.
#[tokio::test]
async fn a_retry_after_of_a_day_is_bounded() {
    let day = Duration::from_secs(86_400);
    for (bound, seconds) in [(None, 600.0), (Some(5), 5.0), (Some(1_000_000), 86_400.0)] {
        let clock = ManualClock::new();
        let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
        let options = match bound {
            Some(bound) => options.with_max_retry_after(Duration::from_secs(bound)),
            None => options,
        };
        let (cache, source) = cache_with(options);
        source.next(Outcome::Fail(unavailable(Some(day))));
        cache.header().await.unwrap_err();

        clock.advance(seconds - 0.1);
        cache.header().await.unwrap_err();
        assert_eq!(source.requests(), 1);
        clock.advance(0.2);

        assert_eq!(token(cache.header().await), "token-2");
    }
}

/// P60: a way out for a caller who knows better.
#[tokio::test]
async fn reset_ends_the_wait_that_the_accounts_service_asked_for() {
    let fake = FakeSpotify::start().await.unwrap();
    let busy =
        FakeResponse::json(429, &json!({"error": "busy"})).with_header("retry-after", "86400");
    fake.next_token(busy);
    let (spotify, authenticator, _) = client(&fake);
    for _ in 0..3 {
        spotify.tracks().get(TRACK).await.unwrap_err();
    }
    assert_eq!(fake.token_requests(), 1);

    authenticator.reset();

    spotify.tracks().get(TRACK).await.unwrap();
}

/// P62: an app's own token has no login that could end.
#[tokio::test]
async fn invalid_grant_without_a_user_heals_after_a_minute() {
    let fake = FakeSpotify::start().await.unwrap();
    fake.next_token(invalid_grant());
    let (spotify, _, clock) = client(&fake);

    for seconds in [0.0, 59.0] {
        clock.advance(seconds);
        let error = spotify.tracks().get(TRACK).await.unwrap_err();
        let spotify_web::Error::Auth { source, .. } = &error else { panic!("{error:?}") };
        assert!(!source.needs_login() && !source.is_transient(), "{source:?}");
        assert!(!error.to_line().contains("log in"), "{}", error.to_line());
    }
    assert_eq!(fake.token_requests(), 1);
    clock.advance(1.0);

    spotify.tracks().get(TRACK).await.unwrap();
}

/// P62: also from a source of the user's own that uses `?`.
#[tokio::test]
async fn invalid_grant_of_a_source_without_a_refresh_token_heals_too() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let refused = OAuthError::Rejected {
        status: StatusCode::BAD_REQUEST,
        code: spotify_web::oauth::OAuthErrorCode::InvalidGrant,
        description: None,
        retry_after: None,
    };
    source.next(Outcome::Fail(refused.into()));

    let error = cache.header().await.unwrap_err();
    assert!(!error.needs_login(), "{error:?}");
    clock.advance(60.0);
    assert_eq!(token(cache.header().await), "token-2");
}

/// P20, P38: a server that is in trouble does not decide about a login, whatever it writes.
#[tokio::test]
async fn invalid_grant_of_a_server_in_trouble_ends_no_login() {
    for status in [500, 502, 503, 504, 429, 408] {
        let fake = FakeSpotify::start().await.unwrap();
        let (user, clock) = logged_in().await;
        SpotifyClient::new(plain(&fake).with_authenticator(user.clone())).unwrap();
        let body = json!({"error": "invalid_grant", "error_description": "no"});
        fake.next_token(FakeResponse::json(status, &body));
        fake.next_token(good());

        let error = user.needs_login().await.expect_err("no login has ended");
        assert!(error.is_transient() && !error.needs_login(), "{status}: {error:?}");
        clock.advance(10.0);

        assert!(!user.needs_login().await.unwrap(), "{status}");
        assert_eq!(fake.token_requests(), 2);
    }
}

/// Connecting helps at once.
#[tokio::test]
async fn an_authenticator_that_was_not_connected_is_not_held_back_afterwards() {
    let fake = FakeSpotify::start().await.unwrap();
    let (user, _) = logged_in().await;
    let error = user.needs_login().await.unwrap_err();
    assert!(matches!(error, AuthError::NotConnected), "{error:?}");

    SpotifyClient::new(plain(&fake).with_authenticator(user.clone())).unwrap();
    fake.next_token(good());

    assert!(!user.needs_login().await.unwrap());
    assert_eq!(fake.token_requests(), 1);
}

/// A user whose access token has expired, with a client that is not built yet.
async fn logged_in() -> (PkceAuthenticator, ManualClock) {
    let clock = ManualClock::new();
    let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
    let user = PkceAuthenticator::new("app").with_options(options);
    let expired = Token::new("expired", Duration::ZERO).with_refresh_token("r");
    user.log_in(expired).await.unwrap_err();
    (user, clock)
}

fn good() -> FakeResponse {
    FakeResponse::json(
        200,
        &json!({"access_token": "a", "token_type": "Bearer", "expires_in": 3600}),
    )
}

fn client(fake: &FakeSpotify) -> (SpotifyClient, CredentialsAuthenticator, ManualClock) {
    let clock = ManualClock::new();
    let options = TokenCacheOptions::default().with_clock(clock.clone());
    let authenticator = CredentialsAuthenticator::new("id", "secret").with_options(options);
    let config = plain(fake).with_authenticator(authenticator.clone());
    (SpotifyClient::new(config).unwrap(), authenticator, clock)
}

fn invalid_grant() -> FakeResponse {
    FakeResponse::json(400, &json!({"error": "invalid_grant", "error_description": "no"}))
}

fn unavailable(retry_after: Option<Duration>) -> AuthError {
    OAuthError::Status { status: StatusCode::SERVICE_UNAVAILABLE, retry_after, unread: None }.into()
}
