//! What became of a call on its way through the layers.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::Response;

/// Counted by the layers where it is in the extensions of the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallTrace {
    /// How often it left. Counted by the client's innermost layer.
    pub attempts: u32,
    /// How long it waited: for the gate, and for a retry.
    pub waited: Duration,
}

/// An extension of an answer with 429: what is used up is the quota of the developer's account, and
/// not a limit that is over in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuotaExceeded;

/// An extension of a request that has a deadline: the result of the last attempt, for the error that
/// says that the deadline has passed.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastFailure(Arc<Mutex<Option<reqwest_middleware::Result<Response>>>>);

impl LastFailure {
    pub(crate) fn set(&self, result: reqwest_middleware::Result<Response>) {
        *self.0.lock() = Some(result);
    }

    pub(crate) fn take(&self) -> Option<reqwest_middleware::Result<Response>> {
        self.0.lock().take()
    }
}
