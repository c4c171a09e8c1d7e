//! Who waits for a permit, in order. Pure: what is granted to a waiter is its owner's.

use std::collections::{BTreeMap, HashMap};

use super::Seconds;
use super::state::{Obstacle, Pair, State};

/// Where somebody stands: the urgent first, and each class by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    is_other: bool,
    number: u64,
}

impl Place {
    pub(super) fn new(is_urgent: bool, number: u64) -> Self {
        Self { is_other: !is_urgent, number }
    }
}

#[derive(Debug)]
pub(super) struct Waiter<W> {
    pub(super) pair: Pair,
    /// The latest time at which it may go.
    pub(super) limit: Seconds,
    /// How it is told.
    pub(super) owner: W,
}

/// One line for each endpoint, so that a closed one is passed by with a look.
#[derive(Debug)]
pub(super) struct Queue<W> {
    lines: HashMap<u64, BTreeMap<Place, Waiter<W>>>,
    len: usize,
    /// Urgent requests that went while another waited, since the last other one.
    urgent_in_a_row: u32,
}

impl<W> Queue<W> {
    pub(super) fn new() -> Self {
        Self { lines: HashMap::new(), len: 0, urgent_in_a_row: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether an urgent request waits.
    pub(super) fn has_urgent(&self) -> bool {
        let mut first = self.lines.values().filter_map(BTreeMap::first_key_value);
        first.any(|(place, _)| !place.is_other)
    }

    pub(super) fn len_of(&self, endpoint: u64) -> usize {
        self.lines.get(&endpoint).map_or(0, BTreeMap::len)
    }

    pub(super) fn insert(&mut self, place: Place, waiter: Waiter<W>) {
        let line = self.lines.entry(waiter.pair.endpoint).or_default();
        self.len += usize::from(line.insert(place, waiter).is_none());
    }

    pub(super) fn remove(&mut self, endpoint: u64, place: Place) -> Option<Waiter<W>> {
        let line = self.lines.get_mut(&endpoint)?;
        let waiter = line.remove(&place)?;
        if line.is_empty() {
            self.lines.remove(&endpoint);
        }
        self.len -= 1;
        Some(waiter)
    }

    /// The waiters before a place: of an endpoint, and of all.
    pub(super) fn before(&self, endpoint: u64, place: Place) -> (usize, usize) {
        let count = |line: &BTreeMap<Place, Waiter<W>>| line.range(..place).count();
        let own = self.lines.get(&endpoint).map_or(0, count);
        (own, self.lines.values().map(count).sum())
    }

    /// Takes out who may go next, or says when somebody may.
    pub(super) fn next(&mut self, state: &State, now: Seconds) -> Result<Waiter<W>, Seconds> {
        if let Err(blocked) = state.check_app(now) {
            return Err(blocked.until());
        }
        let mut first = Heads { urgent: None, other: None, until: f64::INFINITY };
        for (endpoint, line) in &self.lines {
            first.look(*endpoint, line, state, now);
        }
        let is_others_turn = self.urgent_in_a_row >= MOST_URGENT_IN_A_ROW;
        let chosen = match (first.urgent, first.other) {
            (Some(_), Some(other)) if is_others_turn => Some(other),
            (urgent, other) => urgent.or(other),
        };
        let (place, endpoint) = chosen.ok_or(first.until)?;
        self.urgent_in_a_row = match first.other.is_some() && !place.is_other {
            true => self.urgent_in_a_row + 1,
            false => 0,
        };
        self.remove(endpoint, place).ok_or(now)
    }

    /// Takes out those who could not go in time whatever happens.
    pub(super) fn take_hopeless(&mut self, opens: impl Fn(Pair) -> Seconds) -> Vec<Waiter<W>> {
        let hopeless: Vec<_> = self
            .lines
            .iter()
            .flat_map(|(endpoint, line)| line.iter().map(move |entry| (*endpoint, entry)))
            .filter(|(_, (_, waiter))| opens(waiter.pair) > waiter.limit)
            .map(|(endpoint, (place, _))| (endpoint, *place))
            .collect();
        hopeless.into_iter().filter_map(|(endpoint, place)| self.remove(endpoint, place)).collect()
    }
}

/// The first of each class who may go.
struct Heads {
    urgent: Option<(Place, u64)>,
    other: Option<(Place, u64)>,
    /// When the next one may who may not.
    until: Seconds,
}

impl Heads {
    fn look<W>(
        &mut self,
        endpoint: u64,
        line: &BTreeMap<Place, Waiter<W>>,
        state: &State,
        now: Seconds,
    ) {
        for (place, waiter) in line {
            let head = if place.is_other { &mut self.other } else { &mut self.urgent };
            if head.is_some_and(|(first, _)| first < *place) {
                match place.is_other {
                    true => return,
                    false => continue,
                }
            }
            match state.check(waiter.pair, now) {
                Ok(()) => *head = Some((*place, endpoint)),
                Err(Obstacle::Failing(until)) => self.until = self.until.min(until),
                Err(Obstacle::App(blocked) | Obstacle::Endpoint(blocked)) => {
                    self.until = self.until.min(blocked.until());
                    return;
                }
            }
        }
    }
}

/// Of five that go, one is another's, if one waits.
const MOST_URGENT_IN_A_ROW: u32 = 4;
