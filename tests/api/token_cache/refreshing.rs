//! Refreshing: P6 to P11.

use std::sync::Arc;

use futures_util::FutureExt;
use spotify_web::auth::{Replay, TokenCacheOptions};
use tokio::sync::Barrier;

use crate::common::{ManualClock, cache, cache_with, rejected, settle, spawn_header, token};

/// P6, B7: whatever the number of callers and threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_thousand_callers_cause_one_request() {
    let (cache, source) = cache(&ManualClock::new());
    source.block();
    let barrier = Arc::new(Barrier::new(1001));
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let (cache, barrier) = (cache.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                token(cache.header().await)
            })
        })
        .collect();
    barrier.wait().await;
    settle().await;
    source.release();

    for caller in callers {
        assert_eq!(caller.await.unwrap(), "token-1");
    }
    assert_eq!(source.requests(), 1);
}

/// P6: need, window and 401 together.
#[tokio::test]
async fn no_two_requests_are_in_flight_whatever_starts_them() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let header = cache.header().await.unwrap();
    clock.advance(3400.0);
    source.block();

    cache.header().await.unwrap();
    let rejection = tokio::spawn({
        let (cache, header) = (cache.clone(), header);
        async move { rejected(&cache, &header).await }
    });
    let callers: Vec<_> = (0..100).map(|_| spawn_header(&cache)).collect();
    settle().await;
    source.release();

    for caller in callers {
        assert_eq!(token(caller.await.unwrap()), "token-2");
    }
    assert_eq!(rejection.await.unwrap(), Replay::Yes);
    assert_eq!(source.most_in_flight(), 1);
}

/// P7: nobody waits in the window, not even who starts the refresh.
#[tokio::test]
async fn in_the_window_every_caller_returns_at_once() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    cache.header().await.unwrap();
    source.block();
    clock.advance(3300.0);

    for _ in 0..100 {
        let polled = cache.header().now_or_never();
        assert_eq!(token(polled.expect("ready at the first poll")), "token-1");
    }
    settle().await;
    assert_eq!(source.requests(), 2);

    source.release();
    settle().await;
    assert_eq!(token(cache.header().await), "token-2");
}

/// P8, B5: whatever the lifetime.
#[tokio::test]
async fn the_window_is_at_most_a_tenth_of_the_lifetime() {
    for lifetime in [2_u32, 5, 10, 60, 600, 3600, 7200] {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        source.next_token("first", lifetime.into());
        cache.header().await.unwrap();

        clock.advance(f64::from(lifetime) * 0.899);
        for _ in 0..100 {
            cache.header().await.unwrap();
        }
        settle().await;
        assert_eq!(source.requests(), 1, "of {lifetime} s, before its last tenth");

        let window = f64::min(f64::from(lifetime) * 0.1, 300.0);
        clock.advance(f64::from(lifetime) * 0.101 - window + window * 0.5);
        cache.header().await.unwrap();
        settle().await;
        assert_eq!(source.requests(), 2, "of {lifetime} s, in its window");
    }
}

/// P8, B6: the random part of the window is drawn once, and only moves the refresh later.
#[tokio::test]
async fn the_refresh_point_of_a_token_is_constant() {
    for _ in 0..50 {
        let clock = ManualClock::new();
        let options = TokenCacheOptions::default().with_clock(clock.clone());
        let (cache, source) = cache_with(options);
        cache.header().await.unwrap();

        clock.advance(3299.0);
        for _ in 0..100 {
            cache.header().await.unwrap();
        }
        settle().await;
        assert_eq!(source.requests(), 1, "a random part moved the refresh ahead");

        clock.advance(151.0);
        cache.header().await.unwrap();
        settle().await;
        assert_eq!(source.requests(), 2, "half the window is the most that jitter takes");
    }
}

/// P9: however long it lies idle, and however often it is cloned and dropped.
#[tokio::test]
async fn an_idle_cache_sends_nothing() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    cache.header().await.unwrap();

    for _ in 0..1000 {
        clock.advance(600.0);
        drop(cache.clone());
        settle().await;
    }

    assert_eq!(source.requests(), 1);
}

/// P10, B24: the wall clock has jumped while no timer could have fired.
#[tokio::test]
async fn no_timer_decides_when_a_token_is_refreshed() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    cache.header().await.unwrap();

    clock.jump_wall(2 * 3600);

    assert_eq!(token(cache.header().await), "token-2");
    assert_eq!(source.requests(), 2);
}

/// P10, B43: what was good when it arrived may have expired when a caller wakes.
#[tokio::test]
async fn the_clocks_are_looked_at_again_after_waiting() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    source.next_token("short", 10);
    source.block();
    let mut waiting = std::pin::pin!(cache.header());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    source.release();
    settle().await;
    assert_eq!(cache.stats().refreshes, 1);

    // The caller wakes late.
    clock.advance(10.0);

    assert_eq!(token(waiting.await), "token-2");
}

/// P11: the response took its time; the token does not hold any longer for that.
#[tokio::test]
async fn the_lifetime_counts_from_before_the_request() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    source.next_token("slow", 100);
    source.block();
    let caller = spawn_header(&cache);
    settle().await;
    clock.advance(60.0);
    source.release();
    assert_eq!(token(caller.await.unwrap()), "slow");

    clock.advance(39.5);

    assert_eq!(token(cache.header().await), "token-2");
}
