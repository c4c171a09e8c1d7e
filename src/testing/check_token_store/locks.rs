//! Locks, where the store has them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{CALL_LIMIT, Check, Checked, StorePromise};
use crate::auth::{RefreshLock, StoreError, TokenKey};
use crate::sync::Mutex;

pub(super) async fn check(check: &Check) -> Checked {
    let key = check.key("locks");
    let Some(lock) = first(check, &key).await? else { return Ok(()) };
    excludes(check, &key, lock).await?;
    leaves_other_keys(check, &key).await?;
    is_freed_by_who_gives_up(check, &key).await
}

/// `None` where there are no locks, which a store may say.
async fn first(check: &Check, key: &TokenKey) -> Checked<Option<RefreshLock>> {
    match check.lock(key).await? {
        Ok(lock) if lock.is_exclusive() => Ok(Some(lock)),
        Ok(_) | Err(StoreError::NoLocks { .. }) => Ok(None),
        Err(error) => Err(StorePromise::LockExcludes.broken_by(error, "`lock` failed")),
    }
}

/// Until it is dropped.
async fn excludes(check: &Check, key: &TokenKey, lock: RefreshLock) -> Checked {
    let held = Held::new(lock);
    let mut waiting = wait(check, key);
    let is_kept = timeout(WHILE, &mut waiting).await.is_err();
    held.check()?;
    StorePromise::LockExcludes.holds(is_kept, "two held the lock of one key at once")?;
    drop(held);
    let seen = "a lock that was dropped still kept another from it";
    obtained(waiting, StorePromise::FreesLocks, seen).await.map(drop)
}

async fn leaves_other_keys(check: &Check, key: &TokenKey) -> Checked {
    let held = free(check, key).await?;
    for other in [check.key("other locks"), key.clone().with_scopes(["a"])] {
        let seen = "the lock of one key kept another from theirs";
        drop(obtained(wait(check, &other), StorePromise::LocksKeysApart, seen).await?);
    }
    drop(held);
    Ok(())
}

/// The wait that is given up is first in the queue, and another is behind it.
async fn is_freed_by_who_gives_up(check: &Check, key: &TokenKey) -> Checked {
    let held = Held::new(free(check, key).await?);
    let (begins, begun) = oneshot::channel();
    let store = Arc::clone(&check.store);
    let own = key.clone();
    let mut gives_up = tokio::spawn(async move {
        // A task that blocks from here on cannot be given up, however late the task began.
        let _ = begins.send(());
        store.lock(&own).await
    });
    let _ = begun.await;
    let is_kept = timeout(WHILE, &mut gives_up).await.is_err();
    held.check()?;
    StorePromise::LockExcludes.holds(is_kept, "two held the lock of one key at once")?;
    let behind = wait(check, key);
    gives_up.abort();
    let given_up = timeout(GIVE_UP_LIMIT, gives_up).await;
    held.check()?;
    StorePromise::Responds.holds(given_up.is_ok(), BLOCKS)?;
    drop(held);
    let seen = "a wait that was given up kept another from the lock";
    obtained(behind, StorePromise::FreesLocks, seen).await.map(drop)
}

/// A lock that is let go by a thread of its own where waiting for it blocks all threads of the
/// runtime: nothing else would run any more.
struct Held {
    lock: Arc<Mutex<Option<RefreshLock>>>,
    has_blocked: Arc<AtomicBool>,
    _ends: mpsc::Sender<()>,
}

impl Held {
    fn new(lock: RefreshLock) -> Self {
        let lock = Arc::new(Mutex::new(Some(lock)));
        let has_blocked = Arc::new(AtomicBool::new(false));
        let (ends, ended) = mpsc::channel();
        let own = Arc::clone(&lock);
        let blocked = Arc::clone(&has_blocked);
        let runtime = Handle::current();
        std::thread::spawn(move || {
            if ended.recv_timeout(GIVE_UP_LIMIT * 2) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _within = runtime.enter();
                blocked.store(true, Ordering::Release);
                drop(own.lock().take());
            }
        });
        Self { lock, has_blocked, _ends: ends }
    }

    fn check(&self) -> Checked {
        StorePromise::Responds.holds(!self.has_blocked.load(Ordering::Acquire), BLOCKS)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.lock.lock().take());
    }
}

const BLOCKS: &str = "`lock` blocks the thread that it waits on";

/// A lock that nobody holds.
async fn free(check: &Check, key: &TokenKey) -> Checked<RefreshLock> {
    let seen = "a lock that nobody holds could not be obtained";
    obtained(wait(check, key), StorePromise::FreesLocks, seen).await
}

fn wait(check: &Check, key: &TokenKey) -> Waiting {
    let store = Arc::clone(&check.store);
    let key = key.clone();
    tokio::spawn(async move { store.lock(&key).await })
}

/// The lock; `promise` is broken where it cannot be obtained.
async fn obtained(mut waiting: Waiting, promise: StorePromise, seen: &str) -> Checked<RefreshLock> {
    let Ok(ended) = timeout(CALL_LIMIT, &mut waiting).await else {
        waiting.abort();
        return Err(promise.broken(seen));
    };
    let lock = ended.map_err(|_| StorePromise::Responds.broken("`lock` panicked"))?;
    lock.map_err(|error| promise.broken_by(error, seen))
}

type Waiting = JoinHandle<Result<RefreshLock, StoreError>>;

/// For how long one task holds a lock that another wants: long enough for a store that looks for it
/// now and then.
const WHILE: Duration = Duration::from_millis(200);

/// How long a wait may take to end that was given up.
const GIVE_UP_LIMIT: Duration = Duration::from_secs(10);
