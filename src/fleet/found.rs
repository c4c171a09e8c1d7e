//! What stands at a place of the server, and whether it is later than what this process knows.

use std::time::{Duration, Instant, SystemTime};

use super::FleetError;
use super::names::Place;
use super::remembered::Entry;
use super::returned::{Returned, read};
use super::scripts::{LOAD, SETTLE};
use super::sealing::Opened;
use super::tokens::{OTHERS_PUT_BACK, Parts};
use super::unsealed::has_login;
use crate::auth::TokenKey;

/// What stands at a place.
pub(super) struct Found {
    pub(super) entry: Entry,
    /// Empty where nothing does.
    pub(super) revision: String,
    /// For how long it does, if it was put back.
    pub(super) put_back_for: Option<Duration>,
    /// The server's time, in ms.
    now: u64,
}

/// What the server's numbers and its clock say of what stands at a place.
#[derive(Clone, Copy)]
struct Numbered {
    number: u64,
    /// The server's time, in ms, when it was asked.
    now: u64,
    /// A moment after that, by the clock of this process that nobody sets.
    at: Instant,
}

impl Found {
    /// Just now, or at a time that is still to come.
    pub(super) fn is_put_back_at_once(&self) -> bool {
        self.put_back_for.is_some_and(|since| since.is_zero())
    }

    /// Whether this is later than what is known, although its number says otherwise, by a clock of
    /// the server that is behind. Then the moments of logins and removals say which was later.
    ///
    /// What was put back has the number of its own time, so that a login is earlier than a removal
    /// for sure, and the other way round. So is a removal where the server's clock is well.
    pub(super) fn is_later_than(&self, known: &Entry) -> bool {
        let may_be = match (&known.token, &self.entry.token) {
            (Some(_), Some(_)) => true,
            (None, Some(_)) => self.put_back_for.is_none(),
            (Some(_), None) => self.put_back_for.is_none() && self.now < known.number,
            (None, None) => false,
        };
        let (moment, of_known) = (self.entry.login(), known.login());
        may_be && moment.zip(of_known).is_some_and(|(moment, of_known)| of_known < moment)
    }
}

impl Numbered {
    /// Whether it got its number before `removal` was made, also where that got its own by another
    /// clock: at that moment, the one of this server was further already.
    fn is_before(self, removal: &Entry) -> bool {
        let Some(made) = removal.made else { return false };
        let age = self.at.saturating_duration_since(made).as_millis() + 1;
        let moment = u128::from(self.now).saturating_sub(age);
        self.number < removal.number && u128::from(self.number) < moment
    }
}

/// What [`LOAD`] returns.
pub(super) type Loaded = (String, u64, u64, Vec<u8>, i64, String, u64, i64);

impl Parts {
    /// What stands at a place of the server, where unsealed records may be or not.
    pub(super) async fn look(
        &self,
        key: &TokenKey,
        place: &Place,
        is_of_unsealed: bool,
    ) -> Result<Found, FleetError> {
        // What is wrong with the keys is said before the server is asked.
        self.sealer()?;
        let found = self.server()?.run(&LOAD, &[&place.logins], &[place.scopes.as_bytes()]).await?;
        self.found(key, place, is_of_unsealed, found)
    }

    /// What stands at a place, as it is.
    pub(super) async fn look_unopened(&self, place: &Place) -> Result<Loaded, FleetError> {
        let scopes = [place.scopes.as_bytes()];
        read(self.server()?.run(&LOAD, &[&place.logins], &scopes).await?)
    }

    /// Whether what stands at a place, and cannot be opened, is earlier than a removal, and its
    /// revision. What cannot be told to be earlier may be a later login.
    pub(super) async fn look_before(
        &self,
        place: &Place,
        removal: &Entry,
    ) -> Result<(bool, String), FleetError> {
        let (revision, number, _, _, put_back, _, now, _) = self.look_unopened(place).await?;
        let numbered = Numbered { number, now, at: self.clock.now().monotonic };
        let is_earlier = put_back >= 0 && number < removal.number || numbered.is_before(removal);
        Ok((is_earlier, revision))
    }

    /// Those who know more than what was put back have been waited for, whatever the server's clock says.
    pub(super) async fn settle(&self, place: &Place) {
        let waited = OTHERS_PUT_BACK.as_millis().to_string();
        let arguments = [place.scopes.as_bytes(), waited.as_bytes()];
        let settled = match self.server() {
            Ok(server) => server.run(&SETTLE, &[&place.logins], &arguments).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = settled {
            tracing::debug!(%error, "the time of what was put back stays ahead of the clock");
        }
    }

    /// What was found, of what [`LOAD`] returned.
    pub(super) fn found(
        &self,
        key: &TokenKey,
        place: &Place,
        is_of_unsealed: bool,
        found: Returned,
    ) -> Result<Found, FleetError> {
        let sealer = self.sealer()?;
        let (revision, number, left, record, put_back, moment, now, removed): Loaded = read(found)?;
        let put_back_for = u64::try_from(put_back).ok().map(Duration::from_millis);
        if revision.is_empty() {
            let removal = match moment.as_str() {
                "" => None,
                text => Some(text.parse().map_err(|_| FleetError::altered(&place.logins))?),
            };
            let removed_for = u64::try_from(removed).ok().map(Duration::from_millis);
            // Or a moment before that.
            let age = removed_for.and_then(|age| age.checked_add(LONGEST_CALL));
            let made = age.and_then(|age| self.clock.now().monotonic.checked_sub(age));
            let entry = Entry::removed(number, removal, made);
            return Ok(Found { entry, revision, put_back_for, now });
        }
        let Opened { key: of, token, .. } = match is_of_unsealed {
            true => sealer.open_any(place, &revision, &record),
            false => sealer.open(place, &revision, &record),
        }?;
        if of != *key {
            return Err(FleetError::sealed(place, "stands at the place of another one"));
        }
        if self.unsealed.is_none() && has_login(&token) {
            self.note.found_one();
        }
        let here = self.clock.now();
        let expires_at = here.wall.checked_add(Duration::from_millis(left));
        // What was put back has its number by the clock of another server; of one that was set back, it looks later.
        let age = now.checked_sub(number).filter(|_| put_back_for.is_none());
        let made = age.and_then(|age| here.monotonic.checked_sub(Duration::from_millis(age)));
        let token =
            token.expiring_at(expires_at.unwrap_or(SystemTime::UNIX_EPOCH)).made_about(made);
        Ok(Found { entry: Entry::new(number, Some(token)), revision, put_back_for, now })
    }
}

/// Longer than a response takes from the server to here.
const LONGEST_CALL: Duration = Duration::from_secs(1);
