//! Artists.

use super::Connection;
use super::request::params::{ArtistAlbums, InMarket};
use super::request::{IntoId, IntoIds, Request, in_batches, path};
use crate::error::Error;
use crate::model::{Artist, ArtistAlbum, ArtistId, Page, Track};

/// Artists.
///
/// From [`SpotifyClient::artists`](crate::SpotifyClient::artists).
#[derive(Debug, Clone)]
pub struct Artists(pub(crate) Connection);

impl Artists {
    /// An artist.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artist>
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
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(&self, ids: impl IntoIds<ArtistId>) -> Request<Vec<Option<Artist>>> {
        self.0.get(path("artists")).ids("ids", ids, 50).several("artists")
    }

    /// Any number of artists, with as many requests as it takes, in the order of their ids; `None`
    /// for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request. A wrong id is an error before anything is sent.
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    #[allow(deprecated, reason = "with the feature `extended-quota` it is not")]
    pub async fn several_in_batches(
        &self,
        ids: impl IntoIds<ArtistId>,
    ) -> Result<Vec<Option<Artist>>, Error> {
        let responses = in_batches(ids, 50, |ids| self.several(ids)).await?;
        Ok(responses.into_iter().flatten().collect())
    }

    /// Albums of an artist, newest first within each group.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artists-albums>
    pub fn albums(&self, id: impl IntoId<ArtistId>) -> Request<Page<ArtistAlbum>, ArtistAlbums> {
        self.0.get(path("artists").id(id).then("albums"))
    }

    /// The artist's most popular tracks in a market.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artists-top-tracks>
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
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps that were registered after 27 November 2024")
    )]
    pub fn related(&self, id: impl IntoId<ArtistId>) -> Request<Vec<Option<Artist>>> {
        self.0.get(path("artists").id(id).then("related-artists")).several("artists")
    }
}
