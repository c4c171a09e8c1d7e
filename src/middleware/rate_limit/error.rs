//! Why a request was not sent.

use std::time::Duration;

use reqwest::StatusCode;

/// A request that was not sent, since it would have had to wait for longer than it may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no permit within the time that the request may wait: {limit}{}; retry in {} s", word(reason.as_deref()), seconds(*retry_after))]
#[non_exhaustive]
pub struct RateLimited {
    /// After how long a request would go at the earliest, those that still wait before it included.
    /// Never zero. Requests that fail at the same moment are told the same.
    pub retry_after: Duration,
    /// What it would have waited for.
    pub limit: LimitKind,
    /// The reason that the server gave with its last 429, such as `QUOTA_EXCEEDED`.
    pub reason: Option<String>,
    /// What the attempt before it was responded to with, where there was one, by a
    /// [`SpotifyClient`](crate::SpotifyClient).
    pub status: Option<StatusCode>,
}

/// What was to be closed or opened by hand is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` names no endpoint; a method and a path do, such as `GET /v1/tracks/{{id}}`")]
#[non_exhaustive]
pub struct InvalidEndpoint {
    /// What was given as its name.
    pub name: String,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitKind {
    /// The rate limit of the whole app.
    App,
    /// The rate limit of its endpoint.
    Endpoint,
    /// The server fails, and only few requests look whether it is back.
    Outage,
    /// The app was closed by [`close_for`](super::RateLimiter::close_for), and not by the server.
    ByHand,
    /// Its endpoint was closed by [`close_endpoint_for`](super::RateLimiter::close_endpoint_for),
    /// and not by the server.
    EndpointByHand,
    /// A start that the store of a [shared limit](super::SharedLimit) is to grant.
    Shared,
}

impl std::fmt::Display for LimitKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::App => "the app is rate limited",
            Self::Endpoint => "the endpoint is rate limited",
            Self::Outage => "the server fails",
            Self::ByHand => "the app was closed by hand",
            Self::EndpointByHand => "the endpoint was closed by hand",
            Self::Shared => "the shared limit has granted no start",
        })
    }
}

fn word(reason: Option<&str>) -> String {
    reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
}

/// Rounded up: nobody retries too early.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
