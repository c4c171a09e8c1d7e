//! The state machine: pure, with the time as an argument. The table is in [`super`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;

use super::backoff::LONGEST_PAUSE;
use super::flight::{Flight, Outcome, Signal};
use super::token::{Age, CachedToken};
use super::{Backoff, CacheStats, Now};
use crate::auth::{AuthError, Replay};
use crate::oauth::{OAuthError, Token};

/// Everything that the cache knows.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What is handed out while it is good.
    pub(super) current: Option<Arc<CachedToken>>,
    /// The last token that came, also when it was refused: what the next is requested with.
    pub(super) last: Option<Token>,
    pub(super) stats: CacheStats,
    flight: Option<Flight>,
    pause: Option<Pause>,
    failures: u32,
    refused: Option<HeaderValue>,
    refusals: u32,
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

/// The figures that the machine needs, with the dice already rolled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) backoff: Backoff,
    pub(super) window: Duration,
    /// From 0 to 1: how much of the window and of a pause to leave out.
    pub(super) jitter: f64,
}

impl State {
    /// A caller asks for a token.
    pub(super) fn ask(&mut self, now: Now) -> Decision {
        match (self.good(now), &self.flight, self.paused(now)) {
            (Some((token, Age::Fresh)), _, _) => Decision::Serve(token),
            (Some((token, _)), Some(_), _) | (Some((token, _)), None, Some(_)) => {
                Decision::Serve(token)
            }
            (Some((token, _)), None, None) => Decision::ServeAndFetch(token, self.take_off().1),
            (None, Some(flight), _) => Decision::Join(flight.clone()),
            (None, None, Some(error)) => Decision::Fail(error),
            (None, None, None) => {
                let (flight, signal) = self.take_off();
                Decision::Fetch(flight, signal)
            }
        }
    }

    /// The fetch that began at `started` has ended.
    pub(super) fn landed(
        &mut self,
        started: Now,
        now: Now,
        result: Result<Token, AuthError>,
        rules: Rules,
    ) -> Outcome {
        self.flight = None;
        let landed = self.keep_refresh_token(result).and_then(|token| {
            let cached = CachedToken::new(
                self.last.insert(token),
                started,
                now,
                rules.window,
                rules.jitter,
            )?;
            self.not_refused_before(&cached).map(|()| cached)
        });
        match landed {
            Ok(cached) => {
                self.current = Some(Arc::new(cached));
                (self.pause, self.failures) = (None, 0);
                self.stats.refreshes += 1;
                Ok(())
            }
            Err(error) => {
                self.stats.failures += 1;
                self.failures = self.failures.saturating_add(1);
                self.pause = Some(self.pause_after(&error, now, rules));
                Err(error)
            }
        }
    }

    /// The task of the fetch has gone without a result; who waits may begin anew.
    pub(super) fn interrupted(&mut self) {
        self.flight = None;
    }

    /// The server has refused `rejected`. Dropped only if it is still the current one.
    pub(super) fn refused(&mut self, rejected: &HeaderValue, now: Now, rules: Rules) -> Replay {
        match self.current.take_if(|current| current.header == *rejected) {
            Some(current) => self.drop_refused(&current, now, rules),
            // Somebody else was refused with it before, and it has been replaced or soon is.
            None => self.stats.late_refusals += 1,
        }
        match (self.good(now), &self.flight, self.paused(now)) {
            (None, None, Some(_)) => Replay::No,
            _ => Replay::Yes,
        }
    }

    /// The first refusal is followed at once by a new token: the old one may have been revoked. When
    /// that is refused too, the token is not the reason, and each further one waits for longer.
    fn drop_refused(&mut self, current: &CachedToken, now: Now, rules: Rules) {
        let age = now.monotonic.saturating_duration_since(current.obtained);
        self.refusals = if age > rules.backoff.cap() { 1 } else { self.refusals.saturating_add(1) };
        self.refused = Some(current.header.clone());
        self.stats.refusals += 1;
        if self.refusals > 1 && self.paused(now).is_none() {
            let retry_in = rules.backoff.pause(self.refusals - 1, rules.jitter);
            let error = AuthError::Refused { retry_in };
            self.pause = Some(Pause { error, end: now.monotonic.checked_add(retry_in) });
        }
    }

    fn good(&self, now: Now) -> Option<(Arc<CachedToken>, Age)> {
        let current = self.current.as_ref()?;
        match current.age(now) {
            Age::Expired => None,
            age => Some((Arc::clone(current), age)),
        }
    }

    fn paused(&self, now: Now) -> Option<AuthError> {
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

    /// An answer without refresh token or scopes leaves those that were there; an answer that is
    /// no good may still carry the only refresh token that works.
    fn keep_refresh_token(&mut self, result: Result<Token, AuthError>) -> Result<Token, AuthError> {
        let last = self.last.as_mut();
        match (result, last) {
            (Ok(token), Some(last)) => Ok(Token {
                refresh_token: token.refresh_token.or_else(|| last.refresh_token.clone()),
                scopes: token.scopes.or_else(|| last.scopes.clone()),
                ..token
            }),
            (Err(error), last) => {
                match (carried(&error), last) {
                    (Some(carried), Some(last)) if carried.refresh_token.is_some() => {
                        last.refresh_token = carried.refresh_token.clone();
                    }
                    (Some(carried), None) => self.last = Some(carried.clone()),
                    _ => {}
                }
                Err(error)
            }
            (result, None) => result,
        }
    }

    fn not_refused_before(&self, cached: &CachedToken) -> Result<(), AuthError> {
        match self.refused.as_ref() == Some(&cached.header) {
            true => Err(AuthError::RefusedBefore),
            false => Ok(()),
        }
    }

    fn pause_after(&self, error: &AuthError, now: Now, rules: Rules) -> Pause {
        let pause = match error.is_transient() {
            true => rules.backoff.pause(self.failures, rules.jitter),
            false => PERMANENT_PAUSE,
        };
        let pause = pause.max(error.retry_after().unwrap_or_default()).min(LONGEST_PAUSE);
        let end = if error.needs_login() { None } else { now.monotonic.checked_add(pause) };
        Pause { error: error.clone(), end }
    }
}

/// The token that an answer carried although it could not be used.
fn carried(error: &AuthError) -> Option<&Token> {
    match error {
        AuthError::Request(error) => match &**error {
            OAuthError::Unusable { token, .. } => Some(token),
            _ => None,
        },
        _ => None,
    }
}

/// A permanent error may heal by somebody's doing, such as a secret that is set right.
const PERMANENT_PAUSE: Duration = Duration::from_secs(60);
