//! What a program can see of its calls.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use tracing::Level;

use crate::error::Error;
use crate::middleware::{Partition, Whose};

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
    /// The client id of the app whose limits the call counts for; `None` where neither the
    /// authenticator nor the rate limiter knows one, as with a bare token.
    pub client_id: Option<String>,
    /// Whose call it was, which says nothing about the user: see [`Partition`]. To tell users by a
    /// name, give each a [named](Partition::named) one by
    /// [`for_user_in`](crate::SpotifyClient::for_user_in).
    pub partition: Partition,
    /// How the call ended for its caller, whatever the last status was: a response that cannot be
    /// read is a failure.
    pub outcome: CallOutcome,
    /// Where it failed, which kind of error its caller has: the name of the variant of
    /// [`Error`], such as `decode` or `deadline_exceeded`. Few values, as a label
    /// wants.
    pub failure: Option<&'static str>,
    /// The status of the last response that came, to whichever attempt; `None` where none came, as
    /// for a call that the rate limiter did not send.
    pub status: Option<StatusCode>,
    /// A word of the server that names the reason, such as `QUOTA_EXCEEDED`.
    pub reason: Option<String>,
    /// How often the request left by the client, whatever layers did with it: 0 for one that is
    /// wrong, or that got no token, no permit or no connection, or one that was closed before
    /// anything was written. An attempt whose time was up while it was under way counts, unless there never
    /// was a connection to its server: where others had one, or with
    /// [an HTTP client of your own](crate::SpotifyClientConfig::with_http_client), nobody can say
    /// whether it still waited for one.
    pub attempts: u32,
    /// How long it waited for a permit and for retries.
    pub waited: Duration,
    /// How long it took, with that, until its response or its error was there.
    pub elapsed: Duration,
}

impl CallReport {
    /// Of a call that was wrong, so that nothing was sent.
    pub(super) fn unsent(
        method: Method,
        endpoint: &Endpoint,
        observer: &UserObserver,
        error: &Error,
    ) -> Self {
        Self {
            method,
            endpoint: endpoint.to_string(),
            client_id: observer.client_id.clone(),
            partition: observer.whose.partition(),
            outcome: CallOutcome::Failed,
            failure: Some(error.kind()),
            status: None,
            reason: None,
            attempts: 0,
            waited: Duration::ZERO,
            elapsed: Duration::ZERO,
        }
    }
}

/// What is logged of a call, at `debug`: what a report says, but for whose it was.
pub(super) struct LoggedCall<'a> {
    pub(super) method: &'a Method,
    pub(super) endpoint: &'a str,
    pub(super) outcome: CallOutcome,
    pub(super) failure: Option<&'static str>,
    pub(super) status: Option<StatusCode>,
    pub(super) reason: Option<&'a str>,
    pub(super) attempts: u32,
    pub(super) waited: Duration,
    pub(super) elapsed: Duration,
}

impl<'a> LoggedCall<'a> {
    /// Of a call that was wrong, so that nothing was sent.
    pub(super) fn unsent(method: &'a Method, endpoint: &'a str, error: &Error) -> Self {
        Self {
            method,
            endpoint,
            outcome: CallOutcome::Failed,
            failure: Some(error.kind()),
            status: None,
            reason: None,
            attempts: 0,
            waited: Duration::ZERO,
            elapsed: Duration::ZERO,
        }
    }

    /// Whether anybody hears of calls by the log.
    pub(super) fn is_heard() -> bool {
        tracing::event_enabled!(target: CALLS, Level::DEBUG)
    }

    pub(super) fn log(&self) {
        tracing::debug!(
            target: CALLS,
            method = %self.method,
            endpoint = self.endpoint,
            outcome = self.outcome.as_str(),
            failure = self.failure,
            status = self.status.map(|status| status.as_u16()),
            reason = self.reason,
            attempts = self.attempts,
            waited_ms = milliseconds(self.waited),
            elapsed_ms = milliseconds(self.elapsed),
            "call"
        );
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallOutcome {
    /// With a value for its caller.
    Succeeded,
    /// With an error.
    Failed,
    /// Its caller dropped it; so is a page that was fetched ahead and not taken.
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
}

/// The observer of one user's calls.
#[derive(Debug)]
pub(crate) struct UserObserver {
    pub(crate) callback: Observer,
    pub(crate) client_id: Option<String>,
    pub(crate) whose: Whose,
}

impl UserObserver {
    /// A callback that panics costs no call its response.
    pub(super) fn tell(&self, report: &CallReport) {
        let told = catch_unwind(AssertUnwindSafe(|| (self.callback.0)(report)));
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
