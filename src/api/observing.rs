//! What a program can see of its calls.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};

/// What became of a call, for metrics; see
/// [`SpotifyClientConfig::with_observer`](crate::SpotifyClientConfig::with_observer).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallReport {
    /// The method.
    pub method: Method,
    /// The endpoint without ids, such as `albums/{}/tracks`: few values, and none is anybody's. `(raw)` for a
    /// path of your own.
    pub endpoint: String,
    /// The status of the answer; `None` where none came.
    pub status: Option<StatusCode>,
    /// How often it was sent.
    pub attempts: u32,
    /// How long it waited for the rate limiter and for retries.
    pub waited: Duration,
    /// How long it took, with that.
    pub elapsed: Duration,
}

/// Whom to tell.
#[derive(Clone)]
pub(crate) struct Observer(Arc<dyn Fn(&CallReport) + Send + Sync>);

impl Observer {
    pub(crate) fn new(tell: impl Fn(&CallReport) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, report: &CallReport) {
        (self.0)(report);
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
