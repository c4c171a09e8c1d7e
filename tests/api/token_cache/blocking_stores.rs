//! Stores that block the thread of the runtime, as they must not: P33, P52, P57 and P58.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Condvar, Mutex};
use spotify_web::auth::{
    AuthError, MemoryTokenStore, RefreshLock, Revision, StoreError, StoredToken, TokenCache,
    TokenCacheOptions, TokenKey, TokenStore,
};
use spotify_web::oauth::Token;
use tokio::runtime::{Builder, Runtime};

use crate::common::{ManualClock, Outcome, ScriptedSource, cache_with, token};

const HOUR: Duration = Duration::from_secs(3600);

/// P52, P57: its caller is told in time, others notice nothing, and however often it is asked, it
/// takes one thread.
#[test]
fn a_store_that_blocks_its_thread_harms_nobody_else() {
    let all = ["load", "lock", "save"].map(|method| {
        std::thread::spawn(move || {
            let store = Blocking::default();
            let runtime = Builder::new_multi_thread().worker_threads(3).enable_all().build();
            runtime.unwrap().block_on(async {
                tokio::spawn(one_is_blocked(method, store.clone())).await.unwrap();
            });
        })
    });
    all.into_iter().for_each(|thread| thread.join().unwrap());
}

async fn one_is_blocked(method: &'static str, store: Blocking) {
    let _released = Released(store.clone());
    let (clock, other_clock) = (ManualClock::new(), ManualClock::new());
    let (anna, source) = stored(&store, &clock, "anna");
    let (bert, _) = stored(&store, &other_clock, "bert");
    anna.log_in(user("r")).await.unwrap();
    bert.log_in(user("r")).await.unwrap();
    clock.advance(3600.0);
    source.next(Outcome::Token(user("rotated")));
    store.block(method);

    let error = anna.header().await.unwrap_err();
    assert!(matches!(error, AuthError::TimedOut { .. }) && error.is_transient(), "{error:?}");
    assert_eq!(store.blocked(), 1);
    for _ in 0..100 {
        other_clock.advance(3600.0);
        bert.header().await.unwrap();
    }

    // What a lock of the store keeps waiting for longest is not waited for here.
    if method != "lock" {
        // By real time, as what blocks a thread goes by no other.
        let last = loop {
            match anna.header().await {
                Err(AuthError::TimedOut { .. }) => {}
                last => break last,
            }
        };
        match method {
            "save" => assert_eq!(token(last), "access of rotated"),
            _ => is_time_out_of_store(last.unwrap_err()),
        }
    } else {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    for _ in 0..8 {
        anna.reset();
        clock.advance(3600.0);
        let error = anna.header().await.unwrap_err();
        assert!(error.is_transient() && !error.needs_login(), "{error:?}");
        anna.log_in(user("again")).await.unwrap();
        other_clock.advance(3600.0);
        bert.header().await.unwrap();
    }
    assert_eq!(store.blocked(), 1, "{method}: one thread for each call");
}

/// P58: a runtime of one thread stands still with it, and takes no other along.
#[test]
fn a_store_that_blocks_the_only_thread_of_a_runtime_keeps_no_other_runtime() {
    for method in ["load", "lock"] {
        let store = Blocking::default();
        let _released = Released(store.clone());
        let (cache, _) = stored(&store, &ManualClock::new(), "anna");
        let (own, blocked) = (paused_runtime(), cache.clone());
        store.block(method);
        let thread = std::thread::spawn(move || paused_runtime().block_on(blocked.header()));
        while store.blocked() == 0 {
            std::thread::yield_now();
        }

        let error = own.block_on(cache.header()).unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        own.block_on(async { tokio::time::sleep(Duration::from_secs(200)).await });
        is_time_out_of_store(own.block_on(cache.log_out()).unwrap_err());
        assert_eq!(store.blocked(), 1, "{method}: this runtime is blocked too");

        store.release();
        thread.join().unwrap().ok();
        own.block_on(cache.log_in(user("r"))).unwrap();
        assert_eq!(token(own.block_on(cache.header())), "access of r");
        own.block_on(cache.settle()).unwrap();
        assert!(own.block_on(store.inner.load(&key("anna"))).unwrap().is_some());
    }
}

fn is_time_out_of_store(error: AuthError) {
    let source: &StoreError = match &error {
        AuthError::Store { source, .. } => source,
        AuthError::NotSaved(source) => source,
        other => panic!("{other:?}"),
    };
    let is_right = matches!(source, StoreError::TimedOut { .. });
    assert!(is_right && error.is_transient() && !error.needs_login(), "{error:?}");
}

fn stored(
    store: &Blocking,
    clock: &ManualClock,
    user: &str,
) -> (TokenCache<ScriptedSource>, ScriptedSource) {
    let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
    let (cache, source) = cache_with(options.with_max_wait(Duration::from_millis(300)));
    (cache.with_store(store.clone(), key(user)), source)
}

fn user(name: &str) -> Token {
    Token::new(format!("access of {name}"), HOUR).with_refresh_token(name)
}

fn key(user: &str) -> TokenKey {
    TokenKey::new("app").with_user(user)
}

fn paused_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Blocks the thread in one of its methods, for one user.
#[derive(Debug, Clone, Default)]
struct Blocking {
    inner: MemoryTokenStore,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Debug, Default)]
struct Gate {
    closed: &'static str,
    blocked: usize,
}

impl Blocking {
    fn block(&self, method: &'static str) {
        self.gate.0.lock().closed = method;
    }

    fn release(&self) {
        self.gate.0.lock().closed = "";
        self.gate.1.notify_all();
    }

    /// How many threads are blocked.
    fn blocked(&self) -> usize {
        self.gate.0.lock().blocked
    }

    fn come_to(&self, method: &str, key: &TokenKey) {
        let mut gate = self.gate.0.lock();
        if key.user() == Some("anna") && gate.closed == method {
            gate.blocked += 1;
            self.gate.1.wait_while(&mut gate, |gate| gate.closed == method);
            gate.blocked -= 1;
        }
    }
}

/// So that a test that fails ends.
struct Released(Blocking);

impl Drop for Released {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[async_trait]
impl TokenStore for Blocking {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.come_to("load", key);
        self.inner.load(key).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        self.come_to("save", key);
        self.inner.save(key, token, replaces).await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.inner.remove(key).await
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        self.come_to("lock", key);
        self.inner.lock(key).await
    }
}
