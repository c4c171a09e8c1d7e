//! One limit: of the app, or of one endpoint. Pure, with the time as an argument.
//!
//! | event | what happens |
//! |---|---|
//! | success, sent in this epoch | it counts; the row of refusals ends; one more may be under way |
//! | success, sent earlier | it counts |
//! | refusal, sent earlier | closed for at least `Retry-After`; nothing else |
//! | refusal, sent in this epoch | a new epoch, closed; the rate as below |
//! | - no rate yet, and it may be a stray | none |
//! | - no rate yet, else | twice what was measured, corrected by the next refusal |
//! | - while the rate grows | a little less than it was, but not less than what was good before |
//! | - a rate that is still tried | what was measured, but not less than what was good before |
//! | - though the rate was kept to | the same; a little less when that comes again after a few requests; after three within the window, none |
//! | - else | what was measured |

mod judging;
#[cfg(feature = "testing")]
mod pooling;

use super::Seconds;
use super::history::History;
use super::rate::{Rate, SLOWEST};
use super::width::Width;

/// What a bucket knows of its limit.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    window: Seconds,
    pub(super) closed_until: Seconds,
    /// Counts the openings, so that only what was sent since the last one is counted in its width.
    pub(super) epoch: u64,
    /// Until when it is closed by other than its refusals.
    pub(super) closed_otherwise_until: Seconds,
    /// The epoch that the last refusal began, so that the refusals of one burst count once.
    refused_epoch: u64,
    /// Refusals since the last success.
    row: u32,
    /// How many rows there were.
    pub(super) rows: u32,
    /// Refusals that each came within a window of the last opening, or two minutes of it.
    run: u32,
    /// Of this epoch.
    width: Width,
    rate: Option<Rate>,
    /// Whether the rate was set by the present row of refusals.
    is_first_rate: bool,
    /// Refusals within a window though the rate was kept to, and when the first of them came.
    kept: (u32, Seconds),
    /// How many were refused by the last trial of a rate, if there was one.
    cost: Option<u32>,
    history: History,
    /// The number of successes within the window before the row of refusals.
    before_row: f64,
    pub(super) refused: u64,
    pub(super) last_refused: Option<Seconds>,
    /// When the last request that succeeded was sent.
    pub(super) last_success_sent: Option<Seconds>,
}

/// A refusal, as a bucket needs to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    /// The epoch in which it was sent.
    pub(super) epoch: u64,
    /// At least a moment.
    pub(super) pause: Seconds,
    /// Whether it had to wait, or another does that may wait for the same limit.
    pub(super) waited: bool,
    pub(super) longest: Seconds,
}

/// Why a request may not start now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Blocked {
    /// Not before this time.
    Until(Seconds),
    /// Not before another has ended, or this time.
    Narrow(Seconds),
}

impl Blocked {
    pub(super) fn until(self) -> Seconds {
        match self {
            Self::Until(then) | Self::Narrow(then) => then,
        }
    }
}

impl Bucket {
    pub(super) fn new(window: Seconds) -> Self {
        Self {
            window,
            closed_until: 0.0,
            epoch: 0,
            closed_otherwise_until: 0.0,
            refused_epoch: 0,
            row: 0,
            rows: 0,
            run: 0,
            width: Width::any(),
            rate: None,
            is_first_rate: false,
            kept: (0, f64::NEG_INFINITY),
            cost: None,
            history: History::new(window),
            before_row: 0.0,
            refused: 0,
            last_refused: None,
            last_success_sent: None,
        }
    }

    /// Whether a request may start.
    pub(super) fn check(&self, now: Seconds) -> Result<(), Blocked> {
        self.check_closed(now)?;
        if let Some(rate) = self.known(now).filter(|rate| now < rate.next) {
            return Err(Blocked::Until(rate.next));
        }
        self.check_width(now)
    }

    pub(super) fn check_closed(&self, now: Seconds) -> Result<(), Blocked> {
        match now < self.closed_until {
            true => Err(Blocked::Until(self.closed_until)),
            false => Ok(()),
        }
    }

    /// Whether another may be under way, after a closing.
    pub(super) fn check_width(&self, now: Seconds) -> Result<(), Blocked> {
        self.width.check(now).map_err(Blocked::Narrow)
    }

    /// Puts the next start off by a number of starts, for a time at most.
    pub(super) fn put_off(&mut self, starts: u32, longest: Seconds, now: Seconds) {
        let latest = now + longest;
        if let Some(rate) = &mut self.rate {
            let later = rate.next.max(now) + f64::from(starts) / rate.at(now);
            rate.next = later.min(latest).max(rate.next);
        }
    }

    /// The rate, until it is forgotten.
    fn known(&self, now: Seconds) -> Option<&Rate> {
        self.rate.as_ref().filter(|rate| !rate.is_forgotten(now))
    }

    /// A request starts, after [`check`](Self::check). Returns its epoch.
    pub(super) fn start(&mut self, now: Seconds) -> u64 {
        if let Some(rate) = &mut self.rate {
            match rate.is_forgotten(now) {
                true => self.rate = None,
                false => rate.start(now),
            }
        }
        self.width.start();
        self.epoch
    }

    pub(super) fn succeeded(&mut self, epoch: u64, sent: Seconds, now: Seconds) {
        self.history.count(now);
        let last = self.last_success_sent.unwrap_or(sent);
        self.last_success_sent = Some(last.max(sent));
        if self.is_news(epoch) {
            self.row = 0;
            self.is_first_rate = false;
        }
        if epoch == self.epoch {
            let held = self.rate.as_mut().filter(|rate| !rate.is_growing(now));
            let others = held.map_or(0.0, |rate| rate.beside(now - sent, self.width.is_one()));
            self.width.succeeded(others);
        }
    }

    /// A request ended that tells nothing of the limit.
    pub(super) fn ended(&mut self, epoch: u64) {
        if epoch == self.epoch {
            self.width.ended();
        }
    }

    /// A request that had started was not sent.
    pub(super) fn given_back(&mut self, epoch: u64, now: Seconds) {
        if let Some(rate) = self.rate.as_mut().filter(|_| epoch == self.epoch) {
            rate.give_back(now);
        }
    }

    /// Whether a refusal tells something that was not known: it was sent since the last one.
    /// Openings that no refusal began, such as the end of an outage, make nothing old.
    pub(super) fn is_news(&self, epoch: u64) -> bool {
        epoch >= self.refused_epoch
    }

    /// Requests of this epoch that are under way.
    #[cfg(test)]
    pub(super) fn in_flight(&self) -> u32 {
        self.width.in_flight()
    }

    pub(super) fn refused(&mut self, refusal: Refusal, now: Seconds) {
        self.refused += 1;
        self.last_refused = Some(now);
        let pause = refusal.pause.min(refusal.longest);
        if !self.is_news(refusal.epoch) {
            self.extend(now + pause);
            self.cost_more(now);
            return;
        }
        self.cost = None;
        self.row = self.row.saturating_add(1);
        self.run = match self.is_in_turn(now) {
            true => self.run.saturating_add(1),
            false => 1,
        };
        if self.row == 1 {
            self.rows = self.rows.saturating_add(1);
            self.before_row = self.history.recent(now);
        }
        let pause = self.doubled(pause).min(refusal.longest);
        self.close_until(now + pause);
        self.narrow(self.closed_until);
        self.refused_epoch = self.epoch;
        self.judge(refusal, pause, now);
    }

    /// A pause that turned out to be too short is doubled with each refusal of the row, up to a
    /// window.
    fn doubled(&self, pause: Seconds) -> Seconds {
        let doubled = pause * f64::from(self.row.clamp(1, 40) - 1).exp2();
        pause.max(doubled.min(self.window))
    }

    /// One more of the row, by whom it was known to refuse. Returns the pause.
    pub(super) fn again(&mut self, pause: Seconds) -> Seconds {
        self.row = self.row.saturating_add(1);
        self.doubled(pause)
    }

    /// Closes it for a refusal that says nothing about its rate.
    pub(super) fn refused_again(&mut self, until: Seconds, now: Seconds) {
        self.refused += 1;
        self.last_refused = Some(now);
        self.close(until);
    }

    /// Successes within the window.
    pub(super) fn recent(&mut self, now: Seconds) -> f64 {
        self.history.recent(now)
    }

    /// Closes it without a refusal that is news. What closes it for no longer than it is closes
    /// nothing.
    pub(super) fn close(&mut self, until: Seconds) {
        self.closed_otherwise_until = self.closed_otherwise_until.max(until);
        self.extend(until);
    }

    fn extend(&mut self, until: Seconds) {
        if until > self.closed_until {
            self.close_until(until);
            self.narrow(until);
        }
    }

    /// When the next request could start at the earliest, and the pace from then on.
    pub(super) fn wait(&self, before: usize, now: Seconds) -> Seconds {
        let closed = self.closed_for(now);
        let Some(rate) = self.known(now) else { return closed };
        (rate.next - now).max(closed) + before as f64 / rate.at(now)
    }

    pub(super) fn closed_for(&self, now: Seconds) -> Seconds {
        (self.closed_until - now).max(0.0)
    }

    /// How many requests can start until a time.
    pub(super) fn starts(&self, now: Seconds, until: Seconds) -> usize {
        if until < self.closed_until {
            return 0;
        }
        let Some(rate) = self.known(now) else { return usize::MAX };
        let time = until - rate.next.max(self.closed_until).max(now);
        // `as` saturates.
        if time < 0.0 { 0 } else { ((time * rate.at(until)) as usize).saturating_add(1) }
    }

    fn close_until(&mut self, until: Seconds) {
        self.closed_until = self.closed_until.max(until);
    }

    /// Begins another epoch: one request first, then one more for each that succeeds.
    pub(super) fn narrow(&mut self, opening: Seconds) {
        self.epoch += 1;
        self.width = Width::from(opening.max(self.closed_until));
    }

    /// Forgets closings and rates.
    pub(super) fn reopen(&mut self) {
        let refused = self.refused;
        let history = self.history.clone();
        let epoch = self.epoch + 1;
        *self = Self { refused, history, epoch, ..Self::new(self.window) };
    }

    /// Keeps to a rate that others have measured, from now on.
    #[cfg(test)]
    pub(super) fn pace(&mut self, rate: f64, now: Seconds) {
        self.pace_from(now, rate, now);
    }

    /// Keeps to a rate that others have measured. The next request starts at `next` at the
    /// earliest.
    pub(super) fn pace_from(&mut self, next: Seconds, rate: f64, now: Seconds) {
        self.rate = Some(Rate::new(rate, now + self.window, next));
    }

    /// What was measured was not its own.
    pub(super) fn forget_rate(&mut self) {
        self.rate = None;
    }

    pub(super) fn rate(&self, now: Seconds) -> Option<f64> {
        self.known(now).map(|rate| rate.at(now))
    }

    /// Whether a refusal now comes though a rate is kept to that was measured, and is not being
    /// raised. The slowest rate was not measured: a limit may be lower, and refuses for ever.
    pub(super) fn is_kept(&self, now: Seconds) -> bool {
        let is_settled =
            |rate: &Rate| !rate.is_growing(now) && rate.tried <= rate.base && rate.tried > SLOWEST;
        let is_proven = self.last_refused.is_some_and(|then| now - then > self.window);
        is_proven && self.row == 0 && self.rate.as_ref().is_some_and(is_settled)
    }

    /// Whether a refusal now comes within a window of the last opening.
    pub(super) fn is_in_turn(&self, now: Seconds) -> bool {
        now - self.width.opening() <= self.window.min(LONGEST_RUN)
    }

    /// Whether it was refused in two windows one after the other.
    pub(super) fn was_refused_in_turn(&self, now: Seconds) -> bool {
        self.run >= 2 && self.is_in_turn(now)
    }

    /// Whether it was refused twice at least since its last success.
    pub(super) fn has_row(&self) -> bool {
        self.row >= 2
    }

    /// Whether its last refusal came alone, and left no rate.
    pub(super) fn is_stray(&self) -> bool {
        self.run <= 1 && self.rate.is_none()
    }

    pub(super) fn has_growing_rate(&self, now: Seconds) -> bool {
        self.known(now).is_some_and(|rate| rate.is_growing(now))
    }

    /// Whether it is paced, or was refused lately.
    pub(super) fn has_learnt(&self, now: Seconds) -> bool {
        let refused = self.last_refused.unwrap_or(f64::NEG_INFINITY);
        self.rate(now).is_some() || now - refused <= self.window
    }

    /// Whether nothing was learnt from its requests, and none has succeeded lately.
    pub(super) fn is_idle(&mut self, now: Seconds) -> bool {
        self.closed_until <= now && !self.has_learnt(now) && self.history.recent(now) == 0.0
    }
}

/// What comes later is no sign that the last pause was too short, however long the window is.
const LONGEST_RUN: Seconds = 120.0;
