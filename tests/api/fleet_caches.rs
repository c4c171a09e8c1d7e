//! What the caches of many processes do that share a store, whichever it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use spotify_web::auth::{
    MemoryTokenStore, RefreshLock, Revision, StoreError, StoredToken, TokenCacheOptions, TokenKey,
    TokenStore,
};

use crate::common::{ManualClock, ScriptedSource, cache_with, settle};

/// F1, F2, F3: the window is 150 s, so that seven look in a second. Without jitter all do.
#[tokio::test]
async fn a_thousand_processes_look_for_a_new_token_at_moments_of_their_own() {
    let (clock, store) = (ManualClock::new(), CountingStore::default());
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
    let began = store.looks();

    clock.advance(3299.0);
    let mut most = 0;
    for _ in 0..160 {
        let before = store.looks();
        for cache in &caches {
            cache.header().await.unwrap();
        }
        settle().await;
        most = most.max(store.looks() - before);
        clock.advance(1.0);
    }

    assert!(most <= 30, "{most} in one second");
    assert_eq!(store.looks() - began, 1_000, "each of them once");
    assert_eq!(sources.iter().map(ScriptedSource::requests).sum::<usize>(), 2);
}

/// Counts how often somebody looks into it.
#[derive(Debug, Clone, Default)]
struct CountingStore {
    inner: MemoryTokenStore,
    looks: Arc<AtomicUsize>,
}

impl CountingStore {
    fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl TokenStore for CountingStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.inner.load(key).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        self.inner.save(key, token, replaces).await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.inner.remove(key).await
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        self.inner.lock(key).await
    }
}
