//! The rules of the state and of the queue, one by one: a history of events, and what must hold
//! after it.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails is a test that panics"
)]

mod callers;
mod exchanges;
mod failing;
mod looks;
mod one_of_five;
mod refusals;
mod trial;
mod turns;
mod waiting;
mod whose;

use super::Seconds;
use super::pair::Pair;
use super::shared::Granted;
use super::state::{Outcome, State, Ticket};

fn state() -> State {
    state_within(30.0)
}

fn state_within(window: Seconds) -> State {
    let mut state = State::new(window, 604_800.0);
    for endpoint in 1..=5 {
        state.endpoint(endpoint, 0.0, String::new);
    }
    state
}

fn pair(endpoint: u64) -> Pair {
    Pair { endpoint, user: 0 }
}

fn refused(pause: Seconds) -> Outcome {
    Outcome::Refused(Some(pause))
}

impl State {
    fn sends(&mut self, endpoint: u64, now: Seconds) -> Ticket {
        assert_eq!(self.check(pair(endpoint), now), Ok(()), "at {now}");
        self.start(pair(endpoint), false, now)
    }

    /// What a store grants that is asked now.
    fn hears(&mut self, granted: Granted, now: Seconds) {
        let exchange = self.due(1, false, now).unwrap();
        self.send(exchange, 1, false, now).unwrap();
        self.heard(exchange, Some(granted), 0.5, now);
    }

    fn is_open(&self, endpoint: u64, now: Seconds) -> bool {
        self.check(pair(endpoint), now).is_ok()
    }

    /// A request that is sent and ends at once.
    fn call(&mut self, endpoint: u64, outcome: Outcome, now: Seconds) {
        let ticket = self.sends(endpoint, now);
        self.settle(ticket, outcome, false, now);
    }
}

fn wait_for(state: &State, endpoint: u64, from: Seconds) -> Seconds {
    let mut now = from;
    while !state.is_open(endpoint, now) {
        now += 0.01;
    }
    now
}

fn fails(state: &mut State, endpoint: u64, user: u64, now: Seconds) {
    let ticket = state.start(Pair { endpoint, user }, false, now);
    state.settle(ticket, Outcome::Failed, false, now);
}
