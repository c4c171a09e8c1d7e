//! A store with its key, and with a limit to everything it does.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::credentials::Unsaved;
use crate::auth::{RefreshLock, Revision, StoreError, StoredToken, TokenKey, TokenStore};

#[derive(Debug, Clone)]
pub(super) struct Storage(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Arc<dyn TokenStore>,
    key: Arc<TokenKey>,
}

impl Storage {
    pub(super) fn new(store: Arc<dyn TokenStore>, key: TokenKey) -> Self {
        Self(Arc::new(Parts { store, key: Arc::new(key) }))
    }

    pub(super) fn key(&self) -> &Arc<TokenKey> {
        &self.0.key
    }

    pub(super) async fn load(&self) -> Result<Option<StoredToken>, StoreError> {
        within(OPERATION_LIMIT, self.0.store.load(&self.0.key)).await
    }

    pub(super) async fn save(&self, unsaved: &Unsaved) -> Result<(), StoreError> {
        self.save_over(&unsaved.stored, unsaved.replaces).await
    }

    pub(super) async fn save_over(
        &self,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        within(OPERATION_LIMIT, self.0.store.save(&self.0.key, token, replaces)).await
    }

    pub(super) async fn lock(&self, limit: Duration) -> Result<RefreshLock, StoreError> {
        within(limit, self.0.store.lock(&self.0.key)).await
    }
}

async fn within<T>(
    limit: Duration,
    operation: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let mut operation = std::pin::pin!(operation);
    // A store is user code: that it panics is its failure, and costs no token.
    let guarded = std::future::poll_fn(|context| {
        let polled = AssertUnwindSafe(|| operation.as_mut().poll(context));
        std::panic::catch_unwind(polled)
            .unwrap_or_else(|_| Poll::Ready(Err(StoreError::custom("the token store panicked"))))
    });
    timeout(limit, guarded).await.unwrap_or(Err(StoreError::TimedOut { limit }))
}

/// How long reading and writing may take.
pub(super) const OPERATION_LIMIT: Duration = Duration::from_secs(5);
