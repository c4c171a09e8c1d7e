//! Under load: a rate limit, an outage, and no limit at all.
//!
//! `cargo bench --bench load` prints the table of `benches/README.md` after about two minutes. How
//! the limiter does before all kinds of limits is in `limits.rs`. A figure that misses its limit
//! ends it with exit code 1.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that fails is a bench that panics"
)]

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::FutureExt;
use parking_lot::Mutex;
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use serde_json::Value;
use spotify_web::middleware::RateLimiter;
use spotify_web::{SpotifyClient, SpotifyClientConfig};

use self::figures::Figure;

#[path = "common/figures.rs"]
mod figures;

fn main() -> ExitCode {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (calls, lasts) = if is_test { (20, 2) } else { (200, 60) };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let limited = runtime.block_on(rate_limit(calls));
    let outage = runtime.block_on(outage(Duration::from_secs(lasts)));
    let cold = runtime.block_on(cold(if is_test { 1 } else { 15 }));
    let figures = [
        Figure::at_most("5 requests a second: calls that fail", limited.failures, 0.0, ""),
        Figure::at_most("5 requests a second: time to the ideal", limited.time, 1.15, "times"),
        Figure::at_most("5 requests a second: responses with 429", limited.refused, 5.0, "%"),
        Figure::at_most("an outage: requests a second", outage.requests_a_second, 3.0, ""),
        Figure::at_most("an outage: until all have a response", outage.recovery, 2.0, "s"),
        Figure::at_most(
            "256 cold calls of 500 ms: time to that without limiter",
            cold,
            1.05,
            "times",
        ),
        Figure::at_most("a permit: allocations", allocations_of_a_permit(), 0.0, ""),
    ];
    if is_test {
        // Too short to mean anything.
        return ExitCode::SUCCESS;
    }
    figures::report(&figures)
}

struct Limited {
    failures: f64,
    time: f64,
    refused: f64,
}

/// All calls at once, at a server that allows 5 in any second.
async fn rate_limit(calls: usize) -> Limited {
    let server = Arc::new(Server::default());
    server.allowed_a_second.store(5, Ordering::Relaxed);
    let spotify = client(&server).await;
    let began = Instant::now();
    let tasks: Vec<_> = (0..calls).map(|_| call(&spotify)).collect();
    // What was under way when the first refusal came is nobody's fault.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (_, at_first) = server.counts();
    let mut failures = 0;
    for task in tasks {
        failures += usize::from(!task.await.unwrap());
    }
    let ideal = (calls - 5) as f64 / 5.0;
    let (arrived, refused) = server.counts();
    println!(
        "{calls} calls: {:.1} s, {arrived} requests, {refused} refused, {at_first} of them at first",
        began.elapsed().as_secs_f64()
    );
    Limited {
        failures: failures as f64,
        time: began.elapsed().as_secs_f64() / ideal,
        refused: (refused - at_first) as f64 / arrived as f64 * 100.0,
    }
}

struct Outage {
    requests_a_second: f64,
    recovery: f64,
}

/// 1,000 callers who call until they get a response, while the server fails.
async fn outage(lasts: Duration) -> Outage {
    let server = Arc::new(Server::default());
    server.fails.store(1, Ordering::Relaxed);
    let spotify = client(&server).await;
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let spotify = spotify.clone();
            tokio::spawn(async move { while spotify.get::<Value>("me").await.is_err() {} })
        })
        .collect();
    // What comes in the first second, when nobody knows of the outage yet, is not held back.
    let known = Duration::from_secs(2).min(lasts / 2);
    tokio::time::sleep(known).await;
    let (at_first, _) = server.counts();
    tokio::time::sleep(lasts - known).await;
    let (arrived, _) = server.counts();
    println!("an outage: {at_first} requests before it is known, {} after", arrived - at_first);
    server.fails.store(0, Ordering::Relaxed);
    let ended = Instant::now();
    for task in tasks {
        task.await.unwrap();
    }
    Outage {
        requests_a_second: (arrived - at_first) as f64 / (lasts - known).as_secs_f64(),
        recovery: ended.elapsed().as_secs_f64(),
    }
}

/// 256 calls at once by clients that have sent nothing before, with the limiter and without: the
/// fastest round of each. In the others, with a limiter or without, the machine is late to accept
/// some of the connections, and their calls wait for those of others.
async fn cold(rounds: usize) -> f64 {
    let (mut limited, mut ungated) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        limited.push(cold_calls(config().await).await);
        ungated.push(cold_calls(config().await.without_rate_limiter()).await);
    }
    fastest(&limited) / fastest(&ungated)
}

async fn cold_calls(config: SpotifyClientConfig) -> f64 {
    let spotify = SpotifyClient::new(config).unwrap();
    let began = Instant::now();
    let tasks: Vec<_> = (0..256).map(|_| call(&spotify)).collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    began.elapsed().as_secs_f64()
}

fn fastest(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

async fn config() -> SpotifyClientConfig {
    let server = Arc::new(Server::default());
    server.takes.store(500, Ordering::Relaxed);
    let base = server.start().await;
    SpotifyClientConfig::default().with_base_url(base).with_token("token")
}

/// Of a limiter, beside those of a layer that does nothing.
fn allocations_of_a_permit() -> f64 {
    let limited = allocations(RateLimiter::default());
    limited - allocations(Nothing)
}

fn allocations(layer: impl Middleware) -> f64 {
    let http = SpotifyClientConfig::default().http_client().unwrap();
    let client = ClientBuilder::new(http).with(layer).with(Responds).build();
    let call = || client.get("http://api.example.test/v1/me").send().now_or_never();
    call().unwrap().unwrap();
    allocation_counter::measure(|| drop(call())).count_total as f64
}

struct Nothing;

#[async_trait]
impl Middleware for Nothing {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        next.run(request, extensions).await
    }
}

/// In place of a server.
struct Responds;

#[async_trait]
impl Middleware for Responds {
    async fn handle(
        &self,
        _: reqwest::Request,
        _: &mut http::Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        Ok(http::Response::new("").into())
    }
}

async fn client(server: &Arc<Server>) -> SpotifyClient {
    let base = server.start().await;
    SpotifyClient::new(SpotifyClientConfig::default().with_base_url(base).with_token("token"))
        .unwrap()
}

fn call(spotify: &SpotifyClient) -> tokio::task::JoinHandle<bool> {
    let request = spotify.get::<Value>("me");
    tokio::spawn(async move { request.await.is_ok() })
}

#[derive(Default)]
struct Server {
    /// 0 for no limit.
    allowed_a_second: AtomicUsize,
    fails: AtomicUsize,
    /// Milliseconds until it responds.
    takes: AtomicU64,
    arrived: AtomicUsize,
    refused: AtomicUsize,
    lately: Mutex<VecDeque<Instant>>,
}

impl Server {
    async fn start(self: &Arc<Self>) -> String {
        let router = Router::new().route("/v1/me", get(me)).with_state(Arc::clone(self));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        base
    }

    fn counts(&self) -> (usize, usize) {
        (self.arrived.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    /// In any second, as many as are allowed.
    fn allows(&self) -> bool {
        let allowed = self.allowed_a_second.load(Ordering::Relaxed);
        if allowed == 0 {
            return true;
        }
        let (mut lately, now) = (self.lately.lock(), Instant::now());
        while lately.front().is_some_and(|then| now - *then >= Duration::from_secs(1)) {
            lately.pop_front();
        }
        let allows = lately.len() < allowed;
        if allows {
            lately.push_back(now);
        }
        allows
    }
}

async fn me(State(server): State<Arc<Server>>) -> Response {
    server.arrived.fetch_add(1, Ordering::Relaxed);
    let takes = server.takes.load(Ordering::Relaxed);
    if takes > 0 {
        tokio::time::sleep(Duration::from_millis(takes)).await;
    }
    if server.fails.load(Ordering::Relaxed) == 1 {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if !server.allows() {
        server.refused.fetch_add(1, Ordering::Relaxed);
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")]).into_response();
    }
    "{\"id\":\"wizzler\"}".into_response()
}
