//! What a program can see of its calls.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use tracing::Level;

/// What became of a call, for metrics; see
/// [`SpotifyClientConfig::with_observer`](crate::SpotifyClientConfig::with_observer).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallReport {
    /// The method.
    pub method: Method,
    /// The endpoint without ids, such as `albums/{}/tracks`: few values, and none that identifies a
    /// user. `(raw)` for a path of your own. The rate limiter has names of its own, which hold the
    /// method and the whole path: `GET /v1/albums/{}/tracks`.
    pub endpoint: String,
    /// How the call ended.
    pub outcome: CallOutcome,
    /// The status of the last response that came, to whichever attempt; `None` where none came, as
    /// for a call that the rate limiter did not send.
    pub status: Option<StatusCode>,
    /// A word of the server that names the reason, such as `QUOTA_EXCEEDED`.
    pub reason: Option<String>,
    /// How often the request left: 0 for one that is wrong, or that got no token, no permit or no
    /// connection. An attempt whose time was up while it was under way counts, also where it was
    /// still connecting: nobody can say then whether it left.
    pub attempts: u32,
    /// How long it waited for a permit and for retries.
    pub waited: Duration,
    /// How long it took, with that.
    pub elapsed: Duration,
}

impl CallReport {
    /// Logs it, at `debug`.
    pub(super) fn log(&self) {
        tracing::debug!(
            target: CALLS,
            method = %self.method,
            endpoint = self.endpoint,
            outcome = self.outcome.as_str(),
            status = self.status.map(|status| status.as_u16()),
            reason = self.reason,
            attempts = self.attempts,
            waited_ms = milliseconds(self.waited),
            elapsed_ms = milliseconds(self.elapsed),
            "call"
        );
    }

    /// Whether anybody hears of it by the log.
    pub(super) fn is_logged() -> bool {
        tracing::event_enabled!(target: CALLS, Level::DEBUG)
    }

    /// Of a call that was wrong, so that nothing was sent.
    pub(super) fn unsent(method: Method, endpoint: &Endpoint) -> Self {
        Self {
            method,
            endpoint: endpoint.to_string(),
            outcome: CallOutcome::Failed,
            status: None,
            reason: None,
            attempts: 0,
            waited: Duration::ZERO,
            elapsed: Duration::ZERO,
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallOutcome {
    /// With a successful response.
    Succeeded,
    /// With an error.
    Failed,
    /// Its caller dropped it.
    Abandoned,
}

impl CallOutcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Rounded down; what no number holds is the largest.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The target of the event of each call, by which a subscriber picks it.
const CALLS: &str = "spotify_web::call";

/// The user's callback.
#[derive(Clone)]
pub(crate) struct Observer(Arc<dyn Fn(&CallReport) + Send + Sync>);

impl Observer {
    pub(crate) fn new(callback: impl Fn(&CallReport) + Send + Sync + 'static) -> Self {
        Self(Arc::new(callback))
    }

    /// A callback that panics costs no call its response.
    pub(crate) fn tell(&self, report: &CallReport) {
        let told = catch_unwind(AssertUnwindSafe(|| (self.0)(report)));
        if let Err(panic) = told {
            // What a panic carries may panic when it is dropped.
            std::mem::forget(panic);
            tracing::error!(endpoint = report.endpoint, "the observer panicked");
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// A path whose ids are left out. What is fixed in it is borrowed, and what is an id is owned.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endpoint(Vec<Cow<'static, str>>);

impl Endpoint {
    pub(crate) fn of(segments: Vec<Cow<'static, str>>) -> Self {
        Self(segments)
    }

    /// Of a path with `{}` for each id.
    pub(super) fn from_pattern(pattern: &'static str) -> Self {
        let segment = |segment| match segment {
            "{}" => Cow::Owned(String::new()),
            fixed => Cow::Borrowed(fixed),
        };
        Self(pattern.split('/').map(segment).collect())
    }

    /// Whether a path is one of this pattern.
    pub(super) fn fits(pattern: &str, path: &[&str]) -> bool {
        let fits = |(pattern, segment): (&str, &&str)| pattern == "{}" || pattern == *segment;
        pattern.split('/').count() == path.len() && pattern.split('/').zip(path).all(fits)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(raw)");
        }
        for (index, segment) in self.0.iter().enumerate() {
            let slash = if index > 0 { "/" } else { "" };
            match segment {
                Cow::Borrowed(fixed) => write!(f, "{slash}{fixed}")?,
                Cow::Owned(_) => write!(f, "{slash}{{}}")?,
            }
        }
        Ok(())
    }
}
