//! What is wrong with a store.

use std::fmt;

use crate::auth::StoreError;

/// Which promise of [`TokenStore`](crate::auth::TokenStore) a store breaks, and how that was seen.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{promise}: but {seen}")]
#[non_exhaustive]
pub struct StoreCheckError {
    /// The promise.
    pub promise: StorePromise,
    /// What was done, and what came of it. Shows no token.
    pub seen: String,
    /// The error of the store, where there was one.
    #[source]
    pub source: Option<StoreError>,
}

/// What a [`TokenStore`](crate::auth::TokenStore) promises. `Display` is the promise as a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StorePromise {
    /// Every call ends in time, and without a panic.
    Responds,
    /// What is saved is loaded, with all of its fields and however long it is.
    KeepsAllFields,
    /// That a user has logged out is an entry like every other.
    KeepsLogOuts,
    /// A writer that has not seen the entry gets [`StoreError::Stale`], and the entry stays.
    RefusesStaleWriters,
    /// Of several writers that have seen the same entry, exactly one wins.
    OneWriterWins,
    /// An entry is replaced also by one of the same revision, which marks it as ended.
    ReplacesSameRevision,
    /// What is removed is gone.
    Removes,
    /// Each client, user and set of scopes has an entry of its own, whatever they are called.
    KeepsKeysApart,
    /// Who holds the lock of a key keeps others from it.
    LockExcludes,
    /// Each key has a lock of its own.
    LocksKeysApart,
    /// A lock is free when it is dropped, and a wait that is given up holds nothing.
    FreesLocks,
    /// No token is shown by `Debug` or an error.
    ShowsNoToken,
}

impl fmt::Display for StorePromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Responds => "every call ends in time and without a panic",
            Self::KeepsAllFields => "what is saved is loaded, with all of its fields",
            Self::KeepsLogOuts => "that a user has logged out is an entry like every other",
            Self::RefusesStaleWriters => {
                "a writer that has not seen the entry gets `StoreError::Stale`, and the entry stays"
            }
            Self::OneWriterWins => {
                "of several writers that have seen the same entry, exactly one wins"
            }
            Self::ReplacesSameRevision => "an entry is replaced also by one of the same revision",
            Self::Removes => "what is removed is gone",
            Self::KeepsKeysApart => "each client, user and set of scopes has an entry of its own",
            Self::LockExcludes => "who holds the lock of a key keeps others from it",
            Self::LocksKeysApart => "each key has a lock of its own",
            Self::FreesLocks => {
                "a lock is free when it is dropped, and a wait that is given up holds nothing"
            }
            Self::ShowsNoToken => "no token is shown by `Debug` or an error",
        })
    }
}

impl StorePromise {
    /// It is broken, which was seen by this.
    pub(super) fn broken(self, seen: impl Into<String>) -> StoreCheckError {
        StoreCheckError { promise: self, seen: seen.into(), source: None }
    }

    /// It is broken by an error of the store.
    pub(super) fn broken_by(self, error: StoreError, seen: impl Into<String>) -> StoreCheckError {
        StoreCheckError { source: Some(error), ..self.broken(seen) }
    }

    /// It is kept if `is_kept`; what was seen otherwise.
    pub(super) fn holds(self, is_kept: bool, seen: &str) -> Result<(), StoreCheckError> {
        if is_kept { Ok(()) } else { Err(self.broken(seen)) }
    }
}
