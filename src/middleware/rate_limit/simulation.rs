//! The limiter before simulated servers, in virtual time: a table of scenarios with their bounds.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use super::Seconds;
use super::state::{Obstacle, Outcome, Pair, State, Ticket};

/// What a refusal says.
#[derive(Debug, Clone, Copy)]
pub(super) enum RetryAfter {
    /// Whole seconds until there is room.
    Right,
    Always(u32),
}

/// A limit over a rolling window, which may change once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) count: usize,
    pub(super) window: Seconds,
    pub(super) retry_after: RetryAfter,
    pub(super) then: Option<(Seconds, usize)>,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    pub(super) limit: Limit,
    /// Callers that always have something to send.
    pub(super) callers: usize,
    pub(super) endpoints: u64,
    pub(super) latency: Seconds,
    pub(super) lasts: Seconds,
    /// The limiter's option.
    pub(super) window: Seconds,
    /// The share of refusals whatever the load is.
    pub(super) strays: f64,
    /// Clients that share nothing.
    pub(super) processes: usize,
}

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    /// Successes over what the limit allowed.
    pub(super) share: f64,
    /// Refused requests, less what was under way at the first refusal, over all.
    pub(super) refused: f64,
    /// The same after two minutes.
    pub(super) refused_later: f64,
    /// When each success came.
    pub(super) successes: Vec<Seconds>,
    pub(super) by_process: Vec<usize>,
}

impl Default for Scenario {
    fn default() -> Self {
        let limit = Limit { count: 300, window: 30.0, retry_after: RetryAfter::Right, then: None };
        Self {
            limit,
            callers: 16,
            endpoints: 1,
            latency: 0.05,
            lasts: 600.0,
            window: 30.0,
            strays: 0.0,
            processes: 1,
        }
    }
}

struct Server {
    limit: Limit,
    accepted: VecDeque<Seconds>,
    strays: f64,
}

impl Server {
    fn judge(&mut self, now: Seconds, random: &mut Random) -> Outcome {
        let Limit { count, window, retry_after, then } = self.limit;
        let count = then.filter(|(from, _)| now >= *from).map_or(count, |(_, count)| count);
        while self.accepted.front().is_some_and(|first| now - first >= window) {
            self.accepted.pop_front();
        }
        if self.strays > 0.0 && random.next() < self.strays {
            return Outcome::Refused(Some(1.0));
        }
        if self.accepted.len() < count {
            self.accepted.push_back(now);
            return Outcome::Succeeded;
        }
        let room = self.accepted.get(self.accepted.len() - count).copied().unwrap_or(now);
        let right = (room + window - now).ceil().max(1.0);
        Outcome::Refused(Some(match retry_after {
            RetryAfter::Right => right,
            RetryAfter::Always(seconds) => f64::from(seconds),
        }))
    }
}

/// A generator that is the same everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 to 1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

enum Event {
    Arrives(usize, Ticket),
    Returns(usize, Ticket, Outcome),
    Wakes(usize),
}

struct Timed {
    at: Seconds,
    number: u64,
    event: Event,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timed {}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timed {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then(other.number.cmp(&self.number))
    }
}

/// Clients and callers before one server.
struct World {
    scenario: Scenario,
    server: Server,
    random: Random,
    events: BinaryHeap<Timed>,
    number: u64,
    now: Seconds,
    clients: Vec<Client>,
    run: Run,
    sent: usize,
    refused: Vec<(Seconds, Seconds)>,
    sent_later: usize,
}

struct Client {
    state: State,
    /// Pairs that wait, in order, and whether they waited before.
    queue: VecDeque<(Pair, bool)>,
    wakes_at: Seconds,
}

impl World {
    fn new(scenario: Scenario, seed: u64) -> Self {
        let callers = scenario.callers / scenario.processes;
        let client = |_| Client {
            state: State::new(scenario.window, 7.0 * 86_400.0),
            queue: (0..callers)
                .map(|caller| {
                    (Pair { endpoint: 1 + caller as u64 % scenario.endpoints, user: 0 }, false)
                })
                .collect(),
            wakes_at: f64::INFINITY,
        };
        let server =
            Server { limit: scenario.limit, accepted: VecDeque::new(), strays: scenario.strays };
        Self {
            scenario,
            server,
            random: Random::new(seed),
            events: BinaryHeap::new(),
            number: 0,
            now: 0.0,
            clients: (0..scenario.processes).map(client).collect(),
            run: Run { by_process: vec![0; scenario.processes], ..Run::default() },
            sent: 0,
            refused: Vec::new(),
            sent_later: 0,
        }
    }

    fn run(mut self) -> Run {
        for client in &mut self.clients {
            for endpoint in 1..=self.scenario.endpoints {
                client.state.endpoint(endpoint, 0.0, String::new);
            }
        }
        for client in 0..self.clients.len() {
            self.dispatch(client);
        }
        while let Some(Timed { at, event, .. }) = self.events.pop() {
            if at > self.scenario.lasts {
                break;
            }
            self.now = at;
            self.on(event);
        }
        self.sum()
    }

    #[expect(clippy::needless_pass_by_value, reason = "an event happens once")]
    fn on(&mut self, event: Event) {
        match event {
            Event::Arrives(client, ticket) => {
                let outcome = self.server.judge(self.now, &mut self.random);
                let back = self.half_way();
                self.push(back, Event::Returns(client, ticket, outcome));
            }
            Event::Returns(client, ticket, outcome) => self.returned(client, ticket, outcome),
            Event::Wakes(client) => {
                self.clients[client].wakes_at = f64::INFINITY;
                self.dispatch(client);
            }
        }
    }

    fn returned(&mut self, client: usize, ticket: Ticket, outcome: Outcome) {
        let Client { state, queue, .. } = &mut self.clients[client];
        state.settle(ticket, outcome, !queue.is_empty(), self.now);
        match outcome {
            Outcome::Succeeded => {
                self.run.successes.push(self.now);
                self.run.by_process[client] += 1;
                queue.push_back((ticket.pair, false));
            }
            // A call keeps its place.
            _ => {
                self.refused.push((ticket.sent, self.now));
                queue.push_front((ticket.pair, true));
            }
        }
        self.dispatch(client);
    }

    fn dispatch(&mut self, client: usize) {
        let mut blocked_until = f64::INFINITY;
        let mut skipped = VecDeque::new();
        while let Some((pair, waited)) = self.clients[client].queue.pop_front() {
            let state = &mut self.clients[client].state;
            match state.check(pair, self.now) {
                Ok(()) => {
                    let ticket = state.start(pair, waited, self.now);
                    self.sent += 1;
                    self.sent_later += usize::from(self.now > 120.0);
                    let there = self.half_way();
                    self.push(there, Event::Arrives(client, ticket));
                }
                Err(obstacle) => {
                    let until = match obstacle {
                        Obstacle::App(blocked) | Obstacle::Endpoint(blocked) => blocked.until(),
                        Obstacle::Failing(until) => until,
                    };
                    blocked_until = until.min(blocked_until);
                    skipped.push_back((pair, true));
                    if matches!(obstacle, Obstacle::App(_)) || self.scenario.endpoints == 1 {
                        break;
                    }
                }
            }
        }
        let here = &mut self.clients[client];
        while let Some(one) = skipped.pop_back() {
            here.queue.push_front(one);
        }
        here.queue.iter_mut().for_each(|(_, waited)| *waited = true);
        if blocked_until < here.wakes_at && !here.queue.is_empty() {
            here.wakes_at = blocked_until;
            // A timer is late by up to two milliseconds.
            let late = self.random.next() * 0.002;
            self.push(blocked_until - self.now + late, Event::Wakes(client));
        }
    }

    fn half_way(&mut self) -> Seconds {
        self.scenario.latency / 2.0 * (0.9 + 0.2 * self.random.next())
    }

    fn push(&mut self, after: Seconds, event: Event) {
        self.number += 1;
        self.events.push(Timed { at: self.now + after.max(0.0), number: self.number, event });
    }

    fn sum(mut self) -> Run {
        let Limit { count, window, then, .. } = self.scenario.limit;
        let lasts = self.scenario.lasts;
        let per = |count: usize, time: Seconds| count as f64 * time / window;
        let ideal = match then {
            Some((from, other)) => per(count, from) + per(other, lasts - from),
            None => per(count, lasts) + count as f64 * (1.0 - lasts % window / window).fract(),
        };
        let first = self.refused.iter().map(|(_, at)| *at).fold(f64::INFINITY, f64::min);
        let fault = self.refused.iter().filter(|(sent, _)| *sent > first).count();
        let later = self.refused.iter().filter(|(sent, _)| *sent > 120.0).count();
        self.run.share = self.run.successes.len() as f64 / ideal;
        self.run.refused = fault as f64 / self.sent as f64;
        self.run.refused_later = later as f64 / self.sent_later.max(1) as f64;
        self.run
    }
}

impl Scenario {
    pub(super) fn run(self, seed: u64) -> Run {
        World::new(self, seed).run()
    }

    /// The worst of ten seeds, each figure for itself.
    pub(super) fn worst(self) -> Run {
        let runs = (1..=10).map(|seed| self.run(seed));
        runs.reduce(|one, other| Run {
            share: one.share.min(other.share),
            refused: one.refused.max(other.refused),
            refused_later: one.refused_later.max(other.refused_later),
            ..one
        })
        .unwrap_or_default()
    }
}

mod tests {
    use super::*;

    fn limit(count: usize, window: Seconds, retry_after: RetryAfter) -> Limit {
        Limit { count, window, retry_after, then: None }
    }

    /// Rows that allow 60 in 30 s or more: nine tenths of the limit, and few refused.
    #[test]
    fn a_limit_is_used_to_nine_tenths_and_rarely_met() {
        for (count, window, retry_after, latency) in [
            (300, 30.0, RetryAfter::Right, 0.05),
            (300, 30.0, RetryAfter::Always(1), 0.05),
            (300, 30.0, RetryAfter::Always(5), 0.05),
            (300, 30.0, RetryAfter::Always(30), 0.05),
            (180, 30.0, RetryAfter::Right, 0.05),
            (250, 30.0, RetryAfter::Always(1), 0.25),
            (123, 10.0, RetryAfter::Right, 0.02),
            (5, 1.0, RetryAfter::Right, 0.05),
        ] {
            let limit = limit(count, window, retry_after);
            let run = Scenario { limit, latency, ..Scenario::default() }.worst();
            let figures = (limit, run.share, run.refused, run.refused_later);
            assert!(run.share >= 0.9, "{figures:?}");
            assert!(run.refused <= 0.03 && run.refused_later <= 0.01, "{figures:?}");
        }
    }

    /// Told the server's window, the limiter meets limits that 30 s say nothing about.
    #[test]
    fn the_window_can_be_set() {
        for (count, window, least) in [(77, 60.0, 0.9), (333, 60.0, 0.9), (40, 5.0, 0.88)] {
            let limit = limit(count, window, RetryAfter::Right);
            let scenario = Scenario { limit, window, latency: 0.2, ..Scenario::default() };
            let run = scenario.worst();
            assert!(run.share >= least, "{limit:?} {}", run.share);
        }
    }

    #[test]
    fn a_limit_that_is_halved_is_learnt_within_a_minute() {
        for retry_after in [RetryAfter::Right, RetryAfter::Always(1), RetryAfter::Always(5)] {
            let then = Some((300.0, 150));
            let limit = Limit { then, ..limit(300, 30.0, retry_after) };
            for seed in 1..=10 {
                let run = Scenario { limit, lasts: 420.0, ..Scenario::default() }.run(seed);
                let late = run.successes.iter().filter(|at| (360.0..420.0).contains(*at)).count();
                assert!(late >= 270, "{retry_after:?}, seed {seed}: {late} of 300");
            }
        }
    }

    #[test]
    fn strays_cost_their_pauses() {
        for seed in 1..=10 {
            let limit = limit(1_000_000, 30.0, RetryAfter::Right);
            let scenario = Scenario { limit, strays: 0.01, callers: 4, ..Scenario::default() };
            let run = scenario.run(seed);
            // Each hundred requests lose a second, and the doubling after it.
            assert!(run.successes.len() > 15_000, "seed {seed}: {}", run.successes.len());
        }
    }

    #[test]
    fn processes_that_share_nothing_share_a_limit() {
        for processes in [1, 2, 4, 16] {
            let scenario =
                Scenario { processes, callers: processes.max(4) * 4, ..Scenario::default() };
            let run = scenario.worst();
            assert!(run.share >= 0.9, "{processes}: {}", run.share);
        }
    }
}
