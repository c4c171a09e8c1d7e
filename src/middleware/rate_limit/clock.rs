//! Time for the pure parts: seconds since the limiter was made, by both clocks.

use std::time::{Duration, SystemTime};

use super::Seconds;
use crate::auth::Now;

/// The monotonic clock stands still while a laptop sleeps; then the wall clock says how long that
/// was. The wall clock may also be set: forward, a closing ends early; back, nothing happens, nor
/// when it is set right within the hour. One that is left as it is after that is right. Up to a
/// second at a time is noise, as of two clocks that drift apart: nobody slept, also where it adds up
/// to more, and a closing that began since is no shorter for it.
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
        let ahead = since(self.begin.wall, now.wall) - passed;
        let before = std::mem::replace(&mut self.ahead, ahead);
        if (ahead - before).abs() > NOISE {
            self.jumped(before, passed);
        }
        self.most = self.most.max(ahead);
        passed + self.slept
    }

    fn jumped(&mut self, before: Seconds, passed: Seconds) {
        if passed - self.set_back > SET_RIGHT_WITHIN {
            self.most = before;
        }
        if self.ahead < before {
            self.set_back = passed;
        }
        self.slept += (self.ahead - self.most).max(0.0);
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

    /// After some milliseconds, by a wall clock that has gone further by another number.
    fn milliseconds(timeline: &mut Timeline, passed: u64, ahead: i64) -> Seconds {
        let begin = timeline.begin;
        let passed = Duration::from_millis(passed);
        let wall = begin.wall + passed + Duration::from_secs(7200);
        let wall = wall - Duration::from_millis(u64::try_from(7_200_000 - ahead).unwrap());
        timeline.seconds(Now { monotonic: begin.monotonic + passed, wall })
    }

    fn seconds(timeline: &mut Timeline, passed: u64, ahead: i64) -> Seconds {
        milliseconds(timeline, 1000 * passed, 1000 * ahead)
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

    /// How much is slept for in steps of a wall clock, in milliseconds, with some seconds between.
    fn slept_for(steps: &[i64], between: u64) -> Seconds {
        let mut timeline = timeline();
        let mut ahead = 0;
        for (round, step) in (1..).zip(steps) {
            ahead += step;
            milliseconds(&mut timeline, 1000 * between * round, ahead);
        }
        timeline.slept()
    }

    #[test]
    fn what_is_too_little_to_be_sleep_is_no_part_of_a_later_one() {
        for between in [1, 60, 86_400] {
            for (steps, slept) in [
                (&[900, 1500][..], 1.5),
                (&[300, 300, 300, 300, 300, 5000, 300], 5.0),
                (&[50; 100], 0.0),
                (&[-900, 900, 900, -900, 900], 0.0),
                (&[2000, 700, 2000], 4.0),
            ] {
                let found = slept_for(steps, between);
                assert!((found - slept).abs() < 1e-3, "{steps:?}, each {between} s: {found}");
            }
        }
    }

    /// A clock that goes slower for a day, and another that was set back and is set right bit by
    /// bit.
    #[test]
    fn a_wall_clock_that_is_behind_hides_no_sleep_and_one_that_is_set_right_is_none() {
        let slow: Vec<_> = [-20; 100].into_iter().chain([10_000]).collect();
        assert!((slept_for(&slow, 900) - 10.0).abs() < 1e-3);
        let set_right: Vec<_> = [-5000].into_iter().chain([500; 10]).chain([3000]).collect();
        assert!((slept_for(&set_right, 60) - 3.0).abs() < 1e-3);
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
