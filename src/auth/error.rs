//! Why a request could not be signed.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use crate::oauth::{OAuthError, OAuthErrorCode, Token};

/// Why there is no token to sign a request with.
///
/// Cheap to clone: everyone who waited for one attempt gets the same error.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The token request failed.
    #[error("no access token could be had")]
    Request(#[source] Arc<OAuthError>),
    /// The refresh token has ended: six months after the login, or because it was revoked. Nothing is
    /// sent any more until the user has logged in again.
    #[error("the login has ended; the user must log in again")]
    LoginEnded {
        /// How the accounts service said so; `None` where the store does.
        #[source]
        source: Option<Arc<OAuthError>>,
    },
    /// There is no refresh token, neither from a login nor in the store.
    #[error("nobody has logged in yet; begin a login")]
    NotLoggedIn,
    /// The token source did not answer in time.
    #[error("the token source did not answer within {limit:?}")]
    TimedOut {
        /// The limit that was set for one refresh.
        limit: Duration,
    },
    /// The token that came had already expired when it arrived.
    #[error("the new access token had already expired when it arrived")]
    ExpiredOnArrival,
    /// The server refused the token, and a new one is not requested before the back-off is over.
    #[error("the server refused the access token, and so it did the one before; a new one is requested in {}", seconds(*retry_in))]
    Refused {
        /// How long the back-off takes at most.
        retry_in: Duration,
    },
    /// The token source answered with the very token that the server has refused.
    #[error("the token source answered with the token that the server refused")]
    RefusedBefore,
    /// The token source panicked.
    #[error("the token source panicked; the next attempt starts anew")]
    SourcePanicked,
    /// The task that requested the token ended without a result, as when its runtime shuts down.
    #[error("the token request ended without a result; try again")]
    Interrupted,
    /// An option of the token cache is out of its range.
    #[error("token cache option {name} {reason}")]
    Option {
        /// Which option.
        name: &'static str,
        /// The range, and what to do.
        reason: &'static str,
    },
    /// The token source or the store asked for a token while it was being asked for one.
    #[error("a token was asked for from within the request for it; there is none to hand out yet")]
    WithinFetch,
    /// Not called from within a tokio runtime.
    #[error("a token can only be requested from within a tokio runtime")]
    NoRuntime,
    /// The token cannot be sent: it has characters that a header cannot carry.
    #[error("the access token has characters that a header cannot carry")]
    Malformed,
    /// An error of an authenticator or token source of the user's own.
    #[error("{message}")]
    Custom {
        /// What went wrong, without secrets.
        message: String,
        /// Whether the same may well succeed later.
        transient: bool,
        /// What caused it.
        #[source]
        source: Option<Arc<dyn Error + Send + Sync>>,
    },
}

impl AuthError {
    /// A transient error of an authenticator or token source of your own. Its texts must not show a
    /// secret.
    pub fn custom(
        message: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let source = Some(Arc::from(source.into()));
        Self::Custom { message: message.into(), transient: true, source }
    }

    /// The same for what will not pass by itself; it is asked for again at most once a minute.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Custom { message: message.into(), transient: false, source: None }
    }

    /// Whether the same may well succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Request(error) => error.is_transient(),
            Self::Custom { transient, .. } => *transient,
            Self::TimedOut { .. }
            | Self::ExpiredOnArrival
            | Self::Refused { .. }
            | Self::RefusedBefore
            | Self::SourcePanicked
            | Self::Interrupted => true,
            Self::LoginEnded { .. }
            | Self::NotLoggedIn
            | Self::Option { .. }
            | Self::WithinFetch
            | Self::NoRuntime
            | Self::Malformed => false,
        }
    }

    /// How long to wait before asking again, where the other side or the back-off says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Request(error) => error.retry_after(),
            Self::Refused { retry_in } => Some(*retry_in),
            _ => None,
        }
    }

    /// Whether only a login of the user helps.
    pub fn needs_login(&self) -> bool {
        matches!(self, Self::LoginEnded { .. } | Self::NotLoggedIn)
    }
}

impl AuthError {
    /// The token that an answer carried although it could not be used.
    pub(super) fn carried_token(&self) -> Option<&Token> {
        match self {
            Self::Request(error) => match &**error {
                OAuthError::Unusable { token, .. } => Some(token),
                _ => None,
            },
            _ => None,
        }
    }
}

impl From<OAuthError> for AuthError {
    fn from(error: OAuthError) -> Self {
        match error.code() {
            Some(OAuthErrorCode::InvalidGrant) => {
                Self::LoginEnded { source: Some(Arc::new(error)) }
            }
            _ => Self::Request(Arc::new(error)),
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
