//! How many requests may be under way at once after an opening: one, one more for each that
//! succeeds, and one more each second, for those that hang. Where a rate is held, as many as that
//! lets start while one is under way that takes as long. Pure, with the time as an argument.

use super::Seconds;

#[derive(Debug, Clone)]
pub(super) struct Width {
    /// `None` is any number.
    most: Option<u32>,
    /// Requests that were sent since the last opening and are under way.
    in_flight: u32,
    opening: Seconds,
}

impl Width {
    /// Before the first closing.
    pub(super) const fn any() -> Self {
        Self { most: None, in_flight: 0, opening: f64::NEG_INFINITY }
    }

    pub(super) const fn from(opening: Seconds) -> Self {
        Self { most: Some(1), in_flight: 0, opening }
    }

    pub(super) fn opening(&self) -> Seconds {
        self.opening
    }

    /// Whether none has succeeded since the opening.
    pub(super) fn is_one(&self) -> bool {
        self.most == Some(1)
    }

    #[cfg(test)]
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether another may be under way, or when it may though all of them hang.
    pub(super) fn check(&self, now: Seconds) -> Result<(), Seconds> {
        match self.most {
            Some(most) if f64::from(self.in_flight) >= f64::from(most) + self.open_for(now) => {
                Err(self.opening + self.open_for(now) + 1.0)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn start(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    pub(super) fn ended(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// One of them succeeded, beside which a number of others may be under way at least.
    pub(super) fn succeeded(&mut self, others: f64) {
        self.ended();
        // `as` saturates.
        let wider = self.most.map(|most| (most + 1).max(others as u32));
        self.most = wider.filter(|most| *most <= WIDEST);
    }

    /// The seconds since the opening, rounded down.
    fn open_for(&self, now: Seconds) -> f64 {
        (now - self.opening).max(0.0).floor()
    }
}

const WIDEST: u32 = 256;
