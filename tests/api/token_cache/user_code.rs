//! Code of the user's within the cache: P42 and P64.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use parking_lot::Mutex;
use spotify_web::auth::{
    AuthError, Clock, Now, Replay, SystemClock, TokenCache, TokenCacheOptions, TokenKey,
    TokenSource,
};
use spotify_web::oauth::Token;

use crate::common::{
    FailingStore, ManualClock, Outcome, ScriptedSource, cache_with, rejected, token,
};

/// P64: whichever of its calls it is.
#[tokio::test]
async fn a_clock_that_panics_once_costs_nobody_a_token() {
    #[derive(Debug)]
    struct Panics {
        calls: Arc<AtomicUsize>,
        at: usize,
    }

    impl Clock for Panics {
        fn now(&self) -> Now {
            assert!(self.calls.fetch_add(1, Ordering::SeqCst) != self.at, "as scripted");
            SystemClock::default().now()
        }
    }

    let mut at = 0;
    loop {
        let calls = Arc::new(AtomicUsize::new(0));
        let clock = Panics { calls: Arc::clone(&calls), at };
        let (cache, _) = cache_with(TokenCacheOptions::default().with_clock(clock));
        for number in 1..=3 {
            let header = cache.header().await;
            assert_eq!(token(header), format!("token-{number}"), "panic in call {at}");
            let header = cache.header().await.unwrap();
            cache.accepted(&header);
            cache.reset();
            assert_eq!(rejected(&cache, &header).await, Replay::Yes, "panic in call {at}");
        }
        if calls.load(Ordering::SeqCst) <= at {
            break;
        }
        at += 1;
    }
    assert!(at > 10, "{at} calls");
}

/// P64: on a runtime with one thread, and with the listener still at its first event.
#[tokio::test]
async fn a_slow_listener_delays_nobody() {
    let clock = ManualClock::new();
    let (go_on, waits) = mpsc::channel::<()>();
    let (waits, told) = (Mutex::new(waits), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&told);
    let options = TokenCacheOptions::default().with_clock(clock.clone()).with_listener(move |_| {
        // Until the test has its tokens.
        waits.lock().recv_timeout(Duration::from_secs(60)).ok();
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let (cache, _) = cache_with(options);

    for number in 1..=5 {
        assert_eq!(token(cache.header().await), format!("token-{number}"));
        clock.advance(3600.0);
    }
    assert_eq!(told.load(Ordering::SeqCst), 0);

    drop(go_on);
    cache.settle().await.unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 5, "it hears of each, in its own time");
}

/// P64: each event is told, also after one that the listener panicked at.
#[tokio::test]
async fn a_listener_that_panics_hears_the_next_event() {
    let clock = ManualClock::new();
    let told = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&told);
    let options = TokenCacheOptions::default().with_clock(clock.clone()).with_listener(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        panic!("as scripted");
    });
    let (cache, source) = cache_with(options);
    for _ in 0..3 {
        source.next(Outcome::Panic);
        cache.header().await.unwrap_err();
        cache.reset();
        cache.header().await.unwrap();
        clock.advance(3600.0);
    }

    cache.settle().await.unwrap();

    assert_eq!(told.load(Ordering::SeqCst), 6);
}

/// P42, P61: it does not wait for itself.
#[tokio::test]
async fn a_listener_may_settle_the_cache_that_it_listens_to() {
    let slot: Arc<OnceLock<TokenCache<ScriptedSource>>> = Arc::default();
    let (settles, settled) = mpsc::channel();
    let listens_to = Arc::clone(&slot);
    let (cache, _) = cache_with(TokenCacheOptions::default().with_listener(move |_| {
        settles.send(listens_to.get().unwrap().settle().now_or_never()).ok();
    }));
    assert!(slot.set(cache.clone()).is_ok());

    cache.header().await.unwrap();

    cache.settle().await.unwrap();
    let settled = settled.recv_timeout(Duration::from_secs(60)).unwrap();
    settled.expect("it waits for itself").unwrap();
}

/// P42, P61: a source that settles its own cache would wait for itself.
#[tokio::test(start_paused = true)]
async fn a_source_that_settles_its_own_cache_gets_an_error() {
    #[derive(Debug, Default)]
    struct Settles {
        cache: OnceLock<TokenCache<Arc<Self>>>,
        got: Mutex<Option<Result<(), AuthError>>>,
    }

    #[async_trait]
    impl TokenSource for Settles {
        async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
            let settled = self.cache.get().unwrap().settle().await;
            *self.got.lock() = Some(settled);
            Ok(Token::new("token", Duration::from_secs(3600)))
        }
    }

    for is_stored in [false, true] {
        let source = Arc::new(Settles::default());
        let mut cache = TokenCache::new(Arc::clone(&source));
        if is_stored {
            cache = cache.with_store(FailingStore::default(), TokenKey::new("app"));
        }
        assert!(source.cache.set(cache.clone()).is_ok());

        assert_eq!(token(cache.header().await), "token", "stored: {is_stored}");

        let got = source.got.lock().take().unwrap();
        assert_eq!(matches!(got, Err(AuthError::WithinFetch)), is_stored, "{got:?}");
        cache.settle().await.unwrap();
    }
}

/// P64: a source that does not say whose it is, and panics instead.
#[tokio::test]
async fn a_source_that_panics_as_it_is_asked_for_its_app_costs_nobody_a_token() {
    #[derive(Debug)]
    struct Nameless;

    #[async_trait]
    impl TokenSource for Nameless {
        async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
            Ok(Token::new("token", Duration::from_secs(3600)))
        }

        fn client_id(&self) -> Option<&str> {
            panic!("as scripted")
        }
    }

    for is_stored in [false, true] {
        let mut cache = TokenCache::new(Nameless);
        if is_stored {
            cache = cache.with_store(FailingStore::default(), TokenKey::new("app"));
        }
        assert_eq!(token(cache.header().await), "token", "stored: {is_stored}");
    }
}

/// P61, P64: who settles does not wait for a listener for good, which may be busy with somebody
/// else.
#[tokio::test]
async fn settling_does_not_wait_for_a_listener_that_hangs() {
    let (options, begun, go_on) = hanging();
    let (first, second) = (cache_with(options.clone()).0, cache_with(options).0);
    first.header().await.unwrap();
    begun.recv_timeout(Duration::from_secs(60)).unwrap();

    let settled = tokio::time::timeout(Duration::from_secs(60), second.settle()).await;

    drop(go_on);
    settled.expect("it waits for the listener").unwrap();
}

/// P61: the threads for what blocks may all be busy, and are not waited for.
#[test]
fn settling_needs_no_thread_for_what_blocks() {
    for tells in [false, true] {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime =
            builder.worker_threads(1).max_blocking_threads(1).enable_all().build().unwrap();
        let (go_on, waits) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let options =
            TokenCacheOptions::default().with_listener(move |_| tell.send(()).unwrap_or_default());
        let (cache, _) = cache_with(options);

        let settled = runtime.block_on(async {
            tokio::task::spawn_blocking(move || waits.recv());
            if tells {
                cache.header().await.unwrap();
            }
            tokio::time::timeout(Duration::from_secs(60), cache.settle()).await
        });

        drop(go_on);
        settled.expect("it waits for a thread").unwrap();
        assert_eq!(told.try_recv().is_ok(), tells);
    }
}

/// P61: at the first poll, whatever the clock does.
#[tokio::test(start_paused = true)]
async fn settling_with_nothing_to_tell_returns_at_once() {
    let (cache, _) = cache_with(TokenCacheOptions::default().with_listener(|_| ()));

    let settled = cache.settle().now_or_never();

    settled.expect("it waits for nothing").unwrap();
}

/// P61: the listener has its own time, of which a clock that jumps ahead says nothing.
#[tokio::test(start_paused = true)]
async fn settling_waits_for_the_listener_while_the_clock_stands_still() {
    let (options, begun, go_on) = hanging();
    let (cache, _) = cache_with(options);
    let before = tokio::time::Instant::now();
    cache.header().await.unwrap();
    begun.recv_timeout(Duration::from_secs(60)).unwrap();

    let settling = tokio::spawn(async move { cache.settle().await });
    crate::common::settle().await;
    assert!(!settling.is_finished(), "it does not wait");
    drop(go_on);

    settling.await.unwrap().unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
}

/// P64: a runtime has few threads for what blocks, and waits for them when it ends.
#[test]
fn a_listener_that_hangs_takes_no_thread_of_a_runtime() {
    let (options, begun, go_on) = hanging();
    let (ends, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime =
            builder.worker_threads(1).max_blocking_threads(1).enable_all().build().unwrap();
        let (cache, _) = cache_with(options);
        runtime.block_on(cache.header()).unwrap();
        begun.recv_timeout(Duration::from_secs(60)).unwrap();
        runtime.block_on(async { tokio::task::spawn_blocking(|| ()).await.unwrap() });
        drop(runtime);
        ends.send(()).ok();
    });

    let ended = ended.recv_timeout(Duration::from_secs(60));

    drop(go_on);
    ended.expect("the listener holds up the runtime");
}

/// With a listener that says when it begins, and ends when the last part is dropped.
fn hanging() -> (TokenCacheOptions, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (begins, begun) = mpsc::channel();
    let (go_on, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    let options = TokenCacheOptions::default().with_listener(move |_| {
        begins.send(()).ok();
        waits.lock().recv().ok();
    });
    (options, begun, go_on)
}
