//! The rate limiter, through the client and before a fake.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Request;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use spotify_web::auth::{
    AuthError, Authenticator, Backoff, CredentialsAuthenticator, Rejection, Replay,
    TokenAuthenticator, TokenCacheOptions,
};
use spotify_web::middleware::{Closings, RateLimitOptions, RateLimiter, RetryOptions};
use spotify_web::testing::{FakeLimit, FakeResponse, FakeRetryAfter, FakeSpotify};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::common::{ARTIST, ManualClock, PausedTime, TRACK, TokioClock};

async fn fake_and_client(
    set: impl FnOnce(SpotifyClientConfig) -> SpotifyClientConfig,
) -> (FakeSpotify, SpotifyClient) {
    let fake = FakeSpotify::start().await.unwrap();
    // By the system's clock a busy machine looks like a laptop that slept.
    let options = RateLimitOptions::default().with_clock(TokioClock::new());
    let config = fake.config().with_token(fake.user_token()).with_rate_limit(options);
    let config = set(config);
    let spotify = SpotifyClient::new(config).unwrap();
    (fake, spotify)
}

fn same(config: SpotifyClientConfig) -> SpotifyClientConfig {
    config
}

fn get(spotify: &SpotifyClient, path: &str) -> JoinHandle<Result<Value, Error>> {
    let request = spotify.get::<Value>(path);
    tokio::spawn(async move { request.await })
}

fn track(spotify: &SpotifyClient) -> JoinHandle<Result<Value, Error>> {
    get(spotify, &format!("tracks/{TRACK}"))
}

fn artist(spotify: &SpotifyClient) -> JoinHandle<Result<Value, Error>> {
    get(spotify, &format!("artists/{ARTIST}"))
}

fn refusal(seconds: u64) -> FakeResponse {
    FakeResponse::status(429).with_header("retry-after", seconds.to_string())
}

#[tokio::test]
async fn a_stray_429_costs_its_pause_and_no_more() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    fake.next_api(refusal(1));
    let began = Instant::now();

    for _ in 0..8 {
        time.run(track(&spotify)).await.unwrap();
    }

    assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
    assert_eq!(fake.api_requests(), 9);
    assert_eq!(spotify.stats().rate_limit.app.rate, None);
}

#[tokio::test]
async fn calls_that_wait_behind_a_refused_one_succeed() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    (0..2).for_each(|_| fake.next_api(refusal(2)));
    let first = track(&spotify);
    time.settle().await;
    time.advance(Duration::from_millis(500)).await;
    for call in (0..8).map(|_| track(&spotify)).chain([first]).collect::<Vec<_>>() {
        time.run(call).await.unwrap();
    }
    assert_eq!(fake.api_requests(), 11);
}

/// Not as often as failures are retried, and from no budget.
#[tokio::test]
async fn a_429_is_retried_as_often_as_its_waits_allow() {
    let time = PausedTime::pause();
    let options = RetryOptions::default().with_retries(1);
    let (fake, spotify) = fake_and_client(|config| config.with_retries(options)).await;
    (0..5).for_each(|_| fake.next_api(refusal(1)));

    time.run(track(&spotify)).await.unwrap();

    assert_eq!(fake.api_requests(), 6);
}

#[tokio::test]
async fn a_refused_endpoint_holds_up_no_other() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    fake.next_api(refusal(80_000));
    let error = time.run(track(&spotify)).await.unwrap_err();
    let other_user = spotify.for_user(TokenAuthenticator::new(fake.user_token().expose())).unwrap();

    for user in [&spotify, &other_user] {
        time.run(artist(user)).await.unwrap();
        assert!(matches!(time.run(track(user)).await.unwrap_err(), Error::RateLimited { .. }));
    }

    assert!(error.retry_after().unwrap() > Duration::from_secs(79_990));
    assert_eq!(fake.api_requests(), 3);
}

#[tokio::test]
async fn apps_do_not_share_a_limit() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let user = |id: &str| CredentialsAuthenticator::new(id, "secret");
    let config = fake.config().with_authenticator(user("one"));
    let spotify = SpotifyClient::new(config).unwrap();
    let same_app = spotify.for_user(user("one")).unwrap();
    let other_app = spotify.for_user(user("two")).unwrap();

    spotify.rate_limiter().unwrap().close_for(Duration::from_secs(3600));

    assert!(time.run(track(&same_app)).await.is_err());
    time.run(track(&other_app)).await.unwrap();
}

#[tokio::test]
async fn the_waits_of_a_call_are_never_longer_than_max_wait_in_sum() {
    let time = PausedTime::pause();
    for max_wait in [Duration::from_secs(3), Duration::from_secs(60)] {
        let (fake, spotify) = fake_and_client(|config| config.with_max_wait(max_wait)).await;
        for _ in 0..100 {
            fake.next_api(refusal(2));
        }
        let began = Instant::now();
        let error = time.run(track(&spotify)).await.unwrap_err();

        assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
        assert!(error.retry_after().unwrap() > Duration::from_millis(10), "{error:?}");
        assert!(began.elapsed() <= max_wait + Duration::from_millis(500), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn without_any_wait_an_error_says_when_to_retry() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(|it| it.with_max_wait(Duration::ZERO)).await;
    fake.next_api(refusal(5));
    let began = Instant::now();
    let mut calls = 0;

    while let Err(error) = time.run(track(&spotify)).await {
        calls += 1;
        let wait = error.retry_after().unwrap();
        assert!(!wait.is_zero());
        time.advance(wait).await;
    }

    assert!(calls <= 2, "{calls}");
    assert!(began.elapsed() >= Duration::from_secs(5));
    assert_eq!(fake.api_requests(), 2);
}

#[tokio::test]
async fn a_deadline_that_does_not_fit_is_a_rate_limit_at_once() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    let quota = json!({ "error": { "status": 429, "reason": "SOME_LIMIT" } });
    fake.next_api(FakeResponse::json(429, &quota).with_header("retry-after", "30"));
    let began = Instant::now();

    let request = spotify.tracks().get(TRACK).deadline(Duration::from_secs(1));
    let error = time.run(tokio::spawn(async move { request.await })).await.unwrap_err();

    let Error::RateLimited { retry_after, reason, .. } = error else { panic!("{error:?}") };
    assert!(retry_after.unwrap() > Duration::from_secs(28));
    assert_eq!(reason.as_deref(), Some("SOME_LIMIT"));
    assert!(began.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn a_closed_endpoint_keeps_its_reason_and_counts_no_attempt() {
    let time = PausedTime::pause();
    let attempts: Arc<Mutex<Vec<u32>>> = Arc::default();
    let log = Arc::clone(&attempts);
    let (fake, spotify) = fake_and_client(|config| {
        config.with_observer(move |call| log.lock().unwrap().push(call.attempts))
    })
    .await;
    let quota = json!({ "error": { "status": 429, "reason": "QUOTA_EXCEEDED" } });
    fake.next_api(FakeResponse::json(429, &quota).with_header("retry-after", "86400"));

    for _ in 0..2 {
        let error = time.run(track(&spotify)).await.unwrap_err();
        let Error::RateLimited { reason, .. } = error else { panic!("{error:?}") };
        assert_eq!(reason.as_deref(), Some("QUOTA_EXCEEDED"));
    }

    assert_eq!(*attempts.lock().unwrap(), [1, 0]);
}

/// A retry layer honours `Retry-After` by itself.
#[tokio::test]
async fn retry_waits_for_retry_after_without_a_limiter() {
    let time = PausedTime::pause();
    let millisecond = Duration::from_millis(1);
    let backoff = Backoff::new(millisecond, 1.0, millisecond).unwrap();
    for (status, seconds) in [(429, 30), (503, 20)] {
        let (fake, spotify) = fake_and_client(|config| {
            config
                .with_retries(RetryOptions::default().with_backoff(backoff))
                .without_rate_limiter()
        })
        .await;
        let response = FakeResponse::status(status).with_header("retry-after", seconds.to_string());
        fake.next_api(response);
        let began = Instant::now();

        time.run(track(&spotify)).await.unwrap();

        assert!(began.elapsed() >= Duration::from_secs(seconds), "{status} {:?}", began.elapsed());
        assert_eq!(fake.api_requests(), 2);
    }
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_not_waited_for_by_a_retry() {
    let time = PausedTime::pause();
    for status in [429, 503] {
        let (fake, spotify) = fake_and_client(SpotifyClientConfig::without_rate_limiter).await;
        fake.next_api(FakeResponse::status(status).with_header("retry-after", "3600"));
        let began = Instant::now();

        time.run(track(&spotify)).await.unwrap_err();

        assert!(began.elapsed() < Duration::from_secs(1));
        assert_eq!(fake.api_requests(), 1);
    }
}

#[tokio::test]
async fn a_request_timeout_is_retried() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    fake.next(408);
    time.run(track(&spotify)).await.unwrap();
    assert_eq!(fake.api_requests(), 2);
}

/// `Date` and `Retry-After` are by the same clock, right or wrong.
#[tokio::test]
async fn a_date_counts_from_the_servers_own_clock() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    let response = FakeResponse::status(429)
        .with_header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .with_header("retry-after", "Sun, 06 Nov 1994 08:49:42 GMT");
    fake.next_api(response);
    let call = track(&spotify);
    while fake.api_requests() == 0 {
        tokio::task::yield_now().await;
    }
    time.settle().await;
    let closed = spotify.stats().rate_limit.closed_for();
    assert!((4.5..=5.0).contains(&closed.as_secs_f64()), "{closed:?}");
    time.run(call).await.unwrap();
}

/// A recipient reads all three forms of a date, and a proxy may have touched a number.
#[tokio::test]
async fn every_form_of_retry_after_is_read() {
    let time = PausedTime::pause();
    for (value, expected) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 60),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 60),
        ("Sun Nov  6 08:49:37 1994", 60),
        ("60", 60),
        (" 60 ", 60),
        ("60, 60", 60),
        ("+60", 60),
        ("60.0", 60),
        ("60;x", 60),
        ("59.5, 7", 60),
        ("59.000001", 60),
        ("3.9", 4),
        ("+0.1;x", 1),
        ("60.", 60),
        ("99999999999999999999999.5", 604_800),
        ("06 Nov 1994 08:49:37 GMT", 60),
        ("6 Nov 1994 08:49:37 +0000", 60),
        ("1994-11-06T08:49:37Z", 1),
        ("06.11.1994 08:49:37", 1),
        ("06/11/1994", 1),
        ("6 Nov 1994", 1),
        ("1500ms", 1),
        ("1500 ms", 1),
        ("10:30", 1),
        ("99999999999999999999999", 604_800),
        ("soon", 1),
        ("-60", 1),
        ("", 1),
    ] {
        let set = |config: SpotifyClientConfig| config.with_max_wait(Duration::ZERO);
        let (fake, spotify) = fake_and_client(set).await;
        let response = FakeResponse::status(429)
            .with_header("date", "Sun, 06 Nov 1994 08:48:37 GMT")
            .with_header("retry-after", value);
        fake.next_api(response);

        time.run(track(&spotify)).await.unwrap_err();

        let closed = spotify.stats().rate_limit.closed_for().as_secs_f64().ceil();
        assert_eq!(closed, f64::from(expected), "{value:?}");
    }
}

/// A laptop that slept: the monotonic clock stood still.
#[tokio::test]
async fn a_closing_ends_by_the_wall_clock_too() {
    let clock = ManualClock::new();
    let options = RateLimitOptions::default().with_clock(clock.clone());
    let limiter = RateLimiter::new(options);
    limiter.close_for(Duration::from_secs(3600));
    clock.jump_wall(-7200);
    assert!(limiter.stats().closed_for() > Duration::from_secs(3590));
    clock.jump_wall(4 * 3600);
    assert_eq!(limiter.stats().closed_for(), Duration::ZERO);
}

#[tokio::test]
async fn closings_are_carried_over_a_restart_and_reopened() {
    let clock = ManualClock::new();
    let options = || RateLimitOptions::default().with_clock(clock.clone());
    let limiter = RateLimiter::new(options());
    limiter.for_app(Some("app")).close_for(Duration::from_secs(600));
    let stored = serde_json::to_string(&limiter.closings()).unwrap();
    clock.advance(100.0);

    let restarted = RateLimiter::new(options());
    restarted.restore(&serde_json::from_str::<Closings>(&stored).unwrap());
    let app = restarted.for_app(Some("app"));

    let other = restarted.for_app(Some("other"));
    assert_eq!(other.stats().closed_for(), Duration::ZERO);
    let closed = app.stats().closed_for().as_secs_f64();
    assert!((499.0..=501.0).contains(&closed), "{closed}");
    app.reopen();
    assert_eq!(app.stats().closed_for(), Duration::ZERO);
}

/// What was closed by hand is no `Retry-After`, and is not cut by what of that is believed.
#[tokio::test]
async fn a_closing_by_hand_is_carried_over_as_it_was() {
    let day = Duration::from_secs(86_400);
    for longest in [Duration::from_secs(60), 7 * day] {
        let clock = ManualClock::new();
        let options = RateLimitOptions::default().with_clock(clock.clone());
        let options = options.with_longest_retry_after(longest);
        let limiter = RateLimiter::new(options.clone());
        limiter.close_for(30 * day);
        let restarted = RateLimiter::new(options);
        restarted.restore(&limiter.closings());
        assert_eq!(restarted.stats().closed_for(), limiter.stats().closed_for());
        restarted.restore(&limiter.closings());
        assert_eq!(restarted.closings(), limiter.closings(), "twice is once");
    }
}

/// Endpoints beyond a number share a limit, which has a name of its own.
#[tokio::test]
async fn the_limit_of_the_rest_is_carried_over_too() {
    let closings = |endpoint: &str| {
        let until = std::time::SystemTime::now() + Duration::from_secs(600);
        let closing =
            json!({ "client_id": null, "endpoint": endpoint, "until": until, "reason": null });
        serde_json::from_value::<Closings>(json!({ "closings": [closing] })).unwrap()
    };
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(|it| it.with_rate_limiter(RateLimiter::default())).await;
    let limiter = spotify.rate_limiter().unwrap();
    for number in 0..256 {
        limiter.restore(&closings(&format!("GET /v1/x{number}")));
    }
    limiter.restore(&closings("(others)"));
    assert_eq!(limiter.stats().endpoints.len(), 257);

    let error = time.run(track(&spotify)).await.unwrap_err();

    assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
    assert_eq!(fake.api_requests(), 0);
}

/// However the options are set, and with a limiter that others use.
#[tokio::test]
async fn max_wait_holds_whatever_is_set_after_it() {
    let time = PausedTime::pause();
    let max_wait = Duration::from_secs(2);
    let sets: [fn(SpotifyClientConfig) -> SpotifyClientConfig; 3] = [
        |config| config.with_rate_limit(RateLimitOptions::default()),
        |config| config.with_rate_limiter(RateLimiter::default()),
        |config| config.without_rate_limiter().with_retries(RetryOptions::default()),
    ];
    for set in sets {
        for is_first in [true, false] {
            let (fake, spotify) = fake_and_client(|config| match is_first {
                true => set(config.with_max_wait(max_wait)),
                false => set(config).with_max_wait(max_wait),
            })
            .await;
            fake.next_api(refusal(20));
            let began = Instant::now();
            time.run(track(&spotify)).await.unwrap_err();
            assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        }
    }
}

#[tokio::test]
async fn max_wait_neither_replaces_a_limiter_nor_brings_one_back() {
    let limiter = RateLimiter::default();
    limiter.close_for(Duration::from_secs(60));
    let config = SpotifyClientConfig::default().with_rate_limiter(limiter);
    let spotify = SpotifyClient::new(config.with_max_wait(Duration::from_secs(1))).unwrap();
    assert!(spotify.stats().rate_limit.closed_for() > Duration::from_secs(50));
    let config = SpotifyClientConfig::default().without_rate_limiter();
    let spotify = SpotifyClient::new(config.with_max_wait(Duration::from_secs(1))).unwrap();
    assert!(spotify.rate_limiter().is_none());
}

/// A 501 is the server's word on the request, and a 408 may be the caller's fault.
#[tokio::test]
async fn a_status_that_no_retry_changes_is_no_failure_of_the_server() {
    let time = PausedTime::pause();
    for status in [501, 505, 408] {
        let (fake, spotify) = fake_and_client(SpotifyClientConfig::without_retries).await;
        for _ in 0..100 {
            fake.next(status);
            time.run_by(Duration::from_millis(20), track(&spotify)).await.unwrap_err();
        }
        assert!(!spotify.stats().rate_limit.is_failing(), "{status}");
    }
}

#[tokio::test]
async fn a_call_that_was_refused_keeps_its_place() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    spotify.rate_limiter().unwrap().close_for(Duration::from_secs(5));
    let call = |market: &str| {
        let request = spotify.get::<Value>(&format!("tracks/{TRACK}")).query("market", market);
        tokio::spawn(async move { request.await })
    };
    let mut calls = Vec::new();
    for market in ["DE", "FR", "IT"] {
        calls.push(call(market));
        time.settle().await;
    }
    fake.next_api(refusal(2));

    for call in calls {
        time.run(call).await.unwrap();
    }

    let requests = fake.requests();
    let order: Vec<_> = requests.iter().filter_map(|it| it.parameter("market")).collect();
    assert_eq!(order, ["DE", "DE", "FR", "IT"]);
}

/// Of five that go, one is another's.
#[tokio::test]
async fn the_urgent_do_not_starve_the_others() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    spotify.rate_limiter().unwrap().close_for(Duration::from_secs(5));
    let others: Vec<_> = (0..4).map(|_| artist(&spotify)).collect();
    time.settle().await;
    let urgent: Vec<_> = (0..16)
        .map(|_| {
            let request = spotify.player().pause();
            tokio::spawn(async move { drop(request.await) })
        })
        .collect();
    time.settle().await;
    for other in others {
        time.run(other).await.unwrap();
    }
    for call in urgent {
        time.run(call).await;
    }

    let requests = fake.requests();
    let places: Vec<_> =
        (0..requests.len()).filter(|it| requests[*it].path.contains("artists")).collect();
    assert!(places[0] >= 3 && places[3] <= 20, "{places:?}");
    assert!(places[0] <= 5, "{places:?}");
}

/// However the runtime treats those who wait, nobody sleeps on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_stops_waiting_leaves_no_hole_and_takes_no_wake_up_along() {
    let (fake, spotify) = fake_and_client(same).await;
    let limiter = spotify.rate_limiter().unwrap().clone();
    for round in 0..20 {
        limiter.close_for(Duration::from_secs(3600));
        let calls: Vec<_> = (0..32).map(|_| artist(&spotify)).collect();
        for (number, call) in calls.iter().enumerate() {
            if (number + round) % 3 == 0 {
                call.abort();
            }
        }
        limiter.reopen();
        for (number, call) in calls.into_iter().enumerate() {
            let ended = tokio::time::timeout(Duration::from_secs(30), call).await.expect("no hang");
            assert!((number + round) % 3 == 0 || ended.is_ok());
        }
        limiter.reopen();
        assert_eq!(limiter.stats().waiting(), 0);
    }
    assert!(fake.api_requests() > 0);
}

/// The first of those that wait watches the time for all.
#[tokio::test]
async fn a_waiter_that_is_dropped_is_forgotten_and_another_watches_the_time() {
    let time = PausedTime::pause();
    let (_fake, spotify) = fake_and_client(same).await;
    spotify.rate_limiter().unwrap().close_for(Duration::from_millis(1500));
    let began = Instant::now();
    let first = track(&spotify);
    time.settle().await;
    let second = track(&spotify);
    time.settle().await;

    time.advance(Duration::from_millis(600)).await;
    first.abort();
    time.settle().await;

    assert_eq!(spotify.stats().rate_limit.waiting(), 1);
    time.run_by(Duration::from_millis(10), second).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(1580), "{:?}", began.elapsed());
}

/// The caller was in a hurry; the server may be well.
#[tokio::test]
async fn time_outs_of_the_caller_slow_nobody_down() {
    let time = PausedTime::pause();
    let (fake, spotify) =
        fake_and_client(|config| config.with_timeout(Duration::from_secs(1)).without_retries())
            .await;
    (0..100).for_each(|_| fake.next_api(FakeResponse::never()));
    for call in (0..100).map(|_| track(&spotify)).collect::<Vec<_>>() {
        time.run(call).await.unwrap_err();
    }
    assert!(!spotify.stats().rate_limit.is_failing());
    time.run(track(&spotify)).await.unwrap();
}

/// Nobody holds a permit while it waits for a token.
#[tokio::test]
async fn a_slow_token_of_one_user_holds_up_nobody() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    let slow = spotify.for_user(CredentialsAuthenticator::new("other", "secret")).unwrap();
    fake.next_token(FakeResponse::never());
    let waits: Vec<_> = (0..8).map(|_| track(&slow)).collect();
    time.settle().await;
    let began = Instant::now();

    time.run(track(&spotify)).await.unwrap();

    assert!(began.elapsed() < Duration::from_millis(500));
    waits.iter().for_each(JoinHandle::abort);
}

/// A token may expire while its request waits for a permit.
#[tokio::test]
async fn a_token_that_expires_in_the_queue_is_not_sent() {
    let time = PausedTime::pause();
    let lifetime = Duration::from_secs(20);
    let fake = FakeSpotify::builder().with_token_lifetime(lifetime).start().await.unwrap();
    let options = TokenCacheOptions::default().with_clock(TokioClock::new());
    let authenticator = CredentialsAuthenticator::new("id", "secret").with_options(options);
    let spotify = SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap();
    time.run(track(&spotify)).await.unwrap();
    spotify.rate_limiter().unwrap().close_for(Duration::from_secs(40));

    for call in (0..5).map(|_| track(&spotify)).collect::<Vec<_>>() {
        time.run(call).await.unwrap();
    }

    assert_eq!(fake.expired_tokens(), 0);
    assert_eq!(fake.api_requests(), 6);
}

/// Signs without a mark, and keeps what it is told.
#[derive(Debug, Clone, Default)]
struct Careless(Arc<std::sync::Mutex<Vec<String>>>);

#[async_trait]
impl Authenticator for Careless {
    async fn apply(&self, request: &mut Request) -> Result<(), AuthError> {
        request.headers_mut().insert("authorization", "Bearer s3cret".parse().unwrap());
        Ok(())
    }

    async fn rejected(&self, rejection: &Rejection) -> Result<Replay, AuthError> {
        self.0.lock().unwrap().push(format!("{rejection:?}"));
        Ok(Replay::No)
    }
}

#[tokio::test]
async fn credentials_are_marked_sensitive_also_after_a_wait_for_a_permit() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    let careless = Careless::default();
    let user = spotify.for_user(careless.clone()).unwrap();
    for closed in [0, 5] {
        spotify.rate_limiter().unwrap().close_for(Duration::from_secs(closed));
        fake.next(401);
        time.run(track(&user)).await.unwrap_err();
    }
    let told = careless.0.lock().unwrap();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|rejection| !rejection.contains("s3cret")), "{told:?}");
}

/// Signs with another token each time, and keeps which were rejected and accepted.
#[derive(Debug, Clone, Default)]
struct Numbered(Arc<AtomicUsize>, Arc<std::sync::Mutex<Vec<String>>>);

impl Numbered {
    fn keep(&self, verdict: &str, credentials: &HeaderValue) {
        let text = format!("{verdict} {}", credentials.to_str().unwrap());
        self.1.lock().unwrap().push(text);
    }
}

#[async_trait]
impl Authenticator for Numbered {
    async fn apply(&self, request: &mut Request) -> Result<(), AuthError> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        request.headers_mut().insert("authorization", number.to_string().parse().unwrap());
        Ok(())
    }

    async fn rejected(&self, rejection: &Rejection) -> Result<Replay, AuthError> {
        self.keep("rejected", &rejection.credentials);
        Ok(Replay::No)
    }

    fn accepted(&self, credentials: &HeaderValue) {
        self.keep("accepted", credentials);
    }
}

/// What is signed anew after a wait for a permit is told of by what it left with, not by the first
/// one.
#[tokio::test]
async fn the_authenticator_is_told_what_a_request_left_with() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    let numbered = Numbered::default();
    let user = spotify.for_user(numbered.clone()).unwrap();
    for (closed, status) in [(0, 401), (5, 401), (5, 400), (0, 400)] {
        spotify.rate_limiter().unwrap().close_for(Duration::from_secs(closed));
        fake.next(status);
        time.run(track(&user)).await.unwrap_err();
    }
    let told = numbered.1.lock().unwrap();
    assert_eq!(*told, ["rejected 0", "rejected 2", "accepted 4", "accepted 5"]);
}

/// Has a token at hand once; the next one takes forever.
#[derive(Debug, Default)]
struct SlowAfterwards(AtomicUsize);

#[async_trait]
impl Authenticator for SlowAfterwards {
    async fn apply(&self, _: &mut Request) -> Result<(), AuthError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(()),
            _ => std::future::pending().await,
        }
    }
}

/// After a closing one request goes first. One that has to wait for a token anew is not that one.
#[tokio::test]
async fn a_permit_is_given_back_while_a_new_token_is_awaited() {
    let time = PausedTime::pause();
    let (_fake, spotify) = fake_and_client(same).await;
    let slow = spotify.for_user(SlowAfterwards::default()).unwrap();
    spotify.rate_limiter().unwrap().close_for(Duration::from_secs(5));
    let first = track(&slow);
    time.settle().await;
    let began = Instant::now();

    time.run(track(&spotify)).await.unwrap();

    assert!(began.elapsed() < Duration::from_millis(5500), "{:?}", began.elapsed());
    assert_eq!(spotify.stats().rate_limit.waiting(), 0);
    first.abort();
}

/// 256 tasks go at once: no slow start.
#[tokio::test]
async fn without_a_refusal_nothing_waits() {
    let limiter = RateLimiter::default();
    let (fake, spotify) = fake_and_client(|it| it.with_rate_limiter(limiter.clone())).await;
    for call in (0..256).map(|_| artist(&spotify)).collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!(fake.api_requests(), 256);
    assert_eq!(limiter.for_app(None).stats().waiting(), 0);
}

#[tokio::test]
async fn a_failing_endpoint_slows_down_no_other_and_recovers() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(SpotifyClientConfig::without_retries).await;
    for _ in 0..12 {
        fake.next(500);
        time.run(track(&spotify)).await.ok();
    }
    assert!(spotify.stats().rate_limit.is_failing());
    let began = Instant::now();
    time.run(artist(&spotify)).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(300));

    time.run(track(&spotify)).await.unwrap();

    assert!(!spotify.stats().rate_limit.is_failing());
}

/// A permit for the replay too: it is the second request on the wire.
#[tokio::test]
async fn the_replay_after_a_401_takes_a_permit() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let attempts: Arc<Mutex<Vec<u32>>> = Arc::default();
    let log = Arc::clone(&attempts);
    let config = fake.config_with_credentials();
    let config = config.with_observer(move |call| log.lock().unwrap().push(call.attempts));
    let spotify = SpotifyClient::new(config).unwrap();
    time.run(track(&spotify)).await.unwrap();
    fake.expire_tokens();

    time.run(track(&spotify)).await.unwrap();

    assert_eq!(*attempts.lock().unwrap(), [1, 2], "counted where permits are given");
}

#[tokio::test]
async fn stats_tell_of_each_endpoint() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client(same).await;
    fake.ban("tracks/", Duration::from_secs(600));
    time.run(track(&spotify)).await.unwrap_err();
    time.run(artist(&spotify)).await.unwrap();

    let stats = spotify.stats().rate_limit;
    let names: Vec<_> = stats.endpoints.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["GET /v1/artists/{}", "GET /v1/tracks/{}"]);
    assert_eq!(stats.endpoints[0].1, Default::default());
    assert_eq!(stats.endpoints[1].1.refusals, 1);
    assert!(stats.endpoints[1].1.closed_for > Duration::from_secs(590));
    assert_eq!(stats.app.closed_for, Duration::ZERO);
}

/// The fake limits as Spotify does, and says what it is told to.
#[tokio::test]
async fn a_limit_of_an_endpoint_and_of_the_app_are_both_kept_to() {
    let time = PausedTime::pause();
    for retry_after in [FakeRetryAfter::Right, FakeRetryAfter::Always(1), FakeRetryAfter::Missing] {
        let (fake, spotify) = fake_and_client(same).await;
        let limit = FakeLimit::rolling(20, Duration::from_secs(30)).with_retry_after(retry_after);
        fake.limit_endpoint("tracks/", limit);
        let calls: Vec<_> = (0..30).map(|_| track(&spotify)).collect();
        let began = Instant::now();
        time.run(artist(&spotify)).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(1));
        for call in calls {
            time.run(call).await.unwrap();
        }
        assert!(fake.limited_requests() >= 1);
    }
}
