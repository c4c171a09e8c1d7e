//! What a refusal says about a rate.

use super::super::Seconds;
use super::super::rate::Rate;
use super::{Bucket, Refusal};

impl Bucket {
    /// What the refusal says about the rate.
    pub(super) fn judge(&mut self, refusal: Refusal, pause: Seconds, now: Seconds) {
        let measured = self.measured();
        let is_demand = !refusal.waited && self.row == 1;
        let level = measured * if is_demand { CLEAR_OF_DEMAND } else { MARGIN };
        let row = self.row;
        let opening = self.closed_until;
        let held = self.holds(now);
        let Some(rate) = &mut self.rate else { return self.first_rate(measured) };
        if self.is_first_rate && row > 1 {
            return self.first_rate(measured);
        }
        if rate.is_growing(now) && row == 1 {
            let before = rate.at(now - 1.0 / rate.at(now));
            rate.lower((before * TRIAL_STEP).max(rate.tried), rate.tried, opening);
        } else if rate.tried > rate.base {
            let lowered = level.min(rate.tried).max(rate.base);
            rate.lower(lowered, lowered, opening);
        } else if row == 1 && held {
            return self.kept(pause, now);
        } else {
            let lowered = level.min(rate.tried);
            rate.lower(lowered, lowered, opening);
        }
        self.cost = (row == 1).then_some(1);
        self.hold(refusal.pause.min(self.window), now);
    }

    /// A rate that is clear of strays: two in a row, after enough successes for a limit to be
    /// plausible.
    pub(super) fn first_rate(&mut self, measured: f64) {
        let enough = self.before_row >= FEWEST_FOR_A_LIMIT;
        if self.run < 2 || (!enough && self.run < 4) {
            return;
        }
        let opening = self.closed_until;
        self.is_first_rate = true;
        self.rate = Some(Rate::new(measured * CLEAR_OF_DEMAND, opening + self.window, opening));
    }

    /// Refused though the rate was kept to: slowing down would not help. When that comes again and
    /// again after a few requests, the rate is just above the limit.
    fn kept(&mut self, pause: Seconds, now: Seconds) {
        let since = now - self.kept.1;
        self.kept = match since <= self.window {
            true => (self.kept.0 + 1, self.kept.1),
            false => (1, now),
        };
        let opening = self.closed_until;
        let Some(rate) = &mut self.rate else { return };
        if self.kept.0 >= MOST_KEPT {
            self.rate = None;
            self.run = 0;
            self.kept = (0, f64::NEG_INFINITY);
        } else if since > self.window && since * rate.tried < FEWEST_BETWEEN {
            let lowered = rate.tried * MARGIN;
            rate.lower(lowered, lowered, opening);
        } else {
            rate.keep(pause);
        }
    }

    /// Begins to hold the rate, after a pause of a window at most: a ban is no measure of a limit.
    fn hold(&mut self, pause: Seconds, now: Seconds) {
        let seen = self.history.first().map_or(0.0, |first| now - first);
        let opening = self.closed_until;
        let window = self.window;
        let Some(rate) = &mut self.rate else { return };
        rate.hold_until = match seen < window {
            true => opening + seen.max(SHORTEST_HOLD).min(window),
            false => {
                let by_pauses = (PAUSES_HELD * pause).min(LONGEST_BY_PAUSES.max(window));
                now + (REQUESTS_HELD / rate.tried).min(LONGEST_HOLD.max(window)).max(by_pauses)
            }
        };
    }

    /// Another was under way when the rate was found to be too high: the next trial will cost as
    /// many, and comes later.
    pub(super) fn cost_more(&mut self, now: Seconds) {
        self.cost = self.cost.map(|cost| cost.saturating_add(1));
        let Some(rate) = self.rate.as_mut().filter(|_| self.cost > Some(COST)) else { return };
        let later = rate.hold_until + REQUESTS_HELD / f64::from(COST) / rate.tried;
        rate.hold_until = later.min(now + LONGEST_HOLD.max(self.window)).max(rate.hold_until);
    }

    /// Successes a second up to the row of refusals. Closed time counts: pacing at what obedience
    /// yields loses nothing, whatever the server's window is.
    pub(super) fn measured(&self) -> f64 {
        let first = self.history.first().unwrap_or(self.closed_until);
        self.before_row / (self.closed_until - first).clamp(0.1, self.window)
    }

    /// Whether as much succeeded as the rate allows, less one request under way.
    fn holds(&mut self, now: Seconds) -> bool {
        let since = self.history.first().map_or(0.0, |first| now - first);
        let count = self.history.recent(now);
        let rate = self.rate.as_ref().map_or(0.0, |rate| rate.tried);
        count + 1.0 >= KEPT_TO * rate * since.min(self.window)
    }
}

/// A rolling window is met by pacing at its mean only with room for jitter.
const MARGIN: f64 = 0.96;
/// For limits over a second, with jitter and a late response.
const TRIAL_STEP: f64 = 0.93;
/// Where nobody waited, demand was measured and not the limit.
const CLEAR_OF_DEMAND: f64 = 2.0;
/// A rate up to a tenth too high costs about one refusal in a hundred.
const KEPT_TO: f64 = 0.9;
/// The number of refusals that slowing down does not stop after which pacing ends.
const MOST_KEPT: u32 = 3;
/// One refusal in fewer requests than this is more than a rate that is kept to may cost.
const FEWEST_BETWEEN: f64 = 50.0;
/// No plausible limit is below ten in a window.
const FEWEST_FOR_A_LIMIT: f64 = 10.0;
/// One trial costs two or three refusals: at most one request in a hundred.
const REQUESTS_HELD: f64 = 240.0;
const COST: u32 = 3;
/// What was measured over a few seconds is half closings, and so is not held for longer than it was
/// measured. With less, 200 calls at once before 5 a second take 1.16 times the ideal in place of
/// 1.14.
const SHORTEST_HOLD: Seconds = 5.0;
/// A window that is longer is seen once.
const LONGEST_HOLD: Seconds = 300.0;
/// One trial closes for one pause: at most a twentieth of the time.
const PAUSES_HELD: f64 = 20.0;
/// That of a pause of 30 s, or a longer window.
const LONGEST_BY_PAUSES: Seconds = 600.0;
