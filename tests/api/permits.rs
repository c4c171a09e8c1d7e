//! The rate limiter's permits, before a server that is a layer: in virtual time, without sockets.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next, Result};
use spotify_web::SpotifyClientConfig;
use spotify_web::middleware::{RateLimitOptions, RateLimiter, RetryMiddleware};
use tokio::time::Instant;

use crate::common::TokioClock;

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Server {
    Responds,
    Panics,
    Hangs,
}

#[async_trait]
impl Middleware for Server {
    async fn handle(&self, _: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        match self {
            Self::Responds => tokio::time::sleep(LATENCY).await,
            Self::Panics => std::panic::resume_unwind(Box::new("a layer panics")),
            Self::Hangs => std::future::pending().await,
        }
        Ok(http::Response::new("a body").into())
    }
}

const LATENCY: Duration = Duration::from_millis(500);

fn client(limiter: Option<&RateLimiter>, server: Server) -> ClientWithMiddleware {
    let builder = ClientBuilder::new(SpotifyClientConfig::default().http_client().unwrap());
    let builder = limiter.into_iter().fold(builder, |it, limiter| it.with(limiter.clone()));
    builder.with(server).build()
}

async fn call(client: ClientWithMiddleware) -> Response {
    client.get("http://api.example.test/v1/me").send().await.unwrap()
}

/// A limiter that has just opened: one request may be under way, and another from the next second
/// on.
async fn just_opened() -> RateLimiter {
    let limiter = RateLimiter::default();
    limiter.close_for(Duration::from_millis(10));
    tokio::time::sleep(Duration::from_millis(10)).await;
    limiter
}

/// Another request goes without waiting, so the one before has left its place.
async fn another_goes_at_once(limiter: &RateLimiter) {
    let began = Instant::now();
    call(client(Some(limiter), Server::Responds)).await;
    assert_eq!(began.elapsed(), LATENCY);
    assert_eq!(limiter.stats().waiting(), 0);
}

async fn four_rounds(client: ClientWithMiddleware) -> Duration {
    let began = Instant::now();
    let tasks: Vec<_> = (0..256)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..4 {
                    call(client.clone()).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn cold_calls_are_as_fast_as_without_a_limiter() {
    let limited = four_rounds(client(Some(&RateLimiter::default()), Server::Responds)).await;
    let ungated = four_rounds(client(None, Server::Responds)).await;
    assert_eq!(ungated, 4 * LATENCY);
    assert!(limited <= ungated.mul_f64(1.05), "{limited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_panics_leaves_nothing_behind() {
    let limiter = just_opened().await;
    let panics = tokio::spawn(call(client(Some(&limiter), Server::Panics)));
    assert!(panics.await.unwrap_err().is_panic());
    another_goes_at_once(&limiter).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_leaves_nothing_behind() {
    let limiter = just_opened().await;
    let hangs = call(client(Some(&limiter), Server::Hangs));
    let in_a_hurry = tokio::time::timeout(Duration::from_millis(100), hangs).await;
    assert!(in_a_hurry.is_err());
    another_goes_at_once(&limiter).await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_not_read_leaves_nothing_behind() {
    let limiter = just_opened().await;
    let _unread = call(client(Some(&limiter), Server::Responds)).await;
    another_goes_at_once(&limiter).await;
}

/// While another is under way, so that the tests above can fail.
#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_holds_its_place_for_a_second() {
    let limiter = just_opened().await;
    let began = Instant::now();
    let _hangs = tokio::spawn(call(client(Some(&limiter), Server::Hangs)));
    tokio::task::yield_now().await;
    call(client(Some(&limiter), Server::Responds)).await;
    let waited = began.elapsed() - LATENCY;
    assert!((990..=1010).contains(&waited.as_millis()), "{waited:?}");
}

type Lazy = Pin<Box<dyn Future<Output = String> + Send>>;

async fn poll_once(call: &mut Lazy) -> Poll<String> {
    poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await
}

/// Calls that are polled once, as in a `buffered` stream whose consumer is busy.
async fn lazy_calls(client: &ClientWithMiddleware, count: usize) -> Vec<Lazy> {
    let mut calls = Vec::new();
    for _ in 0..count {
        let client = client.clone();
        let mut call: Lazy = Box::pin(async move {
            match client.get("http://api.example.test/v1/me").send().await {
                Ok(response) => response.status().to_string(),
                Err(error) => format!("{error:?}"),
            }
        });
        assert!(poll_once(&mut call).await.is_pending());
        calls.push(call);
    }
    calls
}

/// Sends what it is asked to, and counts it.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Counting {
    fn sent(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Middleware for Counting {
    async fn handle(&self, _: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        self.0.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(LATENCY / 10).await;
        Ok(http::Response::new("a body").into())
    }
}

fn counting(limiter: &RateLimiter) -> (ClientWithMiddleware, Counting) {
    let server = Counting::default();
    let http = SpotifyClientConfig::default().http_client().unwrap();
    (ClientBuilder::new(http).with(limiter.clone()).with(server.clone()).build(), server)
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_is_picked_up_late_is_not_used_while_closed() {
    let limiter = RateLimiter::default();
    let (client, server) = counting(&limiter);
    limiter.close_for(Duration::from_secs(1));
    let mut lazy = lazy_calls(&client, 10).await;
    let busy = client.clone();
    let busy = tokio::spawn(async move {
        for _ in 0..10 {
            call(busy.clone()).await;
        }
    });
    tokio::time::sleep(Duration::from_secs(30)).await;
    busy.await.unwrap();
    assert_eq!(server.sent(), 10);
    limiter.close_for(Duration::from_secs(3600));

    for call in &mut lazy {
        let error = poll_once(call).await;
        assert!(matches!(&error, Poll::Ready(it) if it.contains("no permit within")), "{error:?}");
    }

    assert_eq!(server.sent(), 10);
    assert_eq!(limiter.stats().waiting(), 0);
}

/// What its caller did meanwhile is no wait for the limit.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_polled_late_waits_no_less_for_it() {
    let limiter = RateLimiter::default();
    let (client, server) = counting(&limiter);
    limiter.close_for(Duration::from_secs(1));
    let lazy = lazy_calls(&client, 10).await;
    let watch = tokio::spawn(call(client.clone()));
    watch.await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    limiter.close_for(Duration::from_secs(40));

    for call in lazy.into_iter().map(tokio::spawn).collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), "200 OK");
    }

    assert_eq!(server.sent(), 11);
}

/// One may be under way after a closing, and each permit is granted to somebody who sleeps.
#[tokio::test(start_paused = true)]
async fn permits_that_nobody_picks_up_hold_others_up_for_a_moment() {
    let limiter = RateLimiter::default();
    let (client, _server) = counting(&limiter);
    limiter.close_for(Duration::from_secs(1));
    let _lazy = lazy_calls(&client, 10).await;
    let began = Instant::now();

    tokio::spawn(call(client.clone())).await.unwrap();

    assert!(began.elapsed() < Duration::from_millis(3500), "{:?}", began.elapsed());
}

/// Each would be granted the only permit for a moment: nobody who is not polled is asked twice.
#[tokio::test(start_paused = true)]
async fn many_who_are_not_polled_hold_others_up_no_longer_than_a_few() {
    for lazy in [100, 1000] {
        let limiter = RateLimiter::default();
        let (client, server) = counting(&limiter);
        limiter.close_for(Duration::from_secs(1));
        let lazy = lazy_calls(&client, lazy).await;
        let began = Instant::now();

        tokio::spawn(call(client.clone())).await.unwrap();

        assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
        // They go when they are polled.
        let count = lazy.len();
        for call in lazy.into_iter().map(tokio::spawn).collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap(), "200 OK");
        }
        assert_eq!(server.sent(), count + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_is_dropped_unused_is_the_next_ones() {
    let limiter = RateLimiter::default();
    let (client, _server) = counting(&limiter);
    limiter.close_for(Duration::from_secs(1));
    let lazy = lazy_calls(&client, 10).await;
    let next = tokio::spawn(call(client.clone()));
    tokio::time::sleep(Duration::from_millis(1010)).await;
    let began = Instant::now();

    drop(lazy);
    next.await.unwrap();

    assert!(began.elapsed() < LATENCY, "{:?}", began.elapsed());
}

type Script = dyn Fn(usize) -> http::Response<String> + Send + Sync;

/// Responds to the first request, the second, and so on.
#[derive(Clone)]
struct Scripted(Counting, Arc<Script>);

impl Scripted {
    fn new(script: impl Fn(usize) -> http::Response<String> + Send + Sync + 'static) -> Self {
        Self(Counting::default(), Arc::new(script))
    }

    fn before(&self, builder: ClientBuilder) -> ClientWithMiddleware {
        builder.with(self.clone()).build()
    }
}

#[async_trait]
impl Middleware for Scripted {
    async fn handle(&self, _: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        let number = self.0.0.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(LATENCY / 10).await;
        Ok((self.1)(number).into())
    }
}

fn builder() -> ClientBuilder {
    ClientBuilder::new(SpotifyClientConfig::default().http_client().unwrap())
}

fn refusal(seconds: u64, body: &str) -> http::Response<String> {
    let builder = http::Response::builder().status(429).header("retry-after", seconds);
    builder.body(body.to_owned()).unwrap()
}

const QUOTA: &str = r#"{"error":{"status":429,"message":"no","reason":"QUOTA_EXCEEDED"}}"#;

/// Sends a request a second time when the first takes long, as a part of the same call.
struct Hedging;

#[async_trait]
impl Middleware for Hedging {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let (again, mut copy, next_again) =
            (request.try_clone().unwrap(), extensions.clone(), next.clone());
        let first = next.run(request, extensions);
        let second = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            next_again.run(again, &mut copy).await
        };
        tokio::select! {
            ended = first => ended,
            ended = second => ended,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_requests_of_one_call_wait_beside_each_other() {
    let server = Scripted::new(|number| match number {
        0 => refusal(5, ""),
        _ => http::Response::new(String::new()),
    });
    let builder = builder().with(RetryMiddleware::default()).with(Hedging);
    let client = server.before(builder.with(RateLimiter::default()));
    let began = Instant::now();
    assert_eq!(call(client).await.status(), 200);
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

/// Such as one of a fleet, and the client's own. The inner one has counted further: its numbers
/// would be the last ones in the queue of the outer one.
#[tokio::test(start_paused = true)]
async fn two_limiters_in_one_stack_each_keep_a_calls_place() {
    const USED: usize = 100;
    let server = Scripted::new(|number| match number {
        USED => refusal(2, ""),
        _ => http::Response::new(String::new()),
    });
    let inner = RateLimiter::default();
    let used = server.before(builder().with(inner.clone()));
    for _ in 0..USED {
        call(used.clone()).await;
    }
    let builder = builder().with(RetryMiddleware::default()).with(RateLimiter::default());
    let client = server.before(builder.with(inner));

    let order: Arc<std::sync::Mutex<Vec<usize>>> = Arc::default();
    let mut calls = Vec::new();
    for number in 0..40 {
        let (client, order) = (client.clone(), Arc::clone(&order));
        calls.push(tokio::spawn(async move {
            assert_eq!(call(client).await.status(), 200);
            order.lock().unwrap().push(number);
        }));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for call in calls {
        call.await.unwrap();
    }

    // Those that were under way when the first was refused, and then in order.
    let order = order.lock().unwrap();
    assert_eq!(order[..6], [1, 2, 3, 4, 0, 5], "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn a_closing_of_no_length_closes_and_slows_nothing() {
    let limiter = RateLimiter::default();
    limiter.close_for(Duration::ZERO);
    let client = client(Some(&limiter), Server::Responds);
    let began = Instant::now();
    let calls: Vec<_> = (0..64).map(|_| tokio::spawn(call(client.clone()))).collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(began.elapsed(), LATENCY);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_closing_by_hand_changes_nothing() {
    let limiter = RateLimiter::new(RateLimitOptions::default().with_clock(TokioClock::new()));
    let client = once_over_the_quota(&limiter, 1);
    limiter.close_for(Duration::from_secs(3600));
    for shorter in [0, 1, 3599] {
        limiter.close_for(Duration::from_secs(shorter));
        let closed = error(&client).await;
        assert!(closed.contains("the app was closed by hand; retry in 3600 s"), "{closed}");
    }
}

/// The first response is a 429 with a reason, and all others go well.
fn once_over_the_quota(limiter: &RateLimiter, seconds: u64) -> ClientWithMiddleware {
    let server = Scripted::new(move |number| match number {
        0 => refusal(seconds, QUOTA),
        _ => http::Response::new(String::new()),
    });
    server.before(builder().with(limiter.clone()))
}

async fn error(client: &ClientWithMiddleware) -> String {
    client.get("http://api.example.test/v1/me").send().await.unwrap_err().to_string()
}

/// What is waited for later is no closing, so that no closing is there to be longer than the
/// reason's.
#[tokio::test(start_paused = true)]
async fn a_reason_is_not_told_of_an_outage_that_comes_after_it() {
    let options = RateLimitOptions::default().with_clock(TokioClock::new());
    let limiter = RateLimiter::new(options.with_max_wait(Duration::ZERO));
    let server = Scripted::new(|number| match number {
        0 => refusal(10, QUOTA),
        _ => http::Response::builder().status(503).body(String::new()).unwrap(),
    });
    let client = server.before(builder().with(limiter));
    call(client.clone()).await;
    assert!(error(&client).await.contains("QUOTA_EXCEEDED"));
    tokio::time::sleep(Duration::from_secs(11)).await;

    let get = || client.get("http://api.example.test/v1/me").send();
    let failing = async { while get().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(30), failing).await.unwrap();

    let outage = error(&client).await;
    assert!(outage.contains("the server fails; retry in 1 s"), "{outage}");
}

#[tokio::test(start_paused = true)]
async fn a_reason_ends_with_its_closing() {
    let limiter = RateLimiter::new(RateLimitOptions::default().with_clock(TokioClock::new()));
    let client = once_over_the_quota(&limiter, 100);
    call(client.clone()).await;
    let closed = error(&client).await;
    assert!(closed.contains("the endpoint is rate limited (QUOTA_EXCEEDED)"), "{closed}");
    limiter.close_for(Duration::from_secs(80));
    let both = error(&client).await;
    assert!(both.contains("the endpoint is rate limited (QUOTA_EXCEEDED)"), "{both}");
    limiter.close_for(Duration::from_secs(3600));
    let by_hand = error(&client).await;
    assert!(by_hand.contains("the app was closed by hand; retry in 3600 s"), "{by_hand}");

    limiter.reopen();
    limiter.close_for(Duration::from_secs(70));
    let reopened = error(&client).await;
    assert!(reopened.contains("the app was closed by hand; retry"), "{reopened}");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    call(client.clone()).await;
    limiter.close_for(Duration::from_secs(70));
    let later = error(&client).await;
    assert!(later.contains("the app was closed by hand; retry"), "{later}");
    assert!(limiter.closings().closings.iter().all(|closing| closing.reason.is_none()));
}
