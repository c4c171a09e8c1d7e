//! Who waits no longer: since its time is over, will be before it could go, or nobody polls it.

use super::super::Seconds;
use super::super::pair::Pair;
use super::super::queue::{Place, Waiter};
use super::{Caller, Core};

impl Core {
    /// Until when a call may wait that comes now: in any case for the store, whose response is no
    /// limit.
    pub(in super::super) fn limit_for(
        &mut self,
        is_urgent: bool,
        (patience, longest): (Seconds, Seconds),
        now: Seconds,
    ) -> Seconds {
        let awake = self.awake(now);
        let unheard = self.state.unheard(is_urgent, now);
        let unheard = unheard.map_or(0.0, |unheard| unheard.min(longest));
        if unheard > patience {
            self.impatient_until = self.impatient_until.max(awake + unheard);
        }
        awake + patience.max(unheard)
    }

    /// Whether a waiter's time is over, and it may not go.
    pub(in super::super) fn is_over(&mut self, pair: Pair, place: Place, now: Seconds) -> bool {
        let limit = self.limit_of(pair, place, now);
        limit.is_some_and(|limit| limit <= self.awake(now)) && self.state.check(pair, now).is_err()
    }

    /// Ends a waiter's time, if it is over, and says when to look again.
    pub(in super::super) fn expire(&mut self, pair: Pair, place: Place, now: Seconds) -> Seconds {
        let Some(limit) = self.limit_of(pair, place, now) else { return now };
        let awake = self.awake(now);
        if limit <= awake
            && let Some(waiter) = self.queue.remove(pair.endpoint, place)
        {
            let error = self.error(pair, place, now);
            self.untold.tells(waiter.owner.told, Err(error));
            return limit + self.timeline.slept();
        }
        let owner = self.queue.owner_of(pair.endpoint, place);
        let patient_until = owner.map_or(limit, |owner| owner.patient_until);
        let next = if patient_until > awake { patient_until.min(limit) } else { limit };
        next + self.timeline.slept()
    }

    /// Nobody came for a permit. Those who have not looked for longer than all do would not come
    /// either: they are told to ask again, with the numbers that they have, when they are polled.
    pub(in super::super) fn dismiss_idle(&mut self, longest: Seconds, now: Seconds) {
        let awake = self.awake(now);
        for owner in self.queue.take_owners(|owner| awake - owner.looked > longest) {
            self.keeper = self.keeper.filter(|keeper| keeper.place != owner.place);
            self.untold.tells(owner.told, Ok(awake));
        }
    }

    /// The store has responded: those may wait for nothing else who may not wait for a limit.
    pub(in super::super) fn dismiss_impatient(&mut self, now: Seconds) {
        let awake = self.awake(now);
        if awake > self.impatient_until {
            return;
        }
        let [other, urgent] =
            [false, true].map(|is_urgent| self.state.unheard(is_urgent, now).is_some());
        let is_unheard = |owner: &Caller| if owner.place.is_other { other } else { urgent };
        let has_waited = |owner: &Caller| owner.patient_until <= awake && !is_unheard(owner);
        for owner in self.queue.take_owners(has_waited) {
            let error = self.error(owner.pair, owner.place, now);
            self.untold.tells(owner.told, Err(error));
        }
    }

    /// Tells those for whom the store has granted a start too late.
    pub(in super::super) fn dismiss_late(&mut self, now: Seconds) {
        let slept = self.timeline.slept();
        let unheard = [false, true].map(|is_urgent| self.state.unheard(is_urgent, now).is_some());
        let limit = |waiter: &Waiter<Caller>| {
            let [other, urgent] = unheard;
            let is_unheard = if waiter.owner.place.is_other { other } else { urgent };
            let limit = match is_unheard {
                true => waiter.limit,
                false => waiter.limit.min(waiter.owner.patient_until),
            };
            limit + slept
        };
        for waiter in self.queue.take_late(&self.state, limit, now) {
            let error = self.error(waiter.pair, waiter.owner.place, now);
            self.untold.tells(waiter.owner.told, Err(error));
        }
    }

    /// Tells those who could not go in time whatever happens.
    pub(in super::super) fn dismiss_hopeless(&mut self, now: Seconds) {
        let state = &self.state;
        let slept = self.timeline.slept();
        for waiter in self.queue.take_hopeless(|endpoint| state.opens(endpoint, now) - slept) {
            let error = self.error(waiter.pair, Place::new(false, 0), now);
            self.untold.tells(waiter.owner.told, Err(error));
        }
    }

    /// When a waiter's time is over, by the monotonic clock: where it waits for the store, later.
    fn limit_of(&mut self, pair: Pair, place: Place, now: Seconds) -> Option<Seconds> {
        let limit = self.queue.limit_of(pair.endpoint, place)?;
        match self.state.unheard(!place.is_other, now) {
            Some(_) => Some(limit),
            None => Some(limit.min(self.queue.owner_of(pair.endpoint, place)?.patient_until)),
        }
    }
}
