//! 24 hours in the life of a bot, in three minutes: 64 tasks, tokens of two seconds, and everything
//! that can go wrong on the way does. Prints what came of it; exit code 1 if it is not what was
//! promised.
//!
//! `cargo run --release --example soak`, or with other seconds than 180 as its argument.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use parking_lot::Mutex;
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::testing::{FakeSpotify, Fault, FaultProxy};
use spotify_web::{Error, SpotifyClient};
use tokio::time::Instant;

const TASKS: u64 = 64;
const VIRTUAL_HOURS: f64 = 24.0;
const SEED: u64 = 20_261_125;

const FAULTS: [(Fault, f64); 13] = [
    (Fault::ResetBeforeRequest, 0.003),
    (Fault::ResetBeforeResponse, 0.003),
    (Fault::ResetInResponse, 0.003),
    (Fault::ResetAfterResponse, 0.003),
    (Fault::HalfBody, 0.003),
    (Fault::SlowBody, 0.003),
    (Fault::NoResponse, 0.001),
    (Fault::WrongContentType, 0.003),
    (Fault::GatewayError, 0.003),
    (Fault::ErrorAfterwards, 0.003),
    (Fault::RateLimited { retry_after: Some(1) }, 0.000_05),
    (Fault::RateLimited { retry_after: None }, 0.000_05),
    (Fault::Unauthorized, 0.000_1),
];

/// Plays 24 hours of a bot's life in a few minutes.
#[derive(Parser)]
struct Arguments {
    /// How long it lasts.
    #[arg(default_value_t = 180)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Arguments { seconds } = Arguments::parse();
    let lasts = Duration::from_secs(seconds);
    // What it remembers would look like a leak of the bot.
    let builder = FakeSpotify::builder()
        .with_token_lifetime(Duration::from_secs(2))
        .with_remembered_requests(0);
    let fake = builder.start().await?;
    let proxy = FaultProxy::start(&fake, SEED).await?;
    inject(&proxy);
    let authenticator = CredentialsAuthenticator::new("fake-id", "fake-secret");
    let config = proxy.config().with_authenticator(authenticator.clone());
    // Two seconds without a response are as long here as a token lives.
    let limit = Duration::from_secs(2);
    let spotify = SpotifyClient::new(config.with_timeout(limit).with_token_timeout(limit))?;

    let (soak, began) = (Arc::new(Soak::default()), Instant::now());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let random = fastrand::Rng::with_seed(SEED + task);
            tokio::spawn(bot(spotify.clone(), Arc::clone(&soak), random, began + lasts))
        })
        .collect();
    let (at_start, mut warm, warm_from) = (memory(), None, lasts.min(Duration::from_secs(60)));
    let mut outage = lasts.mul_f64(0.4)..lasts.mul_f64(0.4) + Duration::from_secs(5);
    for tick in 1..=10 * seconds {
        tokio::time::sleep_until(began + Duration::from_millis(100 * tick)).await;
        let elapsed = began.elapsed();
        if warm.is_none() && elapsed >= warm_from {
            warm = memory();
        }
        if elapsed >= outage.start {
            // Five seconds in which nothing works, and then the usual again.
            proxy.inject(Fault::GatewayError, 1.0);
            outage.start = Duration::MAX;
        }
        if elapsed >= outage.end {
            inject(&proxy);
            outage.end = Duration::MAX;
        }
        if tick % 100 == 0 {
            println!("{}, {}", virtual_time(elapsed, lasts), soak.progress(&proxy));
        }
    }
    for task in tasks {
        task.await?;
    }

    let stats = spotify.stats();
    let (p50, p99) = soak.latency.lock().percentiles();
    let refused: u64 = proxy.faults().get(&Fault::Unauthorized).copied().unwrap_or_default();
    println!("\n| {VIRTUAL_HOURS} hours in {seconds} s | |\n|---|---|");
    println!("| calls | {} |", soak.calls.load(Ordering::Relaxed));
    println!("| requests | {} |", proxy.api_requests());
    println!("| retries | {} |", stats.retries);
    println!("| tokens fetched | {} |", authenticator.stats().refreshes);
    println!("| 401s | {refused} |");
    println!("| 429s | {} |", stats.rate_limit.refusals());
    println!("| expired tokens sent | {} |", fake.expired_tokens());
    println!("| latency, half of the calls and 99 % | {p50:.1?}, {p99:.1?} |");
    for (kind, count) in soak.errors.lock().iter() {
        println!("| calls that failed: {kind} | {count} |");
    }
    println!("| memory at the start, after {warm_from:.0?}, at the end | {} |", {
        [at_start, warm, memory()].map(mebibytes).join(", ")
    });

    let grown = memory().zip(warm).is_some_and(|(end, warm)| end > warm + warm / 20);
    let failures = [
        (grown, "memory grew by more than 5 %"),
        (fake.expired_tokens() > 0, "expired tokens were sent"),
        (soak.unexpected.load(Ordering::Relaxed) > 0, "there were unexpected errors"),
        (stats.rate_limit.waiting() > 0, "a caller still waits"),
    ];
    for (_, what) in failures.iter().filter(|(failed, _)| *failed) {
        eprintln!("error: {what}");
    }
    let failed = failures.iter().any(|(failed, _)| *failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn inject(proxy: &FaultProxy) {
    proxy.heal();
    for (fault, share) in FAULTS {
        proxy.inject(fault, share);
        // A token request that is refused so would mean that the secret is wrong.
        if fault != Fault::Unauthorized {
            proxy.inject_into_tokens(fault, share);
        }
    }
}

/// Calls, and waits a little, until the time is over.
async fn bot(spotify: SpotifyClient, soak: Arc<Soak>, mut random: fastrand::Rng, end: Instant) {
    while Instant::now() < end {
        let began = Instant::now();
        let result = match random.u8(..4) {
            0 => spotify.albums().tracks("0tGPJ0bkWOUmH7MEOR77qc").await.map(drop),
            1 => spotify.search().albums("cut to the feeling").limit(3).await.map(drop),
            2 => spotify.playlists().items("3cEYpjA9oz9GiPac4AsH4n").limit(20).await.map(drop),
            _ => spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").await.map(drop),
        };
        soak.count(&result, began.elapsed());
        tokio::time::sleep(Duration::from_millis(random.u64(20..200))).await;
    }
}

/// What came of the calls.
#[derive(Default)]
struct Soak {
    calls: AtomicU64,
    unexpected: AtomicU64,
    errors: Mutex<BTreeMap<String, u64>>,
    latency: Mutex<Histogram>,
}

impl Soak {
    fn count(&self, result: &Result<(), Error>, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.latency.lock().count(took);
        let Err(error) = result else { return };
        let kind = match error {
            Error::Transport { .. } => "no complete response",
            Error::Auth { .. } => "no token to be had",
            Error::RateLimited { .. } => "rate limit",
            Error::Api { status, .. } if status.is_server_error() => "the server failed",
            unexpected => {
                self.unexpected.fetch_add(1, Ordering::Relaxed);
                &unexpected.to_line()
            }
        };
        *self.errors.lock().entry(kind.to_owned()).or_default() += 1;
    }

    fn progress(&self, proxy: &FaultProxy) -> String {
        let calls = self.calls.load(Ordering::Relaxed);
        let failed: u64 = self.errors.lock().values().sum();
        let (requests, memory) = (proxy.api_requests(), mebibytes(memory()));
        format!("{calls} calls, {requests} requests, {failed} calls failed, {memory}")
    }
}

/// How often something took how long, in steps of 5 %, whose size does not grow.
struct Histogram([u64; 400]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; 400])
    }
}

impl Histogram {
    fn count(&mut self, took: Duration) {
        let step = (took.as_secs_f64() * 1e6).max(1.0).log(1.05) as usize;
        if let Some(count) = self.0.get_mut(step.min(399)) {
            *count += 1;
        }
    }

    /// What half of them took at most, and 99 %.
    fn percentiles(&self) -> (Duration, Duration) {
        let all: u64 = self.0.iter().sum();
        let of = |share: f64| {
            let mut left = (all as f64 * share) as u64;
            let step = self.0.iter().position(|count| {
                let is_here = left < *count;
                left = left.saturating_sub(*count);
                is_here
            });
            Duration::from_secs_f64(1.05_f64.powf(step.unwrap_or_default() as f64 + 1.0) / 1e6)
        };
        (of(0.5), of(0.99))
    }
}

/// The memory of this process in KiB, where the system says it.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn mebibytes(kibibytes: Option<u64>) -> String {
    kibibytes.map_or_else(|| "?".to_owned(), |it| format!("{:.1} MiB", it as f64 / 1024.0))
}

fn virtual_time(elapsed: Duration, lasts: Duration) -> String {
    let minutes = VIRTUAL_HOURS * 60.0 * elapsed.as_secs_f64() / lasts.as_secs_f64();
    format!("{:02.0}:{:02.0}", (minutes / 60.0).floor(), minutes.floor() % 60.0)
}
