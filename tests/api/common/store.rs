//! A token store that fails and hangs as it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use spotify_web::auth::{
    MemoryTokenStore, RefreshLock, Revision, StoreError, StoredToken, TokenKey, TokenStore,
};

/// Clones share what is in it and what they are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct FailingStore {
    /// What is really there.
    pub(crate) inner: MemoryTokenStore,
    failing_loads: Arc<AtomicUsize>,
    failing_saves: Arc<AtomicUsize>,
    hanging_loads: Arc<AtomicUsize>,
    loads: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    locks: Arc<Mutex<Locks>>,
}

/// How its locks fare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Locks {
    #[default]
    Right,
    /// Held for good by another task.
    Held,
    /// There can be none.
    Impossible,
    /// Other processes cannot be kept away.
    WithinProcess,
    /// Their guards panic when they are dropped.
    PanicAtRelease,
}

impl FailingStore {
    pub(crate) fn fail_loads(&self, times: usize) {
        self.failing_loads.store(times, Ordering::SeqCst);
    }

    pub(crate) fn fail_saves(&self, times: usize) {
        self.failing_saves.store(times, Ordering::SeqCst);
    }

    /// How many saves are still to fail.
    pub(crate) fn saves_to_fail(&self) -> usize {
        self.failing_saves.load(Ordering::SeqCst)
    }

    /// The next ones do not end, as many as `times` says.
    pub(crate) fn hang_loads(&self, times: usize) {
        self.hanging_loads.store(times, Ordering::SeqCst);
    }

    pub(crate) fn set_locks(&self, locks: Locks) {
        *self.locks.lock() = locks;
    }

    /// How often it was called, whatever came of it.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How often somebody looked into it.
    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    fn count(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
    }

    /// The refresh token that is kept under `key`.
    pub(crate) async fn refresh_token(&self, key: &TokenKey) -> Option<String> {
        let stored = self.inner.load(key).await.unwrap()?;
        Some(stored.token()?.refresh_token.as_ref()?.expose().to_owned())
    }
}

fn fail(times: &AtomicUsize) -> Result<(), StoreError> {
    let fewer = |left: usize| left.checked_sub(1);
    match times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer) {
        Ok(_) => Err(StoreError::custom("the database is down")),
        Err(_) => Ok(()),
    }
}

#[async_trait]
impl TokenStore for FailingStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.count();
        self.loads.fetch_add(1, Ordering::SeqCst);
        if fail(&self.hanging_loads).is_err() {
            std::future::pending::<()>().await;
        }
        fail(&self.failing_loads)?;
        self.inner.load(key).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        self.count();
        fail(&self.failing_saves)?;
        self.inner.save(key, token, replaces).await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.count();
        self.inner.remove(key).await
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        self.count();
        let locks = *self.locks.lock();
        match locks {
            Locks::Right => self.inner.lock(key).await,
            Locks::Held => std::future::pending().await,
            Locks::PanicAtRelease => Ok(RefreshLock::new(PanickingGuard)),
            Locks::Impossible => Err(no_locks()),
            Locks::WithinProcess => {
                Ok(RefreshLock::within_process(self.inner.lock(key).await?, no_locks()))
            }
        }
    }
}

fn no_locks() -> StoreError {
    StoreError::NoLocks { reason: "there are no locks here".to_owned() }
}

struct PanickingGuard;

impl Drop for PanickingGuard {
    fn drop(&mut self) {
        panic!("the guard panics as scripted");
    }
}
