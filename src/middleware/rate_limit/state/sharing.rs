//! An app's part in a limit that it shares with other processes.

use super::super::Seconds;
use super::super::membership::{Exchange, LONGEST_UNHEARD, Membership};
use super::super::shared::{Granted, Told};
use super::State;

impl State {
    /// Shares the app's limit with other processes.
    pub(in super::super) fn shared_as(self, member: u64) -> Self {
        Self { membership: Some(Membership::new(member, self.window)), ..self }
    }

    /// How long a request may wait for what the other processes say, which is no limit.
    pub(in super::super) fn longest_look(&self) -> Seconds {
        self.membership.as_ref().map_or(0.0, |_| LONGEST_LOOK)
    }

    /// Whether a request waits for the other processes' store to respond, and for nothing else of
    /// the app's. How long that takes at most.
    pub(in super::super) fn unheard(&self, is_urgent: bool, now: Seconds) -> Option<Seconds> {
        let membership = self.membership.as_ref()?;
        membership.is_unheard(&self.app, is_urgent, now).then_some(LONGEST_UNHEARD)
    }

    /// By how much sooner the store may let a request go than the shared rate says.
    pub(in super::super) fn sooner(&self, is_urgent: bool, now: Seconds) -> Seconds {
        let membership = self.membership.as_ref();
        membership.map_or(0.0, |membership| membership.sooner(&self.app, is_urgent, now))
    }

    /// The moment of the last start that the store has granted, or when it is asked again.
    pub(in super::super) fn last_start(&self) -> Option<Seconds> {
        self.membership.as_ref()?.last_start()
    }

    /// When a request starts at the earliest, by what the store has granted, with a number of
    /// others before it.
    pub(in super::super) fn start_after(
        &self,
        before: usize,
        is_urgent: bool,
        now: Seconds,
    ) -> Seconds {
        let membership = self.membership.as_ref();
        membership.map_or(now, |membership| membership.start_after(before, is_urgent, now))
    }

    /// Whether all that wait for the app wait for that alone: no limit is known.
    pub(in super::super) fn waits_for_word(&self, now: Seconds) -> bool {
        let is_free = |membership: &Membership| membership.rate().is_none();
        self.membership.as_ref().is_some_and(is_free) && self.unheard(false, now).is_some()
    }

    /// Begins an exchange with the other processes, with a number of requests that wait, if one is
    /// due.
    #[inline]
    pub(in super::super) fn due(
        &mut self,
        waiting: usize,
        is_urgent: bool,
        now: Seconds,
    ) -> Option<Exchange> {
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        self.membership.as_mut()?.due(waiting, is_urgent, &self.app, now)
    }

    /// What it tells, as it is sent; nothing if it was given up.
    pub(in super::super) fn send(
        &mut self,
        exchange: Exchange,
        waiting: usize,
        is_urgent: bool,
        now: Seconds,
    ) -> Option<Told> {
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        self.membership.as_mut()?.send(exchange, waiting, is_urgent, now)
    }

    /// Gives up an exchange that was lost with its task.
    pub(in super::super) fn notice_loss(&mut self, now: Seconds) {
        if let Some(membership) = &mut self.membership
            && membership.is_lost(now)
        {
            membership.give_up(&mut self.app, 0.5, now);
        }
    }

    /// An exchange has gone with its task. Says whether it goes on alone from now on.
    pub(in super::super) fn lost(&mut self, exchange: Exchange, jitter: f64, now: Seconds) -> bool {
        let Some(membership) = &mut self.membership else { return false };
        membership.lost(exchange, &mut self.app, jitter, now)
    }

    /// Whether the other processes are still to hear of a 429.
    pub(in super::super) fn is_telling(&self) -> bool {
        self.membership.as_ref().is_some_and(Membership::is_telling)
    }

    /// What came of an exchange. Says whether it goes on alone from now on.
    pub(in super::super) fn heard(
        &mut self,
        exchange: Exchange,
        granted: Option<Granted>,
        jitter: f64,
        now: Seconds,
    ) -> bool {
        let Some(membership) = &mut self.membership else { return false };
        membership.heard(exchange, granted, &mut self.app, jitter, now)
    }
}

/// A store responds within milliseconds.
const LONGEST_LOOK: Seconds = 0.05;
