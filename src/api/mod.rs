//! Which endpoints there are: groups of endpoints and the bodies that they send.
//!
//! Every method returns a [`Request`], which takes the optional parameters that its endpoint has
//! and is sent by `.await`. The groups are tables: one method for each endpoint, in the order of
//! [Spotify's reference]. How a call is made is in `request`.
//!
//! [Spotify's reference]: https://developer.spotify.com/documentation/web-api

mod albums;
mod artists;
mod audiobooks;
mod bodies;
mod browse;
mod chapters;
mod episodes;
mod former_playlists;
mod library;
mod player;
mod playlists;
pub(crate) mod request;
mod scopes;
mod search;
mod shows;
mod slider;
mod tracks;
mod users;

pub use albums::Albums;
pub use artists::Artists;
pub use audiobooks::Audiobooks;
pub use bodies::{PlaylistDetails, PlaylistRemoval, PlaylistReorder, StartPlayback, Visibility};
pub use browse::Browse;
pub use chapters::Chapters;
pub use episodes::Episodes;
pub use library::Library;
pub use player::Player;
pub use playlists::Playlists;
pub use request::{
    All, AudioFeature, BatchProgress, Batches, CallOutcome, CallReport, EntryStream, IntoId,
    IntoIds, ItemStream, ItemType, ListEntry, PageStream, Paged, Progress, Quota, Repeat, Request,
    RequestFuture, Response, Shuffle, TimeRange, Transfer, params,
};
pub(crate) use request::{
    Connection, Defaults, LONGEST_BODY, Observer, UserObserver, entries_from, next_request,
    previous_request,
};
pub use search::Search;
pub use shows::Shows;
pub use slider::Slider;
pub use tracks::Tracks;
pub use users::Users;
