//! A store with its key, and with a limit to everything it does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::auth::{RefreshLock, StoreError, StoredToken, TokenKey, TokenStore};

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
}

async fn within<T>(
    limit: Duration,
    operation: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(limit, operation).await.unwrap_or(Err(StoreError::TimedOut { limit }))
}

/// How long reading and writing may take.
const LIMIT: Duration = Duration::from_secs(5);
