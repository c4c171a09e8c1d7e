//! What is told of closings: to the log, and to the listener.

use std::collections::HashMap;
use std::time::Duration;

use super::stats::Closing;
use super::{RateLimitOptions, Seconds};

/// The closings that were told, by the keys of their endpoints; the app's has none. Pure, with the
/// time as an argument.
#[derive(Debug, Default)]
pub(super) struct Announced(HashMap<Option<u64>, Seconds>);

/// A closing that is to be told.
#[derive(Debug)]
pub(super) struct New {
    pub(super) endpoint: Option<String>,
    pub(super) closed_for: Duration,
}

impl New {
    pub(super) fn of(endpoint: Option<String>, closed_for: Seconds) -> Self {
        let closed_for = Duration::try_from_secs_f64(closed_for).unwrap_or(Duration::MAX);
        Self { endpoint, closed_for }
    }
}

impl Announced {
    /// Whether what is closed until then is to be told: a closing is, and where it grows, each time
    /// that it is twice as long, so that a burst of refusals is told a few times.
    pub(super) fn closes(&mut self, key: Option<u64>, until: Seconds, now: Seconds) -> bool {
        let told = self.0.get(&key).copied().unwrap_or(now).max(now);
        let is_news = until > now && until - now > 2.0 * (told - now);
        if is_news {
            if self.0.len() >= MOST {
                self.0.retain(|_, until| *until > now);
            }
            self.0.insert(key, until);
        }
        is_news
    }

    /// All were opened by hand.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// An endpoint was.
    pub(super) fn forget_endpoint(&mut self, key: u64) {
        self.0.remove(&Some(key));
    }

    /// A request succeeded: what it passed is open.
    pub(super) fn went_through(
        &mut self,
        endpoint: u64,
        name: impl FnOnce() -> String,
        now: Seconds,
    ) -> Opened {
        if self.0.is_empty() {
            return Opened::default();
        }
        let mut is_news = |key| {
            let is_over = self.0.get(&key).is_some_and(|until| *until <= now);
            is_over && self.0.remove(&key).is_some()
        };
        Opened { app: is_news(None), endpoint: is_news(Some(endpoint)).then(name) }
    }
}

/// What turned out to be open, of what a request passed.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use = "it is told without the lock"]
pub(super) struct Opened {
    app: bool,
    /// Its name.
    endpoint: Option<String>,
}

impl Opened {
    pub(super) fn log(self, client_id: Option<&str>) {
        let of_app = self.app.then_some(None);
        let of_endpoint = self.endpoint.as_deref().map(Some);
        for endpoint in of_app.into_iter().chain(of_endpoint) {
            tracing::debug!(client_id, endpoint, "a rate limit is open again");
        }
    }
}

/// Tells of a closing. What is longer than most calls wait is a warning.
pub(super) fn tell(closing: &Closing, closed_for: Duration, options: &RateLimitOptions) {
    let Closing { client_id, endpoint, reason, is_by_hand, .. } = closing;
    let client_id = client_id.as_deref();
    let endpoint = endpoint.as_deref();
    let reason = reason.as_deref();
    let seconds = closed_for.as_secs_f64().ceil();
    if closed_for > options.max_wait {
        tracing::warn!(client_id, endpoint, seconds, reason, is_by_hand, "a rate limit is closed");
    } else {
        tracing::info!(client_id, endpoint, seconds, reason, is_by_hand, "a rate limit is closed");
    }
    if let Some(listener) = &options.listener {
        listener.call(closing);
    }
}

/// More than there are endpoints at a time.
const MOST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_is_told_once_and_where_it_doubles() {
        let mut announced = Announced::default();
        assert!(announced.closes(None, 10.0, 0.0));
        assert!(!announced.closes(None, 10.0, 1.0), "the same");
        assert!(!announced.closes(None, 15.0, 1.0), "hardly longer");
        assert!(announced.closes(None, 80.0, 1.0), "much longer");
        assert!(announced.closes(Some(1), 2.0, 1.0), "another");
        assert!(!announced.closes(Some(2), 1.0, 1.0), "open");
        assert!(announced.closes(None, 90.0, 85.0), "the next");
    }

    #[test]
    fn what_was_told_takes_no_more_room_than_what_is_closed() {
        let mut announced = Announced::default();
        for key in 0..10_000_u32 {
            let now = f64::from(key);
            announced.closes(Some(key.into()), now + 1.5, now);
        }
        assert!(announced.0.len() <= MOST, "{}", announced.0.len());
    }
}
