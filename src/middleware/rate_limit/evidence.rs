//! What shows that an endpoint is refused for itself, though it has too few successes for a rate.
//! Pure, with the time as an argument.

use super::Seconds;

/// What went through elsewhere while an endpoint had to pause. Of an app whose window is full little
/// goes through before the pause is over, however its requests are spread over endpoints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    /// The pause that the last refusal asked for.
    from: Seconds,
    until: Seconds,
    /// The requests of others that were sent and succeeded within it.
    through: u32,
    is_enough: bool,
}

impl Evidence {
    pub(super) const fn none() -> Self {
        let from = f64::INFINITY;
        Self { from, until: f64::NEG_INFINITY, through: 0, is_enough: false }
    }

    /// The endpoint was refused. What an earlier pause showed counts only where refusals come in one
    /// window after the other.
    pub(super) fn refused(&mut self, pause: Seconds, is_in_turn: bool, now: Seconds) {
        let is_enough = self.is_enough && is_in_turn;
        let until = now + pause - ROUNDED_UP;
        *self = Self { from: now, until, through: 0, is_enough };
    }

    /// A request of another endpoint succeeded.
    pub(super) fn another_succeeded(&mut self, sent: Seconds, now: Seconds) {
        if self.from <= sent && now < self.until {
            self.through = self.through.saturating_add(1);
            self.is_enough |= self.through >= ENOUGH;
        }
    }

    pub(super) fn is_enough(&self) -> bool {
        self.is_enough
    }
}

/// `Retry-After` is in whole seconds: a slot may fall free as much earlier.
const ROUNDED_UP: Seconds = 1.0;
/// A limit of the app of 60 in 30 s lets two a second go during a pause; with three, such a limit is
/// taken for an endpoint's.
const ENOUGH: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_at_zero() -> Evidence {
        let mut evidence = Evidence::none();
        evidence.refused(5.0, false, 0.0);
        evidence
    }

    #[test]
    fn only_what_was_sent_and_succeeded_within_the_pause_is_evidence() {
        for (sent, ended, is_enough) in
            [(0.0, 3.9, true), (-0.1, 0.1, false), (0.0, 4.1, false), (6.0, 6.1, false)]
        {
            let mut evidence = refused_at_zero();
            (0..100).for_each(|_| evidence.another_succeeded(sent, ended));
            assert_eq!(evidence.is_enough(), is_enough, "from {sent} to {ended}");
        }
    }

    #[test]
    fn evidence_is_of_one_pause_and_is_kept_while_refusals_come_in_turn() {
        let mut evidence = refused_at_zero();
        (1..ENOUGH).for_each(|_| evidence.another_succeeded(1.0, 1.1));
        evidence.refused(5.0, true, 6.0);
        evidence.another_succeeded(7.0, 7.1);
        assert!(!evidence.is_enough(), "of two pauses");
        (1..ENOUGH).for_each(|_| evidence.another_succeeded(8.0, 8.1));
        evidence.refused(5.0, true, 12.0);
        assert!(evidence.is_enough());
        evidence.refused(5.0, false, 90.0);
        assert!(!evidence.is_enough(), "long ago");
    }
}
