//! How a request travels: to which origin, over which connection, and how much is read.

mod arrival;
mod begun;
mod body;
mod clients;
mod connecting;
mod early;
mod http_client;
mod json_fault;
mod lane;
mod left_out;
mod links;
mod listening;
mod loopback;
mod noise;
#[cfg(feature = "http2")]
mod one_connection;
mod origin;
mod pool;
mod proxies;
mod reached;
mod relief;
mod runtime;
mod server_error;
mod shown_url;
mod time_limit;
#[cfg(feature = "__rustls")]
mod tls;
#[cfg(feature = "__rustls")]
mod trusted;
mod undone;
mod way;
mod wire;
mod words;

use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDateTime};
use reqwest::header::{DATE, RETRY_AFTER};
use reqwest::{Request, Response};

pub(crate) use begun::peek_body;
pub(crate) use body::{BodyError, Interest, body_read_ahead, read_ahead, read_body, without_rest};
pub(crate) use clients::Traffic;
pub(crate) use http_client::{HttpOptions, NO_TLS, SharedHttpClient};
pub(crate) use json_fault::json_fault;
pub(crate) use noise::{announced, compressed, noise, unannounced};
pub use origin::{Origin, OriginError};
pub(crate) use proxies::ProxyChoice;
pub(crate) use reached::{
    begin as begin_sending, cannot_have_left, made_no_connection, waited_for_connection,
};
pub(crate) use runtime::{can_send, can_wait, lacks_io, leave_turn};
pub(crate) use server_error::{
    ServerError, is_transient_failure, is_transient_status, lacks_permission, may_be_done,
    may_have_arrived, never_left,
};
pub(crate) use shown_url::shown_url;
pub(crate) use time_limit::TimeLimit;
#[cfg(all(feature = "__rustls", feature = "redis"))]
pub(crate) use tls::provide_for_process;
pub(crate) use undone::{TlsUnavailable, was_left_behind, was_overtaken, was_refused};
pub(crate) use way::was_moved;
pub(crate) use wire::{Wire, note_failure, time_left};

/// How long the server asks the client to wait: whole seconds or a date ([RFC 9110, section
/// 10.2.3]), which counts from the response's own `Date`, since the server's clock may be wrong,
/// and is over at once if it has passed.
///
/// [RFC 9110, section 10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(seconds) = parse_seconds(value) {
        return Some(seconds);
    }
    let date = parse_date(value)?;
    let now = response.headers().get(DATE).and_then(|value| parse_date(value.to_str().ok()?));
    let now = now.unwrap_or_else(SystemTime::now);
    Some(date.duration_since(now).unwrap_or_default())
}

/// A number, which may be one of several that a proxy joined, or have a sign, a fraction (rounded
/// up) or a parameter. What only begins with digits is a date, or has a unit.
fn parse_seconds(value: &str) -> Option<Duration> {
    let first = value.split([',', ';']).next()?.trim();
    let first = first.strip_prefix('+').unwrap_or(first);
    let (whole, fraction) = first.split_once('.').unwrap_or((first, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = !whole.is_empty() && are_digits(whole) && are_digits(fraction);
    // A fraction is against the RFC, and a request before its end would be too early.
    let rest = u64::from(fraction.bytes().any(|byte| byte != b'0'));
    // More than fits is as long as can be said.
    let seconds = || whole.parse().unwrap_or(u64::MAX).saturating_add(rest);
    is_number.then(|| Duration::from_secs(seconds()))
}

/// In one of the three forms of RFC 9110, section 5.6.7, of which two are obsolete.
fn parse_date(value: &str) -> Option<SystemTime> {
    if let Ok(date) = DateTime::parse_from_rfc2822(value) {
        return Some(SystemTime::from(date));
    }
    let obsolete = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let mut dates = obsolete.iter().map(|form| NaiveDateTime::parse_from_str(value, form));
    Some(SystemTime::from(dates.find_map(Result::ok)?.and_utc()))
}

/// The same request again, or `None` when its body is a stream.
///
/// As `Request::try_clone`, which makes room for a timeout that most requests lack: three
/// allocations less.
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
