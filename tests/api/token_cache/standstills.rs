//! A process that stood still, and a runtime that fails one caller: P14, P57 and P58.

use std::sync::Arc;
use std::time::Duration;

use spotify_web::auth::{AuthError, StoreError, TokenCache, TokenCacheOptions};
use spotify_web::oauth::Token;

use crate::common::{
    Caller, FailingStore, ManualClock, Outcome, ScriptedSource, cache, cache_with, settle,
    spawn_header, token,
};

/// P57: the time limits passed while the process was stopped, whether just so or long ago. What
/// came meanwhile is taken over, and nothing is sent a second time.
#[tokio::test(start_paused = true)]
async fn a_refresh_outlives_a_process_that_was_stopped() {
    let around_a_limit = |end: u64| (end - 4000..end + 6000).step_by(100);
    let any = [5_000, 45_000, 90_000, 4_000_000];
    for stopped in around_a_limit(30_000)
        .chain(around_a_limit(60_000))
        .chain(around_a_limit(120_000))
        .chain(any)
    {
        for is_stored in [false, true] {
            let clock = ManualClock::new();
            let (mut cache, source) = cache(&clock);
            if is_stored {
                let key = spotify_web::auth::TokenKey::new("app");
                cache = cache.with_store(FailingStore::default(), key);
            }
            let waiting = begin_refresh(&cache, &source, &clock).await;
            settle().await;
            assert_eq!(source.in_flight(), 1);

            tokio::time::advance(Duration::from_millis(stopped)).await;
            // The response is read a moment after the process goes on.
            tokio::time::sleep(Duration::from_millis(900)).await;
            source.release();

            let what = format!("{stopped} ms, stored: {is_stored}");
            assert_eq!(token(waiting.await.unwrap()), "new", "{what}");
            assert_eq!(source.previous(), [Some("r0".to_owned())], "{what}");
            assert_eq!(cache.stats().failures, 0, "{what}");
        }
    }
}

/// P57: also when the process was stopped only in the last moment of a limit.
#[tokio::test(start_paused = true)]
async fn a_refresh_outlives_a_stop_at_the_end_of_a_limit() {
    for limit in [30_000, 60_000] {
        for before in (100..2500).step_by(300) {
            for after in (250..3000).step_by(150) {
                let clock = ManualClock::new();
                let (cache, source) = cache(&clock);
                // Its caller waits for no longer than ten seconds; the request goes on.
                let waiting = begin_refresh(&cache, &source, &clock).await;
                tokio::time::sleep(Duration::from_millis(limit - before)).await;

                tokio::time::advance(Duration::from_millis(before + after)).await;
                tokio::time::sleep(Duration::from_millis(40)).await;
                source.release();
                settle().await;

                let what = format!("{before} ms before {limit} to {after} ms after");
                assert_eq!(token(cache.header().await), "new", "{what}");
                assert_eq!(source.previous(), [Some("r0".to_owned())], "{what}");
                drop(waiting);
            }
        }
    }
}

/// P14: what one caller's runtime lacks is no error of those who waited for its fetch.
#[tokio::test]
async fn who_waits_for_a_fetch_on_a_runtime_that_lacks_something_gets_a_fetch_of_their_own() {
    for error in [
        AuthError::NoIo,
        AuthError::NoRuntime,
        AuthError::Store { source: Arc::new(StoreError::NoIo), retry_in: None },
    ] {
        let (cache, source) = cache_with(TokenCacheOptions::default());
        source.next(Outcome::Fail(error));
        source.block();
        let first = spawn_header(&cache);
        settle().await;
        let others = [spawn_header(&cache), spawn_header(&cache)];
        settle().await;
        source.release();

        first.await.unwrap().unwrap_err();
        for other in others {
            assert_eq!(token(other.await.unwrap()), "token-2");
        }
        assert_eq!(source.requests(), 2);
    }
}

/// A call whose refresh is under way until the source is released.
async fn begin_refresh(
    cache: &TokenCache<ScriptedSource>,
    source: &ScriptedSource,
    clock: &ManualClock,
) -> Caller {
    let login = Token::new("old", Duration::from_secs(3600)).with_refresh_token("r0");
    cache.log_in(login).await.unwrap();
    clock.advance(3600.0);
    let next = Token::new("new", Duration::from_secs(36_000)).with_refresh_token("r1");
    source.next(Outcome::Token(next));
    source.block();
    spawn_header(cache)
}
