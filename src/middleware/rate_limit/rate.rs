//! The rate that a bucket is kept to after refusals, and how it grows away.

use super::Seconds;

/// A rate that was measured: held for a while, then raised until the next refusal.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    /// What is tried, in requests a second; at least `base`.
    pub(super) tried: f64,
    /// What was good for a whole hold.
    pub(super) base: f64,
    pub(super) hold_until: Seconds,
    /// When the next request may start.
    pub(super) next: Seconds,
    /// How much later than `next` a request may start without delaying those behind it.
    lateness: Seconds,
}

impl Rate {
    pub(super) fn new(rate: f64, hold_until: Seconds, next: Seconds) -> Self {
        let rate = rate.max(SLOWEST);
        Self { tried: rate, base: rate, hold_until, next, lateness: LATENESS }
    }

    /// Requests a second at a time: what is tried, doubled every nine seconds once the hold is
    /// over, so that a rate that nobody needs is forgotten by itself.
    pub(super) fn at(&self, now: Seconds) -> f64 {
        let grown = ((now - self.hold_until).max(0.0) / DOUBLING).min(64.0);
        self.tried * grown.exp2()
    }

    pub(super) fn is_growing(&self, now: Seconds) -> bool {
        now > self.hold_until
    }

    pub(super) fn is_forgotten(&self, now: Seconds) -> bool {
        self.at(now) > FASTEST
    }

    pub(super) fn start(&mut self, now: Seconds) {
        let planned = self.next.max(now - self.lateness);
        self.next = planned + 1.0 / self.at(now);
        if self.next > now - LATENESS {
            self.lateness = LATENESS;
        }
    }

    /// Takes a number of starts, and says when the first may happen. They are as far apart as the
    /// rate is by then: of many processes each takes its start seconds ahead, and a rate that grows
    /// would be noticed, and lowered, only when it has long been too high.
    #[cfg(feature = "testing")]
    pub(super) fn reserve(&mut self, starts: u32, now: Seconds) -> Seconds {
        let planned = self.next.max(now - self.lateness.max(LATENESS_OF_MANY));
        self.next = planned + f64::from(starts) / self.at(planned);
        if self.next > now - LATENESS {
            self.lateness = LATENESS;
        }
        planned.max(now)
    }

    /// One that had started was not sent: another may start in its place.
    pub(super) fn give_back(&mut self, now: Seconds) {
        self.next -= 1.0 / self.at(now);
    }

    /// The rate held, though it was refused: what could not start during the pause may start after
    /// it.
    pub(super) fn keep(&mut self, pause: Seconds) {
        self.lateness = LATENESS + pause;
    }

    /// How many start at this rate while one is under way that takes a time, or a second, since what
    /// takes longer tells too late that a rate is too high. Twice as many make up for a pause that
    /// the rate was kept for; if it went first, they had to wait for it as well.
    pub(super) fn beside(&mut self, took: Seconds, went_first: bool) -> f64 {
        let took = took.min(LONGEST_MADE_UP);
        if self.lateness <= LATENESS {
            return self.tried * took.min(LONGEST_TAKEN);
        }
        if went_first {
            self.lateness += took;
        }
        2.0 * self.tried * took
    }

    /// Begins another hold at a lower rate.
    pub(super) fn lower(&mut self, tried: f64, base: f64, opening: Seconds) {
        self.base = base.max(SLOWEST);
        self.tried = tried.max(self.base);
        self.next = self.next.max(opening);
        self.lateness = LATENESS;
    }
}

/// A late wake-up must not lower the rate; 100 ms would refuse a third at 100 requests a second.
const LATENESS: Seconds = 0.02;
/// Starts that are granted over a network are late by the way there.
#[cfg(feature = "testing")]
const LATENESS_OF_MANY: Seconds = 0.1;
const LONGEST_TAKEN: Seconds = 1.0;
/// A response hardly takes longer: a clock was set forward.
const LONGEST_MADE_UP: Seconds = 10.0;
/// Tenfold in 30 s.
const DOUBLING: Seconds = 9.0;
pub(super) const SLOWEST: f64 = 0.1;
/// Nobody is paced by more.
pub(super) const FASTEST: f64 = 10_000.0;
