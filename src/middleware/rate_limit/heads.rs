//! Who goes next of those who may. Pure.
//!
//! | of whom | who is first |
//! |---|---|
//! | one class, nothing fails for them | by place |
//! | one class, they look at what fails | who has been due for longest, and then whose last request is longest ago |
//! | two classes | the urgent; of five that go one is not: in all, of the looks, of the others, of a user's looks at an endpoint, and of all looks at one that fails for all |
//! | looks for whom something has failed, and those for whom it fails as for all | who has been due for longest; where all fails, in turn |
//! | looks and others | of two that go, one is no look. Then the urgent; in one class by place, where all looks stand where the first of them does; and where it is the turn of one who is not urgent, a look and another alternate |
//! | those who may go beyond the app's rate, and others | the others; then by the turns of the endpoints |
//!
//! So what fails, for any number of users at any number of endpoints, takes half of a rate at most from
//! those who could go, and no user for whom it fails alone is passed by for ever. Where it fails for all, the
//! requests of some hang, and others may go beyond the app's rate, a few may be, until it ends.
//!
//! The app's rate is shared out so, and an endpoint's own: there the app says that one of them goes, and its
//! line who that is. So it is where an endpoint fails for all, and where a user has calls of both classes:
//! whose turns come one after the other would else be of one class each time, by their number alone.

use super::Seconds;
use super::failures::Failures;
use super::line::{CLASSES, Line};
use super::pair::Pair;
use super::queue::Place;
use super::state::State;
use super::tries::Turn;
use super::turns::MOST_URGENT_IN_A_ROW;

/// Who may go, of some endpoints.
pub(super) struct Heads {
    pub(super) well: Classes,
    pub(super) looks: Looks,
    /// When the next one may who may not.
    pub(super) until: Seconds,
}

/// The first of each class.
#[derive(Default)]
pub(super) struct Classes {
    pub(super) urgent: Option<Head>,
    pub(super) other: Option<Head>,
}

/// What fails for all has two times at which it is looked at: by those for whom it has failed, and by those
/// for whom it has not yet.
#[derive(Default)]
pub(super) struct Looks {
    pub(super) again: Classes,
    pub(super) new: Classes,
    /// Whether all fails, so that all of them have the same times.
    all_fail: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Head {
    /// Where it stands, which is where the first of all looks does.
    pub(super) stands: (Turn, Place),
    /// What decides between looks.
    order: (Turn, Look, Place),
    /// How many urgent looks of its user, and at its endpoint, are to go before it.
    behind: u32,
    pub(super) goes: Goes,
}

/// Who goes.
#[derive(Clone, Copy)]
pub(super) struct Goes {
    pub(super) endpoint: u64,
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Well,
    /// It looks at what has failed for its user.
    Again,
    /// It looks at what fails for all, and has not failed for its user.
    New,
}

impl Goes {
    /// Whether it looks at what fails.
    pub(super) fn is_look(self) -> bool {
        self.kind != Kind::Well
    }
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
    /// Whether it fails for all, and has not failed for that user.
    pub(super) is_new: bool,
}

impl Look {
    const NONE: Self = {
        let never = f64::NEG_INFINITY;
        Self { due: never, last: never, from: never, is_new: false }
    };
}

impl Heads {
    pub(super) fn until(until: Seconds) -> Self {
        Self { well: Classes::default(), looks: Looks::default(), until }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.well.is_empty() && self.looks.is_empty()
    }

    /// Whether nobody can go but to look at what fails.
    pub(super) fn are_looks(&self) -> bool {
        self.well.is_empty() && !self.looks.is_empty()
    }

    /// Those who wait for an endpoint.
    pub(super) fn add<W>(&mut self, of: (Turn, u64), line: &Line<W>, state: &State, now: Seconds) {
        let Some(line) = self.asked(of.1, line, state, now) else { return };
        CLASSES.into_iter().for_each(|is_urgent| self.add_well(of, &line, is_urgent));
        self.add_looks_of(of, &line);
    }

    /// Those of them for whom something fails.
    pub(super) fn add_looks<W>(
        &mut self,
        of: (Turn, u64),
        line: &Line<W>,
        state: &State,
        now: Seconds,
    ) {
        let Some(line) = self.asked(of.1, line, state, now) else { return };
        self.add_looks_of(of, &line);
    }

    fn asked<'a, W>(
        &mut self,
        endpoint: u64,
        line: &'a Line<W>,
        state: &'a State,
        now: Seconds,
    ) -> Option<Asked<'a, W>> {
        if let Err(obstacle) = state.check_endpoint(endpoint, now) {
            self.until = self.until.min(obstacle.until());
            return None;
        }
        let failures = &state.failures;
        let fails_for_all = failures.fails_for_all(endpoint, now);
        self.looks.all_fail = fails_for_all && failures.all_fail_for_all(now);
        Some(Asked { endpoint, line, failures, fails_for_all, now })
    }

    fn add_well<W>(&mut self, (turn, endpoint): (Turn, u64), line: &Asked<'_, W>, is_urgent: bool) {
        let Some(place) = line.first_well(is_urgent) else { return };
        let well = Head::well(turn, endpoint, place);
        let first = self.well.of(is_urgent);
        *first = Head::before(*first, Some(well));
    }

    fn add_looks_of<W>(&mut self, of: (Turn, u64), line: &Asked<'_, W>) {
        let urgent = line.first_looks(true, [false, false]);
        let has_urgent = urgent.map(|look| look.is_some_and(|(_, look, _)| look.from <= line.now));
        urgent.into_iter().flatten().for_each(|look| self.add_look(of, line, look));
        let others = line.first_looks(false, has_urgent);
        others.into_iter().flatten().for_each(|look| self.add_look(of, line, look));
    }

    fn add_look<W>(
        &mut self,
        (turn, endpoint): (Turn, u64),
        line: &Asked<'_, W>,
        (behind, look, place): (u32, Look, Place),
    ) {
        if look.from > line.now {
            self.until = self.until.min(look.from);
            return;
        }
        let is_urgent = !place.is_other;
        let stands = line.looks_stand(is_urgent, place);
        let kind = if look.is_new { Kind::New } else { Kind::Again };
        let goes = Goes { endpoint, place, kind };
        let next = Head { stands: (turn, stands), order: (turn, look, place), behind, goes };
        let looks = if look.is_new { &mut self.looks.new } else { &mut self.looks.again };
        let first = looks.of(is_urgent);
        *first = Head::first(*first, Some(next));
    }
}

impl Looks {
    fn is_empty(&self) -> bool {
        self.again.is_empty() && self.new.is_empty()
    }

    pub(super) fn has_other(&self) -> bool {
        self.again.other.is_some() || self.new.other.is_some()
    }

    /// The first that is not urgent.
    pub(super) fn other(&self, was_new: bool) -> Option<Head> {
        self.first_of_kinds(self.again.other, self.new.other, was_new)
    }

    /// Whose time came first; where all have the same times, the kind that did not look last, or those who
    /// may go in between would keep the others of theirs from looking.
    pub(super) fn first_of_kinds(
        &self,
        again: Option<Head>,
        new: Option<Head>,
        was_new: bool,
    ) -> Option<Head> {
        Head::first_by(again, new, |again, new| match self.all_fail {
            true => !was_new,
            false => new.order < again.order,
        })
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
        if self.fails_for_all || !self.line.has(is_urgent) {
            return None;
        }
        let mut heads = self.line.heads_of(is_urgent);
        heads.find(|(_, user)| self.look(*user).is_none()).map(|(place, _)| place)
    }

    /// The look of a class that is due for longest, or will be next, of each kind, some of which have an
    /// urgent one that may go.
    fn first_looks(
        &self,
        is_urgent: bool,
        has_urgent: [bool; 2],
    ) -> [Option<(u32, Look, Place)>; 2] {
        let (line, failures) = (self.line, self.failures);
        if !line.has(is_urgent) {
            return [None, None];
        }
        let is_behind = !is_urgent && line.has(true);
        let of_all = |is_new| {
            let [again, new] = has_urgent;
            let has_urgent = self.fails_for_all && if is_new { new } else { again };
            if has_urgent { line.turns.looks_before_others(is_new) } else { 0 }
        };
        let of_user = |user| if is_behind { line.looks_before_others(user) } else { 0 };
        let with_look = |(place, user)| {
            let look = self.look(user)?;
            Some((of_all(look.is_new) + of_user(user), look, place))
        };
        // Those for whom it fails may be many who do not wait, or few of the many who do.
        if self.fails_for_all || failures.suspects(self.endpoint) > line.users() {
            return self.first_of_each_kind(line.heads_of(is_urgent).filter_map(with_look));
        }
        let head = |user| Some((line.head_of(user, is_urgent)?, user)).and_then(with_look);
        // They are in order but for one, for whom all may fail, and those who are behind urgent ones.
        let only = failures.only_user_down(self.now).and_then(head);
        let others = failures.others_down(self.endpoint, self.now).filter_map(head);
        let most = if is_behind { MOST_BEHIND } else { 1 };
        let first = others.take(most).min_by_key(|(behind, ..)| *behind);
        self.first_of_each_kind(only.into_iter().chain(first))
    }

    fn first_of_each_kind(
        &self,
        looks: impl Iterator<Item = (u32, Look, Place)>,
    ) -> [Option<(u32, Look, Place)>; 2] {
        let key = |(behind, look, place): &(u32, Look, Place)| match look.from > self.now {
            true => (true, *behind, Look { due: look.from, ..*look }, *place),
            false => (false, *behind, *look, *place),
        };
        let [mut again, mut new] = [None, None];
        for look in looks {
            let first = if look.1.is_new { &mut new } else { &mut again };
            if first.as_ref().is_none_or(|first| key(&look) < key(first)) {
                *first = Some(look);
            }
        }
        [again, new]
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
    pub(super) fn first(&self, urgent_in_a_row: u32) -> Option<Head> {
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
        let goes = Goes { endpoint, place, kind: Kind::Well };
        Self { stands: (turn, place), order: (turn, Look::NONE, place), behind: 0, goes }
    }

    pub(super) fn is_urgent(self) -> bool {
        !self.goes.place.is_other
    }

    /// Who of two looks of a kind goes, where the first of them stands.
    fn first(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let order = |it: &Self| (it.order.0, it.behind, it.order.1, it.order.2);
        Self::first_by(one, other, |one, other| order(other) < order(one))
    }

    fn first_by(
        one: Option<Self>,
        other: Option<Self>,
        is_other_first: impl Fn(&Self, &Self) -> bool,
    ) -> Option<Self> {
        let (Some(one), Some(other)) = (one, other) else { return one.or(other) };
        let first = if is_other_first(&one, &other) { other } else { one };
        let stands = if other.stands < one.stands { other.stands } else { one.stands };
        Some(Self { stands, ..first })
    }

    /// Who of two stands before the other.
    fn before(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if other.stands < one.stands => Some(other),
            (one, other) => one.or(other),
        }
    }
}

/// The first of those who are next are looked at for one who is not behind urgent ones: the others have their
/// turns when they are first.
const MOST_BEHIND: usize = 16;
