//! Retries: what may have been an accident is tried once more.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response, StatusCode};
use reqwest_middleware::{Error, Middleware, Next, Result};

use super::attempt::attempt;
use super::{CallTrace, QuotaExceeded, RequestClass, Safety};
use crate::auth::Backoff;
use crate::transport::{provably_not_carried_out, read_ahead, repeated};

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
/// nothing was carried out. A body that is a stream cannot be sent again. What is torn after its head has
/// come is the caller's, who reads it; a [`SpotifyClient`](crate::SpotifyClient) retries that too.
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
    budget: Arc<Budget>,
    /// Up to how many bytes of answers are read here, so that one that is torn is asked for again.
    reads_ahead: Option<usize>,
}

#[derive(Default)]
struct Budget {
    /// Retries that may still be made, in thousandths.
    left: AtomicU64,
    used: AtomicU64,
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
        let budget = Budget { left: FIRST_RETRIES.into(), ..Budget::default() };
        Self { options, budget: Arc::new(budget), reads_ahead: None }
    }

    /// Reads the bodies of answers, up to so many bytes, for `read_body` to find: what is torn in its
    /// body is sent once more then, as what is torn before.
    pub(crate) fn reading_ahead(self, limit: usize) -> Self {
        Self { reads_ahead: Some(limit), ..self }
    }

    /// How many retries there were.
    pub fn retries(&self) -> u64 {
        self.budget.used.load(Ordering::Relaxed)
    }

    fn deposit(&self) {
        // `as` saturates, and the share is from 0 to 10.
        let share = (self.options.share * ONE_RETRY as f64) as u64;
        let _ = self.budget.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            (left < MOST_RETRIES).then(|| (left + share).min(MOST_RETRIES))
        });
    }

    /// Takes a retry from the budget. One that waits for the gate costs nothing: the gate sees to it
    /// that it does no harm.
    fn withdraw(&self, verdict: Verdict) -> bool {
        let cost = if verdict == Verdict::WhenOpen { 0 } else { ONE_RETRY };
        let left = &self.budget.left;
        let paid =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(cost));
        if paid.is_ok() {
            self.budget.used.fetch_add(1, Ordering::Relaxed);
        }
        paid.is_ok()
    }

    async fn read_ahead(&self, result: &mut Result<Response>) {
        let (Some(limit), Ok(response)) = (self.reads_ahead, &mut *result) else { return };
        let read = read_ahead(response, limit).await;
        // An error is one, whatever became of its words.
        if let (Err(torn), true) = (read, response.status().is_success()) {
            *result = Err(Error::Reqwest(torn));
        }
    }

    /// Sends a request again and again, until a result is final or the budget is used up.
    async fn retry(
        &self,
        mut result: Result<Response>,
        request: Request,
        safety: Safety,
        most: u32,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        for retry in 1..=most {
            let verdict = judge(&result, safety);
            if verdict == Verdict::Done || !self.withdraw(verdict) {
                break;
            }
            let Some(again) = repeated(&request) else { break };
            tracing::debug!(retry, ?verdict, "sending a request once more");
            // Whoever is not looked at any more need not hold a connection.
            drop(result);
            if verdict == Verdict::Again {
                let pause = self.options.backoff.pause(retry, fastrand::f64());
                tokio::time::sleep(pause).await;
                if let Some(trace) = extensions.get_mut::<CallTrace>() {
                    trace.waited += pause;
                }
            }
            result = attempt(&next, retry + 1, again, extensions).await;
            self.read_ahead(&mut result).await;
        }
        result
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
        self.deposit();
        // In blocks, since what was looked at takes room in the future to the end of its scope.
        let (sending, again, safety, most) = {
            let request = request;
            let class = extensions.get::<RequestClass>().copied();
            let class = class.unwrap_or_else(|| RequestClass::of(request.method()));
            let most = class.retries.unwrap_or(self.options.retries);
            let again = if most > 0 { repeated(&request) } else { None };
            (attempt(&next, 1, request, extensions), again, class.safety, most)
        };
        let retrying = {
            let mut result = sending.await;
            self.read_ahead(&mut result).await;
            match again {
                // What most requests do without takes no room in them.
                Some(again) if judge(&result, safety) != Verdict::Done => {
                    Box::pin(self.retry(result, again, safety, most, extensions, next))
                }
                _ => return result,
            }
        };
        retrying.await
    }
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
        Err(Error::Reqwest(error)) if provably_not_carried_out(error) => Verdict::Again,
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
