//! When a request may start, by what the store has granted.

use super::super::Seconds;
use super::super::bucket::{Blocked, Bucket};
use super::super::rate::SLOWEST;
use super::{LONGEST_SILENCE, LONGEST_TRUST, Membership, PATIENCE, SHORTEST_LOOK};

impl Membership {
    /// Whether a request may start, as far as the app's limit goes.
    pub(in super::super) fn check(&self, bucket: &Bucket, now: Seconds) -> Result<(), Blocked> {
        if self.alone_until.is_some() {
            return bucket.check(now);
        }
        bucket.check_closed(now)?;
        if self.rate.is_none() {
            bucket.check_width(now)?;
            return self.check_heard(LONGEST_SILENCE, now);
        }
        match self.has_start(now) {
            true => self.check_heard(LONGEST_TRUST, now),
            false => Err(Blocked::Until(self.next_start(now))),
        }
    }

    /// Whether a start is at hand.
    pub(super) fn has_start(&self, now: Seconds) -> bool {
        let of_batch = self.batch.left > 0 && self.batch.next <= now;
        of_batch || self.urgent_start(now).is_some_and(|moment| moment <= now)
    }

    /// When the next one may be, as far as that is known.
    fn next_start(&self, now: Seconds) -> Seconds {
        let of_batch = match self.batch.left {
            0 => {
                let comes = self.comes(self.come_back_at, now);
                comes.unwrap_or_else(|| self.next_exchange_ends(now))
            }
            _ => self.batch.next,
        };
        let urgent = self.comes(self.urgent_back_at, now).unwrap_or(f64::INFINITY);
        let next = of_batch.min(urgent);
        self.urgent_start(now).map_or(next, |moment| next.min(moment))
    }

    /// When those may go that are not urgent, or may ask.
    pub(super) fn others_next(&self) -> Seconds {
        if self.batch.left > 0 { self.batch.next } else { self.come_back_at }
    }

    /// Whether a request waits for the store to respond, and for nothing else.
    pub(in super::super) fn is_unheard(
        &self,
        bucket: &Bucket,
        is_urgent: bool,
        now: Seconds,
    ) -> bool {
        if self.alone_until.is_some() || bucket.check_closed(now).is_err() {
            return false;
        }
        match self.rate {
            None => bucket.check_width(now).is_ok() && self.check(bucket, now).is_err(),
            Some(_) if self.has_start(now) => self.check(bucket, now).is_err(),
            Some(_) if is_urgent && self.may_jump(now) => true,
            Some(_) => self.batch.left == 0 && now >= self.come_back_at,
        }
    }

    /// By how much sooner a request may go than those before it go at the rate. The starts of a
    /// second may come at once, and those of urgent requests before all others.
    pub(in super::super) fn sooner(
        &self,
        bucket: &Bucket,
        is_urgent: bool,
        now: Seconds,
    ) -> Seconds {
        match self.is_unheard(bucket, is_urgent, now) {
            true if is_urgent && now >= self.urgent_back_at => f64::INFINITY,
            true => AT_ONCE,
            false => 0.0,
        }
    }

    /// The moment of the last start that was granted, or when the store is asked again; nothing
    /// where no limit is known.
    pub(in super::super) fn last_start(&self) -> Option<Seconds> {
        let last = match self.batch.left.checked_sub(1) {
            Some(last) => self.batch.next + f64::from(last) * self.batch.step,
            None => self.come_back_at,
        };
        self.rate().map(|_| last)
    }

    /// When a request starts at the earliest, with a number of others before it: what is granted
    /// after the last start that is known of is no earlier than that.
    pub(in super::super) fn start_after(
        &self,
        before: usize,
        is_urgent: bool,
        now: Seconds,
    ) -> Seconds {
        let Some(last) = self.last_start() else { return now };
        let start = match self.batch.left {
            0 => last,
            _ => last.min(self.batch.next + before as f64 * self.batch.step),
        };
        match self.urgent_start(now) {
            Some(moment) => start.min(moment),
            None if is_urgent => start.min(self.urgent_back_at),
            None => start,
        }
    }

    /// What was heard longer ago is no longer relied on.
    fn check_heard(&self, longest: Seconds, now: Seconds) -> Result<(), Blocked> {
        match now - self.heard <= longest {
            true => Ok(()),
            false => Err(Blocked::Until(self.next_exchange_ends(now))),
        }
    }

    /// When the store is to be asked again, if that is still to come.
    fn comes(&self, back_at: Seconds, now: Seconds) -> Option<Seconds> {
        (self.under_way.is_none() && back_at > now).then_some(back_at + ROUNDING)
    }

    fn next_exchange_ends(&self, now: Seconds) -> Seconds {
        let since = self.under_way.map_or(now, |under_way| under_way.since);
        (since + PATIENCE).max(now + SHORTEST_LOOK)
    }

    /// A request starts, after [`check`](Self::check). Returns its epoch.
    pub(in super::super) fn start(&mut self, now: Seconds) -> u64 {
        if self.urgent_start(now).is_some_and(|moment| moment <= now) {
            self.urgent_start = None;
        } else if self.batch.left > 0 {
            self.batch.left -= 1;
            self.batch.next += self.batch.step;
        }
        self.epoch
    }

    /// A request that had started was not sent. A start that was missed long ago is another's by
    /// now.
    pub(in super::super) fn given_back(&mut self, epoch: u64, started: Seconds, now: Seconds) {
        let is_fresh = epoch == self.epoch && now - started <= LONGEST_SILENCE;
        if is_fresh && self.rate.is_some() && self.alone_until.is_none() {
            self.batch.left += 1;
            self.batch.next -= self.batch.step;
        }
    }

    /// One that nobody came for in time is another's by now.
    pub(super) fn urgent_start(&self, now: Seconds) -> Option<Seconds> {
        self.urgent_start.filter(|moment| now - moment <= LONGEST_TRUST)
    }

    /// How long a request waits at least, with a number of them before it.
    /// An urgent one may have a start of its own once the store was asked.
    pub(in super::super) fn wait(
        &self,
        bucket: &Bucket,
        before: usize,
        is_urgent: bool,
        now: Seconds,
    ) -> Seconds {
        if self.alone_until.is_some() {
            return bucket.wait(before, now);
        }
        let closed = (bucket.closed_until - now).max(0.0);
        let Some(rate) = self.rate else { return closed };
        let next = self.others_next();
        let next = match self.urgent_start(now) {
            Some(moment) => next.min(moment),
            None if is_urgent => next.min(self.urgent_back_at),
            None => next,
        };
        // Its share, as far as that is plausible.
        let share = (rate / f64::from(self.active)).max(SLOWEST);
        (next - now).max(closed) + before as f64 / share
    }
}

/// Starts that are granted for so long a time may come at once.
const AT_ONCE: Seconds = 1.0;
/// Sums of seconds are rounded: a timer that is exact would come a little too soon.
const ROUNDING: Seconds = 0.001;
