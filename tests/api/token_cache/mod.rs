//! The promises of the token cache.
//!
//! Each has a number, P1 to P43, and at least one test that names it in its first line; so have the
//! reports about other caches that led to them, B1 to B43.
//!
//! | promises | about | where |
//! |---|---|---|
//! | P1 to P5 | handing out | `handing_out`, and the allocations in `benches/token_cache.rs` |
//! | P6 to P11 | refreshing | `refreshing` |
//! | P12 to P16 | callers that leave | `callers_that_leave` |
//! | P17 to P25 | failing | `failing`, `crate::token_answers` |
//! | P26 to P30 | 401 | `refusals`, `crate::authentication` |
//! | P31 to P38 | refresh tokens and stores | `stores`, `file_store` |
//! | P39, P40 | secrets | `crate::secrets`, `wiping` |
//! | P41 to P43 | sharing | `crate::authentication`, `sharing` |
//! | all at once | whatever comes in whatever order | `schedules`, and the explorer in `src/auth/cache/state.rs` |

mod callers_that_leave;
mod failing;
mod file_store;
mod handing_out;
mod refreshing;
mod refusals;
mod schedules;
mod sharing;
mod stores;
mod wiping;
