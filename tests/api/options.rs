//! Each option is heeded: a test per option that fails when it is ignored, and nothing has an empty
//! `Debug`.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spotify_web::api::{CallReport, PlaylistDetails, PlaylistReorder, StartPlayback};
use spotify_web::auth::{
    CredentialsAuthenticator, FileTokenStore, MemoryTokenStore, PkceAuthenticator,
    TokenAuthenticator, TokenCacheOptions, TokenKey,
};
use spotify_web::login::SignIn;
use spotify_web::middleware::{
    AuthMiddleware, RateLimitOptions, RateLimiter, RetryMiddleware, RetryOptions,
};
use spotify_web::oauth::{Login, OAuthClient, OAuthConfig, TokenForm};
use spotify_web::testing::{FakeLimit, FakeResponse, FakeSpotify, FaultProxy};
use spotify_web::{Backoff, Error, SpotifyClient};

use crate::common::{ALBUM, PLAYLIST, PausedTime, TRACK};

/// A client with these retries and no limiter, and the report of its last call.
async fn client(
    retries: RetryOptions,
) -> (FakeSpotify, SpotifyClient, Arc<Mutex<Vec<CallReport>>>) {
    let fake = FakeSpotify::start().await.unwrap();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&reports);
    let config = fake.config_with_credentials().with_retries(retries).without_rate_limiter();
    let config = config.with_observer(move |report| log.lock().unwrap().push(report.clone()));
    (fake, SpotifyClient::new(config).unwrap(), reports)
}

/// A random part of each step: three of an hour are longer than all of the default together, and
/// three of a millisecond are shorter.
#[tokio::test]
async fn the_pauses_of_retries_are_those_of_their_back_off() {
    let time = PausedTime::pause();
    for (step, least, most) in [(3_600_000, 10_000, 3 * 3_600_000), (1, 0, 60)] {
        let step = Duration::from_millis(step);
        let backoff = Backoff::new(step, 1.0, step).unwrap();
        let (fake, spotify, reports) = client(RetryOptions::default().with_backoff(backoff)).await;
        for _ in 0..3 {
            fake.next(503);
        }

        let request = spotify.tracks().get(TRACK);
        let call = tokio::spawn(async move { request.await.map(drop) });
        time.run_by(step.max(Duration::from_millis(20)) / 20, call).await.unwrap();

        let waited = reports.lock().unwrap()[0].waited.as_millis();
        assert!((least..=most).contains(&waited), "{step:?}: {waited} ms");
    }
}

#[tokio::test]
async fn the_budget_of_retries_grows_by_its_share() {
    let step = Duration::from_millis(1);
    let backoff = Backoff::new(step, 1.0, step).unwrap();
    for (share, retries) in [(0.0, 10), (0.5, 20), (1.0, 30)] {
        let options = RetryOptions::default().with_backoff(backoff).with_share(share);
        let (fake, spotify, _) = client(options).await;
        for _ in 0..20 {
            for _ in 0..4 {
                fake.next(500);
            }
            spotify.tracks().get(TRACK).await.unwrap_err();
            // What the budget left over.
            while spotify.tracks().get(TRACK).retries(0).await.is_err() {}
        }
        let made = spotify.stats().retries;
        // The requests that clear up pay for retries as well.
        assert!((retries..=retries + 60).contains(&made), "{share}: {made}");
        assert!(share > 0.0 || made == 10, "{share}: {made}");
    }
}

/// All waits of a call together.
#[tokio::test]
async fn a_call_waits_for_retry_after_within_max_wait() {
    let time = PausedTime::pause();
    let options = RetryOptions::default().with_max_wait(Duration::from_secs(10));
    let (fake, spotify, reports) = client(options).await;
    for _ in 0..2 {
        fake.next_api(FakeResponse::status(429).with_header("retry-after", "6"));
    }

    let request = spotify.tracks().get(TRACK);
    let error = time.run(tokio::spawn(async move { request.await })).await.unwrap_err();

    assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(6)));
    assert_eq!(reports.lock().unwrap()[0].waited.as_secs(), 6);
    assert_eq!(fake.api_requests(), 2);
}

#[tokio::test]
async fn debug_of_everything_says_what_it_is() {
    let fake = FakeSpotify::start().await.unwrap();
    let proxy = FaultProxy::start(&fake, 1).await.unwrap();
    let config = fake.config_with_credentials();
    let spotify = SpotifyClient::new(config.clone()).unwrap();
    let origin = "https://api.spotify.com".parse().unwrap();
    let login = Login::pkce("id", "http://127.0.0.1:8888/callback");
    let shown: &[(&str, &dyn Debug)] = &[
        ("SpotifyClientConfig", &config),
        ("SpotifyClient", &spotify),
        ("Request", &spotify.tracks().get(TRACK)),
        ("RateLimiter", &RateLimiter::default()),
        ("RateLimitOptions", &RateLimitOptions::default()),
        ("RetryMiddleware", &RetryMiddleware::default()),
        ("RetryOptions", &RetryOptions::default()),
        ("AuthMiddleware", &AuthMiddleware::new(TokenAuthenticator::new("x"), origin)),
        ("CredentialsAuthenticator", &CredentialsAuthenticator::new("id", "x")),
        ("PkceAuthenticator", &PkceAuthenticator::new("id")),
        ("TokenAuthenticator", &TokenAuthenticator::new("x")),
        ("TokenCacheOptions", &TokenCacheOptions::default()),
        ("FileTokenStore", &FileTokenStore::new("x")),
        ("MemoryTokenStore", &MemoryTokenStore::new()),
        ("TokenKey", &TokenKey::new("id")),
        ("OAuthClient", &OAuthClient::new(&config)),
        ("OAuthConfig", &OAuthConfig::from(&config)),
        ("TokenForm", &TokenForm::new("refresh_token")),
        ("PendingLogin", &login.begin().unwrap()),
        ("SignIn", &SignIn::new(login.clone())),
        ("Login", &login),
        ("FakeSpotify", &fake),
        ("FaultProxy", &proxy),
        ("FakeResponse", &FakeResponse::hang_up()),
        ("FakeLimit", &FakeLimit::rolling(1, Duration::from_secs(1))),
        ("Backoff", &Backoff::default()),
        ("StartPlayback", &StartPlayback::resume()),
        ("PlaylistDetails", &PlaylistDetails::new()),
        ("PlaylistReorder", &PlaylistReorder::new(1, 0)),
        ("All", &spotify.albums().tracks(ALBUM).all()),
        ("ItemStream", &spotify.playlists().items(PLAYLIST).stream()),
        ("EntryStream", &spotify.playlists().items(PLAYLIST).entries()),
        ("PageStream", &spotify.playlists().items(PLAYLIST).pages()),
    ];
    for (name, value) in shown {
        let text = format!("{value:?}");
        assert!(text.starts_with(name), "{name}: {text}");
    }
}
