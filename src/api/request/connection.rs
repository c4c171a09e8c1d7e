//! The way to one API, which every request holds: its layers, and what holds for all requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest_middleware::ClientWithMiddleware;
use url::Url;

use super::observing::UserObserver;
use super::quota::Quota;
use crate::auth::Authenticator;
use crate::middleware::RetryMiddleware;
use crate::model::Market;
use crate::transport::Origin;

/// The way to one API: its URL and the stack of layers that requests pass through.
///
/// Cheap to clone; every request holds one.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Inner>);

struct Inner {
    http: ClientWithMiddleware,
    base: Arc<Url>,
    origin: Origin,
    defaults: Defaults,
}

/// What holds for all requests that say nothing else.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) market: Option<Market>,
    pub(crate) quota: Quota,
    pub(crate) deadline: Option<Duration>,
    pub(crate) observer: Option<Arc<UserObserver>>,
    /// Whose pauses pages take as well.
    pub(crate) retries: Arc<RetryMiddleware>,
    /// Whether something is there that can sign: an authenticator, or a layer of the user's own.
    pub(crate) may_sign: bool,
    pub(crate) has_limiter: bool,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
}

impl Connection {
    pub(crate) fn new(
        http: ClientWithMiddleware,
        base: Arc<Url>,
        origin: Origin,
        defaults: Defaults,
    ) -> Self {
        Self(Arc::new(Inner { http, base, origin, defaults }))
    }

    pub(crate) fn market(&self) -> Option<Market> {
        self.0.defaults.market
    }

    pub(super) fn quota(&self) -> Quota {
        self.0.defaults.quota
    }

    /// The pause after this number of failures in a row, from 1.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        self.0.defaults.retries.pause(failures)
    }

    /// The same where it is to be no longer than that before a request's last retry.
    pub(crate) fn pause_before_retry(&self, failures: u32) -> Duration {
        self.pause(failures.min(self.0.defaults.retries.most_retries().max(1)))
    }

    /// Whether one who retries by itself may do so after this number of retries; it is counted.
    pub(crate) fn takes_retry(&self, retries: u32, is_limited: bool) -> bool {
        self.0.defaults.retries.takes_retry(retries, is_limited)
    }

    /// How long a call may wait for `Retry-After`.
    pub(crate) fn max_wait(&self) -> Duration {
        self.0.defaults.retries.max_wait()
    }

    /// Whether one of the layers holds requests back until the server takes them again.
    pub(super) fn has_limiter(&self) -> bool {
        self.0.defaults.has_limiter
    }

    pub(crate) fn default_deadline(&self) -> Option<Duration> {
        self.0.defaults.deadline
    }

    /// The stack of layers that requests pass through.
    pub(super) fn http(&self) -> &ClientWithMiddleware {
        &self.0.http
    }

    pub(super) fn base(&self) -> &Url {
        &self.0.base
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.0.origin
    }

    pub(super) fn observer(&self) -> Option<&Arc<UserObserver>> {
        self.0.defaults.observer.as_ref()
    }

    /// The number of the current login.
    pub(crate) fn login(&self) -> u64 {
        self.0.defaults.authenticator.as_ref().map_or(0, Authenticator::login_number)
    }

    /// Whether something is there that can sign.
    pub(super) fn may_sign(&self) -> bool {
        self.0.defaults.may_sign
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}
