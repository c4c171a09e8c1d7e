//! What a store asks of the bucket that it keeps for several processes.

use super::super::Seconds;
use super::Bucket;

impl Bucket {
    /// A request of this epoch has succeeded, of which nothing else is known.
    pub(in super::super) fn opened(&mut self) {
        self.row = 0;
        self.is_first_rate = false;
    }

    pub(in super::super) fn count(&mut self, successes: u32, now: Seconds) {
        (0..successes).for_each(|_| self.history.count(now));
    }

    /// One that was counted was refused.
    pub(in super::super) fn uncount(&mut self, now: Seconds) {
        self.history.uncount(now);
    }

    /// Successes from before a closing, of which nothing was known when it began: the first rate
    /// that it taught is measured again.
    pub(in super::super) fn count_late(&mut self, successes: u32) {
        self.before_row += f64::from(successes);
        if self.is_first_rate || self.rate.is_none() {
            self.first_rate(self.measured());
        }
    }

    /// Whether the first rate may still be corrected by what is told late.
    pub(in super::super) fn is_measuring(&self, now: Seconds) -> bool {
        self.is_first_rate && now < self.closed_until
    }

    /// Frees the starts that were reserved for later.
    pub(in super::super) fn take_back(&mut self, now: Seconds) {
        if let Some(rate) = &mut self.rate {
            rate.next = rate.next.min(now);
        }
    }

    /// No start before the opening, and none later than its time.
    pub(in super::super) fn resume_at_opening(&mut self) {
        if let Some(rate) = &mut self.rate {
            rate.next = rate.next.max(self.closed_until);
        }
    }

    /// When the next request may start under the rate, from a time on.
    pub(in super::super) fn next(&self, now: Seconds) -> Seconds {
        self.rate.as_ref().map_or(now, |rate| rate.next.max(now))
    }

    /// Takes a number of starts, and says when the first may happen.
    pub(in super::super) fn reserve(&mut self, starts: u32, now: Seconds) -> Seconds {
        let opens = self.closed_until.max(now);
        self.rate.as_mut().map_or(opens, |rate| rate.reserve(starts, opens))
    }
}
