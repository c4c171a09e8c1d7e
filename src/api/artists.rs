//! Artists.

use super::Connection;
use super::params::{ArtistAlbums, Nothing};
use super::path::path;
use super::request::Request;
use crate::model::{Artist, ArtistAlbum, ArtistId, IdError, Page};

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

    /// Albums of an artist, newest first within each group.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-artists-albums>
    pub fn albums(
        &self,
        id: impl TryInto<ArtistId, Error: Into<IdError>>,
    ) -> Request<Page<ArtistAlbum>, ArtistAlbums> {
        self.0.get(path("artists").id::<ArtistId>(id).then("albums"))
    }
}
