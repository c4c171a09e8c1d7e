//! A response, read to its end.

use bytes::Bytes;
use http::Extensions;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{StatusCode, Version};

use super::call::Call;
use super::disclosure::without_credentials;
use crate::auth::AuthError;
use crate::error::{Error, RequestLine};
use crate::middleware::{
    Attempts, CallRecord, LimitKind, LimitedResponse, RateLimited, ResponseHead,
};
use crate::oauth::Scope;
use crate::transport::{
    BodyError, ServerError, TlsUnavailable, compressed, read_body, retry_after,
};

/// A decoded response with its status and headers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Response<T> {
    /// The status; always a successful one.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The decoded body.
    pub body: T,
    pub(super) raw: Bytes,
}

impl<T> Response<T> {
    /// The body as it came, with whatever no model knows; empty where none came.
    pub fn raw_body(&self) -> &[u8] {
        &self.raw
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// Where it is none, such as the empty body of most commands.
    pub fn json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::from_slice(self.raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.raw))
    }
}

/// A successful response that is not decoded yet.
pub(crate) struct RawResponse {
    pub(crate) line: RequestLine,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Of a write, the body may be missing: it is done all the same.
    pub(crate) body: Result<Bytes, Box<Error>>,
    /// Whether the endpoint takes a user's token, so that the response may be about a user.
    pub(crate) needs_user: bool,
    /// What the request left with, which the response may repeat.
    pub(crate) credentials: Option<HeaderValue>,
    /// Whether its connection carries others side by side.
    pub(crate) shares_connection: bool,
    /// The call, where it is told of: it ends when the body is read.
    pub(super) call: Option<Box<Call>>,
}

impl RawResponse {
    /// A response to a write of which no more than the status came.
    pub(crate) fn without_body(line: RequestLine, status: StatusCode, error: Error) -> Self {
        let headers = HeaderMap::new();
        let body = Err(Box::new(error));
        let needs_user = true;
        let credentials = None;
        let shares_connection = false;
        let call = None;
        Self { line, status, headers, body, needs_user, credentials, shares_connection, call }
    }

    /// Reads a response to its end; one that is not successful is an error.
    pub(crate) async fn read(
        request: RequestLine,
        response: &mut reqwest::Response,
        scopes: &'static [Scope],
        credentials: Option<HeaderValue>,
    ) -> Result<Self, Error> {
        let status = response.status();
        let shares_connection = response.version() == Version::HTTP_2;
        // What the limiter knows is more: the queue, and what other requests were told.
        let limited = response.extensions().get::<LimitedResponse>();
        let limit = limited.map(|limited| limited.limit);
        let asked = retry_after(response);
        let retry_after = match limited {
            // Nobody knows when a quota is renewed, unless the server says it.
            Some(limited) if !limited.is_quota || asked.is_some() => Some(limited.retry_after),
            _ => asked,
        };
        let headers = std::mem::take(response.headers_mut());
        let body = read_body(response, LONGEST_BODY).await;
        if status.is_success() {
            let body = body.map_err(|error| Box::new(unread(request.clone(), error)));
            let needs_user = !scopes.is_empty();
            return match body {
                Err(error) if !request.is_write() => Err(*error),
                body => {
                    let line = request;
                    Ok(Self {
                        line,
                        status,
                        headers,
                        body,
                        needs_user,
                        credentials,
                        shares_connection,
                        call: None,
                    })
                }
            };
        }
        // The status says enough, whatever becomes of the words.
        let body = body.unwrap_or_default();
        let mut words = without_credentials(ServerError::of(&body), credentials.as_ref());
        words.message = words.message.or_else(|| compressed(&headers, &body));
        Err(failure(request, ResponseHead { status, retry_after }, words, scopes, limit))
    }
}

/// What a response comes to that is not successful.
pub(super) fn failure(
    request: RequestLine,
    head: ResponseHead,
    words: ServerError,
    scopes: &'static [Scope],
    limit: Option<LimitKind>,
) -> Error {
    let ResponseHead { status, retry_after } = head;
    let ServerError { message, reason } = words;
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            Error::RateLimited { request, retry_after, reason, limit, status: Some(status) }
        }
        _ => {
            let message = message.map(Into::into);
            let reason = reason.map(Into::into);
            Error::Api { request, status, message, reason, scopes, retry_after }
        }
    }
}

/// A request, with what is known of its attempts. Of a read, none of them matters.
pub(super) fn noted(line: &RequestLine, record: Option<&CallRecord>) -> RequestLine {
    let may_be_done = record.is_some_and(CallRecord::may_be_done);
    RequestLine { may_be_done, ..line.clone() }
}

/// Reads a response, with what is known of the attempts before it.
pub(super) async fn read(
    line: &RequestLine,
    response: &mut reqwest::Response,
    scopes: &'static [Scope],
    extensions: &Extensions,
    record: Option<&CallRecord>,
) -> Result<RawResponse, Error> {
    let credentials = Attempts::last_credentials(extensions);
    RawResponse::read(noted(line, record), response, scopes, credentials).await
}

fn unread(request: RequestLine, error: BodyError) -> Error {
    match error {
        BodyError::TooLong => Error::TooLong { request, limit: LONGEST_BODY },
        BodyError::Truncated(error) => no_response(request, error.into()),
    }
}

/// Why there is no response, by the layer that says so.
pub(crate) fn no_response(request: RequestLine, error: reqwest_middleware::Error) -> Error {
    use reqwest_middleware::Error::{Middleware, Reqwest};

    let error = match error {
        Reqwest(error) => {
            return Error::Transport { request, source: Reqwest(error.without_url()) };
        }
        Middleware(error) => error,
    };
    let error = match error.downcast::<AuthError>() {
        Ok(source) => return Error::Auth { request, source },
        Err(error) => error,
    };
    let error = match error.downcast::<RateLimited>() {
        Ok(RateLimited { retry_after, reason, limit, status }) => {
            let retry_after = Some(retry_after);
            let limit = Some(limit);
            return Error::RateLimited { request, retry_after, reason, limit, status };
        }
        Err(error) => error,
    };
    match error.downcast::<TlsUnavailable>() {
        Ok(unavailable) => Error::config("TLS", unavailable),
        Err(error) => Error::Transport { request, source: Middleware(error) },
    }
}

/// The longest body that is read, in bytes. The largest that is known, the analysis of a long
/// track, takes a few MiB.
pub(crate) const LONGEST_BODY: usize = 32 * 1024 * 1024;
