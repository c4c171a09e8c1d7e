//! Whatever comes in whatever order: random schedules of callers, drops, failures, refusals, clock
//! jumps and logins, with a server that rotates its refresh tokens.
//!
//! A schedule is its seed. One that fails names it, and is played again by
//!
//! ```console
//! $ SCHEDULE=1234 cargo test --test api schedules
//! ```

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fastrand::Rng;
use parking_lot::Mutex;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use spotify_web::auth::{
    AuthError, Clock, MemoryTokenStore, TokenCache, TokenCacheOptions, TokenKey, TokenSource,
    TokenStore,
};
use spotify_web::oauth::{OAuthError, OAuthErrorCode, Token};
use tokio::sync::oneshot;

use crate::common::{Caller, ManualClock, rejected};

/// In blocks, so that several threads share the work.
#[test]
fn ten_thousand_schedules_keep_every_promise() {
    if let Some(seed) = std::env::var("SCHEDULE").ok().and_then(|seed| seed.parse().ok()) {
        return play(seed);
    }
    std::thread::scope(|scope| {
        for block in 0..4 {
            scope.spawn(move || (0..2500).for_each(|seed| play(block * 2500 + seed)));
        }
    });
}

fn play(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let played = std::panic::catch_unwind(|| runtime.block_on(Schedule::new(seed).play()));
    if let Err(panic) = played {
        eprintln!(
            "schedule {seed} failed; play it again by SCHEDULE={seed} cargo test --test api schedules"
        );
        std::panic::resume_unwind(panic);
    }
}

struct Schedule {
    random: Rng,
    clock: ManualClock,
    server: Arc<Server>,
    store: MemoryTokenStore,
    cache: TokenCache<Arc<Server>>,
    callers: Vec<Caller>,
    /// What was handed out last, to be refused.
    handed_out: Vec<HeaderValue>,
    refused: HashSet<HeaderValue>,
}

/// The accounts service: it rotates, and answers when it is told to.
#[derive(Debug)]
struct Server {
    clock: ManualClock,
    state: Mutex<ServerState>,
}

#[derive(Debug, Default)]
struct ServerState {
    /// The only refresh token that works.
    refresh_token: Option<String>,
    issued: u64,
    /// Each token with its end by the monotonic clock.
    ends: Vec<(String, Instant)>,
    /// The request in flight, and how to answer it.
    in_flight: Option<oneshot::Sender<Answer>>,
    /// When the last attempt failed transiently, for as long as no other has begun.
    failed_at: Option<Instant>,
    /// What must not happen; a panic in here would be taken for the source's.
    violations: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Token { seconds: u64, rotate: bool },
    Transient,
    Permanent,
    Panic,
}

#[async_trait]
impl TokenSource for Server {
    async fn request_token(&self, previous: Option<&Token>) -> Result<Token, AuthError> {
        let began = self.clock.now().monotonic;
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.state.lock();
            if state.in_flight.as_ref().is_some_and(|other| !other.is_closed()) {
                state.violations.push("two token requests in flight");
            }
            if state.failed_at == Some(began) {
                state.violations.push("asked again before the back-off");
            }
            state.in_flight = Some(sender);
            let sent = previous.and_then(|token| token.refresh_token.as_ref());
            let sent = sent.map(|token| token.expose().to_owned());
            if sent != state.refresh_token {
                state.violations.push("a refresh token was lost, or sent after it was rotated");
            }
        }
        // Dropped with the request when that times out.
        let answer = receiver.await;
        match answer {
            Ok(Answer::Token { seconds, rotate }) => Ok(self.issue(began, seconds, rotate)),
            Ok(Answer::Transient) => {
                self.state.lock().failed_at = Some(self.clock.now().monotonic);
                Err(AuthError::custom("down", "connection refused"))
            }
            Ok(Answer::Permanent) => {
                let (status, code) = (StatusCode::BAD_REQUEST, OAuthErrorCode::InvalidClient);
                Err(OAuthError::Refused { status, code, description: None, retry_after: None }
                    .into())
            }
            Ok(Answer::Panic) => panic!("as scheduled"),
            Err(_) => unreachable!("the test answers what it takes"),
        }
    }
}

impl Server {
    fn issue(&self, began: Instant, seconds: u64, rotate: bool) -> Token {
        let mut state = self.state.lock();
        state.issued += 1;
        let name = format!("token-{}", state.issued);
        state.ends.push((name.clone(), began + Duration::from_secs(seconds)));
        let token = Token::new(name, Duration::from_secs(seconds));
        if !rotate && state.refresh_token.is_some() {
            return token;
        }
        let refresh_token = format!("refresh-{}", state.issued);
        state.refresh_token = Some(refresh_token.clone());
        token.with_refresh_token(refresh_token)
    }
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let clock = ManualClock::new();
        let server = Arc::new(Server { clock: clock.clone(), state: Mutex::default() });
        let store = MemoryTokenStore::new();
        let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
        let cache = TokenCache::new(Arc::clone(&server)).with_options(options);
        let cache = match random.bool() {
            true => cache.with_store(store.clone(), TokenKey::new("app")),
            false => cache,
        };
        let (callers, handed_out, refused) = (Vec::new(), Vec::new(), HashSet::new());
        Self { random, clock, server, store, cache, callers, handed_out, refused }
    }

    async fn play(mut self) {
        for _ in 0..60 {
            match self.random.u8(0..16) {
                0..=4 => self.call(),
                5 => self.drop_caller(),
                6..=8 => self.answer(),
                9 => self.refuse(),
                10 => self.clock.advance(self.random.f64() * 2.0),
                11 => self.clock.advance(self.random.f64() * 120.0),
                12 => self.clock.advance(self.random.f64() * 3600.0),
                13 => self.clock.jump_wall(self.random.i64(-7200..7200)),
                14 => {
                    self.cache.reset();
                    self.server.state.lock().failed_at = None;
                }
                _ => {}
            }
            if self.random.bool() {
                let_run().await;
            }
            self.look().await;
        }
        self.end().await;
    }

    fn call(&mut self) {
        let cache = self.cache.clone();
        self.callers.push(tokio::spawn(async move { cache.header().await }));
    }

    fn drop_caller(&mut self) {
        if !self.callers.is_empty() {
            let caller = self.callers.swap_remove(self.random.usize(0..self.callers.len()));
            caller.abort();
        }
    }

    fn answer(&mut self) {
        let seconds = [0, 1, 30, 3600][self.random.usize(0..4)];
        let answer = match self.random.u8(0..8) {
            0..=4 => Answer::Token { seconds, rotate: self.random.bool() },
            5 => Answer::Transient,
            6 => Answer::Permanent,
            _ => Answer::Panic,
        };
        if let Some(in_flight) = self.server.state.lock().in_flight.take() {
            in_flight.send(answer).ok();
        }
    }

    fn refuse(&mut self) {
        if !self.handed_out.is_empty() {
            let header = self.handed_out.swap_remove(self.random.usize(0..self.handed_out.len()));
            let (cache, credentials) = (self.cache.clone(), header.clone());
            tokio::spawn(async move { rejected(&cache, &credentials).await });
            self.refused.insert(header);
        }
    }

    /// What a call gets at this moment, if it need not wait, is good at this moment.
    async fn look(&mut self) {
        assert!(self.server.state.lock().violations.is_empty(), "{:?}", self.server.state.lock());
        let polled = futures_util::FutureExt::now_or_never(self.cache.header());
        let Some(Ok(header)) = polled else { return };
        let text = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let state = self.server.state.lock();
        let (_, end) = state.ends.iter().find(|(name, _)| name == text).expect("an issued token");
        assert!(self.clock.now().monotonic < *end, "{text} was handed out after its end");
        assert!(!self.refused.contains(&header), "{text} was handed out after its refusal");
        drop(state);
        self.handed_out.push(header);
    }

    /// Everybody who still waits gets something, and no rotation was lost on the way.
    async fn end(mut self) {
        for _ in 0..10 {
            let_run().await;
            if let Some(in_flight) = self.server.state.lock().in_flight.take() {
                in_flight.send(Answer::Token { seconds: 3600, rotate: true }).ok();
            }
        }
        for caller in self.callers.drain(..) {
            assert!(caller.is_finished(), "a caller waits for ever");
        }
        // Where there is a store, what it keeps is what the server would take.
        if let Some(stored) = self.store.load(&TokenKey::new("app")).await.unwrap() {
            let kept = stored.token().and_then(|token| token.refresh_token.as_ref());
            let kept = kept.map(|token| token.expose().to_owned());
            assert_eq!(kept, self.server.state.lock().refresh_token);
        }
        // And with a back-off behind it, the same cache goes on.
        self.clock.advance(100_000.0);
        let caller = self.cache.clone();
        let caller = tokio::spawn(async move { caller.header().await });
        let_run().await;
        if let Some(in_flight) = self.server.state.lock().in_flight.take() {
            in_flight.send(Answer::Token { seconds: 3600, rotate: true }).ok();
        }
        assert!(caller.await.unwrap().is_ok(), "did not recover");
    }
}

/// As `settle`, but with as many turns as the longest chain of tasks here takes.
async fn let_run() {
    for _ in 0..12 {
        tokio::task::yield_now().await;
    }
}
