//! A lock for each key, as long as a task holds it or waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::TokenKey;

/// Locks within one process, by key.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyLocks(Arc<Mutex<HashMap<TokenKey, Weak<tokio::sync::Mutex<()>>>>>);

/// Holds the lock of a key. The lock is forgotten when no other task waits for it.
#[derive(Debug)]
pub(super) struct KeyGuard {
    /// Dropped before the entry is looked at.
    guard: Option<OwnedMutexGuard<()>>,
    key: TokenKey,
    locks: KeyLocks,
}

impl KeyLocks {
    pub(super) async fn lock(&self, key: &TokenKey) -> KeyGuard {
        let forgets = Forgets { key, locks: self };
        let guard = forgets.lock().lock_owned().await;
        std::mem::forget(forgets);
        KeyGuard { guard: Some(guard), key: key.clone(), locks: self.clone() }
    }

    fn forget(&self, key: &TokenKey) {
        let mut locks = self.0.lock();
        if locks.get(key).is_some_and(|lock| lock.strong_count() == 0) {
            locks.remove(key);
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().len()
    }
}

/// Forgets the lock when the wait for it is given up.
struct Forgets<'a> {
    key: &'a TokenKey,
    locks: &'a KeyLocks,
}

impl Forgets<'_> {
    fn lock(&self) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.0.lock();
        let there = locks.get(self.key).and_then(Weak::upgrade);
        there.unwrap_or_else(|| {
            let new = Arc::default();
            locks.insert(self.key.clone(), Arc::downgrade(&new));
            new
        })
    }
}

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        self.locks.forget(self.key);
    }
}

impl Drop for KeyGuard {
    fn drop(&mut self) {
        drop(self.guard.take());
        self.locks.forget(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_is_forgotten_when_nobody_holds_it_or_waits_for_it() {
        let locks = KeyLocks::default();
        let key = TokenKey::new("app");
        let held = locks.lock(&key).await;
        let waits = tokio::time::timeout(std::time::Duration::ZERO, locks.lock(&key)).await;
        assert!(waits.is_err());
        assert_eq!(locks.len(), 1);

        drop(held);

        assert_eq!(locks.len(), 0);
    }
}
