//! What happened to a call on its way through the layers.

use std::sync::Arc;
use std::time::Duration;

use crate::sync::Mutex;
use http::Extensions;
use reqwest::Response;
use reqwest::header::HeaderValue;

/// Counted by the layers where it is in the extensions of the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallTrace {
    /// How often it left. Counted by the client's innermost layer.
    pub attempts: u32,
    /// How long it waited: for permits, and for retries.
    pub waited: Duration,
}

/// How long a call has waited so far for its 429s: an extension of its request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallWaits {
    pub(crate) waited: Duration,
    /// Its number in the queue, which it keeps.
    pub(crate) number: Option<u64>,
}

/// Notes that a call has waited, for its limits and for its report.
pub(crate) fn note_wait(extensions: &mut Extensions, waited: Duration) {
    extensions.get_or_insert_default::<CallWaits>().waited += waited;
    if let Some(trace) = extensions.get_mut::<CallTrace>() {
        trace.waited += waited;
    }
}

/// An extension of a request that was signed anew after it had waited for a permit: what it left
/// with.
#[derive(Debug, Clone)]
pub(crate) struct SignedAnew(pub(crate) HeaderValue);

/// An extension of a response with 429 that a limiter has seen: the next attempt waits for a
/// permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitedResponse {
    /// After how long the request would go.
    pub(crate) retry_after: Duration,
    /// What is used up is the quota of the developer's account, and not a limit that is over in
    /// seconds.
    pub(crate) is_quota: bool,
}

/// An extension of a request that has a deadline: the result of the last attempt, for the error
/// that says that the deadline has passed.
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
