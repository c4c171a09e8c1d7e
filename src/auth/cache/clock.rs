//! Time, which a token is measured by.

use std::fmt::Debug;
use std::time::{Instant, SystemTime};

/// What time it is, by both clocks.
///
/// A token has expired when either says so: the monotonic clock stands still while a laptop sleeps,
/// the wall clock may be set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "clocks of users must be able to make one")]
pub struct Now {
    /// Never goes back.
    pub monotonic: Instant,
    /// May jump both ways.
    pub wall: SystemTime,
}

/// Where a [`TokenCache`](super::TokenCache) reads the time; replaceable for tests.
pub trait Clock: Debug + Send + Sync {
    /// The time by both clocks, read together.
    fn now(&self) -> Now;
}

/// The clocks of the system. The monotonic one is tokio's, so that it stands still in a test that
/// pauses time.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Now {
        Now { monotonic: tokio::time::Instant::now().into_std(), wall: SystemTime::now() }
    }
}
