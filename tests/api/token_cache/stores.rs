//! Refresh tokens and stores: P31 to P38.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use parking_lot::Mutex;
use reqwest::StatusCode;
use spotify_web::auth::{
    AuthError, MemoryTokenStore, RefreshLock, Revision, StoreError, StoredToken, TokenCache,
    TokenCacheOptions, TokenEvent, TokenEventKind, TokenKey, TokenSource, TokenStore,
};
use spotify_web::oauth::{OAuthError, OAuthErrorCode, Token};

use crate::common::{
    ManualClock, Outcome, ScriptedSource, cache_with, put, rejected, settle, spawn_header, token,
};

const HOUR: Duration = Duration::from_secs(3600);

/// P31, B28: a new one wins, a missing or empty one leaves the old.
#[tokio::test]
async fn a_response_without_refresh_token_leaves_the_old_one() {
    let clock = ManualClock::new();
    let (cache, source) = stored_cache(&clock, &MemoryTokenStore::new());
    source.next(Outcome::Token(Token::new("a", HOUR).with_refresh_token("r1").with_scopes(["s"])));
    source.next(Outcome::Token(Token::new("b", HOUR)));
    source.next(Outcome::Token(Token::new("c", HOUR).with_refresh_token("r2")));
    for _ in 0..5 {
        cache.header().await.unwrap();
        clock.advance(3600.0);
    }

    let sent = source.previous();
    let expected = [None, Some("r1"), Some("r1"), Some("r2"), Some("r2")];
    assert_eq!(sent, expected.map(|it| it.map(str::to_owned)));
}

/// P32, B31: the store has it before any caller does.
#[tokio::test]
async fn a_token_is_saved_before_it_is_handed_out() {
    let store = TestStore::default();
    let (cache, _) = stored_cache(&ManualClock::new(), &store);
    store.block_saves();
    let waiting = spawn_header(&cache);
    settle().await;
    assert!(!waiting.is_finished(), "handed out before it was saved");

    store.release_saves();

    assert_eq!(token(waiting.await.unwrap()), "token-1");
    assert_eq!(store.saved(), ["token-1"]);
}

/// P33, B32: callers get the token, the error is reported, the save is tried again.
#[tokio::test(start_paused = true)]
async fn a_save_that_fails_costs_no_token_and_is_tried_again() {
    let store = TestStore::default();
    store.fail_saves(3);
    let events: Arc<Mutex<Vec<TokenEvent>>> = Arc::default();
    let log = Arc::clone(&events);
    let options = TokenCacheOptions::default();
    let options = options.with_listener(move |event| log.lock().push(event.clone()));
    let (cache, _) = cache_with(options);
    let cache = cache.with_store(store.clone(), key());

    assert_eq!(token(cache.header().await), "token-1");
    settle().await;
    assert!(store.saved().is_empty());

    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(store.saved(), ["token-1"]);
    cache.settle().await.unwrap();
    let events = events.lock();
    assert!(matches!(events[0].kind, TokenEventKind::StoreFailed { .. }), "{events:?}");
}

/// P33: a store that hangs has its own limit.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_its_time_limit_and_no_token() {
    let store = TestStore::default();
    store.block_saves();
    let (cache, source) = stored_cache(&ManualClock::new(), &store);
    let begun = tokio::time::Instant::now();

    assert_eq!(token(cache.header().await), "token-1");

    assert_eq!(begun.elapsed(), Duration::from_secs(5));
    assert_eq!(source.requests(), 1);
}

/// P33: a store that cannot even be read.
#[tokio::test]
async fn a_store_that_cannot_be_read_costs_no_token() {
    let store = TestStore::default();
    store.fail_loads();
    let (cache, source) = stored_cache(&ManualClock::new(), &store);

    assert_eq!(token(cache.header().await), "token-1");
    assert_eq!(source.requests(), 1);
}

/// The lock, and what is read after it, fail for the same reason.
#[tokio::test]
async fn a_store_that_is_away_is_told_of_once_an_attempt() {
    let clock = ManualClock::new();
    let store = AwayStore::default();
    let events: Arc<Mutex<Vec<TokenEvent>>> = Arc::default();
    let log = Arc::clone(&events);
    let options = options(&clock).with_listener(move |event| log.lock().push(event.clone()));
    let (cache, source) = cache_with(options);
    let cache = cache.with_store(store.clone(), key());
    source.next(Outcome::Token(Token::new("a", HOUR).with_refresh_token("r1")));
    cache.header().await.unwrap();
    store.is_away.store(true, Ordering::SeqCst);
    events.lock().clear();

    for attempt in 1..=2 {
        clock.advance(4000.0);
        assert!(cache.header().await.is_err());
        cache.settle().await.unwrap();
        let is_told =
            |event: &&TokenEvent| matches!(event.kind, TokenEventKind::StoreFailed { .. });
        let times = events.lock().iter().filter(is_told).count();
        assert_eq!(times, attempt, "{:?}", events.lock());
    }
}

/// Of an app, whose token is requested all the same: it cannot be saved for the same reason.
#[tokio::test]
async fn a_store_that_is_away_is_told_of_once_where_a_token_comes_all_the_same() {
    let clock = ManualClock::new();
    let store = AwayStore::default();
    store.is_away.store(true, Ordering::SeqCst);
    let events: Arc<Mutex<Vec<TokenEvent>>> = Arc::default();
    let log = Arc::clone(&events);
    let options = options(&clock).with_listener(move |event| log.lock().push(event.clone()));
    let (cache, source) = cache_with(options);
    let cache = cache.with_store(store.clone(), key());

    for attempt in 1..=2 {
        assert_eq!(token(cache.header().await), format!("token-{attempt}"));
        assert_eq!(source.requests(), attempt);
        let count = |is_it: fn(&TokenEventKind) -> bool| {
            events.lock().iter().filter(|event| is_it(&event.kind)).count()
        };
        // What is told last.
        while count(|kind| matches!(kind, TokenEventKind::Refreshed { .. })) < attempt {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let times = count(|kind| matches!(kind, TokenEventKind::StoreFailed { .. }));
        assert_eq!(times, attempt, "{:?}", events.lock());
        clock.advance(4000.0);
    }
}

/// P33: when saving failed to the end, the next refresh saves what it brings.
#[tokio::test(start_paused = true)]
async fn a_later_token_is_saved_after_all() {
    let clock = ManualClock::new();
    let store = TestStore::default();
    store.fail_saves(100);
    let (cache, _) = stored_cache(&clock, &store);
    cache.header().await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    store.fail_saves(0);

    clock.advance(3600.0);
    cache.header().await.unwrap();

    assert_eq!(store.saved(), ["token-1", "token-2"], "first what was left");
}

/// P34, B33: another process has refreshed meanwhile.
#[tokio::test]
async fn the_store_is_read_before_a_refresh() {
    let clock = ManualClock::new();
    let store = MemoryTokenStore::new();
    let (first, first_source) = stored_cache(&clock, &store);
    let (second, second_source) = stored_cache(&clock, &store);
    assert_eq!(token(first.header().await), "token-1");
    assert_eq!(token(second.header().await), "token-1", "restored");
    assert_eq!(second.stats().restored, 1);

    clock.advance(3600.0);
    assert_eq!(token(second.header().await), "token-1", "its own first request");
    assert_eq!(token(first.header().await), "token-1", "restored from the other");

    assert_eq!((first_source.requests(), second_source.requests()), (1, 1));
}

/// P34: a process that does not lock has rotated between our reading and our request.
#[tokio::test]
async fn after_invalid_grant_the_store_is_read_again() {
    let clock = ManualClock::new();
    let store = TestStore::default();
    let (cache, source) = stored_cache(&clock, &store);
    source.next(Outcome::Token(Token::new("a", HOUR).with_refresh_token("r1")));
    cache.header().await.unwrap();
    clock.advance(3600.0);
    source.next(Outcome::Fail(invalid_grant()));
    source.block();
    let waiting = spawn_header(&cache);
    settle().await;
    let expired = Token::new("b", HOUR).with_refresh_token("r2");
    put(&store.inner, &key(), &StoredToken::new(expired, SystemTime::UNIX_EPOCH)).await;
    source.release();

    assert_eq!(token(waiting.await.unwrap()), "token-3");

    assert_eq!(source.previous(), [None, Some("r1".into()), Some("r2".into())]);
}

/// P34, B33: two caches, one store, a server that rotates; no session is lost.
#[tokio::test]
async fn two_caches_do_not_end_each_others_session() {
    #[derive(Debug, Default)]
    struct Rotating {
        current: AtomicU64,
        refused: AtomicUsize,
        overlap: AtomicUsize,
    }

    #[async_trait]
    impl TokenSource for Rotating {
        async fn request_token(&self, previous: Option<&Token>) -> Result<Token, AuthError> {
            let current = self.current.load(Ordering::SeqCst);
            self.overlap.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            assert_eq!(self.overlap.fetch_sub(1, Ordering::SeqCst), 1, "two refresh at once");
            let sent =
                previous.and_then(|it| it.refresh_token.as_ref()).map(|it| it.expose().to_owned());
            if sent.is_some_and(|sent| sent != current.to_string()) {
                self.refused.fetch_add(1, Ordering::SeqCst);
                return Err(invalid_grant());
            }
            self.current.store(current + 1, Ordering::SeqCst);
            Ok(Token::new(format!("a{current}"), HOUR)
                .with_refresh_token((current + 1).to_string()))
        }
    }

    let clock = ManualClock::new();
    let store = MemoryTokenStore::new();
    let server = Arc::new(Rotating::default());
    let cache = || {
        TokenCache::new(Arc::clone(&server))
            .with_options(options(&clock))
            .with_store(store.clone(), key())
    };
    let caches = [cache(), cache(), cache()];
    for _ in 0..100 {
        let headers = caches.each_ref().map(|cache| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.header().await })
        });
        for header in headers {
            header.await.unwrap().unwrap();
        }
        clock.advance(3600.0);
    }
    assert_eq!(server.refused.load(Ordering::SeqCst), 0);
    assert_eq!(server.current.load(Ordering::SeqCst), 100, "one request for all three");
}

/// P36, B35: by client, by user and by scopes.
#[tokio::test]
async fn nobody_gets_the_token_of_another() {
    let store = MemoryTokenStore::new();
    let keys = [
        TokenKey::new("app"),
        TokenKey::new("other app"),
        TokenKey::new("app").with_user("anna"),
        TokenKey::new("app").with_user("bert"),
        TokenKey::new("app").with_user("anna").with_scopes(["a"]),
        TokenKey::new("app").with_user("anna").with_scopes(["a", "b"]),
        TokenKey::new("app").with_user("anna\" \"a").with_scopes(["b"]),
    ];
    for key in &keys {
        let (cache, source) = cache_with(TokenCacheOptions::default());
        let cache = cache.with_store(store.clone(), key.clone());
        cache.header().await.unwrap();
        assert_eq!(source.requests(), 1, "{key} got the token of another");
    }
    let mut texts: Vec<_> = keys.iter().map(ToString::to_string).collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), keys.len());
    assert_eq!(
        TokenKey::new("app").with_scopes(["b", "a", "b"]),
        TokenKey::new("app").with_scopes(["a", "b"])
    );
}

/// P37: at most its stated lifetime, and never longer than the wall clock says.
#[tokio::test]
async fn a_restored_token_is_trusted_only_as_long_as_it_says() {
    // When it expires by the wall clock, and for how long it is handed out.
    for (expires_in, good_for) in [(1800_i64, 1795.0), (-1, 0.0), (1_000_000, 3595.0)] {
        let clock = ManualClock::new();
        let store = MemoryTokenStore::new();
        let wall = spotify_web::auth::Clock::now(&clock).wall;
        let expires_at = match expires_in {
            -1 => wall - Duration::from_secs(1),
            seconds => wall + Duration::from_secs(seconds.unsigned_abs()),
        };
        put(&store, &key(), &StoredToken::new(Token::new("kept", HOUR), expires_at)).await;
        let (cache, source) = stored_cache(&clock, &store);
        if good_for > 0.0 {
            assert_eq!(token(cache.header().await), "kept");
            assert_eq!(source.requests(), 0);
            clock.advance(good_for);
        }
        assert_eq!(token(cache.header().await), "token-1", "{expires_in}");
    }
}

/// P5: a token that was refused is not restored either.
#[tokio::test]
async fn a_rejected_token_is_not_restored() {
    let clock = ManualClock::new();
    let store = TestStore::default();
    let (cache, _) = stored_cache(&clock, &store);
    let header = cache.header().await.unwrap();
    let wall = spotify_web::auth::Clock::now(&clock).wall;
    let same = StoredToken::new(Token::new("token-1", HOUR), wall + HOUR);
    put(&store.inner, &key(), &same).await;

    rejected(&cache, &header).await;

    assert_eq!(token(cache.header().await), "token-2");
}

/// P38, B30: what passes by leaves the login where it is.
#[tokio::test]
async fn transient_failures_leave_the_store_alone() {
    let clock = ManualClock::new();
    let store = TestStore::default();
    let (cache, source) = stored_cache(&clock, &store);
    source.next(Outcome::Token(Token::new("a", HOUR).with_refresh_token("r1")));
    cache.header().await.unwrap();
    clock.advance(3600.0);
    for outcome in [
        Outcome::Fail(AuthError::custom("no DNS", "no such host")),
        Outcome::Fail(
            OAuthError::Status {
                status: StatusCode::SERVICE_UNAVAILABLE,
                retry_after: None,
                unread: None,
            }
            .into(),
        ),
        Outcome::Panic,
        Outcome::Fail(AuthError::permanent("the secret is wrong")),
    ] {
        source.next(outcome);
        cache.header().await.unwrap_err();
        clock.advance(60.0);
    }
    let stored = store.inner.load(&key()).await.unwrap().unwrap();
    assert_eq!(stored.token().unwrap().refresh_token.as_ref().unwrap().expose(), "r1");
    assert!(!stored.has_ended());
}

/// P38, B29: what has ended is marked, not removed, and not used after a restart either.
#[tokio::test]
async fn a_login_that_has_ended_is_marked_and_not_used_again() {
    let clock = ManualClock::new();
    let store = TestStore::default();
    let (cache, source) = stored_cache(&clock, &store);
    source.next(Outcome::Token(Token::new("a", HOUR).with_refresh_token("r1")));
    cache.header().await.unwrap();
    clock.advance(3600.0);
    source.next(Outcome::Fail(invalid_grant()));
    assert!(cache.header().await.unwrap_err().needs_login());
    let stored = store.inner.load(&key()).await.unwrap().unwrap();
    assert!(stored.has_ended() && stored.token().unwrap().refresh_token.is_some());

    let (restarted, source) = stored_cache(&clock, &store);
    for _ in 0..100 {
        let error = restarted.header().await.unwrap_err();
        assert!(matches!(error, AuthError::LoginEnded { source: None }), "{error:?}");
        clock.advance(60.0);
    }
    assert_eq!(source.requests(), 0);
}

/// Another process, or the user in another window, has logged in again.
#[tokio::test]
async fn a_login_elsewhere_is_noticed() {
    let clock = ManualClock::new();
    let store = MemoryTokenStore::new();
    let (first, source) = stored_cache(&clock, &store);
    let (second, _) = stored_cache(&clock, &store);
    source.next(Outcome::Fail(AuthError::NotLoggedIn));
    first.header().await.unwrap_err();

    second.log_in(Token::new("new login", HOUR).with_refresh_token("r")).await.unwrap();
    assert_eq!(token(second.header().await), "new login");

    assert!(first.header().await.unwrap_err().needs_login(), "asked the store within the minute");
    clock.advance(60.0);
    assert_eq!(token(first.header().await), "new login");
    assert_eq!(source.requests(), 1);
}

/// While a login is being saved nobody asks with the credentials of before.
#[tokio::test]
async fn a_login_under_way_is_waited_for() {
    let clock = ManualClock::new();
    let store = TestStore::default();
    let (cache, source) = stored_cache(&clock, &store);
    store.block_saves();
    let login = tokio::spawn({
        let cache = cache.clone();
        async move { cache.log_in(Token::new("login", HOUR).with_refresh_token("r")).await }
    });
    settle().await;
    let waiting = spawn_header(&cache);
    settle().await;
    assert!(!waiting.is_finished(), "handed out before it was saved");

    store.release_saves();

    login.await.unwrap().unwrap();
    assert_eq!(token(waiting.await.unwrap()), "login");
    assert_eq!((source.requests(), store.saved()), (0, vec!["login".to_owned()]));
}

/// P48: the person closes the window half-way.
#[tokio::test]
async fn a_login_that_is_dropped_is_taken_over_whole() {
    let store = TestStore::default();
    let (cache, source) = stored_cache(&ManualClock::new(), &store);
    store.block_saves();
    let login = tokio::spawn({
        let cache = cache.clone();
        async move { cache.log_in(Token::new("login", HOUR)).await }
    });
    settle().await;
    let waiting = spawn_header(&cache);
    settle().await;

    login.abort();
    store.release_saves();

    assert_eq!(token(waiting.await.unwrap()), "login");
    assert_eq!((source.requests(), store.saved()), (0, vec!["login".to_owned()]));
}

/// A writer that is late loses, and reads before it refreshes again.
#[tokio::test]
async fn a_stale_writer_loses_and_adopts_what_won() {
    let clock = ManualClock::new();
    let store = TestStore::default();
    let (cache, source) = stored_cache(&clock, &store);
    source.block();
    let waiting = spawn_header(&cache);
    settle().await;
    let won = Token::new("won", HOUR).with_refresh_token("r9");
    put(&store.inner, &key(), &StoredToken::new(won, SystemTime::UNIX_EPOCH)).await;

    source.release();

    assert_eq!(token(waiting.await.unwrap()), "token-2");
    assert_eq!(source.previous(), [None, Some("r9".into())]);
    assert_eq!(store.saved(), ["token-2"], "over what won, and not what lost");
}

/// B40: the hook that saves asks for a token, which is what it is saving.
#[tokio::test]
async fn a_store_that_uses_the_client_does_not_hang() {
    let clock = ManualClock::new();
    let store = TestStore::default();
    let (cache, _) = stored_cache(&clock, &store);
    *store.asks.lock() = Some(cache.clone());

    assert_eq!(token(cache.header().await), "token-1");
    clock.advance(3500.0);
    cache.header().await.unwrap();
    settle().await;

    let got = store.got.lock();
    assert!(matches!(got[0], Err(AuthError::WithinFetch)), "{got:?}");
    assert_eq!(got[1].as_ref().unwrap(), "Bearer token-1", "the old one");
}

/// P16: also when saving is still being tried.
#[tokio::test(start_paused = true)]
async fn a_failing_store_does_not_keep_the_source() {
    let store = TestStore::default();
    store.fail_saves(100);
    let (cache, source) = stored_cache(&ManualClock::new(), &store);
    cache.header().await.unwrap();

    drop(cache);
    settle().await;

    assert!(source.is_released());
}

fn options(clock: &ManualClock) -> TokenCacheOptions {
    TokenCacheOptions::default().without_jitter().with_clock(clock.clone())
}

fn stored_cache(
    clock: &ManualClock,
    store: &(impl TokenStore + Clone + 'static),
) -> (TokenCache<ScriptedSource>, ScriptedSource) {
    let (cache, source) = cache_with(options(clock));
    (cache.with_store(store.clone(), key()), source)
}

fn key() -> TokenKey {
    TokenKey::new("app").with_user("anna")
}

fn invalid_grant() -> AuthError {
    let (status, code) = (StatusCode::BAD_REQUEST, OAuthErrorCode::InvalidGrant);
    OAuthError::Rejected { status, code, description: None, retry_after: None }.into()
}

/// A store that fails and hangs as it is told.
#[derive(Debug, Clone)]
struct TestStore {
    inner: MemoryTokenStore,
    open: Arc<tokio::sync::watch::Sender<bool>>,
    failing_saves: Arc<AtomicUsize>,
    failing_loads: Arc<AtomicUsize>,
    saved: Arc<Mutex<Vec<String>>>,
    asks: Arc<Mutex<Option<TokenCache<ScriptedSource>>>>,
    got: Arc<Mutex<Vec<Result<reqwest::header::HeaderValue, AuthError>>>>,
}

impl Default for TestStore {
    fn default() -> Self {
        Self {
            inner: MemoryTokenStore::new(),
            open: Arc::new(tokio::sync::watch::Sender::new(true)),
            failing_saves: Arc::default(),
            failing_loads: Arc::default(),
            saved: Arc::default(),
            asks: Arc::default(),
            got: Arc::default(),
        }
    }
}

impl TestStore {
    fn block_saves(&self) {
        self.open.send_replace(false);
    }

    fn release_saves(&self) {
        self.open.send_replace(true);
    }

    fn fail_saves(&self, times: usize) {
        self.failing_saves.store(times, Ordering::SeqCst);
    }

    fn fail_loads(&self) {
        self.failing_loads.store(1, Ordering::SeqCst);
    }

    fn saved(&self) -> Vec<String> {
        self.saved.lock().clone()
    }
}

/// One that cannot be reached for a while, by whatever is asked of it.
#[derive(Debug, Clone, Default)]
struct AwayStore {
    inner: Arc<MemoryTokenStore>,
    is_away: Arc<AtomicBool>,
}

impl AwayStore {
    fn reached(&self) -> Result<&MemoryTokenStore, StoreError> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(StoreError::custom("the store is away")),
            false => Ok(&self.inner),
        }
    }
}

#[async_trait]
impl TokenStore for AwayStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.reached()?.load(key).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        self.reached()?.save(key, token, replaces).await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.reached()?.remove(key).await
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        self.reached()?.lock(key).await
    }
}

#[async_trait]
impl TokenStore for TestStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        match self.failing_loads.load(Ordering::SeqCst) {
            0 => self.inner.load(key).await,
            _ => Err(StoreError::custom("the store is down")),
        }
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        self.open.subscribe().wait_for(|open| *open).await.expect("the sender is kept");
        let asks = self.asks.lock().clone();
        if let Some(cache) = asks {
            let got = cache.header().await;
            self.got.lock().push(got);
        }
        if self.failing_saves.load(Ordering::SeqCst) > 0 {
            self.failing_saves.fetch_sub(1, Ordering::SeqCst);
            return Err(StoreError::custom("the store is down"));
        }
        self.inner.save(key, token, replaces).await?;
        let saved = token.token().map_or("logged out", |token| token.access_token.expose());
        self.saved.lock().push(saved.to_owned());
        Ok(())
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.inner.remove(key).await
    }
}
