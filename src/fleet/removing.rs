//! What ends logins, in the server and in what this process knows.
//!
//! A removal has a number of the server, as a login has, and a moment that is later than that of
//! each login which it ends, whatever the clocks of their processes say.

use super::FleetError;
use super::listing::{Listed, Standing, standing};
use super::names::Place;
use super::remembered::Entry;
use super::returned::read;
use super::scripts::{LIST, REMOVE, REMOVE_ALL, REMOVE_SEEN, Script};
use super::tokens::{KEPT_FOR_MS, Parts};
use crate::auth::{LoginId, TokenKey};

impl Parts {
    /// From the place of `key`, also what is as late as `last`; what stands unsealed is elsewhere,
    /// and earlier than this.
    pub(super) async fn remove_here(
        &self,
        key: &TokenKey,
        last: Option<LoginId>,
    ) -> Result<(), FleetError> {
        let place = self.names.place(key)?;
        let there = match self.look(key, &place, false).await {
            Ok(found) => found.entry.login(),
            Err(error) if error.is_transient() => return Err(error),
            // It is removed all the same.
            Err(_) => None,
        };
        let known = self.remembered.get(key).and_then(|entry| entry.login());
        let moment = self.moment_after(there.max(known).max(last));
        let number = self.remembered.number(key).max(self.unsealed_number(key).await?).to_string();
        let text = moment.to_string();
        let arguments =
            [place.scopes.as_bytes(), number.as_bytes(), text.as_bytes(), KEPT_FOR_MS.as_bytes()];
        let number = read(self.server()?.run(&REMOVE, &[&place.logins], &arguments).await?)?;
        self.remembered.keep(key, Entry { number, token: None, removal: Some(moment) });
        Ok(())
    }

    /// Whether the entry of a revision was removed, and no other; `by` is what ends it.
    pub(super) async fn remove_seen(
        &self,
        place: &Place,
        revision: &str,
        by: &Entry,
    ) -> Result<bool, FleetError> {
        self.removal_over(&REMOVE_SEEN, place, revision, by).await
    }

    /// Whether a script has put a removal in place of the revision that was found.
    pub(super) async fn removal_over(
        &self,
        script: &Script,
        place: &Place,
        revision: &str,
        removal: &Entry,
    ) -> Result<bool, FleetError> {
        let (number, moment) = removal.number_and_moment();
        let arguments = [
            place.scopes.as_bytes(),
            revision.as_bytes(),
            number.as_bytes(),
            moment.as_bytes(),
            KEPT_FOR_MS.as_bytes(),
        ];
        let done = self.server()?.run(script, &[&place.logins], &arguments).await?;
        Ok(read::<u32>(done)? == 1)
    }

    /// All that stands under the name of a user, after `last`: how many there were, the number, and the
    /// moment. A call that is sent again is known by its `mark`.
    pub(super) async fn remove_all(
        &self,
        name: &str,
        mark: &str,
        last: Option<LoginId>,
    ) -> Result<(u64, u64, LoginId), FleetError> {
        let there = match self.logins_under(name).await {
            Ok(logins) => logins.iter().filter_map(|login| login.login(self)).max(),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => None,
        };
        let moment = self.moment_after(there.max(last));
        let text = moment.to_string();
        let arguments = [KEPT_FOR_MS.as_bytes(), mark.as_bytes(), text.as_bytes()];
        let removed = self.server()?.run(&REMOVE_ALL, &[name], &arguments).await?;
        let (removed, number) = read(removed)?;
        Ok((removed, number, moment))
    }

    /// What stands in the hash of a user.
    pub(super) async fn logins_under(&self, name: &str) -> Result<Vec<Standing>, FleetError> {
        let listed: Vec<Listed> = read(self.server()?.run(&LIST, &[name], &[]).await?)?;
        Ok(standing(name, listed).collect())
    }

    fn moment_after(&self, last: Option<LoginId>) -> LoginId {
        LoginId::next(self.clock.now().wall, last)
    }
}
