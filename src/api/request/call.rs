//! A call while it is made: what is known of it, for its span, its deadline and the observer.

use std::time::Duration;

use http::Extensions;
use reqwest::StatusCode;
use tokio::time::Instant;
use tracing::Span;

use super::observing::{CallOutcome, CallReport, Observer};
use super::prepared::PreparedRequest;
use super::response::{RawResponse, no_response, noted, read};
use crate::error::{Error, RequestLine};
use crate::middleware::{Attempts, CallTrace, LastFailure};
use crate::oauth::Scope;

/// A call while it is made. Dropped before its end, it was abandoned, which is told as well.
pub(super) struct Call {
    observer: Option<Observer>,
    pub(super) line: RequestLine,
    scopes: &'static [Scope],
    endpoint: String,
    pub(super) span: Span,
    began: Instant,
    pub(super) status: Option<StatusCode>,
    reason: Option<String>,
    outcome: CallOutcome,
    pub(super) extensions: Extensions,
}

impl Call {
    pub(super) fn begin(
        observer: Option<Observer>,
        prepared: &PreparedRequest,
        span: Span,
    ) -> Self {
        let mut extensions = prepared.extensions();
        extensions.insert(CallTrace::default());
        if prepared.deadline.is_some() {
            extensions.insert(LastFailure::default());
        }
        let endpoint = prepared.endpoint.to_string();
        span.record("endpoint", &endpoint);
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
            extensions,
        }
    }

    /// What a call whose deadline has passed comes to: an error with how its last attempt failed;
    /// but a write whose status has come is done, and only its body is missing.
    pub(super) async fn out_of_time(&self, limit: Duration) -> Result<RawResponse, Error> {
        let request = noted(&self.line, &self.extensions);
        let last = match self.extensions.get::<LastFailure>().and_then(LastFailure::take) {
            // Its body was read by the layer that kept it.
            Some(Ok(mut response)) => {
                read(&request, &mut response, self.scopes, &self.extensions).await.err()
            }
            Some(Err(error)) => Some(no_response(request.clone(), error)),
            None => None,
        };
        let line = request.clone();
        let error = Error::DeadlineExceeded { request, limit, last: last.map(Box::new) };
        let status = self.extensions.get::<Attempts>().and_then(|attempts| attempts.status);
        match status.filter(|status| line.is_write() && status.is_success()) {
            Some(status) => Ok(RawResponse::without_body(line, status, error)),
            None => Err(error),
        }
    }

    pub(super) fn end(&mut self, result: &Result<RawResponse, Error>) {
        self.outcome = match result {
            Ok(response) => {
                self.status = Some(response.status);
                CallOutcome::Succeeded
            }
            Err(error) => {
                self.status = self.status.or_else(|| error.status());
                self.reason = error.reason().map(str::to_owned);
                CallOutcome::Failed
            }
        };
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let trace = self.extensions.get::<CallTrace>().copied().unwrap_or_default();
        let CallTrace { attempts, waited, .. } = trace;
        // Of a call that was given up, the last attempt may have had a response.
        let last = self.extensions.get::<Attempts>().and_then(|attempts| attempts.status);
        let is_abandoned = self.outcome == CallOutcome::Abandoned;
        self.status = self.status.or_else(|| last.filter(|_| is_abandoned));
        self.span.record("attempts", attempts);
        self.span.record("waited_ms", u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
        if let Some(status) = self.status {
            self.span.record("status", status.as_u16());
        }
        let Some(observer) = &self.observer else { return };
        observer.tell(&CallReport {
            method: self.line.method.clone(),
            endpoint: std::mem::take(&mut self.endpoint),
            outcome: self.outcome,
            status: self.status,
            reason: self.reason.take(),
            attempts,
            waited,
            elapsed: self.began.elapsed(),
        });
    }
}
