//! Endpoints that fail for a user, and an API that fails for all. Pure, with the time as an argument.

use std::collections::HashMap;

use super::Seconds;
use super::state::Pair;

/// Entries only for what fails. Any success ends the entry of its pair, and the outage of all.
#[derive(Debug, Default)]
pub(super) struct Failures {
    pairs: HashMap<Pair, Failing>,
    all: Option<Outage>,
    /// The last user of whom anything was heard, and when, beside the one before.
    users: [(u64, Seconds); 2],
}

/// Failures of one endpoint for one user since its last success.
#[derive(Debug)]
struct Failing {
    count: u32,
    first: Seconds,
    last: Seconds,
    next: Seconds,
}

/// Failures of all since any success.
#[derive(Debug)]
struct Outage {
    count: u32,
    first: Seconds,
    endpoint: u64,
    user: u64,
    has_other_endpoint: bool,
    has_other_user: bool,
    next: Seconds,
    /// When a pair that has not failed may be tried.
    next_new: Seconds,
}

impl Failures {
    /// Until when a pair must wait, if it must.
    pub(super) fn check(&self, pair: Pair, now: Seconds) -> Option<Seconds> {
        let failing = self.pairs.get(&pair);
        let own = failing.filter(|failing| failing.is_down(now)).map(|failing| failing.next);
        let all = self.outage(now).map(|outage| match failing {
            Some(_) => outage.next,
            None => outage.next_new.min(outage.next),
        });
        let next = own.into_iter().chain(all).fold(now, f64::max);
        (next > now).then_some(next)
    }

    /// A request starts, after [`check`](Self::check).
    pub(super) fn start(&mut self, pair: Pair, now: Seconds) {
        let failing = self.pairs.get_mut(&pair);
        let is_new = failing.is_none();
        if let Some(failing) = failing.filter(|failing| failing.is_down(now)) {
            failing.next = now + PROBE;
        }
        let only_user = self.only_user(now);
        let Some(outage) = self.all.as_mut().filter(|it| it.is_down(now, only_user)) else {
            return;
        };
        match is_new && now >= outage.next_new {
            true => outage.next_new = now + NEW_PROBE,
            false => outage.next = now + PROBE,
        }
    }

    /// A success. Says whether it ended an outage of all.
    pub(super) fn succeeded(&mut self, pair: Pair, now: Seconds) -> bool {
        self.heard_of(pair.user, now);
        let was_down = self.outage(now).is_some();
        self.all = None;
        if !self.pairs.is_empty() {
            self.pairs.remove(&pair);
        }
        was_down
    }

    pub(super) fn failed(&mut self, pair: Pair, now: Seconds) {
        self.heard_of(pair.user, now);
        self.make_room(now);
        let new = Failing { count: 0, first: now, last: now, next: 0.0 };
        let failing = self.pairs.entry(pair).or_insert(new);
        (failing.count, failing.last) = (failing.count.saturating_add(1), now);
        let new = Outage {
            count: 0,
            first: now,
            endpoint: pair.endpoint,
            user: pair.user,
            has_other_endpoint: false,
            has_other_user: false,
            next: 0.0,
            next_new: 0.0,
        };
        let outage = self.all.get_or_insert(new);
        outage.count = outage.count.saturating_add(1);
        outage.has_other_endpoint |= outage.endpoint != pair.endpoint;
        outage.has_other_user |= outage.user != pair.user;
    }

    /// Whether an endpoint fails for anybody.
    pub(super) fn is_failing(&self, endpoint: u64, now: Seconds) -> bool {
        self.pairs.iter().any(|(pair, it)| pair.endpoint == endpoint && it.is_down(now))
    }

    /// Whether all fail.
    pub(super) fn all_fail(&self, now: Seconds) -> bool {
        self.outage(now).is_some()
    }

    pub(super) fn forget(&mut self) {
        self.pairs.clear();
        self.all = None;
    }

    fn outage(&self, now: Seconds) -> Option<&Outage> {
        self.all.as_ref().filter(|outage| outage.is_down(now, self.only_user(now)))
    }

    fn heard_of(&mut self, user: u64, now: Seconds) {
        if self.users[0].0 != user {
            self.users[1] = self.users[0];
        }
        self.users[0] = (user, now);
    }

    /// Whether one user alone was heard of lately.
    fn only_user(&self, now: Seconds) -> bool {
        let [(user, _), (other, when)] = self.users;
        user == other || when == 0.0 || now - when > USERS_SEEN
    }

    /// What has not failed for a while is forgotten, and the oldest of too many.
    fn make_room(&mut self, now: Seconds) {
        if self.pairs.len() < MOST_PAIRS {
            return;
        }
        self.pairs.retain(|_, failing| now - failing.last < USERS_SEEN);
        let oldest = self.pairs.iter().min_by(|one, other| one.1.last.total_cmp(&other.1.last));
        let oldest = oldest.map(|(pair, _)| *pair).filter(|_| self.pairs.len() >= MOST_PAIRS);
        if let Some(oldest) = oldest {
            self.pairs.remove(&oldest);
        }
    }
}

impl Failing {
    fn is_down(&self, now: Seconds) -> bool {
        is_down(self.count, self.first, now)
    }
}

impl Outage {
    fn is_down(&self, now: Seconds, only_user: bool) -> bool {
        let by_users = self.has_other_user || only_user;
        self.has_other_endpoint && by_users && is_down(self.count, self.first, now)
    }
}

/// Many at once are a burst; over a second they are a state.
fn is_down(count: u32, first: Seconds, now: Seconds) -> bool {
    count >= MOST_AT_ONCE || (count >= FEWEST && now - first >= 1.0)
}

const FEWEST: u32 = 8;
const MOST_AT_ONCE: u32 = 64;
const PROBE: Seconds = 0.5;
const NEW_PROBE: Seconds = 1.0;
const USERS_SEEN: Seconds = 60.0;
const MOST_PAIRS: usize = 4096;
