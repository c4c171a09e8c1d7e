//! Searching the catalogue.

use serde::de::DeserializeOwned;

use super::Connection;
use super::request::params::SearchPaging;
use super::request::{Request, field_of_search, path};
use crate::model::{
    Artist, Page, SearchResults, SearchType, SimplifiedAlbum, SimplifiedAudiobook,
    SimplifiedEpisode, SimplifiedPlaylist, SimplifiedShow, Track,
};

/// Searching the catalogue.
///
/// From [`SpotifyClient::search`](crate::SpotifyClient::search).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let found = spotify.search().tracks("cut to the feeling").market("DE").limit(5).await?;
/// for track in found.into_items() {
///     println!("{}", track.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Search(pub(crate) Connection);

impl Search {
    /// Things of several types at once: a page of each.
    ///
    /// The query may hold filters: `artist:`, `album:`, `track:`, `year:`, `genre:`, `isrc:`,
    /// `upc:`,
    /// `tag:new` and `tag:hipster`.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset), [`include_external_audio`](Request::include_external_audio).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    #[doc(alias("search_item", "search_multiple"))]
    pub fn all(
        &self,
        query: impl Into<String>,
        types: impl IntoIterator<Item = SearchType>,
    ) -> Request<SearchResults, SearchPaging> {
        let types = types.into_iter().map(|each| each.to_string()).collect();
        self.request(query.into(), types)
    }

    /// Tracks.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset), [`include_external_audio`](Request::include_external_audio).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn tracks(&self, query: impl Into<String>) -> Request<Page<Track>, SearchPaging> {
        self.of(&SearchType::Track, query)
    }

    /// Artists.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset), [`include_external_audio`](Request::include_external_audio).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn artists(&self, query: impl Into<String>) -> Request<Page<Artist>, SearchPaging> {
        self.of(&SearchType::Artist, query)
    }

    /// Albums.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset), [`include_external_audio`](Request::include_external_audio).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn albums(&self, query: impl Into<String>) -> Request<Page<SimplifiedAlbum>, SearchPaging> {
        self.of(&SearchType::Album, query)
    }

    /// Playlists; those that are [`PageItem::Null`](crate::model::PageItem::Null) are private or
    /// gone.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset), [`include_external_audio`](Request::include_external_audio).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn playlists(
        &self,
        query: impl Into<String>,
    ) -> Request<Page<SimplifiedPlaylist>, SearchPaging> {
        self.of(&SearchType::Playlist, query)
    }

    /// Podcasts.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset), [`include_external_audio`](Request::include_external_audio).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn shows(&self, query: impl Into<String>) -> Request<Page<SimplifiedShow>, SearchPaging> {
        self.of(&SearchType::Show, query)
    }

    /// Podcast episodes.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset), [`include_external_audio`](Request::include_external_audio).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn episodes(
        &self,
        query: impl Into<String>,
    ) -> Request<Page<SimplifiedEpisode>, SearchPaging> {
        self.of(&SearchType::Episode, query)
    }

    /// Audiobooks; in the markets that have them.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset), [`include_external_audio`](Request::include_external_audio).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/search>
    pub fn audiobooks(
        &self,
        query: impl Into<String>,
    ) -> Request<Page<SimplifiedAudiobook>, SearchPaging> {
        self.of(&SearchType::Audiobook, query)
    }

    fn of<T>(&self, kind: &SearchType, query: impl Into<String>) -> Request<Page<T>, SearchPaging>
    where
        T: DeserializeOwned + 'static,
    {
        let request = self.request(query.into(), vec![kind.to_string()]);
        match field_of_search(kind.as_str()) {
            Some(field) => request.page(field),
            None => request,
        }
    }

    fn request<T>(&self, query: String, types: Vec<String>) -> Request<T, SearchPaging> {
        self.0.get(path("search")).required("q", query).named("type", types)
    }
}
