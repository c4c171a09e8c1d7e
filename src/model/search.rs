//! Search results.

use super::by_fields::by_fields;
use super::open_enum::open_enum;
use super::thing::thing;
use super::{
    Artist, Page, SimplifiedAlbum, SimplifiedAudiobook, SimplifiedEpisode, SimplifiedPlaylist,
    SimplifiedShow, Track, page_part,
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

by_fields! {
    /// What a search found: a page for each type that was asked for.
    #[derive(Default)]
    pub struct SearchResults {
        /// Tracks.
        #[serde(default, deserialize_with = "page_part::optional")]
        pub tracks: Option<Page<Track>>,
        /// Artists.
        #[serde(default, deserialize_with = "page_part::optional")]
        pub artists: Option<Page<Artist>>,
        /// Albums.
        #[serde(default, deserialize_with = "page_part::optional")]
        pub albums: Option<Page<SimplifiedAlbum>>,
        /// Playlists; those that are [`PageItem::Null`](super::PageItem::Null) in it are private or
        /// gone.
        #[serde(default, deserialize_with = "page_part::optional")]
        pub playlists: Option<Page<SimplifiedPlaylist>>,
        /// Podcasts.
        #[serde(default, deserialize_with = "page_part::optional")]
        pub shows: Option<Page<SimplifiedShow>>,
        /// Podcast episodes.
        #[serde(default, deserialize_with = "page_part::optional")]
        pub episodes: Option<Page<SimplifiedEpisode>>,
        /// Audiobooks.
        #[serde(default, deserialize_with = "page_part::optional")]
        pub audiobooks: Option<Page<SimplifiedAudiobook>>,
    }
}

impl SearchResults {
    fn is_nothing(&self) -> bool {
        self == &Self::default()
    }
}

thing!(SearchResults);
