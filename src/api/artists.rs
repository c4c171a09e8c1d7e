//! Artists.

use super::Connection;
use super::request::Request;
use super::request::in_batches;
use super::request::params::{self, Market, Nothing};
use super::request::path;
use crate::error::Error;
use crate::model::{Artist, ArtistAlbum, ArtistId, IdError, Page, Track};

/// Artists.
///
/// Had from [`SpotifyClient::artists`](crate::SpotifyClient::artists).
#[derive(Debug, Clone)]
pub struct Artists(pub(crate) Connection);

impl Artists {
    /// An artist.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artist>
    pub fn get(
        &self,
        id: impl TryInto<ArtistId, Error: Into<IdError>>,
    ) -> Request<Artist, Nothing> {
        self.0.get(path("artists").id::<ArtistId>(id))
    }

    /// Up to 50 artists at once.
    ///
    /// Spotify answers in the order of the ids, with `None` for what it does not know.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-artists>
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    pub fn several(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ArtistId, Error: Into<IdError>>>,
    ) -> Request<Vec<Option<Artist>>, Nothing> {
        self.0.get(path("artists")).with_list::<_, ArtistId>("ids", ids, 50).wrapped()
    }

    /// Any number of artists, with as many requests as it takes, in the order of their ids; `None` for
    /// what Spotify does not know.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request; a wrong id is one before any is sent.
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    #[expect(deprecated, reason = "gone together")]
    pub async fn several_in_batches(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ArtistId, Error: Into<IdError>>>,
    ) -> Result<Vec<Option<Artist>>, Error> {
        let answers = in_batches::<ArtistId, _, _>(ids, 50, |ids| self.several(ids)).await?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Albums of an artist, newest first within each group.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artists-albums>
    pub fn albums(
        &self,
        id: impl TryInto<ArtistId, Error: Into<IdError>>,
    ) -> Request<Page<ArtistAlbum>, params::ArtistAlbums> {
        self.0.get(path("artists").id::<ArtistId>(id).then("albums"))
    }

    /// The artist's most popular tracks in a market.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artists-top-tracks>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; search for `artist:` instead"
    )]
    pub fn top_tracks(
        &self,
        id: impl TryInto<ArtistId, Error: Into<IdError>>,
    ) -> Request<Vec<Option<Track>>, Market> {
        self.0.get(path("artists").id::<ArtistId>(id).then("top-tracks")).wrapped()
    }

    /// Artists whose listeners overlap with those of this one.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artists-related-artists>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn related(
        &self,
        id: impl TryInto<ArtistId, Error: Into<IdError>>,
    ) -> Request<Vec<Option<Artist>>, Nothing> {
        self.0.get(path("artists").id::<ArtistId>(id).then("related-artists")).wrapped()
    }
}
