//! The rate limits of the fake and of the fault proxy: of the app, of endpoints, and bans.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::catalogue::merge;
use super::response::FakeResponse;

/// A limit over a rolling window, for [`FakeSpotify::limit`](super::FakeSpotify::limit) and
/// [`FaultProxy::limit`](super::FaultProxy::limit).
///
/// ```
/// use std::time::Duration;
/// use spotify_web::testing::{FakeLimit, FakeRetryAfter};
///
/// let limit = FakeLimit::rolling(180, Duration::from_secs(30)).with_retry_after(FakeRetryAfter::Always(1));
/// ```
#[derive(Debug, Clone)]
pub struct FakeLimit {
    count: usize,
    window: Duration,
    retry_after: FakeRetryAfter,
}

/// What a 429 of the fake says in `Retry-After`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FakeRetryAfter {
    /// The seconds until there is room, rounded up.
    #[default]
    Right,
    /// The same seconds, whatever is true: Spotify has been seen to say 1 for minutes.
    Always(u32),
    /// Nothing: the header is missing.
    Missing,
}

impl FakeLimit {
    /// Allows this number of requests in any window of this length; Spotify's is 30 s.
    pub fn rolling(count: usize, window: Duration) -> Self {
        Self { count, window, retry_after: FakeRetryAfter::Right }
    }

    /// Sets what its 429s say in `Retry-After`: the truth by default.
    #[must_use]
    pub fn with_retry_after(self, retry_after: FakeRetryAfter) -> Self {
        Self { retry_after, ..self }
    }
}

/// All limits of one fake or proxy. Refused requests do not count.
#[derive(Default)]
pub(super) struct Limits {
    app: Option<Counter>,
    /// By the path without the version, or its beginning.
    endpoints: HashMap<String, Counter>,
    bans: HashMap<String, Instant>,
    /// Until when the quota of the developer account is used up.
    quota: Option<Instant>,
    refused: usize,
}

struct Counter {
    limit: FakeLimit,
    accepted: VecDeque<Instant>,
}

impl Limits {
    pub(super) fn set(&mut self, endpoint: Option<&str>, limit: FakeLimit) {
        let counter = Counter { limit, accepted: VecDeque::new() };
        match endpoint {
            Some(endpoint) => drop(self.endpoints.insert(endpoint.to_owned(), counter)),
            None => self.app = Some(counter),
        }
    }

    pub(super) fn ban(&mut self, endpoint: &str, duration: Duration) {
        self.bans.insert(endpoint.to_owned(), Instant::now() + duration);
    }

    pub(super) fn exceed_quota(&mut self, duration: Duration) {
        self.quota = Some(Instant::now() + duration);
    }

    /// Lifts all limits and bans.
    pub(super) fn lift(&mut self) {
        *self = Self { refused: self.refused, ..Self::default() };
    }

    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    /// A refusal, where a limit is met.
    pub(super) fn check(&mut self, path: &str) -> Option<FakeResponse> {
        if let Some(left) = self.quota.map(|until| until.saturating_duration_since(Instant::now()))
            && !left.is_zero()
        {
            self.refused += 1;
            return Some(refusal(Some(rounded_up(left)), Some("QUOTA_EXCEEDED")));
        }
        self.refuses(path).map(|seconds| refusal(seconds, None))
    }

    /// What a refusal would say, where a limit is met.
    pub(super) fn refuses(&mut self, path: &str) -> Option<Option<u64>> {
        let now = Instant::now();
        let refused = self.refuses_at(path.trim_start_matches("/v1/"), now);
        self.refused += usize::from(refused.is_some());
        refused
    }

    fn refuses_at(&mut self, path: &str, now: Instant) -> Option<Option<u64>> {
        let ban = self.bans.iter().filter(|(start, _)| path.starts_with(start.as_str()));
        let banned = ban.map(|(_, until)| until.saturating_duration_since(now)).max();
        if let Some(left) = banned.filter(|left| !left.is_zero()) {
            return Some(Some(rounded_up(left)));
        }
        let own = self.endpoints.iter_mut().filter(|(start, _)| path.starts_with(start.as_str()));
        let mut counters: Vec<_> = own.map(|(_, counter)| counter).chain(&mut self.app).collect();
        let refused = counters.iter_mut().find_map(|counter| counter.refuses(now));
        if refused.is_none() {
            counters.iter_mut().for_each(|counter| counter.accepted.push_back(now));
        }
        refused
    }
}

impl Counter {
    /// What a refusal would say, where there is no room.
    fn refuses(&mut self, now: Instant) -> Option<Option<u64>> {
        let FakeLimit { count, window, retry_after } = self.limit;
        while self.accepted.front().is_some_and(|first| now - *first >= window) {
            self.accepted.pop_front();
        }
        if self.accepted.len() < count {
            return None;
        }
        let room = self.accepted.front().map_or(window, |first| window - (now - *first));
        Some(match retry_after {
            FakeRetryAfter::Right => Some(rounded_up(room)),
            FakeRetryAfter::Always(seconds) => Some(seconds.into()),
            FakeRetryAfter::Missing => None,
        })
    }
}

fn rounded_up(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

fn refusal(seconds: Option<u64>, reason: Option<&str>) -> FakeResponse {
    let mut error = json!({ "status": 429, "message": "API rate limit exceeded" });
    if let Some(reason) = reason {
        merge(&mut error, &json!({ "reason": reason }));
    }
    let error = json!({ "error": error });
    let response = FakeResponse::json(429, &error);
    match seconds {
        Some(seconds) => response.with_header("retry-after", seconds.to_string()),
        None => response,
    }
}
