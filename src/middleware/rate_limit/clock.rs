//! Time for the pure parts: seconds since the limiter was made, by both clocks.

use std::time::{Duration, SystemTime};

use super::Seconds;
use crate::auth::Now;

/// The monotonic clock stands still while a laptop sleeps; then the wall clock says how long that
/// was. The wall clock may also be set: forward, a closing ends early; back, nothing happens, nor
/// when it is set right within the hour. One that is left as it is after that is right.
#[derive(Debug)]
pub(super) struct Timeline {
    begin: Now,
    /// How much further the wall clock is known to be than the monotonic one.
    ahead: Seconds,
    /// The most that it was before it was set back, if that is not long ago.
    most: Seconds,
    /// By the monotonic clock, as of `begin`.
    set_back: Seconds,
    slept: Seconds,
}

impl Timeline {
    pub(super) fn new(begin: Now) -> Self {
        Self { begin, ahead: 0.0, most: 0.0, set_back: 0.0, slept: 0.0 }
    }

    pub(super) fn seconds(&mut self, now: Now) -> Seconds {
        let passed = now.monotonic.saturating_duration_since(self.begin.monotonic).as_secs_f64();
        let jump = since(self.begin.wall, now.wall) - passed - self.ahead;
        // Less is the noise of reading two clocks, and their being set a little right.
        if jump.abs() > NOISE {
            self.jumped(jump, passed);
        }
        passed + self.slept
    }

    fn jumped(&mut self, jump: Seconds, passed: Seconds) {
        if passed - self.set_back > SET_RIGHT_WITHIN {
            self.most = self.ahead;
        }
        self.ahead += jump;
        if jump < 0.0 {
            self.set_back = passed;
        }
        self.slept += (self.ahead - self.most).max(0.0);
        self.most = self.most.max(self.ahead);
    }

    /// How much of that passed while the monotonic clock stood still.
    pub(super) fn slept(&self) -> Seconds {
        self.slept
    }
}

/// Seconds from one time to another; negative where it is earlier.
pub(super) fn since(from: SystemTime, to: SystemTime) -> Seconds {
    match to.duration_since(from) {
        Ok(passed) => passed.as_secs_f64(),
        Err(error) => -error.duration().as_secs_f64(),
    }
}

/// No number is too great for it: what others tell goes into sums of seconds, each with a bound of
/// its own.
pub(super) fn duration(seconds: Seconds) -> Duration {
    let longest = Duration::from_secs_f64(LONGEST_CLOSING);
    // `max` turns what is no number into nothing.
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(longest)
}

const NOISE: Seconds = 1.0;
const SET_RIGHT_WITHIN: Seconds = 3600.0;
/// Nothing is closed for longer than a year.
pub(super) const LONGEST_CLOSING: Seconds = 366.0 * 86_400.0;

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// After some seconds, by a wall clock that has gone further by another number.
    fn seconds(timeline: &mut Timeline, passed: u64, ahead: i64) -> Seconds {
        let begin = timeline.begin;
        let passed = Duration::from_secs(passed);
        let wall = begin.wall + passed + Duration::from_secs(7200);
        let wall = wall - Duration::from_secs(u64::try_from(7200 - ahead).unwrap());
        timeline.seconds(Now { monotonic: begin.monotonic + passed, wall })
    }

    fn timeline() -> Timeline {
        Timeline::new(Now { monotonic: std::time::Instant::now(), wall: SystemTime::now() })
    }

    #[test]
    fn a_wall_clock_that_is_set_back_and_right_again_slept_for_no_time() {
        let mut timeline = timeline();
        assert_eq!(seconds(&mut timeline, 10, -3600), 10.0);
        assert_eq!(seconds(&mut timeline, 20, 0), 20.0);
        assert_eq!(seconds(&mut timeline, 30, 600), 630.0, "slept");
        assert_eq!(timeline.slept(), 600.0);
    }

    #[test]
    fn a_wall_clock_that_was_set_back_once_hides_no_later_sleep() {
        let mut timeline = timeline();
        let day = 86_400;
        let hour = 3600;
        assert_eq!(seconds(&mut timeline, 10, -2 * hour), 10.0);
        let slept = seconds(&mut timeline, day, -hour / 2);
        assert_eq!(slept - day as f64, 1.5 * 3600.0, "as long as it slept");
        assert_eq!(seconds(&mut timeline, 2 * day, hour / 2) - 2.0 * day as f64, 2.5 * 3600.0);
    }

    #[test]
    fn a_wall_clock_that_jumps_to_and_fro_slept_once() {
        let mut timeline = timeline();
        for round in 1..=100 {
            seconds(&mut timeline, 6 * round, 3);
            seconds(&mut timeline, 6 * round + 3, 0);
        }
        assert_eq!(timeline.slept(), 3.0);
    }

    #[test]
    fn every_number_of_seconds_is_a_duration() {
        assert_eq!(duration(1.5), Duration::from_millis(1500));
        for nothing in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(duration(nothing), Duration::ZERO, "{nothing}");
        }
        for endless in [1e30, f64::MAX, f64::INFINITY] {
            assert_eq!(duration(endless), Duration::from_secs(366 * 86_400), "{endless}");
        }
    }
}
