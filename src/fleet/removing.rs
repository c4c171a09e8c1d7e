//! What ends logins, in the server and in what this process knows.
//!
//! A removal has a number of the server, as a login has, and a moment that is later than that of
//! each login which it ends, whatever the clocks of their processes say.

use std::time::Instant;

use super::FleetError;
use super::found::Found;
use super::listing::{Listed, Standing, standing};
use super::names::Place;
use super::remembered::Entry;
use super::returned::read;
use super::scripts::{LIST, REMOVE, REMOVE_ALL, REMOVE_SEEN, Script};
use super::tokens::{KEPT_FOR_MS, MOST_CONFLICTS, Parts, changes_too_fast};
use crate::auth::{LoginId, StoredToken, TokenKey};

impl Parts {
    /// From the place of `key`, also what is as late as `last`; what stands unsealed is elsewhere,
    /// and earlier than this.
    pub(super) async fn remove_here(
        &self,
        key: &TokenKey,
        last: Option<LoginId>,
    ) -> Result<(), FleetError> {
        let place = self.names.place(key)?;
        for _ in 0..MOST_CONFLICTS {
            let (revision, there) = self.seen_here(key, &place).await?;
            let made = self.clock.now().monotonic;
            let known = self.remembered.get(key).and_then(|entry| entry.login());
            let moment = self.moment_after(there.max(known).max(last));
            let number = self.number_unsealed(key, None).await?.unwrap_or_default();
            let number = number.max(self.remembered.number(key));
            let (number, text) = (number.to_string(), moment.to_string());
            let arguments = [
                place.scopes.as_bytes(),
                number.as_bytes(),
                text.as_bytes(),
                KEPT_FOR_MS.as_bytes(),
                revision.as_bytes(),
            ];
            let removed = self.server()?.run(&REMOVE, &[&place.logins], &arguments).await?;
            if let (1, number) = read::<(u32, u64)>(removed)? {
                self.remembered.keep(key, Entry::removed(number, Some(moment), Some(made)));
                return Ok(());
            }
        }
        Err(changes_too_fast())
    }

    /// The revision at a place, and which login it is. What cannot be opened is removed all the same, and
    /// what cannot even be read, whatever it is.
    async fn seen_here(
        &self,
        key: &TokenKey,
        place: &Place,
    ) -> Result<(String, Option<LoginId>), FleetError> {
        match self.look(key, place, false).await {
            Ok(Found { entry, revision, .. }) => return Ok((revision, entry.login())),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => {}
        }
        match self.look_unopened(place).await {
            Ok((revision, ..)) => Ok((revision, None)),
            Err(error) if error.is_transient() => Err(error),
            Err(_) => Ok((WHATEVER.to_owned(), None)),
        }
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
        let age = self.age_of(removal.made);
        let arguments = [
            place.scopes.as_bytes(),
            revision.as_bytes(),
            number.as_bytes(),
            moment.as_bytes(),
            KEPT_FOR_MS.as_bytes(),
            age.as_bytes(),
        ];
        let done = self.server()?.run(script, &[&place.logins], &arguments).await?;
        Ok(read::<u32>(done)? == 1)
    }

    /// All that stands under the name of a user, after `last`: how many there were, the number, and the
    /// moment. A call that is sent again is known by its `mark`, and one that comes late by what it
    /// saw.
    pub(super) async fn remove_all(
        &self,
        name: &str,
        mark: &str,
        last: Option<LoginId>,
    ) -> Result<(u64, u64, LoginId), FleetError> {
        for _ in 0..MOST_CONFLICTS {
            let (seen, there) = match self.logins_under(name).await {
                Ok(logins) => {
                    let there = logins.iter().filter_map(|login| login.login(self)).max();
                    let seen: Vec<_> =
                        logins.iter().map(|login| login.compared().concat()).collect();
                    (seen.join(&b' '), there)
                }
                Err(error) if error.is_transient() => return Err(error),
                Err(_) => (WHATEVER.into(), None),
            };
            let moment = self.moment_after(there.max(last));
            let text = moment.to_string();
            let arguments = [KEPT_FOR_MS.as_bytes(), mark.as_bytes(), text.as_bytes(), &seen];
            let removed = self.server()?.run(&REMOVE_ALL, &[name], &arguments).await?;
            if let (1, removed, number) = read::<(u32, u64, u64)>(removed)? {
                return Ok((removed, number, moment));
            }
        }
        Err(changes_too_fast())
    }

    /// Whether a removal that this process knows was made after a login that is to be saved now. A save may be on its
    /// way for so long that the server takes the login to be as late.
    pub(super) async fn is_removed_since(
        &self,
        key: &TokenKey,
        login: &StoredToken,
    ) -> Result<bool, FleetError> {
        let now = self.clock.now().monotonic;
        let known = self.remembered.get(key);
        let known = known.filter(|known| known.token.is_none() && known.number > 0);
        let (Some(removal), Some(age)) = (known, login.age(now)) else { return Ok(false) };
        if removal.made.is_some_and(|made| age > now.saturating_duration_since(made)) {
            return Ok(true);
        }
        Ok(self.removed_since(&self.names.place(key)?, Some(login)).await?.1)
    }

    /// The number of what stands or stood at a place, and whether that was removed since `login` was made. Which was
    /// first is asked anew where a call takes longer than was between them.
    pub(super) async fn removed_since(
        &self,
        place: &Place,
        login: Option<&StoredToken>,
    ) -> Result<(u64, bool), FleetError> {
        // In whole ms, as the server's time is: what is more than that is earlier for sure.
        let age = || {
            let age = login.and_then(|login| login.age(self.clock.now().monotonic));
            age.map(|age| age.as_millis())
        };
        let mut tries = 0;
        loop {
            let least = age();
            let (_, number, .., removed) = self.look_unopened(place).await?;
            let most = age();
            let removed_for = u128::try_from(removed).ok();
            let is_earlier = |age: Option<u128>| removed_for.is_some_and(|it| age > Some(it));
            tries += 1;
            if is_earlier(least) == is_earlier(most) || tries == MOST_CONFLICTS {
                return Ok((number, is_earlier(least)));
            }
        }
    }

    /// What stands in the hash of a user.
    pub(super) async fn logins_under(&self, name: &str) -> Result<Vec<Standing>, FleetError> {
        let listed: Vec<Listed> = read(self.server()?.run(&LIST, &[name], &[]).await?)?;
        Ok(standing(name, listed).collect())
    }

    /// For how many ms something is removed, as scripts get it: nothing where nobody knows.
    pub(super) fn age_of(&self, made: Option<Instant>) -> String {
        let age = made.map(|made| self.clock.now().monotonic.saturating_duration_since(made));
        age.map(|age| age.as_millis().to_string()).unwrap_or_default()
    }

    fn moment_after(&self, last: Option<LoginId>) -> LoginId {
        LoginId::next(self.clock.now().wall, last)
    }
}

/// In place of what was seen, where that cannot be read.
const WHATEVER: &str = "*";
