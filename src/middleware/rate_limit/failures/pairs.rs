//! Endpoints that have failed for a user since their last success for it. Pure.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use super::super::Seconds;
use super::super::pair::Pair;
use super::{FEWEST, PROBE, USERS_SEEN, is_down};

#[derive(Debug, Default)]
pub(super) struct Pairs {
    endpoints: HashMap<u64, Users>,
    count: usize,
    /// When what has not failed for long was forgotten last.
    tidied: Seconds,
}

/// The users for whom an endpoint has failed.
#[derive(Debug, Default)]
struct Users {
    failing: HashMap<u64, Failing>,
    /// Those for whom it failed so often that it may be down for them: nobody else is looked at. Whose
    /// last request is longest ago is first.
    often: BTreeSet<Sent>,
}

/// When a user's last request was sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Seconds,
    user: u64,
}

#[derive(Debug)]
pub(super) struct Failing {
    count: u32,
    first: Seconds,
    last: Seconds,
    /// When a request was sent last, or failed first.
    pub(super) last_sent: Seconds,
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

    /// The users for whom an endpoint is down, in the order of their last requests.
    pub(super) fn down(&self, endpoint: u64, now: Seconds) -> impl Iterator<Item = u64> {
        let users = self.endpoints.get(&endpoint).into_iter();
        users.flat_map(move |users| {
            let is_down = move |user: &u64| {
                users.failing.get(user).is_some_and(|failing| failing.is_down(now))
            };
            users.often.iter().map(|sent| sent.user).filter(is_down)
        })
    }

    /// A request starts. Says whether nothing has failed for it.
    pub(super) fn start(&mut self, pair: Pair, now: Seconds) -> bool {
        self.tidy(now);
        let Some(users) = self.endpoints.get_mut(&pair.endpoint) else { return true };
        let Some(failing) = users.failing.get_mut(&pair.user) else { return true };
        let before = Sent { at: failing.last_sent, user: pair.user };
        failing.last_sent = now;
        if users.often.remove(&before) {
            users.often.insert(Sent { at: now, ..before });
        }
        false
    }

    pub(super) fn failed(&mut self, pair: Pair, now: Seconds) {
        self.make_room(now);
        let users = self.endpoints.entry(pair.endpoint).or_default();
        let new = Failing { count: 0, first: now, last: now, last_sent: now };
        self.count += usize::from(!users.failing.contains_key(&pair.user));
        let failing = users.failing.entry(pair.user).or_insert(new);
        failing.count = failing.count.saturating_add(1);
        failing.last = now;
        if failing.count >= FEWEST {
            users.often.insert(Sent { at: failing.last_sent, user: pair.user });
        }
    }

    pub(super) fn remove(&mut self, pair: Pair) {
        let Some(users) = self.endpoints.get_mut(&pair.endpoint) else { return };
        let Some(failing) = users.failing.remove(&pair.user) else { return };
        self.count -= 1;
        users.often.remove(&Sent { at: failing.last_sent, user: pair.user });
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
        self.forget_older_than(now - USERS_SEEN);
        if self.count >= MOST_PAIRS {
            self.oldest().into_iter().for_each(|pair| self.remove(pair));
        }
    }

    /// What nobody has looked at for long is forgotten, or it would be passed by again and again.
    fn tidy(&mut self, now: Seconds) {
        if now - self.tidied > LONG {
            self.tidied = now;
            self.forget_older_than(now - LONG);
        }
    }

    fn forget_older_than(&mut self, then: Seconds) {
        self.endpoints.retain(|_, users| {
            let Users { failing, often } = users;
            failing.retain(|_, failing| failing.last.max(failing.last_sent) > then);
            often.retain(|sent| failing.contains_key(&sent.user));
            !failing.is_empty()
        });
        self.count = self.endpoints.values().map(|users| users.failing.len()).sum();
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

    /// When it may be looked at.
    pub(super) fn next(&self) -> Seconds {
        self.last_sent + PROBE
    }
}

impl Ord for Sent {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.total_cmp(&other.at).then(self.user.cmp(&other.user))
    }
}

impl PartialOrd for Sent {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sent {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Sent {}

const MOST_PAIRS: usize = 4096;
/// With a request a second, hundreds of users are looked at in this time.
const LONG: Seconds = 600.0;
