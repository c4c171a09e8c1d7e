//! What can go wrong with a call.

mod classification;
mod message;

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, StatusCode};

use self::message::{advice, begins, detail, in_batches, last_failure, limited, wait, with_quota};
use crate::auth::AuthError;
use crate::middleware::LimitKind;
use crate::model::{IdError, MarketError, Snapshot, Unreadable};
use crate::oauth::{OAuthError, Scope};
use crate::transport::{Origin, OriginError};

/// Why a call failed.
///
/// Four methods say what a program most often asks: [`is_transient`](Self::is_transient),
/// [`may_have_been_carried_out`](Self::may_have_been_carried_out),
/// [`retry_after`](Self::retry_after) and [`status`](Self::status). To people,
/// [`to_line`](Self::to_line) says why as well: the text of an error alone is what failed, and its
/// causes are its [sources](std::error::Error::source). No message shows a secret.
#[derive(Debug, thiserror::Error)]
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
        "{count} {name} were given; {} to {} are allowed{}", range.start(), range.end(), in_batches(*count, range)
    )]
    Count {
        /// Which list.
        name: &'static str,
        /// How many elements were given.
        count: usize,
        /// How many are allowed.
        range: RangeInclusive<usize>,
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
    #[error("{request} cannot be signed: plug an authenticator into the config")]
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
    #[error("{request} failed with HTTP {status}{}{}", detail(message.as_deref(), reason.as_deref()), advice(*status, scopes))]
    Api {
        /// Which request.
        request: RequestLine,
        /// The status of the response.
        status: StatusCode,
        /// What Spotify says about it, clipped to 200 characters.
        message: Option<Box<str>>,
        /// A word that names the reason, as the player gives: `NO_ACTIVE_DEVICE`.
        reason: Option<String>,
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
        /// (`Retry-After`).
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
    #[error(
        "the first {carried_out} elements of the list were carried out, and then a batch failed"
    )]
    PartlyCarriedOut {
        /// Number of elements from the front of the list that were carried out.
        carried_out: usize,
        /// The versions of the playlist after each batch; empty for what is no playlist.
        snapshots: Vec<Snapshot>,
        /// How the batch after them failed.
        #[source]
        source: Box<Self>,
    },
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

impl Error {
    pub(crate) fn config(option: &'static str, reason: impl fmt::Display) -> Self {
        Self::Config { option, reason: reason.to_string() }
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
