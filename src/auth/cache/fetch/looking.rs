//! What a fetch finds in the store, and how far that can be trusted.

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use super::{Fetch, Halt, Sent};
use crate::auth::cache::credentials::Seen;
use crate::auth::cache::state::Arrival;
use crate::auth::cache::storage::{OPERATION_LIMIT, Storage};
use crate::auth::cache::token::{bearer, leeway};
use crate::auth::{AuthError, RefreshLock, StoreError, TokenEventKind, TokenSource};
use crate::oauth::Token;

/// How far the store can be trusted in this fetch.
#[derive(Default)]
pub(super) struct StoreTrust {
    /// Why it could not be locked or read.
    pub(super) error: Option<StoreError>,
    /// Of which kind the failure was that was told last.
    told: Option<Discriminant<StoreError>>,
    /// Why what came could not be saved.
    pub(super) unsaved: Option<StoreError>,
    pub(super) lock: LockState,
}

/// What keeps other processes from refreshing meanwhile.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockState {
    /// Nothing has to: there is no store, it is not shared, or its locks are impossible.
    #[default]
    NotNeeded,
    /// The lock of the key.
    Held,
    /// The same, but it keeps away this process only.
    HeldHere,
    /// Nothing does: the lock could not be obtained, so that an entry may only seem to be gone.
    Failed,
}

/// What the store has that the cache does not.
pub(super) enum Look {
    NothingNew,
    /// A refresh token, with an access token that is not usable any more.
    Newer,
    Good(Arrival),
}

impl<S: TokenSource> Fetch<S> {
    /// What another process saved meanwhile, if it is good; else those who wait look again.
    pub(super) fn replaced_by(&self) -> Result<Arrival, Halt> {
        match self.adopted()? {
            Look::Good(theirs) => Ok(theirs),
            Look::Newer | Look::NothingNew => Err(Halt::Superseded),
        }
    }

    /// What the store has, once nobody else refreshes; without the lock, where another has
    /// refreshed.
    pub(super) async fn look_with_lock(&mut self) -> Result<Look, Halt> {
        let Some(storage) = self.storage() else { return Ok(Look::NothingNew) };
        self.signal.begin_step(LOCK_LIMIT);
        let known = self.shared.state.lock().credentials.revision;
        let turn = self.shared.savers.turn(&storage, known, LOCK_LIMIT).await;
        let is_passed = turn.as_ref().is_ok_and(RefreshLock::is_passed);
        self.take_lock(turn);
        let look = self.look_into_store().await?;
        if !is_passed || matches!(look, Look::Good(_)) {
            return Ok(look);
        }
        // What another saved is of no use here.
        self.signal.begin_step(LOCK_LIMIT);
        let lock = self.shared.savers.lock(&storage, LOCK_LIMIT).await;
        self.take_lock(lock);
        self.look_into_store().await
    }

    fn take_lock(&mut self, lock: Result<RefreshLock, StoreError>) {
        match lock {
            Ok(lock) => {
                if lock.is_exclusive() {
                    self.store.lock = LockState::Held;
                }
                if let Some(error) = lock.lacks() {
                    self.store.lock = LockState::HeldHere;
                    self.tell_of_no_locks(error.clone());
                }
                self.signal.keep(lock);
            }
            Err(error @ StoreError::NoLocks { .. }) => self.tell_of_no_locks(error),
            Err(error) => {
                self.tell_of_failure(&error);
                self.store.lock = LockState::Failed;
                self.store.error = Some(error);
            }
        }
    }

    /// A store that is away fails at each step of a fetch, and is told of once.
    pub(super) fn tell_of_failure(&mut self, error: &StoreError) {
        if self.store.told.replace(discriminant(error)) != Some(discriminant(error)) {
            self.events.push(TokenEventKind::StoreFailed { error: error.clone() });
        }
    }

    fn tell_of_no_locks(&mut self, error: StoreError) {
        if self.shared.tells_that_there_are_no_locks() {
            self.events.push(TokenEventKind::StoreFailed { error });
        }
    }

    async fn look_into_store(&mut self) -> Result<Look, Halt> {
        let Some(storage) = self.storage() else { return Ok(Look::NothingNew) };
        self.signal.begin_step(OPERATION_LIMIT);
        let found = match storage.load().await {
            Ok(None) if self.store.lock == LockState::Failed => return Ok(Look::NothingNew),
            Ok(found) => found,
            Err(error) => {
                self.tell_of_failure(&error);
                self.store.error.get_or_insert(error);
                return Ok(Look::NothingNew);
            }
        };
        let now = self.shared.options.now();
        match self.shared.change(|state| state.look(self.ticket, found.as_ref(), now)) {
            None => Err(Halt::Superseded),
            Some(Seen::NothingNew) => Ok(Look::NothingNew),
            Some(Seen::LoggedOut) => Err(AuthError::NotLoggedIn.into()),
            Some(Seen::Adopted) => self.adopted(),
        }
    }

    /// What was adopted from the store, if it is good.
    fn adopted(&self) -> Result<Look, Halt> {
        let now = self.shared.options.now();
        let state = self.shared.state.lock();
        if let Some(error) = &state.credentials.ended {
            return Err(AuthError::clone(error).into());
        }
        let Some((token, left)) = state.credentials.left(now) else { return Ok(Look::NothingNew) };
        self.shared.check_scopes(token)?;
        let is_usable = bearer(&token.access_token).is_ok();
        let is_over = left <= leeway(token.expires_in);
        if is_over || !is_usable || state.has_rejected(&token.access_token) {
            return Ok(Look::Newer);
        }
        Ok(Look::Good(Arrival::restored(token, left, now)))
    }

    /// Another process may have rotated the refresh token. One that does not lock may not have
    /// saved it yet.
    pub(super) async fn look_after_end(&mut self) -> Result<Look, Halt> {
        let is_alone = self.store.lock == LockState::Held || self.storage().is_none();
        let pauses = if is_alone { &[][..] } else { &PAUSES };
        let mut look = self.look_for_other().await?;
        for pause in pauses {
            if !matches!(look, Look::NothingNew) {
                break;
            }
            tokio::time::sleep(*pause).await;
            look = self.look_for_other().await?;
        }
        Ok(look)
    }

    /// That a login has ended is never told of a store that cannot be read.
    async fn look_for_other(&mut self) -> Result<Look, Halt> {
        self.store.error = None;
        let look = self.look_into_store().await?;
        match self.store.error.clone() {
            Some(error) => Err(AuthError::of_store(error).into()),
            None => Ok(look),
        }
    }

    pub(super) fn storage(&self) -> Option<Storage> {
        self.shared.storage.clone()
    }
}

impl StoreTrust {
    /// A refresh token that another process may have used already is not sent. Nobody else can have
    /// what has never been in the store.
    pub(super) fn check(&self, sent: &Sent, has_used_store: bool) -> Result<(), AuthError> {
        let is_shared = match self.lock {
            LockState::Held => true,
            LockState::Failed => has_used_store,
            LockState::HeldHere | LockState::NotNeeded => false,
        };
        match &self.error {
            Some(error) if is_shared && sent.has_refresh_token => {
                Err(AuthError::of_store(error.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Nobody knows whether anybody has logged in when the store could not be read.
    pub(super) fn explain(&self, result: Result<Token, AuthError>) -> Result<Token, AuthError> {
        match (result, &self.error) {
            (Err(AuthError::NotLoggedIn), Some(error)) => Err(AuthError::of_store(error.clone())),
            (result, _) => result,
        }
    }
}

/// Longer than any process holds the lock: two requests, five operations of the store, and while a
/// rotated token is not saved.
const LOCK_LIMIT: Duration = Duration::from_secs(180);

/// When to look for what a process has rotated that does not lock.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1)];
