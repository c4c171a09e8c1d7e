//! Who waits for one endpoint, in order, and who is the first of each user. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Seconds;
use super::heads::Turns;
use super::queue::{Place, Waiter};

/// Where an endpoint fails for a user, all of that user's waiters are passed by with one look.
#[derive(Debug)]
pub(super) struct Line<W> {
    waiters: BTreeMap<Place, Waiter<W>>,
    /// The places of each user, by class.
    users: HashMap<(u64, bool), BTreeSet<Place>>,
    /// The first place of each user in each class, and whose it is.
    heads: BTreeMap<Place, u64>,
    /// No waiter's limit is earlier.
    earliest_limit: Seconds,
    /// Who went last where it has a rate of its own.
    pub(super) turns: Turns,
}

impl<W> Line<W> {
    pub(super) fn new() -> Self {
        let waiters = BTreeMap::new();
        let users = HashMap::new();
        let heads = BTreeMap::new();
        Self { waiters, users, heads, earliest_limit: f64::INFINITY, turns: Turns::default() }
    }

    /// Says whether nobody stood there.
    pub(super) fn insert(&mut self, place: Place, waiter: Waiter<W>) -> bool {
        self.earliest_limit = self.earliest_limit.min(waiter.limit);
        self.change_places(waiter.pair.user, place, |places| {
            places.insert(place);
        });
        self.waiters.insert(place, waiter).is_none()
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Waiter<W>> {
        let waiter = self.waiters.remove(&place)?;
        self.change_places(waiter.pair.user, place, |places| {
            places.remove(&place);
        });
        Some(waiter)
    }

    fn change_places(
        &mut self,
        user: u64,
        place: Place,
        change: impl FnOnce(&mut BTreeSet<Place>),
    ) {
        let key = (user, place.is_other);
        let places = self.users.entry(key).or_default();
        places.first().map(|head| self.heads.remove(head));
        change(places);
        match places.first() {
            Some(head) => self.heads.insert(*head, user),
            None => self.users.remove(&key).and(None),
        };
    }

    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// The first of each user in each class, in order.
    pub(super) fn heads(&self) -> impl Iterator<Item = (Place, u64)> {
        CLASSES.into_iter().flat_map(|is_urgent| self.heads_of(is_urgent))
    }

    /// The first of each user in a class, in order.
    pub(super) fn heads_of(&self, is_urgent: bool) -> impl Iterator<Item = (Place, u64)> {
        let others = Place::new(false, 0);
        let heads = match is_urgent {
            true => self.heads.range(..others),
            false => self.heads.range(others..),
        };
        heads.map(|(place, user)| {
            #[cfg(test)]
            steps::count(1);
            (*place, *user)
        })
    }

    /// Whether anybody of a class waits.
    pub(super) fn has(&self, is_urgent: bool) -> bool {
        let head =
            if is_urgent { self.heads.first_key_value() } else { self.heads.last_key_value() };
        head.is_some_and(|(place, _)| place.is_other != is_urgent)
    }

    /// The number of users, or a little more.
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    /// The first of a user in a class.
    pub(super) fn head_of(&self, user: u64, is_urgent: bool) -> Option<Place> {
        #[cfg(test)]
        steps::count(1);
        self.users.get(&(user, !is_urgent))?.first().copied()
    }

    /// The number of a user's waiters.
    pub(super) fn len_of(&self, user: u64) -> usize {
        self.places_of(user).map(BTreeSet::len).sum()
    }

    /// The places of a user, by class.
    fn places_of(&self, user: u64) -> impl Iterator<Item = &BTreeSet<Place>> {
        #[cfg(test)]
        steps::count(1);
        [false, true].into_iter().filter_map(move |class| self.users.get(&(user, class)))
    }

    pub(super) fn limit_of(&self, place: Place) -> Option<Seconds> {
        Some(self.waiters.get(&place)?.limit)
    }

    pub(super) fn owner_of(&mut self, place: Place) -> Option<&mut W> {
        Some(&mut self.waiters.get_mut(&place)?.owner)
    }

    pub(super) fn waiters(&self) -> impl Iterator<Item = (Place, &Waiter<W>)> {
        self.waiters.iter().map(|(place, waiter)| (*place, waiter))
    }

    pub(super) fn owners(&self) -> impl Iterator<Item = (Place, &W)> {
        self.waiters.iter().map(|(place, waiter)| (*place, &waiter.owner))
    }

    /// The number of waiters before a place.
    pub(super) fn before(&self, place: Place) -> usize {
        // Most come last, so that they need not be counted one by one.
        match self.waiters.last_key_value() {
            Some((last, _)) if *last < place => self.len(),
            _ => self.waiters.range(..place).count(),
        }
    }

    /// The number of a user's waiters before a place.
    pub(super) fn before_of(&self, user: u64, place: Place) -> usize {
        self.places_of(user)
            .map(|places| match places.last() {
                Some(last) if *last < place => places.len(),
                _ => places.range(..place).count(),
            })
            .sum()
    }

    /// The places of those who may not wait until a time. They are looked for only where there may
    /// be any.
    pub(super) fn hopeless(&mut self, opens: Seconds) -> Vec<Place> {
        if opens <= self.earliest_limit {
            return Vec::new();
        }
        #[cfg(test)]
        steps::count(self.len());
        let mut hopeless = Vec::new();
        let mut earliest = f64::INFINITY;
        for (place, waiter) in &self.waiters {
            match opens > waiter.limit {
                true => hopeless.push(*place),
                false => earliest = earliest.min(waiter.limit),
            }
        }
        self.earliest_limit = earliest;
        hopeless
    }
}

/// Whether who is in it is urgent.
pub(super) const CLASSES: [bool; 2] = [true, false];

/// Counts who is looked at, for tests of what many waiters cost.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local!(static STEPS: Cell<usize> = const { Cell::new(0) });

    pub(super) fn count(steps: usize) {
        STEPS.set(STEPS.get() + steps);
    }

    pub(in super::super) fn take() -> usize {
        STEPS.take()
    }
}
