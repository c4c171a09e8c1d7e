//! The promises of the token cache, by the numbers of their specification.

use std::sync::Arc;
use std::time::Duration;

use spotify_web::auth::{AuthError, Replay, TokenCache, TokenCacheOptions};
use spotify_web::oauth::Token;
use tokio::sync::Barrier;

use crate::common::{Answer, ManualClock, ScriptedSource, cache, cache_with, settle, token};

// Handing out

/// P1: a fresh token is there at the first poll.
#[tokio::test]
async fn a_fresh_token_is_handed_out_without_awaiting() {
    let (cache, _) = cache(&ManualClock::new());
    cache.header().await.unwrap();

    let polled = futures_util::FutureExt::now_or_never(cache.header());

    assert_eq!(token(polled.expect("ready at the first poll")), "token-1");
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
        let polled = futures_util::FutureExt::now_or_never(cache.header());
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
        let waits = futures_util::FutureExt::now_or_never(cache.header());

        assert!(waits.is_none(), "handed out after the {name} clock said that it is expired");
    }
}

/// P4: the leeway is 5 s, and never more than a hundredth of the lifetime.
#[tokio::test]
async fn the_last_seconds_of_a_token_are_not_used() {
    for (lifetime, last_use) in [(3600, 3594.9), (100, 98.9), (1, 0.98)] {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        source.next_token("first", lifetime);
        cache.header().await.unwrap();

        clock.advance(last_use);
        assert_eq!(token(cache.header().await), "first", "of {lifetime} s");
        settle().await;
        assert_eq!(token(cache.header().await), "token-2", "of {lifetime} s, in its window");
    }
}

/// P5, B42: not even while backing off.
#[tokio::test]
async fn a_refused_token_is_never_handed_out_again() {
    let (cache, source) = cache(&ManualClock::new());
    let refused = cache.header().await.unwrap();
    source.next(Answer::Fail(AuthError::permanent("down")));

    assert_eq!(cache.refused(&refused), Replay::Yes);

    for _ in 0..10 {
        assert!(cache.header().await.is_err());
    }
    assert_eq!(source.requests(), 2);
}

/// P5: also when the source has nothing better.
#[tokio::test]
async fn a_source_that_answers_with_the_refused_token_has_failed() {
    let (cache, source) = cache(&ManualClock::new());
    source.next_token("same", 3600);
    source.next_token("same", 3600);
    let refused = cache.header().await.unwrap();

    cache.refused(&refused);

    let error = cache.header().await.unwrap_err();
    assert!(matches!(error, AuthError::RefusedBefore), "{error:?}");
    assert!(error.is_transient());
}

// Refreshing

/// P6, B7: whatever the number of callers and threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_thousand_callers_cause_one_request() {
    let (cache, source) = cache(&ManualClock::new());
    let barrier = Arc::new(Barrier::new(1000));
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let (cache, barrier) = (cache.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                token(cache.header().await)
            })
        })
        .collect();

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
    cache.refused(&header);
    let callers: Vec<_> = (0..100).map(|_| spawn_header(&cache)).collect();
    settle().await;
    source.release();

    for caller in callers {
        assert_eq!(token(caller.await.unwrap()), "token-2");
    }
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
        let polled = futures_util::FutureExt::now_or_never(cache.header());
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
    for lifetime in [1_u32, 2, 5, 10, 60, 600, 3600, 7200] {
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

/// P10, B43: what was good when a caller began to wait may have expired when it wakes.
#[tokio::test]
async fn the_clocks_are_looked_at_again_after_waiting() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    source.next_token("short", 10);
    source.block();
    let caller = spawn_header(&cache);
    settle().await;

    source.release();
    // The fetch lands, and the token expires, before the caller is polled again.
    while cache.stats().refreshes == 0 {
        tokio::task::yield_now().await;
        if cache.stats().refreshes == 1 {
            clock.advance(10.0);
        }
    }

    let got = token(caller.await.unwrap());
    assert!(got == "short" || got == "token-2");
    assert_eq!(token(cache.header().await), "token-2");
}

/// P11: the answer took its time; the token does not hold any longer for that.
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

// Callers that leave

/// P12, B9: dropping the first of three, which began the fetch.
#[tokio::test]
async fn a_caller_that_is_dropped_affects_nobody() {
    let (cache, source) = cache(&ManualClock::new());
    source.block();
    let callers: Vec<_> = (0..3).map(|_| spawn_header(&cache)).collect();
    settle().await;

    callers[0].abort();
    settle().await;
    source.release();

    for caller in callers.into_iter().skip(1) {
        assert_eq!(token(caller.await.unwrap()), "token-1");
    }
    assert_eq!(source.requests(), 1);
}

/// P12, B13: time-outs of callers are their own.
#[tokio::test(start_paused = true)]
async fn a_caller_that_times_out_does_not_end_the_fetch() {
    let (cache, source) = cache_with(TokenCacheOptions::default());
    source.block();

    for _ in 0..10 {
        let caller = tokio::time::timeout(Duration::from_millis(10), cache.header());
        assert!(caller.await.is_err());
    }
    source.release();
    settle().await;

    let polled = futures_util::FutureExt::now_or_never(cache.header());
    assert_eq!(token(polled.expect("there by now")), "token-1");
    assert_eq!(source.requests(), 1);
}

/// P13, B10: all callers have left; the token is there for the next one all the same.
#[tokio::test]
async fn a_fetch_that_all_callers_left_ends_and_is_kept() {
    let (cache, source) = cache(&ManualClock::new());
    source.block();
    let caller = spawn_header(&cache);
    settle().await;
    caller.abort();
    settle().await;

    source.release();
    settle().await;

    let polled = futures_util::FutureExt::now_or_never(cache.header());
    assert_eq!(token(polled.expect("there by now")), "token-1");
    assert_eq!(source.requests(), 1);
}

/// P14, B41: callers get an error, the next attempt starts anew.
#[tokio::test]
async fn a_source_that_panics_poisons_nothing() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    source.next(Answer::Panic);

    let error = cache.header().await.unwrap_err();

    assert!(matches!(error, AuthError::SourcePanicked), "{error:?}");
    clock.advance(1.0);
    assert_eq!(token(cache.header().await), "token-2");
}

/// P14, B16: the runtime of the fetch is gone; another one takes over.
#[test]
fn a_runtime_that_shuts_down_does_not_take_the_cache_along() {
    let (cache, source) = cache(&ManualClock::new());
    source.block();
    let first = tokio::runtime::Runtime::new().unwrap();
    let second = tokio::runtime::Runtime::new().unwrap();
    let begun = spawn_on(&first, &cache);
    while source.requests() == 0 {
        std::thread::yield_now();
    }
    let waiting = spawn_on(&second, &cache);

    first.shutdown_background();
    source.release();

    assert_eq!(token(second.block_on(waiting).unwrap()), "token-2");
    assert!(second.block_on(begun).is_err(), "was cancelled with its runtime");
    assert_eq!(source.most_in_flight(), 1);
}

/// P14: without any runtime there is an error, and nothing is left behind.
#[test]
fn without_a_runtime_there_is_a_typed_error() {
    let (cache, _) = cache(&ManualClock::new());

    let polled = futures_util::FutureExt::now_or_never(cache.header());

    let error = polled.expect("no wait").unwrap_err();
    assert!(matches!(error, AuthError::NoRuntime), "{error:?}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(token(runtime.block_on(cache.header())), "token-1");
}

/// P15, B12: a source that never answers costs a time-out, and not the cache.
#[tokio::test(start_paused = true)]
async fn a_fetch_has_its_own_time_limit() {
    let (cache, source) = cache_with(TokenCacheOptions::default().without_jitter());
    source.next(Answer::Never);
    let begun = tokio::time::Instant::now();

    let error = cache.header().await.unwrap_err();

    assert!(matches!(error, AuthError::TimedOut { .. }), "{error:?}");
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(token(cache.header().await), "token-2");
}

/// P16: also while a fetch is under way.
#[tokio::test]
async fn dropping_the_last_clone_releases_the_source() {
    let (cache, source) = cache(&ManualClock::new());
    source.block();
    let caller = spawn_header(&cache);
    settle().await;
    caller.abort();
    drop(cache);
    settle().await;
    assert!(!source.is_released(), "the fetch in flight still needs it");

    source.release();
    settle().await;

    assert!(source.is_released());
}

// Failing, as far as 401 needs it

/// P18, B8: one attempt, one error for all, at the same time.
#[tokio::test(start_paused = true)]
async fn all_waiters_of_an_attempt_get_its_error_together() {
    let (cache, source) = cache_with(TokenCacheOptions::default());
    source.next(Answer::Never);
    let begun = tokio::time::Instant::now();
    let callers: Vec<_> = (0..100).map(|_| spawn_header(&cache)).collect();

    for caller in callers {
        let error = caller.await.unwrap().unwrap_err();
        assert!(matches!(error, AuthError::TimedOut { .. }), "{error:?}");
        assert_eq!(begun.elapsed(), Duration::from_secs(30));
    }
    assert_eq!(source.requests(), 1);
}

/// P19: until the back-off is over, the last error is there at once.
#[tokio::test]
async fn after_a_failure_no_attempt_is_made_before_the_back_off() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let steps = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0];
    for (index, step) in steps.into_iter().enumerate() {
        source.next(Answer::Fail(AuthError::custom("down", "connection refused")));
        assert!(cache.header().await.is_err());
        assert_eq!(source.requests(), index + 1);

        clock.advance(step - 0.01);
        assert!(cache.header().await.is_err());
        assert_eq!(source.requests(), index + 1, "asked before {step} s were over");
        clock.advance(0.01);
    }
    assert_eq!(token(cache.header().await), "token-9");
}

// 401

/// P26, B19: a late refusal of an old token does not cost the new one.
#[tokio::test]
async fn a_late_refusal_does_not_drop_the_newer_token() {
    let (cache, source) = cache(&ManualClock::new());
    let old = cache.header().await.unwrap();
    cache.refused(&old);
    assert_eq!(token(cache.header().await), "token-2");

    for _ in 0..10 {
        assert_eq!(cache.refused(&old), Replay::Yes);
    }

    assert_eq!(token(cache.header().await), "token-2");
    assert_eq!(source.requests(), 2);
    assert_eq!((cache.stats().refusals, cache.stats().late_refusals), (1, 10));
}

/// P29: the first refusal is answered at once, each further one waits for its step.
#[tokio::test]
async fn a_server_that_refuses_everything_costs_one_request_per_back_off_step() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let mut seconds_of_requests = Vec::new();
    for second in 0..200 {
        for _ in 0..10 {
            if let Ok(header) = cache.header().await {
                cache.refused(&header);
            }
        }
        while seconds_of_requests.len() < source.requests() {
            seconds_of_requests.push(second);
        }
        clock.advance(1.0);
    }

    assert_eq!(seconds_of_requests, [0, 0, 1, 3, 7, 15, 31, 63, 123, 183]);
}

/// P29: a token that did its work for a while was not the server's mood.
#[tokio::test]
async fn a_refusal_after_a_good_while_is_the_first_again() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    for _ in 0..10 {
        let header = cache.header().await.unwrap();
        clock.advance(61.0);
        assert_eq!(cache.refused(&header), Replay::Yes);
    }

    assert!(cache.header().await.is_ok());
    assert_eq!(source.requests(), 11);
}

/// P30: the refresh is under way already.
#[tokio::test]
async fn a_refusal_joins_the_refresh_under_way() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let header = cache.header().await.unwrap();
    source.block();
    clock.advance(3400.0);
    cache.header().await.unwrap();
    settle().await;
    assert_eq!(source.requests(), 2);

    cache.refused(&header);
    let waiting = spawn_header(&cache);
    settle().await;
    source.release();

    assert_eq!(token(waiting.await.unwrap()), "token-2");
    assert_eq!(source.requests(), 2);
}

/// P31: a refresh token stays until another one comes.
#[tokio::test]
async fn an_answer_without_refresh_token_leaves_the_old_one() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let hour = Duration::from_secs(3600);
    source.next(Answer::Token(Token::new("a", hour).with_refresh_token("r1")));
    source.next(Answer::Token(Token::new("b", hour)));
    source.next(Answer::Token(Token::new("c", hour).with_refresh_token("r2")));
    for _ in 0..4 {
        cache.header().await.unwrap();
        clock.advance(3600.0);
    }

    let sent = source.previous();
    assert_eq!(sent, [None, Some("r1".into()), Some("r1".into()), Some("r2".into())]);
}

fn spawn_header(
    cache: &TokenCache<ScriptedSource>,
) -> tokio::task::JoinHandle<Result<reqwest::header::HeaderValue, AuthError>> {
    let cache = cache.clone();
    tokio::spawn(async move { cache.header().await })
}

fn spawn_on(
    runtime: &tokio::runtime::Runtime,
    cache: &TokenCache<ScriptedSource>,
) -> tokio::task::JoinHandle<Result<reqwest::header::HeaderValue, AuthError>> {
    let cache = cache.clone();
    runtime.spawn(async move { cache.header().await })
}
