//! The state machine: pure, with the time as an argument. The table is in [`super`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;

use super::flight::{Flight, Outcome, Signal};
use super::token::{Age, CachedToken};
use super::{Backoff, CacheStats, Now};
use crate::auth::{AuthError, Replay, StoredToken, TokenEvent};
use crate::backoff::LONGEST_PAUSE;
use crate::oauth::{AccessToken, Token};

/// Everything that the cache knows.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// What is handed out while it is good.
    pub(super) current: Option<Arc<CachedToken>>,
    /// What the next token is requested with.
    pub(super) basis: Basis,
    pub(super) stats: CacheStats,
    flight: Option<Flight>,
    /// A login that is being taken over.
    login: Option<Flight>,
    pause: Option<Pause>,
    failures: u32,
    refused: Option<HeaderValue>,
    refusals: u32,
}

/// What a token is requested with.
#[derive(Debug, Clone, Default)]
pub(super) struct Basis {
    /// The last token that came, also when it was no good: it has the refresh token.
    pub(super) last: Option<Token>,
    /// The version of it in the store.
    pub(super) version: u64,
    /// Its refresh token has ended: nothing is sent with it any more.
    pub(super) ended: Option<AuthError>,
    /// Counts the logins, so that a fetch with the credentials of before is told apart.
    pub(super) login: u64,
}

/// No attempt before its end, and what callers get meanwhile.
#[derive(Debug, Clone)]
struct Pause {
    error: AuthError,
    /// `None` when only new credentials help.
    end: Option<Instant>,
}

/// What a caller gets.
#[derive(Debug)]
pub(super) enum Decision {
    Serve(Arc<CachedToken>),
    ServeAndFetch(Arc<CachedToken>, Signal),
    Join(Flight),
    Fetch(Flight, Signal),
    Fail(AuthError),
}

/// What a fetch brings: a token with the time from which its lifetime counts.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) token: Token,
    pub(super) counted_from: Now,
    /// Whether it was found in the store.
    pub(super) restored: bool,
}

/// The figures that the machine needs, with the dice already rolled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) backoff: Backoff,
    pub(super) window: Duration,
    /// From 0 to 1: how much of the window and of a pause to leave out.
    pub(super) jitter: f64,
    /// Whether another process may log in, so that a store is worth a look now and then.
    pub(super) shared: bool,
}

impl Basis {
    /// Takes over what is stored, if it is newer. Says whether it was.
    pub(super) fn adopt(&mut self, stored: &StoredToken) -> bool {
        if stored.version <= self.version {
            return false;
        }
        self.version = stored.version;
        self.last = Some(stored.token.clone());
        self.ended = stored.ended.then_some(AuthError::LoginEnded { source: None });
        true
    }

    /// Takes over what came, and answers with the version that it is saved as; `None` when a login
    /// has replaced the credentials of `login`.
    pub(super) fn succeed(&mut self, login: u64, token: &Token) -> Option<u64> {
        if login != self.login {
            return None;
        }
        self.last = Some(token.clone());
        self.version += 1;
        Some(self.version)
    }

    /// The version that a login is saved as, over the one that is `stored`.
    pub(super) fn version_after(&mut self, stored: u64) -> u64 {
        self.version = self.version.max(stored) + 1;
        self.version
    }

    /// The store has a version that is not known yet: it is read before the next fetch.
    pub(super) fn lost_to(&mut self, offered: u64) {
        if self.version == offered {
            self.version -= 1;
        }
    }
}

impl State {
    /// A caller asks for a token.
    pub(super) fn ask(&mut self, now: Now) -> Decision {
        match (self.good(now), self.under_way(), self.paused(now)) {
            (Some((token, Age::Fresh)), _, _) => Decision::Serve(token),
            (Some((token, _)), Some(_), _) => Decision::Serve(token),
            (Some((token, _)), None, Some(_)) => Decision::Serve(token),
            (Some((token, _)), None, None) => Decision::ServeAndFetch(token, self.take_off().1),
            (None, Some(flight), _) => Decision::Join(flight.clone()),
            (None, None, Some(error)) => Decision::Fail(error),
            (None, None, None) => {
                let (flight, signal) = self.take_off();
                Decision::Fetch(flight, signal)
            }
        }
    }

    /// A fetch has ended that began with the credentials of `login`.
    pub(super) fn landed(
        &mut self,
        login: u64,
        now: Now,
        result: Result<Arrival, AuthError>,
        rules: Rules,
    ) -> (Outcome, Option<TokenEvent>) {
        self.flight = None;
        if login != self.basis.login {
            // A login has replaced the credentials meanwhile: what came of the old ones is void.
            return (Ok(()), None);
        }
        match result.and_then(|arrival| self.arrived(&arrival, now, rules)) {
            Ok(event) => (Ok(()), Some(event)),
            Err(error) => (Err(error.clone()), Some(self.failed(error, now, rules))),
        }
    }

    /// The task of the fetch has gone without a result; who waits may begin anew.
    pub(super) fn interrupted(&mut self) {
        self.flight = None;
    }

    /// The server has refused `rejected`. Dropped only if it is still the current one.
    pub(super) fn refused(&mut self, rejected: &HeaderValue, now: Now, rules: Rules) -> Replay {
        match self.current.take_if(|current| current.header() == rejected) {
            Some(current) => self.drop_refused(&current, now, rules),
            // Somebody else was refused with it before, and it has been replaced or soon is.
            None => self.stats.late_refusals += 1,
        }
        match (self.good(now), self.under_way(), self.paused(now)) {
            (None, None, Some(_)) => Replay::No,
            _ => Replay::Yes,
        }
    }

    /// Forgets failures and refusals, so that the next caller may ask at once.
    pub(super) fn reset(&mut self) {
        (self.pause, self.failures, self.refusals) = (None, 0, 0);
        self.basis.ended = None;
    }

    /// A login has begun: what a fetch under way brings is void from now on, and nobody begins
    /// another one before the end of the login.
    pub(super) fn begin_login(&mut self) -> Signal {
        let (login, signal) = Flight::new();
        self.login = Some(login);
        self.basis.login += 1;
        signal
    }

    /// New credentials replace everything.
    pub(super) fn end_login(
        &mut self,
        token: Token,
        now: Now,
        rules: Rules,
    ) -> Result<(), AuthError> {
        self.reset();
        (self.login, self.current) = (None, None);
        self.basis.last = Some(token.clone());
        let arrival = Arrival { token, counted_from: now, restored: false };
        self.arrived(&arrival, now, rules).map(drop)
    }

    pub(super) fn cancel_login(&mut self) {
        self.login = None;
    }

    /// Whether the server has refused this token.
    pub(super) fn has_refused(&self, token: &AccessToken) -> bool {
        self.refused.as_ref().is_some_and(|refused| token.is_in(refused))
    }

    fn arrived(
        &mut self,
        arrival: &Arrival,
        now: Now,
        rules: Rules,
    ) -> Result<TokenEvent, AuthError> {
        let Arrival { token, counted_from, restored } = arrival;
        let cached = CachedToken::new(token, *counted_from, now, rules)?;
        if self.has_refused(&token.access_token) {
            return Err(AuthError::RefusedBefore);
        }
        let expires_in = cached.expires_in(now);
        // The one before served its time: whatever is refused next is not refused in a row.
        if self.current.replace(Arc::new(cached)).is_some() {
            self.refusals = 0;
        }
        (self.pause, self.failures) = (None, 0);
        Ok(if *restored {
            self.stats.restored += 1;
            TokenEvent::Restored { expires_in }
        } else {
            self.stats.refreshes += 1;
            TokenEvent::Refreshed { expires_in }
        })
    }

    fn failed(&mut self, error: AuthError, now: Now, rules: Rules) -> TokenEvent {
        self.stats.failures += 1;
        self.failures = self.failures.saturating_add(1);
        if error.needs_login() {
            self.basis.ended = Some(error.clone());
        }
        let pause = self.pause_after(&error, rules);
        let end = pause.and_then(|pause| now.monotonic.checked_add(pause));
        self.pause = Some(Pause { error: error.clone(), end });
        match (pause, error.is_transient()) {
            (Some(retry_in), true) => TokenEvent::RefreshFailed { error, retry_in },
            (Some(retry_in), false) if !error.needs_login() => {
                TokenEvent::PermanentlyFailed { error, retry_in }
            }
            _ => TokenEvent::LoginEnded { error },
        }
    }

    /// The first refusal is followed at once by a new token: the old one may have been revoked. When
    /// that is refused too, the token is not the reason, and each further one waits for longer.
    fn drop_refused(&mut self, current: &CachedToken, now: Now, rules: Rules) {
        let age = now.monotonic.saturating_duration_since(current.obtained);
        self.refusals = if age > rules.backoff.cap() { 1 } else { self.refusals.saturating_add(1) };
        self.refused = Some(current.header().clone());
        self.stats.refusals += 1;
        if self.refusals > 1 && self.paused(now).is_none() {
            let retry_in = rules.backoff.pause(self.refusals - 1, rules.jitter);
            let error = AuthError::Refused { retry_in };
            self.pause = Some(Pause { error, end: now.monotonic.checked_add(retry_in) });
        }
    }

    /// What the explorer cannot see from outside, with times as distances from `now`.
    #[cfg(test)]
    pub(super) fn fingerprint(&self, now: Now) -> String {
        let end = self.pause.as_ref().map(|pause| {
            let end = pause.end.map(|end| end.saturating_duration_since(now.monotonic).as_secs());
            (end, std::mem::discriminant(&pause.error))
        });
        let age = self
            .current
            .as_ref()
            .map(|current| now.monotonic.duration_since(current.obtained).as_secs().min(30));
        format!("{end:?} {age:?} {} {}", self.refusals.min(3), self.failures.min(2))
    }

    /// What a caller without a good token waits for.
    fn under_way(&self) -> Option<&Flight> {
        self.login.as_ref().or(self.flight.as_ref())
    }

    fn good(&self, now: Now) -> Option<(Arc<CachedToken>, Age)> {
        let current = self.current.as_ref()?;
        match current.age(now) {
            Age::Expired => None,
            age => Some((Arc::clone(current), age)),
        }
    }

    pub(super) fn paused(&self, now: Now) -> Option<AuthError> {
        let pause = self.pause.as_ref()?;
        let over = pause.end.is_some_and(|end| now.monotonic >= end);
        (!over).then(|| pause.error.clone())
    }

    fn take_off(&mut self) -> (Flight, Signal) {
        let (flight, signal) = Flight::new();
        self.flight = Some(flight.clone());
        self.stats.requests += 1;
        (flight, signal)
    }

    /// `None` when there is nothing to wait for but a new login.
    fn pause_after(&self, error: &AuthError, rules: Rules) -> Option<Duration> {
        if error.needs_login() && !rules.shared {
            return None;
        }
        let pause = match error.is_transient() {
            true => rules.backoff.pause(self.failures, rules.jitter),
            false => PERMANENT_PAUSE,
        };
        Some(pause.max(error.retry_after().unwrap_or_default()).min(LONGEST_PAUSE))
    }
}

/// A permanent error may heal by somebody's doing, such as a secret that is set right.
const PERMANENT_PAUSE: Duration = Duration::from_secs(60);
