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
mod unsettled;
mod user_code;
mod waiting;
mod whose;
#[cfg(target_os = "linux")]
mod wiping;

use std::time::{Duration, SystemTime};

use spotify_web::auth::{StoredToken, TokenCache, TokenKey, TokenStore};
use spotify_web::oauth::Token;

use crate::common::{ManualClock, ScriptedSource, cache};

/// A cache with a store, over a source in the test's hand.
fn stored(
    clock: &ManualClock,
    store: &(impl TokenStore + Clone + 'static),
) -> (TokenCache<ScriptedSource>, ScriptedSource) {
    let (cache, source) = cache(clock);
    (cache.with_store(store.clone(), key()), source)
}

/// The token of a user, who is known by their refresh token.
fn user(name: &str) -> Token {
    Token::new(format!("access of {name}"), Duration::from_secs(3600)).with_refresh_token(name)
}

fn expired(name: &str) -> StoredToken {
    StoredToken::new(user(name), SystemTime::UNIX_EPOCH)
}

fn key() -> TokenKey {
    TokenKey::new("app").with_user("anna")
}
