//! What the caches of many processes do that share a store, whichever it is.

use spotify_web::auth::{TokenCacheOptions, TokenKey};

use crate::common::{FailingStore, ManualClock, ScriptedSource, cache_with, settle};

/// F1, F2, F3: the window is 150 s, so that seven look in a second. Without jitter all do.
#[tokio::test]
async fn a_thousand_processes_look_for_a_new_token_at_moments_of_their_own() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let options = TokenCacheOptions::default().with_clock(clock.clone());
    let (caches, sources): (Vec<_>, Vec<_>) = (0..1_000)
        .map(|_| {
            let (cache, source) = cache_with(options.clone());
            (cache.with_store(store.clone(), TokenKey::new("app")), source)
        })
        .unzip();
    for cache in &caches {
        cache.header().await.unwrap();
    }
    let began = store.loads();

    clock.advance(3299.0);
    let mut most = 0;
    for _ in 0..160 {
        let before = store.loads();
        for cache in &caches {
            cache.header().await.unwrap();
        }
        settle().await;
        most = most.max(store.loads() - before);
        clock.advance(1.0);
    }

    assert!(most <= 30, "{most} in one second");
    assert_eq!(store.loads() - began, 1_000, "each of them once");
    assert_eq!(sources.iter().map(ScriptedSource::requests).sum::<usize>(), 2);
}
