//! Under load: a rate limit, and an outage.
//!
//! `cargo bench --bench load` prints the table of `benches/README.md` after about two minutes. A figure
//! that misses its limit ends it with exit code 1.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that fails is a bench that panics"
)]

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use parking_lot::Mutex;
use serde_json::Value;
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
    let figures = [
        Figure::at_most("5 requests a second: calls that fail", limited.failures, 0.0, ""),
        Figure::at_most("5 requests a second: time to the ideal", limited.time, 1.15, "times"),
        Figure::at_most("5 requests a second: answered with 429", limited.refused, 5.0, "%"),
        Figure::at_most("an outage: requests a second", outage.requests_a_second, 3.0, ""),
        Figure::at_most("an outage: until all are answered", outage.recovery, 2.0, "s"),
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
    let mut failures = 0;
    for task in tasks {
        failures += usize::from(!task.await.unwrap());
    }
    let ideal = (calls - 5) as f64 / 5.0;
    let (arrived, refused) = server.counts();
    println!(
        "{calls} calls: {:.1} s, {arrived} requests, {refused} refused",
        began.elapsed().as_secs_f64()
    );
    Limited {
        failures: failures as f64,
        time: began.elapsed().as_secs_f64() / ideal,
        refused: refused as f64 / arrived as f64 * 100.0,
    }
}

struct Outage {
    requests_a_second: f64,
    recovery: f64,
}

/// 1,000 callers who call until they get an answer, while the server fails.
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
    if server.fails.load(Ordering::Relaxed) == 1 {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if !server.allows() {
        server.refused.fetch_add(1, Ordering::Relaxed);
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")]).into_response();
    }
    "{\"id\":\"wizzler\"}".into_response()
}
