//! A Spotify on loopback, to test a program against without account or network.
//!
//! [`FakeSpotify`] is a real HTTP server with Spotify's accounts service and its Web API. Users and
//! playlists are set up by [`FakeUser`] and [`FakePlaylist`]; it is scripted from the test, and
//! counts what arrives. A [`FaultProxy`] in front of it injects faults. A [`FakeSharedLimit`] is
//! shared by several rate limiters. [`check_token_store()`] and [`check_shared_limit()`] run the
//! promises of a token store and of a shared limit against one of yours.

mod accounts;
mod builder;
mod catalogue;
mod check_shared_limit;
mod check_token_store;
mod clock;
mod consent;
mod fake;
mod fake_playlist;
mod fake_user;
mod fault;
mod limits;
mod message;
mod player;
mod playlist;
mod playlists;
mod proxy;
mod request;
mod response;
mod scripts;
mod server;
mod shared_limit;
mod state;
mod user;
mod web_api;
mod world;

pub use builder::FakeSpotifyBuilder;
pub use check_shared_limit::{SharedLimitCheckError, SharedLimitPromise, check_shared_limit};
pub use check_token_store::{StoreCheckError, StorePromise, check_token_store};
pub use clock::FakeClock;
pub use fake::FakeSpotify;
pub use fake_playlist::FakePlaylist;
pub use fake_user::FakeUser;
pub use fault::Fault;
pub use limits::{FakeLimit, FakeRetryAfter};
pub use proxy::FaultProxy;
pub use request::FakeRequest;
pub use response::FakeResponse;
pub use shared_limit::FakeSharedLimit;
