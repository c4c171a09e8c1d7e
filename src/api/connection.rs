//! Sending a request and reading what comes back.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use reqwest_middleware::ClientWithMiddleware;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{Instrument, field};
use url::Url;

use super::observing::{CallReport, Endpoint, Observer};
use super::params::Parameters;
use super::path::Path;
use super::request::Request;
use crate::auth::AuthError;
use crate::error::{Error, RequestLine};
use crate::middleware::{CallTrace, GateClosed, RequestClass};
use crate::model::Market;
use crate::oauth::Scope;
use crate::transport::{BodyError, Origin, clipped, read_body, retry_after};

/// The way to one API: its address and the stack of layers that requests pass through.
///
/// Cheap to clone; every request holds one.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Inner>);

struct Inner {
    http: ClientWithMiddleware,
    base: Url,
    origin: Origin,
    defaults: Defaults,
}

/// What holds for all requests that say nothing else.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) market: Option<Market>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) observer: Option<Observer>,
}

/// What is put on the wire.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Body>,
    pub(crate) scopes: &'static [Scope],
    pub(crate) endpoint: Endpoint,
    pub(crate) class: RequestClass,
    /// For one attempt; `None` is the HTTP client's.
    pub(crate) timeout: Option<Duration>,
    /// For the whole call; `None` is the client's.
    pub(crate) deadline: Option<Duration>,
}

/// A body with its type.
pub(crate) struct Body {
    pub(crate) content_type: &'static str,
    pub(crate) content: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(
        http: ClientWithMiddleware,
        base: Url,
        origin: Origin,
        defaults: Defaults,
    ) -> Self {
        Self(Arc::new(Inner { http, base, origin, defaults }))
    }

    pub(crate) fn market(&self) -> Option<Market> {
        self.0.defaults.market
    }

    /// A request that reads from an endpoint.
    pub(crate) fn get<T, P: Parameters>(&self, path: Path) -> Request<T, P> {
        self.request(Method::GET, path)
    }

    /// A request to an endpoint.
    pub(crate) fn request<T, P: Parameters>(&self, method: Method, path: Path) -> Request<T, P> {
        match path.into_segments() {
            Ok(segments) => {
                let url = self.endpoint(&segments);
                Request::new(self, method, Ok(url)).endpoint(Endpoint::of(segments))
            }
            Err(error) => Request::new(self, method, Err(error)),
        }
    }

    /// The address of an endpoint; each segment is percent-encoded.
    fn endpoint(&self, segments: &[Cow<'static, str>]) -> Url {
        let mut url = self.0.base.clone();
        // Only addresses such as `mailto:` have no segments, and a base URL is none of those.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// An address below the base URL, or an absolute one on its origin.
    pub(crate) fn resolve(&self, path: &str) -> Result<Url, Error> {
        let url = match Url::parse(path) {
            Ok(absolute) => absolute,
            Err(_) => self.0.base.join(path.trim_start_matches(['/', '\\'])).map_err(|error| {
                Error::Parameter { name: "path", reason: format!("is no path: {error}") }
            })?,
        };
        if self.0.origin.covers(&url) && url.username().is_empty() && url.password().is_none() {
            return Ok(url);
        }
        let address = url.origin().ascii_serialization();
        Err(Error::ForeignOrigin { address, origin: self.0.origin.clone() })
    }

    /// Sends, and reads the answer to its end; an answer that is not successful is an error.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Answer, Error> {
        let span = tracing::debug_span!(
            "spotify call",
            method = %outgoing.method,
            endpoint = field::Empty,
            status = field::Empty,
            attempts = field::Empty,
            waited_ms = field::Empty,
        );
        let mut extensions = Extensions::new();
        // What the layers know without being told costs nothing.
        if outgoing.class != RequestClass::of(&outgoing.method) {
            extensions.insert(outgoing.class);
        }
        if span.is_disabled() && self.0.defaults.observer.is_none() {
            return self.exchange(outgoing, &mut extensions, &mut None).await;
        }
        extensions.insert(CallTrace::default());
        let (method, endpoint) = (outgoing.method.clone(), outgoing.endpoint.to_string());
        let (began, mut status) = (Instant::now(), None);
        let exchange = self.exchange(outgoing, &mut extensions, &mut status);
        let result = exchange.instrument(span.clone()).await;
        let trace = extensions.get::<CallTrace>().copied().unwrap_or_default();
        let CallTrace { attempts, waited, .. } = trace;
        span.record("endpoint", &endpoint).record("attempts", attempts);
        span.record("waited_ms", u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
        if let Some(status) = status {
            span.record("status", status.as_u16());
        }
        if let Some(observer) = &self.0.defaults.observer {
            let elapsed = began.elapsed();
            observer.tell(&CallReport { method, endpoint, status, attempts, waited, elapsed });
        }
        result
    }

    /// Within the time limit; tells the status of the answer as soon as it has come.
    async fn exchange(
        &self,
        outgoing: Outgoing,
        extensions: &mut Extensions,
        status: &mut Option<StatusCode>,
    ) -> Result<Answer, Error> {
        let Some(limit) = outgoing.deadline.or(self.0.defaults.deadline) else {
            return self.exchange_unlimited(outgoing, extensions, status).await;
        };
        let request = outgoing.line();
        let exchange = self.exchange_unlimited(outgoing, extensions, status);
        tokio::time::timeout(limit, exchange)
            .await
            .unwrap_or(Err(Error::DeadlineExceeded { request, limit }))
    }

    async fn exchange_unlimited(
        &self,
        outgoing: Outgoing,
        extensions: &mut Extensions,
        status: &mut Option<StatusCode>,
    ) -> Result<Answer, Error> {
        let (line, scopes) = (outgoing.line(), outgoing.scopes);
        let request = outgoing.into_request();
        let response = match self.0.http.execute_with_extensions(request, extensions).await {
            Ok(response) => response,
            Err(error) => return Err(not_sent(line, error)),
        };
        *status = Some(response.status());
        read(line, response, scopes).await
    }
}

impl Outgoing {
    fn line(&self) -> RequestLine {
        RequestLine { method: self.method.clone(), path: self.url.path().to_owned() }
    }

    fn into_request(self) -> reqwest::Request {
        let is_get = self.method == Method::GET;
        let mut request = reqwest::Request::new(self.method, self.url);
        match self.body {
            Some(Body { content_type, content }) => {
                request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                *request.body_mut() = Some(content.into());
            }
            // Spotify wants a length where there could be a body.
            None if !is_get => {
                request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            None => {}
        }
        if self.timeout.is_some() {
            *request.timeout_mut() = self.timeout;
        }
        request
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

/// A successful answer.
pub(crate) struct Answer {
    pub(crate) line: RequestLine,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the endpoint takes a user's token, so that the answer may be about a user.
    pub(crate) needs_user: bool,
}

async fn read(
    request: RequestLine,
    mut response: Response,
    scopes: &'static [Scope],
) -> Result<Answer, Error> {
    let status = response.status();
    let retry_after = retry_after(&response);
    let headers = std::mem::take(response.headers_mut());
    let body = match read_body(response, LONGEST_BODY).await {
        Ok(body) => body,
        // The status says enough, whatever became of the words.
        Err(_) if !status.is_success() => Vec::new(),
        Err(BodyError::TooLong(limit)) => return Err(Error::TooLong { request, limit }),
        Err(BodyError::Torn(error)) => return Err(not_sent(request, error.into())),
    };
    if status.is_success() {
        let needs_user = !scopes.is_empty();
        return Ok(Answer { line: request, status, headers, body, needs_user });
    }
    let Words { message, reason } = Words::of(&body);
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS => Error::RateLimited { request, retry_after, reason },
        _ => Error::Api { request, status, message, reason, scopes },
    })
}

fn not_sent(request: RequestLine, error: reqwest_middleware::Error) -> Error {
    use reqwest_middleware::Error::{Middleware, Reqwest};

    let source = match error {
        Middleware(error) => match error.downcast::<AuthError>() {
            Ok(source) => return Error::Auth { request, source },
            Err(error) => match error.downcast::<GateClosed>() {
                Ok(closed) => {
                    let retry_after = Some(closed.retry_after);
                    return Error::RateLimited { request, retry_after, reason: None };
                }
                Err(error) => Middleware(error),
            },
        },
        Reqwest(error) => Reqwest(error.without_url()),
    };
    Error::Transport { request, source }
}

/// What an error answer says: `{"error":{"message","reason"}}`, `{"error":"…"}`, or something that
/// is no JSON.
#[derive(Default)]
struct Words {
    message: Option<String>,
    reason: Option<String>,
}

impl Words {
    fn of(body: &[u8]) -> Self {
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        match body.get("error") {
            Some(Value::String(message)) => Self { message: Some(clipped(message)), reason: None },
            Some(error) => Self { message: word(error, "message"), reason: word(error, "reason") },
            None => Self::default(),
        }
    }
}

fn word(error: &Value, name: &str) -> Option<String> {
    error.get(name).and_then(Value::as_str).map(clipped)
}

const LONGEST_BODY: usize = 32 * 1024 * 1024;
