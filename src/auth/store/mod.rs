//! Where tokens outlive the program.

mod error;
mod file;
mod key;
mod memory;

use std::any::Any;
use std::fmt::Debug;
use std::time::SystemTime;

use async_trait::async_trait;

pub use error::StoreError;
pub use file::FileTokenStore;
pub use key::TokenKey;
pub use memory::MemoryTokenStore;

use crate::oauth::Token;

/// Keeps tokens for a [`TokenCache`](super::TokenCache), also for several in several processes.
///
/// The cache reads a store before every refresh, saves what it got before it is handed out, and
/// never removes anything. It gives each operation its own time limit; a store that fails or hangs
/// costs no token, only a [`TokenEvent`](super::TokenEvent).
///
/// An implementation must refuse a stale writer: two processes that refresh at once must not
/// overwrite each other's refresh token.
#[async_trait]
pub trait TokenStore: Debug + Send + Sync {
    /// What is kept under `key`, or `None`.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] when that cannot be told.
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError>;

    /// Keeps `token` under `key`, wholly or not at all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Stale`] when what is kept has the same version or a later one, and then it must
    /// stay.
    async fn save(&self, key: &TokenKey, token: &StoredToken) -> Result<(), StoreError>;

    /// Removes what is kept under `key`: the user has logged out. Nothing kept is no error.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] when it may still be there.
    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError>;

    /// Waits until nobody else refreshes the token of `key`, and keeps others from it as long as the
    /// [`RefreshLock`] lives. A store that is not shared need not do anything.
    ///
    /// Without it, two processes with one rotating refresh token can end each other's session.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] when there can be no such lock; the refresh then goes on without.
    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        let _ = key;
        Ok(RefreshLock::none())
    }
}

/// A token as it is kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoredToken {
    /// The token; its lifetime is the one that it had when it was new.
    pub token: Token,
    /// When the access token expires, by the wall clock.
    pub expires_at: SystemTime,
    /// Grows by one with every token that is saved, from 1.
    pub version: u64,
    /// Whether the refresh token has ended: the user must log in again, and nothing is sent with it.
    pub ended: bool,
}

impl StoredToken {
    /// A token to keep.
    pub fn new(token: Token, expires_at: SystemTime, version: u64) -> Self {
        Self { token, expires_at, version, ended: false }
    }
}

/// Keeps others from refreshing the same token, until it is dropped.
#[must_use = "dropping it lets others refresh"]
pub struct RefreshLock(
    #[expect(dead_code, reason = "held for its `Drop`")] Option<Box<dyn Any + Send>>,
);

impl RefreshLock {
    /// Holds `guard`, whatever it is, for as long as the refresh takes.
    pub fn new(guard: impl Any + Send) -> Self {
        Self(Some(Box::new(guard)))
    }

    /// Keeps nobody from anything.
    pub fn none() -> Self {
        Self(None)
    }
}

impl Debug for RefreshLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshLock")
    }
}
