//! What the server has forgotten, and this process knows: when that is looked for without anybody
//! asking, and how it is put back.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::sleep;

use super::FleetError;
use super::names::Place;
use super::remembered::Entry;
use super::scripts::{PUT_BACK_REMOVAL, RAISE};
use super::tokens::{KEPT_FOR_MS, Parts, read};
use crate::auth::{LoginId, TokenKey};

impl Parts {
    /// A server that was lost may be another, or empty, when it is back: puts back what it lacks, as
    /// long as there is a handle.
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
                let known = parts.upgrade().map(|parts| parts.remembered.keys());
                let Some(keys) = known else { return };
                put_back(&parts, keys, &reconnections).await;
            }
        });
    }

    /// A failover may lose what was acknowledged: looks again, and puts it back.
    pub(super) fn look_again_later(self: &Arc<Self>, key: &TokenKey) {
        let (Ok(runtime), Ok(server)) = (Handle::try_current(), self.server()) else { return };
        let reconnections = server.reconnections();
        let parts = Arc::downgrade(self);
        let key = key.clone();
        runtime.spawn(async move {
            sleep(SECOND_LOOK).await;
            put_back(&parts, vec![key], &reconnections).await;
        });
    }

    /// Whether nothing stands there now, in place of an earlier entry.
    pub(super) async fn put_back_removal(
        &self,
        place: &Place,
        number: u64,
    ) -> Result<bool, FleetError> {
        let number = number.to_string();
        let arguments = [place.scopes.as_bytes(), number.as_bytes(), KEPT_FOR_MS.as_bytes()];
        let script = &PUT_BACK_REMOVAL;
        let put_back = self.server()?.run(script, &[&place.logins], &arguments).await?;
        Ok(read::<u32>(put_back)? == 1)
    }

    /// Gives what stands there the number of what is known to be earlier, unless it was replaced
    /// meanwhile: what comes after it gets a later one.
    pub(super) async fn raise(
        &self,
        place: &Place,
        revision: &str,
        number: u64,
    ) -> Result<(), FleetError> {
        let number = number.to_string();
        let arguments = [place.scopes.as_bytes(), revision.as_bytes(), number.as_bytes()];
        self.server()?.run(&RAISE, &[&place.logins], &arguments).await?;
        Ok(())
    }

    /// A removal by this process is later than every login that was made before it.
    pub(super) fn remember_removal(&self, key: &TokenKey, number: u64, last: Option<LoginId>) {
        let removal = Some(LoginId::next(self.clock.now().wall, last));
        self.remembered.keep(key, Entry { number, token: None, removal });
    }

    /// The same of a user's logins that this process knows, once they are removed. What cannot be
    /// looked at is forgotten, so that it does not come back from here.
    pub(super) async fn remember_removals(&self, client_id: &str, user: &str) {
        for key in self.remembered.keys_of(client_id, user) {
            if self.look_whether_it_is_removed(&key).await.is_err() {
                self.remembered.forget(&key);
            }
        }
    }

    /// A removal is later than all that is known, whatever the server's clock says.
    async fn look_whether_it_is_removed(&self, key: &TokenKey) -> Result<(), FleetError> {
        let Some(known) = self.remembered.get(key) else { return Ok(()) };
        let place = self.names.place(key)?;
        let there = self.look(key, &place, false).await?.entry;
        if there.token.is_none() {
            let number = there.number.max(known.number + 1);
            if number > there.number {
                self.put_back_removal(&place, number).await?;
            }
            self.remember_removal(key, number, known.login());
        }
        Ok(())
    }
}

/// One after the other. What fails is tried again, behind the others, until it is done or there is
/// another connection: all of it is put back by that one.
async fn put_back(parts: &Weak<Parts>, keys: Vec<TokenKey>, reconnections: &watch::Receiver<u64>) {
    let (mut keys, mut pause) = (VecDeque::from(keys), FIRST_PAUSE);
    while let Some(key) = keys.pop_front() {
        let Some(parts) = parts.upgrade() else { return };
        let Err(error) = parts.load(&key, false).await else {
            pause = FIRST_PAUSE;
            continue;
        };
        tracing::debug!(%error, "a login could not be looked at, or put back");
        if is_of_one_login(&error) {
            continue;
        }
        drop(parts);
        if reconnections.has_changed().unwrap_or(true) {
            return;
        }
        keys.push_back(key);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What stands there does not become better by being read again.
fn is_of_one_login(error: &FleetError) -> bool {
    matches!(
        error,
        FleetError::Sealed { .. }
            | FleetError::UnknownKey { .. }
            | FleetError::Unsealed
            | FleetError::Layout
            | FleetError::TooLong { .. }
            | FleetError::Name { .. }
    )
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

const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Those who find what was put back wait three seconds for who knows more.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
