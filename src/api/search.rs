//! Searching the catalogue.

use super::Connection;
use super::request::Request;
use super::request::params;
use super::request::path;
use crate::model::{
    Artist, Page, SearchResults, SearchType, SimplifiedAlbum, SimplifiedAudiobook,
    SimplifiedEpisode, SimplifiedPlaylist, SimplifiedShow, Track,
};

/// Searching the catalogue.
///
/// Had from [`SpotifyClient::search`](crate::SpotifyClient::search).
#[derive(Debug, Clone)]
pub struct Search(pub(crate) Connection);

impl Search {
    /// Things of several types at once: a page of each.
    ///
    /// The query may hold filters: `artist:`, `album:`, `track:`, `year:`, `genre:`, `isrc:`, `upc:`,
    /// `tag:new` and `tag:hipster`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn all(
        &self,
        query: impl Into<String>,
        types: impl IntoIterator<Item = SearchType>,
    ) -> Request<SearchResults, params::Search> {
        let types: Vec<_> = types.into_iter().map(|each| each.to_string()).collect();
        self.request(query.into(), types.join(","))
    }

    /// Tracks.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn tracks(&self, query: impl Into<String>) -> Request<Page<Track>, params::Search> {
        self.of(&SearchType::Track, query)
    }

    /// Artists.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn artists(&self, query: impl Into<String>) -> Request<Page<Artist>, params::Search> {
        self.of(&SearchType::Artist, query)
    }

    /// Albums.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn albums(
        &self,
        query: impl Into<String>,
    ) -> Request<Page<SimplifiedAlbum>, params::Search> {
        self.of(&SearchType::Album, query)
    }

    /// Playlists; those that are `None` are private or gone.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn playlists(
        &self,
        query: impl Into<String>,
    ) -> Request<Page<SimplifiedPlaylist>, params::Search> {
        self.of(&SearchType::Playlist, query)
    }

    /// Podcasts.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn shows(&self, query: impl Into<String>) -> Request<Page<SimplifiedShow>, params::Search> {
        self.of(&SearchType::Show, query)
    }

    /// Podcast episodes.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn episodes(
        &self,
        query: impl Into<String>,
    ) -> Request<Page<SimplifiedEpisode>, params::Search> {
        self.of(&SearchType::Episode, query)
    }

    /// Audiobooks; in the markets that have them.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn audiobooks(
        &self,
        query: impl Into<String>,
    ) -> Request<Page<SimplifiedAudiobook>, params::Search> {
        self.of(&SearchType::Audiobook, query)
    }

    fn of<T>(&self, kind: &SearchType, query: impl Into<String>) -> Request<T, params::Search> {
        self.request(query.into(), kind.to_string())
    }

    fn request<T>(&self, query: String, types: String) -> Request<T, params::Search> {
        self.0.get(path("search")).required("q", query).required("type", types)
    }
}
