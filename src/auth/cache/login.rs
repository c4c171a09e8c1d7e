//! A new login: its token takes the place of everything that came of the one before.

use std::sync::Arc;

use super::flight::Signal;
use super::state::State;
use super::storage::stored;
use super::{Now, Shared};
use crate::auth::{AuthError, StoreError, TokenEvent, TokenSource};
use crate::oauth::Token;

/// A login that is being taken over. Callers without a good token wait for it; dropped before its
/// end, it has changed nothing but that a fetch under way is void.
pub(super) struct Login<'a, S: TokenSource> {
    shared: &'a Arc<Shared<S>>,
    signal: Option<Signal>,
}

impl<'a, S: TokenSource> Login<'a, S> {
    pub(super) fn begin(shared: &'a Arc<Shared<S>>) -> Self {
        let signal = shared.change(State::begin_login);
        Self { shared, signal: Some(signal) }
    }

    /// Saves the token, and then hands it out.
    pub(super) async fn finish(mut self, token: Token) -> Result<(), AuthError> {
        let now = self.shared.options.now();
        let saved = self.save(&token, now).await;
        let rules = self.shared.rules();
        let outcome = self.shared.change(|state| state.end_login(token, now, rules));
        if let Some(signal) = self.signal.take() {
            signal.send(outcome.clone());
        }
        if let Err(error) = saved {
            self.shared.tell(&TokenEvent::StoreFailed { error });
        }
        outcome
    }

    /// Over whatever is there.
    async fn save(&self, token: &Token, now: Now) -> Result<(), StoreError> {
        let Some(storage) = &self.shared.options.storage else { return Ok(()) };
        // Without the lock, a refresh elsewhere may win; then the next refresh here saves.
        let _lock = storage.lock_briefly().await;
        let known = storage.load().await?.map_or(0, |stored| stored.version);
        let version = self.shared.change(|state| state.basis.version_after(known));
        storage.save(&stored(token, now, version)).await
    }
}

impl<S: TokenSource> Drop for Login<'_, S> {
    fn drop(&mut self) {
        if self.signal.is_some() {
            self.shared.change(State::cancel_login);
        }
    }
}
