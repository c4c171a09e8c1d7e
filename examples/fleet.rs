//! A fleet: worker processes behind one app, which share its token and its rate through Redis or
//! Valkey. A table shows what they do, before a fake Spotify that allows 300 requests in any 30 s.
//!
//! `cargo run --features redis --example fleet -- --workers 8`, and `--redis URL` for a server of
//! yours; without one, `redis-server` or `valkey-server` is started on loopback. Keys: `k` kills a
//! worker, `s` stops Redis for 10 s, `l` halves the limit. Ctrl-C or SIGTERM ends it.
//!
//! Nobody knows the limit at first: the workers use it up within seconds, and the 429 closes all of them until the
//! window is over. The second window is used up as well, and teaches a rate that is too high at first: after a
//! minute and a half they send at what is allowed. While they are closed, they
//! have nothing to ask Redis, and do not notice that it is stopped.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use parking_lot::Mutex;
use spotify_web::SpotifyClient;
use spotify_web::auth::{CredentialsAuthenticator, TokenKey};
use spotify_web::fleet::RedisFleet;
use spotify_web::middleware::RateLimitOptions;
use spotify_web::testing::{FakeLimit, FakeSpotify};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match std::env::var("FLEET_WORKER") {
        Ok(_) => work().await,
        Err(_) => show().await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

// One worker.

/// Calls with several tasks, and prints what came of it, until its input ends.
async fn work() -> Result<(), Box<dyn Error>> {
    let fleet = RedisFleet::new(std::env::var("FLEET_REDIS")?);
    let authenticator = CredentialsAuthenticator::new("fake-id", "fake-secret")
        .with_store(fleet.tokens(), TokenKey::new("fake-id"));
    let options = RateLimitOptions::default()
        .with_shared(fleet.shared_limit())
        .with_max_wait(Duration::from_secs(300));
    let config = spotify_web::SpotifyClientConfig::default()
        .with_base_url(std::env::var("FLEET_BASE_URL")?)
        .with_token_url(std::env::var("FLEET_TOKEN_URL")?)
        .with_authenticator(authenticator)
        .with_rate_limit(options);
    let spotify = SpotifyClient::new(config)?;
    let requests = Arc::new(Mutex::new(0_u64));
    for _ in 0..4 {
        let (spotify, requests) = (spotify.clone(), Arc::clone(&requests));
        tokio::spawn(async move {
            loop {
                match spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").await {
                    Ok(_) => *requests.lock() += 1,
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
    }
    let input = std::thread::spawn(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    while !input.is_finished() {
        let stats = spotify.stats().rate_limit;
        let endpoints = stats.endpoints.iter().map(|(_, endpoint)| endpoint.refusals).sum::<u64>();
        let refusals = stats.app.refusals + endpoints;
        let state = stats.sharing.map_or_else(String::new, |sharing| format!("{sharing:?}"));
        let rate = stats.app.rate.unwrap_or(0.0);
        let line = format!("{} {refusals} {state} {rate}\n", *requests.lock());
        // Nobody listens any more when the table has ended.
        if std::io::stdout().write_all(line.as_bytes()).is_err() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}

// The table.

/// Shows worker processes that share a token and a rate through Redis or Valkey.
#[derive(Parser)]
struct Arguments {
    /// How many processes there are.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=64))]
    workers: u64,
    /// The URL of a server; without one, `redis-server` or `valkey-server` is started on loopback.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    redis: Option<String>,
}

/// What a worker last said.
#[derive(Clone, Default)]
struct Report {
    requests: u64,
    refusals: u64,
    state: String,
    rate: f64,
    is_alive: bool,
}

type Reports = Arc<Mutex<BTreeMap<usize, Report>>>;

async fn show() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut end = std::pin::pin!(end()?);
    let mut server = match arguments.redis {
        Some(_) => None,
        None => Some(Server::start()?),
    };
    let own = server.as_ref().map(|server| format!("redis://127.0.0.1:{}/", server.port));
    let url = arguments.redis.or(own).unwrap_or_default();
    RedisFleet::new(&url).check().await?;
    let fake = FakeSpotify::builder().with_remembered_requests(0).start().await?;
    let mut limit = 300;
    fake.limit(FakeLimit::rolling(limit, WINDOW));
    let reports = Reports::default();
    let mut workers: Vec<_> = (0..usize::try_from(arguments.workers)?)
        .map(|number| Worker::start(number, &fake, &url, &reports))
        .collect::<Result<_, _>>()?;
    let (mut keys, _terminal) = (keys(), Terminal::by_the_key());
    let mut note = String::new();
    let mut redraw = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            () = &mut end => break,
            Some(key) = keys.recv() => match key {
                b'k' => note = kill(&mut workers, &reports),
                b's' => note = stop(server.as_mut()),
                b'l' => {
                    limit = (limit / 2).max(1);
                    fake.limit(FakeLimit::rolling(limit, WINDOW));
                    note = format!("the limit is {limit} in 30 s now");
                }
                b'q' => break,
                _ => {}
            },
            _ = redraw.tick() => {
                if server.as_mut().is_some_and(Server::go_on_if_time) {
                    note = "Redis runs again".to_owned();
                }
                let redis = server.as_ref().map_or("not ours", Server::state);
                if draw(&reports.lock(), &fake, limit, redis, &note).is_err() {
                    break; // a pipe whose reader has gone
                }
            }
        }
    }
    workers.iter_mut().for_each(Worker::end);
    let requests: u64 = reports.lock().values().map(|report| report.requests).sum();
    let _ = writeln!(
        std::io::stdout(),
        "ended: {requests} requests, {} of them 429, {} token requests",
        fake.limited_requests(),
        fake.token_requests()
    );
    Ok(())
}

/// Ctrl-C, or what ends a service; also if it comes before anybody waits for it.
#[cfg(unix)]
fn end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn end() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

fn draw(
    reports: &BTreeMap<usize, Report>,
    fake: &FakeSpotify,
    limit: usize,
    redis: &str,
    note: &str,
) -> std::io::Result<()> {
    let all: u64 = reports.values().map(|report| report.requests).sum();
    let living = || reports.values().filter(|report| report.is_alive);
    let mut text = String::new();
    if std::io::stdout().is_terminal() {
        text.push_str("\x1b[H\x1b[J");
    }
    text.push_str("worker   requests   429s   share   state\n");
    for (number, report) in reports {
        let share = 100.0 * report.requests as f64 / all.max(1) as f64;
        let state = match report.state.as_str() {
            _ if !report.is_alive => "killed",
            "Closed" => "Closed: a 429 has all wait until its Retry-After is over",
            state => state,
        };
        let Report { requests, refusals, .. } = report;
        text.push_str(&format!(
            "{number:>6} {requests:>10} {refusals:>6} {share:>6.1}%   {state}\n"
        ));
    }
    let rate = living().map(|report| report.rate).fold(0.0, f64::max);
    let alone = living().filter(|report| report.state == "Alone").count();
    let rate = if rate > 0.0 { format!("{rate:.1}/s") } else { "none yet".to_owned() };
    text.push_str(&format!(
        "\nfleet: {} workers, {alone} alone; limit {limit} in 30 s; rate learnt: {rate}; 429s: {}; tokens \
         requested: {}; Redis: {redis}\nk kill a worker   s stop Redis for 10 s   l halve the limit   Ctrl-C \
         end\n{note}\n",
        living().count(),
        fake.limited_requests(),
        fake.token_requests(),
    ));
    std::io::stdout().write_all(text.as_bytes())
}

/// A worker process.
struct Worker {
    process: Child,
    number: usize,
}

impl Worker {
    fn start(
        number: usize,
        fake: &FakeSpotify,
        redis: &str,
        reports: &Reports,
    ) -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(std::env::current_exe()?)
            .env("FLEET_WORKER", "1")
            .env("FLEET_REDIS", redis)
            .env("FLEET_BASE_URL", fake.base_url())
            .env("FLEET_TOKEN_URL", fake.token_url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("a worker without an output")?;
        let reports = Arc::clone(reports);
        reports.lock().insert(number, Report { is_alive: true, ..Report::default() });
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(report) = Report::read(&line) {
                    let mut reports = reports.lock();
                    let last = reports.get(&number).map_or(0.0, |last| last.rate);
                    reports.insert(number, report.or_last_rate(last));
                }
            }
            reports.lock().entry(number).or_default().is_alive = false;
        });
        Ok(Self { process, number })
    }

    /// Its input ends, and so does it; if not, it is killed.
    fn end(&mut self) {
        drop(self.process.stdin.take());
        let began = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Report {
    /// Alone, it knows of its share of the rate only: what all of them learnt is what it knew before.
    fn or_last_rate(self, last: f64) -> Self {
        let rate = if self.state == "Alone" { last } else { self.rate };
        Self { rate, ..self }
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        Some(Self {
            requests: words.next()?.parse().ok()?,
            refusals: words.next()?.parse().ok()?,
            state: words.next()?.to_owned(),
            rate: words.next()?.parse().ok()?,
            is_alive: true,
        })
    }
}

/// With SIGKILL: it has no time to say good-bye.
fn kill(workers: &mut [Worker], reports: &Reports) -> String {
    let is_alive = |worker: &&mut Worker| {
        reports.lock().get(&worker.number).is_some_and(|report| report.is_alive)
    };
    match workers.iter_mut().rev().find(is_alive) {
        Some(worker) => {
            let _ = worker.process.kill();
            let _ = worker.process.wait();
            format!("worker {} was killed", worker.number)
        }
        None => "all workers have been killed".to_owned(),
    }
}

/// A server of our own.
struct Server {
    process: Child,
    port: u16,
    stopped: Option<Instant>,
}

impl Server {
    fn start() -> Result<Self, Box<dyn Error>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let run = |program: &str| {
            Command::new(program)
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
        };
        let process = run("redis-server").or_else(|_| run("valkey-server")).map_err(|_| {
            "neither redis-server nor valkey-server is installed. Install one (Debian: `apt install \
             redis-server`; macOS: `brew install valkey`), or name yours: --redis redis://HOST/"
        })?;
        let server = Self { process, port, stopped: None };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if began.elapsed() > Duration::from_secs(10) {
                return Err("the server of Redis does not start".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    fn signal(&self, name: &str) -> bool {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-s", name, &id]).status().is_ok_and(|it| it.success())
    }

    /// Whether it goes on from now.
    fn go_on_if_time(&mut self) -> bool {
        let is_time = self.stopped.is_some_and(|since| since.elapsed() >= STOPPED_FOR);
        if is_time {
            self.signal("CONT");
            self.stopped = None;
        }
        is_time
    }

    fn state(&self) -> &'static str {
        if self.stopped.is_some() { "stopped" } else { "running" }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn stop(server: Option<&mut Server>) -> String {
    match server {
        Some(server) if server.signal("STOP") => {
            server.stopped = Some(Instant::now());
            "Redis is stopped for 10 s".to_owned()
        }
        Some(_) => "Redis cannot be stopped here".to_owned(),
        None => "this Redis is not ours to stop".to_owned(),
    }
}

/// What is typed, key by key.
fn keys() -> mpsc::Receiver<u8> {
    let (sender, receiver) = mpsc::channel(8);
    std::thread::spawn(move || {
        for key in std::io::stdin().lock().bytes().map_while(Result::ok) {
            if sender.blocking_send(key).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A terminal that hands out each key at once, and is as it was afterwards.
struct Terminal {
    is_changed: bool,
}

impl Terminal {
    fn by_the_key() -> Self {
        let is_changed = std::io::stdin().is_terminal() && stty(&["-icanon", "-echo"]);
        Self { is_changed }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.is_changed {
            stty(&["icanon", "echo"]);
        }
    }
}

fn stty(arguments: &[&str]) -> bool {
    Command::new("stty").args(arguments).status().is_ok_and(|status| status.success())
}

/// As Spotify counts.
const WINDOW: Duration = Duration::from_secs(30);
const STOPPED_FOR: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(2);
