//! What an endpoint did in the [trials](super::trial) of the app's limit. Pure, with the time as an
//! argument.

use super::Seconds;
use super::state::Endpoint;

#[derive(Debug, Clone, Copy)]
pub(super) struct Tries {
    /// When it last started a request beyond the app's rate, unless one has succeeded since: who
    /// hangs lets the others go first, and keeps that place while nobody waits.
    pub(super) last_turn: Seconds,
    /// When it was last refused by the app's limit.
    pub(super) refused_by_app: Seconds,
}

impl Tries {
    pub(super) const fn none() -> Self {
        let never = f64::NEG_INFINITY;
        Self { last_turn: never, refused_by_app: never }
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
