//! Handing out: P1 to P5.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use parking_lot::Mutex;
use spotify_web::auth::{AuthError, Clock, Replay};

use crate::common::{ManualClock, Outcome, cache, rejected, settle, token};

/// P1: a fresh token is there at the first poll.
#[tokio::test]
async fn a_fresh_token_is_handed_out_without_awaiting() {
    let (cache, _) = cache(&ManualClock::new());
    cache.header().await.unwrap();

    let polled = cache.header().now_or_never();

    assert_eq!(token(polled.expect("ready at the first poll")), "token-1");
}

/// P1, B39: no allocation, from the first hit on.
#[tokio::test]
async fn a_fresh_token_is_handed_out_without_allocating() {
    let (cache, _) = cache(&ManualClock::new());
    cache.header().await.unwrap();

    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            let header = cache.header().now_or_never();
            drop(std::hint::black_box(header));
        }
    });

    assert_eq!(counted.count_total, 0);
}

/// P1: the source may hold on for as long as it likes.
#[tokio::test]
async fn a_fresh_token_is_handed_out_while_a_fetch_is_stuck() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    cache.header().await.unwrap();
    clock.advance(3590.0);
    source.block();
    for _ in 0..100 {
        let polled = cache.header().now_or_never();
        assert_eq!(token(polled.expect("ready at the first poll")), "token-1");
    }
    settle().await;
    assert_eq!(source.requests(), 2);
}

/// P2: all headers share one buffer, and none prints.
#[tokio::test]
async fn the_header_is_built_once_and_sensitive() {
    let (cache, _) = cache(&ManualClock::new());

    let (first, second) = (cache.header().await.unwrap(), cache.header().await.unwrap());

    assert_eq!(first.as_bytes().as_ptr(), second.as_bytes().as_ptr());
    assert!(first.is_sensitive());
    assert_eq!(format!("{first:?}"), "Sensitive");
}

/// P3, B18: a header never comes with the expiry of another token, whatever threads do.
#[test]
fn header_and_expiry_always_belong_to_one_token() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    // Every other token has half the life of those beside it.
    for number in 0..2000 {
        source.next_token(&format!("{number}"), if number % 2 == 0 { 100 } else { 50 });
    }
    let ends: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = runtime.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (cache, clock) = (cache.clone(), clock.clone());
            let (ends, stop) = (Arc::clone(&ends), Arc::clone(&stop));
            runtime.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let before = clock.now().monotonic;
                    let Ok(header) = cache.header().await else { continue };
                    let name = header.to_str().unwrap().to_owned();
                    let lifetime = if name.ends_with(['0', '2', '4', '6', '8']) { 100 } else { 50 };
                    // From when it was first seen: it cannot be good for longer.
                    let end = clock.now().monotonic + Duration::from_secs(lifetime);
                    let end = *ends.lock().entry(name).or_insert(end);
                    assert!(before < end, "handed out {:?} after its end", before - end);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..500 {
        clock.advance(7.0);
        let _ = runtime.block_on(cache.header());
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        runtime.block_on(reader).unwrap();
    }
    assert!(source.requests() > 10);
}

/// P4: both clocks are asked, and the last seconds are left out.
#[tokio::test]
async fn a_token_is_expired_when_either_clock_says_so() {
    for (by_monotonic, name) in [(true, "monotonic"), (false, "wall")] {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        cache.header().await.unwrap();
        source.block();

        match by_monotonic {
            true => {
                clock.advance(3595.0);
                clock.jump_wall(-3595);
            }
            false => clock.jump_wall(3595),
        }
        let waits = cache.header().now_or_never();

        assert!(waits.is_none(), "handed out after the {name} clock said that it is expired");
    }
}

/// P4: the leeway is 5 s, and never more than a hundredth of the lifetime.
#[tokio::test]
async fn the_last_seconds_of_a_token_are_not_used() {
    for (lifetime, last_use) in [(3600_u32, 3594.9), (100, 98.9), (1, 0.989)] {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        source.next_token("first", lifetime.into());
        cache.header().await.unwrap();

        source.block();
        clock.advance(last_use);
        assert_eq!(token(cache.header().await), "first", "of {lifetime} s");
        clock.advance(f64::from(lifetime) / 1000.0 * 1.1);
        let waits = cache.header().now_or_never();
        assert!(waits.is_none(), "handed out in the last moments of {lifetime} s");
    }
}

/// P5, B42: not even while backing off.
#[tokio::test]
async fn a_rejected_token_is_never_handed_out_again() {
    let (cache, source) = cache(&ManualClock::new());
    let header = cache.header().await.unwrap();
    source.next(Outcome::Fail(AuthError::permanent("down")));

    assert_eq!(rejected(&cache, &header).await, Replay::No);

    for _ in 0..10 {
        assert!(cache.header().await.is_err());
    }
    assert_eq!(source.requests(), 2);
}

/// P5: also when the source has nothing better.
#[tokio::test]
async fn a_source_that_returns_the_rejected_token_has_failed() {
    let (cache, source) = cache(&ManualClock::new());
    source.next_token("same", 3600);
    source.next_token("same", 3600);
    let header = cache.header().await.unwrap();

    rejected(&cache, &header).await;

    let error = cache.header().await.unwrap_err();
    assert!(matches!(error, AuthError::RejectedBefore), "{error:?}");
    assert!(error.is_transient());
}
