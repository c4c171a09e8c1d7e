//! Callers that leave: P12 to P16.

use std::time::Duration;

use futures_util::FutureExt;
use spotify_web::SpotifyClient;
use spotify_web::auth::{
    AuthError, CredentialsAuthenticator, MemoryTokenStore, TokenCacheOptions, TokenKey, TokenStore,
};
use spotify_web::testing::FakeSpotify;

use crate::common::{
    ManualClock, Outcome, PausedTime, TRACK, cache, cache_with, settle, spawn_header, spawn_on,
    token,
};

/// P12, B9: dropping the first of three, which began the fetch.
#[tokio::test]
async fn a_caller_that_is_dropped_affects_nobody() {
    let (cache, source) = cache(&ManualClock::new());
    source.block();
    let callers: Vec<_> = (0..3).map(|_| spawn_header(&cache)).collect();
    settle().await;

    callers[0].abort();
    settle().await;
    source.release();

    for caller in callers.into_iter().skip(1) {
        assert_eq!(token(caller.await.unwrap()), "token-1");
    }
    assert_eq!(source.requests(), 1);
}

/// P12, B13: time-outs of callers are their own.
#[tokio::test(start_paused = true)]
async fn a_caller_that_times_out_does_not_end_the_fetch() {
    let (cache, source) = cache_with(TokenCacheOptions::default());
    source.block();

    for _ in 0..10 {
        let caller = tokio::time::timeout(Duration::from_millis(10), cache.header());
        assert!(caller.await.is_err());
    }
    source.release();
    settle().await;

    let polled = cache.header().now_or_never();
    assert_eq!(token(polled.expect("there by now")), "token-1");
    assert_eq!(source.requests(), 1);
}

/// P13, B10: all callers have left; the token is there for the next one all the same.
#[tokio::test]
async fn a_fetch_that_all_callers_left_ends_and_is_kept() {
    let (cache, source) = cache(&ManualClock::new());
    source.block();
    let caller = spawn_header(&cache);
    settle().await;
    caller.abort();
    settle().await;

    source.release();
    settle().await;

    let polled = cache.header().now_or_never();
    assert_eq!(token(polled.expect("there by now")), "token-1");
    assert_eq!(source.requests(), 1);
}

/// P14, B41: callers get an error, the next attempt starts anew.
#[tokio::test]
async fn a_source_that_panics_poisons_nothing() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    source.next(Outcome::Panic);

    let error = cache.header().await.unwrap_err();

    assert!(matches!(error, AuthError::SourcePanicked), "{error:?}");
    clock.advance(1.0);
    assert_eq!(token(cache.header().await), "token-2");
}

/// P14, B16: the runtime of the fetch is gone; another one takes over.
#[test]
fn a_runtime_that_shuts_down_does_not_take_the_cache_along() {
    let (cache, source) = cache(&ManualClock::new());
    source.block();
    let first = tokio::runtime::Runtime::new().unwrap();
    let second = tokio::runtime::Runtime::new().unwrap();
    let begun = spawn_on(&first, &cache);
    while source.requests() == 0 {
        std::thread::yield_now();
    }
    let waiting = spawn_on(&second, &cache);

    first.shutdown_background();
    // Until it is dropped, or the other runtime has begun anew.
    while source.in_flight() > 0 && source.requests() == 1 {
        std::thread::yield_now();
    }
    source.release();

    assert_eq!(token(second.block_on(waiting).unwrap()), "token-2");
    assert!(second.block_on(begun).is_err(), "was cancelled with its runtime");
    assert_eq!(source.most_in_flight(), 1);
}

/// P14: without any runtime there is an error, and nothing is left behind.
#[test]
fn without_a_runtime_there_is_a_typed_error() {
    let (cache, _) = cache(&ManualClock::new());

    let polled = cache.header().now_or_never();

    let error = polled.expect("no wait").unwrap_err();
    assert!(matches!(error, AuthError::NoRuntime), "{error:?}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(token(runtime.block_on(cache.header())), "token-1");
}

/// P15, B12: a source that never responds costs a time-out, and not the cache.
#[tokio::test(start_paused = true)]
async fn a_fetch_has_its_own_time_limit() {
    let options = TokenCacheOptions::default().with_max_wait(Duration::from_secs(60));
    let (cache, source) = cache_with(options.without_jitter());
    source.next(Outcome::Never);
    let begun = tokio::time::Instant::now();

    let error = cache.header().await.unwrap_err();

    assert!(matches!(error, AuthError::TimedOut { .. }), "{error:?}");
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(token(cache.header().await), "token-2");
}

/// P16: also while a fetch is under way.
#[tokio::test]
async fn dropping_the_last_clone_releases_the_source() {
    let (cache, source) = cache(&ManualClock::new());
    source.block();
    let caller = spawn_header(&cache);
    settle().await;
    caller.abort();
    drop(cache);
    settle().await;
    assert!(!source.is_released(), "the fetch in flight still needs it");

    source.release();
    settle().await;

    assert!(source.is_released());
}

/// P61: a program that blocks on one call after the other, on a runtime that does nothing in
/// between.
#[test]
fn a_refresh_ahead_of_expiry_ends_with_the_call_that_began_it() {
    let server = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let fake = server.block_on(FakeSpotify::start()).unwrap();
    let clock = ManualClock::new();
    let store = MemoryTokenStore::new();
    let authenticator = CredentialsAuthenticator::new("id", "secret")
        .with_options(TokenCacheOptions::default().with_clock(clock.clone()))
        .with_store(store.clone(), TokenKey::new("id"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let spotify = SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap();
    let call = || {
        runtime.block_on(async {
            // However long the machine takes for it.
            let _time = PausedTime::pause();
            spotify.tracks().get(TRACK).await.unwrap();
            tokio::time::resume();
        });
    };
    let kept = || server.block_on(store.load(&TokenKey::new("id"))).unwrap().unwrap().revision();
    call();
    let first = kept();

    clock.advance(3500.0);
    call();

    assert_ne!(kept(), first, "the new token is in the store when the runtime stands still");
    assert_eq!(fake.token_requests(), 2);
}
