//! Getting what is in memory into the store, over what is known to be there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::credentials::{Seen, Unsaved};
use super::flight::{Flight, Signal};
use super::state::Ticket;
use super::storage::Storage;
use crate::auth::{AuthError, RefreshLock, StoreError, TokenSource};
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
    lock: Mutex<Option<Box<KeptLock>>>,
}

#[derive(Debug)]
struct KeptLock {
    lock: RefreshLock,
    ends: Instant,
}

impl Savers {
    fn keep(&self, lock: RefreshLock) {
        let kept = Box::new(KeptLock { lock, ends: Instant::now() + LOCK_KEPT });
        let before = self.lock.lock().replace(kept);
        drop(before);
    }

    /// For the next refresh of the same cache, or to end it.
    pub(super) fn take_lock(&self) -> Option<RefreshLock> {
        let kept = self.lock.lock().take();
        kept.map(|kept| kept.lock)
    }

    /// Gives the lock up at its end, if that is before `next`. One that is kept meanwhile ends later.
    async fn end_lock_before(&self, next: Instant) {
        let ends = self.lock.lock().as_ref().map(|kept| kept.ends);
        let Some(ends) = ends.filter(|ends| *ends <= next) else { return };
        sleep_until(ends).await;
        let ended = self.lock.lock().take_if(|kept| kept.ends <= Instant::now());
        drop(ended);
    }
}

/// Tries until the store has it, also when nobody is left: a refresh token may be the only one that still
/// works, and a log-out is to end the login everywhere. What can be requested again keeps nothing alive, and
/// is given up after half a minute. The last who begins takes it over from those before.
pub(super) async fn save_again<S: TokenSource>(shared: Arc<Shared<S>>) {
    let number = shared.savers.begun.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    let handle = Arc::downgrade(&shared);
    let mut kept = Some(shared);
    for attempt in 1.. {
        let Some(shared) = kept.take().or_else(|| handle.upgrade()) else { return };
        if shared.savers.begun.load(Ordering::Relaxed) != number {
            return;
        }
        let is_precious = shared.state.lock().credentials.is_precious();
        let is_last = attempt > MOST_SAVES && !is_precious;
        if is_last || !shared.lacks_a_save() {
            drop(shared.savers.take_lock());
            return;
        }
        let next = Instant::now() + shared.options.backoff.pause(attempt, 0.0);
        kept = is_precious.then(|| Arc::clone(&shared));
        drop(shared);
        if let Some(shared) = &kept {
            shared.savers.end_lock_before(next).await;
        }
        sleep_until(next).await;
        if let Some(shared) = kept.clone().or_else(|| handle.upgrade()) {
            let ticket = shared.state.lock().ticket();
            save(&shared, ticket).await;
        }
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
const UNKNOWN_DUE: std::time::Duration = std::time::Duration::from_secs(1);

/// How often somebody else may be faster.
pub(super) const MOST_CONFLICTS: u32 = 8;

const MOST_SAVES: u32 = 5;

/// How long a store that fails keeps others from refreshing. They may wait five times as long; after that, a
/// login that one of them ends is better than one that none can use.
const LOCK_KEPT: std::time::Duration = std::time::Duration::from_secs(30);
