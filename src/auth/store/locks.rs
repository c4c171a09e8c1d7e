//! A lock for each key, as long as a task holds it or waits for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use tokio::sync::OwnedMutexGuard;

use crate::sync::Mutex;

/// Locks within one process, by key. Clones share them.
#[derive(Debug)]
pub(super) struct KeyLocks<K: Eq + Hash>(Arc<Mutex<HashMap<K, Weak<tokio::sync::Mutex<()>>>>>);

/// Holds the lock of a key. The lock is forgotten when no other task waits for it.
#[derive(Debug)]
pub(super) struct KeyGuard<K: Eq + Hash> {
    /// Dropped before the entry is looked at.
    guard: Option<OwnedMutexGuard<()>>,
    key: K,
    locks: KeyLocks<K>,
}

impl<K: Eq + Hash + Clone> KeyLocks<K> {
    pub(super) async fn lock(&self, key: &K) -> KeyGuard<K> {
        let forgets = Forgets { key, locks: self };
        let guard = forgets.lock().lock_owned().await;
        std::mem::forget(forgets);
        KeyGuard { guard: Some(guard), key: key.clone(), locks: self.clone() }
    }
}

impl<K: Eq + Hash> KeyLocks<K> {
    fn forget(&self, key: &K) {
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

#[cfg(feature = "keyring")]
impl<K: Eq + Hash> KeyGuard<K> {
    /// Whose lock it is.
    pub(super) fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Eq + Hash> Clone for KeyLocks<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Eq + Hash> Default for KeyLocks<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Forgets the lock when the wait for it is given up.
struct Forgets<'a, K: Eq + Hash> {
    key: &'a K,
    locks: &'a KeyLocks<K>,
}

impl<K: Eq + Hash + Clone> Forgets<'_, K> {
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

impl<K: Eq + Hash> Drop for Forgets<'_, K> {
    fn drop(&mut self) {
        self.locks.forget(self.key);
    }
}

impl<K: Eq + Hash> Drop for KeyGuard<K> {
    fn drop(&mut self) {
        drop(self.guard.take());
        self.locks.forget(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::TokenKey;

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
