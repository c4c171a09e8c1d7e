//! The store of a fleet's tokens.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use async_trait::async_trait;

use super::lanes::is_of_one_login;
use super::lease;
use super::names::{Names, Place};
use super::note::Note;
use super::remembered::{Entry, Remembered};
use super::replicas::{Renewal, Replicas};
use super::returned::{Saved, read_saved};
use super::scripts::{LOAD, LONGEST_LIFE, LONGEST_RECORD, SAVE};
use super::sealing::Sealer;
use super::server::Server;
use super::unsealed::{Unsealed, has_login};
use super::{FleetError, RedisFleet};
use crate::auth::{
    Clock, LoginId, RefreshLock, Revision, StoreError, StoredToken, TokenKey, TokenStore,
};

/// Logins that the processes of a fleet share: [`RedisFleet::tokens`].
///
/// A process that needs a new token takes a lease, so that one refresh token is sent by one
/// process; the others wait and find what it saved. A lease ends after 10 s unless its holder
/// renews it, so that a process that was killed keeps nobody up for longer. When the server cannot
/// be reached, tokens that are good are handed out as ever; an app's token is requested by each
/// process for itself; a user's is not refreshed, and callers get a transient error once it has
/// expired.
///
/// A login that nobody used for 200 days is removed by the server.
#[derive(Clone)]
pub struct RedisTokenStore(Arc<Parts>);

pub(super) struct Parts {
    pub(super) server: Result<Arc<Server>, FleetError>,
    pub(super) sealer: Result<Sealer, FleetError>,
    pub(super) names: Names,
    pub(super) remembered: Remembered,
    /// Of a fleet with sealing keys.
    pub(super) unsealed: Option<Unsealed>,
    pub(super) note: Note,
    replicas: Option<Replicas>,
    /// Whether a task waits for losses.
    pub(super) puts_back: AtomicBool,
    /// Which look at all that is known has ended.
    pub(super) looked: AtomicU64,
    pub(super) clock: Arc<dyn Clock>,
}

impl RedisTokenStore {
    pub(super) fn new(fleet: &RedisFleet) -> Self {
        Self::with(fleet, fleet.names(), fleet.unsealed())
    }

    fn with(fleet: &RedisFleet, names: Names, unsealed: Option<Unsealed>) -> Self {
        let server = fleet.server();
        let looked = server.as_ref().map_or(0, |server| *server.losses().looks().borrow());
        Self(Arc::new(Parts {
            server,
            sealer: fleet.sealer.clone(),
            names,
            remembered: Remembered::default(),
            unsealed,
            note: Note::default(),
            replicas: fleet.replicas.clone(),
            puts_back: AtomicBool::new(false),
            looked: AtomicU64::new(looked),
            clock: Arc::clone(&fleet.clock),
        }))
    }

    pub(super) fn parts(&self) -> &Arc<Parts> {
        &self.0
    }

    /// Writes, reads and removes an entry of nobody's, as a login would be; to the checks of others
    /// it is none.
    pub(super) async fn check(fleet: &RedisFleet) -> Result<(), FleetError> {
        let Self(parts) = Self::with(fleet, fleet.names().of_no_login(), None);
        let key = TokenKey::new("check").with_user(format!("{:016x}", fastrand::u64(..)));
        let token = crate::oauth::Token::new("check", Duration::from_secs(60));
        let stored = StoredToken::new(token, parts.clock.now().wall);
        let place = parts.names.place(&key)?;
        drop(lease::take(parts.server()?, &place).await?);
        parts.put(&key, &stored, "", ANOTHER, 0, CHECKED_FOR_MS).await?;
        let confirmed = parts.confirm_for(&key, CHECKED_FOR_MS).await;
        let used = parts.use_all(&key, &place).await;
        let mut removing = redis::cmd("DEL");
        parts.server()?.command_on(&place.logins, removing.arg(&place.logins)).await?;
        used?;
        confirmed
    }
}

impl Parts {
    pub(super) fn server(&self) -> Result<&Arc<Server>, FleetError> {
        self.server.as_ref().map_err(FleetError::clone)
    }

    pub(super) fn sealer(&self) -> Result<&Sealer, FleetError> {
        self.sealer.as_ref().map_err(FleetError::clone)
    }

    /// Whether all logins stand in one server at a time: their numbers are by one clock, and a script
    /// reaches them all.
    pub(super) fn has_one_master(&self) -> bool {
        self.server().is_ok_and(|server| server.has_one_master())
    }

    /// What is done with a login by those who did not save it: where there is none, nothing else shows a right that is
    /// missing for it. A script is sent whole as well, as it is once the server has restarted.
    async fn use_all(&self, key: &TokenKey, place: &Place) -> Result<(), FleetError> {
        self.load(key, false).await?;
        self.logins_under(&place.logins).await?;
        let whole = LOAD.whole(&[&place.logins], &[place.scopes.as_bytes()]);
        self.server()?.command_on(&place.logins, &whole).await.map(drop)
    }

    /// Waits for the replicas that are to have what was written of a user, if any.
    pub(super) async fn confirm(&self, key: &TokenKey) -> Result<(), FleetError> {
        self.confirm_for(key, KEPT_FOR_MS).await
    }

    async fn confirm_for(
        &self,
        key: &TokenKey,
        kept_for_ms: &'static str,
    ) -> Result<(), FleetError> {
        let Some(replicas) = &self.replicas else { return Ok(()) };
        let name = &self.names.logins(key.client_id(), key.user())?;
        replicas.confirm(Renewal { name, kept_for_ms }).await
    }

    /// What is kept under `key`; what the server has forgotten is put back first. Who `will_use` it
    /// waits then, until those who know a later one have put that back: an old refresh token may
    /// end a login. So does who uses a server that may have lost something just now. It waits once,
    /// however often something is put back, and whatever the server's clock does meanwhile.
    pub(super) async fn load(
        &self,
        key: &TokenKey,
        will_use: bool,
    ) -> Result<Option<StoredToken>, FleetError> {
        let mut waits = if will_use { MOST_WAITS } else { 0 };
        let mut was_put_back_at_once = false;
        for _ in 0..MOST_CONFLICTS {
            let place = self.names.place(key)?;
            let found = match self.look(key, &place, false).await {
                Err(error)
                    if is_of_one_login(&error) && self.ends_unopened(key, &place).await? =>
                {
                    self.server()?.found_one();
                    continue;
                }
                found => found?,
            };
            if self.adopt(key, &found).await? {
                continue;
            }
            let known = self.remembered.get(key);
            let lost = known.filter(|known| known.number > found.entry.number);
            let may_wait = waits > 0 && (self.expects_login(key) || found.entry.is_of_login());
            let early = match lost {
                // Of what is put back again and again it waits for one; a later loss is another.
                None if may_wait => {
                    let is_first = waits == MOST_WAITS;
                    self.left_to_others(&place, &found, is_first).await?
                }
                None => None,
                Some(_) => {
                    self.server()?.found_one();
                    None
                }
            };
            match lost {
                None if let Some(left) = early => {
                    tokio::time::sleep(left).await;
                    waits -= 1;
                    was_put_back_at_once |= found.is_put_back_at_once();
                }
                None => {
                    if was_put_back_at_once && found.is_put_back_at_once() {
                        self.settle(&place).await;
                    }
                    self.remembered.keep(key, found.entry.clone());
                    return Ok(found.entry.token);
                }
                // By a server whose clock is behind that of the one before: what is later stays,
                // and gets the later number, which counts once it stands there.
                Some(known) if found.is_later_than(&known) => {
                    self.remembered.replace(key, found.entry);
                    self.raise(&place, &found.revision, known.number).await?;
                }
                Some(Entry { token: Some(token), .. }) => {
                    let is_back = self.write(key, &token, &found.revision, PUT_BACK).await?;
                    if is_back && !may_wait {
                        return Ok(Some(token));
                    }
                }
                Some(removal) => {
                    let is_back = self.put_back_removal(&place, &found.revision, &removal).await?;
                    // The other place may have got the login back as well.
                    if is_back && !may_wait && !self.adopts_unsealed() {
                        return Ok(None);
                    }
                }
            }
        }
        Err(changes_too_fast())
    }

    /// Whether it stands there now, in place of the revision `replaces`, which may be empty.
    pub(super) async fn save_over(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: &str,
    ) -> Result<bool, FleetError> {
        let known = self.remembered.get(key).and_then(|entry| entry.token);
        let is_refreshed = known.is_some_and(|known| known.login() == token.login());
        if !is_refreshed {
            self.see_unsealed(key).await;
        }
        self.write(key, token, replaces, if is_refreshed { "1" } else { ANOTHER }).await
    }

    /// The same; a server that has forgotten what this replaces, or what is later than that, gets it
    /// back first.
    async fn save_or_put_back(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: &str,
    ) -> Result<bool, FleetError> {
        if self.save_over(key, token, replaces).await? {
            return Ok(true);
        }
        self.load(key, false).await?;
        self.save_over(key, token, replaces).await
    }

    /// In place of what this process knows to be there, and of nothing else: what it knows may be
    /// later than what the server has, and must be put back then. Another login is later than what
    /// was removed without the keys until now; one that is refreshed may be what was removed.
    async fn write(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: &str,
        step: &str,
    ) -> Result<bool, FleetError> {
        let mut known = self.remembered.number(key);
        if step == ANOTHER {
            match self.number_unsealed(key, Some(token)).await? {
                Some(unsealed) => known = known.max(unsealed),
                // By a process without keys, after this login was made.
                None => return Ok(true),
            }
            if self.is_removed_since(key, token).await? {
                return Ok(true);
            }
        }
        if step != PUT_BACK && self.remembered.revision(key) != replaces {
            return Ok(false);
        }
        let (saved, number) = self.put(key, token, replaces, step, known, KEPT_FOR_MS).await?;
        match saved {
            Saved::No => {}
            Saved::Yes => self.remembered.keep(key, Entry::new(number, Some(token.clone()))),
            Saved::RemovedSince => self.remembered.keep(key, Entry::removed(number, None, None)),
        }
        Ok(saved != Saved::No)
    }

    /// Whether it was saved, and the number of what stands there.
    pub(super) async fn put(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: &str,
        step: &str,
        number: u64,
        kept_for_ms: &str,
    ) -> Result<(Saved, u64), FleetError> {
        let place = self.names.place(key)?;
        let record = self.sealer()?.seal(key, &place, token)?;
        if record.len() > LONGEST_RECORD {
            return Err(FleetError::too_long(&place, record.len()));
        }
        let revision = token.revision().to_string();
        let number = number.to_string();
        let left =
            token.expires_at().and_then(|end| end.duration_since(self.clock.now().wall).ok());
        let left = left.unwrap_or_default().min(LONGEST_LIFE).as_millis().to_string();
        let age = token.age(self.clock.now().monotonic).unwrap_or_default().as_millis().to_string();
        // By which a call that is sent again finds that it took place.
        let mark = format!("{:016x}", fastrand::u64(..));
        let arguments = [
            place.scopes.as_bytes(),
            replaces.as_bytes(),
            revision.as_bytes(),
            mark.as_bytes(),
            number.as_bytes(),
            step.as_bytes(),
            left.as_bytes(),
            &record,
            kept_for_ms.as_bytes(),
            age.as_bytes(),
            if token.is_logged_out() { b"1" } else { b"0" },
        ];
        let is_noted = self.unsealed.is_none() && has_login(token);
        let saved = match is_noted {
            true => self.save_noted(&place, &arguments).await?,
            false => self.server()?.run(&SAVE, &[&place.logins], &arguments).await?,
        };
        read_saved(saved)
    }

    /// Whether what is known under a key is a login, or the end of one. It is one of a program's only user where the
    /// key has none: what it holds says so.
    pub(super) fn holds_login(&self, key: &TokenKey) -> bool {
        key.user().is_some() || self.remembered.get(key).is_some_and(|entry| entry.is_of_login())
    }

    /// The same, also where nothing is known yet and a login is looked for.
    pub(super) fn expects_login(&self, key: &TokenKey) -> bool {
        self.remembered.expects_logins(key) || self.holds_login(key)
    }

    /// Whether this very entry was saved already, by a call whose other half failed.
    fn is_there(&self, key: &TokenKey, token: &StoredToken) -> bool {
        let there = self.remembered.get(key).and_then(|entry| entry.token);
        there.is_some_and(|there| there.revision() == token.revision())
    }
}

#[async_trait]
impl TokenStore for RedisTokenStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.0.put_back_what_is_lost();
        Ok(self.0.load(key, true).await?)
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        self.0.put_back_what_is_lost();
        let replaces = replaces.map(|revision| revision.to_string()).unwrap_or_default();
        let ends_unsealed = token.is_logged_out() && self.0.adopts_unsealed();
        let is_saved = self.0.save_or_put_back(key, token, &replaces).await?
            || ends_unsealed && self.0.is_there(key, token);
        if !is_saved {
            return Err(StoreError::Stale);
        }
        self.0.notice_after(key).await;
        if ends_unsealed {
            self.0.end_unsealed(key, token).await?;
        }
        if self.0.holds_login(key) {
            self.0.look_again_later(key);
        }
        Ok(self.0.confirm(key).await?)
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.0.put_back_what_is_lost();
        self.0.remove_everywhere(key).await?;
        self.0.notice_after(key).await;
        if self.0.holds_login(key) {
            self.0.look_again_later(key);
        }
        Ok(self.0.confirm(key).await?)
    }

    async fn turn(
        &self,
        key: &TokenKey,
        known: Option<Revision>,
    ) -> Result<RefreshLock, StoreError> {
        let known = known.map(|revision| revision.to_string()).unwrap_or_default();
        Ok(self.0.lock(key, Some(&known)).await?)
    }

    fn latest(&self, key: &TokenKey) -> Option<LoginId> {
        self.0.remembered.get(key)?.login()
    }

    fn expect_logins(&self, key: &TokenKey) {
        self.0.remembered.expect_logins(key);
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        Ok(self.0.lock(key, None).await?)
    }
}

/// Without keys.
impl fmt::Debug for RedisTokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisTokenStore").field(&self.0.server).finish()
    }
}

pub(super) fn changes_too_fast() -> FleetError {
    FleetError::Server { reason: "an entry changes faster than it can be read".into() }
}

/// The step of a save of another login.
const ANOTHER: &str = "2";

/// The step of a save of what has been there before.
pub(super) const PUT_BACK: &str = "0";

/// The step of a save that takes over what stood at another place.
pub(super) const ADOPTED: &str = "3";

/// The same, of what was put back there, and whose number is by another clock. Others have been waited for.
pub(super) const ADOPTED_PUT_BACK: &str = "4";

/// How many losses a load or a lease waits for, one after the other.
pub(super) const MOST_WAITS: u32 = 3;

/// How often somebody else may be faster.
pub(super) const MOST_CONFLICTS: u32 = 8;

/// As long as a process that sends requests takes to notice that the server is back.
pub(super) const OTHERS_PUT_BACK: Duration = Duration::from_secs(3);

/// 200 days: Spotify's refresh tokens end after six months.
pub(super) const KEPT_FOR_MS: &str = "17280000000";

/// A minute: what a check saves is gone by itself where the check is cut off.
const CHECKED_FOR_MS: &str = "60000";
