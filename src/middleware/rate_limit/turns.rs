//! Whose turn it is, by who went last. Pure.

use super::heads::{Goes, Head, Heads, Kind, Looks};

/// Who went last.
#[derive(Debug)]
pub(super) struct Turns {
    /// Urgent requests that went while one waited that was not, since the last such one: in all, of all
    /// looks, and of each kind.
    urgent_in_a_row: u32,
    urgent_looks_in_a_row: u32,
    urgent_in_a_row_of: [u32; 3],
    /// Whether the last one that was not urgent looked.
    was_other_look: bool,
    /// Requests that went since the last look.
    since_look: u32,
    /// Whether that was one for whom nothing had failed.
    was_new: bool,
}

impl Turns {
    /// Whose turn it is.
    pub(super) fn next(&self, heads: &Heads) -> Option<Goes> {
        let Heads { well, looks, .. } = heads;
        let is_other_there = well.other.is_some() || looks.has_other();
        let is_others_turn = self.urgent_in_a_row >= MOST_URGENT_IN_A_ROW && is_other_there;
        let (well, look) = match is_others_turn {
            // It is no look's turn, however urgent the others are.
            true if self.since_look == 0 => (well.other.or(well.urgent), looks.other(self.was_new)),
            true => (well.other, looks.other(self.was_new)),
            false => (well.first(self.row_of(Kind::Well)), self.first_look(looks)),
        };
        let head = match (well, look) {
            (Some(well), Some(look)) if !self.is_looks_turn(well, look, is_others_turn) => well,
            (well, look) => look.or(well)?,
        };
        Some(head.goes)
    }

    fn row_of(&self, kind: Kind) -> u32 {
        let [well, again, new] = self.urgent_in_a_row_of;
        match kind {
            Kind::Well => well,
            Kind::Again => again,
            Kind::New => new,
        }
    }

    fn row_of_mut(&mut self, kind: Kind) -> &mut u32 {
        let [well, again, new] = &mut self.urgent_in_a_row_of;
        match kind {
            Kind::Well => well,
            Kind::Again => again,
            Kind::New => new,
        }
    }

    /// Of all looks and of each kind of them one of five is not urgent. A kind that has urgent ones goes
    /// before one that has none.
    fn first_look(&self, looks: &Looks) -> Option<Head> {
        if self.urgent_looks_in_a_row >= MOST_URGENT_IN_A_ROW
            && let Some(other) = looks.other(self.was_new)
        {
            return Some(other);
        }
        let again = looks.again.first(self.row_of(Kind::Again));
        let new = looks.new.first(self.row_of(Kind::New));
        match (looks.again.urgent.is_some(), looks.new.urgent.is_some()) {
            (true, false) => again,
            (false, true) => new,
            _ => looks.first_of_kinds(again, new, self.was_new),
        }
    }

    fn is_looks_turn(&self, well: Head, look: Head, is_others_turn: bool) -> bool {
        match (well.is_urgent(), look.is_urgent()) {
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
        let look = looks.has_other();
        count(&mut self.urgent_in_a_row, well.other.is_some() || look);
        if goes.is_look() {
            count(&mut self.urgent_looks_in_a_row, look);
        }
        let of_its_kind = match goes.kind {
            Kind::Well => well,
            Kind::Again => &looks.again,
            Kind::New => &looks.new,
        };
        count(self.row_of_mut(goes.kind), of_its_kind.other.is_some());
        if !is_urgent {
            self.was_other_look = goes.is_look();
        }
        if goes.is_look() {
            self.was_new = goes.kind == Kind::New;
        }
        self.since_look = if goes.is_look() { 0 } else { self.since_look.saturating_add(1) };
    }

    /// How many urgent ones of a kind are to look before one that is not.
    pub(super) fn looks_before_others(&self, is_new: bool) -> u32 {
        let kind = if is_new { Kind::New } else { Kind::Again };
        MOST_URGENT_IN_A_ROW.saturating_sub(self.row_of(kind))
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            urgent_in_a_row: 0,
            urgent_looks_in_a_row: 0,
            urgent_in_a_row_of: [0; 3],
            was_other_look: false,
            since_look: u32::MAX,
            was_new: false,
        }
    }
}

/// Of five that go, one is another's, if one waits.
pub(super) const MOST_URGENT_IN_A_ROW: u32 = 4;
