//! Turns at the token endpoint: who waits for one keeps nobody else waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use spotify_web::auth::{
    AuthError, Authenticator, MemoryTokenStore, PkceAuthenticator, RefreshLock, Revision,
    StoreError, StoredToken, TokenCache, TokenCacheOptions, TokenKey, TokenSource, TokenStore,
};
use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient, OAuthConfig, Token};
use spotify_web::testing::FakeSpotify;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A token endpoint that takes connections and never responses, all of whose turns are taken.
struct Hanging {
    oauth: OAuthClient,
    connections: Arc<AtomicUsize>,
    requests: JoinSet<()>,
}

impl Hanging {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/token", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                open.push(connection);
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let oauth = OAuthClient::new(OAuthConfig::for_server(&url));
        let mut requests = JoinSet::new();
        for _ in 0..OAuthConfig::REQUESTS_AT_ONCE {
            let oauth = oauth.clone();
            requests.spawn(async move { drop(oauth.request_token(credentials()).await) });
        }
        wait_until(|| connections.load(Ordering::SeqCst) == OAuthConfig::REQUESTS_AT_ONCE).await;
        Self { oauth, connections, requests }
    }
}

fn credentials() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new("app", "a secret of the app")
}

async fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// In memory, counting how often its lock was obtained.
#[derive(Debug, Clone, Default)]
struct Counting {
    store: MemoryTokenStore,
    locks: Arc<AtomicUsize>,
}

#[async_trait]
impl TokenStore for Counting {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.store.load(key).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        self.store.save(key, token, replaces).await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.store.remove(key).await
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        let lock = self.store.lock(key).await;
        self.locks.fetch_add(1, Ordering::SeqCst);
        lock
    }
}

/// Another process, whose accounts service works.
#[derive(Debug)]
struct Other;

#[async_trait]
impl TokenSource for Other {
    async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
        Ok(Token::new("other", Duration::from_secs(3600)).with_refresh_token("R1"))
    }
}

#[tokio::test]
async fn a_server_that_hangs_takes_no_turn_of_another() {
    let (hanging, fake) = (Hanging::start().await, FakeSpotify::start().await.unwrap());

    let elsewhere = hanging.oauth.at(&fake.token_url());

    let token = elsewhere.request_token(credentials());
    let token = tokio::time::timeout(Duration::from_secs(20), token).await;
    assert!(token.is_ok(), "it waits for the other server's turns");
}

#[tokio::test]
async fn a_refresh_that_is_queued_lets_another_process_refresh() {
    let (mut hanging, store) = (Hanging::start().await, Counting::default());
    let key = TokenKey::new("app").with_user("anna");
    let queued = PkceAuthenticator::new("app").with_store(store.clone(), key.clone());
    queued.connect(&hanging.oauth).unwrap();
    // Expired, with a refresh token.
    let expired = Token::new("old", Duration::ZERO).with_refresh_token("R0");
    queued.log_in(expired).await.unwrap_err();
    let waiting = tokio::spawn({
        let queued = queued.clone();
        async move { queued.needs_login().await }
    });
    wait_until(|| store.locks.load(Ordering::SeqCst) == 1).await;

    let other = TokenCache::new(Other).with_store(store.clone(), key);
    assert_eq!(other.header().await.unwrap(), "Bearer other");

    // Its turn comes: the refresh token of before is not sent, and the other's token is used.
    hanging.requests.shutdown().await;
    assert!(!waiting.await.unwrap().unwrap());
    assert_eq!(hanging.connections.load(Ordering::SeqCst), OAuthConfig::REQUESTS_AT_ONCE);
}

/// Gives its request up while it is queued, and never ends.
#[derive(Debug)]
struct GivesUp(OAuthClient);

#[async_trait]
impl TokenSource for GivesUp {
    async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
        let request = self.0.request_token(credentials());
        let _ = tokio::time::timeout(Duration::from_millis(50), request).await;
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_source_that_gives_up_a_queued_request_is_limited_again() {
    let hanging = Hanging::start().await;
    let limit = Duration::from_millis(200);
    let options = TokenCacheOptions::default().with_timeout(limit);
    let cache = TokenCache::new(GivesUp(hanging.oauth.clone())).with_options(options);

    let error = cache.header().await.unwrap_err();

    assert!(matches!(error, AuthError::TimedOut { limit: it } if it == limit), "{error:?}");
}
