//! Whose a refusal is, the app's or its endpoint's: the first of these that applies. Pure, with the
//! time as an argument.
//!
//! | refusal | whose |
//! |---|---|
//! | of an endpoint that was refused, and has not succeeded since although another has that was not refused within the window | the endpoint's |
//! | of one of those for which the app was blamed lately, when refusals went on without a new one among them, and so much of what went through since was of others that these would have met the app's limit four times | the endpoint's |
//! | of one that was refused since its last success, and has not succeeded within the window | the endpoint's, in place of the app's; it doubles with the app's row and says nothing about the app's rate |
//! | of the endpoint of the app's last refusal, under a rate of the app, when that was the second in a row at least and nothing went through since | the endpoint's, in place of the app's |
//! | sent before the last refusal of the app | the app's |
//! | of one that was not blamed, within a window of one by the second rule | the app's: those are not refused for themselves, their rates are forgotten, and for a day four times as many refusals have to go on before that rule applies again |
//! | after another endpoint's within the window, with no success of a third since; not where that one is refused for itself (by one of the two rules above), or both have rates of their own | the app's |
//! | under a rate of the app that grows or was refused lately, for a window at most, of an endpoint without a limit of its own (a rate, but not one that it kept to for a window while the app's grew, unless that is the slowest there is; or refusals in two windows in turn while ten requests of others went through within a pause of it), unless the app's last refusal was its own and half of what went through since was others' | the app's |
//! | any other | the endpoint's |
//!
//! With a limit that processes share, each of them may see one endpoint only: see
//! [`State::is_of_all`].

use super::Seconds;
use super::membership::Membership;
use super::state::{Endpoint, State, Ticket};

/// What the refusals of an endpoint say about the app.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Standing {
    /// It was not refused since its last success.
    Well,
    /// It was, for the first time then, and nothing that was sent since succeeded elsewhere.
    Suspect(Seconds),
    /// It was, and others went through: its refusals are its own until it succeeds.
    Own(Seconds),
}

impl Standing {
    /// When it was refused first since its last success.
    pub(super) fn since(self) -> Option<Seconds> {
        match self {
            Self::Well => None,
            Self::Suspect(since) | Self::Own(since) => Some(since),
        }
    }
}

/// The requests that went through since a time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Through {
    all: u32,
    /// Those of other endpoints than of which it is asked.
    others: u32,
}

impl Through {
    fn count(&mut self, is_others: bool) {
        self.all = self.all.saturating_add(1);
        self.others = self.others.saturating_add(u32::from(is_others));
    }
}

impl State {
    /// A request succeeded.
    pub(super) fn count_through(&mut self, ticket: Ticket, now: Seconds) {
        let key = ticket.pair.endpoint;
        if ticket.sent >= self.blamed_since {
            let is_blamed = self.endpoints.get(&key).is_some_and(|it| it.is_blamed(now));
            self.through_since_blamed.count(!is_blamed);
        }
        if let Some((last, _)) = self.last_of_app.filter(|(_, when)| ticket.sent >= *when) {
            self.through_since_app.count(last != key);
        }
    }

    /// Whether an endpoint succeeded within the window. A full window refuses for no longer.
    pub(super) fn was_well(&self, key: u64, now: Seconds) -> bool {
        let success =
            self.endpoints.get(&key).and_then(|endpoint| endpoint.bucket.last_success_sent);
        success.is_some_and(|sent| now - sent <= self.window)
    }

    pub(super) fn note_refusal(&mut self, key: u64, now: Seconds) {
        if let Some(endpoint) = self.endpoints.get_mut(&key)
            && endpoint.standing == Standing::Well
        {
            endpoint.standing = Standing::Suspect(now);
            self.suspects += 1;
        }
    }

    /// Something went through: what was refused before it was sent, and is not, is refused for
    /// itself. Of an endpoint that is refused as well it says nothing: each slot of a low limit that
    /// falls free is one endpoint's.
    pub(super) fn acquit_app(&mut self, ticket: Ticket, now: Seconds) {
        let witness = self.endpoints.get(&ticket.pair.endpoint);
        let refused = witness.and_then(|endpoint| endpoint.bucket.last_refused);
        if refused.is_some_and(|then| now - then <= self.window) {
            return;
        }
        for (key, endpoint) in &mut self.endpoints {
            if let Standing::Suspect(since) = endpoint.standing
                && since <= ticket.sent
                && *key != ticket.pair.endpoint
            {
                endpoint.standing = Standing::Own(since);
                self.suspects -= 1;
            }
        }
    }

    /// A request succeeded while others had to pause, which says something about their refusals.
    pub(super) fn note_evidence(&mut self, ticket: Ticket, now: Seconds) {
        for (key, endpoint) in &mut self.endpoints {
            if *key != ticket.pair.endpoint {
                endpoint.evidence.another_succeeded(ticket.sent, now);
            }
        }
    }

    /// Whether an endpoint holds its requests back for itself: by more than the app does, and not
    /// since a refusal of this window of which it is not known yet whether it was the app's.
    pub(super) fn holds_for_itself(&self, key: u64, now: Seconds) -> bool {
        match self.is_closed(key, now) {
            true => match self.standing(key) {
                Standing::Suspect(since) => now - since > self.window,
                _ => true,
            },
            false => self.check_app(now).is_ok() && self.check_endpoint(key, now).is_err(),
        }
    }

    pub(super) fn standing(&self, key: u64) -> Standing {
        self.endpoints.get(&key).map_or(Standing::Well, |endpoint| endpoint.standing)
    }

    /// Whether a refusal is the app's, and not its endpoint's alone.
    pub(super) fn is_of_app(&self, ticket: Ticket, pause: Seconds, now: Seconds) -> bool {
        let key = ticket.pair.endpoint;
        if matches!(self.standing(key), Standing::Own(_)) || self.is_cleared(key, now) {
            return false;
        }
        let is_news = match ticket.is_beyond {
            true => self.app.last_refused.is_none_or(|then| then < ticket.sent),
            false => self.app.is_news(ticket.app_epoch),
        };
        if !is_news || self.was_one_cleared(now) || self.was_another_refused(key, ticket.sent, now)
        {
            return true;
        }
        let lately = self.app.last_refused.is_some_and(|then| now - then <= 2.0 * self.window);
        let is_tried = match self.membership.as_ref().and_then(Membership::rate) {
            Some(_) => true,
            None => self.app.rate(now).is_some() && (self.app.has_growing_rate(now) || lately),
        };
        let endpoint = self.endpoints.get(&key);
        let is_growing = self.app.has_growing_rate(now);
        let has_own =
            endpoint.is_some_and(|it| it.has_limit(now) && !(is_growing && it.bucket.is_kept(now)));
        let again = self.last_of_app.filter(|(last, _)| *last == key);
        let Through { all, others } = self.through_since_app;
        let is_its_own = again.is_some() && all > 0 && 2 * others >= all;
        is_tried && pause <= self.window && !has_own && !is_its_own
    }

    /// Whether the app's last refusals, two in a row at least, ended with one of this endpoint, and
    /// nothing went through since: who is refused first after each opening may have a limit of its
    /// own, and keeps all others from showing that the app is open.
    pub(super) fn tells_nothing_new(&self, ticket: Ticket, pause: Seconds, now: Seconds) -> bool {
        let is_last = self.last_of_app.is_some_and(|(last, _)| last == ticket.pair.endpoint);
        let is_first_since = is_last && self.through_since_app.all == 0;
        let is_in_a_row = self.app.is_news(ticket.app_epoch) && self.app.has_row();
        is_first_since && is_in_a_row && self.app.rate(now).is_some() && pause <= self.window
    }

    /// Whether a refusal is taken for the app's since other processes share its limit: each of them
    /// may see one endpoint only. It is the endpoint's when others went through since its last
    /// refusal, and when it is for longer than any limit is.
    pub(super) fn is_of_all(&self, ticket: Ticket, pause: Seconds) -> bool {
        let key = ticket.pair.endpoint;
        let Some(bucket) = self.endpoints.get(&key).map(|endpoint| &endpoint.bucket) else {
            return false;
        };
        let is_its_own =
            bucket.last_refused.is_some_and(|then| self.others_succeeded(&[key], then));
        self.membership.is_some() && pause <= self.window && !is_its_own
    }

    /// Whether another endpoint was refused shortly before, and nothing of a third went through
    /// since.
    fn was_another_refused(&self, key: u64, sent: Seconds, now: Seconds) -> bool {
        let is_own = |endpoint: &Endpoint| matches!(endpoint.standing, Standing::Own(_));
        let has_rate = |endpoint: &Endpoint| endpoint.bucket.rate(sent).is_some();
        let is_known = self.endpoints.get(&key).is_some_and(has_rate);
        let others = self.endpoints.iter().filter(|(other, endpoint)| {
            let are_both_known = is_known && has_rate(endpoint);
            **other != key && !is_own(endpoint) && !are_both_known && !self.is_cleared(**other, now)
        });
        let refused = others.filter_map(|(other, endpoint)| {
            let then = endpoint.bucket.last_refused?;
            let pause = (endpoint.bucket.closed_until - then).clamp(0.0, self.window);
            (then <= sent && sent - then - pause <= self.window).then_some((*other, then))
        });
        let last = refused.max_by(|one, other| one.1.total_cmp(&other.1));
        last.is_some_and(|(other, then)| !self.others_succeeded(&[key, other], then))
    }

    /// A refusal was taken for the app's.
    pub(super) fn blame_app(&mut self, key: u64, now: Seconds) {
        if self.was_one_cleared(now) {
            let errors = self.errors(now).saturating_add(1);
            self.cleared_in_error = (errors, now);
            let blamed = self.endpoints.values_mut().filter(|endpoint| endpoint.is_blamed(now));
            blamed.for_each(|endpoint| endpoint.bucket.forget_rate());
        }
        let Some(endpoint) = self.endpoints.get_mut(&key) else { return };
        if endpoint.bucket.is_kept(now) {
            endpoint.bucket.forget_rate();
        }
        if endpoint.is_blamed(now) {
            self.blamed_again = self.blamed_again.saturating_add(1);
        } else {
            endpoint.is_blamed = true;
            self.blamed_since = now;
            self.blamed_again = 0;
            self.through_since_blamed = Through::default();
        }
    }

    /// Whether an endpoint is among those for which the app was blamed, and these are refused for
    /// themselves.
    fn is_cleared(&self, key: u64, now: Seconds) -> bool {
        let endpoint = self.endpoints.get(&key);
        endpoint.is_some_and(|endpoint| endpoint.is_blamed(now)) && self.are_cleared(now)
    }

    /// Whether those for which the app was blamed are refused for themselves: refusals went on
    /// without a new one among them, and one that is not has gone through since.
    fn are_cleared(&self, now: Seconds) -> bool {
        let Through { all, others } = self.through_since_blamed;
        let enough = ENOUGH << (2 * self.errors(now).min(MOST_ERRORS));
        let expected = self.blamed_again as f64 * f64::from(others) / f64::from(all.max(1));
        expected >= f64::from(enough)
            && self.endpoints.values().any(|endpoint| self.is_unblamed(endpoint, now))
    }

    /// How often they were cleared in error, which is forgotten after a day without one.
    fn errors(&self, now: Seconds) -> u32 {
        let (errors, last) = self.cleared_in_error;
        if now - last <= ERRORS_KEPT { errors } else { 0 }
    }

    /// Whether one of these was refused within the window.
    fn was_one_cleared(&self, now: Seconds) -> bool {
        let was_lately = |endpoint: &Endpoint| {
            endpoint.bucket.last_refused.is_some_and(|then| now - then <= self.window)
        };
        let mut blamed = self.endpoints.values().filter(|endpoint| endpoint.is_blamed(now));
        blamed.any(was_lately) && self.are_cleared(now)
    }

    fn is_unblamed(&self, endpoint: &Endpoint, now: Seconds) -> bool {
        let last = endpoint.bucket.last_success_sent;
        let went_through = last.is_some_and(|sent| sent >= self.blamed_since);
        went_through && endpoint.standing == Standing::Well && !endpoint.is_blamed(now)
    }

    /// Whether a request to any other endpoint than these was sent since then and succeeded.
    fn others_succeeded(&self, keys: &[u64], since: Seconds) -> bool {
        self.endpoints.iter().any(|(key, endpoint)| {
            let sent = endpoint.bucket.last_success_sent;
            !keys.contains(key) && sent.is_some_and(|sent| sent >= since)
        })
    }
}

impl Endpoint {
    /// Whether its refusals tell of a limit: it has a rate, or they came in two windows one after the
    /// other, with too few successes for one, while others went through.
    fn has_limit(&self, now: Seconds) -> bool {
        let is_shown = self.evidence.is_enough() && self.bucket.was_refused_in_turn(now);
        self.bucket.rate(now).is_some() || is_shown
    }

    /// Whether refusals of it were taken for the app's, and come still.
    fn is_blamed(&self, now: Seconds) -> bool {
        self.is_blamed && self.bucket.last_refused.is_some_and(|then| now - then <= BLAMED_FOR)
    }
}

/// A rate is held for so long at the most without a long `Retry-After`, so that refusals that go
/// on come within this time.
const BLAMED_FOR: Seconds = 300.0;
/// Those who call an endpoint that has a part of the traffic meet the app's limit as often: none of
/// this number of refusals is theirs by chance in 2 of 100 cases.
const ENOUGH: u32 = 4;
const MOST_ERRORS: u32 = 1;
const ERRORS_KEPT: Seconds = 86_400.0;
