//! What every request passes through: one [`reqwest_middleware`] layer a file, each usable on a
//! client of your own.
//!
//! Outside in: retries, the layers of the user's own, the rate gate, authentication. So each attempt
//! waits its turn, and then carries a fresh token.

mod attempt;
mod auth;
mod class;
mod partition;
mod rate;
mod retry;
mod trace;

pub use auth::AuthMiddleware;
pub use class::{RequestClass, Safety};
pub use partition::Partition;
pub(crate) use partition::TellPartition;
pub use rate::{GateClosed, GateStats, RateGate};
pub use retry::{RetryMiddleware, RetryOptions};
pub use trace::CallTrace;
pub(crate) use trace::QuotaExceeded;
