//! One token request under way, and those who wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::auth::{AuthError, RefreshLock};
use crate::sync::Mutex;
use crate::transport::TimeLimit;

/// What came of a fetch; the token itself is in the cache by then.
pub(super) type Outcome = Result<(), AuthError>;

/// A fetch that any number of callers can wait for. A caller that goes away changes nothing.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    outcome: watch::Receiver<Option<Outcome>>,
    hold: Arc<Hold>,
    began: Instant,
}

/// Tells those who wait. Dropped without an outcome, it tells them that the fetch was interrupted.
#[derive(Debug)]
pub(super) struct Signal {
    outcome: watch::Sender<Option<Outcome>>,
    hold: Arc<Hold>,
}

/// What others can take from a fetch whose runtime does not run it.
#[derive(Debug, Default)]
struct Hold {
    /// Until when it must have come to its next step. By tokio's clock, since it measures the
    /// runtime and not the token.
    due: Mutex<Option<TimeLimit>>,
    lock: Mutex<Option<RefreshLock>>,
    task: Mutex<Option<AbortHandle>>,
}

/// Takes the store's lock again after it was given up.
#[derive(Debug, Clone)]
pub(super) struct LockKeeper(Arc<Hold>);

impl LockKeeper {
    pub(super) fn has_lock(&self) -> bool {
        self.0.lock.lock().is_some()
    }

    pub(super) fn keep(&self, lock: RefreshLock) {
        *self.0.lock.lock() = Some(lock);
    }
}

impl Hold {
    fn release(&self) {
        let lock = self.lock.lock().take();
        drop(lock);
    }
}

impl Flight {
    pub(super) fn new() -> (Self, Signal) {
        let (sender, receiver) = watch::channel(None);
        let hold = Arc::<Hold>::default();
        let signal = Signal { outcome: sender, hold: Arc::clone(&hold) };
        (Self { outcome: receiver, hold, began: Instant::now() }, signal)
    }

    /// The outcome, or `None` when the fetch was interrupted.
    pub(super) async fn outcome(&mut self) -> Option<Outcome> {
        let outcome = self.outcome.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
    }

    /// Waits until the task has ended that it stands for; that may be after its outcome.
    pub(super) async fn gone(mut self) {
        while self.outcome.changed().await.is_ok() {}
    }

    /// Waits for it, but only in its first moments.
    pub(super) async fn while_young(mut self) {
        let _ = tokio::time::timeout_at(self.began + YOUTH, self.outcome()).await;
    }

    pub(super) fn is_young(&self) -> bool {
        self.outcome.borrow().is_none() && self.began.elapsed() < YOUTH
    }

    /// When its step is overdue: the runtime that it runs on is idle, blocked or gone.
    pub(super) fn due(&self) -> Option<Instant> {
        self.hold.due.lock().map(|limit| limit.due())
    }

    pub(super) fn runs_in(&self, task: AbortHandle) {
        *self.hold.task.lock() = Some(task);
    }

    /// Ends its task: what it would bring is void. Called without the lock of the state, since a
    /// runtime that shuts down drops the task on the spot.
    pub(super) fn abort(&self) {
        let task = self.hold.task.lock().take();
        if let Some(task) = task {
            task.abort();
        }
    }

    /// Lets others refresh, since this one does not go on.
    pub(super) fn release(&self) {
        self.hold.release();
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.hold.due.lock().as_mut().is_some_and(TimeLimit::has_passed)
    }
}

impl Signal {
    /// The next step takes no longer than `limit`, unless the runtime does not run it.
    pub(super) fn begin_step(&self, limit: Duration) {
        *self.hold.due.lock() = Some(TimeLimit::after(limit + SLACK));
    }

    /// Keeps the store's lock, until it is released from either side.
    pub(super) fn keep(&self, lock: RefreshLock) {
        *self.hold.lock.lock() = Some(lock);
    }

    pub(super) fn release(&self) {
        self.hold.release();
    }

    /// The store's lock, for who goes on holding it.
    pub(super) fn take_lock(&self) -> Option<RefreshLock> {
        self.hold.lock.lock().take()
    }

    /// To take the lock again, in the course of a request.
    pub(super) fn keeper(&self) -> LockKeeper {
        LockKeeper(Arc::clone(&self.hold))
    }

    /// Tells those who wait now and later. The first outcome stays.
    pub(super) fn send(&self, outcome: Outcome) {
        self.outcome.send_if_modified(|sent| {
            let is_first = sent.is_none();
            if is_first {
                *sent = Some(outcome);
            }
            is_first
        });
    }

    pub(super) fn is_sent(&self) -> bool {
        self.outcome.borrow().is_some()
    }
}

/// Several times as long as a token request takes.
const YOUTH: Duration = Duration::from_secs(1);

/// How late a runtime that is merely busy may be.
const SLACK: Duration = Duration::from_secs(3);
