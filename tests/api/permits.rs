//! The rate limiter's permits, before a server that is a layer: in virtual time, without sockets.

use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next, Result};
use spotify_web::SpotifyClientConfig;
use spotify_web::middleware::RateLimiter;
use tokio::time::Instant;

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

/// A limiter that has just opened: one request may be under way, and another from the next second on.
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
