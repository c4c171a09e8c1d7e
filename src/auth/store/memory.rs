//! Tokens in memory.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{RefreshLock, StoreError, StoredToken, TokenKey, TokenStore};

/// Keeps tokens as long as it lives: for several caches in one process, and for tests.
///
/// Clones share their content.
#[derive(Debug, Clone, Default)]
pub struct MemoryTokenStore {
    entries: Arc<Mutex<HashMap<TokenKey, StoredToken>>>,
    locks: Arc<Mutex<HashMap<TokenKey, Arc<tokio::sync::Mutex<()>>>>>,
}

impl MemoryTokenStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        Ok(self.entries.lock().get(key).cloned())
    }

    async fn save(&self, key: &TokenKey, token: &StoredToken) -> Result<(), StoreError> {
        let mut entries = self.entries.lock();
        check_version(entries.get(key).map(|stored| stored.version), token)?;
        entries.insert(key.clone(), token.clone());
        Ok(())
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.entries.lock().remove(key);
        Ok(())
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        let lock = Arc::clone(self.locks.lock().entry(key.clone()).or_default());
        Ok(RefreshLock::new(lock.lock_owned().await))
    }
}

/// A stale writer loses.
pub(super) fn check_version(stored: Option<u64>, token: &StoredToken) -> Result<(), StoreError> {
    match stored {
        Some(stored) if stored >= token.version => {
            Err(StoreError::Stale { stored, offered: token.version })
        }
        _ => Ok(()),
    }
}
