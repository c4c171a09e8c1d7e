//! Artists.

use super::Connection;
use super::request::params::{ArtistAlbums, InMarket};
use super::request::{Batches, IntoId, IntoIds, Request, path};
use crate::model::{Artist, ArtistAlbum, ArtistId, Page, Track};

/// Artists.
///
/// From [`SpotifyClient::artists`](crate::SpotifyClient::artists).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let artists = spotify.artists();
/// let artist = artists.get("6sFIWsNpZYqfjUpaCgueju").await?;
/// let albums = artists.albums("6sFIWsNpZYqfjUpaCgueju").market("DE").all().await?;
/// println!("{}: {} albums", artist.name, albums.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Artists(pub(crate) Connection);

impl Artists {
    /// An artist.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artist>
    #[doc(alias("artist", "get_an_artist"))]
    pub fn get(&self, id: impl IntoId<ArtistId>) -> Request<Artist> {
        self.0.get(path("artists").id(id))
    }

    /// Up to 50 artists at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-artists>
    #[doc(alias("artists", "get_multiple_artists"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(&self, ids: impl IntoIds<ArtistId>) -> Request<Vec<Option<Artist>>> {
        self.0
            .get(path("artists"))
            .ids("ids", ids, 50)
            .or_in_batches("several_in_batches")
            .several("artists")
    }

    /// Any number of artists, with as many requests as it takes, in the order of their ids; `None`
    /// for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// # Errors
    ///
    /// The [`BatchError`](crate::BatchError) of the first request that fails. A wrong id is an
    /// error before anything is sent.
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    #[allow(deprecated, reason = "with the feature `extended-quota` it is not")]
    pub fn several_in_batches(&self, ids: impl IntoIds<ArtistId>) -> Batches<Vec<Option<Artist>>> {
        let group = self.clone();
        Batches::new(ids.into_ids(), 50, move |_, ids| group.several(ids))
    }

    /// Albums of an artist, newest first within each group.
    ///
    /// Optional: [`include_groups`](Request::include_groups), [`market`](Request::market),
    /// [`limit`](Request::limit), [`offset`](Request::offset).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artists-albums>
    #[doc(alias("artist_albums", "get_an_artists_albums"))]
    pub fn albums(&self, id: impl IntoId<ArtistId>) -> Request<Page<ArtistAlbum>, ArtistAlbums> {
        self.0.get(path("artists").id(id).then("albums"))
    }

    /// The artist's most popular tracks in a market.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artists-top-tracks>
    #[doc(alias("artist_top_tracks", "get_an_artists_top_tracks"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; search for `artist:` instead"
        )
    )]
    pub fn top_tracks(&self, id: impl IntoId<ArtistId>) -> Request<Vec<Option<Track>>, InMarket> {
        self.0.get(path("artists").id(id).then("top-tracks")).several("tracks")
    }

    /// Artists whose listeners overlap with those of this one.
    ///
    /// Only for apps with [extended quota](crate::Quota) that were registered before 27 November
    /// 2024.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artists-related-artists>
    #[doc(alias("GetRelatedArtists", "artist_related_artists", "get_an_artists_related_artists"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps that were registered after 27 November 2024")
    )]
    pub fn related(&self, id: impl IntoId<ArtistId>) -> Request<Vec<Option<Artist>>> {
        self.0.get(path("artists").id(id).then("related-artists")).several("artists")
    }
}
