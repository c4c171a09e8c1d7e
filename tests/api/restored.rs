//! Tokens that were found in a store, late in their lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use spotify_web::auth::{
    AuthError, MemoryTokenStore, StoredToken, TokenCache, TokenCacheOptions, TokenKey, TokenSource,
    TokenStore,
};
use spotify_web::oauth::Token;

#[derive(Debug, Default)]
struct Counting(AtomicUsize);

#[async_trait]
impl TokenSource for Counting {
    async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Token::new("new", Duration::from_secs(3600)))
    }
}

/// A token of an hour that is good for so many seconds more.
async fn restoring(left: u64) -> (TokenCache<Arc<Counting>>, Arc<Counting>) {
    let (store, key, source) =
        (MemoryTokenStore::new(), TokenKey::new("app"), Arc::<Counting>::default());
    let token = Token::new("old", Duration::from_secs(3600));
    let stored = StoredToken::new(token, SystemTime::now() + Duration::from_secs(left));
    store.save(&key, &stored, None).await.unwrap();
    let cache = TokenCache::new(Arc::clone(&source))
        .with_options(TokenCacheOptions::default().without_jitter())
        .with_store(store, key);
    (cache, source)
}

#[tokio::test]
async fn a_restored_token_is_not_handed_out_within_the_leeway_of_its_whole_life() {
    let (cache, source) = restoring(4).await;

    assert_eq!(cache.header().await.unwrap(), "Bearer new");
    assert_eq!(source.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_restored_token_is_refreshed_within_the_window_of_its_whole_life() {
    let (cache, source) = restoring(100).await;

    assert_eq!(cache.header().await.unwrap(), "Bearer old");
    cache.settle().await.unwrap();
    assert_eq!(cache.header().await.unwrap(), "Bearer new");
    assert_eq!(source.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_restored_token_that_is_young_is_left_alone() {
    let (cache, source) = restoring(1000).await;

    assert_eq!(cache.header().await.unwrap(), "Bearer old");
    cache.settle().await.unwrap();
    assert_eq!(cache.header().await.unwrap(), "Bearer old");
    assert_eq!(source.0.load(Ordering::SeqCst), 0);
}
