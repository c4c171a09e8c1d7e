//! What Spotify sends: plain data, ids and URIs. Nothing here does I/O.
//!
//! The names are Spotify's own, so that [its reference] is the glossary. Every model takes what
//! Spotify really sends: lists that are `null`, fields that are missing, `640.0` for an integer,
//! values that did not exist yesterday. How each surprise is met is written once, in `lenient`.
//!
//! [its reference]: https://developer.spotify.com/documentation/web-api

mod album;
mod artist;
mod audio;
mod audiobook;
mod by_fields;
mod captured;
mod category;
mod chapter;
mod common;
mod cursor_page;
mod either;
mod episode;
mod id;
mod id_kind;
pub(crate) mod lenient;
mod link;
mod market;
mod market_list;
mod mended;
mod object_only;
pub(crate) mod open_enum;
mod page;
mod page_fields;
mod page_item;
mod page_link;
mod page_part;
mod pasted;
mod playable;
mod player;
mod playlist;
mod reading;
mod recommendations;
mod release_date;
mod saved;
mod search;
mod show;
mod thing;
mod track;
pub(crate) mod unvalued;
mod uri;
mod user;

pub use album::{Album, AlbumGroup, AlbumType, ArtistAlbum, SimplifiedAlbum};
pub use artist::{Artist, SimplifiedArtist};
pub use audio::{
    AnalysisMeta, AnalysisTrack, AudioAnalysis, AudioFeatures, Section, Segment, TimeInterval,
};
pub use audiobook::{Audiobook, Author, Narrator, SimplifiedAudiobook};
pub use category::Category;
pub use chapter::{Chapter, SimplifiedChapter};
pub use common::{Copyright, ExternalIds, ExternalUrls, Followers, Image, Restrictions};
pub use cursor_page::{CursorPage, Cursors};
pub use episode::{Episode, ResumePoint, SimplifiedEpisode};
pub use id::{
    AlbumId, ArtistId, AudiobookId, ChapterId, EpisodeId, IdError, PlaylistId, ShowId, TrackId,
    UserId,
};
pub(crate) use id::{RESERVED, clipped};
pub use id_kind::IdKind;
pub use market::{Market, MarketError};
pub(crate) use mended::mended;
pub use page::Page;
pub(crate) use page_item::List;
pub use page_item::{PageItem, Unreadable};
pub use page_link::NextLink;
pub(crate) use playable::PLAYABLE;
pub use playable::PlayableItem;
pub use player::{
    Context, CurrentlyPlaying, CurrentlyPlayingContext, Device, DeviceKind, Disallows, PlayHistory,
    PlayingType, Queue, RepeatState,
};
pub use playlist::{
    FeaturedPlaylists, PartialPlaylist, Playlist, PlaylistItem, PlaylistItemsRef,
    SimplifiedPlaylist, Snapshot,
};
pub use reading::from_json;
pub(crate) use reading::{as_one_body, in_one_go};
pub use recommendations::{RecommendationSeed, Recommendations};
pub use release_date::{DatePrecision, ReleaseDate, ReleaseDateError};
pub use saved::{SavedAlbum, SavedAudiobook, SavedEpisode, SavedShow, SavedTrack};
pub use search::{SearchResults, SearchType};
pub use show::{Show, SimplifiedShow};
pub use track::{LinkedTrack, SimplifiedTrack, Track};
pub use uri::SpotifyUri;
pub use user::{ExplicitContentSettings, PlaylistOwner, PlaylistUser, PrivateUser, PublicUser};
