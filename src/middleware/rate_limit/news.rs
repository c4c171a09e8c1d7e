//! What happened at one limiter that the others are to know.

use std::time::Duration;

use super::Seconds;

/// What the store was not told yet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct News {
    pub(super) succeeded: u32,
    /// From when on these are counted.
    since: Seconds,
    pub(super) is_open: bool,
    pub(super) others_wait: bool,
    pub(super) refused: Option<Refused>,
}

/// A 429.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    pub(super) pause: Duration,
    pub(super) epoch: u64,
    pub(super) when: Seconds,
}

impl News {
    /// Takes what is still true. Of a pause that is what is left of it.
    pub(super) fn take(&mut self, window: Seconds, now: Seconds) -> Self {
        self.forget_old(window, now);
        let news = std::mem::take(self);
        let left = |refused: Refused| {
            let age = Duration::try_from_secs_f64(now - refused.when).unwrap_or_default();
            let pause = refused.pause.saturating_sub(age);
            (!pause.is_zero()).then_some(Refused { pause, when: now, ..refused })
        };
        Self { refused: news.refused.and_then(left), ..news }
    }

    /// Has the 429 told again that was taken, which may have been told to nobody. What succeeded
    /// would count twice.
    pub(super) fn put_back(&mut self, taken: Self) {
        self.refused = taken.refused.or(self.refused);
        self.others_wait |= taken.others_wait;
    }

    /// A store counts what succeeded as of when it is told. Of what did before the window, one is
    /// enough to show that the limit is open.
    pub(super) fn forget_old(&mut self, window: Seconds, now: Seconds) {
        if now - self.since > window {
            self.succeeded = self.succeeded.min(1);
            self.since = now;
        }
    }
}
