//! Retries: a transient failure is retried where that does no harm.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response, StatusCode};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tokio::time::Instant;

use super::budget::Budget;
use super::trace::{CallWaits, waiting};
use super::{
    CallRecord, LastFailure, LimitedResponse, RateLimitOptions, RateLimited, RequestClass, Safety,
};
use crate::backoff::Backoff;
use crate::transport::{
    BodyError, Interest, ServerError, body_read_ahead, is_transient_failure, is_transient_status,
    made_no_connection, note_failure, read_ahead, read_body, repeated, retry_after,
    waited_for_connection, was_left_behind, was_overtaken, was_refused,
};

/// How often a request is retried, and when.
///
/// ```
/// use spotify_web::middleware::RetryOptions;
///
/// let options = RetryOptions::default().with_retries(5).with_share(0.2);
/// ```
#[derive(Debug, Clone)]
pub struct RetryOptions {
    retries: u32,
    backoff: Backoff,
    share: f64,
    /// `None` where it was not set.
    max_wait: Option<Duration>,
}

impl RetryOptions {
    /// Sets how often one request is retried at most after a failure: 3 times by default, 0 for
    /// never.
    ///
    /// Where a [`RateLimiter`](super::RateLimiter) is below, retries after a 429 are not counted
    /// here: the limiter knows when to send again, as often as [`max_wait`](Self::with_max_wait)
    /// allows. 0 turns all retries off, those after a 429 as well.
    #[must_use]
    pub fn with_retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Sets the pauses between attempts: 1 s, doubling to 60 s, by default. Each wait is a random
    /// part of its pause (full jitter).
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// Sets how many retries each request of the client adds to the budget that all of them share,
    /// so that an outage is not multiplied: 0.1 by default, from 0 to 10. A new client may retry
    /// ten times before that.
    #[must_use]
    pub fn with_share(self, share: f64) -> Self {
        Self { share: share.clamp(0.0, 10.0), ..self }
    }

    /// Sets how long one request may wait for `Retry-After`, all its attempts together: a minute by
    /// default. A response that asks for more is not retried. The rate limiter of a
    /// [`SpotifyClient`](crate::SpotifyClient) keeps to it as well where it is set here and shorter
    /// than the limiter's own;
    /// [`SpotifyClientConfig::with_max_wait`](crate::SpotifyClientConfig::with_max_wait) sets both.
    #[must_use]
    pub fn with_max_wait(self, max_wait: Duration) -> Self {
        Self { max_wait: Some(max_wait), ..self }
    }

    pub(crate) fn share(&self) -> f64 {
        self.share
    }

    pub(crate) fn max_wait(&self) -> Option<Duration> {
        self.max_wait
    }
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { retries: 3, backoff: Backoff::default(), share: 0.1, max_wait: None }
    }
}

/// Retries a request whose response did not arrive, or that the server failed to serve.
///
/// It retries 408, server errors other than 501 and 505, connections that fail or are reset, and
/// time-outs, where the request's [`Safety`] allows that. A 429, a connection that was never made,
/// and a request that an HTTP/2 server refused or left out are retried whatever their safety, since
/// nothing was carried out. Outside of a [`SpotifyClient`](crate::SpotifyClient), where nothing
/// counts what the layers below send, that holds of a 429 alone. A body that is a stream cannot be
/// sent again. A response that is truncated after its headers goes to the caller, who reads it; a
/// `SpotifyClient` retries that too.
///
/// Retries cost a budget that all requests share, so that an outage is not multiplied. A request
/// that an HTTP/2 server refused costs nothing, since the server did not begin it; nor does one whose
/// connection went away before the server looked at it, where the connection was not made for it: it
/// was left out by a `GOAWAY`, or never written. As often as others they are retried at most.
///
/// A retry waits for `Retry-After`, where the response has one. A
/// [`RateLimiter`](super::RateLimiter) belongs below this layer: then a 429 is retried as often as
/// its waits allow, and costs no budget. Clones share the budget.
///
/// [`SpotifyClient`]: crate::SpotifyClient
///
/// ```
/// use reqwest_middleware::ClientBuilder;
/// use spotify_web::SpotifyClientConfig;
/// use spotify_web::middleware::{RateLimiter, RetryMiddleware};
///
/// let http = SpotifyClientConfig::default().http_client()?; // or a client of your own
/// let client = ClientBuilder::new(http)
///     .with(RetryMiddleware::default())
///     .with(RateLimiter::default())
///     .build();
/// # Ok::<(), spotify_web::Error>(())
/// ```
#[derive(Clone)]
pub struct RetryMiddleware {
    options: RetryOptions,
    budget: Arc<Budget>,
    /// The number of bytes of a body that are read here, so that a truncated one is retried.
    reads_ahead: Option<usize>,
}

/// What a request is to all its attempts.
#[derive(Clone, Copy)]
struct Call {
    safety: Safety,
    interest: Interest,
}

/// What to do after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is the result.
    Done,
    /// Retry after a pause, and not before `Retry-After` is over.
    Retry(Option<Duration>),
    /// Retry as soon as the rate limiter below grants a permit.
    WithPermit,
}

impl RetryMiddleware {
    /// A layer with options of your own.
    pub fn new(options: RetryOptions) -> Self {
        Self { options, budget: Arc::default(), reads_ahead: None }
    }

    /// Reads the bodies of responses, up to `limit` bytes, for `read_body` to find. A response that
    /// is truncated in its body is retried then, as one that is truncated in its headers.
    pub(crate) fn reading_ahead(self, limit: usize) -> Self {
        Self { reads_ahead: Some(limit), ..self }
    }

    /// How many retries were sent.
    pub fn retries(&self) -> u64 {
        self.budget.used()
    }

    /// The number of retries of a request that does not set its own.
    pub(crate) fn most_retries(&self) -> u32 {
        self.options.retries
    }

    /// The pause after this number of failures in a row, from 1: a random part of its step.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        self.options.backoff.pause(failures, fastrand::f64())
    }

    /// How long one request may wait for `Retry-After`.
    pub(crate) fn max_wait(&self) -> Duration {
        self.options.max_wait.unwrap_or(RateLimitOptions::DEFAULT_MAX_WAIT)
    }

    /// Whether one who retries by itself may do so after this number of retries; it is counted.
    pub(crate) fn takes_retry(&self, retries: u32, is_limited: bool) -> bool {
        let may = match is_limited {
            true => self.options.retries > 0,
            false => retries < self.options.retries && self.budget.withdraw(),
        };
        if may {
            self.budget.note_retry();
        }
        may
    }

    /// Reads the body, where that is wanted. A truncated one is a failure to retry only for a read:
    /// a write is done when its status has come, and an error is one whatever becomes of its words.
    async fn read_ahead(
        &self,
        result: &mut Result<Response>,
        Call { safety, interest }: Call,
        extensions: &mut Extensions,
    ) {
        let (Some(limit), Ok(response)) = (self.reads_ahead, &mut *result) else { return };
        let is_truncated = read_ahead(response, limit, interest).await;
        let is_failure = is_truncated && safety == Safety::Read && response.status().is_success();
        if is_failure && let Err(BodyError::Truncated(error)) = read_body(response, limit).await {
            note_failure(&error, extensions);
            *result = Err(Error::Reqwest(error));
        }
    }

    /// Retries until a result is final, the budget is used up, or a wait is too long.
    async fn retry(
        &self,
        mut result: Result<Response>,
        request: Request,
        call: Call,
        most: u32,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let mut retries = 0;
        for number in 2.. {
            let verdict = judge(&result, call.safety, extensions);
            let pause = match verdict {
                Verdict::Done => break,
                Verdict::WithPermit => None,
                Verdict::Retry(_) if retries == most => break,
                Verdict::Retry(asked) => {
                    retries += 1;
                    let Some(pause) = self.fitting_pause(retries, asked, extensions) else { break };
                    Some(pause)
                }
            };
            let Some(again) = repeated(&request) else { break };
            if !is_free(verdict, &result, extensions) && !self.budget.withdraw() {
                break;
            }
            // As the attempt's span and event have it, which are more after a replay or a layer's.
            let number =
                CallRecord::carried(extensions).map_or(number, |record| record.attempts() + 1);
            tracing::debug!(
                attempt = number,
                status = status_of(&result),
                pause_ms = pause.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
                "a request is to be retried"
            );
            LastFailure::keep(extensions, result);
            if let Some(pause) = pause {
                waiting(extensions, pause).await;
            }
            result = next.clone().run(again, extensions).await;
            if is_held_back(&result) {
                tracing::debug!(attempt = number, "not retried: no permit within its time");
                break;
            }
            self.budget.note_retry();
            self.read_ahead(&mut result, call, extensions).await;
        }
        result
    }

    /// The pause before a retry, unless it is longer than the call may wait.
    fn fitting_pause(
        &self,
        retry: u32,
        asked: Option<Duration>,
        extensions: &Extensions,
    ) -> Option<Duration> {
        let pause = self.pause(retry).max(asked.unwrap_or_default());
        let class = extensions.get::<RequestClass>();
        let deadline = class.and_then(|class| class.deadline);
        let max_wait = class.and_then(|class| class.max_wait).unwrap_or_else(|| self.max_wait());
        let left = deadline.map(|then| then.saturating_duration_since(Instant::now()));
        let is_late = left.is_some_and(|left| left <= pause);
        let waited = extensions.get::<CallWaits>().map_or(Duration::ZERO, |waits| waits.waited);
        let is_long = asked.is_some() && waited.saturating_add(pause) > max_wait;
        (!is_late && !is_long).then_some(pause)
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
        self.budget.deposit(self.options.share);
        // In blocks, since what was looked at takes room in the future to the end of its scope.
        let (sending, again, call, most) = {
            let request = request;
            let class = extensions.get::<RequestClass>().copied();
            let class = class.unwrap_or_else(|| RequestClass::of(request.method()));
            let most = class.retries.unwrap_or(self.options.retries);
            // Before the layers below, which may do with the extensions what they like.
            let interest = extensions.get().copied().unwrap_or(Interest::Body);
            let call = Call { safety: class.safety, interest };
            let again = if most > 0 { repeated(&request) } else { None };
            (next.clone().run(request, extensions), again, call, most)
        };
        let retrying = {
            let mut result = sending.await;
            self.read_ahead(&mut result, call, extensions).await;
            match again {
                // What most requests do without takes no room in them.
                Some(again) if judge(&result, call.safety, extensions) != Verdict::Done => {
                    Box::pin(self.retry(result, again, call, most, extensions, next))
                }
                _ => return result,
            }
        };
        retrying.await
    }
}

/// The result does not say what became of an attempt before it, which a layer between may have
/// given up; the record of the call does. Where there is none, or the error is another client's, it
/// is no proof of anything.
fn judge(result: &Result<Response>, safety: Safety, extensions: &Extensions) -> Verdict {
    let record = CallRecord::carried(extensions).filter(|_| safety == Safety::NonIdempotent);
    if record.as_ref().is_some_and(|record| record.may_be_done()) {
        return Verdict::Done;
    }
    match result {
        Ok(response) => judge_response(response, safety),
        Err(error) if !is_transient_failure(error) => Verdict::Done,
        Err(_) if safety != Safety::NonIdempotent => Verdict::Retry(None),
        Err(error) if record.is_some_and(|record| record.is_proof(error)) => Verdict::Retry(None),
        Err(_) => Verdict::Done,
    }
}

fn judge_response(response: &Response, safety: Safety) -> Verdict {
    match (response.status(), response.extensions().get::<LimitedResponse>()) {
        // Not before the quota is renewed, whenever that is.
        (_, Some(limited)) if limited.is_quota => Verdict::Done,
        (StatusCode::TOO_MANY_REQUESTS, Some(_)) => Verdict::WithPermit,
        (StatusCode::TOO_MANY_REQUESTS, None) if is_quota(response) => Verdict::Done,
        (StatusCode::TOO_MANY_REQUESTS, None) => {
            Verdict::Retry(Some(retry_after(response).unwrap_or_default().max(SHORTEST_PAUSE)))
        }
        (status, _) if is_transient_status(status) && safety != Safety::NonIdempotent => {
            Verdict::Retry(retry_after(response))
        }
        _ => Verdict::Done,
    }
}

/// Whether a retry takes nothing from the budget. So it is of one that waits for a permit, since the
/// limiter sees to it that it does no harm, and of one that is no more work than was asked for: the
/// server refused the request, or its connection went away before the server looked at it. That
/// takes many requests with it that have nothing to do with its trouble, among them those that waited
/// until it was made for another, also where that failed. A connection that was made for the request is
/// work, also where the server closes it at once.
fn is_free(verdict: Verdict, result: &Result<Response>, extensions: &Extensions) -> bool {
    match result {
        Err(Error::Reqwest(error)) => {
            let was_others = || was_left_behind(error) && made_no_connection(extensions);
            let waited = || error.is_connect() && waited_for_connection(extensions);
            was_refused(error) || was_overtaken(error) || was_others() || waited()
        }
        _ => verdict == Verdict::WithPermit,
    }
}

/// Whether the rate limiter below did not send it.
fn is_held_back(result: &Result<Response>) -> bool {
    matches!(result, Err(Error::Middleware(error)) if error.is::<RateLimited>())
}

fn status_of(result: &Result<Response>) -> Option<u16> {
    result.as_ref().ok().map(|response| response.status().as_u16())
}

/// Whether the body says that the quota is used up, where it has been read already.
fn is_quota(response: &Response) -> bool {
    body_read_ahead(response).is_some_and(|body| ServerError::of(body).is_quota())
}

/// The wait after a 429 with no `Retry-After`, or with zero. A second is the least that the header
/// can ask for, and Spotify sends 1 for waits that are shorter.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
