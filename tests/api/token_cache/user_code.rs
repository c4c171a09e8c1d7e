//! Code of the user's within the cache: P64.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use spotify_web::auth::{Clock, Now, Replay, SystemClock, TokenCacheOptions};

use crate::common::{Answer, ManualClock, cache_with, rejected, token};

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
        source.next(Answer::Panic);
        cache.header().await.unwrap_err();
        cache.reset();
        cache.header().await.unwrap();
        clock.advance(3600.0);
    }

    cache.settle().await.unwrap();

    assert_eq!(told.load(Ordering::SeqCst), 6);
}
