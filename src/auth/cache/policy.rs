//! The figures by which the state machine decides.

use std::time::Duration;

use super::Backoff;

/// The figures that the machine needs, with the dice already rolled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) backoff: Backoff,
    pub(super) window: Duration,
    /// From 0 to 1: how much of the window and of a pause to leave out.
    pub(super) jitter: f64,
    /// Whether another process may log in, so that a store is looked into now and then.
    pub(super) shared: bool,
    /// The longest `Retry-After` that is honoured.
    pub(super) max_retry_after: Duration,
}
