//! What can go wrong with a call.

mod advice;
mod batch;
mod classification;
mod message;

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, StatusCode};

pub use self::batch::BatchError;
use self::message::{advice, begins, detail, last_failure, limited, takes_more, wait, with_quota};
use crate::auth::AuthError;
use crate::middleware::LimitKind;
use crate::model::{IdError, MarketError, Unreadable};
use crate::oauth::{OAuthError, Scope};
use crate::report::debug_for_people;
use crate::transport::{Origin, OriginError};

/// Why a call failed.
///
/// Methods say what a program most often asks. Whether and when to call again:
/// [`is_transient`](Self::is_transient),
/// [`may_have_been_carried_out`](Self::may_have_been_carried_out) and
/// [`retry_after`](Self::retry_after). What is missing: [`needs_login`](Self::needs_login),
/// [`missing_scopes`](Self::missing_scopes) and
/// [`is_no_active_device`](Self::is_no_active_device). What the server said:
/// [`status`](Self::status) and [`reason`](Self::reason).
///
/// # As people see it
///
/// The text of an error is what failed, and its causes are its
/// [sources](std::error::Error::source); [`to_line`](Self::to_line) has all of them in one line,
/// for a log. `Debug` is what `main` prints when it returns the error, alone or in a `Box<dyn
/// Error>`: what failed, why, and what to do. `{:#?}` shows the variants and their fields. None of
/// them shows a secret.
///
/// ```
/// use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     let spotify = SpotifyClient::new(SpotifyClientConfig::default())?;
///     let error = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").await.unwrap_err();
///     assert_eq!(
///         format!("Error: {error:?}"),
///         "Error: GET /v1/tracks/11dFghVXANMlKmJXsNCbNl cannot be signed: no authenticator is \
///          plugged in; plug one into the config with `with_authenticator`, or a token with \
///          `with_token`"
///     );
///     assert!(format!("{error:#?}").starts_with("NoAuthenticator {\n"));
///     Ok(())
/// }
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option of the config cannot be used. Nothing was sent.
    #[error("{option} {reason}")]
    Config {
        /// Which option.
        option: &'static str,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// An id is malformed or of the wrong kind. Nothing was sent.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A market is malformed. Nothing was sent.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// A parameter is out of the range that Spotify documents. Nothing was sent.
    #[error(
        "{name} is {value}, but must be from {} to {}{}", range.start(), range.end(), with_quota(*extended)
    )]
    Range {
        /// Which parameter.
        name: &'static str,
        /// What was given.
        value: u32,
        /// What is allowed.
        range: RangeInclusive<u32>,
        /// How far the range goes for apps with [extended quota](crate::Quota), where that would
        /// help.
        extended: Option<u32>,
    },
    /// A list is longer or shorter than Spotify takes. Nothing was sent.
    #[error(
        "{count} {name} were given; {} to {} are allowed{}", range.start(), range.end(), takes_more(*in_batches)
    )]
    Count {
        /// Which list.
        name: &'static str,
        /// How many elements were given.
        count: usize,
        /// How many are allowed.
        range: RangeInclusive<usize>,
        /// The method that takes more of them, where there is one and there were too many.
        in_batches: Option<&'static str>,
    },
    /// A parameter is missing or cannot be sent. Nothing was sent.
    #[error("{name} {reason}")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// The URL is not of the API's own origin, so that credentials must not go there. Nothing was
    /// sent.
    #[error("`{url}` is not of the API's origin {origin}; nothing was sent there")]
    ForeignOrigin {
        /// Scheme, host and port of the URL.
        url: String,
        /// The origin of the config's base URL.
        origin: Origin,
    },
    /// The call was not made from within a tokio runtime with IO and time enabled. Nothing was
    /// sent.
    #[error(
        "{request} can only be sent from within a tokio runtime with IO and time enabled (`enable_all`)"
    )]
    NoRuntime {
        /// Which request.
        request: RequestLine,
    },
    /// Nothing is plugged in that could sign the request. Nothing was sent.
    #[error(
        "{request} cannot be signed: no authenticator is plugged in; plug one into the config with \
         `with_authenticator`, or a token with `with_token`"
    )]
    NoAuthenticator {
        /// Which request.
        request: RequestLine,
    },
    /// There was no token to sign the request with. Nothing was carried out.
    #[error("{request} could not be signed")]
    Auth {
        /// Which request.
        request: RequestLine,
        /// Why there is no token.
        #[source]
        source: AuthError,
    },
    /// The authenticator cannot be used.
    #[error("the authenticator cannot be used")]
    Authenticator(#[source] AuthError),
    /// Something would be lost if the program ended now.
    #[error("not everything is settled")]
    Unsettled(#[source] AuthError),
    /// A token request failed.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// No complete response came: no connection, a reset, a truncated response, a time-out.
    #[error("{request} got no complete response")]
    Transport {
        /// Which request.
        request: RequestLine,
        /// What the HTTP client says.
        #[source]
        source: reqwest_middleware::Error,
    },
    /// Spotify rejected the request or failed.
    #[error("{request} failed with HTTP {status}{}{}", detail(*status, message.as_deref(), reason.as_deref()), advice(self))]
    Api {
        /// Which request.
        request: RequestLine,
        /// The status of the response.
        status: StatusCode,
        /// What Spotify says about it, clipped to 200 characters, or what kept that from being read.
        message: Option<Box<str>>,
        /// A word that names the reason, as the player gives: `NO_ACTIVE_DEVICE`.
        reason: Option<Box<str>>,
        /// The scopes that the endpoint needs, or one of them; a 403 may be for want of one.
        scopes: &'static [Scope],
        /// How long Spotify asks to wait, when it says (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// The server responded with 429, or the [rate limiter](crate::middleware::RateLimiter) did not
    /// send the request, since it would have had to wait for longer than it may. The last attempt
    /// was not carried out. What to do is in [`limits`](crate::guide::limits).
    #[error("{request} {}{}", limited(*status, *limit, reason.as_deref()), wait(*retry_after))]
    RateLimited {
        /// Which request.
        request: RequestLine,
        /// After how long it would go, as far as the rate limiter knows, those that wait before it
        /// included; without a rate limiter, how long the server asks to wait, when it says
        /// (`Retry-After`). A quota that is used up (`QUOTA_EXCEEDED`) has the server's time alone:
        /// where it names none it is `None`, since nobody knows when a quota is renewed. A call that was
        /// not sent meanwhile is told when the next one may be.
        retry_after: Option<Duration>,
        /// A word of the server that names the reason; `QUOTA_EXCEEDED` is the quota of the
        /// developer's account.
        reason: Option<String>,
        /// What it would have waited for; `None` without a rate limiter.
        limit: Option<LimitKind>,
        /// The status of the last response to this call: 429 where the server has refused it,
        /// `None` where nothing was sent.
        status: Option<StatusCode>,
    },
    /// The response is not what this version of the crate understands.
    #[error("the response to {request} cannot be read at `{path}`{}", begins(start.as_deref(), body))]
    Decode {
        /// Which request.
        request: RequestLine,
        /// The place in the JSON, such as `items[3].track.album`.
        path: String,
        /// How the body begins, at most 200 characters; absent where it may be about a user or hold
        /// a secret.
        start: Option<String>,
        /// All of the body; shown nowhere.
        body: RawBody,
        /// What was wrong there, at most 200 characters; without the value, where `start` is
        /// absent for its sake.
        #[source]
        source: serde_json::Error,
    },
    /// The write was carried out, but the body of the response is truncated or cannot be read. Do
    /// not send it again: look at what it changed instead.
    #[error("{request} was carried out with HTTP {status}, but its response is lost")]
    CarriedOut {
        /// Which request.
        request: RequestLine,
        /// The status of the response.
        status: StatusCode,
        /// Why there is no body.
        #[source]
        source: Box<Self>,
    },
    /// The first batches of a long list were carried out, and then one failed. Do not send the
    /// whole list again: go on after what was carried out, when you know what became of the batch
    /// that failed, whose error is the source.
    #[error(transparent)]
    PartlyCarriedOut(Box<BatchError>),
    /// A page leads nowhere: the server's `next` leads back, to empty pages without end, or is not
    /// there although the list goes on.
    #[error("{request} returned a page that {reason}")]
    Paging {
        /// Which request.
        request: RequestLine,
        /// What is wrong with the page.
        reason: &'static str,
    },
    /// The server sent a page whose link to another one is malformed. Nothing was sent there.
    #[error("the server sent a page whose `{link}` {reason}")]
    MalformedLink {
        /// Which link: `next` or `previous`.
        link: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An item of a list cannot be read, and the list was asked to fail then.
    #[error("the item at place {position} of the list cannot be read")]
    UnreadableItem {
        /// Its place in the list, from 0.
        position: u32,
        /// Why, and what it was.
        #[source]
        source: Unreadable,
    },
    /// The call took longer than it may.
    #[error("{request} took longer than {limit:?} with its waits and retries{}", last_failure(last.as_deref()))]
    DeadlineExceeded {
        /// Which request.
        request: RequestLine,
        /// The limit.
        limit: Duration,
        /// How the last attempt failed, where one did.
        last: Option<Box<Self>>,
    },
    /// The task that fetched a page ended with its runtime; the page can be requested on another.
    #[error("the task that fetched the page ended with its runtime; request it again")]
    Interrupted,
    /// User code panicked while a [`Slider`](crate::api::Slider) sent a value, which may have been
    /// carried out. Other calls hand such a panic on to their caller.
    #[error("a layer, an authenticator or an observer of the program panicked at the request")]
    Panicked,
    /// The response is longer than is read.
    #[error("the response to {request} is longer than {limit} bytes")]
    TooLong {
        /// Which request.
        request: RequestLine,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Method and path of a request, without its query: what an error is reported with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestLine {
    /// The method.
    pub method: Method,
    /// The path, from the root of the server.
    pub path: Box<str>,
    /// Whether one of its attempts may have been carried out, the last or one before it.
    pub(crate) may_be_done: bool,
}

/// A body as it came. It may be about a user, so that `Debug` shows its length only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RawBody(Box<Bytes>);

impl RawBody {
    /// The body; empty where none came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RawBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawBody({} bytes)", self.0.len())
    }
}

debug_for_people! {
    Error, advice::what_to_do;
    fields
        Config { option, reason }
        Range { name, value, range, extended }
        Count { name, count, range, in_batches }
        Parameter { name, reason }
        ForeignOrigin { url, origin }
        NoRuntime { request }
        NoAuthenticator { request }
        Auth { request, source }
        Transport { request, source }
        Api { request, status, message, reason, scopes, retry_after }
        RateLimited { request, retry_after, reason, limit, status }
        Decode { request, path, start, body, source }
        CarriedOut { request, status, source }
        Paging { request, reason }
        MalformedLink { link, reason }
        UnreadableItem { position, source }
        DeadlineExceeded { request, limit, last }
        TooLong { request, limit };
    values Id Market Authenticator Unsettled OAuth PartlyCarriedOut;
    words Interrupted Panicked;
}

impl Error {
    pub(crate) fn config(option: &'static str, reason: impl fmt::Display) -> Self {
        Self::Config { option, reason: reason.to_string() }
    }

    /// A list that is too long or too short.
    pub(crate) fn count(name: &'static str, count: usize, range: RangeInclusive<usize>) -> Self {
        Self::Count { name, count, range, in_batches: None }
    }

    /// The same with the method that takes more, if it is about too many.
    pub(crate) fn with_batches(mut self, method: &'static str) -> Self {
        if let Self::Count { count, range, in_batches, .. } = &mut self {
            *in_batches = (*count > *range.end()).then_some(method);
        }
        self
    }

    /// The same for what is wrong with a request that was not sent: values, all of them.
    pub(crate) fn of_unsent(&self) -> Self {
        match self {
            Self::Config { option, reason } => Self::Config { option, reason: reason.clone() },
            Self::Id(error) => Self::Id(error.clone()),
            Self::Market(error) => Self::Market(error.clone()),
            Self::Range { name, value, range, extended } => {
                Self::Range { name, value: *value, range: range.clone(), extended: *extended }
            }
            Self::Count { name, count, range, in_batches } => {
                Self::Count { name, count: *count, range: range.clone(), in_batches: *in_batches }
            }
            Self::ForeignOrigin { url, origin } => {
                Self::ForeignOrigin { url: url.clone(), origin: origin.clone() }
            }
            Self::MalformedLink { link, reason } => Self::malformed_link(link, reason),
            Self::Parameter { name, reason } => Self::Parameter { name, reason: reason.clone() },
            other => Self::Parameter { name: "request", reason: other.to_line() },
        }
    }

    pub(crate) fn malformed_link(link: &'static str, reason: impl fmt::Display) -> Self {
        Self::MalformedLink { link, reason: reason.to_string() }
    }

    pub(crate) fn base_url(reason: OriginError) -> Self {
        Self::config("base URL", reason)
    }

    /// The same of a response that had no body, which was read as `null`.
    pub(crate) fn of_no_body(mut self) -> Self {
        if let Self::Decode { start, .. } = &mut self {
            *start = None;
        }
        self
    }

    pub(crate) fn with_body(mut self, bytes: Bytes) -> Self {
        if let Self::Decode { body, .. } = &mut self {
            *body = RawBody(Box::new(bytes));
        }
        self
    }

    /// The same of a server that is not asked again yet, and wants to be waited for so long.
    pub(crate) fn repeated(&self, wait: Duration) -> Option<Self> {
        match self {
            Self::RateLimited { request, reason, limit, status, .. } => Some(Self::RateLimited {
                request: request.clone(),
                retry_after: Some(wait),
                reason: reason.clone(),
                limit: *limit,
                status: *status,
            }),
            Self::Api { request, status, message, reason, scopes, .. } => Some(Self::Api {
                request: request.clone(),
                status: *status,
                message: message.clone(),
                reason: reason.clone(),
                scopes,
                retry_after: Some(wait),
            }),
            Self::DeadlineExceeded { last, .. } => last.as_ref()?.repeated(wait),
            _ => None,
        }
    }
}

impl RequestLine {
    pub(crate) fn is_write(&self) -> bool {
        !self.method.is_safe()
    }

    /// Whether it is about one playlist: `playlists/{id}`, and what is below it.
    fn is_of_playlist(&self) -> bool {
        let mut segments = self.path.split('/');
        segments.any(|segment| segment == "playlists")
            && segments.next().is_some_and(|id| !id.is_empty())
    }
}

impl fmt::Display for RequestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// clippy warns every program whose functions return an error of 128 bytes.
    #[test]
    fn an_error_is_small_enough_to_return() {
        assert!(size_of::<Error>() < 128, "{}", size_of::<Error>());
    }
}
