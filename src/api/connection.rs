//! Sending a request and reading what comes back.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Response, StatusCode};
use reqwest_middleware::ClientWithMiddleware;
use serde_json::Value;
use url::Url;

use super::params::Parameters;
use super::path::Path;
use super::request::Request;
use crate::auth::AuthError;
use crate::error::{Error, RequestLine};
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
    market: Option<Market>,
}

/// What is put on the wire.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Body>,
    pub(crate) scopes: &'static [Scope],
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
        market: Option<Market>,
    ) -> Self {
        Self(Arc::new(Inner { http, base, origin, market }))
    }

    pub(crate) fn market(&self) -> Option<Market> {
        self.0.market
    }

    /// A request that reads from an endpoint.
    pub(crate) fn get<T, P: Parameters>(&self, path: Path) -> Request<T, P> {
        self.request(Method::GET, path)
    }

    /// A request to an endpoint.
    pub(crate) fn request<T, P: Parameters>(&self, method: Method, path: Path) -> Request<T, P> {
        let segments = path.into_segments();
        Request::new(self, method, segments.map(|segments| self.endpoint(&segments)))
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
        let line = RequestLine { method: outgoing.method, path: outgoing.url.path().to_owned() };
        let mut request = self.0.http.request(line.method.clone(), outgoing.url);
        match outgoing.body {
            Some(Body { content_type, content }) => {
                request = request.header(CONTENT_TYPE, content_type).body(content);
            }
            // Spotify wants a length where there could be a body.
            None if line.method != Method::GET => request = request.header(CONTENT_LENGTH, 0),
            None => {}
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(not_sent(line, error)),
        };
        read(line, response, outgoing.scopes).await
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
            Err(error) => Middleware(error),
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
