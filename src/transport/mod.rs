//! How a request travels: to which origin, over which connection, and how much is read.

mod body;
mod http_client;
mod noise;
mod origin;
mod proxies;
#[cfg(feature = "__rustls")]
mod tls;
mod undone;
mod wire;

use std::time::{Duration, SystemTime};

use chrono::DateTime;
use reqwest::header::RETRY_AFTER;
use reqwest::{Request, Response};

pub(crate) use body::{BodyError, read_ahead, read_body};
pub(crate) use http_client::{HttpOptions, SharedHttpClient};
pub(crate) use noise::noise;
pub use origin::{Origin, OriginError};
pub(crate) use proxies::ProxyChoice;
pub(crate) use undone::{TlsUnavailable, provably_not_carried_out};
pub(crate) use wire::Wire;

/// How long the server asks to be left alone: whole seconds or a date ([RFC 9110, section 10.2.3]),
/// which is over at once if it has passed.
///
/// [RFC 9110, section 10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = SystemTime::from(DateTime::parse_from_rfc2822(value).ok()?);
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// A request once more, or `None` when its body is a stream.
///
/// As `Request::try_clone`, which makes room for a time-out that most have not: three allocations less.
pub(crate) fn repeated(request: &Request) -> Option<Request> {
    if request.body().is_some() || request.timeout().is_some() {
        return request.try_clone();
    }
    let mut again = Request::new(request.method().clone(), request.url().clone());
    *again.headers_mut() = request.headers().clone();
    *again.version_mut() = request.version();
    Some(again)
}

/// What a server says, fit for an error text: without control characters, and at most 200 long.
pub(crate) fn clipped(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(200).collect()
}
