//! A call while it is made: what is known of it, for its span, its deadline and the observer.

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use reqwest::StatusCode;
use tokio::time::Instant;
use tracing::Span;

use super::observing::{CallOutcome, CallReport, LoggedCall, UserObserver, milliseconds};
use super::prepared::PreparedRequest;
use super::response::{RawResponse, failure, no_response, noted, read};
use crate::error::{Error, RequestLine};
use crate::middleware::{Attempts, CallRecord, CallTrace, EndpointName, LastFailure, ResponseHead};
use crate::oauth::Scope;
use crate::transport::{ServerError, is_transient_status};

/// A call until its caller has its value or its error. Dropped before that, it was abandoned, which
/// is told as well.
pub(super) struct Call {
    observer: Option<Arc<UserObserver>>,
    pub(super) line: RequestLine,
    scopes: &'static [Scope],
    endpoint: Arc<str>,
    pub(super) span: Span,
    began: Instant,
    pub(super) status: Option<StatusCode>,
    reason: Option<String>,
    outcome: CallOutcome,
    failure: Option<&'static str>,
    /// How long it took until its response or its error was there: a page may be read much later.
    elapsed: Option<Duration>,
    pub(super) extensions: Extensions,
    pub(super) record: Arc<CallRecord>,
}

impl Call {
    pub(super) fn begin(
        observer: Option<Arc<UserObserver>>,
        prepared: &PreparedRequest,
        span: Span,
    ) -> Self {
        let record = prepared.record();
        let mut extensions = prepared.extensions(Some(&record));
        extensions.insert(CallTrace::default());
        if prepared.deadline.is_some() {
            extensions.insert(LastFailure::default());
        }
        let endpoint: Arc<str> = prepared.endpoint.to_string().into();
        span.record("endpoint", &*endpoint);
        extensions.insert(EndpointName(Arc::clone(&endpoint)));
        Self {
            observer,
            line: prepared.line(),
            scopes: prepared.scopes,
            endpoint,
            span,
            began: Instant::now(),
            status: None,
            reason: None,
            outcome: CallOutcome::Abandoned,
            failure: None,
            elapsed: None,
            extensions,
            record,
        }
    }

    /// What a call whose deadline has passed comes to: an error with how its last attempt failed.
    /// But a status that is final has decided it, and only the body is missing: a write is done,
    /// and an error is that error.
    pub(super) async fn out_of_time(&self, limit: Duration) -> Result<RawResponse, Error> {
        let request = noted(&self.line, Some(&self.record));
        let head = self.extensions.get::<Attempts>().and_then(|attempts| attempts.response);
        let last = match head.filter(|head| !head.status.is_success()) {
            Some(head) if is_final(head.status) => return Err(self.failure(request, head)),
            Some(head) => Some(self.failure(request.clone(), head)),
            None => self.last_failure(&request).await,
        };
        let line = request.clone();
        let error = Error::DeadlineExceeded { request, limit, last: last.map(Box::new) };
        match head.filter(|head| line.is_write() && head.status.is_success()) {
            Some(head) => Ok(RawResponse::without_body(line, head.status, error)),
            None => Err(error),
        }
    }

    /// What a response comes to whose words have not come.
    fn failure(&self, request: RequestLine, head: ResponseHead) -> Error {
        failure(request, head, ServerError::default(), self.scopes, None)
    }

    /// How the attempt failed that was to be retried.
    async fn last_failure(&self, request: &RequestLine) -> Option<Error> {
        match self.extensions.get::<LastFailure>()?.take()? {
            // Its body was read by the layer that kept it.
            Ok(mut response) => {
                let (scopes, record) = (self.scopes, Some(&*self.record));
                read(request, &mut response, scopes, &self.extensions, record).await.err()
            }
            Err(error) => Some(no_response(request.clone(), error)),
        }
    }

    /// What came of it; a response goes on to be read, and the call with it.
    pub(super) fn respond(
        mut self,
        result: Result<RawResponse, Error>,
    ) -> Result<RawResponse, Error> {
        self.elapsed = Some(self.began.elapsed());
        match result {
            Ok(mut response) => {
                self.status = Some(response.status);
                response.call = Some(Box::new(self));
                Ok(response)
            }
            Err(error) => {
                self.end(Some(&error));
                Err(error)
            }
        }
    }

    /// Its caller has the value, or this error.
    pub(super) fn end(mut self, error: Option<&Error>) {
        let Some(error) = error else {
            self.outcome = CallOutcome::Succeeded;
            return;
        };
        self.outcome = CallOutcome::Failed;
        self.failure = Some(error.kind());
        self.status = self.status.or_else(|| error.status());
        self.reason = error.reason().map(str::to_owned);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (attempts, waited) = (self.record.attempts(), self.record.waited());
        // The last attempt, or one before it, may have had a response.
        let last = self.extensions.get::<Attempts>().and_then(|attempts| attempts.status);
        self.status = self.status.or(last);
        self.span.record("attempts", attempts);
        self.span.record("waited_ms", milliseconds(waited));
        if let Some(status) = self.status {
            self.span.record("status", status.as_u16());
        }
        let elapsed = self.elapsed.unwrap_or_else(|| self.began.elapsed());
        let logged = LoggedCall {
            method: &self.line.method,
            endpoint: &self.endpoint,
            outcome: self.outcome,
            failure: self.failure,
            status: self.status,
            reason: self.reason.as_deref(),
            attempts,
            waited,
            elapsed,
        };
        self.span.in_scope(|| logged.log());
        let Some(observer) = &self.observer else { return };
        observer.tell(&CallReport {
            method: self.line.method.clone(),
            endpoint: self.endpoint.to_string(),
            client_id: observer.client_id.clone(),
            partition: self.record.partition().unwrap_or_else(|| observer.whose.partition()),
            outcome: self.outcome,
            failure: self.failure,
            status: self.status,
            reason: self.reason.take(),
            attempts,
            waited,
            elapsed,
        });
    }
}

/// Whether nothing is done after an unsuccessful response with this status: no retry, no replay with
/// another token, no redirect.
fn is_final(status: StatusCode) -> bool {
    let is_error = status.is_client_error() || status.is_server_error();
    is_error && !is_transient_status(status) && status != StatusCode::UNAUTHORIZED
}
