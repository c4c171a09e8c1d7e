//! Permits that were granted to waiters who have not picked them up yet. Pure, with the time as an
//! argument.
//!
//! A future may be polled long after it was woken, as in a `buffered` stream whose consumer is
//! busy. Its permit would be used when the limit has changed, and holds a place that another could
//! use.

use std::collections::{HashMap, VecDeque};

use super::Seconds;
use super::queue::Place;
use super::state::Ticket;

#[derive(Debug, Default)]
pub(super) struct Unclaimed {
    tickets: HashMap<Place, Ticket>,
    /// The places in the order of their permits; those that were picked up stay until they come
    /// first.
    order: VecDeque<(Place, Seconds)>,
}

impl Unclaimed {
    pub(super) fn insert(&mut self, place: Place, ticket: Ticket) {
        self.tickets.insert(place, ticket);
        self.order.push_back((place, ticket.sent));
    }

    pub(super) fn take(&mut self, place: Place) -> Option<Ticket> {
        let ticket = self.tickets.remove(&place);
        while self.order.front().is_some_and(|(first, _)| !self.tickets.contains_key(first)) {
            self.order.pop_front();
        }
        ticket
    }

    /// Takes back one that nobody came for.
    pub(super) fn take_overdue(&mut self, now: Seconds) -> Option<Ticket> {
        let (first, _) = *self.order.front().filter(|_| self.overdue_at() <= now)?;
        self.take(first)
    }

    /// When the oldest one is taken back.
    pub(super) fn overdue_at(&self) -> Seconds {
        self.order.front().map_or(f64::INFINITY, |(_, granted)| granted + LONGEST)
    }
}

/// For so long a permit is kept for a waiter who does not come.
pub(super) const LONGEST: Seconds = 0.1;
