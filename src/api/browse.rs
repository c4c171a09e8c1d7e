//! Categories, genres and markets.

use super::Connection;
use super::request::params::{Locale, LocalePaging, Paging};
use super::request::{Request, path};
use crate::model::{Category, FeaturedPlaylists, Market, Page, SimplifiedPlaylist};

/// Categories, genres and markets.
///
/// From [`SpotifyClient::browse`](crate::SpotifyClient::browse).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::builder().with_quota(spotify_web::Quota::Extended).start().await?;
/// # #[allow(deprecated)]
/// # {
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// // For apps with extended quota.
/// let categories = spotify.browse().categories().locale("de_DE").all().await?;
/// for category in categories {
///     println!("{}", category.name);
/// }
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Browse(pub(crate) Connection);

impl Browse {
    /// Playlists that Spotify features, and what it says about them.
    ///
    /// Only for apps with [extended quota](crate::Quota) that were registered before 27 November
    /// 2024.
    ///
    /// Optional: [`locale`](Request::locale), [`limit`](Request::limit),
    /// [`offset`](Request::offset).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-featured-playlists>
    #[doc(alias("GetFeaturedPlaylists", "get_featured_playlists"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps that were registered after 27 November 2024")
    )]
    pub fn featured_playlists(&self) -> Request<FeaturedPlaylists, LocalePaging> {
        self.0.get(path("browse/featured-playlists"))
    }

    /// Categories that Spotify tags playlists with.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`locale`](Request::locale), [`limit`](Request::limit),
    /// [`offset`](Request::offset).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-categories>
    #[doc(alias("GetCategories", "get_categories"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026")
    )]
    pub fn categories(&self) -> Request<Page<Category>, LocalePaging> {
        self.0.get(path("browse/categories")).page("categories")
    }

    /// A category.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`locale`](Request::locale).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-category>
    #[doc(alias("GetCategory", "get_a_category"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026")
    )]
    pub fn category(&self, id: impl Into<String>) -> Request<Category, Locale> {
        self.0.get(path("browse/categories").string("category id", id))
    }

    /// Playlists of a category.
    ///
    /// Only for apps with [extended quota](crate::Quota) that were registered before 27 November
    /// 2024.
    ///
    /// Optional: [`limit`](Request::limit), [`offset`](Request::offset).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-categories-playlists>
    #[doc(alias("GetCategoryPlaylists", "get_a_categories_playlists"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps that were registered after 27 November 2024")
    )]
    pub fn category_playlists(
        &self,
        id: impl Into<String>,
    ) -> Request<Page<SimplifiedPlaylist>, Paging> {
        self.0
            .get(path("browse/categories").string("category id", id).then("playlists"))
            .page("playlists")
    }

    /// Genres that recommendations can go by.
    ///
    /// Only for apps with [extended quota](crate::Quota) that were registered before 27 November
    /// 2024.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-recommendation-genres>
    #[doc(alias(
        "GetRecommendationGenres",
        "get_recommendation_genres",
        "recommendation_genre_seeds"
    ))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps that were registered after 27 November 2024")
    )]
    pub fn genre_seeds(&self) -> Request<Vec<String>> {
        self.0.get(path("recommendations/available-genre-seeds")).list("genres")
    }

    /// Markets where Spotify is available.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-available-markets>
    #[doc(alias("AvailableMarkets", "available_markets", "get_available_markets"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026")
    )]
    pub fn markets(&self) -> Request<Vec<Market>> {
        self.0.get(path("markets")).list("markets")
    }
}
