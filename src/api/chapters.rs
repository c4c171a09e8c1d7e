//! Chapters of audiobooks.

use super::Connection;
use super::params::Market;
use super::path::path;
use super::request::Request;
use crate::model::{Chapter, ChapterId, IdError};

/// Chapters of audiobooks.
///
/// Had from [`SpotifyClient::chapters`](crate::SpotifyClient::chapters).
#[derive(Debug, Clone)]
pub struct Chapters(pub(crate) Connection);

impl Chapters {
    /// A chapter with its audiobook; in the markets that have them.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-chapter>
    pub fn get(
        &self,
        id: impl TryInto<ChapterId, Error: Into<IdError>>,
    ) -> Request<Chapter, Market> {
        self.0.get(path("chapters").id::<ChapterId>(id))
    }

    /// Up to 50 chapters at once.
    ///
    /// Spotify answers in the order of the ids, with `None` for what it does not know.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-several-chapters>
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    pub fn several(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ChapterId, Error: Into<IdError>>>,
    ) -> Request<Vec<Option<Chapter>>, Market> {
        self.0.get(path("chapters")).with_list::<_, ChapterId>("ids", ids, 50).wrapped()
    }
}
