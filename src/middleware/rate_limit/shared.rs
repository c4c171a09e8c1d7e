//! How the processes of one app share its limit: the trait that a store implements, and what is
//! exchanged.
//!
//! [`Membership`](super::membership::Membership) is the limiter's side of it.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// A limit that several processes share, such as the limit of an app of which each bot is a
/// process.
///
/// Plugged in with [`RateLimitOptions::with_shared`](super::RateLimitOptions::with_shared). The
/// store keeps one state for each app: the rate, until when it is closed, and when the next start
/// is free. A limiter tells it what happened and asks for starts, in one exchange. An
/// implementation on Redis is one script. What it promises:
///
/// - A 429 of this epoch closes the app for all its processes until `Retry-After` is over, or for
///   half a minute where that is longer, and begins an epoch. A store may close it for longer than
///   it was told, up to half a minute in all.
/// - While the app is closed no start is granted for an earlier time, urgent ones included.
/// - A rate that is known stays known: a closing neither ends nor raises it, and a rate that a
///   process brings along changes nothing. One that is refused time after time, though, is lowered;
///   how, and how a first rate is found, is the store's affair. It may be forgotten when a single
///   process is left, or when it has grown beyond what anybody needs.
/// - Over some seconds all processes together are granted no more starts than the rate allows,
///   urgent ones included, and no less than half of it where they want that many. Each that wants
///   starts gets some. Within a second they may come at once.
///
/// A limiter has at most one exchange for each app under way, and at most one batch of starts.
/// While no limit is known it makes one exchange a second, as long as there are requests; under a
/// known rate it makes one for each batch. A 429 is told at once, and its call waits until that is
/// done, for 200 ms at most, since its runtime may end with it. A limiter without requests tells
/// nothing. When there is no response within 200 ms, an error, or a panic, it goes on alone, at its
/// share of the last rate, and asks again every 0.5 to 1.5 s. So it does when two calls in a row
/// wait for a response until their runtimes end. A response that it hears of later than 200 ms,
/// since its process was stopped or its runtime was not driven, is not taken: starts that were
/// granted in it are lost, and it asks anew. Endpoints that are refused for themselves are each
/// process's own. With the feature `testing`, `testing::check_shared_limit` runs what is promised
/// here against a store.
///
/// ```
/// use std::time::Duration;
/// use async_trait::async_trait;
/// use spotify_web::middleware::{
///     Granted, RateLimitOptions, RateLimiter, SharedLimit, SharedLimitError, Told,
/// };
///
/// /// What an implementation looks like, and no limit to copy: it shares nothing. Ten requests a second for each process, for ever: one at a time, each a tenth of a second after it
/// /// was asked for.
/// #[derive(Debug)]
/// struct TenEach;
///
/// #[async_trait]
/// impl SharedLimit for TenEach {
///     async fn exchange(&self, _app: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError> {
///         let (granted, tenth) = (Granted::default().with_rate(10.0, 1), Duration::from_millis(100));
///         Ok(granted.with_starts(told.starts.min(1), tenth, tenth))
///     }
/// }
///
/// let limiter = RateLimiter::new(RateLimitOptions::default().with_shared(TenEach));
/// ```
#[async_trait]
pub trait SharedLimit: Debug + Send + Sync {
    /// Takes over what a limiter tells, and grants it starts. `app` is the client id; `None` for
    /// clients without one, and for requests that pass a limiter without a client: these have a
    /// state of their own. No app has an empty client id, so that a store may write `None` as one.
    ///
    /// # Errors
    ///
    /// A [`SharedLimitError`] when the store could not be reached. Nothing is told twice: what was
    /// told then counts as lost. A 429 alone is, where an exchange has ended with its runtime, with
    /// what is left of its pause by then.
    async fn exchange(&self, app: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError>;
}

/// What a limiter tells of itself since its last exchange, and what it wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Told {
    /// A random number that stays the same for one limiter.
    pub member: u64,
    /// The epoch of the last [`Granted`]; 0 before the first.
    pub epoch: u64,
    /// Requests that succeeded. Of what did longer ago than the limiter's window one is told.
    pub succeeded: u32,
    /// Whether one of them was sent in `epoch`: only such a success shows that the limit is open
    /// again.
    pub is_open: bool,
    /// Whether requests had to wait, for longer than for the store's response: otherwise the rate is
    /// that of the demand and not of the limit.
    pub others_wait: bool,
    /// What is left of the `Retry-After` of the first 429 of its epoch, which may be longer than a
    /// clock can express. An epoch ends with it. One that is over is not told.
    pub refused_for: Option<Duration>,
    /// The epoch in which that request was sent. One that was sent in an earlier epoch than the
    /// store's extends a closing, if it asks for longer than is left, and says nothing about the
    /// rate. Where it asks for no longer it changes nothing, the epoch included.
    pub refused_in: u64,
    /// The rate that was known last, in requests a second, by who has been alone: for a store that
    /// has lost its own, which takes it over, or a little less. A store that has a rate ignores it.
    /// One above 10,000 is none.
    pub last_rate: Option<f64>,
    /// How many starts are wanted: the requests that wait, or 0 while the limiter has starts left.
    pub starts: u32,
    /// Whether an [urgent](crate::middleware::RequestClass::is_urgent) request waits. It may be
    /// granted one start at once, also where `starts` is 0.
    pub is_urgent: bool,
}

/// What the store knows, and the starts that it grants. The default says that no limit is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Granted {
    /// Changes with each closing, to one that was not there before. Starts of an earlier epoch are
    /// void.
    pub epoch: u64,
    /// For how long nobody may start: all the time that is left, not rounded down. No longer than
    /// the limiter's window: then it asks again.
    pub closed_for: Duration,
    /// Requests a second of all together; `None` while no limit is known: then any number may
    /// start. Less than one in ten seconds counts as that. Under a rate nothing starts but the
    /// `starts` that are granted.
    pub rate: Option<f64>,
    /// Processes that take part at present, this one included. Each counts once, and for more than
    /// a second after its last exchange; half a minute after it at the latest it counts no longer.
    /// A limiter that goes on alone takes the rate divided by this.
    pub active: u32,
    /// How many may start under the rate: at most as many as were wanted, or one that is urgent.
    /// Those that are more than ten seconds away, after a closing, are not waited for: the limiter
    /// asks again.
    pub starts: u32,
    /// When the first of them may, or the one that is urgent.
    pub first_in: Duration,
    /// Between each and the next. Zero lets them go at once.
    pub step: Duration,
    /// When to ask again where none were granted. The limiter does so, to a millisecond or two, if
    /// somebody waits then; 20 ms is the least and ten seconds the most. Where an urgent request
    /// alone was asked for, others are not held up by it; where none was, no urgent one is.
    pub come_back_in: Duration,
}

impl Granted {
    /// The same with a known rate, in requests a second, for all `active` processes together. From
    /// then on each request waits for a start of [`with_starts`](Self::with_starts): a rate without
    /// starts lets nothing go.
    #[must_use]
    pub fn with_rate(self, rate: f64, active: u32) -> Self {
        Self { rate: Some(rate), active, ..self }
    }

    /// The same with a number of starts, when the first of them may happen, and each after it.
    #[must_use]
    pub fn with_starts(self, starts: u32, first_in: Duration, step: Duration) -> Self {
        Self { starts, first_in, step, ..self }
    }

    /// The same in an epoch, in which nobody may start for a time.
    #[must_use]
    pub fn with_closing(self, epoch: u64, closed_for: Duration) -> Self {
        Self { epoch, closed_for, ..self }
    }

    /// The same without starts, and when to ask for them again.
    #[must_use]
    pub fn with_come_back_in(self, come_back_in: Duration) -> Self {
        Self { starts: 0, come_back_in, ..self }
    }
}

/// A shared limit could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the shared limit could not be reached: {message}")]
pub struct SharedLimitError {
    message: String,
}

impl SharedLimitError {
    /// What went wrong, without secrets: it is logged as a warning when the limiter begins to go on
    /// alone.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Where a limiter stands with the limit that it shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Sharing {
    /// No limit is known: requests go at once.
    Free,
    /// A rate is known: each request has a start of its own, granted by the store.
    Paced,
    /// After a 429 of one of the processes: nobody starts.
    Closed,
    /// The store does not respond: the limiter keeps to its share of the last rate.
    Alone,
}
