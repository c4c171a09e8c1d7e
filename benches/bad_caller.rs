//! One caller whose every request is rejected, beside good ones with the same token.
//!
//! `cargo bench --bench bad_caller` prints the table of `benches/README.md` after a minute. A
//! figure that misses its limit ends it with exit code 1.

#![allow(clippy::unwrap_used, reason = "a bench that fails is a bench that panics")]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use spotify_web::auth::{CredentialsAuthenticator, TokenCacheOptions};
use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::task::JoinHandle;

use self::figures::Figure;

#[path = "common/figures.rs"]
mod figures;

fn main() -> ExitCode {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let lasts = Duration::from_secs(if is_test { 3 } else { 60 });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (beside, alone) = runtime.block_on(async {
        // At the same time, so that both meet the same machine.
        let beside = tokio::spawn(run(lasts, true));
        let alone = tokio::spawn(run(lasts, false));
        (beside.await.unwrap(), alone.await.unwrap())
    });
    let (p99, p99_alone) = (beside.p99(), alone.p99());
    println!(
        "{} good calls, {} bad ones; 99 % within {:.2} ms, {:.2} ms without the bad caller",
        beside.latencies.len(),
        beside.rejected,
        p99.as_secs_f64() * 1e3,
        p99_alone.as_secs_f64() * 1e3,
    );
    let ratio = p99.as_secs_f64() / p99_alone.as_secs_f64();
    let calls = [
        Figure::at_most("good calls that fail", beside.failures as f64, 0.0, ""),
        Figure::at_most(
            "good calls that fail without the bad caller",
            alone.failures as f64,
            0.0,
            "",
        ),
        Figure::at_least("bad calls that get their 401", beside.unaltered(), 100.0, "%"),
    ];
    if is_test {
        // Too short for the others to mean anything.
        return figures::report(&calls);
    }
    let [good, alone, bad] = calls;
    figures::report(&[
        good,
        alone,
        bad,
        Figure::at_most("token requests", beside.token_requests as f64, STEPS_OF_A_MINUTE, ""),
        Figure::at_most("latency of 99 % of the good calls, to that without", ratio, 1.5, "times"),
    ])
}

/// What came of a client's calls.
#[derive(Default)]
struct Calls {
    latencies: Vec<Duration>,
    failures: usize,
    bad: usize,
    /// Bad calls that got the server's 401.
    rejected: usize,
    token_requests: usize,
}

impl Calls {
    fn p99(&self) -> Duration {
        let mut latencies = self.latencies.clone();
        latencies.sort();
        latencies.get(latencies.len() * 99 / 100).copied().unwrap()
    }

    /// In percent.
    fn unaltered(&self) -> f64 {
        self.rejected as f64 / self.bad as f64 * 100.0
    }
}

/// 20 good calls a second, each begun whether or not the one before has ended, and perhaps a bad
/// one each second.
async fn run(lasts: Duration, has_bad_caller: bool) -> Calls {
    let server = Arc::new(Server::default());
    let spotify = client(&server).await;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let (began, mut ticks) = (Instant::now(), tokio::time::interval(Duration::from_millis(50)));
    for tick in 0.. {
        ticks.tick().await;
        if began.elapsed() >= lasts {
            break;
        }
        good.push(call(&spotify, "tracks", Duration::ZERO));
        if has_bad_caller && tick % 20 == 10 {
            bad.push(call(&spotify, "me", BETWEEN));
        }
    }
    let mut calls = Calls { bad: bad.len(), ..Calls::default() };
    for task in good {
        let (result, took) = task.await.unwrap();
        calls.failures += usize::from(result.is_err());
        calls.latencies.push(took);
    }
    for task in bad {
        let error = task.await.unwrap().0.unwrap_err();
        calls.rejected += usize::from(error.status() == Some(StatusCode::UNAUTHORIZED));
    }
    calls.token_requests = server.token_requests.load(Ordering::Relaxed);
    calls
}

type Called = (Result<Value, spotify_web::Error>, Duration);

fn call(spotify: &SpotifyClient, path: &str, after: Duration) -> JoinHandle<Called> {
    let request = spotify.get::<Value>(path);
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        let began = Instant::now();
        let result = request.await;
        (result, began.elapsed())
    })
}

async fn client(server: &Arc<Server>) -> SpotifyClient {
    let address = server.start().await;
    // Without jitter, so that the steps of the back-off can be counted.
    let options = TokenCacheOptions::default().without_jitter();
    let authenticator = CredentialsAuthenticator::new("id", "secret").with_options(options);
    let config = SpotifyClientConfig::default()
        .with_base_url(format!("{address}/v1/"))
        .with_token_url(format!("{address}/api/token"))
        .with_authenticator(authenticator);
    SpotifyClient::new(config).unwrap()
}

/// Accepts every token at one endpoint, and none at another.
#[derive(Default)]
struct Server {
    token_requests: AtomicUsize,
    rejections: AtomicUsize,
}

impl Server {
    async fn start(self: &Arc<Self>) -> String {
        let router = Router::new()
            .route("/api/token", post(token))
            .route("/v1/tracks", get(tracks))
            .route("/v1/me", get(me))
            .with_state(Arc::clone(self));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

/// Takes as long as Spotify's: what would wait for it is seen in the latencies.
async fn token(State(server): State<Arc<Server>>) -> Json<Value> {
    let number = server.token_requests.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(100)).await;
    Json(json!({
        "access_token": format!("{number:0200}"), "token_type": "Bearer", "expires_in": 3600,
    }))
}

async fn tracks() -> &'static str {
    "{\"id\":\"11dFghVXANMlKmJXsNCbNl\"}"
}

/// Without a reason, and with one that blames the token, by turns.
async fn me(State(server): State<Arc<Server>>) -> Response {
    let body = json!({ "error": { "status": 401, "message": "Unauthorized." } });
    let mut response = (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    if server.rejections.fetch_add(1, Ordering::Relaxed) % 4 >= 2 {
        let challenge = "Bearer realm=\"spotify\", error=\"invalid_token\"";
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge.parse().unwrap());
    }
    response
}

/// The first token, and one for each step of the back-off that begins in a minute: after 0, 1, 3,
/// 7, 15, 31 seconds.
const STEPS_OF_A_MINUTE: f64 = 7.0;

/// A bad call comes between two good ones, not with one.
const BETWEEN: Duration = Duration::from_millis(25);
