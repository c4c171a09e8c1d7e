//! A server with 10,000 users who have logged in.
//!
//! `cargo bench --bench many_users` prints the table of `benches/README.md`. A figure that misses
//! its limit ends it with exit code 1.

#![allow(clippy::unwrap_used, reason = "a bench that fails is a bench that panics")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::extract::{ConnectInfo, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use serde_json::{Value, json};
use spotify_web::auth::{AuthorizationCodeAuthenticator, Clock, Now, TokenCacheOptions};
use spotify_web::oauth::{OAuthConfig, Token};
use spotify_web::{SpotifyClient, SpotifyClientConfig};

use self::figures::Figure;

#[path = "common/figures.rs"]
mod figures;

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--test");
    // Few, and enough that what they share hardly counts.
    let users = if quick { 1_000 } else { 10_000 };
    let server = Arc::new(Server::default());
    let address = server.start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = SpotifyClientConfig::default()
        .with_base_url(format!("http://{address}/v1/"))
        .with_token_url(format!("http://{address}/api/token"));
    let spotify = SpotifyClient::new(config).unwrap();

    let clock = ShiftedClock::default();
    let options = Arc::new(TokenCacheOptions::default().with_clock(clock.clone()));
    let mut clients = Vec::with_capacity(users);
    let counted = allocation_counter::measure(|| {
        for number in 0..users {
            let authenticator = logged_in(&runtime, number, &options);
            clients.push(spotify.for_user(authenticator).unwrap());
        }
    });

    // Everybody's token has expired, and everybody has a request.
    clock.advance(3600);
    let began = Instant::now();
    runtime.block_on(async {
        let calls = clients.iter().map(|client| client.get::<Value>("me").send());
        // As many at once as a busy server handles.
        let responses = stream::iter(calls).buffer_unordered(BUSY);
        let failures =
            responses.filter(|response| std::future::ready(response.is_err())).count().await;
        assert_eq!(failures, 0);
    });
    let seconds = began.elapsed().as_secs_f64();
    println!("{users} users refreshed and served in {seconds:.2} s, {BUSY} at once");

    let figures = [
        Figure::at_most(
            "an idle user who has logged in: memory",
            counted.bytes_current as f64 / users as f64,
            2048.0,
            "bytes",
        ),
        Figure::at_most(
            "all tokens expire at once: token requests under way",
            server.most_at_once.load(Ordering::Relaxed) as f64,
            OAuthConfig::REQUESTS_AT_ONCE as f64,
            "",
        ),
        Figure::at_most(
            "all tokens expire at once: token requests a user",
            server.token_requests.load(Ordering::Relaxed) as f64 / users as f64,
            1.0,
            "",
        ),
        Figure::at_most(
            "connections of all users",
            server.connections.lock().len() as f64,
            (BUSY + OAuthConfig::REQUESTS_AT_ONCE) as f64,
            "",
        ),
    ];
    figures::report(&figures)
}

fn logged_in(
    runtime: &tokio::runtime::Runtime,
    number: usize,
    options: &Arc<TokenCacheOptions>,
) -> AuthorizationCodeAuthenticator {
    // An app's id and secret are 32 characters each; a token is as long as Spotify's.
    let authenticator = AuthorizationCodeAuthenticator::new(
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef",
    )
    .with_options(Arc::clone(options));
    let token = Token::new(format!("{number:0200}"), Token::DEFAULT_LIFETIME)
        .with_refresh_token(format!("{number:0131}"))
        .with_scopes(["playlist-read-private"]);
    runtime.block_on(authenticator.log_in(token)).unwrap();
    authenticator
}

/// Counts what arrives. A token request takes 5 ms.
#[derive(Default)]
struct Server {
    connections: Mutex<HashSet<SocketAddr>>,
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
    token_requests: AtomicUsize,
}

impl Server {
    /// On a thread of its own, so that its memory is not counted.
    fn start(self: &Arc<Self>) -> SocketAddr {
        let router = Router::new()
            .route("/api/token", post(token))
            .route("/v1/me", get(me))
            .with_state(Arc::clone(self))
            .into_make_service_with_connect_info::<SocketAddr>();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        address
    }
}

async fn token(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Json<Value> {
    let number = server.token_requests.fetch_add(1, Ordering::Relaxed);
    let under_way = server.under_way.fetch_add(1, Ordering::Relaxed) + 1;
    server.most_at_once.fetch_max(under_way, Ordering::Relaxed);
    server.connections.lock().insert(peer);
    tokio::time::sleep(Duration::from_millis(5)).await;
    server.under_way.fetch_sub(1, Ordering::Relaxed);
    Json(json!({
        "access_token": format!("{number:0200}"), "token_type": "Bearer", "expires_in": 3600,
    }))
}

async fn me(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Json<Value> {
    server.connections.lock().insert(peer);
    Json(json!({ "id": "wizzler" }))
}

/// The system's clock, some seconds later.
#[derive(Debug, Clone, Default)]
struct ShiftedClock(Arc<AtomicUsize>);

impl ShiftedClock {
    fn advance(&self, seconds: usize) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Now {
        let shift = Duration::from_secs(self.0.load(Ordering::Relaxed) as u64);
        Now { monotonic: Instant::now() + shift, wall: SystemTime::now() + shift }
    }
}

const BUSY: usize = 256;
