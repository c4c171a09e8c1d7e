//! When it is looked whether the server has forgotten something, without anybody asking for it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;

use super::tokens::Parts;
use crate::auth::TokenKey;

impl Parts {
    /// A server that was lost may be another, or empty, when it is back: puts back what it lacks,
    /// one after the other, as long as there is a handle.
    pub(super) fn put_back_after_reconnecting(self: &Arc<Self>) {
        let (Ok(runtime), Ok(server)) = (Handle::try_current(), self.server()) else { return };
        if self.puts_back.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut reconnections = server.reconnections();
        let parts = Arc::downgrade(self);
        runtime.spawn(async move {
            let _guard = ClearedAtTheEnd(Weak::clone(&parts));
            while reconnections.changed().await.is_ok() {
                let Some(parts) = parts.upgrade() else { return };
                for key in parts.remembered.keys() {
                    let put_back = parts.load(&key, false).await;
                    if put_back.is_err_and(|error| error.is_transient()) {
                        break;
                    }
                }
            }
        });
    }

    /// A failover may lose what was acknowledged: looks again, and puts it back.
    pub(super) fn look_again_later(self: &Arc<Self>, key: &TokenKey) {
        let parts = Arc::downgrade(self);
        let key = key.clone();
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            tokio::time::sleep(SECOND_LOOK).await;
            let Some(parts) = parts.upgrade() else { return };
            if let Err(error) = parts.load(&key, false).await {
                tracing::debug!(%error, "a login that was saved could not be looked at again");
            }
        });
    }
}

/// However its task ends, another may begin.
struct ClearedAtTheEnd(Weak<Parts>);

impl Drop for ClearedAtTheEnd {
    fn drop(&mut self) {
        if let Some(parts) = self.0.upgrade() {
            parts.puts_back.store(false, Ordering::Release);
        }
    }
}

/// Longer than a failover takes.
const SECOND_LOOK: Duration = Duration::from_secs(10);
