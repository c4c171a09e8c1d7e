//! How long callers that get an error have to wait.

use std::time::Duration;

use super::super::Now;
use super::{MAX_LACK, State};

impl State {
    /// What is left of the pause after which a caller has another attempt made, which is nothing
    /// where there is none; `None` where only new credentials end it.
    pub(in crate::auth::cache) fn next_attempt_in(&self, now: Now) -> Option<Duration> {
        let Some(pause) = self.pause.as_ref().filter(|_| self.paused(now).is_some()) else {
            return Some(Duration::ZERO);
        };
        let left = pause.end?.saturating_duration_since(now.monotonic);
        if pause.is_firm || self.good(now).is_some() {
            return Some(left);
        }
        Some(left.min(MAX_LACK.saturating_sub(self.lacked(pause, now))))
    }
}
