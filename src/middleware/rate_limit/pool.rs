//! The state of a shared limit in memory: the same bucket as a limiter's own, and who takes part.

use std::collections::HashMap;
use std::time::Duration;

use super::Seconds;
use super::bucket::{Bucket, Refusal};
use super::rate::FASTEST;
use super::shared::{Granted, Told};

/// What a store keeps for one app. Pure, with the time as an argument.
#[derive(Debug)]
pub(crate) struct Pool {
    bucket: Bucket,
    window: Seconds,
    /// Until when each member counts as active.
    members: HashMap<u64, Seconds>,
    /// No member stops being active before this.
    all_active_until: Seconds,
    /// When the next urgent request may start out of order.
    next_urgent: Seconds,
    /// Starts that were granted and are not counted yet, since their time has not come.
    ahead: f64,
    /// Until when members come back that were alone, with the rate that one of them brought along.
    rejoining_until: Seconds,
    /// How far the next one is put off who finds too many starts reserved: from 0 to 1.
    turn: f64,
}

impl Pool {
    pub(crate) fn new(window: Duration) -> Self {
        let window = window.as_secs_f64();
        Self {
            bucket: Bucket::new(window),
            window,
            members: HashMap::new(),
            all_active_until: f64::NEG_INFINITY,
            next_urgent: f64::NEG_INFINITY,
            ahead: 0.0,
            rejoining_until: f64::NEG_INFINITY,
            turn: 0.0,
        }
    }

    pub(crate) fn exchange(&mut self, told: &Told, now: Seconds) -> Granted {
        let active = self.active(told.member, now);
        self.count(told, now);
        if self.bucket.rate(now).is_none() {
            self.bucket.forget_rate();
        }
        let last_rate = told.last_rate.filter(|rate| *rate > 0.0 && *rate <= FASTEST);
        if let (None, Some(rate)) = (self.bucket.rate(now), last_rate) {
            self.bucket.pace_from(now + REJOINING, rate, now);
            self.rejoining_until = now + REJOINED;
        }
        if let Some(pause) = told.refused_for {
            self.refused(told, pause.as_secs_f64(), active, now);
        }
        let closed_for = seconds(self.bucket.closed_until - now);
        let epoch = self.bucket.epoch;
        let rate = self.bucket.rate(now);
        let granted = Granted { epoch, closed_for, rate, active, ..Granted::default() };
        rate.map_or(granted, |rate| self.grant(granted, rate, told, now))
    }

    fn grant(&mut self, granted: Granted, rate: f64, told: &Told, now: Seconds) -> Granted {
        let opens = self.bucket.closed_until.max(now);
        if told.is_urgent && opens == now && self.takes_urgent(rate, now) {
            self.bucket.reserve(1, now);
            self.ahead += 1.0;
            return granted.with_starts(1, Duration::ZERO, seconds(1.0 / rate));
        }
        if told.starts == 0 {
            let wait = if told.is_urgent { self.next_urgent.max(opens) - now } else { 0.0 };
            return granted.with_come_back_in(seconds(wait));
        }
        if self.bucket.is_measuring(now) {
            return granted.with_come_back_in(seconds(opens - now));
        }
        let to_room = self.bucket.next(opens) - opens - HORIZON;
        if to_room > 0.0 {
            let put_off = self.put_off(f64::from(granted.active) / rate);
            return granted.with_come_back_in(seconds(opens - now + to_room + put_off));
        }
        let batch = (rate * BATCH / f64::from(granted.active)).clamp(1.0, told.starts.into());
        // `as` saturates.
        let starts = batch as u32;
        let first = self.bucket.reserve(starts, now);
        self.ahead += f64::from(starts);
        let end = first + f64::from(starts) / rate;
        // As long as its starts last, and no shorter than before.
        if let Some(until) = self.members.get_mut(&told.member) {
            *until = until.max(end + ACTIVE_FOR);
        }
        granted.with_starts(starts, seconds(first - now), seconds(1.0 / rate))
    }

    /// For how long one is put off beyond the moment at which there is room for one start, where a
    /// round of all takes so long. Nothing is lost by it as long as others have starts. If all came
    /// back at that moment, the same one would come first each time, and others never.
    fn put_off(&mut self, round: Seconds) -> Seconds {
        self.turn = (self.turn + GOLDEN).fract();
        self.turn * (round - HORIZON).clamp(0.0, HORIZON)
    }

    /// Whether an urgent request may start now, before all others: up to a fifth of the rate, and
    /// four at once.
    fn takes_urgent(&mut self, rate: f64, now: Seconds) -> bool {
        let step = URGENT_SHARE / rate;
        self.next_urgent = self.next_urgent.max(now - (URGENT_AT_ONCE - 1.0) * step);
        let takes = self.next_urgent <= now;
        if takes {
            self.next_urgent += step;
        }
        takes
    }

    fn active(&mut self, member: u64, now: Seconds) -> u32 {
        if now >= self.all_active_until {
            self.members.retain(|_, until| *until > now);
            let first = self.members.values().copied().fold(f64::INFINITY, f64::min);
            self.all_active_until = first.min(now + ACTIVE_FOR);
        }
        let until = self.members.entry(member).or_insert(now);
        *until = until.max(now + ACTIVE_FOR);
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    /// Of many processes each tells of its successes late, when it asks for its next start. So
    /// under a rate what counts are the starts that were granted, as their time comes.
    fn count(&mut self, told: &Told, now: Seconds) {
        if told.succeeded > 0 && told.is_open && self.is_news(told.epoch) {
            self.bucket.opened();
        }
        let succeeded = told.succeeded.min(MOST_TOLD);
        if told.epoch < self.bucket.epoch && now < self.bucket.closed_until {
            self.bucket.count_late(succeeded);
        }
        let Some(rate) = self.bucket.rate(now) else {
            self.ahead = 0.0;
            return self.bucket.count(succeeded, now);
        };
        // The last start that was granted is one step before the next.
        let unsent = ((self.bucket.next(now) - now) * rate - 1.0).ceil().max(0.0);
        let sent = (self.ahead - unsent).max(0.0);
        self.ahead -= sent;
        // `as` saturates.
        self.bucket.count(sent as u32, now);
    }

    /// Whether something is not older than the last refusal, nor of a state that the store has
    /// lost.
    fn is_news(&self, epoch: u64) -> bool {
        self.bucket.is_news(epoch) && epoch <= self.bucket.epoch
    }

    fn refused(&mut self, told: &Told, pause: Seconds, active: u32, now: Seconds) {
        let waited = told.others_wait;
        let longest = self.window;
        let rate = self.bucket.rate(now);
        let until = now + pause.min(longest);
        // Some are back and some still send by themselves: that says nothing about the rate.
        let is_news = self.is_news(told.refused_in) && now >= self.rejoining_until;
        if is_news || until > self.bucket.closed_until + MOMENT {
            // Starts of an earlier epoch are void.
            self.ahead = 0.0;
            self.bucket.take_back(now);
        }
        if is_news {
            if rate.is_some() {
                // What is counted under a rate is what was granted, the refused one too.
                self.bucket.uncount(now);
            }
            let epoch = told.refused_in;
            self.bucket.refused(Refusal { epoch, pause, waited, longest }, now);
        } else if until > self.bucket.closed_until + MOMENT {
            self.bucket.refused_again(until, now);
        }
        // What could not start during the pause may not start all at once.
        self.bucket.resume_at_opening();
        // One process that gives up pacing is one; of many, all would send at once.
        if let (Some(rate), None, true) = (rate, self.bucket.rate(now), active > 1) {
            self.bucket.pace_from(self.bucket.closed_until, rate * LOWERED, now);
        }
    }
}

fn seconds(seconds: Seconds) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

/// A batch is what the rate allows in this time.
const BATCH: Seconds = 0.1;
/// Nobody is granted a start that is later than this after the opening.
const HORIZON: Seconds = 10.0;
/// Turns that are this far apart are spread evenly, however many there are.
const GOLDEN: f64 = 0.618_033_988_75;
const ACTIVE_FOR: Seconds = 2.0;
/// One of this number of requests may be urgent.
const URGENT_SHARE: f64 = 5.0;
const URGENT_AT_ONCE: f64 = 4.0;
/// What is left of a rate that is refused again and again though it is kept to.
const LOWERED: f64 = 0.9;
/// While the first are back that were alone, the others still send by themselves.
const REJOINING: Seconds = 1.0;
/// From then on all have been back for long enough that what is refused is what the store granted.
const REJOINED: Seconds = 4.0;
/// Refusals of one burst are told one after the other, and are one closing.
const MOMENT: Seconds = 0.1;
/// No process has more successes between two exchanges.
const MOST_TOLD: u32 = 100_000;
