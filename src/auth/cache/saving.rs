//! Getting what is in memory into the store, over what is known to be there.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use super::credentials::{Seen, Unsaved};
use super::flight::{Flight, Signal};
use super::state::Ticket;
use super::storage::Storage;
use crate::auth::{AuthError, RefreshLock, Revision, StoreError, TokenSource};
use crate::oauth::{Obstacle, TaskGuard};
use crate::sync::Mutex;

/// What became of saving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SaveOutcome {
    /// The store has it, or there is no store.
    Done,
    /// The store has something later, which was adopted.
    Replaced,
    /// A login has begun, which saves its own.
    Superseded,
    /// It is saved later.
    Failed,
}

/// What to do next.
enum SaveStep {
    End(SaveOutcome),
    /// Nobody knows what is there.
    Read,
    Write(Unsaved),
}

/// Saves what the store lacks, for the fetch of `ticket`.
pub(super) async fn save<S: TokenSource>(
    shared: &Shared<S>,
    ticket: Ticket,
) -> (SaveOutcome, Option<StoreError>) {
    let saved = try_to_save(shared, ticket).await;
    if saved.0 != SaveOutcome::Failed {
        shared.savers.release();
    }
    saved
}

async fn try_to_save<S: TokenSource>(
    shared: &Shared<S>,
    ticket: Ticket,
) -> (SaveOutcome, Option<StoreError>) {
    let Some(storage) = &shared.storage else { return (SaveOutcome::Done, None) };
    for _ in 0..MOST_CONFLICTS {
        let tried = match next_step(shared, ticket) {
            SaveStep::End(outcome) => return (outcome, None),
            SaveStep::Read => read(shared, storage, ticket).await,
            SaveStep::Write(unsaved) => write(shared, storage, &unsaved).await,
        };
        match tried {
            Ok(None) => {}
            Ok(Some(outcome)) => return (outcome, None),
            Err(error) => return (SaveOutcome::Failed, Some(error)),
        }
    }
    (SaveOutcome::Failed, Some(StoreError::Stale))
}

fn next_step<S>(shared: &Shared<S>, ticket: Ticket) -> SaveStep {
    let state = shared.state.lock();
    if !state.may_act(ticket) {
        return SaveStep::End(SaveOutcome::Superseded);
    }
    if !state.credentials.is_unsaved() {
        return SaveStep::End(SaveOutcome::Done);
    }
    state.credentials.unsaved().map_or(SaveStep::Read, SaveStep::Write)
}

async fn read<S>(
    shared: &Shared<S>,
    storage: &Storage,
    ticket: Ticket,
) -> Result<Option<SaveOutcome>, StoreError> {
    let found = storage.load().await?;
    let now = shared.options.now();
    Ok(match shared.change(|state| state.look(ticket, found.as_ref(), now)) {
        None => Some(SaveOutcome::Superseded),
        Some(Seen::NothingNew) => None,
        Some(Seen::Adopted | Seen::LoggedOut) => Some(SaveOutcome::Replaced),
    })
}

async fn write<S>(
    shared: &Shared<S>,
    storage: &Storage,
    unsaved: &Unsaved,
) -> Result<Option<SaveOutcome>, StoreError> {
    match storage.save(unsaved).await {
        Ok(()) => shared.change(|state| state.credentials.saved(&unsaved.stored)),
        Err(StoreError::Stale) => shared.change(|state| state.credentials.lost_sight()),
        Err(error) => return Err(error),
    }
    Ok(None)
}

/// Waits until no login is being taken over.
pub(super) async fn wait_for_logins<S>(shared: &Shared<S>) {
    loop {
        let login = shared.state.lock().login_under_way().cloned();
        let Some(login) = login else { return };
        wait_for_login(shared, login).await;
    }
}

/// A login whose runtime does not run it is taken over as it is, and saved later.
pub(super) async fn wait_for_login<S>(shared: &Shared<S>, mut login: Flight) {
    loop {
        let due = login.due().unwrap_or_else(|| Instant::now() + UNKNOWN_DUE);
        if tokio::time::timeout_at(due, login.outcome()).await.is_ok() {
            return;
        }
        if login.is_overdue() {
            shared.take_over_overdue_logins();
            return;
        }
    }
}

/// Those who save later what could not be saved.
#[derive(Debug, Default)]
pub(super) struct Savers {
    /// Tasks that have begun; the last of them goes on.
    begun: AtomicU32,
    /// Of the refresh whose token is not in the store: nobody else may send what it replaces.
    /// In a box, since hardly any cache ever has one.
    kept: Mutex<Option<Box<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    /// `None` while the next refresh has it, or after its end.
    lock: Option<RefreshLock>,
    /// Counted from the first refresh that was not saved: a store that goes on failing keeps others
    /// away once.
    ends: Instant,
}

impl Savers {
    /// Nothing of what is given up or replaced is dropped under the mutex: a guard is user code.
    fn keep(&self, lock: RefreshLock) {
        let now = Instant::now();
        let mut slot = self.kept.lock();
        let ends = slot.as_ref().map_or(now + LOCK_KEPT, |kept| kept.ends);
        let (kept, given_up) = if now < ends { (Some(lock), None) } else { (None, Some(lock)) };
        let before = slot.replace(Box::new(Kept { lock: kept, ends }));
        drop(slot);
        drop((before, given_up));
    }

    /// The store's lock; that of the refresh before where that could not be saved.
    pub(super) async fn lock(
        &self,
        storage: &Storage,
        limit: Duration,
    ) -> Result<RefreshLock, StoreError> {
        match self.take_kept() {
            Some(lock) => Ok(lock),
            None => storage.lock(limit).await,
        }
    }

    /// The same, or none where another has saved a good token.
    pub(super) async fn turn(
        &self,
        storage: &Storage,
        known: Option<Revision>,
        limit: Duration,
    ) -> Result<RefreshLock, StoreError> {
        match self.take_kept() {
            Some(lock) => Ok(lock),
            None => storage.turn(known, limit).await,
        }
    }

    fn take_kept(&self) -> Option<RefreshLock> {
        self.kept.lock().as_mut().and_then(|kept| kept.lock.take())
    }

    /// There is nothing left that is not saved.
    pub(super) fn release(&self) {
        let kept = self.kept.lock().take();
        drop(kept);
    }

    fn has_lock(&self) -> bool {
        self.kept.lock().as_ref().is_some_and(|kept| kept.lock.is_some())
    }

    /// Gives the lock up if that is due.
    fn end_lock(&self) {
        let now = Instant::now();
        let ended =
            self.kept.lock().as_mut().filter(|kept| kept.ends <= now).map(|kept| kept.lock.take());
        drop(ended);
    }
}

/// A task that saves later. However it ends, as with its runtime, it leaves no lock behind.
pub(super) struct Saver<S> {
    shared: Weak<Shared<S>>,
    number: u32,
}

impl<S> Saver<S> {
    /// Those before leave it to this one.
    pub(super) fn begin(shared: &Arc<Shared<S>>) -> Self {
        let number = shared.savers.begun.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        Self { shared: Arc::downgrade(shared), number }
    }

    fn is_last(&self, shared: &Shared<S>) -> bool {
        shared.savers.begun.load(Ordering::Relaxed) == self.number
    }
}

impl<S> Drop for Saver<S> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade()
            && self.is_last(&shared)
        {
            shared.savers.release();
        }
    }
}

/// Tries until the store has it, also when nobody is left: a refresh token may be the only one that still
/// works, and a log-out is to end the login everywhere. What can be requested again keeps nothing alive, and
/// is given up after half a minute. The last who begins takes it over from those before.
///
/// `error` is why it was not saved. Who waits for the task of `guard` is told of one that does not pass.
pub(super) async fn save_again<S: TokenSource>(
    saver: Saver<S>,
    shared: Arc<Shared<S>>,
    mut error: Option<StoreError>,
    mut guard: Option<TaskGuard>,
) {
    let mut kept = Some(shared);
    for attempt in 1.. {
        let Some(shared) = kept.take().or_else(|| saver.shared.upgrade()) else { return };
        let is_precious = shared.state.lock().credentials.is_precious();
        let is_given_up = attempt > MOST_SAVES && !is_precious;
        if is_given_up || !saver.is_last(&shared) || !shared.lacks_a_save() {
            return;
        }
        tell(guard.as_mut(), error.take());
        shared.savers.end_lock();
        let pause = shared.options.backoff.pause(attempt, 0.0);
        let pause = if shared.savers.has_lock() { pause.min(PAUSE_WITH_LOCK) } else { pause };
        kept = is_precious.then(|| Arc::clone(&shared));
        drop(shared);
        tokio::time::sleep(pause).await;
        if let Some(shared) = kept.clone().or_else(|| saver.shared.upgrade()) {
            let ticket = shared.state.lock().ticket();
            error = save(&shared, ticket).await.1;
        }
    }
}

fn tell(guard: Option<&mut TaskGuard>, error: Option<StoreError>) {
    let Some(guard) = guard else { return };
    match error {
        Some(error) if !error.is_transient() => guard.is_stuck(&(Arc::new(error) as Obstacle)),
        _ => guard.goes_on(),
    }
}

impl<S: TokenSource> Shared<S> {
    /// Lets others refresh; while a rotated token is not saved, who saves it goes on holding the lock.
    pub(super) fn give_up_lock(&self, signal: &Signal) {
        let Some(lock) = signal.take_lock() else { return };
        if self.lacks_a_precious_save() {
            self.savers.keep(lock);
        }
    }

    /// Whether there is something that only this process has, and that others could end meanwhile.
    fn lacks_a_precious_save(&self) -> bool {
        self.lacks_a_save() && self.state.lock().credentials.has_refresh_token()
    }

    fn lacks_a_save(&self) -> bool {
        self.storage.is_some() && self.state.lock().credentials.is_unsaved()
    }

    /// Saves now what could not be saved before.
    pub(super) async fn save_now(&self) -> Result<(), AuthError> {
        let ticket = self.state.lock().ticket();
        match save(self, ticket).await {
            (SaveOutcome::Failed, Some(error)) => Err(AuthError::NotSaved(error)),
            _ => Ok(()),
        }
    }
}

/// When to look again for the due time of a login that has just begun.
const UNKNOWN_DUE: Duration = Duration::from_secs(1);

/// How often somebody else may be faster.
pub(super) const MOST_CONFLICTS: u32 = 8;

const MOST_SAVES: u32 = 5;

/// How long a store that fails keeps others from refreshing. They wait for longer than that; after it, a
/// login that one of them ends is better than one that none can use.
const LOCK_KEPT: Duration = Duration::from_secs(30);

/// A store that works again is noticed while others are still kept away.
const PAUSE_WITH_LOCK: Duration = Duration::from_secs(2);
