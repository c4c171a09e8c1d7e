//! What a request asks for, and what it gets.

use std::sync::Arc;
use std::time::Duration;

use super::app::App;
use super::pair::Pair;
use super::state::{Outcome, Ticket};

/// What comes of waiting.
#[derive(Debug)]
pub(super) enum Turn {
    Go(Permit),
    /// The caller was not polled for so long after it was told that its permit is void, or was told
    /// nothing. It may queue up again.
    Late {
        number: u64,
        /// For how long it had a permit.
        idle: Duration,
    },
}

/// A call that is to wait for a permit: its endpoint is not forgotten meanwhile.
#[derive(Debug)]
pub(super) struct Stay {
    app: Arc<App>,
    pub(super) pair: Pair,
}

/// A request that wants a permit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) pair: Pair,
    pub(super) is_urgent: bool,
    /// The number of a call that was refused, which keeps its place.
    pub(super) number: Option<u64>,
    /// For how long it may wait for a limit.
    pub(super) patience: Duration,
    /// For how long it may wait for whatever it is.
    pub(super) to_deadline: Duration,
}

/// A request that may go. Dropped, it has ended without telling anything.
#[derive(Debug)]
pub(super) struct Permit {
    app: Arc<App>,
    ticket: Option<Ticket>,
    pub(super) pair: Pair,
    /// Its call's number in the queue.
    pub(super) number: u64,
}

impl Stay {
    /// After the endpoint was told of it.
    pub(super) fn new(app: &Arc<App>, pair: Pair) -> Self {
        Self { app: Arc::clone(app), pair }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.app.core.lock().state.leave(self.pair.endpoint);
    }
}

impl Permit {
    pub(super) fn new(app: &Arc<App>, ticket: Ticket, number: u64) -> Self {
        Self { app: Arc::clone(app), pair: ticket.pair, ticket: Some(ticket), number }
    }

    pub(super) fn settle(mut self, outcome: Outcome) {
        self.end(outcome);
    }

    /// Its request is not sent, at least not yet.
    pub(super) fn give_back(mut self) {
        self.end(Outcome::Unsent);
    }

    #[cfg(test)]
    pub(super) fn has_waited(&self) -> Option<bool> {
        self.ticket.map(|ticket| ticket.waited)
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            self.app.settle(ticket, outcome);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(Outcome::Nothing);
    }
}
