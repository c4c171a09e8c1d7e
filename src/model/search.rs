//! Search results.

use serde::{Deserialize, Serialize};

use super::open_enum::open_enum;
use super::{
    Artist, Page, SimplifiedAlbum, SimplifiedAudiobook, SimplifiedEpisode, SimplifiedPlaylist,
    SimplifiedShow, Track,
};

open_enum! {
    /// What to search for.
    pub enum SearchType {
        /// Albums.
        Album = "album",
        /// Artists.
        Artist = "artist",
        /// Playlists.
        Playlist = "playlist",
        /// Tracks.
        Track = "track",
        /// Podcasts.
        Show = "show",
        /// Podcast episodes.
        Episode = "episode",
        /// Audiobooks; in the markets that have them.
        Audiobook = "audiobook",
    }
}

/// What a search found: a page for each type that was asked for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SearchResults {
    /// Tracks.
    pub tracks: Option<Page<Track>>,
    /// Artists.
    pub artists: Option<Page<Artist>>,
    /// Albums.
    pub albums: Option<Page<SimplifiedAlbum>>,
    /// Playlists; those that are `None` in it are private or gone.
    pub playlists: Option<Page<SimplifiedPlaylist>>,
    /// Podcasts.
    pub shows: Option<Page<SimplifiedShow>>,
    /// Podcast episodes.
    pub episodes: Option<Page<SimplifiedEpisode>>,
    /// Audiobooks.
    pub audiobooks: Option<Page<SimplifiedAudiobook>>,
}
