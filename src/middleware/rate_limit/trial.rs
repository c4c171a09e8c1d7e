//! A trial of the app's limit. It was learnt from refusals of some endpoints, and may be the sum of
//! what these allow each for itself: so one that is not refused while they are may go beyond its
//! rate, a few requests at a time, and while it is closed, one at a time. What goes beyond it tells
//! the app's bucket nothing but its count. Pure, with the time as an argument.
//!
//! | event | what follows |
//! |---|---|
//! | more than the rate goes through within the window | there is no such limit: the rate is forgotten |
//! | the endpoint is refused | the rate is right; no other trial for minutes, and for longer after each that fails |
//! | neither within the window | another endpoint may go beyond it |

use super::Seconds;
use super::state::{Endpoint, State, Ticket};

/// Who goes beyond the app's rate, and how far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    /// The endpoint, and when it began to.
    of: Option<(u64, Seconds)>,
    /// How many of its requests may be under way at once, and how many are.
    width: u32,
    under_way: u32,
    /// No other begins before.
    not_before: Seconds,
    /// How many have failed, one after the other.
    failed: u32,
}

impl Trial {
    pub(super) const fn none() -> Self {
        Self { of: None, width: 1, under_way: 0, not_before: f64::NEG_INFINITY, failed: 0 }
    }

    fn is_of(&self, ticket: Ticket) -> bool {
        let is_it =
            |(key, begun): (u64, Seconds)| key == ticket.pair.endpoint && ticket.sent >= begun;
        ticket.is_beyond && self.of.is_some_and(is_it)
    }

    /// Whether it is an endpoint's, or may become so.
    fn may_be_of(&self, key: u64, window: Seconds, now: Seconds) -> bool {
        match self.of {
            Some((of, begun)) if now - begun <= window => of == key,
            _ => now >= self.not_before,
        }
    }

    /// Whether another request of an endpoint of which it may be can be under way.
    fn has_room(&self, window: Seconds, now: Seconds) -> bool {
        self.of.is_none_or(|(_, begun)| now - begun > window) || self.under_way < self.width
    }

    fn start(&mut self, key: u64, window: Seconds, now: Seconds) {
        if self.of.is_none_or(|(of, begun)| of != key || now - begun > window) {
            *self = Self { of: Some((key, now)), width: 1, under_way: 0, ..*self };
        }
        self.under_way += 1;
    }

    fn succeeded(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        self.width = WIDEST.min(self.width + 1);
    }

    fn fail(&mut self, now: Seconds) {
        let pause = PAUSE * f64::from(self.failed.min(MOST_DOUBLED)).exp2();
        let failed = self.failed.saturating_add(1);
        *self = Self { not_before: now + pause, failed, ..Self::none() };
    }
}

impl State {
    /// Whether a request may go although the app's rate or closing says that it is too early: while
    /// it is closed, one at a time.
    pub(super) fn may_go_beyond(&self, key: u64, now: Seconds) -> bool {
        let is_first = now >= self.app.closed_until || self.trial.under_way == 0;
        is_first
            && self.is_trial_open(now)
            && self.trial.has_room(self.window, now)
            && self.may_try(key, now)
    }

    /// Whether an endpoint may go beyond the app's rate, as far as its requests under way allow.
    pub(super) fn may_try(&self, key: u64, now: Seconds) -> bool {
        let is_unrefused = |endpoint: &Endpoint| {
            endpoint.bucket.last_refused.is_none_or(|then| now - then > UNREFUSED_FOR)
        };
        self.membership.is_none()
            && self.app.rows >= ENOUGH
            && self.trial.may_be_of(key, self.window, now)
            && self.endpoints.get(&key).is_some_and(is_unrefused)
    }

    /// Whether nothing holds requests back but what was inferred from refusals. What processes share
    /// is not inferred from the endpoints of one.
    pub(super) fn is_trial_open(&self, now: Seconds) -> bool {
        self.membership.is_none() && self.app.rows >= ENOUGH && self.app.is_closed_by_refusals(now)
    }

    /// Whether a request that starts goes beyond the app's rate.
    pub(super) fn start_beyond(&mut self, key: u64, now: Seconds) -> bool {
        let is_beyond = self.membership.is_none() && self.app.check(now).is_err();
        if is_beyond {
            self.trial.start(key, self.window, now);
            self.app.start_beyond(now);
        }
        is_beyond
    }

    pub(super) fn succeeded_beyond(&mut self, ticket: Ticket, now: Seconds) {
        if !self.trial.is_of(ticket) {
            return;
        }
        self.trial.succeeded();
        let Some(rate) = self.app.rate(now) else { return };
        let through = self.app.recent(now);
        if through >= FEWEST + CLEARLY_MORE * rate * self.window {
            self.trial = Trial::none();
            self.app.forget_rate();
        }
    }

    pub(super) fn ended_beyond(&mut self, ticket: Ticket) {
        if self.trial.is_of(ticket) {
            self.trial.under_way = self.trial.under_way.saturating_sub(1);
        }
    }

    /// An endpoint was refused.
    pub(super) fn refused_beyond(&mut self, ticket: Ticket, now: Seconds) {
        if self.trial.is_of(ticket) {
            self.trial.fail(now);
        }
    }
}

/// Closings of the app, each after a success, before which little is known of its rate.
const ENOUGH: u32 = 2;
/// Each endpoint costs an app that has a limit one trial in this time.
const UNREFUSED_FOR: Seconds = 3600.0;
/// As many are refused if the limit is the app's.
const WIDEST: u32 = 8;
/// A rate is 0.96 of what was measured, and a count in slots of a second is right to a thirtieth.
const CLEARLY_MORE: f64 = 1.2;
const FEWEST: f64 = 5.0;
/// A few refusals in this time are fewer than one in a hundred requests, from a limit of 60 in 30 s
/// on.
const PAUSE: Seconds = 300.0;
/// To twenty minutes.
const MOST_DOUBLED: u32 = 2;
