//! What can be set on a rate limiter.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Closing, SharedLimit};
use crate::auth::{Clock, SystemClock};

/// Options of a [`RateLimiter`](super::RateLimiter). The defaults are right for Spotify.
///
/// ```
/// use std::time::Duration;
/// use spotify_web::middleware::{RateLimitOptions, RateLimiter};
///
/// let options = RateLimitOptions::default().with_max_wait(Duration::from_secs(10));
/// let limiter = RateLimiter::new(options);
/// ```
#[derive(Debug, Clone)]
pub struct RateLimitOptions {
    pub(super) max_wait: Duration,
    pub(super) window: Duration,
    pub(super) longest_retry_after: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shared: Option<Arc<dyn SharedLimit>>,
    pub(super) listener: Option<Listener>,
}

/// Who is told of closings.
#[derive(Clone)]
pub(super) struct Listener(Arc<dyn Fn(&Closing) + Send + Sync>);

impl Listener {
    /// One that panics costs no call its response.
    pub(super) fn call(&self, closing: &Closing) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.0)(closing))) {
            // What a panic carries may panic when it is dropped.
            std::mem::forget(panic);
            tracing::error!("the rate limiter's listener panicked");
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl RateLimitOptions {
    /// How long a call may wait for permits, unless it is set: a minute.
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);

    /// Sets how long a call may wait for permits, all its attempts together: a minute by default. A
    /// call that is known to need longer fails at once with [`RateLimited`](super::RateLimited), as
    /// does every call that would have to wait where this is zero.
    ///
    /// Beside a [shared limit](Self::with_shared) a call may have to ask the store whether there is
    /// a limit, once a second, or for a start. It waits for the response also where this is
    /// shorter, a quarter of a second at most and not beyond its deadline; for what the store says
    /// then it waits no longer than this. Where a response is late, or lost with the runtime that it
    /// was asked for on, the store is asked anew, as it is where several such calls come at the same
    /// time and are granted one start after another, as urgent ones are: all that takes two thirds
    /// of a second at most.
    #[must_use]
    pub fn with_max_wait(self, max_wait: Duration) -> Self {
        Self { max_wait, ..self }
    }

    /// Sets the window over which the server counts: 30 s by default, as [Spotify documents][rate],
    /// and from 5 s to an hour; a shorter one counts as 5 s. Set it for a server that counts over
    /// 10 s or more: with the default, a limit over a minute is used to half, and with its own
    /// window to nine tenths. For a server that counts over less than 10 s the default is better:
    /// a few seconds hold too few requests to tell a limit from a stray 429. Where the window is a
    /// minute or more, calls wait for up to a window: allow them that with
    /// [`with_max_wait`](Self::with_max_wait), or they fail.
    ///
    /// [rate]: https://developer.spotify.com/documentation/web-api/concepts/rate-limits
    #[must_use]
    pub fn with_window(self, window: Duration) -> Self {
        let window = window.clamp(Duration::from_secs(5), Duration::from_secs(3600));
        Self { window, ..self }
    }

    /// Sets the longest `Retry-After` that is believed: seven days by default, and at least a
    /// second. A longer one counts as this.
    #[must_use]
    pub fn with_longest_retry_after(self, longest: Duration) -> Self {
        Self { longest_retry_after: longest.clamp(Duration::from_secs(1), LONGEST), ..self }
    }

    /// Sets where the time is read: the system's clocks by default. A closing ends when either of
    /// the two clocks says so, so that a laptop that slept does not go on waiting. It is read while
    /// the limiter is locked: it must not call the limiter.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Sets a store through which this process shares each app's limit with others: none by
    /// default. See [`SharedLimit`].
    #[must_use]
    pub fn with_shared(self, limit: impl SharedLimit + 'static) -> Self {
        Self { shared: Some(Arc::new(limit)), ..self }
    }

    /// Sets a callback that is told of each closing when it begins, and when it grows to twice as
    /// long: of an app or an endpoint, by a 429, by hand, or by another process. What is closed
    /// by hand for all apps is told once. For metrics, and
    /// to store [`closings`](super::RateLimiter::closings). It is called in the task whose request
    /// was refused, and may ask the limiter.
    #[must_use]
    pub fn with_listener(self, listener: impl Fn(&Closing) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Listener(Arc::new(listener))), ..self }
    }
}

impl Default for RateLimitOptions {
    fn default() -> Self {
        Self {
            max_wait: Self::DEFAULT_MAX_WAIT,
            window: Duration::from_secs(30),
            longest_retry_after: Duration::from_secs(7 * 24 * 3600),
            clock: Arc::new(SystemClock),
            shared: None,
            listener: None,
        }
    }
}

/// A leap year: no wait is meant to be longer, and every clock can express it.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
