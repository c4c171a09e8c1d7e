//! Attempts to connect from which nothing came: what is refused again and again is asked less and less
//! often, and not each time what it is.

use std::time::Duration;

use redis::RedisError;
use tokio::time::Instant;

use super::FleetError;

/// Attempts to connect that failed, since the last that did not.
#[derive(Default)]
pub(super) struct FailedAttempts {
    count: u32,
    /// The last one's error, which those get who call before another is made.
    last: Option<(FleetError, Instant)>,
    /// What the driver said when the server was asked what it is, what that was, and when.
    explained: Option<(String, FleetError, Instant)>,
}

impl FailedAttempts {
    pub(super) fn add(&mut self, error: FleetError) {
        self.count = self.count.saturating_add(1);
        self.last = Some((error, Instant::now()));
    }

    /// The error of the last one, for a while: what is refused again and again is asked less and less
    /// often.
    pub(super) fn just_now(&self) -> Option<FleetError> {
        let (error, at) = self.last.as_ref()?;
        let doubled = self.count.checked_sub(MOST_AT_ONCE)?.min(MOST_DOUBLED);
        let pause = FIRST_PAUSE * 2_u32.pow(doubled);
        (at.elapsed() < pause).then(|| error.clone())
    }

    /// What was found out about an error when it came before.
    pub(super) fn known(&self, error: &RedisError) -> Option<FleetError> {
        let (before, explained, at) = self.explained.as_ref()?;
        let is_known = *before == error.to_string() && at.elapsed() < EXPLAINED;
        is_known.then(|| explained.clone())
    }

    pub(super) fn explain(&mut self, error: &RedisError, explained: &FleetError) {
        self.explained = Some((error.to_string(), explained.clone(), Instant::now()));
    }
}

/// How many attempts to connect may fail until there is a pause before the next: a server that starts anew
/// is back at once.
const MOST_AT_ONCE: u32 = 4;
/// Twice as long after each that fails, up to 400 ms: who shares the limit asks each half second or so, and
/// is to be back within two seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const MOST_DOUBLED: u32 = 4;

/// For how long a server that says the same is taken to be the same.
const EXPLAINED: Duration = Duration::from_secs(10);
