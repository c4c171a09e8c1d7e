//! Who waits for one endpoint, in order, and who is the first of each user. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Seconds;
use super::queue::{Place, Waiter};
use super::turns::{MOST_URGENT_IN_A_ROW, Turns};

/// Where an endpoint fails for a user, all of that user's waiters are passed by with one look.
#[derive(Debug)]
pub(super) struct Line<W> {
    waiters: BTreeMap<Place, Waiter<W>>,
    users: HashMap<u64, OfUser>,
    /// The first place of each user in each class, and whose it is.
    heads: BTreeMap<Place, u64>,
    /// No waiter's limit is earlier.
    earliest_limit: Seconds,
    /// Who went last.
    pub(super) turns: Turns,
}

/// The places of a user.
#[derive(Debug, Default)]
struct OfUser {
    urgent: BTreeSet<Place>,
    others: BTreeSet<Place>,
    /// Requests that looked at what fails, and were urgent, since the last that was not.
    urgent_looks_in_a_row: u32,
}

impl OfUser {
    fn places(&self, is_urgent: bool) -> &BTreeSet<Place> {
        if is_urgent { &self.urgent } else { &self.others }
    }

    fn places_mut(&mut self, is_urgent: bool) -> &mut BTreeSet<Place> {
        if is_urgent { &mut self.urgent } else { &mut self.others }
    }

    /// How many urgent ones are to look before one that is not.
    fn looks_before_others(&self) -> u32 {
        match self.urgent.is_empty() {
            true => 0,
            false => MOST_URGENT_IN_A_ROW.saturating_sub(self.urgent_looks_in_a_row),
        }
    }
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
        let of_user = self.users.entry(user).or_default();
        let places = of_user.places_mut(!place.is_other);
        places.first().map(|head| self.heads.remove(head));
        change(places);
        if let Some(head) = places.first() {
            self.heads.insert(*head, user);
        }
        if of_user.urgent.is_empty() && of_user.others.is_empty() {
            self.users.remove(&user);
        }
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

    /// The number of users.
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    /// The first of a user in a class.
    pub(super) fn head_of(&self, user: u64, is_urgent: bool) -> Option<Place> {
        #[cfg(test)]
        steps::count(1);
        self.users.get(&user)?.places(is_urgent).first().copied()
    }

    /// How many urgent ones of a user are to look before one that is not.
    pub(super) fn looks_before_others(&self, user: u64) -> u32 {
        self.users.get(&user).map_or(0, OfUser::looks_before_others)
    }

    /// One of a user's looks. Says who it is: the urgent have the user's turns, and leave one of five to
    /// another.
    pub(super) fn look(&mut self, place: Place) -> Place {
        let user = self.waiters.get(&place).map(|waiter| waiter.pair.user);
        let Some(of_user) = user.and_then(|user| self.users.get_mut(&user)) else { return place };
        let is_others_turn = of_user.looks_before_others() == 0;
        let other = of_user.others.first().copied().filter(|_| is_others_turn);
        let place = other.unwrap_or(place);
        of_user.urgent_looks_in_a_row = match place.is_other {
            true => 0,
            false => of_user.urgent_looks_in_a_row.saturating_add(1),
        };
        place
    }

    /// The number of a user's waiters.
    pub(super) fn len_of(&self, user: u64) -> usize {
        self.places_of(user).map(BTreeSet::len).sum()
    }

    /// The places of a user, by class.
    fn places_of(&self, user: u64) -> impl Iterator<Item = &BTreeSet<Place>> {
        #[cfg(test)]
        steps::count(1);
        let of_user = self.users.get(&user).into_iter();
        of_user.flat_map(|of_user| CLASSES.map(|is_urgent| of_user.places(is_urgent)))
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
                None => 0,
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
