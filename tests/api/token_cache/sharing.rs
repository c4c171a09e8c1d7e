//! Sharing, events and code of other people's: P41 to P43.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use reqwest::header::HeaderValue;
use spotify_web::auth::{
    AuthError, Clock, Now, SystemClock, TokenCache, TokenCacheOptions, TokenEventKind, TokenSource,
};
use spotify_web::oauth::Token;

use crate::common::{ManualClock, Outcome, ScriptedSource, cache_with, rejected, settle, token};

/// P41: also what a clone learns later.
#[tokio::test]
async fn all_clones_share_one_token() {
    let (cache, source) = cache_with(TokenCacheOptions::default());
    let clone = cache.clone();

    let (a, b) = (cache.header().await.unwrap(), clone.header().await.unwrap());
    rejected(&clone, &a).await;

    assert_eq!(a, b);
    assert_eq!(token(cache.header().await), "token-2");
    assert_eq!(source.requests(), 2);
}

/// P42: the listener uses the cache from within.
#[tokio::test]
async fn a_listener_may_use_the_client() {
    let own: Arc<OnceLock<TokenCache<ScriptedSource>>> = Arc::default();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let (inner, log) = (Arc::clone(&own), Arc::clone(&heard));
    let options = TokenCacheOptions::default().with_listener(move |_| {
        let cache = inner.get().unwrap();
        cache.stats();
        log.lock().unwrap().push(token(cache.header().now_or_never().expect("no wait")));
    });
    let (cache, _) = cache_with(options);
    own.set(cache.clone()).unwrap();

    assert_eq!(token(cache.header().await), "token-1");
    cache.settle().await.unwrap();

    assert_eq!(*heard.lock().unwrap(), ["token-1"]);
}

/// P42, B40: the source uses the cache that asks it; it gets an error or the old token.
#[tokio::test]
async fn a_source_that_asks_its_own_cache_does_not_hang() {
    #[derive(Debug, Default)]
    struct Circular {
        own: OnceLock<TokenCache<Arc<Self>>>,
        got: Mutex<Vec<Result<HeaderValue, AuthError>>>,
    }

    #[async_trait]
    impl TokenSource for Circular {
        async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
            let got = self.own.get().unwrap().header().await;
            self.got.lock().unwrap().push(got);
            Ok(Token::new("token", Duration::from_secs(3600)))
        }
    }

    let clock = ManualClock::new();
    let options = TokenCacheOptions::default().with_clock(clock.clone());
    let source = Arc::new(Circular::default());
    let cache = TokenCache::new(Arc::clone(&source)).with_options(options);
    source.own.set(cache.clone()).unwrap();

    assert_eq!(token(cache.header().await), "token");
    clock.advance(3500.0);
    cache.header().await.unwrap();
    settle().await;

    let got = source.got.lock().unwrap();
    assert!(matches!(got[0], Err(AuthError::WithinFetch)), "{got:?}");
    assert_eq!(got[1].as_ref().unwrap(), "Bearer token");
}

/// P43: a clock and a listener that block one caller for ever block no other.
#[test]
fn no_lock_is_held_over_the_code_of_others() {
    #[derive(Debug)]
    struct Reentrant(Arc<OnceLock<TokenCache<ScriptedSource>>>);

    impl Clock for Reentrant {
        fn now(&self) -> Now {
            // Takes the lock of the state: a deadlock, were it held by the caller.
            self.0.get().map(TokenCache::stats);
            SystemClock::default().now()
        }
    }

    let own = Arc::new(OnceLock::new());
    let (cache, _) =
        cache_with(TokenCacheOptions::default().with_clock(Reentrant(Arc::clone(&own))));
    own.set(cache.clone()).unwrap();

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let header = runtime.block_on(cache.header()).unwrap();
    runtime.block_on(rejected(&cache, &header));
    assert_eq!(token(runtime.block_on(cache.header())), "token-2");
}

#[tokio::test]
async fn events_tell_what_happened_and_when_it_is_tried_again() {
    let clock = ManualClock::new();
    let events: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&events);
    let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
    let options = options.with_listener(move |event| {
        log.lock().unwrap().push(match &event.kind {
            TokenEventKind::Refreshed { expires_in } => format!("refreshed, {expires_in:?}"),
            TokenEventKind::RefreshFailed { error, retry_in } => format!("{error}, {retry_in:?}"),
            TokenEventKind::PermanentlyFailed { error, retry_in } => {
                format!("{error}, {retry_in:?}")
            }
            other => format!("{other:?}"),
        });
    });
    let (cache, source) = cache_with(options);
    source.next(Outcome::Fail(AuthError::custom("down", "refused")));
    source.next(Outcome::Panic);
    source.next(Outcome::Fail(AuthError::permanent("wrong")));
    for pause in [1.0, 2.0, 60.0, 0.0] {
        let _ = cache.header().await;
        clock.advance(pause);
    }

    cache.settle().await.unwrap();

    assert_eq!(
        *events.lock().unwrap(),
        [
            "down, 1s",
            "the token source or its store panicked; the next attempt starts anew, 2s",
            "wrong, 60s",
            "refreshed, 3595s",
        ]
    );
    let stats = cache.stats();
    assert_eq!((stats.requests, stats.refreshes, stats.failures), (4, 1, 3));
}

#[tokio::test]
async fn a_listener_that_panics_harms_nothing() {
    let options = TokenCacheOptions::default().with_listener(|_| panic!("as scripted"));
    let (cache, source) = cache_with(options);
    source.next(Outcome::Panic);

    assert!(cache.header().await.is_err());
    cache.reset();

    assert_eq!(token(cache.header().await), "token-2");
}

/// B15: built and first used in a scope that is gone when it is refreshed.
#[test]
fn a_cache_is_not_bound_to_where_it_was_built() {
    let clock = ManualClock::new();
    let options = TokenCacheOptions::default().with_clock(clock.clone());
    let (cache, source) = {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _guard = runtime.enter();
        let (cache, source) = cache_with(options);
        runtime.block_on(cache.header()).unwrap();
        (cache, source)
    };

    clock.advance(3600.0);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(token(runtime.block_on(cache.header())), "token-2");
    assert_eq!(source.requests(), 2);
}
