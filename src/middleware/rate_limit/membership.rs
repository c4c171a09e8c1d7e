//! One limiter's part in a limit that it shares with other processes. Pure, with the time as an
//! argument.
//!
//! *Free*: no limit is known, and requests go for a second after each exchange. *Paced*: they go at
//! the starts of the last batch. *Closed*: the bucket is, as without the others. *Alone*: the store
//! did not respond, and the bucket decides, with this limiter's share of the last rate.
//!
//! An exchange may be sent, and its response may come, long after it was begun: on a runtime that
//! runs only while somebody calls, or in a process that was stopped. So each has a number, and
//! counts only as long as it is the last:
//!
//! | event | what happens |
//! |---|---|
//! | it is sent | what is told is what is true by then: pauses are told as what is left of them |
//! | response, in time | closings and starts count from now, since the store may have said it just now; that nothing else closes it is known as of when it was sent |
//! | response or loss, late | the first in a row: it is begun anew; else as silence |
//! | loss, in time | the same, if requests wait for the response, or if *alone*; else it is begun anew |
//! | error, in time | *alone* |
//! | anything of one that was given up | nothing |

mod starts;

use std::time::Duration;

use super::Seconds;
use super::batch::{Batch, LONGEST_AWAY};
use super::bucket::Bucket;
use super::news::{News, Refused};
use super::rate::SLOWEST;
use super::shared::{Granted, Sharing, Told};

#[derive(Debug)]
pub(super) struct Membership {
    member: u64,
    /// The app is closed for so long at a time, whatever the store says.
    window: Seconds,
    /// When the store is asked again, while it does not respond.
    alone_until: Option<Seconds>,
    epoch: u64,
    /// The rate of all together, and the number of limiters that share it.
    rate: Option<f64>,
    active: u32,
    batch: Batch,
    /// The moment of a start that was granted to an urgent request, beside those of the batch.
    urgent_start: Option<Seconds>,
    /// When the store is asked again for starts.
    come_back_at: Seconds,
    /// The same for an urgent request, which holds up no others.
    urgent_back_at: Seconds,
    /// When the last exchange that had a response was sent.
    heard: Seconds,
    under_way: Option<UnderWay>,
    /// The number of the last exchange.
    exchanges: u64,
    /// Whether the last exchange was given up although the store may have responded in time.
    was_late: bool,
    news: News,
}

/// An exchange, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exchange(u64);

/// The exchange of which a response is awaited.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    exchange: Exchange,
    /// When it was begun, or sent.
    since: Seconds,
    /// How many starts it asks for, one that is urgent included.
    most_starts: u32,
    /// Whether it asks for others than that one.
    wants_starts: bool,
    /// Whether it asks for that one.
    wants_urgent: bool,
    tells: News,
}

impl Membership {
    pub(super) fn new(member: u64, window: Seconds) -> Self {
        Self {
            member,
            window,
            alone_until: None,
            epoch: 0,
            rate: None,
            active: 1,
            batch: Batch::default(),
            urgent_start: None,
            come_back_at: f64::NEG_INFINITY,
            urgent_back_at: f64::NEG_INFINITY,
            heard: f64::NEG_INFINITY,
            under_way: None,
            exchanges: 0,
            was_late: false,
            news: News::default(),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn succeeded(&mut self, epoch: u64, now: Seconds) {
        self.news.forget_old(self.window, now);
        self.news.succeeded = self.news.succeeded.saturating_add(1);
        self.news.is_open |= epoch == self.epoch;
    }

    /// A 429 that is news to this limiter.
    pub(super) fn refused(&mut self, epoch: u64, pause: Seconds, others_wait: bool, now: Seconds) {
        self.news.others_wait |= others_wait;
        let pause = Duration::try_from_secs_f64(pause).unwrap_or(Duration::MAX);
        self.news.refused.get_or_insert(Refused { pause, epoch, when: now });
    }

    /// Whether an exchange has gone with its task: nothing more is heard of it.
    pub(super) fn is_lost(&self, now: Seconds) -> bool {
        self.under_way.is_some_and(|under_way| now - under_way.since >= LOST)
    }

    /// Whether the others are still to hear of a 429. Nobody hears of it from who is alone.
    pub(super) fn is_telling(&self) -> bool {
        let is_told = |under_way: UnderWay| under_way.tells.refused.is_some();
        self.alone_until.is_none()
            && (self.news.refused.is_some() || self.under_way.is_some_and(is_told))
    }

    /// An exchange has gone with its task. Whether the store was told of a 429 is not known, and to
    /// be told twice does no harm. That the runtimes of calls end which do not wait for the response
    /// says nothing about the store. Says whether it goes on alone from now on.
    pub(super) fn lost(
        &mut self,
        exchange: Exchange,
        bucket: &mut Bucket,
        jitter: f64,
        now: Seconds,
    ) -> bool {
        let Some(under_way) = self.under_way.take_if(|it| it.exchange == exchange) else {
            return false;
        };
        self.news.put_back(under_way.tells);
        let is_missed = self.alone_until.is_some() || self.is_unheard(bucket, false, now);
        is_missed && self.late(bucket, jitter, now)
    }

    /// Begins an exchange, if one is due: because requests wait for one, or are to start soon. What
    /// is told is found out when it is [sent](Self::send).
    pub(super) fn due(
        &mut self,
        wanted: u32,
        is_urgent: bool,
        bucket: &Bucket,
        now: Seconds,
    ) -> Option<Exchange> {
        let jumps = is_urgent && self.may_jump(now);
        let is_due = self.is_due(wanted, bucket, now) || (jumps && self.is_open(bucket, now));
        if self.under_way.is_some() || !is_due {
            return None;
        }
        self.exchanges += 1;
        let exchange = Exchange(self.exchanges);
        self.under_way = Some(UnderWay::new(exchange, now));
        Some(exchange)
    }

    /// Whether the store may have a start for an urgent request that is worth asking for.
    fn may_jump(&self, now: Seconds) -> bool {
        let is_worth_it = self.rate.is_some() && self.others_next() > now + WORTH_ASKING;
        is_worth_it && self.wants_urgent(true, now)
    }

    /// A process that has starts already may still have something urgent.
    fn wants_urgent(&self, is_urgent: bool, now: Seconds) -> bool {
        is_urgent && self.urgent_start(now).is_none() && now >= self.urgent_back_at
    }

    /// What an exchange tells, as of now. Nothing if it was given up before it was sent.
    pub(super) fn send(
        &mut self,
        exchange: Exchange,
        wanted: u32,
        is_urgent: bool,
        now: Seconds,
    ) -> Option<Told> {
        self.under_way.filter(|under_way| under_way.exchange == exchange)?;
        let is_urgent = self.wants_urgent(is_urgent, now);
        let is_alone = self.alone_until.is_some();
        // What happened while nobody else knew of it is no measure of what all did together.
        let tells = match is_alone {
            true => News::default(),
            false => self.news.take(self.window, now),
        };
        let News { succeeded, is_open, others_wait, refused, .. } = tells;
        let starts = if self.batch.left == 0 { wanted } else { 0 };
        self.under_way = Some(UnderWay {
            most_starts: starts.max(u32::from(is_urgent)),
            wants_starts: starts > 0,
            wants_urgent: is_urgent,
            tells,
            ..UnderWay::new(exchange, now)
        });
        Some(Told {
            member: self.member,
            epoch: self.epoch,
            succeeded,
            is_open,
            others_wait,
            refused_for: refused.map(|refused| refused.pause),
            refused_in: refused.map_or(0, |refused| refused.epoch),
            // Who was never alone has it from the store, which may have let it go.
            last_rate: self.rate.filter(|_| is_alone),
            starts,
            is_urgent,
        })
    }

    fn is_open(&self, bucket: &Bucket, now: Seconds) -> bool {
        self.alone_until.is_none() && bucket.check_closed(now).is_ok()
    }

    fn is_due(&mut self, wanted: u32, bucket: &Bucket, now: Seconds) -> bool {
        if let Some(until) = self.alone_until {
            return now >= until;
        }
        if self.news.refused.is_some() {
            return true;
        }
        if bucket.check_closed(now).is_err() {
            return false;
        }
        if self.rate.is_none() {
            return now - self.heard >= BETWEEN_EXCHANGES;
        }
        if self.batch.left > 0 && now - self.batch.next > LONGEST_SILENCE {
            // A start that nobody came for in time is another's by now.
            self.batch.left = 0;
        }
        if self.has_start(now) {
            return now - self.heard > LONGEST_TRUST;
        }
        self.batch.left == 0 && wanted > 0 && now >= self.come_back_at
    }

    /// Takes over what came of an exchange: what the store granted, or that there was no response.
    /// Says whether it goes on alone from now on. `jitter` is from 0 to 1.
    pub(super) fn heard(
        &mut self,
        exchange: Exchange,
        granted: Option<Granted>,
        bucket: &mut Bucket,
        jitter: f64,
        now: Seconds,
    ) -> bool {
        let under_way = self.under_way.filter(|under_way| under_way.exchange == exchange);
        let Some(under_way) = under_way else { return false };
        match granted {
            Some(granted) if now - under_way.since <= PATIENCE => {
                self.take_over(granted, under_way, bucket, now);
                false
            }
            // Noticed long after it was due: this process stood still.
            None if now - under_way.since <= NOTICED => self.silent(bucket, jitter, now),
            Some(_) => self.late(bucket, jitter, now),
            None => self.give_up(bucket, jitter, now),
        }
    }

    /// Gives up an exchange that is [lost](Self::is_lost). A store that is silent is noticed by the
    /// exchange itself, and sooner: nobody ran who could. Says whether it goes on alone from now on.
    pub(super) fn give_up(&mut self, bucket: &mut Bucket, jitter: f64, now: Seconds) -> bool {
        if let Some(under_way) = self.under_way {
            self.news.put_back(under_way.tells);
        }
        self.late(bucket, jitter, now)
    }

    /// Whether the store responded in time is not known: it is asked anew, once.
    fn late(&mut self, bucket: &mut Bucket, jitter: f64, now: Seconds) -> bool {
        if std::mem::replace(&mut self.was_late, true) {
            return self.silent(bucket, jitter, now);
        }
        self.under_way = None;
        false
    }

    fn take_over(
        &mut self,
        granted: Granted,
        under_way: UnderWay,
        bucket: &mut Bucket,
        now: Seconds,
    ) {
        let was_alone = self.alone_until.take().is_some();
        if was_alone {
            bucket.forget_rate();
            self.news = News::default();
        }
        if granted.epoch != self.epoch || was_alone {
            self.epoch = granted.epoch;
            self.batch = Batch::default();
            self.urgent_start = None;
        }
        let closed = granted.closed_for.as_secs_f64().min(self.window);
        // A moment is what the way back took.
        if closed > 0.0 && now + closed > bucket.closed_until + SHORTEST_LOOK {
            bucket.close(now + closed);
        }
        self.rate = granted.rate.filter(|rate| rate.is_finite()).map(|rate| rate.max(SLOWEST));
        self.active = granted.active.max(1);
        let batch = Batch::of(granted, under_way.most_starts, closed, now);
        let away = match batch.is_some() {
            true => 0.0,
            false if granted.starts > 0 => LONGEST_AWAY,
            false => granted.come_back_in.as_secs_f64().clamp(SHORTEST_AWAY, LONGEST_AWAY),
        };
        if under_way.wants_urgent {
            self.urgent_back_at = now + away;
        }
        if under_way.wants_starts {
            self.come_back_at = now + away;
        }
        match batch {
            Some(batch) if self.batch.left > 0 && !under_way.wants_starts => {
                self.urgent_start = Some(batch.next);
            }
            // One that was given back meanwhile is lost.
            Some(batch) => self.batch = batch,
            None => {}
        }
        self.heard = under_way.since;
        self.was_late = false;
        self.under_way = None;
    }

    /// There was no response. Says whether that is new.
    fn silent(&mut self, bucket: &mut Bucket, jitter: f64, now: Seconds) -> bool {
        self.under_way = None;
        let is_new = self.alone_until.replace(now + EARLIEST_RETURN + jitter).is_none();
        if is_new {
            self.news = News::default();
            self.batch = Batch::default();
            self.urgent_start = None;
            if let Some(rate) = self.rate {
                // All notice at about the same time, and must not all send then.
                let rate = (rate / f64::from(self.active)).max(SLOWEST);
                bucket.pace_from(now + jitter / rate, rate, now);
            }
        }
        is_new
    }

    /// Asks the store anew, as after a start.
    pub(super) fn reopen(&mut self) {
        let Self { epoch, exchanges, was_late, .. } = *self;
        let tells = News::default();
        let under_way = self.under_way.map(|under_way| UnderWay { tells, ..under_way });
        let new = Self::new(self.member, self.window);
        *self = Self { epoch, under_way, exchanges, was_late, ..new };
    }

    /// The rate of all together, where it is known and kept to.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate.filter(|_| self.alone_until.is_none())
    }

    pub(super) fn sharing(&self, bucket: &Bucket, now: Seconds) -> Sharing {
        match self.rate {
            _ if self.alone_until.is_some() => Sharing::Alone,
            _ if bucket.check_closed(now).is_err() => Sharing::Closed,
            Some(_) => Sharing::Paced,
            None => Sharing::Free,
        }
    }
}

impl UnderWay {
    fn new(exchange: Exchange, now: Seconds) -> Self {
        let tells = News::default();
        let (wants_starts, wants_urgent) = (false, false);
        Self { exchange, since: now, most_starts: 0, wants_starts, wants_urgent, tells }
    }
}

/// How long a response is waited for.
pub(super) const PATIENCE: Seconds = 0.2;
/// Within what time the end of that is noticed where a process runs.
const NOTICED: Seconds = 0.25;
/// An exchange of which nothing was heard for so long has gone with its task.
const LOST: Seconds = 2.0 * PATIENCE;
/// Until something is known of the store at the latest: an exchange that is late or lost is begun
/// anew, once.
pub(super) const LONGEST_UNHEARD: Seconds = LOST + NOTICED;
/// A closing by another process holds after a second at the latest.
const LONGEST_SILENCE: Seconds = 1.0;
/// A start is confirmed if it was granted longer ago: others may have been refused since. Of what
/// is sent late into a closing, most is sent in this time.
const LONGEST_TRUST: Seconds = 0.3;
/// A little sooner, so that a process that sends all the time waits for no exchange.
const BETWEEN_EXCHANGES: Seconds = 0.75;
const EARLIEST_RETURN: Seconds = 0.5;
const SHORTEST_LOOK: Seconds = 0.01;
/// An urgent request that has a start within this time asks for no other.
const WORTH_ASKING: Seconds = 0.05;
const SHORTEST_AWAY: Seconds = 0.02;
