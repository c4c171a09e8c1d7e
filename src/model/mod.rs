//! What Spotify sends: plain data, ids and URIs. Nothing here does I/O.
//!
//! The names are Spotify's own, so that [its reference] is the glossary. Every model takes what
//! Spotify really sends: lists that are `null`, fields that are missing, `640.0` for an integer,
//! values that did not exist yesterday. How each surprise is met is written once, in `lenient`.
//!
//! [its reference]: https://developer.spotify.com/documentation/web-api

mod album;
mod artist;
mod audiobook;
mod common;
mod episode;
mod id;
pub(crate) mod lenient;
mod market;
pub(crate) mod open_enum;
mod page;
mod playable;
mod playlist;
mod release_date;
mod search;
mod show;
mod track;
mod user;

pub use album::{Album, AlbumGroup, AlbumType, ArtistAlbum, SimplifiedAlbum};
pub use artist::{Artist, SimplifiedArtist};
pub use audiobook::{Author, Narrator, SimplifiedAudiobook};
pub use common::{Copyright, ExternalIds, ExternalUrls, Followers, Image, Restrictions};
pub use episode::{Episode, ResumePoint, SimplifiedEpisode};
pub use id::{
    AlbumId, ArtistId, AudiobookId, EpisodeId, IdError, IdKind, PlaylistId, ShowId, TrackId, UserId,
};
pub use market::{Market, MarketError};
pub use page::Page;
pub use playable::PlayableItem;
pub use playlist::{Playlist, PlaylistItem, PlaylistItemsRef, SimplifiedPlaylist};
pub use release_date::{DatePrecision, ReleaseDate, ReleaseDateError};
pub use search::{SearchResults, SearchType};
pub use show::SimplifiedShow;
pub use track::{LinkedTrack, SimplifiedTrack, Track};
pub use user::{PlaylistOwner, PlaylistUser};
