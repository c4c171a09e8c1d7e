//! Which endpoints there are: typed requests, groups of endpoints, pagination.
//!
//! Every method answers with a [`Request`], which takes the optional parameters that its endpoint
//! has and is sent by `.await`. The groups are tables: one method an endpoint, in the order of
//! [Spotify's reference].
//!
//! [Spotify's reference]: https://developer.spotify.com/documentation/web-api

mod albums;
mod artists;
mod connection;
mod decode;
mod paging;
pub mod params;
mod path;
mod playlists;
mod request;
mod search;
mod tracks;

pub use albums::Albums;
pub use artists::Artists;
pub(crate) use connection::Connection;
pub use paging::ItemStream;
pub(crate) use paging::page_at;
pub use playlists::Playlists;
pub use request::{Request, Response};
pub use search::Search;
pub use tracks::Tracks;
