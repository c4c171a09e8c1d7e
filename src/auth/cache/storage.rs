//! A store with its key, and with a limit to everything it does.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use super::Now;
use crate::auth::{RefreshLock, StoreError, StoredToken, TokenKey, TokenStore};
use crate::oauth::Token;

#[derive(Debug, Clone)]
pub(super) struct Storage {
    store: Arc<dyn TokenStore>,
    key: TokenKey,
}

impl Storage {
    pub(super) fn new(store: Arc<dyn TokenStore>, key: TokenKey) -> Self {
        Self { store, key }
    }

    pub(super) async fn load(&self) -> Result<Option<StoredToken>, StoreError> {
        within(LIMIT, self.store.load(&self.key)).await
    }

    pub(super) async fn save(&self, token: &StoredToken) -> Result<(), StoreError> {
        within(LIMIT, self.store.save(&self.key, token)).await
    }

    /// Waits for as long as another process may take to refresh.
    pub(super) async fn lock(&self, limit: Duration) -> Result<RefreshLock, StoreError> {
        within(limit, self.store.lock(&self.key)).await
    }

    /// The same for a login, with a person in front of it.
    pub(super) async fn lock_briefly(&self) -> Result<RefreshLock, StoreError> {
        self.lock(LIMIT).await
    }
}

/// A token as it is kept: with its end by the wall clock.
pub(super) fn stored(token: &Token, counted_from: Now, version: u64) -> StoredToken {
    // What a clock cannot express has expired.
    let end = counted_from.wall.checked_add(token.expires_in).unwrap_or(SystemTime::UNIX_EPOCH);
    StoredToken::new(token.clone(), end, version)
}

async fn within<T>(
    limit: Duration,
    operation: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(limit, operation).await.unwrap_or(Err(StoreError::TimedOut { limit }))
}

/// How long reading and writing may take.
const LIMIT: Duration = Duration::from_secs(5);
