//! A Spotify on loopback, to test a program against without account or network.
//!
//! [`FakeSpotify`] is a real HTTP server with Spotify's accounts service and a part of its Web API.
//! It is scripted from the test, and counts what arrives. A [`FaultProxy`] before it has things go wrong
//! on the way.

mod accounts;
mod answer;
mod catalogue;
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
pub use fake::{FakeRequest, FakeSpotify, FakeSpotifyBuilder};
pub use fault::Fault;
pub use limits::{FakeLimit, FakeRetryAfter};
pub use proxy::FaultProxy;
