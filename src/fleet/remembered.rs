//! What this process knows to have been in the server, in case the server forgets it.
//!
//! A server that restarts empty, evicts a key or fails over to a copy that lags behind says nothing
//! of it. So each entry has a number that grows with the server's time, and a process that knows a
//! later one than it finds puts it back.

use std::collections::HashMap;

use crate::sync::Mutex;

use crate::auth::{LoginId, StoredToken, TokenKey};

#[derive(Default)]
pub(super) struct Remembered(Mutex<HashMap<TokenKey, Entry>>);

/// An entry as it was last seen or written.
#[derive(Clone)]
pub(super) struct Entry {
    /// Grows with what is written at this place, whichever server has it: see `scripts.rs`.
    pub(super) number: u64,
    /// `None` when it was removed.
    pub(super) token: Option<StoredToken>,
    /// Of a removal by this process: later than every login that was made before it.
    pub(super) removal: Option<LoginId>,
}

impl Entry {
    pub(super) fn new(number: u64, token: Option<StoredToken>) -> Self {
        Self { number, token, removal: None }
    }

    /// Which login it holds, or which moment ended the ones before it.
    pub(super) fn login(&self) -> Option<LoginId> {
        self.token.as_ref().map(StoredToken::login).or(self.removal)
    }

    /// Whether it is a removal or the mark of a log-out.
    pub(super) fn is_end(&self) -> bool {
        self.token.as_ref().map_or(self.number > 0, StoredToken::is_logged_out)
    }

    /// Whether `other` holds a login that was made later.
    pub(super) fn is_earlier_login_than(&self, other: &Self) -> bool {
        let (Some(login), Some(of_other)) = (self.login(), &other.token) else { return false };
        login < of_other.login()
    }

    /// Whether `other`, of another place, holds this or what came after it. The two places of a
    /// cluster have two clocks: of two logins the later one counts, whatever their numbers are.
    pub(super) fn is_covered_by(&self, other: &Self) -> bool {
        match (&self.token, &other.token) {
            (Some(token), Some(of_other)) if token.login() != of_other.login() => {
                token.login() < of_other.login()
            }
            _ => self.number <= other.number,
        }
    }

    /// Whether `other`, of another place, ended this login, which stands there still.
    pub(super) fn is_ended_by(&self, other: &Self) -> bool {
        let is_login = self.token.as_ref().is_some_and(|token| !token.is_logged_out());
        let is_earlier = self.number <= other.number && self.is_covered_by(other);
        is_login && other.is_end() && is_earlier
    }
}

impl Remembered {
    /// Keeps `entry`, unless a later one is known.
    pub(super) fn keep(&self, key: &TokenKey, entry: Entry) {
        let mut entries = self.0.lock();
        if let Some(there) = entries.get_mut(key) {
            let is_same_removal = there.number == entry.number && entry.login().is_none();
            if there.number <= entry.number && !(is_same_removal && there.removal.is_some()) {
                *there = entry;
            }
            return;
        }
        if entries.len() >= MOST_ENTRIES {
            // Any: whose login it is asks again, or not.
            let one = entries.keys().next().cloned();
            one.and_then(|key| entries.remove(&key));
        }
        entries.insert(key.clone(), entry);
    }

    /// What is known of `key`.
    pub(super) fn get(&self, key: &TokenKey) -> Option<Entry> {
        self.0.lock().get(key).cloned()
    }

    /// Of all logins of users: an app's token is just as well requested again.
    pub(super) fn keys(&self) -> Vec<TokenKey> {
        let entries = self.0.lock();
        entries.keys().filter(|key| key.user().is_some()).cloned().collect()
    }

    /// The number that is known of `key`, or 0.
    pub(super) fn number(&self, key: &TokenKey) -> u64 {
        self.0.lock().get(key).map_or(0, |entry| entry.number)
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

        remembered.keep(&TokenKey::new("app"), entry(1));
        remembered.keep(&TokenKey::new("app").with_user("anna"), entry(1));

        assert_eq!(remembered.keys(), [TokenKey::new("app").with_user("anna")]);
    }
}
