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
//! | none, expired or refused | yes | any | the outcome of that fetch | |
//! | none, expired or refused | no | yes | the last error, at once | |
//! | none, expired or refused | no | no | the outcome of a new fetch | a fetch begins |
//!
//! What changes it:
//!
//! | event | state after it |
//! |---|---|
//! | a fetch brings a token, or finds one in the store | fresh; back-off and failures forgotten |
//! | a fetch fails | the token stays; back-off, longer with each failure in a row |
//! | a fetch fails and only a new login helps | the same, without an end; nothing is sent with that refresh token |
//! | a fetch is interrupted (its runtime ended) | as if it had not begun |
//! | a new login | fresh; all else forgotten, also what a fetch under way brings |
//! | the current token is refused | no token; a back-off from the second time in a row |
//! | a token is refused that is not the current one | unchanged |
//! | time passes, by either clock | fresh → in its window → expired; a back-off ends |
//!
//! A fetch runs in a task of its own with its own time limit: a caller that goes away affects
//! neither it nor other callers. There is no timer: each call looks at the clocks, so an idle cache
//! sends nothing. A fresh token is handed out by an atomic load and two comparisons; the lock is
//! held for the table only, never over an await or over somebody else's code.

mod clock;
#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails is a test that panics"
)]
mod explorer;
mod fetch;
mod flight;
mod login;
mod options;
mod state;
mod storage;
mod token;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use reqwest::header::HeaderValue;

use self::fetch::Fetch;
use self::flight::Flight;
use self::login::Login;
use self::state::{Decision, Rules, State};
use self::token::CachedToken;
use super::{AuthError, Replay, TokenEvent, TokenSource};
use crate::backoff::Backoff;
use crate::oauth::Token;

pub use clock::{Clock, Now, SystemClock};
pub use options::TokenCacheOptions;
pub(super) use token::bearer;

/// Hands out the token of a [`TokenSource`] and keeps it fresh.
///
/// Clones share one token. However many tasks ask, at most one token request is on its way. Shortly
/// before a token expires the next is fetched in the background, while callers go on with the one
/// that is still good. When the source fails, callers notice nothing as long as the token is good,
/// and after that get its error without asking again before the back-off is over.
///
/// Usable with any OAuth 2.0 server; [`CachedAuthenticator`](super::CachedAuthenticator) makes an
/// [`Authenticator`](super::Authenticator) of it.
pub struct TokenCache<S: TokenSource> {
    shared: Arc<Shared<S>>,
}

/// What a cache has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Fetches begun, whether they asked the source or found a token in the store.
    pub requests: u64,
    /// Fetches that brought a token.
    pub refreshes: u64,
    /// Tokens that were found in the store and still good.
    pub restored: u64,
    /// Fetches that failed.
    pub failures: u64,
    /// Tokens dropped because the server refused them.
    pub refusals: u64,
    /// Refusals of a token that had been replaced already; they change nothing.
    pub late_refusals: u64,
}

struct Shared<S> {
    /// `State::current` once more, for those who need no more than that.
    published: ArcSwapOption<CachedToken>,
    state: Mutex<State>,
    options: Arc<TokenCacheOptions>,
    source: S,
}

impl<S: TokenSource> TokenCache<S> {
    /// A cache with the default options. Requests nothing yet.
    pub fn new(source: S) -> Self {
        Self::with_options(source, TokenCacheOptions::shared_default())
    }

    /// A cache with options of your own. Many caches may share them in one `Arc`.
    pub fn with_options(source: S, options: impl Into<Arc<TokenCacheOptions>>) -> Self {
        let shared = Shared {
            published: ArcSwapOption::empty(),
            state: Mutex::default(),
            options: options.into(),
            source,
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
    /// lasts.
    #[inline]
    pub async fn header(&self) -> Result<HeaderValue, AuthError> {
        match self.shared.fresh() {
            Some(header) => Ok(header),
            None => self.obtain_boxed().await,
        }
    }

    /// Told that the server refused the token in `rejected`, an `Authorization` header.
    ///
    /// Drops it if it is still the current one; a newer token stays. Says whether asking again would
    /// bring a different one.
    pub fn refused(&self, rejected: &HeaderValue) -> Replay {
        let (now, rules) = (self.shared.options.now(), self.shared.rules());
        self.shared.change(|state| state.refused(rejected, now, rules))
    }

    /// Forgets failures and their back-off, and that a refresh token has ended: the next caller asks
    /// at once. A token that is good stays.
    pub fn reset(&self) {
        self.shared.change(State::reset);
    }

    /// Takes over the token of a new login, in place of everything that came of the one before.
    ///
    /// It is saved first, where there is a store, for which callers without a good token wait; that
    /// it cannot be saved is told to the listener.
    ///
    /// # Errors
    ///
    /// [`AuthError::ExpiredOnArrival`] or [`AuthError::Malformed`] when the access token cannot be
    /// used; its refresh token is taken over all the same.
    pub async fn log_in(&self, token: Token) -> Result<(), AuthError> {
        Login::begin(&self.shared).finish(token).await
    }

    /// What the cache has done so far.
    pub fn stats(&self) -> CacheStats {
        self.shared.state.lock().stats
    }

    /// Where the tokens come from.
    pub fn source(&self) -> &S {
        &self.shared.source
    }

    /// An error where an option is out of its range.
    pub(super) fn check(&self) -> Result<(), AuthError> {
        self.shared.options.check()
    }

    /// Boxed and out of line, so that the future of a hit is small: moving it costs more than the hit.
    #[cold]
    fn obtain_boxed(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<HeaderValue, AuthError>> + Send + '_>> {
        Box::pin(self.obtain())
    }

    async fn obtain(&self) -> Result<HeaderValue, AuthError> {
        self.check()?;
        for _ in 0..MOST_ROUNDS {
            let flight = match self.next_step()? {
                Step::Serve(header) => return Ok(header),
                Step::Wait(flight) => flight,
            };
            if let Some(Err(error)) = flight.outcome().await {
                return Err(error);
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
            Decision::ServeAndFetch(token, signal) => {
                // The token is good: that the next cannot be fetched from here is no error yet.
                let _ = Fetch::spawn(&self.shared, signal);
                Ok(Step::Serve(token.header().clone()))
            }
            // Waiting for oneself would never end.
            Decision::Join(_) if fetch::is_within(&self.shared) => Err(AuthError::WithinFetch),
            Decision::Join(flight) => Ok(Step::Wait(flight)),
            Decision::Fetch(flight, signal) => {
                Fetch::spawn(&self.shared, signal).map(|()| Step::Wait(flight))
            }
            Decision::Fail(error) => Err(error),
        }
    }
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
    Wait(Flight),
}

impl<S> Shared<S> {
    /// The fast path: no lock, no allocation.
    #[inline]
    fn fresh(&self) -> Option<HeaderValue> {
        let current = self.published.load();
        let token = current.as_ref()?;
        token.is_fresh(self.options.now()).then(|| token.header().clone())
    }

    /// Changes the state and publishes the token that it then has, in one step.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let answer = change(&mut state);
        self.published.store(state.current.clone());
        answer
    }

    fn rules(&self) -> Rules {
        Rules {
            backoff: self.options.backoff,
            window: self.options.refresh_ahead,
            jitter: self.options.roll(),
            shared: self.options.storage.is_some(),
        }
    }

    /// Called outside of the lock.
    fn tell(&self, event: &TokenEvent) {
        match event {
            TokenEvent::Refreshed { .. } | TokenEvent::Restored { .. } => {
                tracing::debug!(?event, "got an access token");
            }
            TokenEvent::RefreshFailed { error, .. }
            | TokenEvent::PermanentlyFailed { error, .. }
            | TokenEvent::LoginEnded { error } => {
                let error: &dyn std::error::Error = error;
                tracing::warn!(error, "got no access token");
            }
            TokenEvent::StoreFailed { error } => {
                let error: &dyn std::error::Error = error;
                tracing::warn!(error, "the token store failed");
            }
        }
        if let Some(listener) = &self.options.listener {
            listener.tell(event);
        }
    }
}

/// Each round waits for one fetch. More are needed only when runtimes end, or tokens expire faster
/// than they are handed out.
const MOST_ROUNDS: usize = 4;
