//! Whatever comes in whatever order: random schedules of callers, drops, failures, rejections,
//! clock jumps, logins and log-outs, with a server that rotates its refresh tokens, a store that
//! fails at any call, and a second process that shares it.
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
use futures_util::FutureExt;
use parking_lot::Mutex;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use spotify_web::auth::{
    AuthError, Clock, MemoryTokenStore, RefreshLock, Rejection, RejectionReason, Revision,
    StoreError, StoredToken, TokenCache, TokenCacheOptions, TokenKey, TokenSource, TokenStore,
};
use spotify_web::oauth::{OAuthError, OAuthErrorCode, Token};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::common::{Caller, ManualClock};

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
    fastrand::seed(seed);
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
    world: Arc<Mutex<World>>,
    store: Option<FailingStore>,
    caches: Vec<TokenCache<Source>>,
    callers: Vec<Caller>,
    logins: Vec<JoinHandle<()>>,
    rejections: Vec<(usize, HeaderValue, JoinHandle<()>)>,
    /// What was handed out, by which cache, to be rejected or accepted.
    handed_out: Vec<(usize, HeaderValue)>,
    accepted: HashSet<HeaderValue>,
}

/// The accounts service, and what an observer knows who sees everything. Users are numbered as the
/// logins are: each login is another user's.
#[derive(Debug, Default)]
struct World {
    /// By user, the only refresh token that works.
    refresh_tokens: Vec<Option<String>>,
    issued: u64,
    /// Each access token with its end by the monotonic clock.
    ends: Vec<(String, Instant)>,
    /// Of each process, the request in flight and the way to respond to it.
    in_flight: [Option<oneshot::Sender<Response>>; 2],
    /// When the last attempt failed transiently, for as long as no other has begun.
    failed_at: [Option<Instant>; 2],
    /// Whether a save failed while another process may read the store.
    may_see_twice: bool,
    history: Vec<Happened>,
    step: u32,
    /// What must not happen; a panic in here would be taken for the source's.
    violations: Vec<String>,
}

/// A login or a log-out.
#[derive(Debug)]
struct Happened {
    process: usize,
    is_login: bool,
    begun: u32,
    ended: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
enum Response {
    Token { seconds: u64, rotate: bool },
    Transient,
    Permanent,
    Panic,
}

/// The accounts service as one process sees it: it rotates, and responds when it is told to.
#[derive(Debug)]
struct Source {
    process: usize,
    clock: ManualClock,
    world: Arc<Mutex<World>>,
}

#[async_trait]
impl TokenSource for Source {
    async fn request_token(&self, previous: Option<&Token>) -> Result<Token, AuthError> {
        let sent = previous.and_then(|token| token.refresh_token.as_ref());
        let sent = sent.ok_or(AuthError::NotLoggedIn)?.expose();
        let began = self.clock.now().monotonic;
        let (sender, receiver) = oneshot::channel();
        self.world.lock().begin_request(self.process, sent, began, sender);
        // Dropped with the request when that times out.
        match receiver.await {
            Ok(Response::Token { seconds, rotate }) => {
                self.world.lock().refresh(sent, began, seconds, rotate)
            }
            Ok(Response::Transient) => {
                self.world.lock().fail(self.process, sent, self.clock.now().monotonic);
                Err(AuthError::custom("down", "connection refused"))
            }
            Ok(Response::Permanent) => Err(refusal(OAuthErrorCode::InvalidClient)),
            Ok(Response::Panic) => panic!("as scheduled"),
            // A request of a login that has ended, which the next one's has taken the place of.
            Err(_) => Err(AuthError::custom("given up", "connection reset")),
        }
    }
}

fn refusal(code: OAuthErrorCode) -> AuthError {
    let status = StatusCode::BAD_REQUEST;
    OAuthError::Rejected { status, code, description: None, retry_after: None }.into()
}

impl World {
    fn begin_request(
        &mut self,
        process: usize,
        sent: &str,
        began: Instant,
        sender: oneshot::Sender<Response>,
    ) {
        if self.in_flight[process].as_ref().is_some_and(|other| !other.is_closed()) {
            self.violations.push("P6: two token requests in flight".into());
        }
        if self.failed_at[process] == Some(began) {
            self.violations.push("P19: asked again before the back-off".into());
        }
        if self.is_past(user_of(sent), process) {
            self.violations.push(format!("P47: {sent} was sent after a later login"));
        }
        self.in_flight[process] = Some(sender);
    }

    fn refresh(
        &mut self,
        sent: &str,
        began: Instant,
        seconds: u64,
        rotate: bool,
    ) -> Result<Token, AuthError> {
        let user = user_of(sent);
        if self.refresh_tokens[user].as_deref() != Some(sent) {
            // What followed it may have been given up for a later login.
            let is_replaced = (0..self.history.len()).any(|other| self.is_before(user, other));
            if !self.may_see_twice && !is_replaced {
                self.violations.push(format!("P31, P48: {sent} was sent after it was rotated"));
            }
            return Err(refusal(OAuthErrorCode::InvalidGrant));
        }
        Ok(self.issue(user, began, seconds, rotate))
    }

    fn issue(&mut self, user: usize, began: Instant, seconds: u64, rotate: bool) -> Token {
        self.issued += 1;
        let name = format!("a{user}.{}", self.issued);
        self.ends.push((name.clone(), began + Duration::from_secs(seconds)));
        let token = Token::new(name, Duration::from_secs(seconds));
        if !rotate {
            return token;
        }
        let refresh_token = format!("r{user}.{}", self.issued);
        self.refresh_tokens[user] = Some(refresh_token.clone());
        token.with_refresh_token(refresh_token)
    }

    fn fail(&mut self, process: usize, sent: &str, at: Instant) {
        // A login that is on its way ends the back-off; what came of the one before it is void.
        let is_logging_in =
            self.history.iter().any(|it| it.process == process && it.ended.is_none());
        let is_void = is_logging_in || self.is_past(user_of(sent), process);
        self.failed_at[process] = (!is_void).then_some(at);
    }

    fn begin(&mut self, process: usize, is_login: bool) -> usize {
        self.step += 1;
        let happened = Happened { process, is_login, begun: self.step, ended: None };
        self.history.push(happened);
        self.refresh_tokens.push(None);
        self.failed_at[process] = None;
        self.history.len() - 1
    }

    fn end(&mut self, user: usize) {
        self.step += 1;
        self.history[user].ended = Some(self.step);
    }

    /// Whether `one` had returned when `other` began, or began before it in the same process.
    fn is_before(&self, one: usize, other: usize) -> bool {
        let (earlier, later) = (&self.history[one], &self.history[other]);
        earlier.ended.is_some_and(|ended| ended < later.begun)
            || (earlier.process == later.process && one < other)
    }

    /// Whether a login or log-out after that of `user` has returned in this process.
    fn is_past(&self, user: usize, process: usize) -> bool {
        let mut later = self.history.iter().enumerate();
        later.any(|(index, it)| {
            it.process == process && it.ended.is_some() && self.is_before(user, index)
        })
    }

    /// Those that none is later than.
    fn last(&self) -> Vec<usize> {
        let all = 0..self.history.len();
        all.clone().filter(|one| !all.clone().any(|other| self.is_before(*one, other))).collect()
    }
}

/// Whose a token is: `a1.2` and `r1.2` are user 1's.
fn user_of(token: &str) -> usize {
    token[1..].split_once('.').unwrap().0.parse().unwrap()
}

/// Fails at any call, as long as it is to; a save may have taken place although it fails.
#[derive(Debug, Clone)]
struct FailingStore {
    inner: MemoryTokenStore,
    random: Arc<Mutex<Option<Rng>>>,
    world: Arc<Mutex<World>>,
    is_shared: bool,
}

impl FailingStore {
    fn rolls(&self, sides: u8) -> bool {
        self.random.lock().as_mut().is_some_and(|random| random.u8(0..sides) == 0)
    }
}

#[async_trait]
impl TokenStore for FailingStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        match self.rolls(6) {
            true => Err(StoreError::custom("down")),
            false => self.inner.load(key).await,
        }
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        if !self.rolls(4) {
            return self.inner.save(key, token, replaces).await;
        }
        if self.is_shared {
            self.world.lock().may_see_twice = true;
        }
        if self.rolls(2) {
            self.inner.save(key, token, replaces).await?;
        }
        Err(StoreError::custom("down"))
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.inner.remove(key).await
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        match self.rolls(6) {
            true => Err(StoreError::custom("busy")),
            false => self.inner.lock(key).await,
        }
    }
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let (clock, world) = (ManualClock::new(), Arc::new(Mutex::new(World::default())));
        let processes = if random.bool() { 1 } else { 2 };
        let store = (processes == 2 || random.bool()).then(|| FailingStore {
            inner: MemoryTokenStore::new(),
            random: Arc::new(Mutex::new(random.bool().then(|| Rng::with_seed(seed)))),
            world: Arc::clone(&world),
            is_shared: processes == 2,
        });
        let cache = |process| {
            let source = Source { process, clock: clock.clone(), world: Arc::clone(&world) };
            let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
            let cache = TokenCache::new(source).with_options(options);
            match &store {
                Some(store) => cache.with_store(store.clone(), TokenKey::new("app")),
                None => cache,
            }
        };
        let caches = (0..processes).map(cache).collect();
        Self {
            random,
            clock,
            world,
            store,
            caches,
            callers: Vec::new(),
            logins: Vec::new(),
            rejections: Vec::new(),
            handed_out: Vec::new(),
            accepted: HashSet::new(),
        }
    }

    async fn play(mut self) {
        for _ in 0..60 {
            self.happen();
            if self.random.bool() {
                let_run().await;
            }
            self.look();
        }
        self.end().await;
    }

    fn happen(&mut self) {
        let process = self.random.usize(0..self.caches.len());
        match self.random.u8(0..21) {
            0..=4 => self.call(process),
            5 => self.drop_caller(),
            6..=8 => self.respond(process),
            9 => self.reject(),
            10 => self.accept(),
            11 => self.pass(2.0),
            12 => self.pass(120.0),
            13 => self.pass(3600.0),
            14 => self.jump(),
            15 => {
                self.caches[process].reset();
                self.world.lock().failed_at[process] = None;
            }
            16 | 17 => self.log_in(process),
            18 => self.log_out(process),
            19 => self.drop_login(),
            _ => {
                let cache = self.caches[process].clone();
                self.logins.push(tokio::spawn(async move { drop(cache.settle().await) }));
            }
        }
    }

    fn call(&mut self, process: usize) {
        let cache = self.caches[process].clone();
        self.callers.push(tokio::spawn(async move { cache.header().await }));
    }

    fn drop_caller(&mut self) {
        if !self.callers.is_empty() {
            let caller = self.callers.swap_remove(self.random.usize(0..self.callers.len()));
            caller.abort();
        }
    }

    fn respond(&mut self, process: usize) {
        let seconds = [0, 1, 30, 3600][self.random.usize(0..4)];
        let response = match self.random.u8(0..8) {
            0..=4 => Response::Token { seconds, rotate: self.random.bool() },
            5 => Response::Transient,
            6 => Response::Permanent,
            _ => Response::Panic,
        };
        if let Some(in_flight) = self.world.lock().in_flight[process].take() {
            in_flight.send(response).ok();
        }
    }

    fn reject(&mut self) {
        if self.handed_out.is_empty() {
            return;
        }
        let place = self.random.usize(0..self.handed_out.len());
        let (process, header) = self.handed_out.swap_remove(place);
        let (cache, rejection) = (
            self.caches[process].clone(),
            Rejection::new(header.clone(), RejectionReason::Unknown),
        );
        let mut rejected = Box::pin(async move { drop(cache.rejected(&rejection).await) });
        // Told at once; what waits for the replacement goes on.
        if rejected.as_mut().now_or_never().is_none() {
            self.rejections.push((process, header, tokio::spawn(rejected)));
        }
    }

    fn accept(&mut self) {
        if !self.handed_out.is_empty() {
            let place = self.random.usize(0..self.handed_out.len());
            let (process, header) = &self.handed_out[place];
            self.caches[*process].accepted(header);
            self.accepted.insert(header.clone());
        }
    }

    fn pass(&mut self, most: f64) {
        self.clock.advance(self.random.f64() * most);
    }

    /// Processes that share a login agree about the time.
    fn jump(&mut self) {
        if self.caches.len() == 1 {
            self.clock.jump_wall(self.random.i64(-7200..7200));
        }
    }

    fn log_in(&mut self, process: usize) {
        let now = self.clock.now().monotonic;
        // Two logins of one moment are told apart by neither.
        self.clock.advance(0.001);
        let (user, token) = {
            let mut world = self.world.lock();
            let user = world.begin(process, true);
            (user, world.issue(user, now, 3600, true))
        };
        let (cache, world) = (self.caches[process].clone(), Arc::clone(&self.world));
        let mut login = Box::pin(async move {
            drop(cache.log_in(token).await);
            world.lock().end(user);
        });
        if login.as_mut().now_or_never().is_none() {
            self.logins.push(tokio::spawn(login));
        }
    }

    fn log_out(&mut self, process: usize) {
        self.clock.advance(0.001);
        let user = self.world.lock().begin(process, false);
        let (cache, world) = (self.caches[process].clone(), Arc::clone(&self.world));
        let mut log_out = Box::pin(async move {
            drop(cache.log_out().await);
            world.lock().end(user);
        });
        if log_out.as_mut().now_or_never().is_none() {
            self.logins.push(tokio::spawn(log_out));
        }
    }

    fn drop_login(&mut self) {
        if !self.logins.is_empty() {
            self.logins.swap_remove(self.random.usize(0..self.logins.len())).abort();
        }
    }

    /// What a call gets at this moment, if it need not wait, is good at this moment.
    fn look(&mut self) {
        self.check();
        for process in 0..self.caches.len() {
            let polled = self.caches[process].header().now_or_never();
            let Some(Ok(header)) = polled else { continue };
            self.check_served(process, &header);
            self.handed_out.push((process, header));
        }
    }

    fn check(&self) {
        let world = self.world.lock();
        assert!(world.violations.is_empty(), "{:?}", world.violations);
    }

    fn check_served(&self, process: usize, header: &HeaderValue) {
        let text = name(header);
        let world = self.world.lock();
        let (_, end) = world.ends.iter().find(|(name, _)| name == text).expect("an issued token");
        assert!(self.clock.now().monotonic < *end, "P4: {text} was handed out after its end");
        assert!(!world.is_past(user_of(text), process), "P47: {text} after a later login");
        let is_being_replaced = self.rejections.iter().any(|(of, rejected, waiting)| {
            *of == process && rejected == header && !waiting.is_finished()
        });
        let is_accepted = self.accepted.contains(header);
        assert!(!is_being_replaced || is_accepted, "P5: {text} while it is replaced");
    }

    /// Everybody who still waits gets something, and no rotation was lost.
    async fn end(mut self) {
        if let Some(store) = &self.store {
            *store.random.lock() = None;
        }
        self.respond_all().await;
        // As long as one whose token could not be saved may keep the others from refreshing.
        tokio::time::sleep(Duration::from_secs(40)).await;
        self.respond_all().await;
        self.check();
        let rejections = self.rejections.drain(..).map(|(_, _, waiting)| waiting.is_finished());
        let logins = self.logins.drain(..).map(|login| login.is_finished());
        let callers = self.callers.drain(..).map(|caller| caller.is_finished());
        assert!(rejections.chain(logins).chain(callers).all(|it| it), "a caller waits for ever");
        for cache in self.caches.clone() {
            let settled = tokio::spawn(async move { cache.settle().await });
            self.respond_all().await;
            settled.await.unwrap().unwrap();
        }
        // And with a back-off behind it, the same caches go on.
        for process in 0..self.caches.len() {
            self.clock.advance(100_000.0);
            let cache = self.caches[process].clone();
            let caller = tokio::spawn(async move { cache.header().await });
            self.respond_all().await;
            self.check();
            self.judge(process, caller.await.unwrap()).await;
        }
    }

    async fn respond_all(&self) {
        for _ in 0..10 {
            let_run().await;
            for in_flight in &mut self.world.lock().in_flight {
                if let Some(in_flight) = in_flight.take() {
                    in_flight.send(Response::Token { seconds: 3600, rotate: true }).ok();
                }
            }
        }
    }

    /// The last login is the one that is used and stored, and the server would take what is stored.
    async fn judge(&self, process: usize, served: Result<HeaderValue, AuthError>) {
        let last = self.world.lock().last();
        let stored = match &self.store {
            Some(store) => store.inner.load(&TokenKey::new("app")).await.unwrap(),
            None => None,
        };
        let world = self.world.lock();
        match served {
            Ok(header) => {
                let user = user_of(name(&header));
                assert!(last.contains(&user), "P47: {user} is served by {process}, not {last:?}");
                if let Some(token) = stored.as_ref().and_then(StoredToken::token) {
                    let kept = token.refresh_token.as_ref().map(|token| token.expose().to_owned());
                    assert_eq!(kept, world.refresh_tokens[user], "P48: what is stored");
                }
                let is_kept = stored.is_none_or(|stored| !stored.has_ended());
                assert!(is_kept, "P54: the login was marked as ended");
            }
            Err(AuthError::NotLoggedIn) => {
                let may_be = last.iter().any(|it| !world.history[*it].is_login);
                assert!(last.is_empty() || may_be, "P49: {last:?} is gone");
            }
            Err(error) => panic!("did not recover: {error:?}"),
        }
    }
}

fn name(header: &HeaderValue) -> &str {
    header.to_str().unwrap().strip_prefix("Bearer ").unwrap()
}

/// As `settle`, but with as many turns as the longest chain of tasks here takes.
async fn let_run() {
    for _ in 0..24 {
        tokio::task::yield_now().await;
    }
}
