//! What can be set on a token cache.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::listener::Listener;
use super::{Backoff, Clock, Now, SystemClock};
use crate::auth::{AuthError, TokenEvent};

/// Options of a [`TokenCache`](super::TokenCache). The defaults are right for Spotify.
///
/// They say how tokens are refreshed, and nothing of whose they are: many authenticators may share
/// them in one `Arc`. Whose token it is, and where it is kept, belongs to each authenticator.
///
/// A value out of range is kept, and comes out as [`AuthError::Option`] when the client is built or
/// a token is asked for.
///
/// ```
/// use std::time::Duration;
/// use spotify_web::auth::{CredentialsAuthenticator, TokenCacheOptions};
///
/// let options = TokenCacheOptions::default().with_refresh_ahead(Duration::from_secs(60));
/// let authenticator = CredentialsAuthenticator::new("ID", "SECRET").with_options(options);
/// ```
#[derive(Debug, Clone)]
pub struct TokenCacheOptions {
    pub(super) refresh_ahead: Duration,
    pub(super) backoff: Backoff,
    pub(super) timeout: Duration,
    pub(super) max_wait: Duration,
    pub(super) max_retry_after: Duration,
    pub(super) jitter: bool,
    clock: Option<Arc<dyn Clock>>,
    pub(super) listener: Option<Listener<TokenEvent>>,
    invalid: Option<AuthError>,
}

impl Default for TokenCacheOptions {
    fn default() -> Self {
        Self {
            refresh_ahead: Duration::from_secs(300),
            backoff: Backoff::default(),
            timeout: Duration::from_secs(30),
            max_wait: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(600),
            jitter: true,
            clock: None,
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

    /// How long one token request may take once it is its turn, from 1 ms to 60 s; 30 s by default.
    /// For the authenticators of this crate, the limit of the client that they are plugged into
    /// holds as well.
    ///
    /// A request that carried a refresh token is not given up then, since its response may carry
    /// the next one: until 60 s are over it is taken over when it comes, and no other is sent.
    ///
    /// After an outage callers are served within 10 s of its end. Where the server has taken a
    /// request in it and never responds, they are served within 10 s of the end of that request:
    /// this limit, or the 60 s with a refresh token.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        if timeout > Duration::from_secs(60) {
            let invalid = AuthError::Option { name: "timeout", reason: "must be at most 60 s" };
            self.invalid.get_or_insert(invalid);
        }
        Self { timeout, ..self.in_range("timeout", timeout) }
    }

    /// How long a caller waits for a token at most, from 1 ms; 10 s by default. The request that it
    /// waited for goes on.
    #[must_use]
    pub fn with_max_wait(self, max_wait: Duration) -> Self {
        Self { max_wait, ..self.in_range("max_wait", max_wait) }
    }

    /// The longest `Retry-After` of the accounts service that is honoured; 10 minutes by default. A
    /// longer one counts as this. [`reset`](super::TokenCache::reset) ends any wait.
    #[must_use]
    pub fn with_max_retry_after(self, max_retry_after: Duration) -> Self {
        Self { max_retry_after, ..self }
    }

    fn in_range(mut self, name: &'static str, limit: Duration) -> Self {
        if limit < Duration::from_millis(1) {
            let invalid = AuthError::Option { name, reason: "must be at least 1 ms" };
            self.invalid.get_or_insert(invalid);
        }
        self
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

    /// Calls `listener` with what happens to tokens. It is called in a thread of its own, one event
    /// after the other, outside of every lock: it may block, panic and use the client, and delays
    /// no token.
    ///
    /// ```
    /// use spotify_web::auth::{TokenCacheOptions, TokenEventKind};
    ///
    /// let options = TokenCacheOptions::default().with_listener(|event| match &event.kind {
    ///     TokenEventKind::LoginEnded { error } => {
    ///         eprintln!("ask {:?} to log in: {error}", event.key.as_ref().and_then(|key| key.user()));
    ///     }
    ///     TokenEventKind::PermanentlyFailed { error, .. } => eprintln!("look at this: {error}"),
    ///     other => println!("{other:?}"),
    /// });
    /// ```
    #[must_use]
    pub fn with_listener(self, listener: impl Fn(&TokenEvent) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Listener::new(listener)), ..self }
    }

    /// What time it is. The system's clocks are read directly, on every hit; a clock of the user's
    /// that panics costs nobody a token.
    #[inline]
    pub(super) fn now(&self) -> Now {
        match &self.clock {
            None => SystemClock.now(),
            Some(clock) => guarded(&**clock),
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

fn guarded(clock: &dyn Clock) -> Now {
    std::panic::catch_unwind(AssertUnwindSafe(|| clock.now())).unwrap_or_else(|_| {
        tracing::error!("the clock panicked; the system's is read instead");
        SystemClock.now()
    })
}
