//! What can be set on a token cache.

use std::sync::Arc;
use std::time::Duration;

use super::{Backoff, Clock, SystemClock};
use crate::auth::AuthError;

/// Options of a [`TokenCache`](super::TokenCache). The defaults are right for Spotify.
///
/// A value out of range is kept, and comes out as [`AuthError::Option`] when the client is built or
/// a token is asked for.
///
/// ```
/// use std::time::Duration;
/// use spotify_web::auth::{CredentialsAuthenticator, TokenCacheOptions};
///
/// let options = TokenCacheOptions::default().with_refresh_ahead(Duration::from_secs(60));
/// let authenticator = CredentialsAuthenticator::with_options("ID", "SECRET", options);
/// ```
#[derive(Debug, Clone)]
pub struct TokenCacheOptions {
    pub(super) refresh_ahead: Duration,
    pub(super) backoff: Backoff,
    pub(super) time_limit: Duration,
    pub(super) jitter: bool,
    pub(super) clock: Arc<dyn Clock>,
    invalid: Option<AuthError>,
}

impl Default for TokenCacheOptions {
    fn default() -> Self {
        Self {
            refresh_ahead: Duration::from_secs(300),
            backoff: Backoff::default(),
            time_limit: Duration::from_secs(30),
            jitter: true,
            clock: Arc::new(SystemClock),
            invalid: None,
        }
    }
}

impl TokenCacheOptions {
    /// How long before its expiry a token is refreshed while callers go on with it.
    ///
    /// 300 s by default, less a random part of up to half that is drawn once per token. Never more
    /// than a tenth of the lifetime, so that short tokens are not fetched all the time. Zero turns
    /// refreshing ahead off: then callers wait once per token.
    #[must_use]
    pub fn with_refresh_ahead(self, window: Duration) -> Self {
        Self { refresh_ahead: window, ..self }
    }

    /// How long to wait after a failed attempt. See [`Backoff`].
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// How long one attempt may take, from 1 ms; 30 s by default. For the authenticators of this
    /// crate, the limit of the client that they are plugged into holds as well.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        if limit < Duration::from_millis(1) {
            let invalid = AuthError::Option { name: "time_limit", reason: "must be at least 1 ms" };
            self.invalid.get_or_insert(invalid);
        }
        Self { time_limit: limit, ..self }
    }

    /// Takes the window and the back-off without their random part. For tests: a fleet without
    /// jitter asks in lockstep.
    #[must_use]
    pub fn without_jitter(self) -> Self {
        Self { jitter: false, ..self }
    }

    /// Where the time is read; [`SystemClock`] by default.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// The first value that was out of range.
    pub(super) fn check(&self) -> Result<(), AuthError> {
        self.invalid.clone().map_or(Ok(()), Err)
    }

    /// A random part from 0 to 1, or 0 without jitter.
    pub(super) fn roll(&self) -> f64 {
        if self.jitter { fastrand::f64() } else { 0.0 }
    }
}
