//! The token cache: one state machine behind every refreshing authenticator.
//!
//! What a caller gets, by what there is (`ask` in `state.rs` is this table):
//!
//! | token | fetch under way | back-off | the caller gets | and then |
//! |---|---|---|---|---|
//! | fresh | any | any | the token | |
//! | in its refresh-ahead window | no | no | the token | a fetch begins |
//! | in its refresh-ahead window | yes | any | the token | |
//! | in its refresh-ahead window | no | yes | the token | |
//! | none, expired or rejected | yes | any | the outcome of that fetch | |
//! | none, expired or rejected | no | yes | the last error, at once | |
//! | none, expired or rejected | no | no | the outcome of a new fetch | a fetch begins |
//!
//! What changes it:
//!
//! | event | state after it |
//! |---|---|
//! | a fetch brings a token, or finds one in the store | fresh; back-off and failures forgotten |
//! | a fetch fails | the token stays; back-off, longer with each failure in a row |
//! | a fetch fails and only a new login helps | the same; nothing is sent with that refresh token |
//! | a fetch is interrupted (its runtime ended), or overdue (its runtime is idle) | as if it had not begun |
//! | a login or log-out begins | nothing is sent or saved for the one before; callers without a good token wait |
//! | a login ends | fresh; all else forgotten, also what a fetch under way brings |
//! | a log-out ends | no token, until a login |
//! | the current token is rejected, and the server has accepted it before | it stays; one fetch for each step of a back-off |
//! | the current token is rejected, and never was accepted | no token; a fetch begins |
//! | the current token is rejected within that step, or another token is | unchanged |
//! | the current token is rejected within that step, by all for 10 s | it stays; a fetch begins, and the next of this kind after 20 s, then 40 s, up to the longest step and 60 s |
//! | the same, and the server says that it is the token | the same, always after 10 s |
//! | a token is accepted, and only then rejected for the first time | the next of this kind begins after 10 s again |
//! | a token that was rejected is replaced | the steps go on growing, whatever is accepted in between |
//! | a token that was never rejected is replaced | rejections forgotten |
//! | time passes, by either clock | fresh → in its window → expired; a back-off ends |
//!
//! A fetch runs in a task of its own with its own time limit: a caller that goes away affects
//! neither it nor other callers. There is no timer: each call looks at the clocks, so an idle cache
//! sends nothing. A fresh token is handed out by an atomic load and two comparisons; the lock is
//! held for the table only, never over an await or over user code.
//!
//! `credentials.rs` has the table of what the store and the cache know of each other.

mod clock;
mod credentials;
#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails is a test that panics"
)]
mod explorer;
mod fetch;
mod flight;
mod listener;
mod login;
mod made;
mod options;
mod policy;
mod saving;
mod shared;
mod state;
mod storage;
mod token;

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use reqwest::header::HeaderValue;
use tokio::time::Instant;

use self::fetch::Fetch;
use self::flight::{Flight, Outcome};
use self::saving::Savers;
use self::shared::Shared;
use self::state::{Decision, Start, State, Verdict};
use self::storage::Storage;
use super::{
    AuthError, Rejection, Replay, TokenKey, TokenSource, TokenStore, Unfinished, UnsettledLogin,
};
use crate::backoff::Backoff;
use crate::oauth::{Tasks, Token, UnderWay};
use crate::sync::Mutex;
use crate::transport::{TimeLimit, can_wait};

pub use clock::{Clock, Now, SystemClock};
#[cfg(feature = "redis")]
pub(crate) use listener::{Event, Listener};
pub use options::TokenCacheOptions;
pub(super) use token::bearer;

/// Hands out the token of a [`TokenSource`] and keeps it fresh.
///
/// Clones share one token. However many tasks ask, at most one token request is under way. Shortly
/// before a token expires, the next one is fetched in the background, while callers go on with the
/// one that is still good. When the source fails, callers notice nothing as long as the token is
/// good. After that they get its error, and it is not asked again before the back-off is over.
///
/// Usable with any OAuth 2.0 server; [`CachedAuthenticator`](super::CachedAuthenticator) makes an
/// [`Authenticator`](super::Authenticator) of it.
///
/// ```
/// use spotify_web::auth::{AuthError, TokenCache, TokenSource};
/// use spotify_web::oauth::Token;
///
/// #[derive(Debug)]
/// struct TokenService;
///
/// #[spotify_web::async_trait::async_trait]
/// impl TokenSource for TokenService {
///     async fn request_token(&self, _previous: Option<&Token>) -> Result<Token, AuthError> {
///         Ok(Token::new("token from the service", Token::DEFAULT_LIFETIME))
///     }
/// }
///
/// # #[tokio::main] async fn main() -> Result<(), AuthError> {
/// let cache = TokenCache::new(TokenService);
/// // Any number of callers, and one request of the source.
/// let (one, other) = tokio::join!(cache.header(), cache.header());
/// assert_eq!(one?, other?);
/// assert_eq!(cache.stats().requests, 1);
/// # Ok(())
/// # }
/// ```
pub struct TokenCache<S: TokenSource> {
    shared: Arc<Shared<S>>,
}

/// What a cache has done since it was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Fetches begun, whether they asked the source or found a token in the store.
    pub requests: u64,
    /// Fetches that brought a token from the source.
    pub refreshes: u64,
    /// Tokens that were found in the store and still good.
    pub restored: u64,
    /// Fetches that failed.
    pub failures: u64,
    /// Logins that were taken over.
    pub logins: u64,
    /// Requests that got a 401 with the current token.
    pub rejections: u64,
    /// Requests that got a 401 with a token that had been replaced already; they change nothing.
    pub late_rejections: u64,
}

impl<S: TokenSource> TokenCache<S> {
    /// A cache with the default options. Requests nothing yet.
    pub fn new(source: S) -> Self {
        Self::of(Arc::new(source), TokenCacheOptions::shared_default(), None, None)
    }

    /// The same source with options of your own; many caches may share them in one `Arc`.
    ///
    /// Like every `with_` method of a cache, it returns one that is empty and no longer shares its
    /// token with clones that were made before.
    #[must_use]
    pub fn with_options(self, options: impl Into<Arc<TokenCacheOptions>>) -> Self {
        let Shared { source, storage, required_scopes, .. } = &*self.shared;
        let source = Arc::clone(source);
        let scopes = required_scopes.clone();
        Self::of(source, options.into(), storage.clone(), scopes)
    }

    /// Keeps the token in `store`, where it outlives the program, under a key that says whose token
    /// it is.
    ///
    /// The store is read before every refresh, so that a token that another process has fetched is
    /// used instead of one more request; a new token is saved before it is handed out. Each
    /// operation may take 5 s.
    ///
    /// The key's client id must be that of the source, where the source
    /// [knows its own](TokenSource::client_id). Otherwise nothing is read, written or sent, and
    /// [`AuthError::KeyOfAnotherApp`] is returned when the client is built and by each call that
    /// would.
    #[must_use]
    pub fn with_store(self, store: impl TokenStore + 'static, key: TokenKey) -> Self {
        let Shared { source, options, required_scopes, .. } = &*self.shared;
        if source.needs_saving() {
            store.expect_logins(&key);
        }
        let storage = Storage::new(Arc::new(store), key);
        let source = Arc::clone(source);
        let scopes = required_scopes.clone();
        Self::of(source, Arc::clone(options), Some(storage), scopes)
    }

    /// Scopes that the program needs. A login that lacks one, as one in the store may, is not used:
    /// callers get [`AuthError::MissingScopes`], which says which, until the user logs in again.
    /// A token that does not say its scopes is taken to have them.
    ///
    /// Like every `with_` method, this makes an authenticator that has no token yet: call it before
    /// a login, or give it a store.
    #[must_use]
    pub fn with_required_scopes<T: Into<String>>(
        self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Self {
        let Shared { source, options, storage, .. } = &*self.shared;
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self::of(Arc::clone(source), Arc::clone(options), storage.clone(), Some(scopes))
    }

    fn of(
        source: Arc<S>,
        options: Arc<TokenCacheOptions>,
        storage: Option<Storage>,
        required_scopes: Option<Arc<[String]>>,
    ) -> Self {
        let shared = Shared {
            published: ArcSwapOption::empty(),
            state: Mutex::default(),
            options,
            source,
            storage,
            required_scopes,
            has_told_of_locks: AtomicBool::new(false),
            savers: Savers::default(),
            tasks: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The `Authorization` header with a token that is good now, marked sensitive.
    ///
    /// A fresh token is there at the first poll, without an allocation. Dropping the future never
    /// cancels a fetch.
    ///
    /// # Errors
    ///
    /// The [`AuthError`] of the attempt that was waited for, or of the last one while its back-off
    /// lasts. [`AuthError::TimedOut`] after [`with_max_wait`](TokenCacheOptions::with_max_wait).
    #[inline]
    pub async fn header(&self) -> Result<HeaderValue, AuthError> {
        match self.shared.fresh() {
            Some(header) => Ok(header),
            None => self.obtain_boxed().await,
        }
    }

    /// To be called when a request got a 401 ([RFC 6750, section 3.1]). Waits for the replacement
    /// of its token, if there will be one, and returns whether another attempt would carry a
    /// different one.
    ///
    /// A 401 is a suspicion: a token that the server has [`accepted`](Self::accepted) before goes
    /// on being handed out to others meanwhile. However many requests are rejected, one token is
    /// requested for each step of a back-off; in between, rejections of its replacement change
    /// nothing, since then the requests are at fault.
    ///
    /// A token that is rejected after that step, and that the server has never accepted, is not
    /// handed out again, whether or not the accounts service can replace it: nothing tells it from
    /// one that has ended. So beside an endpoint that rejects every token, calls that the server
    /// accepts go on through an outage of the accounts service if they are made at least once in
    /// each step (a minute at most). Rarer ones may get the error of the outage, and are served
    /// within 10 s of its end.
    ///
    /// # Errors
    ///
    /// Why there is no replacement, where that says more than the 401: the login has ended, or the
    /// server said that the token is at fault.
    ///
    /// [RFC 6750, section 3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    pub async fn rejected(&self, rejection: &Rejection) -> Result<Replay, AuthError> {
        let now = self.shared.options.now();
        let policy = self.shared.policy();
        let Rejection { credentials, reason } = rejection;
        let verdict = self.shared.change(|state| state.reject(credentials, *reason, now, policy));
        let (flight, is_own) = match verdict {
            Verdict::Replay(replay) => return Ok(replay),
            Verdict::Fail(error) => return Err(self.shared.with_next_attempt(error)),
            Verdict::Join(_) if fetch::is_within(&self.shared) => return Ok(Replay::No),
            Verdict::Join(flight) => (flight, false),
            Verdict::Fetch(start) => (self.start(start)?, true),
        };
        let waited = match self.wait(flight, &mut self.deadline()).await {
            Ok(Some(Err(error))) if !is_own && error.is_the_callers() => {
                self.obtain_boxed().await.map(|_| None)
            }
            waited => waited,
        };
        match waited {
            Ok(None | Some(Ok(()))) => Ok(self.shared.replay_instead_of(credentials)),
            Ok(Some(Err(error))) | Err(error) => match state::verdict_of(error, *reason) {
                Verdict::Fail(error) => Err(self.shared.with_next_attempt(error)),
                _ => Ok(Replay::No),
            },
        }
    }

    /// To be called when the server has accepted the token in `credentials`, an `Authorization`
    /// header.
    #[inline]
    pub fn accepted(&self, credentials: &HeaderValue) {
        let current = self.shared.published.load();
        let Some(token) = &*current else { return };
        if !token.is_known_accepted() && token.header() == credentials {
            token.note_accepted();
        }
    }

    /// Whether the user must log in, because nobody has yet or because the login has ended: also
    /// while the last access token is still good, since there will be no other. Refreshes if that
    /// is due, and reads the store if nothing is known yet.
    ///
    /// # Errors
    ///
    /// The [`AuthError`] that says why it is not known.
    pub async fn needs_login(&self) -> Result<bool, AuthError> {
        match self.header().await {
            Ok(_) => Ok(self.shared.state.lock().needs_login()),
            Err(error) if error.needs_login() => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Forgets failures and their back-off, and that a refresh token has ended: the next caller
    /// asks at once. A token that is good stays.
    pub fn reset(&self) {
        self.shared.change(State::reset);
    }

    /// Takes over the token of a new login, in place of everything that came of the one before.
    ///
    /// Where there is a store, the token is saved first, and callers without a good token wait for
    /// that. If it cannot be saved, the listener is told, and saving is tried again. From its first
    /// poll on, a login runs to its end even when the future is dropped; logins that overlap are
    /// taken over in the order in which they began.
    ///
    /// Another process that shares the store, and in which nobody was logged in or the login had
    /// ended, notices at its first call after up to 60 s; [`reset`](Self::reset) has it look at the
    /// next call. One that has a good access token of an earlier login goes on with it until its
    /// next refresh.
    ///
    /// # Errors
    ///
    /// [`AuthError::MissingScopes`] when the token lacks a
    /// [required scope](Self::with_required_scopes), [`AuthError::KeyOfAnotherApp`] when the key is
    /// another app's, [`AuthError::Option`] when an option is out of its range; nothing has changed
    /// then.
    /// [`AuthError::ExpiredOnArrival`] or [`AuthError::Malformed`] when the access token cannot be
    /// used; its refresh token is taken over all the same, and without one nothing has changed.
    pub async fn log_in(&self, token: Token) -> Result<(), AuthError> {
        self.check()?;
        self.shared.check_scopes(&token)?;
        let token = token.without_blank_refresh_token();
        if token.refresh_token.is_none() {
            self.shared.check_use(&token)?;
        }
        login::log_in(&self.shared, Some(token)).await.0
    }

    /// Ends the login here, in the store and, at their next refresh, in other processes that share
    /// it.
    ///
    /// The store keeps a mark that the user has logged out, so that no refresh under way anywhere
    /// puts the token back. Callers get [`AuthError::NotLoggedIn`] until the next login.
    ///
    /// Another process, or another authenticator with the same key, goes on with the access token
    /// that it has until its next refresh, up to an hour with Spotify. The accounts service is not
    /// told, since Spotify has no way to: an access token that somebody has kept stays good until
    /// it expires.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotSaved`] when the mark could not be saved: nothing is sent from here any
    /// more, and saving is tried again, but another process may still be logged in.
    /// [`AuthError::KeyOfAnotherApp`] when the key is another app's; nobody is logged out then.
    pub async fn log_out(&self) -> Result<(), AuthError> {
        self.shared.check_key()?;
        match login::log_in(&self.shared, None).await {
            (outcome, None) => outcome,
            (_, Some(error)) => Err(AuthError::NotSaved(error)),
        }
    }

    /// Waits until nothing that has begun before is under way, unsaved or untold, for a clean end of
    /// the program: a refresh token that the server has rotated exists only in its response until it
    /// is saved. While the store fails in a way that [may pass](crate::auth::StoreError::is_transient), as one that
    /// is away or full, saving is tried again for two minutes: no other process may have that
    /// token, and room that is made meanwhile saves it. Why it is not saved yet the listener was
    /// told at the first failure ([`StoreFailed`](crate::auth::TokenEventKind::StoreFailed)). A refresh that begins meanwhile, as where calls go on, is not waited for: end the
    /// calls first.
    ///
    /// A request is not waited for where its token could not be lost: it was not requested with a
    /// refresh token, and there is no store to save it in, or its source
    /// [does not need it](TokenSource::needs_saving), as for an app's own token. Such a token that
    /// is not saved is no error either.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotSettled`] when something cannot be saved, or a refresh does not end within
    /// two minutes: it says whose, and why. [`AuthError::NoRuntime`] where tokio's timer is missing,
    /// [`AuthError::WithinFetch`] when the source or the store calls it within a fetch.
    pub async fn settle(&self) -> Result<(), AuthError> {
        runtime_with_time()?;
        if self.shared.has_something_to_lose() {
            // Waiting for oneself would never end.
            if fetch::is_within(&self.shared) {
                return Err(AuthError::WithinFetch);
            }
            let deadline = Instant::now() + SETTLE_LIMIT;
            let settled = tokio::time::timeout_at(deadline, self.shared.idle()).await;
            settled.map_err(|_| self.shared.not_settled(None))?;
            let saved = self.shared.save_by(deadline).await;
            saved.map_err(|error| self.shared.not_settled(Some(error)))?;
        }
        if let Some(listener) = &self.shared.options.listener {
            listener.idle_within(LISTENER_LIMIT).await;
        }
        Ok(())
    }

    /// A refresh that has just begun, to be waited for at the end of a call on a runtime that may
    /// not run any longer then. Ready after a second at the latest.
    pub fn unfinished(&self) -> Option<Unfinished<'static>> {
        let flight =
            self.shared.state.lock().under_way().filter(|flight| flight.is_young()).cloned();
        flight.map(|flight| Box::pin(while_young(flight)) as Unfinished<'static>)
    }

    /// What the cache has done so far.
    pub fn stats(&self) -> CacheStats {
        self.shared.state.lock().stats
    }

    /// Where the tokens come from.
    pub fn source(&self) -> &S {
        &self.shared.source
    }

    /// The key under which the store keeps the token.
    pub fn key(&self) -> Option<&TokenKey> {
        self.shared.storage.as_ref().map(|storage| &**storage.key())
    }

    /// The scopes of the token that is here, by a login or from the store; refreshing leaves them
    /// as they are unless the server says otherwise.
    ///
    /// `None` where there is no token, and where the server did not say its scopes. A token in the
    /// store is here once it has been asked for, as [`needs_login`](Self::needs_login) does.
    pub fn granted_scopes(&self) -> Option<Vec<String>> {
        self.shared.state.lock().credentials.token.as_ref()?.scopes.clone()
    }

    /// Counts the logins that were replaced by another or by none, here or by another process.
    pub(super) fn login_number(&self) -> u64 {
        self.shared.state.lock().login_number
    }

    /// Has a client wait at its end for what is under way here, also when nobody has the cache any
    /// more.
    pub(super) fn report_to(&self, under_way: &UnderWay) {
        self.shared.tasks.get_or_init(Tasks::default).report_to(under_way);
    }

    /// An error where an option is out of its range, or the key is another app's.
    pub(super) fn check(&self) -> Result<(), AuthError> {
        self.shared.options.check()?;
        self.shared.check_key()
    }

    /// Boxed and out of line, so that the future of a hit is small: moving it costs more than the
    /// hit.
    #[cold]
    fn obtain_boxed(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<HeaderValue, AuthError>> + Send + '_>> {
        Box::pin(self.obtain())
    }

    async fn obtain(&self) -> Result<HeaderValue, AuthError> {
        self.try_to_obtain().await.map_err(|error| self.shared.with_next_attempt(error))
    }

    async fn try_to_obtain(&self) -> Result<HeaderValue, AuthError> {
        self.check()?;
        let mut deadline = self.deadline();
        let mut has_looked_again = false;
        for _ in 0..MOST_ROUNDS {
            let (flight, is_own) = match self.next_step()? {
                Step::Serve(header) => return Ok(header),
                Step::Wait { flight, is_own } => (flight, is_own),
            };
            match self.wait(flight, &mut deadline).await? {
                Some(Err(error)) if is_own || has_looked_again || !error.is_the_callers() => {
                    return Err(error);
                }
                // What the runtime of another caller lacks, this one may have.
                Some(Err(_)) => has_looked_again = true,
                _ => {}
            }
            // Time has passed while waiting: look at the clocks again.
        }
        Err(AuthError::Interrupted)
    }

    fn next_step(&self) -> Result<Step, AuthError> {
        let now = self.shared.options.now();
        let decision = self.shared.state.lock().ask(now);
        match decision {
            Decision::Serve(token) => Ok(Step::Serve(token.header().clone())),
            Decision::ServeAndFetch(token, start) => {
                // The token is good: that the next cannot be fetched from here is no error yet.
                let _ = self.start(start);
                Ok(Step::Serve(token.header().clone()))
            }
            // Waiting for oneself would never end.
            Decision::Join(_) if fetch::is_within(&self.shared) => Err(AuthError::WithinFetch),
            Decision::Join(flight) => Ok(Step::Wait { flight, is_own: false }),
            Decision::Fetch(start) => {
                self.start(start).map(|flight| Step::Wait { flight, is_own: true })
            }
            Decision::Fail(error) => Err(error),
        }
    }

    fn start(&self, start: Start) -> Result<Flight, AuthError> {
        if let Err(error) = runtime_with_time() {
            self.shared.change(|state| state.leave(start.ticket));
            return Err(error);
        }
        let flight = start.flight.clone();
        Fetch::spawn(&self.shared, start).map(|()| flight)
    }

    fn deadline(&self) -> TimeLimit {
        TimeLimit::after(self.shared.options.max_wait)
    }

    /// The outcome of a fetch; `None` when it was interrupted or does not come to its next step.
    /// Ends by the caller's own timer, whatever the runtime of the fetch does.
    async fn wait(
        &self,
        mut flight: Flight,
        deadline: &mut TimeLimit,
    ) -> Result<Option<Outcome>, AuthError> {
        runtime_with_time()?;
        loop {
            let end = deadline.due();
            let until = flight.due().map_or(end, |due| due.min(end));
            if let Ok(outcome) = tokio::time::timeout_at(until, flight.outcome()).await {
                return Ok(outcome);
            }
            if flight.is_overdue() {
                self.shared.take_over_overdue_logins();
                if let Some(left) = self.shared.change(State::leave_overdue) {
                    left.release();
                }
                return Ok(None);
            }
            if deadline.has_passed() {
                return Err(AuthError::TimedOut { limit: self.shared.options.max_wait });
            }
        }
    }
}

/// Nothing is waited for where there is no timer.
async fn while_young(flight: Flight) {
    if runtime_with_time().is_ok() {
        flight.while_young().await;
    }
}

/// Waits until each cache of a client has saved what it has under way now.
pub(crate) async fn settle_tasks(under_way: &UnderWay) -> Result<(), AuthError> {
    if under_way.is_idle() {
        return Ok(());
    }
    runtime_with_time()?;
    let left = under_way.settle(SETTLE_LIMIT).await;
    match left.is_empty() {
        true => Ok(()),
        false => Err(AuthError::NotSettled(left.into_iter().map(UnsettledLogin::of).collect())),
    }
}

/// tokio would panic where there is no timer.
fn runtime_with_time() -> Result<(), AuthError> {
    if can_wait() { Ok(()) } else { Err(AuthError::NoRuntime) }
}

impl<S: TokenSource> Clone for TokenCache<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: TokenSource> fmt::Debug for TokenCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("source", &self.shared.source)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

enum Step {
    Serve(HeaderValue),
    Wait {
        flight: Flight,
        /// Whether this caller has begun it, and on its own runtime.
        is_own: bool,
    },
}

/// Each round waits for one fetch or login. More are needed only when runtimes end, logins follow
/// each other, or tokens expire faster than they are handed out.
const MOST_ROUNDS: usize = 16;

/// Longer than a request and the saving of its token take.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);

/// How long the last events may take to be told.
const LISTENER_LIMIT: Duration = Duration::from_secs(5);
