//! What happens to a token.

use std::time::Duration;

use super::{AuthError, StoreError};

/// What happened in a [`TokenCache`](super::TokenCache), for logs, metrics and alarms.
///
/// Callers notice none of it while the token is good. See
/// [`TokenCacheOptions::with_listener`](super::TokenCacheOptions::with_listener).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TokenEvent {
    /// A new token came.
    Refreshed {
        /// How long it is handed out, if the server does not refuse it.
        expires_in: Duration,
    },
    /// A token that is still good was found in the store.
    Restored {
        /// How long it is handed out, if the server does not refuse it.
        expires_in: Duration,
    },
    /// A token request failed; it may well succeed later.
    RefreshFailed {
        /// Why.
        error: AuthError,
        /// When the next attempt may be made, if somebody needs a token then.
        retry_in: Duration,
    },
    /// A token request failed for a reason that will not pass by itself.
    PermanentlyFailed {
        /// Why.
        error: AuthError,
        /// When the next attempt may be made, if somebody needs a token then.
        retry_in: Duration,
    },
    /// The user must log in: the refresh token has ended, or there is none. With a store, it is looked
    /// into for a new login once a minute, and this told again.
    LoginEnded {
        /// Why.
        error: AuthError,
    },
    /// The store could not be read, written or locked; the token is used all the same.
    StoreFailed {
        /// Why.
        error: StoreError,
    },
}
