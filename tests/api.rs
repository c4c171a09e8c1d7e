//! Black-box tests through the public API: one binary, one module for each promise.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails is a test that panics"
)]

#[path = "api/common/mod.rs"]
mod common;

#[path = "api/authentication.rs"]
mod authentication;
#[path = "api/bad_input.rs"]
mod bad_input;
#[path = "api/browser.rs"]
mod browser;
#[path = "api/client.rs"]
mod client;
#[path = "api/examples.rs"]
mod examples;
#[path = "api/faults.rs"]
mod faults;
#[path = "api/links.rs"]
mod links;
#[path = "api/logins.rs"]
mod logins;
#[path = "api/models.rs"]
mod models;
#[path = "api/operations.rs"]
mod operations;
#[path = "api/origins.rs"]
mod origins;
#[path = "api/pagination.rs"]
mod pagination;
#[path = "api/parsing.rs"]
mod parsing;
#[path = "api/promises.rs"]
mod promises;
#[path = "api/resilience.rs"]
mod resilience;
#[path = "api/secrets.rs"]
mod secrets;
#[path = "api/signing_in.rs"]
mod signing_in;
#[path = "api/tls.rs"]
mod tls;
#[path = "api/token_answers.rs"]
mod token_answers;
#[path = "api/token_cache/mod.rs"]
mod token_cache;
