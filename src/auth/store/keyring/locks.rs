//! What keeps processes apart that use one keyring: it has no locks of its own.

use std::path::{Path, PathBuf};

use super::digest;
use crate::auth::{FileTokenStore, RefreshLock, StoreError, TokenKey, TokenStore};

/// The locks of two token files in which no token is ever kept: a cache saves while it holds the
/// lock of a refresh.
#[derive(Debug, Clone)]
pub(super) struct LockFiles {
    refreshes: FileTokenStore,
    writes: FileTokenStore,
}

impl LockFiles {
    /// Those of the entries of `service`, in `directory`.
    pub(super) fn new(directory: &Path, service: &str) -> Self {
        let name = digest(service);
        let of = |what| FileTokenStore::new(directory.join(format!("spotify-web-{name}.{what}")));
        Self { refreshes: of("refreshes"), writes: of("writes") }
    }

    pub(super) async fn refreshing(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        self.refreshes.lock(key).await
    }

    pub(super) async fn writing(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        self.writes.lock(key).await
    }
}

/// Where only this user's processes write, and nothing outlives the machine's run. One that is not
/// there is that of a session which has ended, or of another user.
pub(super) fn of_this_user() -> Option<PathBuf> {
    if cfg!(any(windows, target_vendor = "apple")) {
        return Some(std::env::temp_dir());
    }
    // One that is not absolute is to be ignored, says the XDG Base Directory Specification.
    let place = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    place.filter(|place| place.is_absolute() && place.is_dir())
}

/// Why there are none.
pub(super) fn none() -> StoreError {
    let reason = "the keyring has no locks, and `XDG_RUNTIME_DIR` names no directory for some";
    StoreError::NoLocks { reason: reason.to_owned() }
}
