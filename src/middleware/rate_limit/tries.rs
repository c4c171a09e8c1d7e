//! What an endpoint did in the [trials](super::trial) of the app's limit. Pure, with the time as an
//! argument.

use super::Seconds;
use super::state::Endpoint;

#[derive(Debug, Clone, Copy)]
pub(super) struct Tries {
    pub(super) turn: Turn,
    /// When it was last refused by the app's limit.
    pub(super) refused_by_app: Seconds,
}

impl Tries {
    pub(super) const fn none() -> Self {
        let never = f64::NEG_INFINITY;
        Self { turn: Turn::first(), refused_by_app: never }
    }
}

/// When it is the turn of an endpoint among those that go beyond the app's rate: first of those
/// that do not hang, and of both in the order of their last turns. It keeps its place while nobody
/// waits.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Turn {
    /// The last request that it started beyond the rate was sent, and has not succeeded yet.
    hangs: bool,
    last: Seconds,
}

impl Turn {
    pub(super) const fn first() -> Self {
        Self { hangs: false, last: f64::NEG_INFINITY }
    }

    pub(super) const fn taken(now: Seconds) -> Self {
        Self { hangs: true, last: now }
    }

    pub(super) const fn is_over(self) -> Self {
        Self { hangs: false, ..self }
    }
}

impl Endpoint {
    /// Whether its refusals are long enough ago for it to go beyond the app's rate.
    pub(super) fn is_unrefused(&self, window: Seconds, now: Seconds) -> bool {
        let for_long = UNREFUSED_FOR.max(UNREFUSED_FOR_WINDOWS * window);
        let is_stray = self.bucket.is_stray() && now - self.tries.refused_by_app > for_long;
        let long = if is_stray { AFTER_A_STRAY.max(window) } else { for_long };
        self.bucket.last_refused.is_none_or(|then| now - then > long)
    }
}

/// Each endpoint costs an app that has a limit one trial in this time.
const UNREFUSED_FOR: Seconds = 3600.0;
/// Within a window it would meet what refused it.
const UNREFUSED_FOR_WINDOWS: f64 = 4.0;
/// With half of this, a limit of the app of 5 a second over eight endpoints refuses more than one
/// request in a hundred.
const AFTER_A_STRAY: Seconds = 600.0;
