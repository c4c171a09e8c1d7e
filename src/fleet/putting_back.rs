//! When it is looked whether the server has forgotten something, without anybody asking for it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;

use super::FleetError;
use super::listing::standing;
use super::remembered::UserRemoval;
use super::returned::read;
use super::scripts::{LIST, PUT_BACK_GRAVESTONE};
use super::tokens::{KEPT_FOR_MS, Parts};
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
                if let Err(error) = parts.put_all_back().await {
                    tracing::debug!(%error, "what the server may have forgotten is not put back");
                }
            }
        });
    }

    /// Until the server is away again: removals first, so that nothing they ended is put back.
    async fn put_all_back(&self) -> Result<(), FleetError> {
        for (user, removal) in self.remembered.removals() {
            match self.put_back_user_removal(&user, removal).await {
                Err(error) if error.is_transient() => return Err(error),
                _ => {}
            }
        }
        for key in self.remembered.keys() {
            match self.load(&key, false).await {
                Err(error) if error.is_transient() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Has this process put the removal of a user back where the server forgets it.
    pub(super) fn remember_removal(self: &Arc<Self>, user: &TokenKey, number: u64) {
        self.remembered.keep_removal(user, number, self.clock.now().wall);
        self.put_back_after_reconnecting();
        let (parts, user) = (Arc::downgrade(self), user.clone());
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            tokio::time::sleep(SECOND_LOOK).await;
            let Some(parts) = parts.upgrade() else { return };
            let Some(removal) = parts.remembered.removal_of(&user) else { return };
            if let Err(error) = parts.put_back_user_removal(&user, removal).await {
                tracing::debug!(%error, "a removal could not be looked at again");
            }
        });
    }

    /// The gravestone first: from then on nothing is put back that is earlier. Of what was put back
    /// before that, the logins that were made before the removal end.
    async fn put_back_user_removal(
        &self,
        user: &TokenKey,
        removal: UserRemoval,
    ) -> Result<(), FleetError> {
        let name = self.names.logins(user.client_id(), user.user())?;
        let number = removal.number.to_string();
        let arguments = [number.as_bytes(), KEPT_FOR_MS.as_bytes()];
        let server = self.server()?;
        let put_back = server.run(&PUT_BACK_GRAVESTONE, &[&name], &arguments).await?;
        if read::<u32>(put_back)? == 0 {
            return Ok(());
        }
        let places = read(server.run(&LIST, &[&name], &[]).await?)?;
        for login in standing(&name, places) {
            if login.open(self).is_ok_and(|opened| opened.token.login() < removal.login) {
                self.remove_seen(&login.place, &login.revision, removal.number).await?;
            }
        }
        Ok(())
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
