//! Starts that a store granted to one limiter.

use super::Seconds;
use super::shared::Granted;

/// Starts that were granted and not used yet.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) left: u32,
    pub(super) next: Seconds,
    pub(super) step: Seconds,
}

impl Batch {
    /// The starts of those that were asked for that are soon enough to be relied on: the store may
    /// be wrong, and until they are used up it is not asked again.
    pub(super) fn of(granted: Granted, asked: u32, closed: Seconds, now: Seconds) -> Option<Self> {
        let first = granted.first_in.as_secs_f64();
        let step = granted.step.as_secs_f64();
        let room = closed + LONGEST_AWAY - first;
        if room < 0.0 {
            return None;
        }
        // `as` saturates, also where there is nothing between them.
        let in_time = (room / step.max(f64::MIN_POSITIVE)) as u32;
        let left = granted.starts.min(asked).min(in_time.saturating_add(1));
        (left > 0).then_some(Self { left, next: now + first, step })
    }
}

/// The store may be wrong about when it has something to grant, and when that may start.
pub(super) const LONGEST_AWAY: Seconds = 10.0;
