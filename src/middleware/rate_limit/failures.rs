//! Endpoints that fail for a user or for several, and an API that fails for all. Pure, with the
//! time as an argument.
//!
//! | what fails | which failures | looked at |
//! |---|---|---|
//! | an endpoint, for a user | of the two, since their last success | each half second |
//! | an endpoint, for all | of two users there at least, since anybody's last success there | each half second, and each second by a user of whom it has not failed |
//! | the API, for all | over two endpoints at least, of two users, since any success | likewise |
//! | the API, for a user | of the only one, or of one for three seconds, over two endpoints at least, since any success | likewise |

mod pairs;

use std::collections::HashMap;

use self::pairs::{Failing, Pairs};
use super::Seconds;
use super::heads::Look;
use super::pair::Pair;

/// Entries only for what fails. Any success ends those of its pair and its endpoint, and the outage
/// of all.
#[derive(Debug, Default)]
pub(super) struct Failures {
    pairs: Pairs,
    endpoints: HashMap<u64, Outage>,
    all: Option<Outage>,
    /// The last user of whom anything was heard, and when, beside the one before.
    users: [(u64, Seconds); 2],
}

/// What a success ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ended {
    Nothing,
    /// An outage of its endpoint.
    OfEndpoint,
    OfAll,
}

/// Failures of an endpoint, or of all, since any success there.
#[derive(Debug)]
struct Outage {
    count: u32,
    first: Seconds,
    last: Seconds,
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
        self.look(pair, now).map(|look| look.from).filter(|from| *from > now)
    }

    /// Where something fails for a pair: what a request of it would be.
    pub(super) fn look(&self, pair: Pair, now: Seconds) -> Option<Look> {
        let failing = self.pairs.get(pair);
        let is_new = failing.is_none();
        let own = failing.filter(|failing| failing.is_down(now)).map(Failing::next);
        let there = self.outage_of(pair.endpoint, now);
        let all = self.outage(now).filter(|outage| outage.is_of(pair.user));
        let latest = |of: fn(&Outage) -> Seconds| {
            [own, there.map(of), all.map(of)].into_iter().flatten().reduce(f64::max)
        };
        let due = latest(if is_new { |outage| outage.next_new } else { |outage| outage.next })?;
        let from = if is_new { latest(|outage| outage.next_for(true))? } else { due };
        let last = failing.map_or(f64::NEG_INFINITY, |failing| failing.last_sent);
        Some(Look { due, last, from, is_new })
    }

    /// Until when all users of an endpoint must wait, if they must; some of them for longer.
    pub(super) fn check_all(&self, endpoint: u64, now: Seconds) -> Option<Seconds> {
        let there = self.outage_of(endpoint, now).map(|outage| outage.next_for(true));
        let all = self.outage(now).filter(|outage| outage.has_other_user);
        let all = all.map(|outage| outage.next_for(true));
        let next = there.into_iter().chain(all).fold(now, f64::max);
        (next > now).then_some(next)
    }

    /// The users for whom alone an endpoint fails; nothing where it fails for all, or for too many
    /// to count.
    pub(super) fn users_down(&self, endpoint: u64, now: Seconds) -> Option<Vec<u64>> {
        if self.fails_for_all(endpoint, now) || self.pairs.suspects(endpoint) > MOST_TOLD {
            return None;
        }
        Some(self.down(endpoint, now).collect())
    }

    /// For how many users an endpoint may be down, those included for whom it fails no longer.
    pub(super) fn suspects(&self, endpoint: u64) -> usize {
        self.pairs.suspects(endpoint)
    }

    /// How many requests may go soon, of those that wait at an endpoint, in all and of a user: where
    /// it fails, one, to look. That counts also while it is not due, or it would take the start of
    /// another when it is.
    pub(super) fn starts(
        &self,
        endpoint: u64,
        waiting: usize,
        waiting_of: impl Fn(u64) -> usize,
        now: Seconds,
    ) -> usize {
        if self.fails_for_all(endpoint, now) {
            return waiting.min(1);
        }
        let behind = |user| waiting_of(user).saturating_sub(1);
        waiting - self.down(endpoint, now).map(behind).sum::<usize>()
    }

    /// Whether all fail, of all users.
    pub(super) fn all_fail_for_all(&self, now: Seconds) -> bool {
        self.outage(now).is_some_and(|outage| outage.has_other_user)
    }

    /// Whether an endpoint fails for all.
    pub(super) fn fails_for_all(&self, endpoint: u64, now: Seconds) -> bool {
        self.all_fail_for_all(now) || self.outage_of(endpoint, now).is_some()
    }

    /// The user for whom alone all fail.
    pub(super) fn only_user_down(&self, now: Seconds) -> Option<u64> {
        self.outage(now).filter(|outage| !outage.has_other_user).map(|outage| outage.user)
    }

    /// The users for whom an endpoint fails that does not for all.
    fn down(&self, endpoint: u64, now: Seconds) -> impl Iterator<Item = u64> {
        let only = self.only_user_down(now);
        only.into_iter().chain(self.others_down(endpoint, now))
    }

    /// The same without one for whom all fail, in the order of their last requests.
    pub(super) fn others_down(&self, endpoint: u64, now: Seconds) -> impl Iterator<Item = u64> {
        let only = self.only_user_down(now);
        self.pairs.down(endpoint, now).filter(move |user| Some(*user) != only)
    }

    /// A request starts, after [`check`](Self::check).
    pub(super) fn start(&mut self, pair: Pair, now: Seconds) {
        let is_new = self.pairs.start(pair, now);
        let only_user = self.only_user(now);
        let there =
            self.endpoints.get_mut(&pair.endpoint).filter(|failing| failing.is_down_there(now));
        let all = self.all.as_mut().filter(|failing| failing.is_down(now, only_user));
        let all = all.filter(|failing| failing.is_of(pair.user));
        there.into_iter().chain(all).for_each(|outage| outage.probe(is_new, now));
    }

    pub(super) fn succeeded(&mut self, pair: Pair, now: Seconds) -> Ended {
        self.heard_of(pair.user, now);
        if self.is_quiet() {
            return Ended::Nothing;
        }
        let all = self.outage(now).filter(|outage| outage.is_of(pair.user));
        let ended = match (all, self.outage_of(pair.endpoint, now)) {
            (Some(_), _) => Ended::OfAll,
            (None, Some(_)) => Ended::OfEndpoint,
            (None, None) => Ended::Nothing,
        };
        self.all = None;
        self.endpoints.remove(&pair.endpoint);
        self.pairs.remove(pair);
        ended
    }

    /// Whether nothing has failed.
    pub(super) fn is_quiet(&self) -> bool {
        self.all.is_none() && self.endpoints.is_empty() && self.pairs.is_empty()
    }

    pub(super) fn failed(&mut self, pair: Pair, now: Seconds) {
        self.heard_of(pair.user, now);
        self.make_room(now);
        self.pairs.failed(pair, now);
        let there = self.endpoints.entry(pair.endpoint);
        there.or_insert_with(|| Outage::new(pair, now)).count(pair, now);
        self.all.get_or_insert_with(|| Outage::new(pair, now)).count(pair, now);
    }

    /// Whether an endpoint fails for anybody.
    pub(super) fn is_failing(&self, endpoint: u64, now: Seconds) -> bool {
        self.outage_of(endpoint, now).is_some() || self.pairs.down(endpoint, now).next().is_some()
    }

    /// Whether all fail.
    pub(super) fn all_fail(&self, now: Seconds) -> bool {
        self.outage(now).is_some()
    }

    pub(super) fn forget(&mut self) {
        *self = Self { users: self.users, ..Self::default() };
    }

    pub(super) fn forget_endpoint(&mut self, endpoint: u64) {
        self.endpoints.remove(&endpoint);
        self.pairs.forget_endpoint(endpoint);
    }

    fn outage(&self, now: Seconds) -> Option<&Outage> {
        self.all.as_ref().filter(|outage| outage.is_down(now, self.only_user(now)))
    }

    fn outage_of(&self, endpoint: u64, now: Seconds) -> Option<&Outage> {
        self.endpoints.get(&endpoint).filter(|outage| outage.is_down_there(now))
    }

    fn heard_of(&mut self, user: u64, now: Seconds) {
        if self.users[0].0 != user {
            self.users[1] = self.users[0];
        }
        self.users[0] = (user, now);
    }

    /// Whether one user alone was heard of lately. Another one who sends requests would soon have
    /// ended the failures of all with a success, or failed too.
    fn only_user(&self, now: Seconds) -> bool {
        let [(user, _), (other, when)] = self.users;
        let is_alone = user == other || when == 0.0 || now - when > USERS_SEEN;
        is_alone || self.all.as_ref().is_some_and(|outage| now - outage.first >= OTHERS_SOON)
    }

    /// What has not failed for a while is forgotten.
    fn make_room(&mut self, now: Seconds) {
        if self.endpoints.len() >= MOST_ENDPOINTS {
            self.endpoints.retain(|_, outage| now - outage.last < USERS_SEEN);
        }
    }
}

impl Outage {
    fn new(pair: Pair, now: Seconds) -> Self {
        Self {
            count: 0,
            first: now,
            last: now,
            endpoint: pair.endpoint,
            user: pair.user,
            has_other_endpoint: false,
            has_other_user: false,
            next: now,
            next_new: now,
        }
    }

    fn count(&mut self, pair: Pair, now: Seconds) {
        self.count = self.count.saturating_add(1);
        self.last = now;
        self.has_other_endpoint |= self.endpoint != pair.endpoint;
        self.has_other_user |= self.user != pair.user;
    }

    /// Whether a user is among those for whom it is known: what fails for one alone holds up no
    /// other.
    fn is_of(&self, user: u64) -> bool {
        self.has_other_user || self.user == user
    }

    /// When a pair may be tried, one that has not failed or another.
    fn next_for(&self, is_new: bool) -> Seconds {
        if is_new { self.next_new.min(self.next) } else { self.next }
    }

    fn probe(&mut self, is_new: bool, now: Seconds) {
        match is_new && now >= self.next_new {
            true => self.next_new = now + NEW_PROBE,
            false => self.next = now + PROBE,
        }
    }

    /// Of one endpoint: for a single user, its pair says it.
    fn is_down_there(&self, now: Seconds) -> bool {
        self.has_other_user && is_down(self.count, self.first, now)
    }

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
const OTHERS_SOON: Seconds = 3.0;
/// Of more, an estimate of how long a request waits leaves out all who wait for the endpoint.
const MOST_TOLD: usize = 64;
/// More than are told apart.
const MOST_ENDPOINTS: usize = 512;
