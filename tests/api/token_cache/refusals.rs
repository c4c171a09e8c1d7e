//! 401: P26 to P30.

use spotify_web::auth::Replay;

use crate::common::{ManualClock, cache, rejected, settle, spawn_header, token};

/// P26, B19: a late refusal of an old token does not cost the new one.
#[tokio::test]
async fn a_late_refusal_does_not_drop_the_newer_token() {
    let (cache, source) = cache(&ManualClock::new());
    let old = cache.header().await.unwrap();
    rejected(&cache, &old).await;
    assert_eq!(token(cache.header().await), "token-2");

    for _ in 0..10 {
        assert_eq!(rejected(&cache, &old).await, Replay::Yes);
    }

    assert_eq!(token(cache.header().await), "token-2");
    assert_eq!(source.requests(), 2);
    assert_eq!((cache.stats().rejections, cache.stats().late_rejections), (1, 10));
}

/// P29: the first refusal is told at once, each further one waits for its step.
#[tokio::test]
async fn a_server_that_refuses_everything_costs_one_request_per_back_off_step() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let mut seconds_of_requests = Vec::new();
    for second in 0..200 {
        for _ in 0..10 {
            if let Ok(header) = cache.header().await {
                rejected(&cache, &header).await;
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
        assert_eq!(rejected(&cache, &header).await, Replay::Yes);
    }

    assert!(cache.header().await.is_ok());
    assert_eq!(source.requests(), 11);
}

/// P29: the same for tokens that live for seconds; those between served their time.
#[tokio::test]
async fn a_refusal_after_a_good_token_is_the_first_again() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    for number in 0..60 {
        source.next_token(&format!("short-{number}"), 2);
    }
    for _ in 0..20 {
        let good = cache.header().await.unwrap();
        clock.advance(2.0);
        let revoked = cache.header().await.unwrap();
        assert_ne!(good, revoked);
        assert_eq!(rejected(&cache, &revoked).await, Replay::Yes);
        clock.advance(2.0);
    }
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

    let rejection = tokio::spawn({
        let cache = cache.clone();
        async move { rejected(&cache, &header).await }
    });
    settle().await;
    let waiting = spawn_header(&cache);
    settle().await;
    source.release();

    assert_eq!(rejection.await.unwrap(), Replay::Yes);
    assert_eq!(token(waiting.await.unwrap()), "token-2");
    assert_eq!(source.requests(), 2);
}
