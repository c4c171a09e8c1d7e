//! Albums.

use super::Connection;
use super::params::{Market, MarketPaging};
use super::path::path;
use super::request::Request;
use crate::model::{Album, AlbumId, IdError, Page, SimplifiedTrack};

/// Albums.
///
/// Had from [`SpotifyClient::albums`](crate::SpotifyClient::albums).
#[derive(Debug, Clone)]
pub struct Albums(pub(crate) Connection);

impl Albums {
    /// An album with its first 50 tracks.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-album>
    pub fn get(&self, id: impl TryInto<AlbumId, Error: Into<IdError>>) -> Request<Album, Market> {
        self.0.get(path("albums").id::<AlbumId>(id))
    }

    /// Tracks of an album, in the order of its discs.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-albums-tracks>
    pub fn tracks(
        &self,
        id: impl TryInto<AlbumId, Error: Into<IdError>>,
    ) -> Request<Page<SimplifiedTrack>, MarketPaging> {
        self.0.get(path("albums").id::<AlbumId>(id).then("tracks"))
    }
}
