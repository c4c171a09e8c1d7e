//! Playlists, for reading.

use super::Connection;
use super::params::{self, Nothing, UserPlaylists};
use super::path::path;
use super::request::Request;
use crate::model::{IdError, Image, Page, Playlist, PlaylistId, PlaylistItem, SimplifiedPlaylist};

/// Playlists, for reading.
///
/// Had from [`SpotifyClient::playlists`](crate::SpotifyClient::playlists).
#[derive(Debug, Clone)]
pub struct Playlists(pub(crate) Connection);

impl Playlists {
    /// A playlist with its first entries.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlist>
    pub fn get(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
    ) -> Request<Playlist, params::Playlist> {
        self.0.get(path("playlists").id::<PlaylistId>(id))
    }

    /// Entries of a playlist.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlists-items>
    pub fn items(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
    ) -> Request<Page<PlaylistItem>, params::PlaylistItems> {
        self.0.get(path("playlists").id::<PlaylistId>(id).then("items"))
    }

    /// Playlists of the user who has logged in, also those that they follow.
    ///
    /// Scopes: `playlist-read-private` for private ones, `playlist-read-collaborative` for those of
    /// others that they may change.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-list-of-current-users-playlists>
    pub fn mine(&self) -> Request<Page<SimplifiedPlaylist>, UserPlaylists> {
        self.0.get(path("me").then("playlists"))
    }

    /// Cover pictures of a playlist, widest first.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlist-cover>
    pub fn cover(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
    ) -> Request<Vec<Image>, Nothing> {
        self.0.get(path("playlists").id::<PlaylistId>(id).then("images"))
    }
}
