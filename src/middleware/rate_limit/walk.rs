//! Random walks over the pure state: what must hold after every step, whatever happens.

#![expect(clippy::panic, reason = "a test that fails is a test that panics")]

use fastrand::Rng;

use super::Seconds;
use super::pair::Pair;
use super::queue::{Place, Queue, Waiter};
use super::state::{Outcome, State, Ticket};

struct Walk {
    state: State,
    queue: Queue<u64>,
    random: Rng,
    now: Seconds,
    number: u64,
    under_way: Vec<Ticket>,
    granted: Vec<(Pair, u64)>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut state = State::new(30.0, 604_800.0);
        for endpoint in 1..=4 {
            state.endpoint(endpoint, 0.0, String::new);
        }
        Self {
            state,
            queue: Queue::new(),
            random: Rng::with_seed(seed),
            now: 0.0,
            number: 0,
            under_way: Vec::new(),
            granted: Vec::new(),
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random.u64(..limit)
    }

    fn step(&mut self) {
        match self.below(10) {
            0..=3 => self.come(),
            4..=7 => self.end(),
            _ => self.now += self.random.f64() * 3.0,
        }
        self.grant();
    }

    fn come(&mut self) {
        self.number += 1;
        let pair = Pair { endpoint: 1 + self.below(4), user: self.below(2) };
        let place = Place::new(false, self.number);
        let limit = f64::INFINITY;
        self.queue.insert(place, Waiter { pair, limit, owner: self.number });
    }

    fn end(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let index = self.below(self.under_way.len() as u64) as usize;
        let ticket = self.under_way.swap_remove(index);
        let outcome = match self.below(10) {
            0 => Outcome::Refused(None),
            1 => Outcome::Refused(Some(self.random.f64() * 40.0)),
            2 => Outcome::Failed,
            3 => Outcome::Nothing,
            _ => Outcome::Succeeded,
        };
        let others = self.queue.len() > 0;
        self.state.settle(ticket, outcome, others, self.now);
    }

    fn grant(&mut self) {
        while self.queue.len() > 0 {
            match self.queue.next(&self.state, self.now) {
                Ok(waiter) => {
                    assert!(
                        self.state.opens(waiter.pair.endpoint, self.now) <= self.now,
                        "nothing goes while closed"
                    );
                    self.granted.push((waiter.pair, waiter.owner));
                    self.under_way.push(self.state.start(waiter.pair, true, self.now));
                }
                Err(then) => {
                    assert!(then > self.now, "time that comes: {then} at {}", self.now);
                    return;
                }
            }
        }
    }

    /// With nothing but successes and time, every waiter goes.
    fn finish(&mut self) {
        for _ in 0..1_000_000 {
            self.grant();
            while let Some(ticket) = self.under_way.pop() {
                self.state.settle(ticket, Outcome::Succeeded, true, self.now);
            }
            if self.queue.len() == 0 {
                return;
            }
            self.now += 1.0;
        }
        panic!("{} still wait", self.queue.len());
    }
}

#[test]
fn no_permit_is_lost_and_order_is_kept() {
    for seed in 1..=100 {
        let mut walk = Walk::new(seed);
        for _ in 0..1000 {
            walk.step();
        }
        walk.finish();
        assert_eq!(walk.granted.len() as u64, walk.number, "seed {seed}");
        for endpoint in 1..=4 {
            for user in 0..2 {
                let pair = Pair { endpoint, user };
                let mine = walk.granted.iter().filter(|(other, _)| *other == pair);
                assert!(mine.map(|(_, number)| number).is_sorted(), "seed {seed}");
            }
        }
    }
}

#[test]
fn an_idle_app_ends_without_a_rate() {
    for seed in 1..=20 {
        let mut walk = Walk::new(seed);
        for _ in 0..1000 {
            walk.step();
        }
        walk.finish();
        walk.now += 3.0 * 86_400.0;
        let State { app, endpoints, .. } = &walk.state;
        let mut buckets = endpoints.values().map(|endpoint| &endpoint.bucket).chain([app]);
        assert!(buckets.all(|bucket| bucket.rate(walk.now).is_none()), "seed {seed}");
    }
}
