//! The promises of the token cache.
//!
//! Each has a number, P1 to P64, and so has each report about another cache that led to one, B1 to
//! B43. `tests/promises.tsv` has them all, with the tests that hold them.

mod blocking_stores;
mod callers_that_leave;
mod failing;
mod file_store;
mod handing_out;
mod idle_runtimes;
mod keys;
mod login_times;
mod own_authenticators;
mod places;
mod recovering;
mod refreshing;
mod refusals;
mod rejections;
mod schedules;
mod sharing;
mod standstills;
mod stores;
mod troubled_stores;
mod turns;
mod user_code;
mod waiting;
mod whose;
#[cfg(target_os = "linux")]
mod wiping;
