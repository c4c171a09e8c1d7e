//! What happened to a call on its way through the layers.

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Request, Response, StatusCode};
use tokio::time::Instant;

use super::{CallRecord, LimitKind};
use crate::sync::Mutex;
use crate::transport::without_rest;

/// Counted by the layers where it is in the extensions of the request. What is changed in it by
/// hand changes no [`CallReport`](crate::api::CallReport).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallTrace {
    /// How often it left; one that got no connection did not. While an attempt is under way it
    /// counts. Counted by the client's innermost layer.
    pub attempts: u32,
    /// How long it waited: for permits, and for retries.
    pub waited: Duration,
}

/// The endpoint without ids, for the events of its attempts: an extension of a request that somebody
/// looks at.
#[derive(Debug, Clone)]
pub(crate) struct EndpointName(pub(crate) Arc<str>);

/// How long a call has waited so far for its 429s: an extension of its request.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallWaits {
    pub(crate) waited: Duration,
    /// Its number in the queue of each app that it waited for, which it keeps.
    numbers: Vec<(u64, u64)>,
}

impl CallWaits {
    pub(crate) fn number(&self, app: u64) -> Option<u64> {
        self.numbers.iter().find(|(other, _)| *other == app).map(|(_, number)| *number)
    }

    pub(crate) fn keep_number(&mut self, app: u64, number: u64) {
        if self.number(app).is_none() {
            self.numbers.push((app, number));
        }
    }
}

/// Notes that a call has waited, for its limits and for its report.
fn note_wait(extensions: &mut Extensions, waited: Duration) {
    extensions.get_or_insert_default::<CallWaits>().waited += waited;
    if let Some(trace) = extensions.get_mut::<CallTrace>() {
        trace.waited = trace.waited.saturating_add(waited);
    }
    if let Some(record) = CallRecord::carried(extensions) {
        record.note_wait(waited);
    }
}

/// Waits, and notes it, also of a call that is given up meanwhile.
pub(super) async fn waiting(extensions: &mut Extensions, pause: Duration) {
    let mut noted = NotedWait::begin(extensions);
    tokio::time::sleep(pause).await;
    noted.waited = Some(pause);
}

/// A wait that is noted when it ends, however it ends.
pub(super) struct NotedWait<'a> {
    extensions: &'a mut Extensions,
    began: Instant,
    /// How long it was, where that is not the time since it began.
    waited: Option<Duration>,
}

impl<'a> NotedWait<'a> {
    pub(super) fn begin(extensions: &'a mut Extensions) -> Self {
        Self { extensions, began: Instant::now(), waited: None }
    }

    /// Ends it now, without what was no wait of the call's.
    pub(super) fn leave_out(&mut self, idle: Duration) {
        self.waited = Some(self.began.elapsed().saturating_sub(idle));
    }
}

impl Drop for NotedWait<'_> {
    fn drop(&mut self) {
        note_wait(self.extensions, self.waited.unwrap_or_else(|| self.began.elapsed()));
    }
}

/// What a request was signed with, marked sensitive here and there: that an authenticator of the
/// user's forgets it shows no secret in a log.
pub(crate) fn credentials_of(request: &mut Request) -> Option<HeaderValue> {
    let credentials = request.headers_mut().get_mut(AUTHORIZATION)?;
    credentials.set_sensitive(true);
    Some(credentials.clone())
}

/// An extension of a response with 429 that a limiter has seen: the next attempt waits for a
/// permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitedResponse {
    /// After how long the request would go.
    pub(crate) retry_after: Duration,
    /// What it would wait for.
    pub(crate) limit: LimitKind,
    /// What is used up is the quota of the developer's account, and not a limit that is over in
    /// seconds.
    pub(crate) is_quota: bool,
}

/// What the last attempt of a call left with and got: an extension of its request, kept by the
/// innermost layer. What must not be lost is in the [`CallRecord`].
#[derive(Clone, Default)]
pub(crate) struct Attempts {
    /// What the last one left with, which a server may send back.
    pub(crate) credentials: Option<HeaderValue>,
    /// The status of the last response that came to one of them.
    pub(crate) status: Option<StatusCode>,
    /// The response to the last one, until it is kept as a [`LastFailure`] or another one leaves.
    pub(crate) response: Option<ResponseHead>,
}

/// What is known of a response before its body has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    /// How long the server asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl Attempts {
    /// What the last attempt left with; `None` also where no layer keeps it.
    pub(crate) fn last_credentials(extensions: &Extensions) -> Option<HeaderValue> {
        extensions.get::<Self>()?.credentials.clone()
    }
}

/// An extension of a request that has a deadline: the result of the last attempt, for the error
/// that says that the deadline has passed.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastFailure(Arc<Mutex<Option<reqwest_middleware::Result<Response>>>>);

impl LastFailure {
    /// Keeps a result that is not the call's, where it has a deadline. A response that nobody looks
    /// at any more need not hold a connection.
    pub(crate) fn keep(extensions: &mut Extensions, result: reqwest_middleware::Result<Response>) {
        if let Some(Self(last)) = extensions.get() {
            *last.lock() = Some(result.map(without_rest));
        }
        if let Some(attempts) = extensions.get_mut::<Attempts>() {
            attempts.response = None;
        }
    }

    pub(crate) fn take(&self) -> Option<reqwest_middleware::Result<Response>> {
        self.0.lock().take()
    }
}
