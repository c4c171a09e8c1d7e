//! What can go wrong with a call.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, StatusCode};

use crate::auth::AuthError;
use crate::middleware::LimitKind;
use crate::model::{IdError, MarketError, Snapshot, Unreadable};
use crate::oauth::{OAuthError, Scope};
use crate::transport::{
    Origin, OriginError, is_transient_failure, is_transient_status, may_be_done, may_have_arrived,
};

/// Why a call failed.
///
/// Four methods say what a program most often asks: [`is_transient`](Self::is_transient),
/// [`may_have_been_carried_out`](Self::may_have_been_carried_out),
/// [`retry_after`](Self::retry_after) and [`status`](Self::status). No message shows a secret.
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
        /// How far the range goes for apps with [extended quota](crate::Quota), where that would help.
        extended: Option<u32>,
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
        /// The status of the last response to this call: 429 where the server has refused it, `None`
        /// where nothing was sent.
        status: Option<StatusCode>,
    },
    /// The response is not what this version of the crate understands.
    #[error("the response to {request} cannot be read at `{path}`{}", begins(start.as_deref()))]
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
    /// The first batches of a long list were carried out, and then one failed. Do not send the whole
    /// list again: go on after what was carried out, when you know what became of the batch that
    /// failed, whose error is the source.
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
    /// Whether the same call may succeed later without any change.
    ///
    /// Before a write is sent again, [`may_have_been_carried_out`](Self::may_have_been_carried_out)
    /// counts as well.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Auth { source, .. } | Self::Unsettled(source) => source.is_transient(),
            Self::OAuth(error) => error.is_transient(),
            Self::Transport { source, .. } => is_transient_failure(source),
            Self::Api { status, .. } => is_transient_status(*status),
            Self::RateLimited { .. } | Self::DeadlineExceeded { .. } | Self::Interrupted => true,
            Self::PartlyCarriedOut { source, .. } => source.is_transient(),
            _ => false,
        }
    }

    /// Whether the request may have changed something although it failed, so that sending it again
    /// might do it twice. `false` for requests that only read, and wherever it is known that the
    /// server did not act, on any of the attempts.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let spotify =
    /// spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
    /// # fake.next(502);
    /// if let Err(error) = spotify.player().next().await {
    ///     let retry = error.is_transient() && !error.may_have_been_carried_out();
    ///     assert!(!retry, "it may have skipped already");
    /// }
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn may_have_been_carried_out(&self) -> bool {
        let may_be_done = match self {
            Self::CarriedOut { .. } | Self::PartlyCarriedOut { .. } => return true,
            Self::Transport { source, .. } => may_have_arrived(source),
            Self::Api { status, .. } => may_be_done(*status),
            _ => false,
        };
        self.request()
            .is_some_and(|request| request.is_write() && (may_be_done || request.may_be_done))
    }

    /// The request that it is about, where there is one.
    fn request(&self) -> Option<&RequestLine> {
        match self {
            Self::NoRuntime { request }
            | Self::NoAuthenticator { request }
            | Self::Auth { request, .. }
            | Self::Transport { request, .. }
            | Self::Api { request, .. }
            | Self::RateLimited { request, .. }
            | Self::Decode { request, .. }
            | Self::CarriedOut { request, .. }
            | Self::Paging { request, .. }
            | Self::DeadlineExceeded { request, .. }
            | Self::TooLong { request, .. } => Some(request),
            _ => None,
        }
    }

    /// The body of a response that cannot be read, as it came.
    ///
    /// ```
    /// # use spotify_web::testing::{FakeResponse, FakeSpotify};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
    /// # fake.next_api(FakeResponse::json(200, &serde_json::json!({ "new": true })));
    /// let error = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").await.unwrap_err();
    /// assert_eq!(error.raw_body(), Some(&br#"{"new":true}"#[..]));
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn raw_body(&self) -> Option<&[u8]> {
        match self {
            Self::Decode { body, .. } => Some(body.as_bytes()),
            Self::CarriedOut { source, .. } | Self::PartlyCarriedOut { source, .. } => {
                source.raw_body()
            }
            _ => None,
        }
    }

    pub(crate) fn with_body(mut self, bytes: Bytes) -> Self {
        if let Self::Decode { body, .. } = &mut self {
            *body = RawBody(Box::new(bytes));
        }
        self
    }

    /// Whether only a login of the user helps: nobody has logged in, the login has ended, or it lacks
    /// scopes that the program needs.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::Auth { source, .. } | Self::Authenticator(source) | Self::Unsettled(source) => {
                source.needs_login()
            }
            Self::PartlyCarriedOut { source, .. } => source.needs_login(),
            _ => false,
        }
    }

    /// How long to wait before the call is made again, where the other side or the rate limiter
    /// says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Auth { source, .. } => source.retry_after(),
            Self::OAuth(error) => error.retry_after(),
            Self::RateLimited { retry_after, .. } | Self::Api { retry_after, .. } => *retry_after,
            Self::DeadlineExceeded { last, .. } => last.as_ref()?.retry_after(),
            Self::PartlyCarriedOut { source, .. } => source.retry_after(),
            _ => None,
        }
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

    /// The status of the response, where there was one: none of a call that the rate limiter did
    /// not send.
    ///
    /// Of a call that ran out of time, it is the status of the last attempt.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Api { status, .. } | Self::CarriedOut { status, .. } => Some(*status),
            Self::RateLimited { status, .. } => *status,
            Self::OAuth(error) => error.status(),
            Self::Auth { source: AuthError::Request(error), .. } => error.status(),
            Self::DeadlineExceeded { last, .. } => last.as_ref()?.status(),
            Self::PartlyCarriedOut { source, .. } => source.status(),
            _ => None,
        }
    }

    /// A word of the server that names the reason, such as `NO_ACTIVE_DEVICE`.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Api { reason, .. } | Self::RateLimited { reason, .. } => reason.as_deref(),
            Self::DeadlineExceeded { last, .. } => last.as_ref()?.reason(),
            Self::PartlyCarriedOut { source, .. } => source.reason(),
            _ => None,
        }
    }

    /// The error and all its causes in one line, for people.
    ///
    /// ```
    /// use spotify_web::SpotifyClient;
    /// use spotify_web::SpotifyClientConfig;
    /// use spotify_web::auth::CredentialsAuthenticator;
    ///
    /// let config = SpotifyClientConfig::default()
    ///     .with_authenticator(CredentialsAuthenticator::new("", "SECRET"));
    /// let error = SpotifyClient::new(config).unwrap_err();
    /// assert_eq!(
    ///     error.to_line(),
    ///     "the authenticator cannot be used: no access token could be obtained: \
    ///      client id is empty; set it to the app's"
    /// );
    /// ```
    pub fn to_line(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes.fold(self.to_string(), |line, cause| format!("{line}: {cause}"))
    }

    pub(crate) fn config(option: &'static str, reason: impl fmt::Display) -> Self {
        Self::Config { option, reason: reason.to_string() }
    }

    pub(crate) fn malformed_link(link: &'static str, reason: impl fmt::Display) -> Self {
        Self::MalformedLink { link, reason: reason.to_string() }
    }

    pub(crate) fn base_url(reason: OriginError) -> Self {
        Self::config("base URL", reason)
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

fn with_quota(extended: Option<u32>) -> String {
    extended.map_or_else(String::new, |most| {
        format!(
            "; up to {most} with `with_quota(Quota::Extended)`, for apps that have extended quota"
        )
    })
}

fn detail(message: Option<&str>, reason: Option<&str>) -> String {
    match (message, reason) {
        (Some(message), Some(reason)) => format!(": {message} ({reason})"),
        (Some(text), None) | (None, Some(text)) => format!(": {text}"),
        (None, None) => String::new(),
    }
}

fn advice(status: StatusCode, scopes: &[Scope]) -> String {
    match status {
        StatusCode::UNAUTHORIZED => {
            "; the token was rejected, or the endpoint needs a user's".into()
        }
        StatusCode::FORBIDDEN if !scopes.is_empty() => {
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            format!("; the endpoint needs a user's token with the scope {}", scopes.join(" or "))
        }
        StatusCode::FORBIDDEN => "; the app may not use this endpoint".into(),
        _ if status.is_redirection() => {
            "; redirects of writes and redirects to another origin are not followed, \
             and those of reads five times at the most"
                .into()
        }
        _ => String::new(),
    }
}

fn begins(start: Option<&str>) -> String {
    start.map(|start| format!("; it begins with `{start}`")).unwrap_or_default()
}

fn wait(retry_after: Option<Duration>) -> String {
    let seconds = |wait: Duration| wait.as_secs_f64().ceil();
    retry_after.map(|wait| format!("; retry in {} s", seconds(wait))).unwrap_or_default()
}

/// What became of a request that is limited, and why.
fn limited(status: Option<StatusCode>, limit: Option<LimitKind>, reason: Option<&str>) -> String {
    let word = match reason {
        Some("QUOTA_EXCEEDED") => {
            " (QUOTA_EXCEEDED, the quota of the developer's account)".to_owned()
        }
        Some(reason) => format!(" ({reason})"),
        None => String::new(),
    };
    match limit {
        Some(limit @ (LimitKind::Outage | LimitKind::ByHand | LimitKind::EndpointByHand)) => {
            not_sent(status, limit)
        }
        Some(limit) if status != Some(StatusCode::TOO_MANY_REQUESTS) => {
            format!("{}{word}", not_sent(status, limit))
        }
        _ => format!("failed with HTTP 429, too many requests{word}"),
    }
}

fn not_sent(status: Option<StatusCode>, limit: LimitKind) -> String {
    let again = status.map(|status| format!(" again after HTTP {}", status.as_u16()));
    format!("was not sent{}: {limit}", again.unwrap_or_default())
}

fn last_failure(last: Option<&Error>) -> String {
    last.map(|last| format!("; the last attempt: {last}")).unwrap_or_default()
}
