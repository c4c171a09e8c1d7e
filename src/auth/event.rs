//! What happens to a token.

use std::sync::Arc;
use std::time::Duration;

use super::{AuthError, StoreError, TokenKey};

/// What happened in a [`TokenCache`](super::TokenCache), for logs, metrics and alarms.
///
/// Callers notice none of it while the token is good. See
/// [`TokenCacheOptions::with_listener`](super::TokenCacheOptions::with_listener).
///
/// ```
/// use spotify_web::auth::{CredentialsAuthenticator, TokenCacheOptions, TokenEvent, TokenEventKind};
///
/// fn tell(event: &TokenEvent) {
///     match &event.kind {
///         TokenEventKind::Refreshed { expires_in } => println!("good for {expires_in:?}"),
///         TokenEventKind::RefreshFailed { error, .. } => println!("{error}"),
///         _ => {}
///     }
/// }
///
/// let options = TokenCacheOptions::default().with_listener(tell);
/// let authenticator = CredentialsAuthenticator::new("id", "secret").with_options(options);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TokenEvent {
    /// Whose token it is: the key in the store, where there is one.
    pub key: Option<Arc<TokenKey>>,
    /// What happened.
    pub kind: TokenEventKind,
}

/// What happened to a token.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TokenEventKind {
    /// A new token came.
    Refreshed {
        /// How long it is handed out, if the server does not reject it.
        expires_in: Duration,
    },
    /// A token that is still good was found in the store.
    Restored {
        /// How long it is handed out, if the server does not reject it.
        expires_in: Duration,
    },
    /// A token request failed; it may well succeed later.
    RefreshFailed {
        /// Why.
        error: AuthError,
        /// When the next attempt may be made, if a token is needed then.
        retry_in: Duration,
    },
    /// A token request failed for a reason that will not pass by itself.
    PermanentlyFailed {
        /// Why.
        error: AuthError,
        /// When the next attempt may be made, if a token is needed then.
        retry_in: Duration,
    },
    /// The user must log in: the refresh token has ended, or there is none. With a store, the cache
    /// looks there for a new login once a minute, and tells this again.
    LoginEnded {
        /// Why.
        error: AuthError,
    },
    /// The store could not be read, written or locked; a token that is at hand is used all the
    /// same.
    StoreFailed {
        /// Why.
        error: StoreError,
    },
}

impl TokenEventKind {
    /// The error of a failure says the same wait as the event.
    pub(super) fn with_its_wait(self) -> Self {
        match self {
            Self::RefreshFailed { error, retry_in } => {
                Self::RefreshFailed { error: error.with_retry_in(Some(retry_in)), retry_in }
            }
            Self::PermanentlyFailed { error, retry_in } => {
                Self::PermanentlyFailed { error: error.with_retry_in(Some(retry_in)), retry_in }
            }
            other => other,
        }
    }
}
