//! Tracks.

use super::Connection;
use super::params::Market;
use super::path::path;
use super::request::Request;
use crate::model::{IdError, Track, TrackId};

/// Tracks.
///
/// Had from [`SpotifyClient::tracks`](crate::SpotifyClient::tracks).
#[derive(Debug, Clone)]
pub struct Tracks(pub(crate) Connection);

impl Tracks {
    /// A track.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-track>
    pub fn get(&self, id: impl TryInto<TrackId, Error: Into<IdError>>) -> Request<Track, Market> {
        self.0.get(path("tracks").id::<TrackId>(id))
    }
}
