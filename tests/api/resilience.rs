//! Retries, the rate limiter, deadlines, and what a program sees of them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use reqwest::{Method, Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use serde_json::{Value, json};
use spotify_web::api::{PlaylistReorder, StartPlayback};
use spotify_web::auth::{Backoff, CredentialsAuthenticator, TokenAuthenticator};
use spotify_web::middleware::{RateLimitOptions, RateLimiter, RequestClass, RetryOptions};
use spotify_web::model::TrackId;
use spotify_web::testing::{FakeResponse, FakeSpotify, Fault, FaultProxy};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::task::JoinHandle;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::common::{ALBUM, Log, PLAYLIST, PausedTime, TRACK, TokioClock, by_tokio_clock};

/// Pauses of a millisecond, so that tests of what is retried need no clock.
fn quick(config: SpotifyClientConfig) -> SpotifyClientConfig {
    let millisecond = Duration::from_millis(1);
    let backoff = Backoff::new(millisecond, 1.0, millisecond).unwrap();
    config.with_retries(RetryOptions::default().with_backoff(backoff))
}

async fn fake_and_client() -> (Arc<FakeSpotify>, SpotifyClient) {
    let fake = Arc::new(FakeSpotify::start().await.unwrap());
    let config = quick(by_tokio_clock(fake.config().with_token(fake.user_token())));
    let spotify = SpotifyClient::new(config).unwrap();
    (fake, spotify)
}

fn get_track(spotify: &SpotifyClient) -> JoinHandle<Result<(), Error>> {
    let request = spotify.tracks().get(TRACK);
    tokio::spawn(async move { request.await.map(drop) })
}

/// Waits for what has to happen, however long a busy machine takes; no time passes meanwhile.
async fn until(has_happened: impl Fn() -> bool) {
    while !has_happened() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn reads_are_retried_after_a_transient_failure() {
    for fault in [
        FakeResponse::status(500),
        FakeResponse::status(502),
        FakeResponse::status(503),
        FakeResponse::status(504),
        FakeResponse::hang_up(),
    ] {
        let (fake, spotify) = fake_and_client().await;
        fake.next_api(fault.clone());
        fake.next_api(fault);

        spotify.tracks().get(TRACK).await.unwrap();

        assert_eq!(fake.api_requests(), 3);
        assert_eq!(spotify.stats().retries, 2);
    }
    let (fake, spotify) = fake_and_client().await;
    for status in [400, 403, 404, 501] {
        fake.next(status);
        spotify.tracks().get(TRACK).await.unwrap_err();
    }
    assert_eq!(fake.api_requests(), 4, "it would be the same again");
}

/// What was sent is not known: a write that does something twice is not sent again.
#[tokio::test]
async fn writes_are_sent_again_only_where_that_does_nothing_twice() {
    let (fake, spotify) = fake_and_client().await;
    let track: TrackId = TRACK.parse().unwrap();
    let playback = StartPlayback::uris([track]);
    let reorder = PlaylistReorder::new(1, 0);
    fake.next(503);
    spotify.player().play(&playback).await.unwrap();
    assert_eq!(fake.api_requests(), 2, "idempotent");

    for response in [FakeResponse::status(503), FakeResponse::hang_up()] {
        let before = fake.api_requests();
        fake.next_api(response.clone());
        spotify.player().next().await.unwrap_err();
        fake.next_api(response.clone());
        spotify.playlists().add_items(PLAYLIST, [track]).await.unwrap_err();
        fake.next_api(response);
        spotify.playlists().reorder_items(PLAYLIST, &reorder).await.unwrap_err();
        assert_eq!(fake.api_requests() - before, 3, "once each");
    }
}

/// A connection that was never made has carried nothing.
#[tokio::test]
async fn what_was_never_sent_is_sent_again_whatever_it_is() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let config = quick(SpotifyClientConfig::default().with_base_url(base).with_token("token"));
    let spotify = SpotifyClient::new(config).unwrap();

    let error = spotify.player().next().await.unwrap_err();

    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert_eq!(spotify.stats().retries, 3);
}

#[tokio::test]
async fn retries_can_be_set_for_one_request_and_turned_off_for_all() {
    let (fake, spotify) = fake_and_client().await;
    for _ in 0..7 {
        fake.next(503);
    }
    spotify.tracks().get(TRACK).retries(0).await.unwrap_err();
    assert_eq!(fake.api_requests(), 1);
    spotify.tracks().get(TRACK).retries(5).await.unwrap_err();
    assert_eq!(fake.api_requests(), 7);

    let config = fake.config().with_token(fake.user_token()).without_retries();
    fake.next(503);
    SpotifyClient::new(config).unwrap().tracks().get(TRACK).await.unwrap_err();
    assert_eq!(fake.api_requests(), 8);
}

/// One retry for ten requests, and ten more to begin with.
#[tokio::test]
async fn an_outage_is_not_multiplied() {
    let fake = FakeSpotify::start().await.unwrap();
    let proxy = FaultProxy::start(&fake, 1).await.unwrap();
    proxy.inject(Fault::ResetBeforeRequest, 1.0);
    let config = quick(proxy.config().with_token("token"));
    let spotify = SpotifyClient::new(config.without_rate_limiter()).unwrap();

    for _ in 0..200 {
        spotify.tracks().get(TRACK).await.unwrap_err();
    }

    assert_eq!(spotify.stats().retries, 30);
    assert_eq!(proxy.api_requests(), 230);
}

#[tokio::test]
async fn after_a_429_no_client_or_user_sends_before_it_is_over() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client().await;
    let other_user = spotify.for_user(TokenAuthenticator::new(fake.user_token().expose())).unwrap();
    fake.next_api(FakeResponse::status(429).with_header("retry-after", "5"));

    let first = get_track(&spotify);
    until(|| spotify.stats().rate_limit.refusals() == 1).await;
    let others = [get_track(&spotify.clone()), get_track(&other_user)];
    until(|| spotify.stats().rate_limit.waiting() == 3).await;
    time.advance(Duration::from_millis(4_900)).await;
    time.settle().await;
    assert_eq!(fake.api_requests(), 1);
    assert_eq!(spotify.stats().rate_limit.waiting(), 3);

    time.advance(Duration::from_millis(200)).await;
    time.run(first).await.unwrap();
    for other in others {
        time.run(other).await.unwrap();
    }
    assert_eq!(fake.api_requests(), 4);
    assert_eq!(spotify.stats().rate_limit.refusals(), 1);
}

/// Never a silent day: an error at once, for the one that was refused and for all after it.
#[tokio::test]
async fn a_wait_that_is_too_long_is_an_error_at_once() {
    let (fake, spotify) = fake_and_client().await;
    fake.next_api(FakeResponse::status(429).with_header("retry-after", "86400"));

    for _ in 0..3 {
        let error = spotify.tracks().get(TRACK).await.unwrap_err();
        assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
        let wait = error.retry_after().unwrap().as_secs();
        assert!((86_390..=86_400).contains(&wait), "{wait}");
    }
    assert_eq!(fake.api_requests(), 1);
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_not_waited_out() {
    let (fake, spotify) = fake_and_client().await;
    let quota = json!({ "error": { "status": 429, "reason": "QUOTA_EXCEEDED" } });
    fake.next_api(FakeResponse::json(429, &quota).with_header("retry-after", "2"));

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert!(
        matches!(&error, Error::RateLimited { reason: Some(reason), .. } if reason == "QUOTA_EXCEEDED"),
        "{error:?}"
    );
    assert_eq!(fake.api_requests(), 1);
}

/// Missing or past: a second, then twice it. A date: until then.
#[tokio::test]
async fn however_retry_after_is_written_the_limiter_opens() {
    let time = PausedTime::pause();
    let past = "Sun, 06 Nov 1994 08:49:37 GMT".to_owned();
    let soon = chrono::DateTime::<chrono::Utc>::from(SystemTime::now() + Duration::from_secs(30));
    let soon = soon.to_rfc2822().replace("+0000", "GMT");
    let date = chrono::DateTime::<chrono::Utc>::from(SystemTime::now());
    let date = date.to_rfc2822().replace("+0000", "GMT");
    for (value, seconds) in
        [(None, 1.0), (Some(past), 1.0), (Some("soon".to_owned()), 1.0), (Some(soon), 29.0)]
    {
        let (fake, spotify) = fake_and_client().await;
        let refusal = FakeResponse::status(429).with_header("date", &date);
        fake.next_api(match &value {
            Some(value) => refusal.with_header("retry-after", value),
            None => refusal,
        });
        let call = get_track(&spotify);
        until(|| spotify.stats().rate_limit.refusals() == 1).await;
        let closed = spotify.stats().rate_limit.closed_for().as_secs_f64();
        assert!(
            (seconds - 1.5..=seconds + 1.5).contains(&closed) && closed > 0.5,
            "{value:?} {closed}"
        );
        time.run(call).await.unwrap();
    }
}

/// A caller that gives up leaves no hole; the player's commands go before the rest.
///
/// Seen below the limiter: at a server, requests of several connections arrive in any order.
#[tokio::test]
async fn requests_wait_in_order_and_the_urgent_go_first() {
    let time = PausedTime::pause();
    let options = RateLimitOptions::default().with_clock(TokioClock::new());
    let limiter = RateLimiter::new(options);
    let arrivals = Arrivals::default();
    let http = SpotifyClientConfig::default().http_client().unwrap();
    let client = ClientBuilder::new(http).with(limiter.clone()).with(arrivals.clone()).build();
    limiter.close_for(Duration::from_secs(10));
    let mut calls = Vec::new();
    for path in ["0", "1", "gives up", "3", "4", "urgent"] {
        let mut class = RequestClass::of(&Method::GET);
        class.is_urgent = path == "urgent";
        let request = client.get(format!("http://127.0.0.1/{path}")).with_extension(class);
        calls.push(tokio::spawn(async move { drop(request.send().await) }));
        time.settle().await;
    }
    calls.remove(2).abort();
    time.settle().await;

    for call in calls {
        time.run(call).await;
    }

    assert_eq!(*arrivals.0.lock().unwrap(), ["/urgent", "/0", "/1", "/3", "/4"]);
}

/// A layer in place of a server, which notes what arrives.
#[derive(Debug, Clone, Default)]
struct Arrivals(Arc<Mutex<Vec<String>>>);

#[async_trait::async_trait]
impl Middleware for Arrivals {
    async fn handle(
        &self,
        request: Request,
        _: &mut http::Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        self.0.lock().unwrap().push(request.url().path().to_owned());
        Ok(http::Response::new("").into())
    }
}

#[tokio::test]
async fn a_call_that_takes_longer_than_it_may_is_given_up() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client().await;
    fake.next_api(FakeResponse::never());

    let request = spotify.tracks().get(TRACK).deadline(Duration::from_secs(20));
    let error = time.run(tokio::spawn(async move { request.await.map(drop) })).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "GET /v1/tracks/11dFghVXANMlKmJXsNCbNl took longer than 20s with its waits and retries"
    );
    assert!(error.is_transient());
    assert_eq!(fake.api_requests(), 1);
    assert_eq!(spotify.stats().rate_limit.waiting(), 0);
}

/// Templates and numbers, and no id.
#[tokio::test]
async fn an_observer_hears_what_became_of_each_call() {
    let fake = FakeSpotify::start().await.unwrap();
    let reports: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&reports);
    let config = quick(fake.config_with_credentials()).with_observer(move |call| {
        let status = call.status.map(|status| status.as_u16());
        let text = format!("{} {} {status:?} {}", call.method, call.endpoint, call.attempts);
        log.lock().unwrap().push(text);
    });
    let spotify = SpotifyClient::new(config).unwrap();

    fake.next(503);
    spotify.albums().tracks("3IBcauSj5M2A6lTeffJzdv").await.unwrap();
    spotify.users().me().await.unwrap_err();
    spotify.get::<Value>("search?q=secret").await.unwrap_err();

    assert_eq!(
        *reports.lock().unwrap(),
        ["GET albums/{}/tracks Some(200) 2", "GET me Some(403) 1", "GET (raw) Some(400) 1",]
    );
}

/// One for the call, and one in it for each attempt; named by the endpoint, and not by whose it is.
#[tokio::test]
async fn spans_tell_of_calls_and_attempts() {
    let log = Log::default();
    let format = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).without_time();
    let format = format.with_max_level(tracing::Level::DEBUG).with_span_events(FmtSpan::CLOSE);
    let _guard = tracing::subscriber::set_default(format.finish());
    let (fake, spotify) = fake_and_client().await;
    let call = || {
        fake.next(503);
        spotify.albums().tracks(ALBUM).send()
    };
    // Other tests may have come by first, whom nobody listens to.
    call().await.unwrap();
    tracing::callsite::rebuild_interest_cache();
    let before = log.text().len();

    call().await.unwrap();

    let log = log.text().split_off(before);
    let closed: Vec<_> = log.lines().filter(|line| line.contains("close")).collect();
    assert_eq!(closed.len(), 3, "{log}");
    let call = "spotify call{method=GET endpoint=\"albums/{}/tracks\"";
    assert!(closed[0].contains("spotify attempt{attempt=1 status=503}"), "{log}");
    assert!(closed[1].contains("spotify attempt{attempt=2 status=200}"), "{log}");
    assert!(closed.iter().all(|line| line.contains(call)), "{log}");
    assert!(closed[2].contains("status=200") && closed[2].contains("attempts=2"), "{log}");
    assert!(!closed.iter().any(|line| line.contains(ALBUM)), "{log}");
    let retried = log.lines().find(|line| line.contains("a request is to be retried"));
    assert!(retried.is_some_and(|line| line.contains("status=503 ")), "{log}");
}

#[tokio::test]
async fn reads_survive_each_fault_and_writes_are_carried_out_once() {
    for fault in [
        Fault::ResetBeforeRequest,
        Fault::ResetBeforeResponse,
        Fault::ResetInResponse,
        Fault::HalfBody,
        Fault::GatewayError,
        Fault::ErrorAfterwards,
    ] {
        let fake = FakeSpotify::start().await.unwrap();
        let proxy = FaultProxy::start(&fake, 1).await.unwrap();
        let config = quick(proxy.config().with_token(fake.user_token()));
        let spotify = SpotifyClient::new(config).unwrap();

        proxy.next(fault);
        spotify.tracks().get(TRACK).await.unwrap();
        assert_eq!(proxy.api_requests(), 2, "{fault:?}");

        let before = fake.api_requests();
        proxy.next(fault);
        match spotify.player().next().await {
            // Its status has come, so that it is done.
            Ok(()) => assert!(matches!(fault, Fault::HalfBody), "{fault:?}"),
            Err(error) => {
                assert!(error.is_transient(), "{fault:?}: {error:?}");
                assert!(error.may_have_been_carried_out() || !fault.reaches_server(), "{fault:?}");
            }
        }
        assert_eq!(fake.api_requests() - before, usize::from(fault.reaches_server()), "{fault:?}");
    }
}

#[tokio::test]
async fn a_body_without_an_end_is_given_up() {
    let fake = FakeSpotify::start().await.unwrap();
    let proxy = FaultProxy::start(&fake, 1).await.unwrap();
    let config = proxy.config().with_token(fake.user_token());
    let spotify = SpotifyClient::new(config).unwrap();

    proxy.next(Fault::EndlessBody);
    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    let Error::TooLong { limit, .. } = error else { panic!("{error:?}") };
    assert_eq!(limit, 32 * 1024 * 1024);
    assert_eq!(proxy.api_requests(), 1, "it would be as long again");
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
    let (fake, spotify) = fake_and_client().await;
    for (length, is_read) in [(32 * 1024 * 1024, true), (32 * 1024 * 1024 + 1, false)] {
        fake.next_api(FakeResponse::body(200, "application/json", vec![b' '; length]));
        let result = spotify.get::<()>("x").await;
        assert_eq!(result.is_ok(), is_read, "{length}: {result:?}");
        assert!(is_read || matches!(result, Err(Error::TooLong { .. })), "{result:?}");
    }
}

/// Four million zeros come out of four thousand bytes: far below the limit, and no JSON.
#[tokio::test]
async fn a_bomb_does_not_go_off() {
    let (fake, spotify) = fake_and_client().await;
    // Four million zeros, by gzip.
    let head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x01\x0d\x00\x00\x00\xc2\xa0\xf7\x4f\x6d\x0f\x07\x14";
    let bomb = [&head[..], &[0; 3875], b"\xf0\x6e\x7f\x2a\xdb\xcf\x00\x09\x3d\x00"].concat();
    let response = FakeResponse::body(200, "application/json", bomb);
    fake.next_api(response.with_header("content-encoding", "gzip"));

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_connection_that_failed() {
    let config = SpotifyClientConfig::default().with_base_url("https://nowhere.invalid/v1/");
    let spotify = SpotifyClient::new(quick(config.with_token("token"))).unwrap();

    let error = spotify.player().next().await.unwrap_err();

    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert!(error.is_transient());
    assert_eq!(spotify.stats().retries, 3, "a write as well: nothing was sent");
}

/// Whatever comes of a call, its time is over at its deadline; and nothing is sent after it.
#[tokio::test]
async fn retries_and_waits_end_at_the_deadline() {
    let time = PausedTime::pause();
    let (fake, spotify) = fake_and_client().await;
    let deadline = Duration::from_secs(2);
    fake.next_api(FakeResponse::never());
    let before = fake.api_requests();
    let request = spotify.tracks().get(TRACK).deadline(deadline);
    let error = time.run(tokio::spawn(async move { request.await })).await.unwrap_err();

    assert!(matches!(error, Error::DeadlineExceeded { .. }), "{error:?}");
    time.advance(Duration::from_secs(60)).await;
    time.settle().await;
    assert_eq!(fake.api_requests(), before + 1);
    assert_eq!(spotify.stats().rate_limit.waiting(), 0);
}

/// What was under way is given up, but a token request: that ends within its limit, since a rotated
/// refresh token would be lost otherwise.
#[tokio::test]
async fn no_task_outlives_the_last_clone() {
    let time = PausedTime::pause();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let fake = FakeSpotify::start().await.unwrap();
    let before = tasks();
    let config = quick(by_tokio_clock(fake.config_with_credentials()));
    let spotify = SpotifyClient::new(config).unwrap();
    let mut stream = spotify.playlists().items(PLAYLIST).limit(10).stream().concurrency(4);
    stream.next().await.unwrap().unwrap();
    fake.next_api(FakeResponse::status(429).with_header("retry-after", "30"));
    let waits = get_track(&spotify);
    let user = spotify.for_user(CredentialsAuthenticator::new("id", "secret")).unwrap();
    fake.next_token(FakeResponse::never());
    let asks = get_track(&user);
    time.settle().await;
    assert_eq!(fake.token_requests(), 2);
    assert!(tasks() > before + 4);

    waits.abort();
    asks.abort();
    drop((spotify, user, stream));
    let sent = fake.api_requests();
    time.settle().await;
    time.advance(Duration::from_secs(31)).await;
    time.settle().await;
    assert_eq!(tasks(), before);
    assert_eq!(fake.api_requests(), sent);
}
