//! Sending a prepared request: within its deadline, and along redirects.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use reqwest::{Method, Request, StatusCode};
use tokio::time::Instant;
use tracing::{Instrument, Span, field};

use super::call::Call;
use super::connection::Connection;
use super::observing::{CallReport, Endpoint, LoggedCall};
use super::prepared::{Deadline, PreparedRequest};
use super::response::{RawResponse, no_response, noted, read};
use crate::error::{Error, RequestLine};
use crate::middleware::{CallRecord, RequestClass, attempts_are_logged};
use crate::transport::{can_send, leave_turn, time_left};

/// What will come of a request. It is boxed here, and not where its type is known, since the large
/// part of it is the same for all types.
pub(crate) type Responding = Pin<Box<dyn Future<Output = Result<RawResponse, Error>> + Send>>;

impl Connection {
    /// Sends, and reads the response to its end; one that is not successful is an error.
    pub(crate) fn send(self, prepared: PreparedRequest) -> Responding {
        let span = tracing::debug_span!(
            "spotify call",
            method = %prepared.request.method(),
            endpoint = field::Empty,
            status = field::Empty,
            attempts = field::Empty,
            waited_ms = field::Empty,
        );
        // What most calls do without takes neither time nor room in them.
        let is_logged = LoggedCall::is_heard() || attempts_are_logged();
        let is_observed = is_logged || !span.is_disabled() || self.observer().is_some();
        if is_observed || prepared.deadline.is_some() {
            return Box::pin(self.send_observed(prepared, span));
        }
        let line = prepared.line();
        let record = line.is_write().then(|| prepared.record());
        let mut extensions = prepared.extensions(record.as_ref());
        let PreparedRequest { request, scopes, login, .. } = prepared;
        Box::pin(async move {
            self.check(&line)?;
            let record = record.as_ref();
            let sent = self.exchange(line.clone(), request, &mut extensions, record);
            let mut response = CallRecord::during(record.cloned(), login, sent).await?;
            read(&line, &mut response, scopes, &extensions, record.map(Arc::as_ref)).await
        })
    }

    /// The response to a request that is wrong and never sent: its error, when it is polled.
    pub(super) fn refuse(self, method: Method, endpoint: Endpoint, error: Error) -> Responding {
        Box::pin(async move {
            LoggedCall::unsent(&method, &endpoint.to_string(), &error).log();
            if let Some(observer) = self.observer() {
                observer.tell(&CallReport::unsent(method, &endpoint, observer, &error));
            }
            Err(error)
        })
    }

    /// What has to be there before anything is sent: a runtime, and something that signs.
    fn check(&self, line: &RequestLine) -> Result<(), Error> {
        if !can_send() {
            return Err(Error::NoRuntime { request: line.clone() });
        }
        match self.may_sign() {
            true => Ok(()),
            false => Err(Error::NoAuthenticator { request: line.clone() }),
        }
    }

    /// Within the deadline, in a span, and told to the observer.
    async fn send_observed(
        self,
        mut prepared: PreparedRequest,
        span: Span,
    ) -> Result<RawResponse, Error> {
        let end = prepared.deadline.and_then(Deadline::end);
        prepared.class.deadline = end.map(|(end, _)| end);
        let mut call = Call::begin(self.observer().cloned(), &prepared, span);
        if let Err(error) = self.check(&call.line) {
            return call.respond(Err(error));
        }
        let result = match end {
            Some((end, _)) if end <= Instant::now() => None,
            Some((end, _)) => {
                tokio::time::timeout_at(end, self.make(&mut call, prepared)).await.ok()
            }
            None => Some(self.make(&mut call, prepared).await),
        };
        let result = match result {
            Some(result) => result,
            None => call.out_of_time(end.map(|(_, limit)| limit).unwrap_or_default()).await,
        };
        call.respond(result)
    }

    async fn make(&self, call: &mut Call, prepared: PreparedRequest) -> Result<RawResponse, Error> {
        let line = call.line.clone();
        let span = call.span.clone();
        let PreparedRequest { request, scopes, login, .. } = prepared;
        let exchange = async {
            let record = Some(&call.record);
            let sent = self.exchange(line.clone(), request, &mut call.extensions, record);
            let mut response = CallRecord::during(record.cloned(), login, sent).await?;
            call.status = Some(response.status());
            read(&line, &mut response, scopes, &call.extensions, Some(&*call.record)).await
        };
        exchange.instrument(span).await
    }

    /// Sends, and follows where a read is redirected on the same origin. A write is never sent
    /// again as a read, which is what 301, 302 and 303 would make of it.
    async fn exchange(
        &self,
        line: RequestLine,
        request: Request,
        extensions: &mut Extensions,
        record: Option<&Arc<CallRecord>>,
    ) -> Result<reqwest::Response, Error> {
        let timeout = request.timeout().copied();
        let response = self.execute(&line, request, extensions, record).await?;
        if line.is_write() || !is_redirect(response.status()) {
            return Ok(response);
        }
        Box::pin(self.follow(line, response, timeout, extensions, record)).await
    }

    /// Sends through the layers.
    async fn execute(
        &self,
        line: &RequestLine,
        request: Request,
        extensions: &mut Extensions,
        record: Option<&Arc<CallRecord>>,
    ) -> Result<reqwest::Response, Error> {
        let sent = self.http().execute_with_extensions(request, extensions).await;
        if sent.is_err() {
            leave_turn().await;
        }
        sent.map_err(|error| no_response(noted(line, record.map(Arc::as_ref)), error))
    }

    async fn follow(
        &self,
        line: RequestLine,
        mut response: reqwest::Response,
        timeout: Option<Duration>,
        extensions: &mut Extensions,
        record: Option<&Arc<CallRecord>>,
    ) -> Result<reqwest::Response, Error> {
        for _ in 0..MOST_REDIRECTS {
            let Some(url) = self.location(&response).filter(|_| is_redirect(response.status()))
            else {
                break;
            };
            let mut request = Request::new(line.method.clone(), url);
            // All of them are one attempt.
            let left = time_left(&response).or(timeout);
            *request.timeout_mut() = left;
            if left.is_some_and(|left| left.is_zero()) {
                let class = extensions.get::<RequestClass>().copied();
                let class = class.unwrap_or_else(|| RequestClass::of(&line.method));
                extensions.insert(RequestClass { retries: Some(0), ..class });
            }
            response = self.execute(&line, request, extensions, record).await?;
        }
        Ok(response)
    }
}

/// 307 and 308 are followed by the HTTP client, since they keep the method.
fn is_redirect(status: StatusCode) -> bool {
    matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER)
}

/// As the HTTP client follows.
const MOST_REDIRECTS: usize = 5;
