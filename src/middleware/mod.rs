//! What every request passes through: one [`reqwest_middleware`] layer a file, each usable on a
//! client of your own.

mod auth;

pub use auth::AuthMiddleware;
