//! What became of a call on its way through the layers.

use std::time::Duration;

use tokio::time::Instant;

/// Counted by the layers where it is in the extensions of the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallTrace {
    /// How often it was sent. Counted by the [`RateLimiter`](super::RateLimiter), which sees each request
    /// that leaves, the replay after a 401 too.
    pub attempts: u32,
    /// How long it waited: for permits, and for retries.
    pub waited: Duration,
}

/// When a call must be over: an extension of its request, by which the layers know that a wait is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "whoever sends a request must be able to make one")]
pub struct CallDeadline(pub Instant);

/// What a call has waited for so far because it was refused: an extension of its request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallWaits {
    pub(crate) waited: Duration,
    /// Its number in the queue, which it keeps.
    pub(crate) number: Option<u64>,
}

/// An extension of a response with 429 that a limiter has seen: the next attempt waits for a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitedResponse {
    /// After how long the request would go.
    pub(crate) retry_after: Duration,
    /// What is used up is the quota of the developer's account, and not a limit that is over in seconds.
    pub(crate) is_quota: bool,
}
