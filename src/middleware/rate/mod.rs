//! The rate gate: one for all clones and users of a client, before which requests wait their turn.

mod state;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use parking_lot::Mutex;
use reqwest::{Request, Response, StatusCode};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tokio::sync::{Mutex as Turnstile, Notify};
use tokio::time::Instant;

use self::state::{Outcome, State, Ticket, Wait};
use super::{CallTrace, QuotaExceeded, RequestClass};
use crate::transport::{read_body, retry_after};

/// Holds requests back while the server asks for it.
///
/// After a 429, no request of any clone or user goes out before `Retry-After` is over; then they start
/// spread out, at the rate that the server was seen to allow, which is raised little by little. While
/// the server fails, one request at a time looks whether it is back. Whoever waits is let through in
/// order; who gives up leaves no hole. [Urgent](RequestClass::is_urgent) requests go before the others.
///
/// Clones share the gate.
///
/// ```
/// use reqwest_middleware::ClientBuilder;
/// use spotify_web::SpotifyClientConfig;
/// use spotify_web::middleware::RateGate;
///
/// let http = SpotifyClientConfig::default().http_client()?; // or a client of your own
/// let client = ClientBuilder::new(http).with(RateGate::default()).build();
/// # Ok::<(), spotify_web::Error>(())
/// ```
#[derive(Clone)]
pub struct RateGate {
    shared: Arc<Shared>,
    longest_wait: Duration,
}

struct Shared {
    state: Mutex<State>,
    /// Those who wait, in order; the first of them stands before the gate.
    queue: Turnstile<()>,
    /// The place before the gate. The urgent come here without queueing.
    front: Turnstile<()>,
    /// Something has changed for who stands before the gate.
    changed: Notify,
    waiting: AtomicUsize,
    refusals: AtomicU64,
}

/// Why a request was not let through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server asks to be left alone for longer than requests may wait; try again in {} s", retry_after.as_secs())]
#[non_exhaustive]
pub struct GateClosed {
    /// After how long it may be tried again.
    pub retry_after: Duration,
}

/// What a gate is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct GateStats {
    /// Requests that wait.
    pub waiting: usize,
    /// Requests a second that may start; `None` while no limit is known.
    pub rate: Option<f64>,
    /// How long nothing goes at all.
    pub closed_for: Duration,
    /// Whether the server fails, and is only looked at now and then.
    pub is_failing: bool,
    /// Answers with 429 so far.
    pub refusals: u64,
}

impl RateGate {
    /// How long requests wait at most unless it is set: a minute.
    pub const DEFAULT_LONGEST_WAIT: Duration = Duration::from_secs(60);

    /// A gate before which requests wait at most so long: then they get [`GateClosed`], and at once where
    /// the server asks to be left alone for longer.
    pub fn new(longest_wait: Duration) -> Self {
        let shared = Shared {
            state: Mutex::new(State::new()),
            queue: Turnstile::new(()),
            front: Turnstile::new(()),
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
            refusals: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared), longest_wait }
    }

    /// What it is doing.
    pub fn stats(&self) -> GateStats {
        let (state, now) = (self.shared.state.lock(), Instant::now());
        GateStats {
            waiting: self.shared.waiting.load(Ordering::Relaxed),
            rate: state.rate(now),
            closed_for: state.closed_for(now),
            is_failing: state.is_failing(),
            refusals: self.shared.refusals.load(Ordering::Relaxed),
        }
    }

    /// Lets a request through if it need not wait.
    fn pass_at_once(&self) -> Option<Pass<'_>> {
        let shared = &self.shared;
        let waiting = shared.waiting.load(Ordering::Acquire);
        let ticket = shared.state.lock().take_past(waiting, Instant::now())?;
        Some(Pass::new(shared, ticket))
    }

    /// Lets a request through as soon as it may go, and says how long it waited.
    async fn pass(&self, is_urgent: bool) -> std::result::Result<(Pass<'_>, Duration), GateClosed> {
        let (limit, came) = (self.longest_wait, Instant::now());
        match tokio::time::timeout(limit, self.wait(is_urgent)).await {
            Ok(passed) => Ok((passed?, came.elapsed())),
            // The queue is longer than anybody should wait.
            Err(_) => Err(GateClosed { retry_after: self.closed_for().max(limit) }),
        }
    }

    async fn wait(&self, is_urgent: bool) -> std::result::Result<Pass<'_>, GateClosed> {
        let shared = &self.shared;
        shared.waiting.fetch_add(1, Ordering::AcqRel);
        let _waiting = Waiting(shared);
        self.check()?;
        let _queue = if is_urgent { None } else { Some(shared.queue.lock().await) };
        let _front = shared.front.lock().await;
        loop {
            let wait = match shared.state.lock().take(Instant::now()) {
                Ok(ticket) => return Ok(Pass::new(shared, ticket)),
                Err(wait) => wait,
            };
            self.check()?;
            match wait {
                // It may be closed for longer meanwhile, or open earlier.
                Wait::Until(then) => {
                    let _ = tokio::time::timeout_at(then, shared.changed.notified()).await;
                }
                Wait::ForAnother => shared.changed.notified().await,
            }
        }
    }

    /// An error at once where it is known that the wait is too long.
    fn check(&self) -> std::result::Result<(), GateClosed> {
        let retry_after = self.closed_for();
        match retry_after > self.longest_wait {
            true => Err(GateClosed { retry_after }),
            false => Ok(()),
        }
    }

    fn closed_for(&self) -> Duration {
        self.shared.state.lock().closed_for(Instant::now())
    }
}

impl Default for RateGate {
    fn default() -> Self {
        Self::new(Self::DEFAULT_LONGEST_WAIT)
    }
}

impl fmt::Debug for RateGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateGate")
            .field("longest_wait", &self.longest_wait)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Middleware for RateGate {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let pass = match self.pass_at_once() {
            Some(pass) => pass,
            None => {
                let class = extensions.get::<RequestClass>();
                let is_urgent = class.is_some_and(|class| class.is_urgent);
                // What most requests do without takes no room in them.
                let passing = Box::pin(self.pass(is_urgent));
                let (pass, waited) = passing.await.map_err(Error::middleware)?;
                if let Some(trace) = extensions.get_mut::<CallTrace>() {
                    trace.waited += waited;
                }
                pass
            }
        };
        let result = next.run(request, extensions).await;
        pass.settle(outcome(&result));
        match result {
            Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
                Ok(Box::pin(with_reason(response)).await)
            }
            result => result,
        }
    }
}

fn outcome(result: &Result<Response>) -> Outcome {
    match result {
        Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Refused(retry_after(response))
        }
        Ok(response) if response.status().is_server_error() => Outcome::Failed,
        Ok(_) => Outcome::Succeeded,
        Err(Error::Reqwest(error)) if !error.is_builder() => Outcome::Failed,
        Err(_) => Outcome::Nothing,
    }
}

/// Reads the body for the reason, and puts it back.
async fn with_reason(mut response: Response) -> Response {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let body = read_body(&mut response, LONGEST_REASON).await.unwrap_or_default();
    let is_quota = body.windows(QUOTA_EXCEEDED.len()).any(|part| part == QUOTA_EXCEEDED);
    let mut again = http::Response::new(body);
    *again.status_mut() = status;
    *again.headers_mut() = headers;
    if is_quota {
        again.extensions_mut().insert(QuotaExceeded);
    }
    again.into()
}

/// A request that was let through. Dropped, it has ended without telling anything.
struct Pass<'a> {
    shared: &'a Shared,
    ticket: Option<Ticket>,
}

impl<'a> Pass<'a> {
    fn new(shared: &'a Shared, ticket: Ticket) -> Self {
        Self { shared, ticket: Some(ticket) }
    }

    fn settle(mut self, outcome: Outcome) {
        if matches!(outcome, Outcome::Refused(_)) {
            self.shared.refusals.fetch_add(1, Ordering::Relaxed);
        }
        self.end(outcome);
    }

    fn end(&mut self, outcome: Outcome) {
        let Some(ticket) = self.ticket.take() else { return };
        let others_wait = self.shared.waiting.load(Ordering::Acquire) > 0;
        let (now, jitter) = (Instant::now(), fastrand::f64());
        self.shared.state.lock().settle(ticket, outcome, others_wait, now, jitter);
        if others_wait {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.end(Outcome::Nothing);
    }
}

/// One who waits, until they go or give up.
struct Waiting<'a>(&'a Shared);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Spotify's word for the quota of a developer's account, since July 2026.
const QUOTA_EXCEEDED: &[u8] = b"QUOTA_EXCEEDED";
const LONGEST_REASON: usize = 64 * 1024;
