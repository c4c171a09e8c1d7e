//! Servers to simulate: what they allow, and what they say when they refuse.

use std::collections::VecDeque;

use fastrand::Rng;

use super::super::Seconds;
use super::super::state::Outcome;

/// How requests are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) count: usize,
    pub(crate) window: Seconds,
    /// Whether windows follow each other, and do not roll.
    pub(crate) is_fixed: bool,
    /// Whether those that are refused count too.
    pub(crate) counts_refused: bool,
}

/// What `Retry-After` says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Told {
    /// Whole seconds until there is room.
    Right,
    Always(Seconds),
    Missing,
}

/// What a server does with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reply {
    Good,
    /// With the seconds of `Retry-After`.
    Refused(Option<Seconds>),
    Failed,
    /// It never comes.
    Hangs,
}

/// A request, as a server sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) time: Seconds,
    pub(crate) endpoint: u64,
    pub(crate) user: u64,
    /// How many came before it.
    pub(crate) number: usize,
}

/// What happens to a request in place of a limit.
type Accidents = Box<dyn FnMut(Arrival, &mut Rng) -> Option<Reply>>;

/// A server with limits for all, limits for an endpoint, and accidents.
pub(crate) struct Server {
    counters: Vec<Counter>,
    told: Told,
    /// From when on the limits allow another number.
    changes: Option<(Seconds, usize)>,
    accidents: Accidents,
    /// What fails of what its limits let through.
    fails: Box<dyn Fn(Arrival) -> bool>,
}

struct Counter {
    /// Whose it is; without one, the app's.
    endpoint: Option<u64>,
    limit: Limit,
    counted: VecDeque<Seconds>,
}

impl Limit {
    pub(crate) fn rolling(count: usize, window: Seconds) -> Self {
        Self { count, window, is_fixed: false, counts_refused: false }
    }

    pub(crate) fn fixed(self) -> Self {
        Self { is_fixed: true, ..self }
    }

    pub(crate) fn counting_refused(self) -> Self {
        Self { counts_refused: true, ..self }
    }

    pub(crate) fn a_second(self) -> f64 {
        self.count as f64 / self.window
    }
}

impl Server {
    pub(crate) fn unlimited() -> Self {
        let accidents: Accidents = Box::new(|_, _| None);
        let fails = Box::new(|_| false);
        Self { counters: Vec::new(), told: Told::Right, changes: None, accidents, fails }
    }

    /// With a limit for the app.
    pub(crate) fn limited(limit: Limit, told: Told) -> Self {
        Self::unlimited().telling(told).with(None, limit)
    }

    pub(crate) fn telling(self, told: Told) -> Self {
        Self { told, ..self }
    }

    pub(crate) fn with(mut self, endpoint: Option<u64>, limit: Limit) -> Self {
        self.counters.push(Counter { endpoint, limit, counted: VecDeque::new() });
        self
    }

    pub(crate) fn changing(self, at: Seconds, count: usize) -> Self {
        Self { changes: Some((at, count)), ..self }
    }

    pub(crate) fn with_accidents(
        self,
        accidents: impl FnMut(Arrival, &mut Rng) -> Option<Reply> + 'static,
    ) -> Self {
        Self { accidents: Box::new(accidents), ..self }
    }

    pub(crate) fn with_failures(self, fails: impl Fn(Arrival) -> bool + 'static) -> Self {
        Self { fails: Box::new(fails), ..self }
    }

    pub(crate) fn reply(&mut self, arrival: Arrival, random: &mut Rng) -> Reply {
        if let Some(reply) = (self.accidents)(arrival, random) {
            return reply;
        }
        let changed = self.changes.filter(|(at, _)| arrival.time >= *at);
        let is_concerned = |counter: &&mut Counter| {
            counter.endpoint.is_none_or(|endpoint| endpoint == arrival.endpoint)
        };
        let mut wait = 0.0_f64;
        for counter in self.counters.iter_mut().filter(is_concerned) {
            counter.limit.count = changed.map_or(counter.limit.count, |(_, count)| count);
            wait = wait.max(counter.full_for(arrival.time).unwrap_or_default());
        }
        let is_refused = wait > 0.0;
        for counter in self.counters.iter_mut().filter(is_concerned) {
            if !is_refused || counter.limit.counts_refused {
                counter.counted.push_back(arrival.time);
            }
        }
        match is_refused {
            true => Reply::Refused(self.told.says(wait)),
            false if (self.fails)(arrival) => Reply::Failed,
            false => Reply::Good,
        }
    }
}

impl Told {
    fn says(self, wait: Seconds) -> Option<Seconds> {
        match self {
            Self::Right => Some(wait.ceil().max(1.0)),
            Self::Always(seconds) => Some(seconds),
            Self::Missing => None,
        }
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Right => f.write_str("right"),
            Self::Always(seconds) => write!(f, "always {seconds}"),
            Self::Missing => f.write_str("missing"),
        }
    }
}

impl Counter {
    /// For how long there is no room, if there is none.
    fn full_for(&mut self, now: Seconds) -> Option<Seconds> {
        let Limit { count, window, is_fixed, .. } = self.limit;
        let begin = if is_fixed { (now / window).floor() * window } else { now - window };
        let is_over = |then: &Seconds| if is_fixed { *then < begin } else { *then <= begin };
        while self.counted.front().is_some_and(is_over) {
            self.counted.pop_front();
        }
        let freed = *self.counted.get(self.counted.len().checked_sub(count)?)?;
        Some(if is_fixed { begin + window - now } else { freed + window - now })
    }
}

impl Reply {
    /// What the limiter is told.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Good => Outcome::Succeeded,
            Self::Refused(pause) => Outcome::Refused(pause),
            Self::Failed => Outcome::Failed,
            Self::Hangs => Outcome::Nothing,
        }
    }
}
