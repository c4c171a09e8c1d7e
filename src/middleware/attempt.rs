//! One attempt of a call, in a span of its own, and how many of them left.

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Method, Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tokio::time::Instant;
use tracing::{Instrument, Level, Span, field};

use super::record::Attempt;
use super::trace::{ResponseHead, credentials_of};
use super::{Attempts, EndpointName};
use crate::transport::retry_after;

/// The innermost layer, which counts what leaves and logs what came of it: a request that got no
/// token or no permit does not. So each attempt has one number, whether a retry, a replay with
/// another token or a layer of the user's sent it.
#[derive(Debug)]
pub(crate) struct AttemptCounter;

#[async_trait]
impl Middleware for AttemptCounter {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let attempts = extensions.get_or_insert_default::<Attempts>();
        attempts.credentials = credentials_of(&mut request);
        attempts.response = None;
        let attempt = Attempt::begin(&request, extensions);
        let result = match LoggedAttempt::begin(&request, &attempt) {
            None => next.run(request, attempt.extensions).await,
            Some(logged) => Box::pin(logged.send(request, attempt.extensions, next)).await,
        };
        if let Some(attempts) = attempt.extensions.get_mut::<Attempts>() {
            attempts.response = result.as_ref().ok().map(head);
            attempts.status = attempts.response.map(|head| head.status).or(attempts.status);
        }
        attempt.end(result)
    }
}

/// What is logged of an attempt, where somebody listens: nothing that identifies a user, and no
/// more of the URL than the endpoint.
struct LoggedAttempt {
    method: Method,
    endpoint: EndpointName,
    number: u32,
    began: Instant,
    span: Span,
}

/// Whether anybody hears of attempts by the log, be it their events or their spans.
pub(crate) fn attempts_are_logged() -> bool {
    tracing::event_enabled!(target: ATTEMPTS, Level::DEBUG) || tracing::span_enabled!(Level::DEBUG)
}

impl LoggedAttempt {
    fn begin(request: &Request, attempt: &Attempt<'_>) -> Option<Self> {
        if !attempts_are_logged() {
            return None;
        }
        let endpoint = attempt.extensions.get::<EndpointName>()?.clone();
        let number = attempt.number();
        let method = request.method().clone();
        let span = tracing::debug_span!("spotify attempt", attempt = number, status = field::Empty);
        Some(Self { method, endpoint, number, began: Instant::now(), span })
    }

    /// Sends in its span.
    async fn send(
        self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let result = next.run(request, extensions).instrument(self.span.clone()).await;
        if let Ok(response) = &result {
            self.span.record("status", response.status().as_u16());
        }
        self.span.in_scope(|| self.log(&result));
        result
    }

    fn log(&self, result: &Result<Response>) {
        let (status, failure) = match result {
            Ok(response) => (Some(response.status().as_u16()), None),
            Err(error) => (None, Some(kind_of(error))),
        };
        tracing::debug!(
            target: ATTEMPTS,
            method = %self.method,
            endpoint = %self.endpoint.0,
            attempt = self.number,
            status,
            failure,
            elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "attempt"
        );
    }
}

/// The words of an error name the URL with its query; these do not.
fn kind_of(error: &Error) -> &'static str {
    match error {
        Error::Reqwest(error) if error.is_timeout() => "timed out",
        Error::Reqwest(error) if error.is_connect() => "no connection",
        Error::Reqwest(_) => "no complete response",
        Error::Middleware(_) => "a layer failed",
    }
}

/// The target of the event of each attempt, by which a subscriber picks it.
const ATTEMPTS: &str = "spotify_web::attempt";

fn head(response: &Response) -> ResponseHead {
    ResponseHead { status: response.status(), retry_after: retry_after(response) }
}
