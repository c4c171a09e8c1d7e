//! Who saves later what could not be saved yet, and what keeps others from refreshing meanwhile.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::auth::cache::Shared;
use crate::auth::cache::storage::Storage;
use crate::auth::{RefreshLock, Revision, StoreError};
use crate::sync::Mutex;

/// What is not saved yet: who tries again, and what keeps others from refreshing meanwhile.
/// In a box, since hardly any cache ever has it.
#[derive(Debug, Default)]
pub(in crate::auth::cache) struct Savers(Mutex<Option<Box<Unfinished>>>);

#[derive(Debug, Default)]
struct Unfinished {
    /// Tasks by their numbers. The last that began tries; the others go on when it is gone.
    tasks: Vec<u32>,
    begun: u32,
    /// Of the refresh whose token is not in the store: nobody else may send what it replaces.
    /// `None` while the next refresh has it, or after its end.
    lock: Option<RefreshLock>,
    /// Counted from the first refresh that was not saved: a store that goes on failing keeps others
    /// away once.
    lock_ends: Option<Instant>,
    last_try: Option<Instant>,
    /// Notified when something was saved, and when a task is gone.
    changed: Arc<Notify>,
}

impl Savers {
    /// Nothing of what is given up or replaced is dropped under the mutex: a guard is user code.
    pub(super) fn keep(&self, lock: RefreshLock) {
        let now = Instant::now();
        let mut slot = self.0.lock();
        let unfinished = slot.get_or_insert_default();
        let ends = *unfinished.lock_ends.get_or_insert(now + LOCK_KEPT);
        let (kept, given_up) = if now < ends { (Some(lock), None) } else { (None, Some(lock)) };
        let before = std::mem::replace(&mut unfinished.lock, kept);
        drop(slot);
        drop((before, given_up));
    }

    /// The store's lock; that of the refresh before where that could not be saved.
    pub(in crate::auth::cache) async fn lock(
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
    pub(in crate::auth::cache) async fn turn(
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
        self.0.lock().as_mut().and_then(|unfinished| unfinished.lock.take())
    }

    /// There is nothing left that is not saved.
    pub(in crate::auth::cache) fn release(&self) {
        let mut slot = self.0.lock();
        let Some(unfinished) = &mut *slot else { return };
        unfinished.lock_ends = None;
        unfinished.changed.notify_waiters();
        let lock = unfinished.lock.take();
        let done = slot.take_if(|unfinished| unfinished.tasks.is_empty());
        drop(slot);
        drop((lock, done));
    }

    pub(super) fn has_lock(&self) -> bool {
        self.0.lock().as_ref().is_some_and(|unfinished| unfinished.lock.is_some())
    }

    /// Gives the lock up if that is due.
    pub(super) fn end_lock(&self) {
        let now = Instant::now();
        let is_over = |unfinished: &&mut Box<Unfinished>| {
            unfinished.lock_ends.is_some_and(|ends| ends <= now)
        };
        let ended = self.0.lock().as_mut().filter(is_over).map(|unfinished| unfinished.lock.take());
        drop(ended);
    }
}

/// A task that saves later. However it ends, as with its runtime, it leaves no lock behind, and
/// another goes on.
pub(in crate::auth::cache) struct Saver<S> {
    pub(super) shared: Weak<Shared<S>>,
    number: u32,
    pub(super) changed: Arc<Notify>,
}

impl<S> Saver<S> {
    /// Those before leave it to this one.
    pub(in crate::auth::cache) fn begin(shared: &Arc<Shared<S>>) -> Self {
        let mut slot = shared.savers.0.lock();
        let unfinished = slot.get_or_insert_default();
        unfinished.begun = unfinished.begun.wrapping_add(1);
        unfinished.tasks.push(unfinished.begun);
        let number = unfinished.begun;
        let changed = Arc::clone(&unfinished.changed);
        Self { shared: Arc::downgrade(shared), number, changed }
    }

    pub(super) fn is_last(&self, shared: &Shared<S>) -> bool {
        let slot = shared.savers.0.lock();
        slot.as_ref().is_some_and(|unfinished| unfinished.tasks.last() == Some(&self.number))
    }

    /// Whether it is this task's turn: it is the last that began, or none of the others tries.
    pub(super) fn may_try(&self, shared: &Shared<S>) -> bool {
        let now = Instant::now();
        let mut slot = shared.savers.0.lock();
        let Some(unfinished) = &mut *slot else { return false };
        let is_idle = |last: Instant| now.duration_since(last) >= LONGEST_TURN;
        let may_try = unfinished.tasks.last() == Some(&self.number)
            || unfinished.last_try.is_none_or(is_idle);
        if may_try {
            unfinished.last_try = Some(now);
        }
        may_try
    }
}

impl<S> Drop for Saver<S> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut slot = shared.savers.0.lock();
        if let Some(unfinished) = &mut *slot {
            unfinished.tasks.retain(|task| *task != self.number);
        }
        let done = slot.take_if(|unfinished| unfinished.tasks.is_empty());
        drop(slot);
        drop(done);
        self.changed.notify_waiters();
    }
}

/// How long a store that fails keeps others from refreshing. They wait for longer than that; after
/// it, a login that one of them ends is better than one that none can use.
const LOCK_KEPT: Duration = Duration::from_secs(30);

/// When a task goes on though a later one has not ended: the runtime of that one may be idle.
pub(super) const LONGEST_TURN: Duration = Duration::from_secs(120);
