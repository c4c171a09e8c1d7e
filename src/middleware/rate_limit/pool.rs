//! The state of a shared limit in memory: the same bucket as a limiter's own, and who takes part.

use std::collections::HashMap;
use std::time::Duration;

use super::Seconds;
use super::bucket::{Bucket, Refusal};
use super::shared::{Granted, Told};

/// What a store keeps for one app. Pure, with the time as an argument.
#[derive(Debug)]
pub(crate) struct Pool {
    bucket: Bucket,
    window: Seconds,
    /// Until when each member counts as active.
    members: HashMap<u64, Seconds>,
}

impl Pool {
    pub(crate) fn new(window: Duration) -> Self {
        let window = window.as_secs_f64();
        Self { bucket: Bucket::new(window), window, members: HashMap::new() }
    }

    pub(crate) fn exchange(&mut self, told: &Told, now: Seconds) -> Granted {
        let active = self.active(told.member, now);
        self.count(told, now);
        if let (None, Some(rate)) = (self.bucket.rate(now), told.last_rate) {
            self.bucket.pace(rate, now);
        }
        if let Some(pause) = told.refused_for {
            self.refused(told, pause.as_secs_f64(), now);
        }
        let closed_for = seconds(self.bucket.closed_until - now);
        let epoch = self.bucket.epoch;
        let rate = self.bucket.rate(now);
        let granted = Granted { epoch, closed_for, rate, active, ..Granted::default() };
        rate.map_or(granted, |rate| self.grant(granted, rate, told, now))
    }

    fn grant(&mut self, granted: Granted, rate: f64, told: &Told, now: Seconds) -> Granted {
        if told.starts == 0 {
            return granted;
        }
        let batch = (rate * BATCH / f64::from(granted.active)).clamp(1.0, told.starts.into());
        let opens = self.bucket.closed_until.max(now);
        if self.bucket.next(opens) - opens > HORIZON {
            return granted.with_come_back_in(seconds(self.bucket.next(opens) - HORIZON - now));
        }
        // `as` saturates.
        let starts = batch as u32;
        let first = self.bucket.reserve(starts, now);
        let end = first + f64::from(starts) / rate;
        self.members.insert(told.member, end.max(now) + ACTIVE_FOR);
        granted.with_starts(starts, seconds(first - now), seconds(1.0 / rate))
    }

    fn active(&mut self, member: u64, now: Seconds) -> u32 {
        self.members.retain(|_, until| *until > now);
        let until = self.members.entry(member).or_insert(now);
        *until = until.max(now + ACTIVE_FOR);
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    fn count(&mut self, told: &Told, now: Seconds) {
        let is_open = told.is_open && told.epoch == self.bucket.epoch;
        for number in 0..told.succeeded.min(MOST_TOLD) {
            // One of them may open; the others only count.
            let epoch = match number == 0 && is_open {
                true => self.bucket.epoch,
                false => u64::MAX,
            };
            self.bucket.succeeded(epoch, now, now);
        }
    }

    fn refused(&mut self, told: &Told, pause: Seconds, now: Seconds) {
        let is_news = told.refused_in == self.bucket.epoch;
        let epoch = if is_news { self.bucket.epoch } else { u64::MAX };
        let waited = told.others_wait;
        let longest = self.window;
        self.bucket.refused(Refusal { epoch, pause, waited, longest }, now);
    }
}

fn seconds(seconds: Seconds) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

/// A batch is what the rate allows in this time.
const BATCH: Seconds = 0.1;
/// Nobody is granted a start that is later than this after the opening.
const HORIZON: Seconds = 10.0;
const ACTIVE_FOR: Seconds = 2.0;
/// No process has more successes between two exchanges.
const MOST_TOLD: u32 = 100_000;
