//! What this process knows to have been in the server, in case the server forgets it.
//!
//! A server that restarts empty, evicts a key or fails over to a copy that lags behind says nothing
//! of it. So each entry has a number that grows with the server's time, and a process that knows a
//! later one than it finds puts it back.

use std::collections::HashMap;
use std::time::Instant;

use super::scripts::HIGHEST;
use super::unsealed::has_login;
use crate::sync::Mutex;

use crate::auth::{LoginId, StoredToken, TokenKey};

#[derive(Default)]
pub(super) struct Remembered {
    entries: Mutex<HashMap<TokenKey, Entry>>,
    /// By keys without scopes.
    users: Mutex<HashMap<TokenKey, UserRemoval>>,
    /// Those without a user under which caches expect a login, whether or not one is known.
    only_users: Mutex<HashMap<TokenKey, ()>>,
}

/// The removal of a user by this process, in every set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UserRemoval {
    pub(super) number: u64,
    /// That of what stood unsealed.
    pub(super) unsealed: Option<u64>,
    /// Later than every login that was made before it.
    pub(super) login: LoginId,
    /// As that of an [`Entry`].
    pub(super) made: Option<Instant>,
}

/// An entry as it was last seen or written.
#[derive(Clone)]
pub(super) struct Entry {
    /// Grows with what is written at this place, whichever server has it: see `scripts.rs`.
    pub(super) number: u64,
    /// `None` when it was removed.
    pub(super) token: Option<StoredToken>,
    /// Of a removal: later than every login that was made before it.
    pub(super) removal: Option<LoginId>,
    /// When it was removed, or a moment before that, by the clock of this process that nobody sets.
    /// With a server's time it says when that was by its clock, also where the number is by another.
    pub(super) made: Option<Instant>,
}

impl Entry {
    pub(super) fn new(number: u64, token: Option<StoredToken>) -> Self {
        Self { number, token, removal: None, made: None }
    }

    pub(super) fn removed(number: u64, removal: Option<LoginId>, made: Option<Instant>) -> Self {
        Self { number, token: None, removal, made }
    }

    /// Which login it holds, or which moment ended the ones before it.
    pub(super) fn login(&self) -> Option<LoginId> {
        self.token.as_ref().map(StoredToken::login).or(self.removal)
    }

    /// As scripts get them.
    pub(super) fn number_and_moment(&self) -> (String, String) {
        let moment = self.login().map(|moment| moment.to_string());
        (self.number.to_string(), moment.unwrap_or_default())
    }

    /// Which entry it is; empty where nothing stands.
    fn revision(&self) -> String {
        self.token.as_ref().map(|token| token.revision().to_string()).unwrap_or_default()
    }

    /// Whether it is that of a login, or of its end, whatever its key is: an app's own token has no refresh token, and
    /// is not removed.
    pub(super) fn is_of_login(&self) -> bool {
        let is_of_login = |token: &StoredToken| token.is_logged_out() || has_login(token);
        self.token.as_ref().map_or(self.number > 0, is_of_login)
    }

    /// Whether it is a removal or the mark of a log-out.
    pub(super) fn is_end(&self) -> bool {
        self.token.as_ref().map_or(self.number > 0, StoredToken::is_logged_out)
    }

    /// Whether `other`, of another place, holds this or what came after it. Where the places do not
    /// have one clock, as in a cluster, the clocks of processes say which of two logins is later.
    pub(super) fn is_covered_by(&self, other: &Self, has_one_clock: bool) -> bool {
        if self.is_mark_on(other) {
            return false;
        }
        let have_numbers = has_one_clock && self.number > 0 && other.number > 0;
        match (&self.token, &other.token) {
            (Some(token), Some(of_other)) if token.login() != of_other.login() && !have_numbers => {
                token.login() < of_other.login()
            }
            _ => self.number <= other.number,
        }
    }

    /// Whether this says that the refresh token of `other` has ended, which that does not know.
    fn is_mark_on(&self, other: &Self) -> bool {
        let (Some(token), Some(of_other)) = (&self.token, &other.token) else { return false };
        let is_same = token.revision() == of_other.revision();
        is_same && token.has_ended() && !of_other.has_ended()
    }

    /// Whether `other`, of another place, ended this login, which stands there still.
    pub(super) fn is_ended_by(&self, other: &Self, has_one_clock: bool) -> bool {
        let is_login = self.token.as_ref().is_some_and(|token| !token.is_logged_out());
        let is_earlier = self.number <= other.number && self.is_covered_by(other, has_one_clock);
        is_login && other.is_end() && is_earlier
    }
}

impl Remembered {
    /// Keeps `entry`, unless a later one is known.
    pub(super) fn keep(&self, key: &TokenKey, mut entry: Entry) {
        let mut entries = self.entries.lock();
        if let Some(there) = entries.get_mut(key) {
            // Of one removal, who did it knows best when that was.
            if entry.removal.is_some() && entry.removal == there.removal {
                entry.made = there.made;
            }
            let is_same_removal = there.number == entry.number && entry.login().is_none();
            if there.number <= entry.number && !(is_same_removal && there.removal.is_some()) {
                *there = entry;
            }
            return;
        }
        make_room(&mut entries);
        entries.insert(key.clone(), entry);
    }

    /// Keeps that a user was removed, with the server's number for it, or one that is later than all
    /// that is known; `user` is a key without scopes.
    pub(super) fn keep_removal(&self, user: &TokenKey, removal: UserRemoval) -> UserRemoval {
        let later =
            self.of_user(user).into_iter().map(|entry| (entry.number + 1).min(HIGHEST)).max();
        let mut users = self.users.lock();
        let before = users.get(user).copied().unwrap_or(removal);
        let made = if before.number > removal.number { before.made } else { removal.made };
        let removal = UserRemoval {
            number: removal.number.max(later.unwrap_or_default()).max(before.number),
            unsealed: removal.unsealed.max(before.unsealed),
            login: removal.login.max(before.login),
            made,
        };
        make_room(&mut users);
        users.insert(user.clone(), removal);
        removal
    }

    /// The last login or removal that is known of a user.
    pub(super) fn last_of(&self, user: &TokenKey) -> Option<LoginId> {
        let of_entries = self.of_user(user).iter().filter_map(Entry::login).max();
        of_entries.max(self.removal_of(user).map(|removal| removal.login))
    }

    fn of_user(&self, user: &TokenKey) -> Vec<Entry> {
        let is_of_user =
            |key: &TokenKey| key.client_id() == user.client_id() && key.user() == user.user();
        let entries = self.entries.lock();
        entries.iter().filter(|(key, _)| is_of_user(key)).map(|(_, entry)| entry.clone()).collect()
    }

    pub(super) fn expect_logins(&self, key: &TokenKey) {
        if key.user().is_none() {
            let mut only_users = self.only_users.lock();
            make_room(&mut only_users);
            only_users.insert(key.clone(), ());
        }
    }

    pub(super) fn expects_logins(&self, key: &TokenKey) -> bool {
        self.only_users.lock().contains_key(key)
    }

    /// The users that this process has removed.
    pub(super) fn removed_users(&self) -> Vec<TokenKey> {
        self.users.lock().keys().cloned().collect()
    }

    /// Keeps `entry` in place of what is known, whatever its number is.
    pub(super) fn replace(&self, key: &TokenKey, entry: Entry) {
        if let Some(there) = self.entries.lock().get_mut(key) {
            *there = entry;
        }
    }

    /// What is known of `key`: its entry, or a later removal of its user.
    pub(super) fn get(&self, key: &TokenKey) -> Option<Entry> {
        let entry = self.entries.lock().get(key).cloned();
        let removal = self.removal_of(key);
        match removal.filter(|it| entry.as_ref().is_none_or(|entry| entry.number < it.number)) {
            Some(UserRemoval { number, login, made, .. }) => {
                Some(Entry::removed(number, Some(login), made))
            }
            None => entry,
        }
    }

    /// The removal of its user by this process.
    pub(super) fn removal_of(&self, key: &TokenKey) -> Option<UserRemoval> {
        let users = self.users.lock();
        if users.is_empty() {
            return None;
        }
        users.get(&without_scopes(key)).copied()
    }

    /// Of all logins of users: an app's token is just as well requested again.
    pub(super) fn keys(&self) -> Vec<TokenKey> {
        let entries = self.entries.lock();
        let of_logins =
            entries.iter().filter(|(key, entry)| key.user().is_some() || entry.is_of_login());
        of_logins.map(|(key, _)| key.clone()).collect()
    }

    /// The revision that is known to stand under `key`; empty where nothing does, or nothing is
    /// known.
    pub(super) fn revision(&self, key: &TokenKey) -> String {
        self.get(key).map(|entry| entry.revision()).unwrap_or_default()
    }

    /// The number that is known of `key`, or 0.
    pub(super) fn number(&self, key: &TokenKey) -> u64 {
        self.get(key).map_or(0, |entry| entry.number)
    }
}

/// For one more. Any goes: whose login it is asks again, or not.
fn make_room<T>(entries: &mut HashMap<TokenKey, T>) {
    if entries.len() >= MOST_ENTRIES {
        let one = entries.keys().next().cloned();
        one.and_then(|key| entries.remove(&key));
    }
}

fn without_scopes(key: &TokenKey) -> TokenKey {
    let app = TokenKey::new(key.client_id());
    match key.user() {
        Some(user) => app.with_user(user),
        None => app,
    }
}

/// About 20 MB. Of more logins than these, some are lost with the server.
const MOST_ENTRIES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> Entry {
        Entry::new(number, None)
    }

    #[test]
    fn what_is_earlier_than_what_is_known_is_not_kept() {
        let (remembered, key) = (Remembered::default(), TokenKey::new("app"));

        for number in [5, 7, 6] {
            remembered.keep(&key, entry(number));
        }

        assert_eq!(remembered.number(&key), 7);
    }

    #[test]
    fn of_two_removals_of_a_user_the_later_is_kept_whatever_their_numbers_are() {
        let (remembered, user) = (Remembered::default(), TokenKey::new("app").with_user("anna"));
        let first = LoginId::next(std::time::SystemTime::now(), None);
        let second = LoginId::next(std::time::SystemTime::now(), Some(first));
        let removal = |number, unsealed, login| UserRemoval { number, unsealed, login, made: None };

        remembered.keep_removal(&user, removal(60, Some(5), first));
        // By a server whose clock is behind.
        remembered.keep_removal(&user, removal(7, None, second));

        assert_eq!(remembered.removal_of(&user), Some(removal(60, Some(5), second)));
    }

    #[test]
    fn of_more_logins_than_fit_the_last_ones_are_known() {
        let remembered = Remembered::default();
        let key = |number: usize| TokenKey::new("app").with_user(number.to_string());

        for number in 0..=MOST_ENTRIES + 9 {
            remembered.keep(&key(number), entry(1));
            assert!(remembered.get(&key(number)).is_some());
        }

        assert_eq!(remembered.keys().len(), MOST_ENTRIES);
    }

    #[test]
    fn the_token_of_an_app_is_not_put_back_without_being_asked_for() {
        let remembered = Remembered::default();

        let now = std::time::SystemTime::now();
        let token = crate::oauth::Token::new("access", std::time::Duration::from_secs(60));
        let of_app = StoredToken::new(token.clone(), now);
        let of_login = StoredToken::new(token.with_refresh_token("refresh"), now);
        let (app, anna) = (TokenKey::new("app"), TokenKey::new("app").with_user("anna"));

        remembered.keep(&app, Entry::new(1, Some(of_app.clone())));
        remembered.keep(&TokenKey::new("nobody"), entry(0));
        remembered.keep(&anna, Entry::new(1, Some(of_app)));
        assert_eq!(remembered.keys(), [anna]);

        for ended_or_not in [Entry::new(2, Some(of_login)), Entry::removed(3, None, None)] {
            remembered.keep(&app, ended_or_not);
            assert!(remembered.keys().contains(&app));
        }
    }
}
