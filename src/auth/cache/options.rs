//! What can be set on a token cache.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::storage::Storage;
use super::{Backoff, Clock, Now, SystemClock};
use crate::auth::{AuthError, TokenEvent, TokenKey, TokenStore};

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
    clock: Option<Arc<dyn Clock>>,
    pub(super) storage: Option<Storage>,
    pub(super) listener: Option<Listener>,
    invalid: Option<AuthError>,
}

impl Default for TokenCacheOptions {
    fn default() -> Self {
        Self {
            refresh_ahead: Duration::from_secs(300),
            backoff: Backoff::default(),
            time_limit: Duration::from_secs(30),
            jitter: true,
            clock: None,
            storage: None,
            listener: None,
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
        Self { clock: Some(Arc::new(clock)), ..self }
    }

    /// Where the token outlives the program, and under which name. None by default.
    ///
    /// The store is read before every refresh, so that a token that another process has fetched is
    /// used instead of one more request; a new token is saved before it is handed out. Each of its
    /// operations may take five seconds, waiting for its lock as long as an attempt.
    #[must_use]
    pub fn with_store(self, store: impl TokenStore + 'static, key: TokenKey) -> Self {
        Self { storage: Some(Storage::new(Arc::new(store), key)), ..self }
    }

    /// Whom to tell what happens. Called in the task that fetched, after all who waited were told,
    /// and outside of every lock, so it may use the client; a slow one delays nobody but itself.
    ///
    /// ```
    /// use spotify_web::auth::{TokenCacheOptions, TokenEvent};
    ///
    /// let options = TokenCacheOptions::default().with_listener(|event| match event {
    ///     TokenEvent::LoginEnded { error } => eprintln!("ask the user to log in: {error}"),
    ///     TokenEvent::PermanentlyFailed { error, .. } => eprintln!("look at this: {error}"),
    ///     other => println!("{other:?}"),
    /// });
    /// ```
    #[must_use]
    pub fn with_listener(self, listener: impl Fn(&TokenEvent) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Listener(Arc::new(listener))), ..self }
    }

    /// What time it is. The system's clocks are read without a detour, on every hit.
    #[inline]
    pub(super) fn now(&self) -> Now {
        match &self.clock {
            None => SystemClock.now(),
            Some(clock) => clock.now(),
        }
    }

    /// The default, once for all caches that have no options of their own.
    pub(in crate::auth) fn shared_default() -> Arc<Self> {
        static DEFAULT: OnceLock<Arc<TokenCacheOptions>> = OnceLock::new();
        Arc::clone(DEFAULT.get_or_init(Arc::default))
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

/// Somebody else's code, which may panic: that harms nothing.
#[derive(Clone)]
pub(super) struct Listener(Arc<dyn Fn(&TokenEvent) + Send + Sync>);

impl Listener {
    pub(super) fn tell(&self, event: &TokenEvent) {
        let told = std::panic::catch_unwind(AssertUnwindSafe(|| (self.0)(event)));
        if told.is_err() {
            tracing::error!("the listener for token events panicked");
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
