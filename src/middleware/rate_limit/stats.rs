//! What a rate limiter can be seen to do.

use std::time::{Duration, SystemTime};

use super::Sharing;
use serde::{Deserialize, Serialize};

/// What a [`RateLimiter`](super::RateLimiter) knows of one app.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct RateLimitStats {
    /// The limit of the whole app. Its `waiting` are all requests that wait.
    pub app: BucketStats,
    /// The endpoints that were used lately, each by its method and its path without ids, such as
    /// `GET /v1/albums/{}/tracks`.
    pub endpoints: Vec<(String, BucketStats)>,
    /// Where it stands with the other processes of its app; `None` where it shares its limit with
    /// none. For several apps together, it is the worst of theirs: alone, closed, paced, free.
    pub sharing: Option<Sharing>,
}

/// One limit: the app's, or an endpoint's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct BucketStats {
    /// Requests a second that may start; `None` while no limit is known.
    pub rate: Option<f64>,
    /// For how long no request starts.
    pub closed_for: Duration,
    /// Requests that wait.
    pub waiting: usize,
    /// Responses with 429 that were counted here.
    pub refusals: u64,
    /// Whether the server fails, and is only looked at now and then.
    pub is_failing: bool,
}

impl RateLimitStats {
    /// Requests that wait.
    pub fn waiting(&self) -> usize {
        self.app.waiting
    }

    /// Of several apps.
    pub(super) fn together(apps: impl Iterator<Item = Self>) -> Self {
        apps.reduce(|mut all, other| {
            all.app.add(other.app);
            for (name, bucket) in other.endpoints {
                all.add_endpoint(name, bucket);
            }
            all.sharing = all.sharing.max(other.sharing);
            all
        })
        .unwrap_or_default()
    }

    fn add_endpoint(&mut self, name: String, bucket: BucketStats) {
        let place = self.endpoints.binary_search_by(|(known, _)| known.cmp(&name));
        match place.map(|place| self.endpoints.get_mut(place)) {
            Ok(known) => known.into_iter().for_each(|(_, known)| known.add(bucket)),
            Err(place) => self.endpoints.insert(place, (name, bucket)),
        }
    }

    /// Responses with 429, of the app and of all its endpoints.
    pub fn refusals(&self) -> u64 {
        self.all().map(|bucket| bucket.refusals).sum()
    }

    /// The longest time for which something is closed, the app or an endpoint.
    pub fn closed_for(&self) -> Duration {
        self.all().map(|bucket| bucket.closed_for).max().unwrap_or_default()
    }

    /// Whether anything fails.
    pub fn is_failing(&self) -> bool {
        self.all().any(|bucket| bucket.is_failing)
    }

    fn all(&self) -> impl Iterator<Item = &BucketStats> {
        std::iter::once(&self.app).chain(self.endpoints.iter().map(|(_, bucket)| bucket))
    }
}

impl BucketStats {
    fn add(&mut self, other: Self) {
        let rates = self.rate.into_iter().chain(other.rate);
        self.rate = rates.reduce(f64::min);
        self.closed_for = self.closed_for.max(other.closed_for);
        self.waiting += other.waiting;
        self.refusals = self.refusals.saturating_add(other.refusals);
        self.is_failing |= other.is_failing;
    }
}

/// What is closed, and until when: to be stored, and restored when the program starts again, so
/// that it does not send requests into a ban. Holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Closings {
    /// One entry for each app and endpoint that is closed. What was closed by hand for all apps is
    /// one entry, and not one more for each app, unless one of them was reopened.
    pub closings: Vec<Closing>,
}

/// An app or an endpoint that is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Closing {
    /// The app's client id, where it is known.
    pub client_id: Option<String>,
    /// The endpoint, such as `GET /v1/albums/{}/tracks`; the whole app without one.
    pub endpoint: Option<String>,
    /// When it opens.
    pub until: SystemTime,
    /// The reason that the server gave.
    pub reason: Option<String>,
    /// Whether it was closed by [`close_for`](super::RateLimiter::close_for) or
    /// [`close_endpoint_for`](super::RateLimiter::close_endpoint_for), and not by the server.
    #[serde(default)]
    pub is_by_hand: bool,
    /// Whether it was closed by hand for all apps, those included whose clients are made later;
    /// `client_id` is `None` then.
    #[serde(default)]
    pub is_of_all_apps: bool,
}

impl Closing {
    /// Whether it closes the same for as long at least, whichever app it is of.
    pub(super) fn covers(&self, other: &Self) -> bool {
        // Each app reads its clock at its own time.
        self.endpoint == other.endpoint && self.until + Duration::from_secs(1) >= other.until
    }

    /// Whether it is what was closed by hand for all apps.
    pub(super) fn is_one_of(&self, of_all: &[Self]) -> bool {
        self.is_by_hand && of_all.iter().any(|other| other.covers(self))
    }
}
