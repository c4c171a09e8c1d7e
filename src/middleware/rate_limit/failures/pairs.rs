//! Endpoints that have failed for a user since their last success for it. Pure.

use std::collections::{HashMap, HashSet};

use super::super::Seconds;
use super::super::pair::Pair;
use super::{FEWEST, PROBE, USERS_SEEN, is_down};

#[derive(Debug, Default)]
pub(super) struct Pairs {
    endpoints: HashMap<u64, Users>,
    count: usize,
}

/// The users for whom an endpoint has failed.
#[derive(Debug, Default)]
struct Users {
    failing: HashMap<u64, Failing>,
    /// Those for whom it failed so often that it may be down for them: nobody else is looked at.
    often: HashSet<u64>,
}

#[derive(Debug)]
pub(super) struct Failing {
    count: u32,
    first: Seconds,
    last: Seconds,
    /// When it may be looked at.
    pub(super) next: Seconds,
}

impl Pairs {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn get(&self, pair: Pair) -> Option<&Failing> {
        self.endpoints.get(&pair.endpoint)?.failing.get(&pair.user)
    }

    /// For how many users an endpoint may be down.
    pub(super) fn suspects(&self, endpoint: u64) -> usize {
        self.endpoints.get(&endpoint).map_or(0, |users| users.often.len())
    }

    /// The users for whom an endpoint is down.
    pub(super) fn down(&self, endpoint: u64, now: Seconds) -> impl Iterator<Item = u64> {
        let users = self.endpoints.get(&endpoint).into_iter();
        users.flat_map(move |users| {
            let is_down = move |user: &&u64| {
                users.failing.get(user).is_some_and(|failing| failing.is_down(now))
            };
            users.often.iter().filter(is_down).copied()
        })
    }

    /// A request starts. Says whether nothing has failed for it.
    pub(super) fn start(&mut self, pair: Pair, now: Seconds) -> bool {
        let users = self.endpoints.get_mut(&pair.endpoint);
        let failing = users.and_then(|users| users.failing.get_mut(&pair.user));
        let is_new = failing.is_none();
        if let Some(failing) = failing.filter(|failing| failing.is_down(now)) {
            failing.next = now + PROBE;
        }
        is_new
    }

    pub(super) fn failed(&mut self, pair: Pair, now: Seconds) {
        self.make_room(now);
        let users = self.endpoints.entry(pair.endpoint).or_default();
        let new = Failing { count: 0, first: now, last: now, next: 0.0 };
        self.count += usize::from(!users.failing.contains_key(&pair.user));
        let failing = users.failing.entry(pair.user).or_insert(new);
        failing.count = failing.count.saturating_add(1);
        failing.last = now;
        if failing.count >= FEWEST {
            users.often.insert(pair.user);
        }
    }

    pub(super) fn remove(&mut self, pair: Pair) {
        let Some(users) = self.endpoints.get_mut(&pair.endpoint) else { return };
        self.count -= usize::from(users.failing.remove(&pair.user).is_some());
        users.often.remove(&pair.user);
        if users.failing.is_empty() {
            self.endpoints.remove(&pair.endpoint);
        }
    }

    pub(super) fn forget_endpoint(&mut self, endpoint: u64) {
        self.count -= self.endpoints.remove(&endpoint).map_or(0, |users| users.failing.len());
    }

    /// What has not failed for a while is forgotten, and the oldest of too many.
    fn make_room(&mut self, now: Seconds) {
        if self.count < MOST_PAIRS {
            return;
        }
        self.endpoints.retain(|_, users| {
            users.failing.retain(|_, failing| now - failing.last < USERS_SEEN);
            users.often.retain(|user| users.failing.contains_key(user));
            !users.failing.is_empty()
        });
        self.count = self.endpoints.values().map(|users| users.failing.len()).sum();
        if self.count >= MOST_PAIRS {
            self.oldest().into_iter().for_each(|pair| self.remove(pair));
        }
    }

    fn oldest(&self) -> Option<Pair> {
        let of_users = |(endpoint, users): (&u64, &Users)| {
            let by_time = |one: &(&u64, &Failing), other: &(&u64, &Failing)| {
                one.1.last.total_cmp(&other.1.last)
            };
            let oldest = users.failing.iter().min_by(by_time);
            oldest.map(|(user, failing)| (Pair { endpoint: *endpoint, user: *user }, failing.last))
        };
        let oldest = self.endpoints.iter().filter_map(of_users);
        oldest.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(pair, _)| pair)
    }
}

impl Failing {
    pub(super) fn is_down(&self, now: Seconds) -> bool {
        is_down(self.count, self.first, now)
    }
}

const MOST_PAIRS: usize = 4096;
