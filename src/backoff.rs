//! How long to wait after a failure.

use std::time::Duration;

/// Exponential back-off: `first`, then each step `factor` times the one before, up to `cap`.
///
/// With full jitter each pause is a random part of its step, so that a fleet does not ask in
/// lockstep. A success starts over. The default is 1 s, doubling to 60 s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    first: Duration,
    factor: f64,
    cap: Duration,
}

impl Backoff {
    /// A back-off with these steps.
    ///
    /// # Errors
    ///
    /// A [`BackoffError`] when `first` is under 1 ms, `factor` is under 1 or above 100, or `cap`
    /// is under `first` or above a day.
    pub fn new(first: Duration, factor: f64, cap: Duration) -> Result<Self, BackoffError> {
        if first < Duration::from_millis(1) {
            return Err(BackoffError::First);
        }
        if !(1.0..=100.0).contains(&factor) {
            return Err(BackoffError::Factor);
        }
        if cap < first || cap > LONGEST_PAUSE {
            return Err(BackoffError::Cap);
        }
        Ok(Self { first, factor, cap })
    }

    /// The first step.
    pub fn first(&self) -> Duration {
        self.first
    }

    /// The longest step.
    pub fn cap(&self) -> Duration {
        self.cap
    }

    /// The pause after this number of failures in a row, from 1; `jitter` is the part of it to
    /// leave out.
    pub(crate) fn pause(&self, failures: u32, jitter: f64) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let step = self.first.as_secs_f64() * self.factor.powi(exponent);
        let step = Duration::try_from_secs_f64(step).unwrap_or(self.cap).min(self.cap);
        step.mul_f64(1.0 - jitter)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), factor: 2.0, cap: Duration::from_secs(60) }
    }
}

/// Why steps are not a valid [`Backoff`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackoffError {
    /// The first step is under 1 ms.
    #[error("the back-off must start with at least 1 ms")]
    First,
    /// The factor is not from 1 to 100.
    #[error("the back-off must have a factor from 1 to 100")]
    Factor,
    /// The cap is under the first step or above a day.
    #[error("the back-off must have a cap from its first step to one day")]
    Cap,
}

/// Nothing is left alone for longer, whatever a `Retry-After` says.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);
