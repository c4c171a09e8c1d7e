//! Who goes next of those who may. Pure.
//!
//! | of whom | who is first |
//! |---|---|
//! | one class, nothing fails for them | by place |
//! | one class, they look at what fails | who has been due for longest, and then whose last request is longest ago |
//! | two classes | the urgent; of five that go one is not, in all, of the looks, and of the others |
//! | looks and others | of two that go, one is no look. Then the urgent; in one class by place, where all looks stand where the first of them does; and where it is the turn of one who is not urgent, a look and another alternate |
//! | those who may go beyond the app's rate, and others | the others; then by the turns of the endpoints |
//!
//! So what fails, for any number of users at any number of endpoints, takes half of a rate at most from
//! those who could go, and no user for whom it fails is passed by for ever; calls that are not urgent may
//! be, where urgent ones of the same user have each look. The app's rate is shared out so, and an
//! endpoint's own: there the app says that one of them goes, and its line who that is.

use std::cmp::Ordering;

use super::Seconds;
use super::failures::Failures;
use super::line::{CLASSES, Line};
use super::pair::Pair;
use super::queue::Place;
use super::state::State;
use super::tries::Turn;

/// Who may go, of some endpoints.
pub(super) struct Heads {
    well: Classes,
    looks: Classes,
    /// When the next one may who may not.
    pub(super) until: Seconds,
}

/// The first of each class.
#[derive(Default)]
struct Classes {
    urgent: Option<Head>,
    other: Option<Head>,
}

#[derive(Clone, Copy)]
struct Head {
    /// Where it stands, which is where the first of all looks does.
    stands: (Turn, Place),
    /// What decides between looks.
    order: (Turn, Look, Place),
    goes: Goes,
}

/// Who goes.
#[derive(Clone, Copy)]
pub(super) struct Goes {
    pub(super) endpoint: u64,
    pub(super) place: Place,
    /// Whether it looks at what fails.
    pub(super) is_look: bool,
}

/// A request that looks at what fails.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Look {
    /// Since when it is its turn. It may go before where nobody else does.
    pub(super) due: Seconds,
    /// When the last one to that endpoint was sent for that user.
    pub(super) last: Seconds,
    /// From when on it may go.
    pub(super) from: Seconds,
}

impl Look {
    const NONE: Self = {
        let never = f64::NEG_INFINITY;
        Self { due: never, last: never, from: never }
    };
}

/// Who went last.
#[derive(Debug)]
pub(super) struct Turns {
    /// Urgent requests that went while one waited that was not, since the last such one: in all, of
    /// those that did not look, and of those that did.
    urgent_in_a_row: u32,
    urgent_well_in_a_row: u32,
    urgent_looks_in_a_row: u32,
    /// Whether the last one that was not urgent looked.
    was_other_look: bool,
    /// Requests that went since the last look.
    since_look: u32,
}

impl Turns {
    /// Whose turn it is.
    pub(super) fn next(&self, heads: &Heads) -> Option<Goes> {
        let Heads { well, looks, .. } = heads;
        let is_other_there = well.other.is_some() || looks.other.is_some();
        let is_others_turn = self.urgent_in_a_row >= MOST_URGENT_IN_A_ROW && is_other_there;
        let (well, look) = match is_others_turn {
            // It is no look's turn, however urgent the others are.
            true if self.since_look == 0 => (well.other.or(well.urgent), looks.other),
            true => (well.other, looks.other),
            false => {
                (well.first(self.urgent_well_in_a_row), looks.first(self.urgent_looks_in_a_row))
            }
        };
        let head = match (well, look) {
            (Some(well), Some(look)) if !self.is_looks_turn(well, look, is_others_turn) => well,
            (well, look) => look.or(well)?,
        };
        Some(head.goes)
    }

    fn is_looks_turn(&self, well: Head, look: Head, is_others_turn: bool) -> bool {
        let is_urgent = |head: Head| !head.goes.place.is_other;
        match (is_urgent(well), is_urgent(look)) {
            _ if self.since_look == 0 => false,
            (false, false) if is_others_turn && self.was_other_look => false,
            (true, false) => false,
            (false, true) => true,
            _ => look.stands < well.stands,
        }
    }

    /// One of them goes, who may be another than whose turn it was.
    pub(super) fn went(&mut self, turn_of: Goes, goes: Goes, heads: &Heads) {
        let Heads { well, looks, .. } = heads;
        let is_urgent = !(turn_of.place.is_other && goes.place.is_other);
        let count = |row: &mut u32, waits: bool| match (is_urgent, waits) {
            (true, true) => *row = row.saturating_add(1),
            (true, false) => {}
            (false, _) => *row = 0,
        };
        let (well, look) = (well.other.is_some(), looks.other.is_some());
        count(&mut self.urgent_in_a_row, well || look);
        match goes.is_look {
            true => count(&mut self.urgent_looks_in_a_row, look),
            false => count(&mut self.urgent_well_in_a_row, well),
        }
        if !is_urgent {
            self.was_other_look = goes.is_look;
        }
        self.since_look = if goes.is_look { 0 } else { self.since_look.saturating_add(1) };
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            urgent_in_a_row: 0,
            urgent_well_in_a_row: 0,
            urgent_looks_in_a_row: 0,
            was_other_look: false,
            since_look: u32::MAX,
        }
    }
}

impl Heads {
    pub(super) fn until(until: Seconds) -> Self {
        Self { well: Classes::default(), looks: Classes::default(), until }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.well.is_empty() && self.looks.is_empty()
    }

    /// Those who wait for an endpoint.
    pub(super) fn add<W>(
        &mut self,
        (turn, endpoint): (Turn, u64),
        line: &Line<W>,
        state: &State,
        now: Seconds,
    ) {
        if let Err(obstacle) = state.check_endpoint(endpoint, now) {
            self.until = self.until.min(obstacle.until());
            return;
        }
        let failures = &state.failures;
        let fails_for_all = failures.fails_for_all(endpoint, now);
        let line = Asked { endpoint, line, failures, fails_for_all, now };
        for is_urgent in CLASSES.into_iter().filter(|class| line.line.has(*class)) {
            if let Some(place) = line.first_well(is_urgent) {
                let well = Head::well(turn, endpoint, place);
                let first = self.well.of(is_urgent);
                *first = Head::before(*first, Some(well));
            }
            match line.first_look(is_urgent) {
                Some((look, _)) if look.from > now => self.until = self.until.min(look.from),
                Some((look, place)) => {
                    let stands = line.looks_stand(is_urgent, place);
                    let goes = Goes { endpoint, place, is_look: true };
                    let next = Head { stands: (turn, stands), order: (turn, look, place), goes };
                    let first = self.looks.of(is_urgent);
                    *first = Some(first.map_or(next, |first| first.and(next)));
                }
                None => {}
            }
        }
    }
}

/// Who waits for an endpoint, and what fails for them.
struct Asked<'a, W> {
    endpoint: u64,
    line: &'a Line<W>,
    failures: &'a Failures,
    fails_for_all: bool,
    now: Seconds,
}

impl<W> Asked<'_, W> {
    fn look(&self, user: u64) -> Option<Look> {
        self.failures.look(Pair { endpoint: self.endpoint, user }, self.now)
    }

    fn first_well(&self, is_urgent: bool) -> Option<Place> {
        if self.fails_for_all {
            return None;
        }
        let mut heads = self.line.heads_of(is_urgent);
        heads.find(|(_, user)| self.look(*user).is_none()).map(|(place, _)| place)
    }

    /// The look of a class that is due for longest, or will be next.
    fn first_look(&self, is_urgent: bool) -> Option<(Look, Place)> {
        let (line, failures) = (self.line, self.failures);
        let key = |(look, place): &(Look, Place)| match look.from > self.now {
            true => (true, Look { due: look.from, ..*look }, *place),
            false => (false, *look, *place),
        };
        let in_order =
            |one: &_, other: &_| key(one).partial_cmp(&key(other)).unwrap_or(Ordering::Equal);
        let with_look = |(place, user)| Some((self.look(user)?, place));
        // Those for whom it fails may be many who do not wait, or few of the many who do.
        if self.fails_for_all || failures.suspects(self.endpoint) > line.users() {
            return line.heads_of(is_urgent).filter_map(with_look).min_by(in_order);
        }
        let head = |user| Some((line.head_of(user, is_urgent)?, user)).and_then(with_look);
        // They are in order but for one, for whom all may fail.
        let only = failures.only_user_down(self.now).and_then(head);
        let first = failures.others_down(self.endpoint, self.now).find_map(head);
        only.into_iter().chain(first).min_by(in_order)
    }

    /// Where the first look of a class stands that is due, one of which is at a place; or one who is well
    /// before them.
    fn looks_stand(&self, is_urgent: bool, place: Place) -> Place {
        let mut heads = self.line.heads_of(is_urgent).take_while(|(head, _)| *head < place);
        let stands =
            heads.find(|(_, user)| self.look(*user).is_none_or(|look| look.from <= self.now));
        stands.map_or(place, |(head, _)| head)
    }
}

impl Classes {
    /// The urgent one, but of five that go one is another.
    fn first(&self, urgent_in_a_row: u32) -> Option<Head> {
        match urgent_in_a_row >= MOST_URGENT_IN_A_ROW {
            true => self.other.or(self.urgent),
            false => self.urgent.or(self.other),
        }
    }

    fn is_empty(&self) -> bool {
        self.urgent.is_none() && self.other.is_none()
    }

    fn of(&mut self, is_urgent: bool) -> &mut Option<Head> {
        if is_urgent { &mut self.urgent } else { &mut self.other }
    }
}

impl Head {
    fn well(turn: Turn, endpoint: u64, place: Place) -> Self {
        let goes = Goes { endpoint, place, is_look: false };
        Self { stands: (turn, place), order: (turn, Look::NONE, place), goes }
    }

    /// Who of two goes, where the first of them stands.
    fn and(self, other: Self) -> Self {
        let first = if other.order < self.order { other } else { self };
        let stands = if other.stands < self.stands { other.stands } else { self.stands };
        Self { stands, ..first }
    }

    /// Who of two stands before the other.
    fn before(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if other.stands < one.stands => Some(other),
            (one, other) => one.or(other),
        }
    }
}

/// Of five that go, one is another's, if one waits.
const MOST_URGENT_IN_A_ROW: u32 = 4;
