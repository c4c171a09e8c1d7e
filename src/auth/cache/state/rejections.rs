//! What a 401 proves of a token, and what follows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;

use super::{Start, State};
use crate::auth::cache::Now;
use crate::auth::cache::flight::Flight;
use crate::auth::cache::policy::Policy;
use crate::auth::cache::token::CachedToken;
use crate::auth::{AuthError, RejectionReason, Replay};
use crate::oauth::AccessToken;

/// Replacements because of a 401: at most one for each step of the back-off.
#[derive(Debug, Clone)]
pub(super) struct Suspicion {
    pub(super) steps: u32,
    pub(super) end: Option<Instant>,
    /// When the first rejection came since the token was last accepted.
    pub(super) row_began: Instant,
    /// Whether the last fetch began before its step, since the token seemed to be dead.
    pub(super) is_early: bool,
    /// How often a replacement came of such a fetch.
    pub(super) deaths: u32,
}

/// What somebody gets whose token was rejected.
#[derive(Debug)]
pub(in crate::auth::cache) enum Verdict {
    Replay(Replay),
    /// The token cannot be replaced, and that is why the request fails.
    Fail(AuthError),
    /// Wait for the replacement.
    Join(Flight),
    Fetch(Start),
}

impl State {
    /// A request that carried `rejected` got a 401.
    pub(in crate::auth::cache) fn reject(
        &mut self,
        rejected: &HeaderValue,
        reason: RejectionReason,
        now: Now,
        policy: Policy,
    ) -> Verdict {
        let current = self.current.clone().filter(|current| current.header() == rejected);
        match current {
            _ if reason == RejectionReason::Request => Verdict::Replay(Replay::No),
            Some(current) => self.reject_current(&current, reason, now, policy),
            None => self.reject_other(reason, now),
        }
    }

    /// It has been replaced, or soon is.
    fn reject_other(&mut self, reason: RejectionReason, now: Now) -> Verdict {
        self.stats.late_rejections += 1;
        match (self.good(now), self.under_way(), self.paused(now)) {
            (Some(_), _, _) => Verdict::Replay(Replay::Yes),
            (None, Some(flight), _) => Verdict::Join(flight.clone()),
            (None, None, Some(error)) => verdict_of(error, reason),
            (None, None, None) => Verdict::Fetch(self.start()),
        }
    }

    /// The first rejection is followed at once by a new token: the old one may have been revoked.
    /// When that is rejected too, the token is not the reason, and stays; the next replacement
    /// waits for a step of the back-off.
    fn reject_current(
        &mut self,
        current: &Arc<CachedToken>,
        reason: RejectionReason,
        now: Now,
        policy: Policy,
    ) -> Verdict {
        self.stats.rejections += 1;
        if let Some(suspicion) = &mut self.suspicion
            && current.is_accepted()
            && !current.was_rejected()
        {
            // No request at fault has been sent since: the one before it really was dead.
            suspicion.deaths = 0;
        }
        current.note_rejected();
        let row_began = self.row_began(current, now);
        if let Some(flight) = self.under_way().cloned() {
            self.withdraw(current);
            return Verdict::Join(flight);
        }
        let doubted = now.monotonic.saturating_duration_since(row_began);
        let is_dead = current.is_rejected_by_all() && doubted >= self.longest_doubt(reason, policy);
        if let Some(error) = self.paused(now).filter(AuthError::needs_login) {
            // No replacement can come. Calls that are still accepted go on as long as the token is
            // good.
            self.withdraw(current);
            let is_said = reason == RejectionReason::Token && current.is_rejected_by_all();
            if is_dead || is_said {
                self.current = None;
            }
            return Verdict::Fail(error);
        }
        let suspicion = self.suspicion.as_deref();
        let end = suspicion.and_then(|suspicion| suspicion.end);
        let is_early = end.is_some_and(|end| now.monotonic < end);
        // The server says that it is the token, and no replacement has come that it could reject too.
        let is_unreplaced = reason == RejectionReason::Token && self.failures > 0;
        if is_early && !is_dead && !is_unreplaced {
            return Verdict::Replay(Replay::No);
        }
        let is_early = is_early && !is_unreplaced;
        let steps = suspicion.map_or(0, |suspicion| suspicion.steps);
        let steps = if is_unreplaced { steps.max(1) } else { steps.saturating_add(1) };
        let deaths = self.deaths();
        self.withdraw(current);
        if let Some(error) = self.paused(now) {
            return verdict_of(error, reason);
        }
        let end = now.monotonic.checked_add(policy.backoff.pause(steps, policy.jitter));
        self.suspicion = Some(Box::new(Suspicion { steps, end, row_began, is_early, deaths }));
        Verdict::Fetch(self.start())
    }

    /// When the first of these rejections came since the token was last accepted.
    fn row_began(&mut self, current: &CachedToken, now: Now) -> Instant {
        let row_began = now.monotonic;
        let new = || Suspicion { steps: 0, end: None, row_began, is_early: false, deaths: 0 };
        let suspicion = self.suspicion.get_or_insert_with(|| Box::new(new()));
        if current.is_first_in_row() {
            suspicion.row_began = now.monotonic;
        }
        suspicion.row_began
    }

    /// After so long without an acceptance the token is at fault, whatever was at fault before.
    /// Twice as long each time, since calls that are accepted may only be rare, unless the server
    /// says that it is the token.
    fn longest_doubt(&self, reason: RejectionReason, policy: Policy) -> Duration {
        if reason == RejectionReason::Token {
            return FIRST_DOUBT;
        }
        let grown = FIRST_DOUBT.saturating_mul(2_u32.saturating_pow(self.deaths()));
        grown.min(policy.backoff.cap()).clamp(FIRST_DOUBT, LONGEST_DOUBT)
    }

    fn deaths(&self) -> u32 {
        self.suspicion.as_deref().map_or(0, |suspicion| suspicion.deaths)
    }

    /// A token that the server has accepted before goes on being handed out to others: what was
    /// rejected may be the request.
    fn withdraw(&mut self, current: &Arc<CachedToken>) {
        self.rejected = Some(Box::new(current.header().clone()));
        if !current.is_accepted() {
            self.current = None;
        }
    }

    /// Whether the server has rejected this token.
    pub(in crate::auth::cache) fn has_rejected(&self, token: &AccessToken) -> bool {
        self.rejected.as_ref().is_some_and(|rejected| token.is_in(rejected))
    }
}

/// When there is no replacement, the 401 stands, unless the error says more: the login has ended,
/// or it is the token's fault for certain.
pub(in crate::auth::cache) fn verdict_of(error: AuthError, reason: RejectionReason) -> Verdict {
    if error.needs_login() || reason == RejectionReason::Token {
        Verdict::Fail(error)
    } else {
        Verdict::Replay(Replay::No)
    }
}

/// How long a token that was accepted before may be rejected by all until it is replaced within a
/// step of the back-off.
pub(in crate::auth::cache) const FIRST_DOUBT: Duration = Duration::from_secs(10);

/// The same however often that has happened, and however long the steps are.
const LONGEST_DOUBT: Duration = Duration::from_secs(60);
