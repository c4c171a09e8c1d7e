//! Tokens in memory.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::locks::KeyLocks;
use super::{RefreshLock, Revision, StoreError, StoredToken, TokenKey, TokenStore, check_replaces};
use crate::sync::Mutex;

/// Keeps tokens as long as it lives: for several caches in one process, and for tests.
///
/// Clones share their content.
#[derive(Debug, Clone, Default)]
pub struct MemoryTokenStore {
    entries: Arc<Mutex<HashMap<TokenKey, StoredToken>>>,
    locks: KeyLocks<TokenKey>,
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

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        let mut entries = self.entries.lock();
        check_replaces(entries.get(key).map(StoredToken::revision), replaces)?;
        entries.insert(key.clone(), token.clone());
        Ok(())
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.entries.lock().remove(key);
        Ok(())
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        Ok(RefreshLock::new(self.locks.lock(key).await))
    }
}
