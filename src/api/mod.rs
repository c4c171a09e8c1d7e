//! Which endpoints there are: typed requests, groups of endpoints, pagination.
//!
//! Every method answers with a [`Request`], which takes the optional parameters that its endpoint
//! has and is sent by `.await`. The groups are tables: one method an endpoint, in the order of
//! [Spotify's reference].
//!
//! [Spotify's reference]: https://developer.spotify.com/documentation/web-api

mod albums;
mod artists;
mod audiobooks;
mod batches;
mod bodies;
mod browse;
mod chapters;
mod choices;
mod connection;
mod decode;
mod episodes;
mod library;
mod observing;
mod page_queue;
mod paging;
pub mod params;
mod path;
mod player;
mod playlists;
mod request;
mod search;
mod sending;
mod setters;
mod shows;
mod tracks;
mod users;

pub use albums::Albums;
pub use artists::Artists;
pub use audiobooks::Audiobooks;
pub use bodies::{PlaylistDetails, PlaylistReorder, StartPlayback, Visibility};
pub use browse::Browse;
pub use chapters::Chapters;
pub use choices::{AudioFeature, Repeat, Shuffle, TimeRange, Transfer};
pub(crate) use connection::{Connection, Defaults, LONGEST_BODY};
pub use episodes::Episodes;
pub use library::Library;
pub use observing::CallReport;
pub(crate) use observing::Observer;
pub(crate) use paging::page_at;
pub use paging::{ItemStream, PageStream, Paged, Progress};
pub use player::Player;
pub use playlists::Playlists;
pub use request::{Request, Response};
pub use search::Search;
pub use sending::Sending;
pub use shows::Shows;
pub use tracks::Tracks;
pub use users::Users;
