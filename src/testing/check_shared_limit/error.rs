//! What is wrong with a shared limit.

use std::fmt;

use crate::middleware::SharedLimitError;

/// Which promise of [`SharedLimit`](crate::middleware::SharedLimit) a store breaks, how that was
/// seen, and what the store has to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{promise}: but {seen}; {}", promise.to_do())]
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
    /// Nobody starts before `Retry-After` is over.
    StaysClosed,
    /// A 429 of an earlier epoch extends a closing, and changes nothing else.
    TakesLateRefusals,
    /// Each app has a state of its own.
    KeepsAppsApart,
    /// A closing ends by itself.
    OpensAgain,
    /// A store that has no rate takes over the one that a process knew last.
    TakesOverTheRate,
    /// A rate that is known outlives closings, and what processes bring along.
    KeepsTheRate,
    /// A rate that is refused time after time is lowered.
    LowersTheRate,
    /// No more starts are granted than were wanted, or one that is urgent.
    GrantsWhatIsWanted,
    /// What all processes are granted together keeps to the rate, which is a number above zero.
    KeepsToTheRate,
    /// Under a rate, each process is granted starts, and they use the rate.
    GrantsStarts,
    /// A process is told how many take part at present, itself included.
    CountsProcesses,
}

impl fmt::Display for SharedLimitPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Responds => "every exchange ends in time, without an error or a panic",
            Self::ClosesForAll => {
                "a 429 of one process closes the app for all of them, and begins an epoch"
            }
            Self::StaysClosed => "nobody starts before `Retry-After` is over",
            Self::TakesLateRefusals => {
                "a 429 of an earlier epoch extends a closing, and changes nothing else"
            }
            Self::KeepsAppsApart => "each app has a state of its own",
            Self::OpensAgain => "a closing ends by itself",
            Self::TakesOverTheRate => {
                "a store that has no rate takes over the one that a process knew last"
            }
            Self::KeepsTheRate => {
                "a rate that is known outlives closings, and what processes bring along"
            }
            Self::LowersTheRate => "a rate that is refused time after time is lowered",
            Self::GrantsWhatIsWanted => {
                "no more starts are granted than were wanted, or one that is urgent"
            }
            Self::KeepsToTheRate => "what all processes are granted together keeps to the rate",
            Self::GrantsStarts => {
                "under a rate, each process is granted starts, and they use the rate"
            }
            Self::CountsProcesses => {
                "a process is told how many take part at present, itself included"
            }
        })
    }
}

impl SharedLimitPromise {
    /// What a store has to do that breaks it.
    fn to_do(self) -> &'static str {
        match self {
            Self::Responds => {
                "respond within 200 ms whatever is told, and to clients without an app too"
            }
            Self::ClosesForAll => {
                "keep one state for all processes of an app, change `epoch` with each closing that \
                 a `refused_for` of this epoch begins, and tell all the same"
            }
            Self::StaysClosed => {
                "tell in `closed_for` all the time that is left, not rounded down, and grant no \
                 start whose `first_in` comes before it is over, urgent ones included"
            }
            Self::TakesLateRefusals => {
                "where `refused_in` is not this epoch, let `refused_for` move the end of the \
                 closing if it is later, and leave the rate as it is"
            }
            Self::KeepsAppsApart => "keep a state for each `app`, and one for `None`",
            Self::OpensAgain => {
                "let `closed_for` go down to zero, half a minute after the 429 at the latest"
            }
            Self::TakesOverTheRate => {
                "take over `last_rate` where there is no rate, unless it is above 10,000"
            }
            Self::KeepsTheRate => {
                "ignore `last_rate` where there is a rate, and forget or raise none because of a \
                 429"
            }
            Self::LowersTheRate => "lower the rate when it is refused in its own epoch",
            Self::GrantsWhatIsWanted => {
                "grant at most `starts`, or 1 where that is 0 and `is_urgent` is set"
            }
            Self::KeepsToTheRate => {
                "count each start that is granted, urgent ones too, in one step with granting it, \
                 and set `first_in` and `step` so that all together keep to `rate`"
            }
            Self::GrantsStarts => "grant each process that wants starts some of what is free",
            Self::CountsProcesses => {
                "count each `member` once, from its first exchange until more than a second and at \
                 most half a minute after its last one"
            }
        }
    }

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
