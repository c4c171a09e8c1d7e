//! A list that was sent in several requests, of which one failed.

use std::error::Error as StdError;
use std::fmt;

use super::Error;
use crate::api::BatchProgress;
use crate::model::Snapshot;
use crate::report::debug_for_people;

/// A request for a part of a long list failed, and this was done before it; from the methods that
/// end in `_in_batches`.
///
/// To go on, send what is after [`done`](Self::done), when you know what became of the batch that
/// failed: [`may_have_been_carried_out`](Error::may_have_been_carried_out) of the
/// [`source`](Self::source) says whether it may have been. The example is at
/// [`Batches`](crate::api::Batches).
///
/// Where it may have been, a playlist's version tells, if nobody else changes the playlist: it is
/// still [`snapshot`](Self::snapshot) (with `done` of 0, the version before the call) where the
/// batch was not carried out, and another one where it was.
///
/// ```
/// use spotify_web::{BatchError, Error, SpotifyClient};
///
/// /// How many of the URIs are in the playlist, which was at version `before` at first.
/// async fn carried_out(
///     spotify: &SpotifyClient,
///     id: &str,
///     before: Option<String>,
///     failed: &BatchError,
/// ) -> Result<usize, Error> {
///     if !failed.source.may_have_been_carried_out() {
///         return Ok(failed.done);
///     }
///     let known = failed.snapshot.as_ref().map(|version| version.snapshot_id.clone()).or(before);
///     let is_changed = spotify.playlists().get(id).await?.snapshot_id != known;
///     // A batch has 100 items, and the last one what is left.
///     let batch = if is_changed { 100 } else { 0 };
///     Ok(failed.total.min(failed.done + batch))
/// }
/// ```
///
/// `?` makes an [`Error`] of it: the source where nothing was changed, and else an
/// [`Error::PartlyCarriedOut`].
#[non_exhaustive]
pub struct BatchError {
    /// Number of elements from the front of the list that were done.
    pub done: usize,
    /// Number of elements in the list; 0 where it was wrong, so that nothing was sent.
    pub total: usize,
    /// The version of the playlist after what was done; `None` where nothing was, and of what is no
    /// playlist.
    pub snapshot: Option<Snapshot>,
    /// How the batch after them failed.
    pub source: Box<Error>,
    /// Whether what was done has changed something.
    pub(super) is_write: bool,
}

impl BatchError {
    /// Of a list that is wrong.
    pub(crate) fn before_all(source: Error) -> Self {
        Self { done: 0, total: 0, snapshot: None, source: Box::new(source), is_write: false }
    }

    pub(crate) fn after(
        so_far: BatchProgress,
        snapshot: Option<Snapshot>,
        source: Error,
        is_write: bool,
    ) -> Self {
        let BatchProgress { done, total } = so_far;
        Self { done, total, snapshot, source: Box::new(source), is_write }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.done {
            0 => self.source.fmt(f),
            done => {
                let (total, is_done) =
                    (self.total, if self.is_write { "carried out" } else { "read" });
                write!(
                    f,
                    "{done} of {total} elements of the list were {is_done}, and then a batch failed"
                )
            }
        }
    }
}

/// Where nothing was done, it is its source in all but name.
impl StdError for BatchError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.done {
            0 => StdError::source(&*self.source),
            _ => Some(&*self.source),
        }
    }
}

debug_for_people! {
    BatchError, what_to_do;
    is { done, total, snapshot, source }
}

fn what_to_do(error: &BatchError) -> Option<String> {
    match error.done {
        0 => super::advice::what_to_do(&error.source),
        done if error.is_write => Some(go_on_after(done, &error.source)),
        _ => super::advice::what_to_do(&error.source),
    }
}

pub(super) fn go_on_after(done: usize, source: &Error) -> String {
    match source.may_have_been_carried_out() {
        true => format!(
            "Do not send the whole list again. The batch after the first {done} elements may have \
             been carried out as well: look, and go on after it."
        ),
        false => {
            format!("Do not send the whole list again: go on after the first {done} elements.")
        }
    }
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        match error.done > 0 && error.is_write {
            true => Self::PartlyCarriedOut(Box::new(error)),
            false => *error.source,
        }
    }
}
