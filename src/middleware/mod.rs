//! What every request passes through: one [`reqwest_middleware`] layer in each file, usable
//! on a client of your own as well.
//!
//! Outside in: retries, the layers of the user's own, authentication, the rate limiter, and the
//! layers of the user's own that see what is sent. So each attempt, a replay after a 401 included,
//! takes a permit of its own, and none is held while a token is awaited.

mod attempt;
mod auth;
mod budget;
mod class;
mod hand_over;
mod one_login;
mod partition;
mod rate_limit;
mod record;
mod rejection;
mod retry;
mod trace;

pub(crate) use attempt::{AttemptCounter, attempts_are_logged};
pub use auth::AuthMiddleware;
pub use class::{RequestClass, Safety};
pub(crate) use hand_over::{HandBack, HandOver, HandOverInside, NoteWhose};
pub(crate) use one_login::OneLogin;
pub use partition::Partition;
pub(crate) use partition::Whose;
#[cfg(feature = "testing")]
pub(crate) use rate_limit::Pool;
pub use rate_limit::{
    BucketStats, Closing, Closings, Granted, InvalidEndpoint, LimitKind, RateLimitOptions,
    RateLimitStats, RateLimited, RateLimiter, SharedLimit, SharedLimitError, Sharing, Told,
};
pub(crate) use record::CallRecord;
pub use retry::{RetryMiddleware, RetryOptions};
pub use trace::CallTrace;
pub(crate) use trace::{Attempts, EndpointName, LastFailure, LimitedResponse, ResponseHead};
