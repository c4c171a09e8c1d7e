//! What the token cache costs, as ratios to what cannot be avoided.
//!
//! `cargo bench --bench token_cache` prints the table of `benches/README.md`. A figure that misses
//! its limit ends it with exit code 1.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that fails is a bench that panics"
)]

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use criterion::Criterion;
use futures_util::FutureExt;
use reqwest::header::HeaderValue;
use spotify_web::auth::{AuthError, Authenticator, CachedAuthenticator, TokenCache, TokenSource};
use spotify_web::oauth::Token;
use tokio::sync::watch;

use self::figures::Figure;

#[path = "common/figures.rs"]
mod figures;

fn main() -> std::process::ExitCode {
    let mut criterion = Criterion::default().configure_from_args();
    time(&mut criterion);
    criterion.final_summary();
    if std::env::args().any(|argument| argument == "--test") {
        return std::process::ExitCode::SUCCESS;
    }
    report()
}

/// What criterion measures. The names are looked up by [`nanoseconds`] afterwards.
fn time(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cache = TokenCache::new(StaticSource);
    let shared = runtime.block_on(cache.header()).unwrap();
    let authenticator = CachedAuthenticator::new(StaticSource);
    let mut request = request();
    runtime.block_on(authenticator.apply(&mut request)).unwrap();

    criterion.bench_function("floor", |bencher| bencher.iter(|| floor(&shared)));
    criterion.bench_function("hit", |bencher| bencher.iter(|| hit(&cache)));
    criterion.bench_function("apply", |bencher| {
        bencher.iter(|| authenticator.apply(&mut request).now_or_never().unwrap());
    });
    criterion.bench_function("floor_on_two_threads", |bencher| {
        bencher.iter_custom(|iterations| {
            on_two_threads(iterations, || {
                // Of its own, so that the threads do not share a count.
                let header = HeaderValue::from_bytes(shared.as_bytes()).unwrap();
                move || drop(floor(&header))
            })
        });
    });
    criterion.bench_function("hit_on_two_threads", |bencher| {
        bencher.iter_custom(|iterations| on_two_threads(iterations, || || drop(hit(&cache))));
    });
}

/// What cannot be avoided: both clocks, and a clone of a header that is there.
fn floor(header: &HeaderValue) -> HeaderValue {
    black_box((Instant::now(), SystemTime::now()));
    black_box(header.clone())
}

fn hit(cache: &TokenCache<StaticSource>) -> HeaderValue {
    black_box(cache.header().now_or_never().unwrap().unwrap())
}

/// The time that the slower of two threads takes, which begin together.
fn on_two_threads<W: Fn()>(iterations: u64, work: impl Fn() -> W + Sync) -> Duration {
    let barrier = Barrier::new(2);
    let one = || {
        let work = work();
        barrier.wait();
        let began = Instant::now();
        (0..iterations).for_each(|_| work());
        began.elapsed()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(one);
        one().max(other.join().unwrap())
    })
}

/// All figures with their limits; those that are no times are taken here.
fn report() -> std::process::ExitCode {
    let floor = nanoseconds("floor");
    let hit_ratio = nanoseconds("hit") / floor;
    let apply_ratio = nanoseconds("apply") / floor;
    let throughput = nanoseconds("floor_on_two_threads") / nanoseconds("hit_on_two_threads");
    let waiting = waiting_callers();
    let figures = [
        Figure::at_most("a fresh token, against the floor", hit_ratio, 1.5, "times"),
        Figure::at_most("a fresh token, allocations", allocations_of_a_hit(), 0.0, ""),
        Figure::at_most("`apply` with a fresh token, against the floor", apply_ratio, 2.5, "times"),
        Figure::at_most("`apply` with a fresh token, allocations", allocations_of_apply(), 1.0, ""),
        Figure::at_least(
            "throughput on 2 threads, against that of the floor",
            throughput,
            0.5,
            "times",
        ),
        Figure::at_most("100,000 callers wait: token requests", waiting.requests, 1.0, ""),
        Figure::at_most("100,000 callers wait: memory each", waiting.bytes, 1024.0, "bytes"),
        Figure::at_most("100,000 callers wait: until all are released", waiting.seconds, 1.0, "s"),
        Figure::at_most(
            "an idle authenticator that has a token: memory",
            idle_bytes(),
            1024.0,
            "bytes",
        ),
    ];
    println!("\nThe floor is {floor:.0} ns.");
    figures::report(&figures)
}

/// The median that criterion has left behind.
fn nanoseconds(name: &str) -> f64 {
    let root = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let estimates = std::fs::read(format!("{root}/criterion/{name}/new/estimates.json")).unwrap();
    let estimates: serde_json::Value = serde_json::from_slice(&estimates).unwrap();
    estimates["median"]["point_estimate"].as_f64().unwrap()
}

fn allocations_of_a_hit() -> f64 {
    let cache = TokenCache::new(StaticSource);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(cache.header()).unwrap();
    let counted = allocation_counter::measure(|| drop(hit(&cache)));
    counted.count_total as f64
}

fn allocations_of_apply() -> f64 {
    let authenticator = CachedAuthenticator::new(StaticSource);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut request = request();
    runtime.block_on(authenticator.apply(&mut request)).unwrap();
    let counted = allocation_counter::measure(|| {
        authenticator.apply(&mut request).now_or_never().unwrap().unwrap();
    });
    counted.count_total as f64
}

struct Waiting {
    requests: f64,
    bytes: f64,
    seconds: f64,
}

/// On one thread, where its allocations are counted.
fn waiting_callers() -> Waiting {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let open = Arc::new(watch::Sender::new(false));
    let cache = TokenCache::new(BlockedSource(Arc::clone(&open)));
    let mut callers = Vec::with_capacity(CALLERS);
    let counted = allocation_counter::measure(|| {
        runtime.block_on(async {
            for _ in 0..CALLERS {
                let cache = cache.clone();
                callers.push(tokio::spawn(async move { cache.header().await.is_ok() }));
            }
            tokio::task::yield_now().await;
        });
    });
    let began = Instant::now();
    open.send_replace(true);
    runtime.block_on(async {
        for caller in callers {
            assert!(caller.await.unwrap());
        }
    });
    Waiting {
        requests: cache.stats().requests as f64,
        bytes: counted.bytes_current as f64 / CALLERS as f64,
        seconds: began.elapsed().as_secs_f64(),
    }
}

fn idle_bytes() -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut users = Vec::with_capacity(USERS);
    let counted = allocation_counter::measure(|| {
        for _ in 0..USERS {
            let authenticator = CachedAuthenticator::new(StaticSource);
            runtime.block_on(authenticator.cache().header()).unwrap();
            users.push(authenticator);
        }
    });
    counted.bytes_current as f64 / USERS as f64
}

fn request() -> reqwest::Request {
    reqwest::Request::new(reqwest::Method::GET, "http://127.0.0.1/".parse().unwrap())
}

/// A token as long as Spotify's.
#[derive(Debug)]
struct StaticSource;

#[async_trait]
impl TokenSource for StaticSource {
    async fn request_token(&self, _previous: Option<&Token>) -> Result<Token, AuthError> {
        Ok(Token::new("B".repeat(200), Token::DEFAULT_LIFETIME))
    }
}

#[derive(Debug)]
struct BlockedSource(Arc<watch::Sender<bool>>);

#[async_trait]
impl TokenSource for BlockedSource {
    async fn request_token(&self, _previous: Option<&Token>) -> Result<Token, AuthError> {
        let mut open = self.0.subscribe();
        open.wait_for(|open| *open).await.map_err(|error| AuthError::custom("closed", error))?;
        StaticSource.request_token(None).await
    }
}

const CALLERS: usize = 100_000;
const USERS: usize = 100_000;
