//! Logins that were saved before there were sealing keys: what stands where no name key has had a
//! say in the names.
//!
//! They are taken over where the program says so, and an error where it does not. A server that has
//! had sealing keys from the start is never asked for such a name: it could be guessed.

use tokio::sync::OnceCell;

use super::FleetError;
use super::listing::{Listing, Standing, standing};
use super::names::Names;
use super::remembered::Entry;
use super::scripts::{FORGET, LIST, REMOVE_ALL};
use super::sealing::is_unsealed;
use super::tokens::{ADOPTED, KEPT_FOR_MS, Parts, read};
use crate::auth::{StoredToken, TokenKey};

/// What is known of logins without a seal, in a fleet with sealing keys.
pub(super) struct Unsealed {
    pub(super) names: Names,
    /// Whether they are taken over.
    pub(super) adopts: bool,
    /// Whether there are any, where they are not.
    are_there: OnceCell<bool>,
}

impl Unsealed {
    pub(super) fn new(names: Names, adopts: bool) -> Self {
        Self { names, adopts, are_there: OnceCell::new() }
    }
}

impl Parts {
    pub(super) fn adopts_unsealed(&self) -> bool {
        self.unsealed.as_ref().is_some_and(|unsealed| unsealed.adopts)
    }

    /// Takes over what stands unsealed, if that is later than what was `found` in its place, and
    /// says whether it did; without that, it is an error where nothing was found.
    pub(super) async fn adopt(
        &self,
        key: &TokenKey,
        found: &Entry,
        revision: &str,
    ) -> Result<bool, FleetError> {
        let Some(unsealed) = &self.unsealed else { return Ok(false) };
        if !unsealed.adopts {
            let is_nothing = found.number == 0 && self.remembered.number(key) == 0;
            if is_nothing && self.has_unsealed().await {
                let entry = self.look_unsealed(unsealed, key).await?;
                let is_login = |entry: &Entry| entry.token.as_ref().is_some_and(has_login);
                if is_login(&entry) {
                    return Err(FleetError::Unsealed);
                }
            }
            return Ok(false);
        }
        let entry = match self.look_unsealed(unsealed, key).await {
            Ok(entry) => entry,
            // What somebody else has put there is no trouble of a login that is sealed.
            Err(error) if !error.is_transient() && found.number > 0 => return Ok(false),
            Err(error) => return Err(error),
        };
        if entry.number <= found.number.max(self.remembered.number(key))
            || entry.is_earlier_login_than(found)
        {
            return Ok(false);
        }
        match &entry.token {
            Some(token) => self.put(key, token, revision, ADOPTED, entry.number).await.map(drop)?,
            None if found.token.is_some() => self.remove_here(key).await?,
            None => return Ok(false),
        }
        Ok(true)
    }

    async fn look_unsealed(
        &self,
        unsealed: &Unsealed,
        key: &TokenKey,
    ) -> Result<Entry, FleetError> {
        Ok(self.look(key, &unsealed.names.place(key)?, true).await?.entry)
    }

    /// Whether there are logins that nobody takes over. The first that are found tell, and are
    /// looked for once: a server that does not say has none.
    async fn has_unsealed(&self) -> bool {
        let Some(unsealed) = &self.unsealed else { return false };
        let looked = unsealed.are_there.get_or_try_init(|| async {
            let mut listing = Listing::new(self);
            for _ in 0..MOST_STEPS {
                let Some(step) = listing.next().await? else { break };
                if !step.logins.is_empty() {
                    let logins = step.logins.iter().flatten();
                    return Ok(logins.into_iter().any(|login| is_unsealed(&login.record)));
                }
            }
            Ok::<_, FleetError>(false)
        });
        looked.await.is_ok_and(|are_there| *are_there)
    }

    /// Seals a login that stands unsealed, at its place, and removes it from where it was. Says
    /// whether it did: not if it was replaced meanwhile.
    pub(super) async fn move_here(
        &self,
        key: &TokenKey,
        login: &Standing,
    ) -> Result<bool, FleetError> {
        let place = self.names.place(key)?;
        let found = self.look(key, &place, false).await?;
        self.adopt(key, &found.entry, &found.revision).await?;
        self.forget(login).await
    }

    async fn forget(&self, login: &Standing) -> Result<bool, FleetError> {
        let Standing { place, revision, .. } = login;
        let arguments = [place.scopes.as_bytes(), revision.as_bytes()];
        let forgotten = self.server()?.run(&FORGET, &[&place.logins], &arguments).await?;
        Ok(read::<u32>(forgotten)? == 1)
    }

    /// Removes what stands unsealed under `key`, so that a process without sealing keys notices.
    pub(super) async fn remove_unsealed(&self, key: &TokenKey) -> Result<(), FleetError> {
        let Some(unsealed) = self.unsealed_to_remove().await else { return Ok(()) };
        let place = unsealed.names.place(key)?;
        if self
            .unsealed_logins(&place.logins)
            .await?
            .iter()
            .any(|it| it.place.scopes == place.scopes)
        {
            self.remove_at(&place, 0).await?;
        }
        Ok(())
    }

    /// The same for a user, and how many of these were not sealed as well.
    pub(super) async fn remove_unsealed_user(
        &self,
        client_id: &str,
        user: &str,
        mark: &str,
    ) -> Result<u64, FleetError> {
        let Some(unsealed) = self.unsealed_to_remove().await else { return Ok(0) };
        let name = unsealed.names.logins(client_id, Some(user))?;
        let logins = self.unsealed_logins(&name).await?;
        if logins.is_empty() {
            return Ok(0);
        }
        for login in &logins {
            // One that is sealed as well counts there.
            if unsealed.adopts
                && let Ok(opened) = login.open(self)
            {
                self.move_here(&opened.key, login).await?;
            }
        }
        let arguments = [KEPT_FOR_MS.as_bytes(), mark.as_bytes()];
        read(self.server()?.run(&REMOVE_ALL, &[&name], &arguments).await?)
    }

    async fn unsealed_logins(&self, name: &str) -> Result<Vec<Standing>, FleetError> {
        let places = read(self.server()?.run(&LIST, &[name], &[]).await?)?;
        Ok(standing(name, places).collect())
    }

    async fn unsealed_to_remove(&self) -> Option<&Unsealed> {
        let unsealed = self.unsealed.as_ref()?;
        (unsealed.adopts || self.has_unsealed().await).then_some(unsealed)
    }
}

/// An app's own token is requested again just as well.
pub(super) fn has_login(token: &StoredToken) -> bool {
    token.token().is_some_and(|token| token.refresh_token.is_some())
}

/// In which no login is found, before the search ends: many entries of others may stand beside them.
const MOST_STEPS: u32 = 64;
