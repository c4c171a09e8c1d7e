//! Who waits for a permit, in order. Pure: what is granted to a waiter is its owner's.

use std::collections::HashMap;

use super::Seconds;
use super::bucket::Blocked;
use super::heads::{Goes, Heads};
use super::line::Line;
use super::pair::Pair;
use super::state::State;
use super::tries::Turn;
use super::turns::{MOST_URGENT_IN_A_ROW, Turns};

/// Where somebody stands: the urgent first, and each class by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) is_other: bool,
    pub(super) number: u64,
    /// Tells requests of one call apart: a layer may send several of them at once.
    arrival: u64,
}

impl Place {
    pub(super) fn new(is_urgent: bool, number: u64) -> Self {
        Self { is_other: !is_urgent, number, arrival: 0 }
    }

    pub(super) fn arrived(self, arrival: u64) -> Self {
        Self { arrival, ..self }
    }
}

#[derive(Debug)]
pub(super) struct Waiter<W> {
    pub(super) pair: Pair,
    /// The latest time at which it may go, by its owner's clock.
    pub(super) limit: Seconds,
    /// How it is told.
    pub(super) owner: W,
}

/// One line for each endpoint, so that a closed one is passed by with a look.
#[derive(Debug)]
pub(super) struct Queue<W> {
    lines: HashMap<u64, Line<W>>,
    len: usize,
    /// Who went last within the app's rate, and beyond it.
    turns: Turns,
    turns_beyond: Turns,
}

impl<W> Queue<W> {
    pub(super) fn new() -> Self {
        Self {
            lines: HashMap::new(),
            len: 0,
            turns: Turns::default(),
            turns_beyond: Turns::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether an urgent request waits that may go where the app may.
    pub(super) fn has_urgent(&self, state: &State, now: Seconds) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|(endpoint, line)| {
            let fails = |user| state.failures.check(Pair { endpoint: *endpoint, user }, now);
            let mut urgent = line.heads_of(true);
            !state.is_shut(*endpoint, now) && urgent.any(|(_, user)| fails(user).is_none())
        })
    }

    pub(super) fn len_of(&self, endpoint: u64) -> usize {
        self.lines.get(&endpoint).map_or(0, Line::len)
    }

    /// How many wait for the app: all but those whose own endpoint is closed or paced, who could not
    /// go whatever it grants; of those for whom it fails, one, and of a user for whom all do, one.
    pub(super) fn len_for_app(&self, state: &State, now: Seconds) -> usize {
        let failures = &state.failures;
        let only = failures.only_user_down(now);
        let (mut all, mut looks) = (0, 0);
        for (endpoint, line) in &self.lines {
            if state.is_closed(*endpoint, now) {
                continue;
            }
            let from = state.opens(*endpoint, now).max(now);
            let may_start = state.starts(*endpoint, from, from + NEXT_BATCH);
            let waiting = failures.starts(*endpoint, line.len(), |user| line.len_of(user), now);
            let count = waiting.min(may_start);
            all += count;
            looks += usize::from(count > 0 && only.is_some_and(|user| line.len_of(user) > 0));
        }
        if failures.all_fail_for_all(now) { all.min(1) } else { all - looks.saturating_sub(1) }
    }

    /// Whether anybody waits for the limit that a refusal of an endpoint tells of: not those whom
    /// another endpoint holds back for itself, and nobody for whom requests fail.
    pub(super) fn has_demand(&self, refused: u64, state: &State, now: Seconds) -> bool {
        let mut lines = self.lines.iter().filter(|(endpoint, _)| {
            **endpoint == refused || !state.holds_for_itself(**endpoint, now)
        });
        lines.any(|(endpoint, line)| {
            let fails = |user| state.failures.check(Pair { endpoint: *endpoint, user }, now);
            state.failures.check_all(*endpoint, now).is_none()
                && line.heads().any(|(_, user)| fails(user).is_none())
        })
    }

    pub(super) fn insert(&mut self, place: Place, waiter: Waiter<W>) {
        let line = self.lines.entry(waiter.pair.endpoint).or_insert_with(Line::new);
        self.len += usize::from(line.insert(place, waiter));
    }

    pub(super) fn remove(&mut self, endpoint: u64, place: Place) -> Option<Waiter<W>> {
        let line = self.lines.get_mut(&endpoint)?;
        let waiter = line.remove(place)?;
        if line.is_empty() {
            self.lines.remove(&endpoint);
        }
        self.len -= 1;
        Some(waiter)
    }

    pub(super) fn limit_of(&self, endpoint: u64, place: Place) -> Option<Seconds> {
        self.lines.get(&endpoint)?.limit_of(place)
    }

    /// Its owner, while it waits.
    pub(super) fn owner_of(&mut self, endpoint: u64, place: Place) -> Option<&mut W> {
        self.lines.get_mut(&endpoint)?.owner_of(place)
    }

    /// Takes out all owners of whom that is true.
    pub(super) fn take_owners(&mut self, is_it: impl Fn(&W) -> bool) -> Vec<W> {
        let places = self.lines.iter().flat_map(|(endpoint, line)| {
            line.owners().filter(|(_, owner)| is_it(owner)).map(|(place, _)| (*endpoint, place))
        });
        let places: Vec<_> = places.collect();
        let waiters =
            places.into_iter().filter_map(|(endpoint, place)| self.remove(endpoint, place));
        waiters.map(|waiter| waiter.owner).collect()
    }

    /// How long a request waits at least, with those before its place. Who cannot go before it,
    /// because its own endpoint is closed, paced or fails, is not before it.
    pub(super) fn wait(&self, state: &State, pair: Pair, place: Place, now: Seconds) -> Seconds {
        let own = self.own(state, pair, place, now);
        let is_urgent = !place.is_other;
        let mut wait = state.wait(pair, (own, 0), is_urgent, now);
        // Those who look at what fails have turns of their own.
        let has_turns = state.failures.look(pair, now).is_some();
        if !state.is_paced(now) || state.may_try(pair.endpoint, now) || has_turns {
            return wait;
        }
        let ahead = self.ahead(state, place, now);
        let others = if is_urgent { Vec::new() } else { self.others_of(ahead.clone(), state, now) };
        for _ in 0..MOST_ROUNDS {
            let go = |(endpoint, count): &(u64, usize)| {
                state.starts(*endpoint, now, now + wait).min(*count)
            };
            let before = before(place, ahead.iter().map(go).sum(), others.iter().map(go).sum());
            let longer = state.wait(pair, (own, before), is_urgent, now);
            if longer <= wait {
                break;
            }
            wait = longer;
        }
        wait
    }

    /// The same where the store has not said yet what it grants: it may let a request go sooner than
    /// those before it do.
    pub(super) fn shortest_wait(
        &self,
        state: &State,
        pair: Pair,
        place: Place,
        now: Seconds,
    ) -> Seconds {
        let wait = self.wait(state, pair, place, now);
        let is_urgent = !place.is_other;
        let sooner = state.sooner(is_urgent, now);
        if sooner <= 0.0 {
            return wait;
        }
        let own = self.own(state, pair, place, now);
        state.wait(pair, (own, 0), is_urgent, now).max(wait - sooner)
    }

    /// The waiters before a place at its endpoint, where that has a rate: those of its user, and
    /// those of others who can go.
    fn own(&self, state: &State, pair: Pair, place: Place, now: Seconds) -> usize {
        let Some(line) = self.lines.get(&pair.endpoint) else { return 0 };
        if !state.is_endpoint_paced(pair.endpoint, now) {
            return 0;
        }
        let has_turns = state.failures.look(pair, now).is_some();
        let users = state.failures.users_down(pair.endpoint, now).filter(|_| !has_turns);
        let Some(users) = users else { return line.before_of(pair.user, place) };
        let others: Vec<_> = users.into_iter().filter(|user| *user != pair.user).collect();
        let all_before = |place| {
            line.before(place)
                - others.iter().map(|user| line.before_of(*user, place)).sum::<usize>()
        };
        let all = all_before(place);
        before(place, all, all - all_before(Place::new(false, 0)).min(all))
    }

    /// The waiters before a place at each endpoint, without those for whom it fails, and those who
    /// leave the app's rate to others.
    fn ahead(&self, state: &State, place: Place, now: Seconds) -> Vec<(u64, usize)> {
        let count = |(endpoint, line): (&u64, &Line<W>)| {
            if state.may_try(*endpoint, now) {
                return None;
            }
            let users = state.failures.users_down(*endpoint, now)?;
            let failing = users.into_iter().map(|user| line.before_of(user, place));
            Some((*endpoint, line.before(place) - failing.sum::<usize>()))
        };
        self.lines.iter().filter_map(count).collect()
    }

    /// Those of them who are not urgent, before one who is not.
    fn others_of(
        &self,
        mut ahead: Vec<(u64, usize)>,
        state: &State,
        now: Seconds,
    ) -> Vec<(u64, usize)> {
        let urgent: HashMap<_, _> =
            self.ahead(state, Place::new(false, 0), now).into_iter().collect();
        for (endpoint, count) in &mut ahead {
            *count -= urgent.get(endpoint).copied().unwrap_or_default().min(*count);
        }
        ahead
    }

    /// Takes out who goes next, or says when somebody may.
    pub(super) fn next(&mut self, state: &State, now: Seconds) -> Result<Waiter<W>, Seconds> {
        let blocked = state.check_app(now).err();
        let is_blocked = |endpoint| blocked.is_some() && !state.may_go_beyond(endpoint, now);
        let mut until = blocked.map_or(f64::INFINITY, Blocked::until);
        if blocked.is_some() && !state.is_trial_open(now) {
            return Err(until.min(state.trial_opens()));
        }
        let mut waiting = self.lines.keys().filter(|endpoint| is_blocked(**endpoint));
        if let Some(then) = waiting.find_map(|key| state.may_go_beyond_from(*key, now)) {
            until = until.min(then);
        }
        let mut within = Heads::until(until);
        let mut beyond = Heads::until(until);
        let may_try = |endpoint| state.may_try(endpoint, now);
        for (endpoint, line) in self.lines.iter().filter(|(endpoint, _)| !is_blocked(**endpoint)) {
            match may_try(*endpoint) {
                true => beyond.add((state.turn(*endpoint), *endpoint), line, state, now),
                false => within.add((Turn::first(), *endpoint), line, state, now),
            }
        }
        if within.are_looks() {
            // What fails for all is looked at by one at a time, who would never be one of the others.
            for (endpoint, line) in self.lines.iter().filter(|(endpoint, _)| may_try(**endpoint)) {
                within.add_looks((Turn::first(), *endpoint), line, state, now);
            }
        }
        let until = within.until.min(beyond.until);
        let (heads, is_beyond) = if within.is_empty() { (beyond, true) } else { (within, false) };
        let turns = if is_beyond { &self.turns_beyond } else { &self.turns };
        let turn_of = turns.next(&heads).ok_or(until)?;
        let goes = self.of_its_line(turn_of, is_beyond, &heads, state, now);
        let turns = if is_beyond { &mut self.turns_beyond } else { &mut self.turns };
        turns.went(turn_of, goes, &heads);
        self.remove(goes.endpoint, goes.place).ok_or(now)
    }

    /// Who goes of those at an endpoint, of which one may. Where it has a rate of its own, or goes beyond
    /// the app's, they have turns of their own; where it fails for all, the urgent leave them to others.
    fn of_its_line(
        &mut self,
        turn_of: Goes,
        is_beyond: bool,
        all: &Heads,
        state: &State,
        now: Seconds,
    ) -> Goes {
        let endpoint = turn_of.endpoint;
        let has_turns = is_beyond
            || state.is_endpoint_paced(endpoint, now)
            || (!turn_of.place.is_other && state.failures.fails_for_all(endpoint, now));
        let mut goes = turn_of;
        let Some(line) = self.lines.get_mut(&endpoint) else { return goes };
        match has_turns {
            true => {
                let mut heads = Heads::until(f64::INFINITY);
                heads.add((Turn::first(), endpoint), line, state, now);
                goes = line.turns.next(&heads).unwrap_or(goes);
                line.turns.went(goes, goes, &heads);
            }
            false => line.turns.went(goes, goes, all),
        }
        if goes.is_look() {
            goes.place = line.look(goes.place);
        }
        goes
    }

    /// Takes out those who could not go in time whatever happens.
    pub(super) fn take_hopeless(&mut self, opens: impl Fn(u64) -> Seconds) -> Vec<Waiter<W>> {
        let mut hopeless = Vec::new();
        for (endpoint, line) in &mut self.lines {
            let places = line.hopeless(opens(*endpoint));
            hopeless.extend(places.into_iter().map(|place| (*endpoint, place)));
        }
        hopeless.into_iter().filter_map(|(endpoint, place)| self.remove(endpoint, place)).collect()
    }

    /// Takes out those whose time is over before the starts that the store has granted come to them.
    /// Urgent ones are not before others, nor before each other: each may be granted one of its own.
    pub(super) fn take_late(
        &mut self,
        state: &State,
        limit: impl Fn(&Waiter<W>) -> Seconds,
        now: Seconds,
    ) -> Vec<Waiter<W>> {
        let Some(last) = state.last_start().filter(|last| *last > now) else { return Vec::new() };
        let lines = self.lines.iter().flat_map(|(endpoint, line)| {
            line.waiters().map(|(place, waiter)| (place, *endpoint, limit(waiter)))
        });
        let mut in_order: Vec<_> = lines.filter(|(.., limit)| *limit < last).collect();
        in_order.sort_unstable_by_key(|(place, ..)| *place);
        let take = |(place, endpoint, limit): (Place, u64, Seconds)| {
            let before = match place.is_other {
                true => self.others_of(self.ahead(state, place, now), state, now),
                false => Vec::new(),
            };
            let before = before
                .into_iter()
                .map(|(endpoint, count)| state.starts(endpoint, now, limit).min(count));
            let start = state.start_after(before.sum(), !place.is_other, now);
            (start > limit).then(|| self.remove(endpoint, place))?
        };
        in_order.into_iter().filter_map(take).collect()
    }
}

/// How many go before a place at least, of all who stand before it and those of them who are not urgent:
/// of five that go one is not.
fn before(place: Place, all: usize, others: usize) -> usize {
    let most = others.saturating_add((others + 1).saturating_mul(MOST_URGENT_IN_A_ROW as usize));
    if place.is_other { all.min(most) } else { all }
}

/// An estimate from below, each time with those who can go within the one before: too short a one
/// lets a request wait that could have failed at once.
const MOST_ROUNDS: u32 = 16;
/// Starts that are asked for are to be used about so soon.
const NEXT_BATCH: Seconds = 0.3;
