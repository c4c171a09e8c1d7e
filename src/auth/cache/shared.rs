//! What the clones of a cache share with what they have under way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use reqwest::header::HeaderValue;

use super::TokenCacheOptions;
use super::policy::Policy;
use super::saving::Savers;
use super::state::State;
use super::storage::Storage;
use super::token::CachedToken;
use crate::auth::{
    AuthError, Replay, StoreError, TokenEvent, TokenEventKind, TokenSource, UnsettledLogin,
};
use crate::oauth::{TaskGuard, Tasks, Token, Whose};
use crate::sync::Mutex;

pub(super) struct Shared<S> {
    /// `State::current` again, for the many who need no more than that.
    pub(super) published: ArcSwapOption<CachedToken>,
    pub(super) state: Mutex<State>,
    pub(super) options: Arc<TokenCacheOptions>,
    pub(super) source: Arc<S>,
    pub(super) storage: Option<Storage>,
    pub(super) required_scopes: Option<Arc<[String]>>,
    pub(super) has_told_of_locks: AtomicBool,
    pub(super) savers: Savers,
    /// What its clients wait for before they end.
    pub(super) tasks: OnceLock<Tasks>,
}

impl<S: TokenSource> Shared<S> {
    /// What the store keeps for one app is never used, replaced or marked by another.
    pub(super) fn check_key(&self) -> Result<(), AuthError> {
        let (Some(storage), Some(own)) = (&self.storage, self.client_id_of_source()) else {
            return Ok(());
        };
        if storage.key().client_id() == own {
            return Ok(());
        }
        let key = Arc::clone(storage.key());
        let client_id = own.to_owned();
        Err(AuthError::KeyOfAnotherApp { key, client_id })
    }

    /// Whose app's token it is, for logs.
    pub(super) fn client_id(&self) -> Option<&str> {
        let of_key = self.storage.as_ref().map(|storage| storage.key().client_id());
        of_key.or_else(|| self.client_id_of_source())
    }

    /// A source is user code: that it panics here costs nobody a token.
    fn client_id_of_source(&self) -> Option<&str> {
        catch_unwind(AssertUnwindSafe(|| self.source.client_id())).unwrap_or_else(|_| {
            tracing::error!("the token source panicked as it was asked for its client id");
            None
        })
    }

    /// Whether a token that is under way, or not saved, may be the only one that still works.
    pub(super) fn has_something_to_lose(&self) -> bool {
        let needs_saving = || catch_unwind(AssertUnwindSafe(|| self.source.needs_saving()));
        // Of a source that panics, nobody knows.
        (self.storage.is_some() && needs_saving().unwrap_or(true))
            || self.state.lock().credentials.is_precious()
    }

    /// Which user's, for logs.
    pub(super) fn user(&self) -> Option<&str> {
        self.storage.as_ref()?.key().user()
    }

    /// Called outside of the lock.
    pub(super) fn tell(&self, kind: TokenEventKind) {
        let kind = kind.with_its_wait();
        let client_id = self.client_id();
        let user = self.user();
        match &kind {
            TokenEventKind::Refreshed { .. } | TokenEventKind::Restored { .. } => {
                tracing::debug!(client_id, user, event = ?kind, "got an access token");
            }
            TokenEventKind::RefreshFailed { error, .. }
            | TokenEventKind::PermanentlyFailed { error, .. }
            | TokenEventKind::LoginEnded { error } => {
                let error: &dyn std::error::Error = error;
                tracing::warn!(client_id, user, error, "got no access token");
            }
            TokenEventKind::StoreFailed { error } => {
                let error: &dyn std::error::Error = error;
                tracing::warn!(client_id, user, error, "the token store failed");
            }
        }
        if let Some(listener) = &self.options.listener {
            let key = self.storage.as_ref().map(|storage| Arc::clone(storage.key()));
            listener.tell(TokenEvent { key, kind });
        }
    }
}

impl<S> Shared<S> {
    /// The fast path: no lock, no allocation.
    #[inline]
    pub(super) fn fresh(&self) -> Option<HeaderValue> {
        let current = self.published.load();
        let token = current.as_ref()?;
        token.is_fresh(self.options.now()).then(|| token.header().clone())
    }

    pub(super) fn take_over_overdue_logins(&self) {
        let policy = self.policy();
        self.change(|state| state.take_over_overdue_logins(policy));
    }

    /// What the caller is told to wait is what is left of the pause.
    pub(super) fn with_next_attempt(&self, error: AuthError) -> AuthError {
        let now = self.options.now();
        let wait = self.state.lock().next_attempt_in(now);
        error.with_retry_in(wait)
    }

    pub(super) fn replay_instead_of(&self, rejected: &HeaderValue) -> Replay {
        match &*self.published.load() {
            Some(token) if token.header() != rejected => Replay::Yes,
            _ => Replay::No,
        }
    }

    /// Changes the state and publishes the token that it then has, in one step.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let changed = change(&mut state);
        self.published.store(state.current.clone());
        let superseded = state.take_superseded();
        drop(state);
        if let Some(fetch) = superseded {
            fetch.abort();
        }
        changed
    }

    pub(super) fn policy(&self) -> Policy {
        Policy {
            backoff: self.options.backoff,
            window: self.options.refresh_ahead,
            jitter: self.options.roll(),
            shared: self.storage.is_some(),
            max_retry_after: self.options.max_retry_after,
        }
    }

    /// A token that says its scopes has those that the program needs.
    pub(super) fn check_scopes(&self, token: &Token) -> Result<(), AuthError> {
        let (Some(required), Some(scopes)) = (&self.required_scopes, &token.scopes) else {
            return Ok(());
        };
        let missing = required.iter().filter(|scope| !scopes.contains(scope));
        let missing: Vec<_> = missing.cloned().collect();
        if missing.is_empty() { Ok(()) } else { Err(AuthError::MissingScopes { missing }) }
    }

    /// A token that could be sent now.
    pub(super) fn check_use(&self, token: &Token) -> Result<(), AuthError> {
        let now = self.options.now();
        CachedToken::new(token, now, now, self.policy()).map(drop)
    }

    /// For a task that may hold a token that is not in the store yet.
    pub(super) fn task_guard(&self) -> Option<TaskGuard> {
        let whose = Arc::clone(self.storage.as_ref()?.key()) as Whose;
        Some(self.tasks.get_or_init(Tasks::default).begin(&whose))
    }

    /// `error` is why it could not be saved, where that has just been tried.
    pub(super) fn not_settled(&self, error: Option<StoreError>) -> AuthError {
        let left = self.tasks.get().and_then(Tasks::left).map(UnsettledLogin::of);
        let key = self.storage.as_ref().map(|storage| Arc::clone(storage.key()));
        let error = error.or_else(|| left?.error);
        AuthError::NotSettled([UnsettledLogin { key, error }].into_iter().collect())
    }

    /// Whether it is the first time.
    pub(super) fn tells_that_there_are_no_locks(&self) -> bool {
        !self.has_told_of_locks.swap(true, Ordering::Relaxed)
    }

    /// Waits for the fetch and the logins that are under way now. What begins later is not waited
    /// for, or traffic that goes on would never let it end.
    pub(super) async fn idle(&self) {
        let flights = {
            let state = self.state.lock();
            [state.login_under_way().cloned(), state.fetch_under_way().cloned()]
        };
        for flight in flights.into_iter().flatten() {
            flight.gone().await;
        }
    }
}
