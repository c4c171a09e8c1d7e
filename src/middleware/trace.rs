//! What became of a call on its way through the layers.

use std::time::Duration;

/// Counted by the layers where it is in the extensions of the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallTrace {
    /// How often it was sent, or would have been.
    pub attempts: u32,
    /// How long it waited: for the gate, and for a retry.
    pub waited: Duration,
}

/// An extension of an answer with 429: what is used up is the quota of the developer's account, and
/// not a limit that is over in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuotaExceeded;
