//! The lock of an app, and what waiters are told when it is open again.
//!
//! A wake-up runs what its executor likes, which may be a call of this limiter, and so does what
//! holds a waker when it is dropped. None of the two happens while something is locked.

use std::any::Any;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
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
        let mut panicked = FirstPanic::default();
        for (waiter, verdict) in self.verdicts.drain(..) {
            panicked.guard(|| match verdict {
                // One who has gone has given its permit back.
                Some(verdict) => drop(waiter.send(verdict)),
                None => drop(waiter),
            });
        }
        if let Some(keeper_wanted) = self.keeper_wanted.take() {
            panicked.guard(|| keeper_wanted.notify_one());
        }
        panicked.goes_on();
    }
}

/// The first panic of several wakers: none of them keeps another waiter from what it is told.
#[derive(Default)]
struct FirstPanic(Option<Box<dyn Any + Send>>);

impl FirstPanic {
    fn guard(&mut self, wakes: impl FnOnce()) {
        let Err(panic) = catch_unwind(AssertUnwindSafe(wakes)) else { return };
        match &self.0 {
            None => self.0 = Some(panic),
            // What it carries may panic when it is dropped.
            Some(_) => std::mem::forget(panic),
        }
    }

    /// Where another one is under way, this one would abort the process.
    fn goes_on(self) {
        let Some(panic) = self.0 else { return };
        if std::thread::panicking() {
            return std::mem::forget(panic);
        }
        resume_unwind(panic);
    }
}
