//! Sending a request and reading what comes back.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Extensions;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};
use reqwest_middleware::ClientWithMiddleware;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{Instrument, Span, field};
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
use crate::transport::{BodyError, Origin, TlsUnavailable, clipped, read_body, retry_after};

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
    pub(crate) request: reqwest::Request,
    pub(crate) scopes: &'static [Scope],
    pub(crate) endpoint: Endpoint,
    pub(crate) class: RequestClass,
    /// For the whole call; `None` is the client's.
    pub(crate) deadline: Option<Duration>,
}

/// What will come of a request. It is boxed here, and not where its type is known, since the large part of
/// it is the same for all types.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

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
    pub(crate) fn send(self, outgoing: Outgoing) -> Answering {
        let span = tracing::debug_span!(
            "spotify call",
            method = %outgoing.request.method(),
            endpoint = field::Empty,
            status = field::Empty,
            attempts = field::Empty,
            waited_ms = field::Empty,
        );
        let Defaults { deadline, observer, .. } = &self.0.defaults;
        let limit = outgoing.deadline.or(*deadline);
        // What most calls do without takes neither time nor room in them.
        if !span.is_disabled() || observer.is_some() || limit.is_some() {
            return Box::pin(self.observed(outgoing, span, limit));
        }
        let (line, mut extensions) = (outgoing.line(), outgoing.extensions());
        let Outgoing { request, scopes, .. } = outgoing;
        Box::pin(async move {
            let sent = self.0.http.execute_with_extensions(request, &mut extensions);
            let mut response = sent.await.map_err(|error| not_sent(line.clone(), error))?;
            read(line, &mut response, scopes).await
        })
    }

    /// Within a time limit, with its span, and told to who wants to know.
    async fn observed(
        self,
        outgoing: Outgoing,
        span: Span,
        limit: Option<Duration>,
    ) -> Result<Answer, Error> {
        let mut extensions = outgoing.extensions();
        extensions.insert(CallTrace::default());
        let (line, scopes) = (outgoing.line(), outgoing.scopes);
        let (method, endpoint) = (line.method.clone(), outgoing.endpoint.to_string());
        span.record("endpoint", &endpoint);
        let (began, mut status) = (Instant::now(), None);
        let exchange = async {
            let sent = self.0.http.execute_with_extensions(outgoing.request, &mut extensions);
            let mut response = sent.await.map_err(|error| not_sent(line.clone(), error))?;
            status = Some(response.status());
            read(line.clone(), &mut response, scopes).await
        };
        let exchange = exchange.instrument(span.clone());
        let result = match limit {
            Some(limit) => tokio::time::timeout(limit, exchange)
                .await
                .unwrap_or_else(|_| Err(Error::DeadlineExceeded { request: line.clone(), limit })),
            None => exchange.await,
        };
        let trace = extensions.get::<CallTrace>().copied().unwrap_or_default();
        let CallTrace { attempts, waited, .. } = trace;
        span.record("attempts", attempts);
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
}

impl Outgoing {
    fn line(&self) -> RequestLine {
        let (method, url) = (self.request.method(), self.request.url());
        RequestLine { method: method.clone(), path: url.path().to_owned() }
    }

    /// What the layers are to know; what they know without being told costs nothing.
    fn extensions(&self) -> Extensions {
        let mut extensions = Extensions::new();
        if self.class != RequestClass::of(self.request.method()) {
            extensions.insert(self.class);
        }
        extensions
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
    pub(crate) body: Bytes,
    /// Whether the endpoint takes a user's token, so that the answer may be about a user.
    pub(crate) needs_user: bool,
}

async fn read(
    request: RequestLine,
    response: &mut Response,
    scopes: &'static [Scope],
) -> Result<Answer, Error> {
    let status = response.status();
    let retry_after = retry_after(response);
    let headers = std::mem::take(response.headers_mut());
    let body = match read_body(response, LONGEST_BODY).await {
        Ok(body) => body,
        // The status says enough, whatever became of the words.
        Err(_) if !status.is_success() => Bytes::new(),
        Err(BodyError::TooLong) => return Err(Error::TooLong { request, limit: LONGEST_BODY }),
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
                Err(error) => match error.downcast::<TlsUnavailable>() {
                    Ok(unavailable) => return Error::config("TLS", unavailable),
                    Err(error) => Middleware(error),
                },
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

/// The longest answer that is read, in bytes.
pub(crate) const LONGEST_BODY: usize = 32 * 1024 * 1024;
