//! The retries that all requests of a client may make together, so that an outage is not multiplied.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many retries may still be made, and how many were.
pub(super) struct Budget {
    /// In thousandths.
    left: AtomicU64,
    used: AtomicU64,
}

impl Budget {
    /// A request pays its share of a retry.
    pub(super) fn deposit(&self, share: f64) {
        // `as` saturates, and the share is from 0 to 10.
        let share = (share * ONE_RETRY as f64) as u64;
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            (left < MOST_RETRIES).then(|| (left + share).min(MOST_RETRIES))
        });
    }

    /// Takes a retry, if there is one left.
    pub(super) fn withdraw(&self) -> bool {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(ONE_RETRY));
        taken.is_ok()
    }

    /// A retry was made, whatever it cost.
    pub(super) fn note_retry(&self) {
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: FIRST_RETRIES.into(), used: AtomicU64::default() }
    }
}

/// The budget counts in thousandths, so that a share of 0.001 still counts.
const ONE_RETRY: u64 = 1000;
/// Enough for a short-lived program, whose requests have not paid for a retry yet.
const FIRST_RETRIES: u64 = 10 * ONE_RETRY;
/// A client that ran well for days may not hit a failing server with all that it has saved: these
/// are the retries of 10,000 requests at the default share.
const MOST_RETRIES: u64 = 1000 * ONE_RETRY;
