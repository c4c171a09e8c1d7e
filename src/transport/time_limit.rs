//! When a time limit has passed.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// A limit for a step, a request or a wait; the one place that decides that it has passed.
///
/// A process that is stopped, or whose machine is moved, finds its limits over when it goes on,
/// while what it waited for lies in the buffer of a socket. From the end of a limit alone that
/// cannot be told from a limit that has passed while the process ran. So the last of it is counted
/// from the moment at which the process is seen to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    end: Instant,
    stretch: Stretch,
    last: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stretch {
    /// Until as long before the end as the last one takes.
    First,
    Last,
    /// Once more, since the process stood still in the last one too.
    Extra,
}

impl TimeLimit {
    pub(crate) fn after(limit: Duration) -> Self {
        let now = Instant::now();
        let end = now.checked_add(limit).unwrap_or(now + LONGEST);
        Self { end, stretch: Stretch::First, last: LAST.min(limit / 2) }
    }

    /// When to ask whether it has passed; it may have to be asked again after that.
    pub(crate) fn due(&self) -> Instant {
        match self.stretch {
            Stretch::First => self.end - self.last,
            Stretch::Last | Stretch::Extra => self.end,
        }
    }

    pub(crate) fn has_passed(&mut self) -> bool {
        let now = Instant::now();
        let Some(late) = now.checked_duration_since(self.due()) else { return false };
        let next = match self.stretch {
            Stretch::First => Stretch::Last,
            // A moment more costs little where the runtime was only busy.
            Stretch::Last if late > PUNCTUAL => Stretch::Extra,
            Stretch::Last | Stretch::Extra => return true,
        };
        let end = match next {
            Stretch::Last if late <= LATEST => self.end,
            _ => now + self.last,
        };
        *self = Self { end, stretch: next, last: self.last };
        false
    }

    /// What `work` comes to, or `None` when the limit has passed.
    pub(crate) async fn run<F: Future>(mut self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        loop {
            if let Ok(output) = timeout_at(self.due(), work.as_mut()).await {
                return Some(output);
            }
            if self.has_passed() {
                return None;
            }
        }
    }
}

/// With what a busy runtime is late by, enough to read what has come, and to save it.
const LAST: Duration = Duration::from_secs(2);

/// How late a timer is in a program with much to do.
const PUNCTUAL: Duration = Duration::from_millis(200);

/// How late a busy runtime notices a limit.
const LATEST: Duration = Duration::from_secs(1);

/// A limit that no clock can express is as long as this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
