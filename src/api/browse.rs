//! Categories, genres and markets.

use super::Connection;
use super::request::Request;
use super::request::params::{Locale, LocalePaging, Nothing, Paging};
use super::request::path;
use crate::model::{Category, Market, Page, SimplifiedPlaylist};

/// Categories, genres and markets.
///
/// Had from [`SpotifyClient::browse`](crate::SpotifyClient::browse).
#[derive(Debug, Clone)]
pub struct Browse(pub(crate) Connection);

impl Browse {
    /// Playlists that Spotify features.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-featured-playlists>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn featured_playlists(&self) -> Request<Page<SimplifiedPlaylist>, LocalePaging> {
        self.0.get(path("browse").then("featured-playlists"))
    }

    /// Categories that Spotify tags playlists with.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-categories>
    #[deprecated(note = "gone for apps in development mode since February 2026")]
    pub fn categories(&self) -> Request<Page<Category>, LocalePaging> {
        self.0.get(path("browse").then("categories"))
    }

    /// A category.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-category>
    #[deprecated(note = "gone for apps in development mode since February 2026")]
    pub fn category(&self, id: impl Into<String>) -> Request<Category, Locale> {
        self.0.get(path("browse").then("categories").text("category id", id))
    }

    /// Playlists of a category.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-categories-playlists>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn category_playlists(
        &self,
        id: impl Into<String>,
    ) -> Request<Page<SimplifiedPlaylist>, Paging> {
        self.0.get(path("browse").then("categories").text("category id", id).then("playlists"))
    }

    /// Genres that recommendations can go by.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-recommendation-genres>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn genre_seeds(&self) -> Request<Vec<String>, Nothing> {
        self.0.get(path("recommendations").then("available-genre-seeds")).wrapped()
    }

    /// Markets where Spotify is available.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-available-markets>
    #[deprecated(note = "gone for apps in development mode since February 2026")]
    pub fn markets(&self) -> Request<Vec<Market>, Nothing> {
        self.0.get(path("markets")).wrapped()
    }
}
