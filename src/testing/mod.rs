//! A Spotify on loopback, to test a program against without account or network.
//!
//! [`FakeSpotify`] is a real HTTP server with Spotify's accounts service and a part of its Web API.
//! It is scripted from the test, and counts what arrives. A [`FaultProxy`] before it has things go wrong
//! on the way. [`check_token_store()`] runs every promise of a token store against one of yours.

mod accounts;
mod answer;
mod catalogue;
mod check_token_store;
mod consent;
mod fake;
mod fault;
mod limits;
mod message;
mod player;
mod proxy;
mod server;
mod web_api;

pub use answer::FakeAnswer;
pub use check_token_store::{StoreCheckError, StorePromise, check_token_store};
pub use fake::{FakeRequest, FakeSpotify, FakeSpotifyBuilder};
pub use fault::Fault;
pub use limits::{FakeLimit, FakeRetryAfter};
pub use proxy::FaultProxy;
