//! A runtime that is not driven, and one without a timer: P48, P58 and P61.

use std::time::Duration;

use futures_util::FutureExt;
use spotify_web::auth::{
    AuthError, CachedAuthenticator, Rejection, RejectionReason, TokenCache, TokenCacheOptions,
};
use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, timeout};

use super::{key, user};
use crate::common::{FailingStore, ManualClock, ScriptedSource, cache, cache_with, settle, token};

const HOUR: Duration = Duration::from_secs(3600);

/// P48, P58: a login was begun on a runtime that nobody drives any longer. Callers get its token,
/// and it is saved.
#[test]
fn a_login_that_an_idle_runtime_keeps_is_taken_over_by_a_caller() {
    for has_begun in [false, true] {
        let (store, idle, own) = (FailingStore::default(), paused_runtime(), paused_runtime());
        let cache = kept_login(&store, &idle, has_begun);

        own.block_on(served_within(Duration::from_secs(15), &cache));
        assert_eq!(token(own.block_on(cache.header())), "access of kept");
        own.block_on(async { cache.settle().await.unwrap() });
        assert_eq!(own.block_on(kept_in(&store)), "kept");
    }
}

/// P47, P58: the next login or log-out does not wait for it either, and it does not come back when
/// its runtime goes on.
#[test]
fn a_login_that_an_idle_runtime_keeps_holds_up_no_other() {
    for has_begun in [false, true] {
        let (store, idle, own) = (FailingStore::default(), paused_runtime(), paused_runtime());
        let cache = kept_login(&store, &idle, has_begun);

        own.block_on(within(Duration::from_secs(120), cache.log_in(user("new")))).unwrap();
        own.block_on(within(Duration::from_secs(120), cache.log_out())).unwrap();
        own.block_on(within(Duration::from_secs(120), cache.log_in(user("newer")))).unwrap();
        store.hang_loads(0);
        idle.block_on(async { tokio::time::sleep(HOUR / 2).await });

        assert_eq!(token(own.block_on(cache.header())), "access of newer");
        assert_eq!(own.block_on(kept_in(&store)), "newer");
    }
}

/// P53, P58: nor does the lock of the store stay with a fetch that nothing runs.
#[test]
fn a_store_lock_that_an_idle_runtime_keeps_is_released_by_who_waits() {
    let (store, idle, own) = (FailingStore::default(), paused_runtime(), paused_runtime());
    let (cache, source) = stored(&store);
    source.block();
    idle.block_on(async {
        cache.header().now_or_never();
        settle().await;
    });
    assert_eq!(source.requests(), 1, "it has the lock");
    source.release();

    own.block_on(async {
        served_within(Duration::from_secs(75), &cache).await;
        let (other, _) = stored(&store);
        assert_eq!(token(other.header().await), "token-2", "of the store, whose lock is free");
    });
}

/// P33, P49: a task that saves later ends with its runtime, or stands still with it; one on another
/// runtime goes on.
#[test]
fn what_a_runtime_leaves_unsaved_another_saves() {
    for (ends, settles) in [(true, false), (true, true), (false, false)] {
        let (store, long, short) = (FailingStore::default(), paused_runtime(), paused_runtime());
        let user_of = CachedAuthenticator::new(ScriptedSource::default());
        let user_of = user_of.with_store(store.clone(), key());
        let client = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
        client.for_user(user_of.clone()).unwrap();
        let cache = user_of.cache();
        store.fail_saves(usize::MAX);
        long.block_on(cache.log_in(user("kept"))).unwrap();
        short.block_on(cache.log_in(user("newer"))).unwrap();
        let idle = (!ends).then_some(short);
        long.block_on(async { tokio::time::sleep(HOUR).await });
        store.fail_saves(0);

        long.block_on(async {
            match settles {
                true => client.settle().await.unwrap(),
                false => tokio::time::sleep(Duration::from_secs(200)).await,
            }
        });

        assert_eq!(long.block_on(kept_in(&store)), "newer", "ends: {ends}, settles: {settles}");
        drop(idle);
    }
}

/// P14: every call is an error that says what is missing, and leaves nothing behind.
#[test]
fn a_runtime_without_a_timer_is_a_typed_error() {
    let (bare, whole) = (Builder::new_current_thread().build().unwrap(), paused_runtime());
    let store = FailingStore::default();
    let (cache, source) = stored(&store);

    let no_runtime = |error: AuthError| assert!(matches!(error, AuthError::NoRuntime), "{error:?}");
    no_runtime(bare.block_on(cache.header()).unwrap_err());
    no_runtime(bare.block_on(cache.log_in(user("new"))).unwrap_err());
    no_runtime(bare.block_on(cache.log_out()).unwrap_err());
    no_runtime(bare.block_on(cache.settle()).unwrap_err());
    assert_eq!(source.requests(), 0);

    let header = whole.block_on(cache.header()).unwrap();
    assert_eq!(bare.block_on(cache.header()).unwrap(), header, "a good token needs no timer");
    let rejection = Rejection::new(header, RejectionReason::Token);
    no_runtime(bare.block_on(cache.rejected(&rejection)).unwrap_err());
    assert_eq!(token(whole.block_on(cache.header())), "token-2");
    whole.block_on(cache.log_out()).unwrap();
}

/// P14: also where another runtime has begun what is waited for.
#[test]
fn a_runtime_without_a_timer_waits_for_no_other() {
    let (bare, whole) = (Builder::new_current_thread().build().unwrap(), paused_runtime());
    let (cache, source) = cache(&ManualClock::new());
    source.block();
    whole.block_on(async {
        cache.header().now_or_never();
        settle().await;
    });

    let error = bare.block_on(cache.header()).unwrap_err();
    assert!(matches!(error, AuthError::NoRuntime), "{error:?}");
    if let Some(unfinished) = cache.unfinished() {
        bare.block_on(unfinished);
    }

    source.release();
    assert_eq!(token(whole.block_on(cache.header())), "token-1");
}

/// A cache whose login an idle runtime has begun, and perhaps come to the store with.
fn kept_login(store: &FailingStore, idle: &Runtime, has_begun: bool) -> TokenCache<ScriptedSource> {
    let (cache, _) = stored(store);
    idle.block_on(async {
        store.hang_loads(usize::from(has_begun));
        assert!(cache.log_in(user("kept")).now_or_never().is_none());
        if has_begun {
            settle().await;
        }
    });
    cache
}

/// Callers ask again and again.
async fn served_within(limit: Duration, cache: &TokenCache<ScriptedSource>) {
    let begun = Instant::now();
    while let Err(error) = cache.header().await {
        assert!(begun.elapsed() < limit, "{error:?} after {:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    timeout(limit, work).await.expect("it waits for the idle runtime")
}

async fn kept_in(store: &FailingStore) -> String {
    store.refresh_token(&key()).await.unwrap()
}

fn stored(store: &FailingStore) -> (TokenCache<ScriptedSource>, ScriptedSource) {
    let (cache, source) = cache_with(TokenCacheOptions::default().without_jitter());
    (cache.with_store(store.clone(), key()), source)
}

fn paused_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}
