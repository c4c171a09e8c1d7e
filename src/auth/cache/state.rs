//! The state machine: pure, with the time as an argument. The tables are in [`super`].

mod next_attempt;
mod rejections;
#[cfg(test)]
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::HeaderValue;

#[cfg(test)]
pub(super) use self::rejections::FIRST_DOUBT;
use self::rejections::Suspicion;
pub(super) use self::rejections::{Verdict, verdict_of};

use super::credentials::{Credentials, Replacement, Seen};
use super::flight::{Flight, Outcome, Signal};
use super::policy::Policy;
use super::token::{Age, CachedToken};
use super::{CacheStats, Now};
use crate::auth::{AuthError, LoginId, Revision, StoredToken, TokenEventKind};
use crate::oauth::Token;
use crate::sync::{Mutex, MutexGuard};

/// Everything that the cache knows.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// What is handed out while it is good.
    pub(super) current: Option<Arc<CachedToken>>,
    /// What the next token is requested with.
    pub(super) credentials: Credentials,
    pub(super) stats: CacheStats,
    fetch: Option<Box<(Ticket, Flight)>>,
    /// A fetch of an earlier login, whose task is to be ended.
    superseded: Option<Box<(Ticket, Flight)>>,
    /// Logins and log-outs that are being taken over, in the order in which they began.
    logins: Vec<(u32, Flight, PendingLogin)>,
    /// The last login that was taken over, by its number.
    last_login: u32,
    /// How often the user may have become another one, or none.
    pub(super) login_number: u64,
    begun: u32,
    /// In boxes, since most of ten thousand idle users have none.
    pause: Option<Box<Pause>>,
    failures: u32,
    suspicion: Option<Box<Suspicion>>,
    /// A token that is not handed out again.
    rejected: Option<Box<HeaderValue>>,
}

/// No attempt before its end, and what callers get meanwhile.
#[derive(Debug, Clone)]
struct Pause {
    error: AuthError,
    began: Instant,
    /// `None` when only new credentials help.
    end: Option<Instant>,
    /// Whether it holds however long callers have had nothing.
    is_firm: bool,
}

/// What a caller gets.
#[derive(Debug)]
pub(super) enum Decision {
    Serve(Arc<CachedToken>),
    ServeAndFetch(Arc<CachedToken>, Start),
    Join(Flight),
    Fetch(Start),
    Fail(AuthError),
}

/// A fetch that is to be started.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) ticket: Ticket,
    pub(super) flight: Flight,
    pub(super) signal: Signal,
}

/// Which fetch it is, and whose credentials it was decided with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ticket {
    id: u32,
    generation: u32,
}

/// A login or a log-out that has begun.
#[derive(Debug)]
pub(super) struct LoginStart {
    pub(super) id: u32,
    pub(super) signal: Signal,
    /// The one that began before it, which ends first.
    pub(super) before: Option<Flight>,
}

/// What a login brings, until somebody takes it over.
#[derive(Debug, Clone)]
pub(super) struct PendingLogin {
    new: Arc<Mutex<Option<Replacement>>>,
    counted_from: Now,
}

impl PendingLogin {
    pub(super) fn new(new: Replacement, counted_from: Now) -> Self {
        Self { new: Arc::new(Mutex::new(Some(new))), counted_from }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Replacement>> {
        self.new.lock()
    }

    /// Which one, until it is taken over.
    fn login(&self) -> Option<LoginId> {
        self.new.lock().as_ref().map(|new| new.login)
    }
}

/// What a fetch may send.
#[derive(Debug, Clone)]
pub(super) enum Permission {
    Send {
        previous: Option<Token>,
        revision: Option<Revision>,
    },
    /// A login has begun to replace the credentials, or another fetch has taken over.
    Superseded,
    /// Nothing is sent with these credentials.
    Ended(AuthError),
}

/// What a fetch brings: a token with the time from which its lifetime counts.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) token: Token,
    pub(super) counted_from: Now,
    /// Whether it was found in the store.
    pub(super) restored: bool,
}

/// Asking and sending.
impl State {
    /// A caller asks for a token.
    pub(super) fn ask(&mut self, now: Now) -> Decision {
        match (self.good(now), self.under_way(), self.paused(now)) {
            (Some((token, Age::Fresh)), _, _) => Decision::Serve(token),
            (Some((token, _)), Some(_), _) => Decision::Serve(token),
            (Some((token, _)), None, Some(_)) => Decision::Serve(token),
            (Some((token, _)), None, None) => Decision::ServeAndFetch(token, self.start()),
            (None, Some(flight), _) => Decision::Join(flight.clone()),
            (None, None, Some(error)) => Decision::Fail(error),
            (None, None, None) => Decision::Fetch(self.start()),
        }
    }

    /// What a fetch may send now. Decided in the same step in which it takes the credentials.
    pub(super) fn permission(&self, ticket: Ticket) -> Permission {
        if !self.is_current(ticket) || !self.may_act(ticket) {
            return Permission::Superseded;
        }
        match &self.credentials.ended {
            Some(error) => Permission::Ended(AuthError::clone(error)),
            None => Permission::Send {
                previous: self.credentials.token.clone(),
                revision: self.credentials.revision,
            },
        }
    }

    /// A token arrived that was requested with the credentials of `sent`. Taken over at once, also
    /// while a login is under way that may be given up: a rotated refresh token exists only once.
    /// Says whether it counts.
    pub(super) fn receive(
        &mut self,
        ticket: Ticket,
        sent: Option<Revision>,
        arrival: &Arrival,
        (login, revision): (LoginId, Revision),
    ) -> bool {
        let counts = self.is_unchanged(ticket, sent);
        if counts {
            let token = arrival.token.clone();
            self.credentials.receive(token, arrival.expires_at(), login, revision);
        }
        counts
    }

    /// The refresh token of `sent` has ended. Says whether that still matters.
    pub(super) fn end(
        &mut self,
        ticket: Ticket,
        sent: Option<Revision>,
        error: &AuthError,
    ) -> bool {
        let counts = self.is_unchanged(ticket, sent);
        if counts {
            self.credentials.end(error.clone());
        }
        counts
    }

    /// Whether the credentials are those that a request was sent with.
    fn is_unchanged(&self, ticket: Ticket, sent: Option<Revision>) -> bool {
        self.is_valid(ticket) && sent == self.credentials.revision
    }

    /// For what is done on behalf of the present credentials by nobody's fetch.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket { id: 0, generation: self.credentials.generation }
    }

    /// Whether a fetch acts for the credentials that there are, and no login is replacing them.
    pub(super) fn may_act(&self, ticket: Ticket) -> bool {
        self.is_valid(ticket) && self.logins.is_empty()
    }

    pub(super) fn is_valid(&self, ticket: Ticket) -> bool {
        ticket.generation == self.credentials.generation
    }

    fn is_current(&self, ticket: Ticket) -> bool {
        self.is_valid(ticket) && self.fetch.as_ref().is_some_and(|fetch| fetch.0 == ticket)
    }

    /// A fetch has ended. Those who wait look again after `Ok`.
    pub(super) fn complete(
        &mut self,
        ticket: Ticket,
        now: Now,
        result: Result<Arrival, AuthError>,
        policy: Policy,
    ) -> (Outcome, Option<TokenEventKind>) {
        let is_current = self.is_current(ticket);
        let is_valid = self.is_valid(ticket);
        self.leave(ticket);
        if !is_valid {
            // A login has replaced the credentials meanwhile: what came of the old ones is void.
            return (Ok(()), None);
        }
        match result.and_then(|arrival| self.arrive(&arrival, now, policy)) {
            Ok(event) => (Ok(()), Some(event)),
            // Another fetch has taken over; its outcome counts.
            Err(error) if !is_current => (Err(error), None),
            Err(error) => (Err(error.clone()), Some(self.fail(error, now, policy))),
        }
    }

    /// A fetch has ended without an outcome of its own: those who wait look again.
    pub(super) fn supersede(&mut self, ticket: Ticket) -> (Outcome, Option<TokenEventKind>) {
        self.leave(ticket);
        (Ok(()), None)
    }

    /// The store was read; `None` when a login has begun to replace what is known. A token of
    /// another login is not handed out any more.
    pub(super) fn look(
        &mut self,
        ticket: Ticket,
        found: Option<&StoredToken>,
        now: Now,
    ) -> Option<Seen> {
        if !self.may_act(ticket) {
            return None;
        }
        let login = self.credentials.login;
        let seen = self.credentials.look(found, now);
        let is_other = self.credentials.login != login;
        if seen == Seen::LoggedOut || is_other {
            self.current = None;
        }
        // The first that is found is whose requests all have been.
        self.login_number += u64::from(is_other && login.is_some());
        Some(seen)
    }

    /// The request has taken its time; a response that comes later still is taken over.
    pub(super) fn give_up_waiting(
        &mut self,
        ticket: Ticket,
        now: Now,
        error: AuthError,
        policy: Policy,
    ) -> Option<TokenEventKind> {
        self.is_current(ticket).then(|| self.fail(error, now, policy))
    }

    /// The fetch has gone without a result, or does not come to its next step; who waits may begin
    /// anew.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.fetch.take_if(|fetch| fetch.0 == ticket);
    }

    /// The fetch that is overdue may be replaced by another. Gives it back, for what it holds.
    pub(super) fn leave_overdue(&mut self) -> Option<Flight> {
        self.fetch.take_if(|fetch| fetch.1.is_overdue()).map(|fetch| fetch.1)
    }

    /// Forgets failures, rejections and ends, so that the next caller may ask at once.
    pub(super) fn reset(&mut self) {
        (self.pause, self.failures, self.suspicion) = (None, 0, None);
        self.credentials.forget_end();
    }

    /// Why the user must log in, also while the last access token is still good.
    pub(super) fn needs_login(&self) -> bool {
        self.credentials.ended.as_ref().is_some_and(|ended| ended.needs_login())
    }

    /// What a caller without a good token waits for.
    pub(super) fn under_way(&self) -> Option<&Flight> {
        self.login_under_way().or_else(|| self.fetch_under_way())
    }

    /// One of an earlier login is nobody's to wait for.
    pub(super) fn fetch_under_way(&self) -> Option<&Flight> {
        let generation = self.credentials.generation;
        let fetch = self.fetch.as_ref().filter(|fetch| fetch.0.generation == generation);
        fetch.map(|fetch| &fetch.1)
    }

    pub(super) fn login_under_way(&self) -> Option<&Flight> {
        self.logins.last().map(|(_, flight, _)| flight)
    }

    /// The fetch of an earlier login, to be ended without the lock.
    pub(super) fn take_superseded(&mut self) -> Option<Flight> {
        self.superseded.take().map(|fetch| fetch.1)
    }

    fn start(&mut self) -> Start {
        let (flight, signal) = Flight::new();
        self.begun = self.begun.wrapping_add(1);
        self.stats.requests += 1;
        let ticket = Ticket { id: self.begun, generation: self.credentials.generation };
        self.fetch = Some(Box::new((ticket, flight.clone())));
        Start { ticket, flight, signal }
    }
}

/// Logins and log-outs.
impl State {
    /// One has begun: nothing is sent with the credentials of before, and nobody begins a fetch
    /// before its end. `new` is kept in case its task does not end it.
    pub(super) fn begin_login(&mut self, new: PendingLogin) -> LoginStart {
        let before = self.login_under_way().cloned();
        let (flight, signal) = Flight::new();
        self.begun = self.begun.wrapping_add(1);
        self.logins.push((self.begun, flight, new));
        LoginStart { id: self.begun, signal, before }
    }

    /// The latest login that there is, or is being taken over: the next one is later still.
    pub(super) fn latest_login(&self) -> Option<LoginId> {
        let under_way = self.logins.iter().filter_map(|(_, _, new)| new.login());
        under_way.chain(self.credentials.login).max()
    }

    /// Logins whose runtime does not run them count as they are, and are saved later.
    pub(super) fn take_over_overdue_logins(&mut self, policy: Policy) {
        let overdue: Vec<_> = self.logins.extract_if(.., |login| login.1.is_overdue()).collect();
        for (id, _, pending) in overdue {
            let taken = pending.lock().take();
            if let Some(new) = taken {
                let _ = self.end_login(id, new, pending.counted_from, false, policy);
            }
        }
    }

    /// Replaces everything, unless one that began later already has. `is_saved` says whether the
    /// store has it, if there is one.
    pub(super) fn end_login(
        &mut self,
        id: u32,
        new: Replacement,
        counted_from: Now,
        is_saved: bool,
        policy: Policy,
    ) -> Outcome {
        self.logins.retain(|(other, ..)| *other != id);
        self.logins.shrink_to_fit();
        if id < self.last_login {
            return Ok(());
        }
        self.last_login = id;
        self.login_number += 1;
        self.reset();
        (self.current, self.rejected) = (None, None);
        self.superseded = self.fetch.take();
        let token = new.token.clone();
        self.credentials.replace(new, counted_from.monotonic);
        if is_saved {
            self.credentials.saved_as_it_is();
        }
        let Some(token) = token else {
            self.pause_for_good(AuthError::NotLoggedIn, counted_from, policy);
            return Ok(());
        };
        self.stats.logins += 1;
        let arrival = Arrival { token, counted_from, restored: false };
        self.take_over(&arrival, counted_from, policy).map(drop)
    }
}

/// What comes of a fetch.
impl State {
    fn arrive(
        &mut self,
        arrival: &Arrival,
        now: Now,
        policy: Policy,
    ) -> Result<TokenEventKind, AuthError> {
        let was_never_rejected =
            self.current.as_ref().is_some_and(|current| !current.was_rejected());
        let expires_in = self.take_over(arrival, now, policy)?;
        if was_never_rejected {
            self.suspicion = None;
        } else if let Some(suspicion) = &mut self.suspicion {
            let was_early = std::mem::take(&mut suspicion.is_early);
            suspicion.deaths = suspicion.deaths.saturating_add(was_early.into());
        }
        (self.pause, self.failures) = (None, 0);
        Ok(if arrival.restored {
            self.stats.restored += 1;
            TokenEventKind::Restored { expires_in }
        } else {
            self.stats.refreshes += 1;
            TokenEventKind::Refreshed { expires_in }
        })
    }

    /// Says how long the token is handed out.
    fn take_over(
        &mut self,
        arrival: &Arrival,
        now: Now,
        policy: Policy,
    ) -> Result<Duration, AuthError> {
        let Arrival { token, counted_from, .. } = arrival;
        let cached = CachedToken::new(token, *counted_from, now, policy)?;
        if self.has_rejected(&token.access_token) {
            return Err(AuthError::RejectedBefore);
        }
        let expires_in = cached.expires_in(now);
        self.current = Some(Arc::new(cached));
        Ok(expires_in)
    }

    fn fail(&mut self, error: AuthError, now: Now, policy: Policy) -> TokenEventKind {
        self.stats.failures += 1;
        self.failures = self.failures.saturating_add(1);
        if error.needs_login() {
            self.credentials.ended.get_or_insert_with(|| Box::new(error.clone()));
            self.pause_for_good(error.clone(), now, policy);
            return TokenEventKind::LoginEnded { error };
        }
        if error.is_the_callers() {
            // Nothing was sent, and connecting or another runtime helps at once.
            return TokenEventKind::PermanentlyFailed { error, retry_in: Duration::ZERO };
        }
        let retry_in = self.pause_after(&error, policy);
        let end = now.monotonic.checked_add(retry_in);
        let is_firm = !error.is_transient() || error.retry_after().is_some();
        let began = now.monotonic;
        let cause = error.clone();
        self.pause = Some(Box::new(Pause { error: cause, began, end, is_firm }));
        if error.is_transient() {
            TokenEventKind::RefreshFailed { error, retry_in }
        } else {
            TokenEventKind::PermanentlyFailed { error, retry_in }
        }
    }

    /// Only a new login helps; with a store, one of another process.
    fn pause_for_good(&mut self, error: AuthError, now: Now, policy: Policy) {
        let end = policy.shared.then(|| now.monotonic.checked_add(PERMANENT_PAUSE)).flatten();
        let began = now.monotonic;
        self.pause = Some(Box::new(Pause { error, began, end, is_firm: true }));
    }

    fn pause_after(&self, error: &AuthError, policy: Policy) -> Duration {
        let pause = match error.is_transient() {
            true => policy.backoff.pause(self.failures, policy.jitter),
            false => PERMANENT_PAUSE,
        };
        pause.max(error.retry_after().unwrap_or_default().min(policy.max_retry_after))
    }

    fn good(&self, now: Now) -> Option<(Arc<CachedToken>, Age)> {
        let current = self.current.as_ref()?;
        match current.age(now) {
            Age::Expired => None,
            age => Some((Arc::clone(current), age)),
        }
    }

    /// The error of the last attempt, as long as there may be no other. With nothing to hand out
    /// that is never long, unless the server asked for it: after an outage callers are served soon.
    pub(super) fn paused(&self, now: Now) -> Option<AuthError> {
        let pause = self.pause.as_ref()?;
        let is_waited_out =
            !pause.is_firm && self.good(now).is_none() && self.lacked(pause, now) >= MAX_LACK;
        let is_over = is_waited_out || pause.end.is_some_and(|end| now.monotonic >= end);
        (!is_over).then(|| pause.error.clone())
    }

    /// For how long of the pause there has been nothing to hand out.
    fn lacked(&self, pause: &Pause, now: Now) -> Duration {
        let since = self.current.as_ref().map_or(pause.began, |current| {
            let expired = now.monotonic.checked_sub(current.expired_for(now));
            expired.unwrap_or(pause.began).max(pause.began)
        });
        now.monotonic.saturating_duration_since(since)
    }
}

impl Arrival {
    /// A token of the store that is good for `left`. It counts from when it was new, so that its
    /// window and its leeway are those of its whole life; from now where the monotonic clock does
    /// not go back that far.
    pub(super) fn restored(token: &Token, left: Duration, now: Now) -> Self {
        let age = token.expires_in.saturating_sub(left);
        let began = now.monotonic.checked_sub(age).zip(now.wall.checked_sub(age));
        let (counted_from, expires_in) = match began {
            Some((monotonic, wall)) => (Now { monotonic, wall }, token.expires_in),
            None => (now, left),
        };
        let token = Token { expires_in, ..token.clone() };
        Self { token, counted_from, restored: true }
    }

    fn expires_at(&self) -> SystemTime {
        end_of(&self.token, self.counted_from)
    }
}

/// The end of a token by the wall clock. What a clock cannot express has expired.
pub(super) fn end_of(token: &Token, counted_from: Now) -> SystemTime {
    let end = counted_from.wall.checked_add(token.expires_in.min(Token::LONGEST_LIFETIME));
    end.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A permanent error may heal by somebody's doing, such as a secret that is set right; and another
/// process may have logged in.
const PERMANENT_PAUSE: Duration = Duration::from_secs(60);

/// The longest back-off while there is nothing to hand out.
const MAX_LACK: Duration = Duration::from_secs(10);
