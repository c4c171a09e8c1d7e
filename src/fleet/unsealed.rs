//! Logins that were saved before there were sealing keys: what stands where no name key has had a
//! say in the names.
//!
//! They are taken over where the program says so, and an error where it does not. Each process that
//! saves one notes in the server that there are any. Where that is not noted, none is looked for: a
//! server that has had sealing keys from the start is never asked for such a name, which could be
//! guessed.
//!
//! The sealed place is written first, by compare, and what ends or replaces a login there gets a
//! number later than that of both places. The other place is touched only after that, and only the
//! revision that was seen there; so no number of one place's clock outlives a login of the other's.
//! Who finds that a process got to the sealed place alone does the rest. Before a login is taken
//! over, its own place gets the time of that: who takes it over a second time knows that the sealed
//! place was lost.

use redis::Value;
use std::collections::VecDeque;
use std::sync::Arc;

use super::FleetError;
use super::found::Found;
use super::listing::{Standing, Step};
use super::names::{Names, Place};
use super::remembered::Entry;
use super::returned::{Returned, read};
use super::scripts::{FORGET, HIGHEST, LOAD, TAKE_OVER};
use super::sealing::Opened;
use super::tokens::{
    ADOPTED, ADOPTED_PUT_BACK, KEPT_FOR_MS, MOST_CONFLICTS, OTHERS_PUT_BACK, PUT_BACK, Parts,
    changes_too_fast,
};
use super::walk::{patiently, several};
use crate::auth::{LoginId, StoredToken, TokenKey};

/// What is known of logins without a seal, in a fleet with sealing keys.
pub(super) struct Unsealed {
    pub(super) names: Names,
    /// Whether they are taken over.
    pub(super) adopts: bool,
}

/// What came of removing a user where nothing is sealed.
pub(super) struct UnsealedRemoval {
    pub(super) not_sealed_as_well: u64,
    pub(super) number: u64,
    pub(super) moment: LoginId,
}

impl Parts {
    pub(super) fn adopts_unsealed(&self) -> bool {
        self.unsealed.as_ref().is_some_and(|unsealed| unsealed.adopts)
    }

    /// Takes over what stands unsealed, if that is later than what was `found` in its place, and
    /// says whether it did; without that, it is an error where nothing was found.
    pub(super) async fn adopt(&self, key: &TokenKey, found: &Found) -> Result<bool, FleetError> {
        let Some(unsealed) = &self.unsealed else { return Ok(false) };
        let Found { entry: sealed, revision, .. } = found;
        if !unsealed.adopts {
            let is_nothing = sealed.number == 0 && self.remembered.number(key) == 0;
            if is_nothing && self.may_have_unsealed().await? {
                let entry = self.look_unsealed(unsealed, key).await?.entry;
                if entry.token.as_ref().is_some_and(has_login) {
                    return Err(FleetError::unsealed(&unsealed.names.place(key)?));
                }
            }
            return Ok(false);
        }
        let there = match self.look_unsealed(unsealed, key).await {
            Ok(there) => there,
            // What somebody else has put there is no trouble of a login that is sealed.
            Err(error) if !error.is_transient() && sealed.number > 0 => return Ok(false),
            Err(error) => return Err(error),
        };
        let entry = &there.entry;
        let place = unsealed.names.place(key)?;
        // A removal that was lost may be by a clock of the server that was ahead of this one.
        let outlives = |removal: &Entry| removal.token.is_none() && there.is_later_than(removal);
        let outlives_sealed = found.put_back_for.is_some() && outlives(sealed);
        if entry.is_ended_by(sealed, self.has_one_master()) && !outlives_sealed {
            // By a process that did not get to this place.
            self.remove_seen(&place, &there.revision, sealed).await?;
            return Ok(false);
        }
        let known = self.remembered.get(key);
        let known = known.filter(|it| it.number > sealed.number && !found.is_later_than(it));
        let known = known.filter(|it| !outlives(it));
        let is_covered_by = |other: &Entry| entry.is_covered_by(other, self.has_one_master());
        let is_covered = is_covered_by(sealed) && !outlives_sealed;
        if is_covered || known.as_ref().is_some_and(is_covered_by) {
            return Ok(false);
        }
        match &entry.token {
            Some(token) => {
                let number = entry.number.max((sealed.number + 1).min(HIGHEST));
                let step = match self.may_be_old(&place, &there).await? {
                    true => PUT_BACK,
                    false if there.put_back_for.is_some() => ADOPTED_PUT_BACK,
                    false => ADOPTED,
                };
                self.put(key, token, revision, step, number, KEPT_FOR_MS).await?;
            }
            None if sealed.token.is_some() => {
                self.remove_seen(&self.names.place(key)?, revision, entry).await?;
            }
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Whether others may know a later one than what stands unsealed, and put that back: somebody
    /// put this back just now, or it was taken over before, and the sealed place has lost that.
    async fn may_be_old(&self, place: &Place, there: &Found) -> Result<bool, FleetError> {
        let arguments = [place.scopes.as_bytes(), there.revision.as_bytes()];
        let taken = self.server()?.run(&TAKE_OVER, &[&place.logins], &arguments).await?;
        let is_put_back = there.put_back_for.is_some_and(|since| since < OTHERS_PUT_BACK);
        Ok(is_put_back || read::<i64>(taken)? > TAKEN_OVER_AT_ONCE_MS)
    }

    /// Whether the login that stands unsealed under `key` was ended at its sealed place, of which `found`
    /// is what a script returned, if it did.
    async fn is_ended(
        &self,
        key: &TokenKey,
        place: &Place,
        found: Option<Value>,
    ) -> Result<bool, FleetError> {
        let Some(unsealed) = &self.unsealed else { return Ok(false) };
        let is_ended = async {
            let found = match found {
                Some(found) => {
                    self.found(key, place, false, Returned::new(&place.logins, found))?
                }
                None => patiently(|| self.look(key, place, false)).await?,
            };
            if !found.entry.is_end() {
                return Ok(false);
            }
            let there = patiently(|| self.look_unsealed(unsealed, key)).await?;
            Ok::<_, FleetError>(there.entry.is_ended_by(&found.entry, self.has_one_master()))
        };
        match is_ended.await {
            Err(error) if !error.is_transient() => Ok(false),
            is_ended => is_ended,
        }
    }

    async fn look_unsealed(
        &self,
        unsealed: &Unsealed,
        key: &TokenKey,
    ) -> Result<Found, FleetError> {
        self.look(key, &unsealed.names.place(key)?, true).await
    }

    /// The number of what stands or stood unsealed, whatever that is; 0 where it is not taken over. `None` where
    /// that was removed since `login` was made.
    pub(super) async fn number_unsealed(
        &self,
        key: &TokenKey,
        login: Option<&StoredToken>,
    ) -> Result<Option<u64>, FleetError> {
        let Some(unsealed) = self.unsealed.as_ref().filter(|it| it.adopts) else {
            return Ok(Some(0));
        };
        match self.removed_since(&unsealed.names.place(key)?, login).await {
            Ok((number, is_removed)) => Ok(Some(number).filter(|_| !is_removed)),
            Err(error) if error.is_transient() => Err(error),
            Err(_) => Ok(Some(0)),
        }
    }

    /// Takes over a login that stands unsealed before another is saved, which then replaces it knowingly or not at all. What
    /// keeps it from that keeps nobody from logging in or out: of a server that is away the save says so.
    pub(super) async fn see_unsealed(&self, key: &TokenKey) {
        let Some(unsealed) = self.unsealed.as_ref().filter(|it| it.adopts) else { return };
        let Ok(place) = unsealed.names.place(key) else { return };
        if let Ok((revision, ..)) = self.look_unopened(&place).await
            && !revision.is_empty()
        {
            drop(self.load(key, false).await);
        }
    }

    /// Seals a login that stands unsealed, at its place, and removes it from where it was once the
    /// sealed place is seen to hold it, or what came after it, and replicas have that. Says whether
    /// it did: not if it was replaced meanwhile.
    pub(super) async fn move_here(
        self: &Arc<Self>,
        key: &TokenKey,
        login: &Standing,
    ) -> Result<bool, FleetError> {
        let Some(unsealed) = &self.unsealed else { return Ok(false) };
        let place = self.names.place(key)?;
        for _ in 0..MOST_CONFLICTS {
            self.load(key, false).await?;
            let Found { entry, revision, .. } = self.look_unsealed(unsealed, key).await?;
            if revision != login.revision {
                return Ok(false);
            }
            let there = self.look(key, &place, false).await?.entry;
            if entry.is_covered_by(&there, self.has_one_master()) {
                self.confirm(key).await?;
                if self.holds_login(key) {
                    self.look_again_later(key);
                }
                return self.forget(login).await;
            }
        }
        Err(changes_too_fast())
    }

    async fn forget(&self, login: &Standing) -> Result<bool, FleetError> {
        let name = &[login.place.logins.as_str()];
        let forgotten = self.server()?.run(&FORGET, name, &login.compared()).await?;
        Ok(read::<u32>(forgotten)? == 1)
    }

    /// From both places, so that a process without sealing keys notices: the sealed one first, and
    /// from the other only what was seen before that, with the same number.
    pub(super) async fn remove_everywhere(&self, key: &TokenKey) -> Result<(), FleetError> {
        for _ in 0..MOST_CONFLICTS {
            let seen = match self.seen_unsealed(key).await {
                Ok(seen) => seen,
                // It keeps nothing that is sealed from being removed.
                Err(error) => {
                    self.remove_here(key, None).await?;
                    return Err(error);
                }
            };
            let last = seen.as_ref().and_then(|login| login.login(self));
            self.remove_here(key, last).await?;
            let Some(Standing { place, revision, .. }) = &seen else { return Ok(()) };
            // Also where none stands: a login without the keys may be made already, and saved after this.
            if self.remove_seen(place, revision, &self.known(key)).await? {
                return Ok(());
            }
        }
        Err(changes_too_fast())
    }

    fn known(&self, key: &TokenKey) -> Entry {
        self.remembered.get(key).unwrap_or_else(|| Entry::new(0, None))
    }

    /// Removes what stands unsealed of the login that ended with `mark`, which was saved already.
    pub(super) async fn end_unsealed(
        &self,
        key: &TokenKey,
        mark: &StoredToken,
    ) -> Result<(), FleetError> {
        for _ in 0..MOST_CONFLICTS {
            let seen = self.seen_unsealed(key).await?;
            let Some(login) = seen.filter(|login| !login.revision.is_empty()) else {
                return Ok(());
            };
            let opened = login.open(self);
            let is_later = opened.is_ok_and(|opened| opened.token.login() > mark.login());
            let Standing { place, revision, .. } = &login;
            if is_later || self.remove_seen(place, revision, &self.known(key)).await? {
                return Ok(());
            }
        }
        Err(changes_too_fast())
    }

    /// What stands unsealed under `key`, or nothing with an empty revision, where that is to be removed.
    async fn seen_unsealed(&self, key: &TokenKey) -> Result<Option<Standing>, FleetError> {
        let Some(unsealed) = self.unsealed_to_remove().await? else { return Ok(None) };
        let place = unsealed.names.place(key)?;
        match self.look_unopened(&place).await {
            Ok((revision, _, _, record, put_back, ..)) => {
                let (mark, was_put_back) = (Vec::new(), put_back >= 0);
                Ok(Some(Standing { place, revision, mark, was_put_back, record }))
            }
            // What somebody else has put there is no login.
            Err(FleetError::Layout { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a user's logins that stand unsealed, if there may be any.
    pub(super) async fn remove_unsealed_user(
        &self,
        client_id: &str,
        user: &str,
        mark: &str,
        last: Option<LoginId>,
    ) -> Result<Option<UnsealedRemoval>, FleetError> {
        let Some(unsealed) = self.unsealed_to_remove().await? else { return Ok(None) };
        let name = unsealed.names.logins(client_id, Some(user))?;
        let logins = match self.logins_under(&name).await {
            // Also where none stands: a process may put one back that the server has forgotten.
            Ok(logins) => logins,
            // More than can be listed, or what somebody else has put there.
            Err(FleetError::Layout { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut sealed_as_well = 0;
        for login in &logins {
            if unsealed.adopts
                && let Ok(Opened { key, .. }) = login.open(self)
                && let Ok(found) = self.look(&key, &self.names.place(&key)?, false).await
            {
                sealed_as_well += u64::from(found.entry.token.is_some());
            }
        }
        match self.remove_all(&name, mark, last).await {
            Ok((removed, number, moment)) => Ok(Some(UnsealedRemoval {
                not_sealed_as_well: removed.saturating_sub(sealed_as_well),
                number,
                moment,
            })),
            Err(FleetError::Layout { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn unsealed_to_remove(&self) -> Result<Option<&Unsealed>, FleetError> {
        let Some(unsealed) = &self.unsealed else { return Ok(None) };
        Ok((unsealed.adopts || self.may_have_unsealed().await?).then_some(unsealed))
    }
}

impl Step {
    /// Without what stands unsealed and was ended in the sealed place, by a process that did not get
    /// to the other.
    pub(super) async fn without_ended(mut self, parts: &Parts) -> Result<Self, FleetError> {
        if !parts.adopts_unsealed() {
            return Ok(self);
        }
        let place_of = |login: &Result<Standing, FleetError>| login.as_ref().ok()?.to_seal(parts);
        let places: Vec<_> = self.logins.iter().map(place_of).collect();
        let looks = places
            .iter()
            .flatten()
            .map(|(_, place)| LOAD.known(&[&place.logins], &[place.scopes.as_bytes()]));
        let found = several(parts.server()?, self.master.as_ref(), looks).await?;
        let mut found = found.into_iter();
        let mut are_ended = VecDeque::new();
        for place in &places {
            are_ended.push_back(match place {
                Some((key, place)) => parts.is_ended(key, place, found.next().flatten()).await?,
                None => false,
            });
        }
        self.logins.retain(|_| !are_ended.pop_front().unwrap_or_default());
        Ok(self)
    }
}

/// An app's own token is requested again just as well.
pub(super) fn has_login(token: &StoredToken) -> bool {
    token.token().is_some_and(|token| token.refresh_token.is_some())
}

/// As long as two processes may take to take over the same login at once.
const TAKEN_OVER_AT_ONCE_MS: i64 = 1_000;
