//! How long callers that get an error have to wait.

use std::time::Duration;

use super::super::Now;
use super::{MAX_LACK, State};

impl State {
    /// What is left of the pause after which a caller has another attempt made; `None` where there
    /// is no pause, and where only new credentials end it.
    pub(in crate::auth::cache) fn next_attempt_in(&self, now: Now) -> Option<Duration> {
        self.paused(now)?;
        let pause = self.pause.as_ref()?;
        let left = pause.end?.saturating_duration_since(now.monotonic);
        if pause.is_firm || self.good(now).is_some() {
            return Some(left);
        }
        Some(left.min(MAX_LACK.saturating_sub(self.lacked(pause, now))))
    }
}
