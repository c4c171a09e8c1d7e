//! Chapters of audiobooks.

use super::Connection;
use super::request::Request;
use super::request::in_batches;
use super::request::params::Market;
use super::request::path;
use crate::error::Error;
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

    /// Any number of chapters, with as many requests as it takes, in the order of their ids; `None` for
    /// what Spotify does not know.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request; a wrong id is one before any is sent.
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    #[expect(deprecated, reason = "gone together")]
    pub async fn several_in_batches(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ChapterId, Error: Into<IdError>>>,
    ) -> Result<Vec<Option<Chapter>>, Error> {
        let answers = in_batches::<ChapterId, _, _>(ids, 50, |ids| self.several(ids)).await?;
        Ok(answers.into_iter().flatten().collect())
    }
}
