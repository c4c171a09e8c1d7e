//! Retries: what may have been an accident is tried once more.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::Extensions;
use parking_lot::Mutex;
use reqwest::{Request, Response, StatusCode};
use reqwest_middleware::{Error, Middleware, Next, Result};

use super::{CallTrace, QuotaExceeded, RequestClass, Safety};
use crate::auth::Backoff;
use crate::transport::repeated;

/// How often a request is sent once more, and when.
///
/// ```
/// use spotify_web::middleware::RetryOptions;
///
/// let options = RetryOptions::default().retries(5).share(0.2);
/// ```
#[derive(Debug, Clone)]
pub struct RetryOptions {
    retries: u32,
    backoff: Backoff,
    share: f64,
}

impl RetryOptions {
    /// Sets how often one request is sent once more at the most: 3 times by default, 0 for never.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Sets the pauses, of which a random part is waited (full jitter): 1 s, doubling to 60 s, by
    /// default.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// Sets how many retries there may be for each request of the client, so that an outage is not
    /// multiplied: 0.1 by default. Ten more are always there to begin with.
    #[must_use]
    pub fn share(self, share: f64) -> Self {
        Self { share: share.clamp(0.0, 10.0), ..self }
    }
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { retries: 3, backoff: Backoff::default(), share: 0.1 }
    }
}

/// Sends a request once more when its answer was lost on the way or the server failed.
///
/// Retried are 500, 502, 503 and 504, connections that fail or are reset, and time-outs, where the
/// request's [`Safety`] allows; a 429 and a connection that was never made are always retried, since
/// nothing was carried out. A body that is a stream cannot be sent again.
///
/// A [`RateGate`](super::RateGate) belongs below it, so that each attempt waits its turn. Clones share
/// the budget.
///
/// ```
/// use reqwest_middleware::ClientBuilder;
/// use spotify_web::SpotifyClientConfig;
/// use spotify_web::middleware::{RateGate, RetryMiddleware};
///
/// let http = SpotifyClientConfig::default().http_client()?; // or a client of your own
/// let client = ClientBuilder::new(http)
///     .with(RetryMiddleware::default())
///     .with(RateGate::default())
///     .build();
/// # Ok::<(), spotify_web::Error>(())
/// ```
#[derive(Clone)]
pub struct RetryMiddleware {
    options: RetryOptions,
    budget: Arc<Mutex<Budget>>,
}

/// Retries that may still be made, in thousandths.
struct Budget {
    left: u64,
    used: u64,
}

/// What may be done after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is the answer.
    Done,
    /// Once more after a pause.
    Again,
    /// Once more when the gate opens.
    WhenOpen,
}

impl RetryMiddleware {
    /// A layer with options of your own.
    pub fn new(options: RetryOptions) -> Self {
        let budget = Budget { left: FIRST_RETRIES, used: 0 };
        Self { options, budget: Arc::new(Mutex::new(budget)) }
    }

    /// How many retries there were.
    pub fn retries(&self) -> u64 {
        self.budget.lock().used
    }

    fn deposit(&self) {
        // `as` saturates, and the share is from 0 to 10.
        let share = (self.options.share * ONE_RETRY as f64) as u64;
        let mut budget = self.budget.lock();
        budget.left = (budget.left + share).min(MOST_RETRIES);
    }

    /// Takes a retry from the budget. One that waits for the gate costs nothing: the gate sees to it
    /// that it does no harm.
    fn withdraw(&self, verdict: Verdict) -> bool {
        let cost = if verdict == Verdict::WhenOpen { 0 } else { ONE_RETRY };
        let mut budget = self.budget.lock();
        if budget.left < cost {
            return false;
        }
        budget.left -= cost;
        budget.used += 1;
        true
    }
}

impl Default for RetryMiddleware {
    fn default() -> Self {
        Self::new(RetryOptions::default())
    }
}

impl fmt::Debug for RetryMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryMiddleware")
            .field("options", &self.options)
            .field("retries", &self.retries())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Middleware for RetryMiddleware {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let class = extensions.get::<RequestClass>().copied();
        let class = class.unwrap_or_else(|| RequestClass::of(request.method()));
        let most = class.retries.unwrap_or(self.options.retries);
        self.deposit();
        let mut request = request;
        for attempt in 1..=most {
            let Some(again) = repeated(&request) else { break };
            let result = attempt_once(&next, request, extensions).await;
            let verdict = judge(&result, class.safety);
            if verdict == Verdict::Done || !self.withdraw(verdict) {
                return result;
            }
            tracing::debug!(attempt, ?verdict, "sending a request once more");
            if verdict == Verdict::Again {
                let pause = self.options.backoff.pause(attempt, fastrand::f64());
                tokio::time::sleep(pause).await;
                if let Some(trace) = extensions.get_mut::<CallTrace>() {
                    trace.waited += pause;
                }
            }
            request = again;
        }
        attempt_once(&next, request, extensions).await
    }
}

async fn attempt_once(
    next: &Next<'_>,
    request: Request,
    extensions: &mut Extensions,
) -> Result<Response> {
    if let Some(trace) = extensions.get_mut::<CallTrace>() {
        trace.attempts += 1;
    }
    next.clone().run(request, extensions).await
}

fn judge(result: &Result<Response>, safety: Safety) -> Verdict {
    match result {
        Ok(response) => match response.status() {
            // Not before the quota is renewed, whenever that is.
            _ if response.extensions().get::<QuotaExceeded>().is_some() => Verdict::Done,
            StatusCode::TOO_MANY_REQUESTS => Verdict::WhenOpen,
            status if may_pass(status) && safety != Safety::Once => Verdict::Again,
            _ => Verdict::Done,
        },
        // Nothing was sent.
        Err(Error::Reqwest(error)) if error.is_connect() => Verdict::Again,
        Err(Error::Reqwest(error)) if !error.is_builder() && safety != Safety::Once => {
            Verdict::Again
        }
        Err(_) => Verdict::Done,
    }
}

fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

const ONE_RETRY: u64 = 1000;
const FIRST_RETRIES: u64 = 10 * ONE_RETRY;
const MOST_RETRIES: u64 = 1000 * ONE_RETRY;
