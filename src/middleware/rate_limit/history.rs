//! How many requests succeeded lately.

use super::Seconds;

/// Successes of the last window, in slots of a thirtieth of it. The only history that is kept.
#[derive(Debug, Clone)]
pub(super) struct History {
    slots: [u32; SLOTS],
    /// The number of the newest slot, counted from time zero.
    newest: u64,
    slot: Seconds,
    first: Option<Seconds>,
}

impl History {
    pub(super) fn new(window: Seconds) -> Self {
        Self { slots: [0; SLOTS], newest: 0, slot: window / SLOTS as f64, first: None }
    }

    pub(super) fn count(&mut self, now: Seconds) {
        self.first.get_or_insert(now);
        self.advance(now);
        let newest = self.newest;
        if let Some(slot) = self.slots.get_mut(place(newest)) {
            *slot = slot.saturating_add(1);
        }
    }

    /// The last one that was counted was none.
    #[cfg(feature = "testing")]
    pub(super) fn uncount(&mut self, now: Seconds) {
        self.advance(now);
        let oldest = self.newest.saturating_sub(SLOTS as u64 - 1);
        for number in (oldest..=self.newest).rev() {
            if let Some(slot) = self.slots.get_mut(place(number)).filter(|slot| **slot > 0) {
                *slot -= 1;
                return;
            }
        }
    }

    /// The number of successes within the last window.
    pub(super) fn recent(&mut self, now: Seconds) -> f64 {
        self.advance(now);
        self.slots.iter().map(|slot| f64::from(*slot)).sum()
    }

    /// When the first success of all came.
    pub(super) fn first(&self) -> Option<Seconds> {
        self.first
    }

    fn advance(&mut self, now: Seconds) {
        // `as` saturates, and time does not go back.
        let number = (now / self.slot) as u64;
        let passed = number.saturating_sub(self.newest).min(SLOTS as u64);
        for old in 0..passed {
            if let Some(slot) = self.slots.get_mut(place(number - old)) {
                *slot = 0;
            }
        }
        self.newest = self.newest.max(number);
    }
}

fn place(number: u64) -> usize {
    (number % SLOTS as u64) as usize
}

const SLOTS: usize = 30;
