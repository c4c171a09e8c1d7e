//! What can go wrong with a call.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::{Method, StatusCode};

use crate::auth::AuthError;
use crate::model::{IdError, MarketError};
use crate::oauth::{OAuthError, Scope};
use crate::transport::{Origin, OriginError};

/// Why a call failed.
///
/// [`is_transient`](Self::is_transient), [`retry_after`](Self::retry_after) and
/// [`status`](Self::status) answer what a program most often asks. No text of it shows a secret.
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
    #[error("{name} is {value}, but must be from {} to {}", range.start(), range.end())]
    Range {
        /// Which parameter.
        name: &'static str,
        /// What was given.
        value: u32,
        /// What is allowed.
        range: RangeInclusive<u32>,
    },
    /// A parameter is missing or cannot be sent. Nothing was sent.
    #[error("{name} {reason}")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// The address is not of the API's own origin, so that credentials must not go there. Nothing
    /// was sent.
    #[error("`{address}` is not of the API's origin {origin}; nothing was sent there")]
    ForeignOrigin {
        /// Scheme, host and port of the address.
        address: String,
        /// The origin of the config's base URL.
        origin: Origin,
    },
    /// There was no token to sign the request with.
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
    /// A token request failed.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The request or its answer was lost on the way: no connection, reset, torn, timed out.
    #[error("{request} or its answer was lost on the way")]
    Transport {
        /// Which request.
        request: RequestLine,
        /// What the HTTP client says.
        #[source]
        source: reqwest_middleware::Error,
    },
    /// Spotify refused the request or failed.
    #[error("{request} was answered with HTTP {status}{}{}", detail(message.as_deref(), reason.as_deref()), advice(*status, scopes))]
    Api {
        /// Which request.
        request: RequestLine,
        /// The status of the answer.
        status: StatusCode,
        /// What Spotify says about it, clipped to 200 characters.
        message: Option<String>,
        /// A word that names the reason, as the player gives: `NO_ACTIVE_DEVICE`.
        reason: Option<String>,
        /// The scopes that the endpoint needs, or one of them; a 403 may be for want of one.
        scopes: &'static [Scope],
    },
    /// Too many requests (429).
    #[error("{request} was answered with HTTP 429, too many requests{}", wait(*retry_after))]
    RateLimited {
        /// Which request.
        request: RequestLine,
        /// How long Spotify asks to be left alone, when it says.
        retry_after: Option<Duration>,
        /// A word that names the reason; `QUOTA_EXCEEDED` is the quota of the developer's account.
        reason: Option<String>,
    },
    /// The answer is not what this version of the crate understands.
    #[error("the answer to {request} cannot be read at `{path}`{}", begins(start.as_deref()))]
    Decode {
        /// Which request.
        request: RequestLine,
        /// The place in the JSON, such as `items[3].track.album`.
        path: String,
        /// How the body begins, at most 200 characters; absent where it is about a user or may hold a
        /// secret.
        start: Option<String>,
        /// What was wrong there.
        #[source]
        source: serde_json::Error,
    },
    /// The call took longer than it may. What became of a write is not known.
    #[error("{request} took longer than {limit:?} with its waits and retries")]
    DeadlineExceeded {
        /// Which request.
        request: RequestLine,
        /// The limit.
        limit: Duration,
    },
    /// The task that fetched a page ended with its runtime; ask again on another.
    #[error("the task that fetched the page ended with its runtime; ask again")]
    Interrupted,
    /// The answer is longer than is read.
    #[error("the answer to {request} is longer than {limit} bytes")]
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
    pub path: String,
}

impl Error {
    /// Whether the same call may well succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Auth { source, .. } => source.is_transient(),
            Self::OAuth(error) => error.is_transient(),
            Self::Transport { source, .. } => !source.is_builder(),
            Self::Api { status, .. } => {
                status.is_server_error() || *status == StatusCode::REQUEST_TIMEOUT
            }
            Self::RateLimited { .. } | Self::DeadlineExceeded { .. } | Self::Interrupted => true,
            _ => false,
        }
    }

    /// How long to wait before asking again, where the other side or a back-off says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Auth { source, .. } => source.retry_after(),
            Self::OAuth(error) => error.retry_after(),
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The status of the answer, where there was one that is an error.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Api { status, .. } => Some(*status),
            Self::RateLimited { .. } => Some(StatusCode::TOO_MANY_REQUESTS),
            Self::OAuth(error) => error.status(),
            Self::Auth { source: AuthError::Request(error), .. } => error.status(),
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
    ///     "the authenticator cannot be used: no access token could be had: \
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

    pub(crate) fn base_url(reason: OriginError) -> Self {
        Self::config("base URL", reason)
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
            "; the token was refused, or the endpoint needs a user's".into()
        }
        StatusCode::FORBIDDEN if !scopes.is_empty() => {
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            format!("; the endpoint needs a user's token with the scope {}", scopes.join(" or "))
        }
        StatusCode::FORBIDDEN => "; the app may not use this endpoint".into(),
        _ if status.is_redirection() => "; redirects to another origin are not followed".into(),
        _ => String::new(),
    }
}

fn begins(start: Option<&str>) -> String {
    start.map(|start| format!("; it begins with `{start}`")).unwrap_or_default()
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!("; ask again in {} s", wait.as_secs())).unwrap_or_default()
}
