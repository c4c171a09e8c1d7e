//! One attempt of a call, in a span of its own, and how many of them left.

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Method, Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tokio::time::Instant;
use tracing::{Instrument, Level, Span, field};

use super::trace::{ResponseHead, credentials_of};
use super::{Attempts, CallTrace, Departure, EndpointName};
use crate::transport::{
    begin_sending, cannot_have_left, may_be_done, may_have_arrived, retry_after,
};

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
        begin(&mut request, extensions);
        let result = match LoggedAttempt::begin(&request, extensions) {
            None => next.run(request, extensions).await,
            Some(logged) => Box::pin(logged.send(request, extensions, next)).await,
        };
        let has_left = result.is_ok() || !(has_not_left(&result) || cannot_have_left(extensions));
        if !has_left && let Some(trace) = extensions.get_mut::<CallTrace>() {
            trace.attempts -= 1;
        }
        let may_be_done = has_left && may_be_carried_out(&result, extensions);
        if let Some(attempts) = extensions.get_mut::<Attempts>() {
            attempts.is_under_way = false;
            attempts.ended_unsent = !has_left && !has_not_left(&result);
            attempts.response = result.as_ref().ok().map(head);
            attempts.status = attempts.response.map(|head| head.status).or(attempts.status);
            attempts.may_be_done |= may_be_done;
        }
        result
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
    fn begin(request: &Request, extensions: &Extensions) -> Option<Self> {
        if !attempts_are_logged() {
            return None;
        }
        let endpoint = extensions.get::<EndpointName>()?.clone();
        let number = extensions.get::<CallTrace>().map_or(1, |trace| trace.attempts);
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

/// Notes what leaves.
fn begin(request: &mut Request, extensions: &mut Extensions) {
    give_up_earlier(extensions);
    if let Some(trace) = extensions.get_mut::<CallTrace>() {
        trace.attempts += 1;
    }
    Departure::note(extensions);
    begin_sending(extensions);
    let attempts = extensions.get_or_insert_default::<Attempts>();
    attempts.credentials = credentials_of(request);
    attempts.response = None;
    attempts.is_under_way = true;
}

/// A layer of the user's may have dropped the attempt before this one, which is not forgotten.
fn give_up_earlier(extensions: &mut Extensions) {
    let Some(attempts) = extensions.get::<Attempts>() else { return };
    if !attempts.is_under_way {
        return;
    }
    let has_left = !cannot_have_left(extensions);
    if let Some(attempts) = extensions.get_mut::<Attempts>() {
        attempts.may_be_done |= has_left;
    }
    if !has_left && let Some(trace) = extensions.get_mut::<CallTrace>() {
        trace.attempts -= 1;
    }
}

fn head(response: &Response) -> ResponseHead {
    ResponseHead { status: response.status(), retry_after: retry_after(response) }
}

fn has_not_left(result: &Result<Response>) -> bool {
    matches!(result, Err(Error::Reqwest(error)) if error.is_connect() || error.is_builder())
}

fn may_be_carried_out(result: &Result<Response>, extensions: &Extensions) -> bool {
    match result {
        Ok(response) => may_be_done(response.status()),
        Err(error) => may_have_arrived(error, extensions),
    }
}
