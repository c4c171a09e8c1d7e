//! How long a list waits after a page that failed for the moment.

use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::prepared::{Deadline, PreparedRequest};
use crate::error::Error;

/// The pauses of a list.
#[derive(Default)]
pub(super) struct Pauses {
    /// Failures of the page in front, in a row.
    failures: u32,
    /// When pages are asked for again, after such a failure.
    until: Option<Instant>,
    /// What the server wants to be waited for, where that is longer than a call may wait.
    refusal: Option<Refusal>,
}

/// Until then, pages are refused with the error of the server that asked for it.
struct Refusal {
    until: Instant,
    error: Error,
}

impl Pauses {
    /// When the page that failed is to be asked for again: after the pause that a retry would take,
    /// however short a time a call may wait, so that every list is paced. What the server wants to
    /// be waited for beyond that is not: the page is refused unsent.
    pub(super) fn begin(
        &mut self,
        connection: &Connection,
        template: &PreparedRequest,
        error: &Error,
    ) -> Instant {
        self.failures = self.failures.saturating_add(1);
        let now = Instant::now();
        let longest = longest_wait(connection, template);
        let (pause, wanted) = pause_after(connection, error, self.failures);
        self.refusal = wanted.filter(|wanted| *wanted > longest).and_then(|wanted| {
            Some(Refusal { until: now + wanted.min(LONGEST_PAUSE), error: error.repeated(wanted)? })
        });
        let pause = match self.refusal {
            Some(_) => pause,
            None => pause.max(wanted.unwrap_or_default()),
        };
        let end = now + pause.min(LONGEST_PAUSE);
        self.until = Some(end);
        end
    }

    /// The page in front has come.
    pub(super) fn end(&mut self) {
        self.failures = 0;
    }

    /// Until when nothing is asked for at this moment.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|end| now < *end)
    }

    /// Whether pages are refused after this pause.
    pub(super) fn refuses(&self) -> bool {
        self.refusal.is_some()
    }

    /// The error that a page is refused with at this moment.
    pub(super) fn refusal(&self, now: Instant) -> Option<Error> {
        let refusal = self.refusal.as_ref().filter(|_| self.until(now).is_none())?;
        refusal.at(now)
    }
}

impl Refusal {
    /// The error at this moment; `None` when it is over.
    fn at(&self, now: Instant) -> Option<Error> {
        let left = self.until.checked_duration_since(now).filter(|left| !left.is_zero())?;
        self.error.repeated(left)
    }
}

/// How long a call may wait.
fn longest_wait(connection: &Connection, template: &PreparedRequest) -> Duration {
    let deadline = template.deadline.map_or(Duration::MAX, Deadline::left);
    template.class.max_wait.unwrap_or_else(|| connection.max_wait()).min(deadline)
}

/// The pause after this number of failures in a row, and what the server wants to be waited for.
fn pause_after(
    connection: &Connection,
    error: &Error,
    failures: u32,
) -> (Duration, Option<Duration>) {
    match error {
        // Its task is gone, and nothing is wrong with the server.
        Error::Interrupted => (Duration::ZERO, None),
        // The limiter knows when it is over, also when it is opened before, and until then lets
        // nothing pass.
        Error::RateLimited { .. } if connection.has_limiter() => (connection.pause(failures), None),
        error => (connection.pause(failures), error.retry_after()),
    }
}

/// Far beyond any wait that makes sense, and near enough to be added to a moment.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
