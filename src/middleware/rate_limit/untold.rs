//! The lock of an app, and what waiters are told when it is open again.
//!
//! A wake-up runs what its executor likes, which may be a call of this limiter, and so does what
//! holds a waker when it is dropped. None of the two happens while something is locked.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::lock::{Core, Verdict};
use crate::sync::{Mutex, MutexGuard};

/// What an app's lock protects.
#[derive(Debug)]
pub(super) struct CoreLock(Mutex<Core>);

/// The core, until this is dropped. Then waiters are told what is to be told.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    // Fields are dropped in this order.
    core: MutexGuard<'a, Core>,
    untold: Untold,
}

/// What waiters are to be told. They are when it is dropped.
#[derive(Debug, Default)]
#[must_use = "it is told when it is dropped, which is when nothing is locked"]
pub(super) struct Untold {
    /// What waiters are told who were taken out of the queue; nothing where one has left.
    verdicts: Vec<(oneshot::Sender<Verdict>, Option<Verdict>)>,
    /// By what another waiter is told to be the keeper.
    keeper_wanted: Option<Arc<Notify>>,
}

impl CoreLock {
    pub(super) fn new(core: Core) -> Self {
        Self(Mutex::new(core))
    }

    pub(super) fn lock(&self) -> Locked<'_> {
        Locked { core: self.0.lock(), untold: Untold::default() }
    }

    #[cfg(test)]
    pub(super) fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

impl Deref for Locked<'_> {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Core {
        &mut self.core
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.untold = std::mem::take(&mut self.core.untold);
    }
}

impl Untold {
    pub(super) fn tells(&mut self, waiter: oneshot::Sender<Verdict>, verdict: Verdict) {
        self.verdicts.push((waiter, Some(verdict)));
    }

    /// A waiter has left, and is told nothing.
    pub(super) fn lets_go(&mut self, waiter: oneshot::Sender<Verdict>) {
        self.verdicts.push((waiter, None));
    }

    pub(super) fn wants_keeper(&mut self, by: &Arc<Notify>) {
        self.keeper_wanted = Some(Arc::clone(by));
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        for (waiter, verdict) in self.verdicts.drain(..) {
            // One who has gone has given its permit back.
            verdict.map(|verdict| waiter.send(verdict));
        }
        if let Some(keeper_wanted) = self.keeper_wanted.take() {
            keeper_wanted.notify_one();
        }
    }
}
