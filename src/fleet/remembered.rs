//! What this process knows to have been in the server, in case the server forgets it.
//!
//! A server that restarts empty, evicts a key or fails over to a copy that lags behind says nothing
//! of it. So each entry has a number that grows with the server's time, and a process that knows a
//! later one than it finds puts it back.

use std::collections::HashMap;

use crate::sync::Mutex;

use crate::auth::{StoredToken, TokenKey};

#[derive(Default)]
pub(super) struct Remembered(Mutex<HashMap<TokenKey, Entry>>);

/// An entry as it was last seen or written.
#[derive(Clone)]
pub(super) struct Entry {
    /// Grows with what is written at this place, whichever server has it: see `scripts.rs`.
    pub(super) number: u64,
    /// `None` when it was removed.
    pub(super) token: Option<StoredToken>,
}

impl Entry {
    /// Whether `other` holds a login that was made later.
    pub(super) fn is_earlier_login_than(&self, other: &Self) -> bool {
        let (Some(token), Some(of_other)) = (&self.token, &other.token) else { return false };
        token.login() < of_other.login()
    }
}

impl Remembered {
    /// Keeps `entry`, unless a later one is known.
    pub(super) fn keep(&self, key: &TokenKey, entry: Entry) {
        let mut entries = self.0.lock();
        if let Some(there) = entries.get_mut(key) {
            if there.number <= entry.number {
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
