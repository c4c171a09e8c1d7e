//! One fetch, in a task of its own: the store, the source, the store again.
//!
//! | step | why |
//! |---|---|
//! | lock the store | two processes with one rotating refresh token would end each other's session |
//! | read the store | another process may have refreshed, or the user logged in there |
//! | ask the source | |
//! | on `invalid_grant`, read the store again | somebody who does not lock may have rotated |
//! | save | before anybody uses the token: a crash afterwards loses nothing |
//! | land | those who wait are told, then the listener |
//! | save again, if that failed | a token that is only in memory dies with the process |

use std::sync::{Arc, Weak};
use std::time::SystemTime;

use tokio::runtime::Handle;

use super::flight::Signal;
use super::state::{Arrival, Basis};
use super::storage::{Storage, stored};
use super::{Now, Shared};
use crate::auth::{AuthError, RefreshLock, StoreError, StoredToken, TokenEvent, TokenSource};
use crate::oauth::Token;

/// A fetch on its way. Whatever ends it, those who wait are told.
pub(super) struct Fetch<S: TokenSource> {
    shared: Arc<Shared<S>>,
    signal: Option<Signal>,
    login: u64,
    /// What is told once it has landed.
    events: Vec<TokenEvent>,
    /// What came but could not be saved.
    unsaved: Option<StoredToken>,
}

/// What the store has that the cache does not know.
enum Look {
    Nothing,
    /// A refresh token, with an access token that is no good any more.
    Newer,
    Good(Arrival),
}

/// Whether the calling task is the fetch of this cache, as in the code of its source or store.
pub(super) fn is_within<S>(shared: &Arc<Shared<S>>) -> bool {
    WITHIN.try_with(|within| *within == address(shared)).unwrap_or(false)
}

impl<S: TokenSource> Fetch<S> {
    /// Called without the lock: a runtime that shuts down drops the task on the spot, and that
    /// takes the lock.
    pub(super) fn spawn(shared: &Arc<Shared<S>>, signal: Signal) -> Result<(), AuthError> {
        let fetch = Self {
            shared: Arc::clone(shared),
            signal: Some(signal),
            login: shared.state.lock().basis.login,
            events: Vec::new(),
            unsaved: None,
        };
        let runtime = Handle::try_current().map_err(|_| AuthError::NoRuntime)?;
        runtime.spawn(fetch.run());
        Ok(())
    }

    async fn run(mut self) {
        let result = WITHIN.scope(address(&self.shared), self.fetch()).await;
        self.land(result);
        let storage = self.shared.options.storage.clone();
        if let (Some(storage), Some(unsaved)) = (storage, self.unsaved.take()) {
            let shared = Arc::downgrade(&self.shared);
            // The source is free from here on, whatever the store does.
            drop(self);
            save_again(&shared, &storage, unsaved).await;
        }
    }

    async fn fetch(&mut self) -> Result<Arrival, AuthError> {
        let _lock = self.lock_store().await;
        if let Look::Good(arrival) = self.look_into_store().await {
            return Ok(arrival);
        }
        let (mut counted_from, mut result) = self.request().await;
        if result.as_ref().is_err_and(AuthError::needs_login) {
            match self.look_into_store().await {
                Look::Good(arrival) => return Ok(arrival),
                Look::Newer => (counted_from, result) = self.request().await,
                Look::Nothing => self.mark_ended().await,
            }
        }
        self.keep(counted_from, result).await
    }

    /// Asks the source once, within the time limit; with a refresh token that has ended, not at all.
    async fn request(&self) -> (Now, Result<Token, AuthError>) {
        let started = self.shared.options.now();
        let Basis { last, ended, .. } = self.shared.state.lock().basis.clone();
        if let Some(error) = ended {
            return (started, Err(error));
        }
        tracing::debug!("requesting an access token");
        let limit = self.shared.options.time_limit;
        let request = self.shared.source.request_token(last.as_ref());
        let result = tokio::time::timeout(limit, request).await;
        (started, result.unwrap_or(Err(AuthError::TimedOut { limit })))
    }

    /// Saves what came. A token that is no good may still carry the only refresh token that works.
    async fn keep(
        &mut self,
        counted_from: Now,
        result: Result<Token, AuthError>,
    ) -> Result<Arrival, AuthError> {
        let last = self.shared.state.lock().basis.last.clone();
        match result {
            Ok(token) => {
                let token = token.following(last.as_ref());
                self.save(&token, counted_from).await;
                Ok(Arrival { token, counted_from, restored: false })
            }
            Err(error) => {
                if let Some(token) = error.carried_token() {
                    self.save(&token.clone().following(last.as_ref()), counted_from).await;
                }
                Err(error)
            }
        }
    }

    async fn save(&mut self, token: &Token, counted_from: Now) {
        let version = self.shared.change(|state| state.basis.succeed(self.login, token));
        let (Some(version), Some(storage)) = (version, &self.shared.options.storage) else {
            return;
        };
        let new = stored(token, counted_from, version);
        match storage.save(&new).await {
            Ok(()) => {}
            Err(error @ StoreError::Stale { .. }) => {
                self.shared.change(|state| state.basis.lost_to(version));
                self.events.push(TokenEvent::StoreFailed { error });
            }
            Err(error) => {
                self.unsaved = Some(new);
                self.events.push(TokenEvent::StoreFailed { error });
            }
        }
    }

    /// So that no process sends anything with that refresh token again. It stays where it is.
    async fn mark_ended(&mut self) {
        let Some(storage) = self.shared.options.storage.clone() else { return };
        let ended = self.shared.change(|state| {
            let last = state.basis.last.clone().filter(|_| state.basis.ended.is_none())?;
            let version = state.basis.succeed(self.login, &last)?;
            let ended = StoredToken::new(last, SystemTime::UNIX_EPOCH, version);
            Some(StoredToken { ended: true, ..ended })
        });
        if let Some(ended) = ended {
            self.report(storage.save(&ended).await);
        }
    }

    async fn lock_store(&mut self) -> Option<RefreshLock> {
        let storage = self.shared.options.storage.clone()?;
        let lock = storage.lock(self.shared.options.time_limit).await;
        self.report(lock)
    }

    async fn look_into_store(&mut self) -> Look {
        let Some(storage) = self.shared.options.storage.clone() else { return Look::Nothing };
        let Some(Some(stored)) = self.report(storage.load().await) else { return Look::Nothing };
        let now = self.shared.options.now();
        let (newer, refused) = self.shared.change(|state| {
            let newer = state.basis.login == self.login && state.basis.adopt(&stored);
            (newer, state.has_refused(&stored.token.access_token))
        });
        // Never longer than it was good when it was new, whatever the wall clock says.
        let left = stored.expires_at.duration_since(now.wall).unwrap_or_default();
        let left = left.min(stored.token.expires_in);
        match newer && !stored.ended {
            false => Look::Nothing,
            true if refused || left.is_zero() => Look::Newer,
            true => {
                let token = Token { expires_in: left, ..stored.token };
                Look::Good(Arrival { token, counted_from: now, restored: true })
            }
        }
    }

    fn report<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|error| self.events.push(TokenEvent::StoreFailed { error })).ok()
    }

    fn land(&mut self, result: Result<Arrival, AuthError>) {
        let Some(signal) = self.signal.take() else { return };
        let (now, rules) = (self.shared.options.now(), self.shared.rules());
        let (outcome, event) =
            self.shared.change(|state| state.landed(self.login, now, result, rules));
        signal.send(outcome);
        for event in self.events.drain(..).chain(event) {
            self.shared.tell(&event);
        }
    }
}

impl<S: TokenSource> Drop for Fetch<S> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.land(Err(AuthError::SourcePanicked));
        } else if self.signal.is_some() {
            self.shared.state.lock().interrupted();
        }
    }
}

/// Tries for half a minute, unless a later token has come; the next fetch saves in any case.
async fn save_again<S: TokenSource>(
    shared: &Weak<Shared<S>>,
    storage: &Storage,
    unsaved: StoredToken,
) {
    for attempt in 1..=MOST_SAVES {
        let Some(pause) = shared.upgrade().map(|it| it.options.backoff.pause(attempt, 0.0)) else {
            break;
        };
        tokio::time::sleep(pause).await;
        let is_latest = |it: Arc<Shared<S>>| it.state.lock().basis.version == unsaved.version;
        if !shared.upgrade().is_none_or(is_latest) || storage.save(&unsaved).await.is_ok() {
            return;
        }
    }
    // Nobody is left to use the client, but the token may be the only one that still works.
    let _ = storage.save(&unsaved).await;
}

fn address<S>(shared: &Arc<Shared<S>>) -> usize {
    Arc::as_ptr(shared).addr()
}

tokio::task_local! {
    /// The cache whose fetch the task is.
    static WITHIN: usize;
}

const MOST_SAVES: u32 = 5;
