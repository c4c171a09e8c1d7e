//! When a time limit has passed.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// A limit for a step, a request or a wait; the one place that decides that it has passed.
///
/// A process that is stopped, or whose machine is moved, finds its limits long over when it goes on,
/// while what it waited for lies in the buffer of a socket. So a limit that is noticed later than a busy
/// runtime explains is extended, once, for as long as it takes to read that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    end: Instant,
    is_extended: bool,
}

impl TimeLimit {
    pub(crate) fn after(limit: Duration) -> Self {
        let now = Instant::now();
        Self { end: now.checked_add(limit).unwrap_or(now + LONGEST), is_extended: false }
    }

    /// When to ask whether it has passed.
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    pub(crate) fn has_passed(&mut self) -> bool {
        let now = Instant::now();
        let Some(late) = now.checked_duration_since(self.end) else { return false };
        if late <= LATEST || self.is_extended {
            return true;
        }
        *self = Self { end: now + GRACE, is_extended: true };
        false
    }

    /// What `work` comes to, or `None` when the limit has passed.
    pub(crate) async fn run<F: Future>(mut self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        loop {
            if let Ok(output) = timeout_at(self.end, work.as_mut()).await {
                return Some(output);
            }
            if self.has_passed() {
                return None;
            }
        }
    }
}

/// How late a busy runtime notices a limit.
const LATEST: Duration = Duration::from_secs(1);

/// Enough to read what has come, and to save it.
const GRACE: Duration = Duration::from_secs(2);

/// A limit that no clock can express is as long as this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
