//! What becomes of a request, and what that says.

use super::super::Seconds;
use super::super::bucket::Refusal;
use super::super::failures::Ended;
use super::super::whose::{Standing, Through};
use super::{Outcome, State, Ticket};

impl State {
    /// A request ended, while others wait or not.
    pub(in super::super) fn settle(
        &mut self,
        ticket: Ticket,
        outcome: Outcome,
        others: bool,
        now: Seconds,
    ) {
        self.leave(ticket.pair.endpoint);
        match outcome {
            Outcome::Succeeded => self.succeeded(ticket, now),
            Outcome::Refused(pause) => self.refused(ticket, pause, others, now),
            Outcome::Failed => {
                self.ended(ticket);
                self.failures.failed(ticket.pair, now);
            }
            Outcome::Nothing => self.ended(ticket),
            Outcome::Unsent => {
                self.ended(ticket);
                self.given_back(ticket, now);
            }
        }
    }

    fn succeeded(&mut self, ticket: Ticket, now: Seconds) {
        self.app.succeeded(ticket.app_epoch, ticket.sent, now);
        if let Some(membership) = &mut self.membership {
            membership.succeeded(ticket.shared_epoch, now);
        }
        if let Some(endpoint) = self.endpoints.get_mut(&ticket.pair.endpoint) {
            endpoint.bucket.succeeded(ticket.endpoint_epoch, ticket.sent, now);
            if endpoint.standing.since().is_some_and(|since| ticket.sent >= since) {
                self.suspects -= usize::from(matches!(endpoint.standing, Standing::Suspect(_)));
                endpoint.standing = Standing::Well;
            }
        }
        self.count_through(ticket, now);
        self.succeeded_beyond(ticket, now);
        if self.suspects > 0 {
            self.acquit_app(ticket, now);
        }
        if now < self.pauses_until {
            self.note_evidence(ticket, now);
        }
        // Those that waited for the end of an outage do not go all at once.
        match self.failures.succeeded(ticket.pair, now) {
            Ended::Nothing => {}
            Ended::OfEndpoint => {
                let endpoint = self.endpoints.get_mut(&ticket.pair.endpoint);
                endpoint.into_iter().for_each(|endpoint| endpoint.bucket.narrow(now));
            }
            Ended::OfAll => self.app.narrow(now),
        }
    }

    fn ended(&mut self, ticket: Ticket) {
        self.ended_beyond(ticket);
        self.app.ended(ticket.app_epoch);
        if let Some(endpoint) = self.endpoints.get_mut(&ticket.pair.endpoint) {
            endpoint.bucket.ended(ticket.endpoint_epoch);
        }
    }

    fn given_back(&mut self, ticket: Ticket, now: Seconds) {
        self.does_not_hang(ticket);
        self.app.given_back(ticket.app_epoch, now);
        if let Some(membership) = &mut self.membership {
            membership.given_back(ticket.shared_epoch, ticket.sent, now);
        }
        if let Some(endpoint) = self.endpoints.get_mut(&ticket.pair.endpoint) {
            endpoint.bucket.given_back(ticket.endpoint_epoch, now);
        }
    }

    fn refused(&mut self, ticket: Ticket, pause: Option<Seconds>, others: bool, now: Seconds) {
        let pause = pause.filter(|pause| *pause > 0.0).unwrap_or(SHORTEST_PAUSE);
        let pause = pause.clamp(SHORTEST_PAUSE, self.longest);
        let is_of_app = self.is_of_app(ticket, pause, now) || self.is_of_all(ticket, pause);
        let refusal =
            |epoch, longest| Refusal { epoch, pause, waited: ticket.waited || others, longest };
        let key = ticket.pair.endpoint;
        let is_again = self.standing(key).since().is_some_and(|since| ticket.sent >= since);
        if is_of_app {
            self.blame_app(key, now);
        }
        self.note_refusal(key, now);
        self.refused_beyond(ticket, is_of_app, now);
        let is_again = is_of_app && is_again && self.membership.is_none();
        if is_again && !self.was_well(key, now) {
            return self.refused_again(ticket, pause, now);
        }
        if !is_of_app || (is_again && self.tells_nothing_new(ticket, pause, now)) {
            self.app.ended(ticket.app_epoch);
            if let Some(endpoint) = self.endpoints.get_mut(&key) {
                endpoint.refused(refusal(ticket.endpoint_epoch, self.longest), now);
                self.pauses_until = self.pauses_until.max(now + pause.min(self.window));
            }
            return;
        }
        if let Some(membership) = &mut self.membership
            && self.app.is_news(ticket.app_epoch)
        {
            let pause = pause.min(self.window);
            membership.refused(ticket.shared_epoch, pause, ticket.waited || others, now);
        }
        self.app.refused(refusal(ticket.app_epoch, self.window), now);
        self.last_of_app = Some((key, now));
        self.through_since_app = Through::default();
        let Some(endpoint) = self.endpoints.get_mut(&key) else { return };
        endpoint.bucket.ended(ticket.endpoint_epoch);
        endpoint.bucket.last_refused = Some(now);
        if pause > self.window {
            endpoint.bucket.close(now + pause);
        }
    }

    /// A refusal of an endpoint that nothing went through since it was refused before, there or
    /// elsewhere: it closes this endpoint alone, and says nothing that is new about the app.
    fn refused_again(&mut self, ticket: Ticket, pause: Seconds, now: Seconds) {
        let pause = self.app.again(pause);
        self.app.ended(ticket.app_epoch);
        if let Some(endpoint) = self.endpoints.get_mut(&ticket.pair.endpoint) {
            endpoint.bucket.refused_again(now + pause, now);
        }
    }
}

/// `Retry-After` of nothing is no law either.
const SHORTEST_PAUSE: Seconds = 1.0;
