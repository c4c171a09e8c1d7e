//! What is wrong with a shared limit.

use std::fmt;

use crate::middleware::SharedLimitError;

/// Which promise of [`SharedLimit`](crate::middleware::SharedLimit) a store breaks, and how that
/// was seen.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{promise}: but {seen}")]
#[non_exhaustive]
pub struct SharedLimitCheckError {
    /// The promise.
    pub promise: SharedLimitPromise,
    /// What was done, and what came of it.
    pub seen: String,
    /// The error of the store, where there was one.
    #[source]
    pub source: Option<SharedLimitError>,
}

/// What a [`SharedLimit`](crate::middleware::SharedLimit) promises. `Display` is the promise as a
/// sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SharedLimitPromise {
    /// Every exchange ends in time, without an error or a panic.
    Responds,
    /// A 429 of one process closes the app for all of them, and begins an epoch.
    ClosesForAll,
    /// Each app has a state of its own.
    KeepsAppsApart,
    /// A closing ends by itself.
    OpensAgain,
    /// A store that has no rate takes over the one that a process knew last.
    TakesOverTheRate,
    /// No more starts are granted than were wanted.
    GrantsWhatIsWanted,
    /// What all processes are granted together keeps to the rate, which is a number above zero.
    KeepsToTheRate,
    /// Under a rate, starts are granted.
    GrantsStarts,
    /// A process is told how many take part, itself included.
    CountsProcesses,
}

impl fmt::Display for SharedLimitPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Responds => "every exchange ends in time, without an error or a panic",
            Self::ClosesForAll => {
                "a 429 of one process closes the app for all of them, and begins an epoch"
            }
            Self::KeepsAppsApart => "each app has a state of its own",
            Self::OpensAgain => "a closing ends by itself",
            Self::TakesOverTheRate => {
                "a store that has no rate takes over the one that a process knew last"
            }
            Self::GrantsWhatIsWanted => "no more starts are granted than were wanted",
            Self::KeepsToTheRate => "what all processes are granted together keeps to the rate",
            Self::GrantsStarts => "under a rate, starts are granted",
            Self::CountsProcesses => "a process is told how many take part, itself included",
        })
    }
}

impl SharedLimitPromise {
    /// It is broken, which was seen by this.
    pub(super) fn broken(self, seen: impl Into<String>) -> SharedLimitCheckError {
        SharedLimitCheckError { promise: self, seen: seen.into(), source: None }
    }

    /// It is broken by an error of the store.
    pub(super) fn broken_by(
        self,
        error: SharedLimitError,
        seen: impl Into<String>,
    ) -> SharedLimitCheckError {
        SharedLimitCheckError { source: Some(error), ..self.broken(seen) }
    }

    /// It is kept if `is_kept`; what was seen otherwise.
    pub(super) fn holds(
        self,
        is_kept: bool,
        seen: impl Into<String>,
    ) -> Result<(), SharedLimitCheckError> {
        if is_kept { Ok(()) } else { Err(self.broken(seen)) }
    }
}
