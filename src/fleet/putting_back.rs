//! What the server has forgotten, and this process knows: when that is looked for without anybody
//! asking, and how it is put back.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::FleetError;
use super::lanes::{Lane, Lanes};
use super::link::Node;
use super::names::Place;
use super::remembered::{Entry, UserRemoval};
use super::returned::read;
use super::scripts::{PUT_BACK_GRAVESTONE, PUT_BACK_REMOVAL, RAISE};
use super::tokens::{KEPT_FOR_MS, MOST_CONFLICTS, Parts, changes_too_fast};
use crate::auth::TokenKey;
use crate::transport::can_wait;

impl Parts {
    /// A server that was lost may be another, or empty, when it is back, and one that has lost one
    /// entry may have lost others: puts back what it lacks, as long as there is a handle.
    pub(super) fn put_back_what_is_lost(self: &Arc<Self>) {
        let (Ok(runtime), Ok(server)) = (Handle::try_current(), self.server()) else { return };
        // Without time there is neither a call nor a pause.
        if !can_wait() {
            return;
        }
        server.ask_masters();
        if self.puts_back.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut looks = server.losses().looks();
        let parts = Arc::downgrade(self);
        // Also where the runtime ends before the task begins.
        let cleared = ClearedAtTheEnd(Weak::clone(&parts));
        runtime.spawn(async move {
            let _cleared = cleared;
            let mut lanes = Lanes::default();
            loop {
                let number = *looks.borrow_and_update();
                let Some(known) = parts.upgrade().map(|parts| parts.all_not_looked_at(number))
                else {
                    return;
                };
                // What others have done on this connection may be lost with the next one.
                let may_lose = number > 0 && !known.is_empty();
                if may_lose && let Some(parts) = parts.upgrade() {
                    parts.notice_its_life().await;
                }
                if let Some(parts) = parts.upgrade() {
                    lanes.add(known, &parts, &looks);
                }
                let is_ended = match lanes.end_before(&mut looks).await {
                    true => {
                        if let Some(parts) = parts.upgrade() {
                            parts.looked.store(number, Ordering::Release);
                        }
                        looks.changed().await.is_err()
                    }
                    // What is to be looked at goes to the lanes that are under way.
                    false => looks.has_changed().is_err(),
                };
                if is_ended {
                    return;
                }
            }
        });
    }

    /// All that is known, unless this or a later look has ended already: the task of another runtime
    /// may have ended in the middle.
    fn all_not_looked_at(&self, number: u64) -> Vec<Known> {
        if self.looked.load(Ordering::Acquire) >= number {
            return Vec::new();
        }
        let removals = self.remembered.removed_users().into_iter().map(Known::RemovalOf);
        removals.chain(self.remembered.keys().into_iter().map(Known::Login)).collect()
    }

    pub(super) async fn look_and_put_back(&self, known: &Known) -> Result<(), FleetError> {
        match known {
            Known::Login(key) => self.load(key, false).await.map(drop),
            Known::RemovalOf(user) => match self.remembered.removal_of(user) {
                Some(removal) => self.put_back_user_removal(user, removal).await,
                None => Ok(()),
            },
        }
    }

    /// Has this process put the removal of a user back where the server forgets it. One by a server
    /// whose clock is behind gets the later number there as well.
    pub(super) async fn remember_user_removal(
        self: &Arc<Self>,
        user: &TokenKey,
        removal: UserRemoval,
    ) -> Result<(), FleetError> {
        let kept = self.remembered.keep_removal(user, removal);
        self.put_back_what_is_lost();
        self.look_later(Known::RemovalOf(user.clone()));
        match kept == removal {
            true => Ok(()),
            false => self.put_back_user_removal(user, kept).await,
        }
    }

    async fn put_back_user_removal(
        &self,
        user: &TokenKey,
        removal: UserRemoval,
    ) -> Result<(), FleetError> {
        let name = self.names.logins(user.client_id(), user.user())?;
        let is_back = self.put_back_gravestone(&name, removal.number, removal).await;
        let (Some(unsealed), Some(number)) = (&self.unsealed, removal.unsealed) else {
            return is_back;
        };
        // What is wrong at one place keeps it from no other.
        let name = unsealed.names.logins(user.client_id(), user.user())?;
        is_back.and(self.put_back_gravestone(&name, number, removal).await)
    }

    /// In one step, which may run twice, with what follows from it: what has a later number was done
    /// later, and stays. What was put back has the number of its own time, and an earlier one ends.
    /// Of others an earlier number may be by a clock of the server that is behind: the moments say
    /// whether these end. One that cannot be opened has none, and ends if it is earlier for sure.
    async fn put_back_gravestone(
        &self,
        name: &str,
        number: u64,
        UserRemoval { login: moment, made, .. }: UserRemoval,
    ) -> Result<(), FleetError> {
        let removal = Entry::removed(number, Some(moment), made);
        let (number, moment_text) = (number.to_string(), moment.to_string());
        for _ in 0..MOST_CONFLICTS {
            let logins = self.logins_under(name).await?;
            let age = self.age_of(made);
            let mut arguments = vec![
                number.as_bytes(),
                moment_text.as_bytes(),
                KEPT_FOR_MS.as_bytes(),
                age.as_bytes(),
            ];
            for login in &logins {
                let ends = login.was_put_back
                    || match login.login(self) {
                        Some(login) => login < moment,
                        None => match self.look_before(&login.place, &removal).await {
                            Ok((is_earlier, _)) => is_earlier,
                            Err(error) if error.is_transient() => return Err(error),
                            Err(_) => false,
                        },
                    };
                arguments.extend(login.compared());
                arguments.push(if ends { b"1" } else { b"0" });
            }
            let server = self.server()?;
            match read::<u32>(server.run(&PUT_BACK_GRAVESTONE, &[name], &arguments).await?)? {
                0 => {}
                1 => return Ok(()),
                _ => {
                    server.found_one();
                    return Ok(());
                }
            }
        }
        Err(changes_too_fast())
    }

    /// A failover may lose what was acknowledged: looks again, and puts it back.
    pub(super) fn look_again_later(self: &Arc<Self>, key: &TokenKey) {
        self.look_later(Known::Login(key.clone()));
    }

    fn look_later(self: &Arc<Self>, known: Known) {
        let (Ok(runtime), Ok(server)) = (Handle::try_current(), self.server()) else { return };
        let mut looks = server.losses().looks();
        let parts = Arc::downgrade(self);
        runtime.spawn(async move {
            sleep(SECOND_LOOK).await;
            looks.mark_unchanged();
            let mut lane = Lane::of(known);
            // Where there is another look, all of it is put back by that one.
            lane.put_back(&parts, &mut looks, true).await;
        });
    }

    /// Whether nothing stands there now, in place of the revision that was found, which may be empty.
    pub(super) async fn put_back_removal(
        &self,
        place: &Place,
        revision: &str,
        removal: &Entry,
    ) -> Result<bool, FleetError> {
        self.removal_over(&PUT_BACK_REMOVAL, place, revision, removal).await
    }

    /// Whether a removal that this process knows was put back over what cannot be opened.
    pub(super) async fn ends_unopened(
        &self,
        key: &TokenKey,
        place: &Place,
    ) -> Result<bool, FleetError> {
        let known = self.remembered.get(key).filter(|known| known.token.is_none());
        let Some(removal) = known else { return Ok(false) };
        let (is_earlier, revision) = self.look_before(place, &removal).await?;
        Ok(is_earlier && self.put_back_removal(place, &revision, &removal).await?)
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
}

/// What this process knows, and the server may have forgotten.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Known {
    Login(TokenKey),
    /// Of a user, by a key without scopes.
    RemovalOf(TokenKey),
}

impl Known {
    /// The master of a cluster that has it, as far as is known.
    pub(super) fn master(&self, parts: &Parts) -> Option<Node> {
        let (Self::Login(key) | Self::RemovalOf(key)) = self;
        let name = parts.names.logins(key.client_id(), key.user()).ok()?;
        parts.server().ok()?.known_owner(&name)
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
