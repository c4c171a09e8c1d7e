//! A trial of the app's limit. It was learnt from refusals of some endpoints, and may be the sum of
//! what these allow each for itself: so those that are not refused while they are may go beyond its
//! rate, a few requests at a time for all of them, and while it is closed, one at a time. What goes
//! beyond it tells the app's bucket nothing but its count. Pure, with the time as an argument.
//!
//! | event | what follows |
//! |---|---|
//! | more than the rate goes through within the window | there is no such limit: the rate is forgotten |
//! | one of these endpoints is refused, by the app's limit | the rate is right: the others' next start is put off by as many starts as went beyond it since the trial began, for a window or half a minute at most; no other trial for minutes or ten windows, and for longer after each that fails |
//! | one of them is refused for itself | it takes part no more; the rate and the others are as before |
//! | neither within the window | it begins anew, with one request first |
//! | one endpoint's requests hang | they go after those of all whose last one succeeded, in turn |
//!
//! An endpoint that was refused may try again after an hour, or four windows; after ten minutes where
//! that was one refusal alone, of its own.
//!
//! So what goes beyond the rate takes nothing from the others while it is not refused, whether it
//! succeeds, fails or is never sent, and when it is, a tenth of the time until the next trial at most.

use super::Seconds;
use super::bucket::Blocked;
use super::state::{State, Ticket};
use super::tries::Turn;

/// What goes beyond the app's rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    /// When it began: what was sent before it is none of it.
    begun: Seconds,
    /// When its last request started.
    last: Seconds,
    /// How many requests may be under way at once, and how many are.
    width: u32,
    under_way: u32,
    /// How many of them went through.
    through: u32,
    /// No other begins before.
    not_before: Seconds,
    /// How many have failed, one after the other.
    failed: u32,
}

impl Trial {
    pub(super) const fn none() -> Self {
        let never = f64::NEG_INFINITY;
        Self {
            begun: never,
            last: never,
            width: 1,
            under_way: 0,
            through: 0,
            not_before: never,
            failed: 0,
        }
    }

    fn is_of(&self, ticket: Ticket) -> bool {
        ticket.is_beyond && ticket.sent >= self.begun
    }

    /// Whether another request can be under way: one more each second, for one that hangs.
    fn has_room(&self, is_closed: bool, now: Seconds) -> bool {
        let width = if is_closed { 1 } else { self.width };
        self.under_way < width || now >= self.has_room_from()
    }

    fn has_room_from(&self) -> Seconds {
        self.last + EACH
    }

    fn start(&mut self, window: Seconds, now: Seconds) {
        if now - self.begun > window {
            *self = Self { begun: now, width: 1, under_way: 0, through: 0, ..*self };
        }
        self.last = now;
        self.under_way = self.under_way.saturating_add(1);
    }

    fn succeeded(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        self.width = WIDEST.min(self.width + 1);
        self.through = self.through.saturating_add(1);
    }

    fn fail(&mut self, window: Seconds, now: Seconds) {
        let pause =
            PAUSE.max(PAUSE_IN_WINDOWS * window) * f64::from(self.failed.min(MOST_DOUBLED)).exp2();
        let failed = self.failed.saturating_add(1);
        *self = Self { begun: now, not_before: now + pause, failed, ..Self::none() };
    }
}

impl State {
    /// Whether a request may go although the app's rate or closing says that it is too early: while
    /// it is closed, one at a time.
    pub(super) fn may_go_beyond(&self, key: u64, now: Seconds) -> bool {
        self.may_try(key, now) && self.trial.has_room(now < self.app.closed_until, now)
    }

    /// When one may that may not yet, for those under way or for what is closed otherwise.
    pub(super) fn may_go_beyond_from(&self, key: u64, now: Seconds) -> Option<Seconds> {
        let from = self.tries_from(key, now);
        match from <= now {
            true => (!self.may_go_beyond(key, now)).then(|| self.trial.has_room_from()),
            false => from.is_finite().then_some(from),
        }
    }

    /// For how long it has to wait if those under way hang. That is no estimate: most end sooner.
    pub(super) fn longest_wait_beyond(&self, key: u64, now: Seconds) -> Seconds {
        let opens = self.check_app(now).map_or_else(Blocked::until, |()| now);
        self.may_go_beyond_from(key, now).map_or(0.0, |then| then.min(opens) - now)
    }

    /// Whether an endpoint may go beyond the app's rate, as far as the requests under way allow.
    pub(super) fn may_try(&self, key: u64, now: Seconds) -> bool {
        self.tries_from(key, now) <= now
    }

    /// From when on it may; never, as far as time does it.
    pub(super) fn tries_from(&self, key: u64, now: Seconds) -> Seconds {
        let endpoint = self.endpoints.get(&key);
        match endpoint.is_some_and(|endpoint| endpoint.is_unrefused(self.window, now)) {
            true => self.trial_opens(),
            false => f64::INFINITY,
        }
    }

    /// Whether nothing holds requests back but what was inferred from refusals. What processes share
    /// is not inferred from the endpoints of one.
    pub(super) fn is_trial_open(&self, now: Seconds) -> bool {
        self.trial_opens() <= now
    }

    /// From when on that is so; never, unless refusals come.
    pub(super) fn trial_opens(&self) -> Seconds {
        match self.membership.is_none() && self.app.rows >= ENOUGH {
            true => self.app.closed_otherwise_until.max(self.trial.not_before),
            false => f64::INFINITY,
        }
    }

    pub(super) fn turn(&self, key: u64) -> Turn {
        self.endpoints.get(&key).map_or(Turn::first(), |endpoint| endpoint.tries.turn)
    }

    /// Whether a request that starts goes beyond the app's rate.
    pub(super) fn start_beyond(&mut self, key: u64, now: Seconds) -> bool {
        let is_beyond = self.membership.is_none() && self.app.check(now).is_err();
        if is_beyond {
            self.trial.start(self.window, now);
            if let Some(endpoint) = self.endpoints.get_mut(&key) {
                endpoint.tries.turn = Turn::taken(now);
            }
        }
        is_beyond
    }

    /// A request beyond the rate succeeded, or was not sent: its endpoint does not hang.
    pub(super) fn does_not_hang(&mut self, ticket: Ticket) {
        if ticket.is_beyond
            && let Some(endpoint) = self.endpoints.get_mut(&ticket.pair.endpoint)
        {
            endpoint.tries.turn = endpoint.tries.turn.is_over();
        }
    }

    pub(super) fn succeeded_beyond(&mut self, ticket: Ticket, now: Seconds) {
        self.does_not_hang(ticket);
        if !self.trial.is_of(ticket) {
            return;
        }
        self.trial.succeeded();
        let Some(rate) = self.app.rate(now) else { return };
        let through = self.app.recent(now);
        if through >= FEWEST + CLEARLY_MORE * rate * self.window {
            self.trial = Trial { begun: now, ..Trial::none() };
            self.app.forget_rate();
        }
    }

    pub(super) fn ended_beyond(&mut self, ticket: Ticket) {
        if self.trial.is_of(ticket) {
            self.trial.under_way = self.trial.under_way.saturating_sub(1);
        }
    }

    /// An endpoint was refused, by the app's limit or its own.
    pub(super) fn refused_beyond(&mut self, ticket: Ticket, is_of_app: bool, now: Seconds) {
        if !is_of_app {
            return self.ended_beyond(ticket);
        }
        if let Some(endpoint) = self.endpoints.get_mut(&ticket.pair.endpoint) {
            endpoint.tries.refused_by_app = now;
        }
        if self.trial.is_of(ticket) {
            self.app.put_off(self.trial.through, self.window.min(LONGEST_PUT_OFF), now);
            self.trial.fail(self.window, now);
        }
    }
}

/// Closings of the app, each after a success, before which little is known of its rate.
const ENOUGH: u32 = 2;
/// As many are refused if the limit is the app's.
const WIDEST: u32 = 8;
/// A rate is 0.96 of what was measured, and a count in slots of a second is right to a thirtieth.
const CLEARLY_MORE: f64 = 1.2;
const FEWEST: f64 = 5.0;
/// A few refusals in this time are fewer than one in a hundred requests, from a limit of 60 in 30 s
/// on.
const PAUSE: Seconds = 300.0;
const PAUSE_IN_WINDOWS: f64 = 10.0;
/// A tenth of that.
const LONGEST_PUT_OFF: Seconds = 30.0;
/// To twenty minutes.
const MOST_DOUBLED: u32 = 2;
/// After which another may go though one hangs.
const EACH: Seconds = 1.0;
