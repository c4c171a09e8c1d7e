//! Chapters of audiobooks.

use super::Connection;
use super::request::params::InMarket;
use super::request::{IntoId, IntoIds, Request, in_batches, path};
use crate::error::Error;
use crate::model::{Chapter, ChapterId};

/// Chapters of audiobooks.
///
/// From [`SpotifyClient::chapters`](crate::SpotifyClient::chapters).
#[derive(Debug, Clone)]
pub struct Chapters(pub(crate) Connection);

impl Chapters {
    /// A chapter with its audiobook; in the markets that have them.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-chapter>
    pub fn get(&self, id: impl IntoId<ChapterId>) -> Request<Chapter, InMarket> {
        self.0.get(path("chapters").id(id))
    }

    /// Up to 50 chapters at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-several-chapters>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(&self, ids: impl IntoIds<ChapterId>) -> Request<Vec<Option<Chapter>>, InMarket> {
        self.0.get(path("chapters")).ids("ids", ids, 50).several("chapters")
    }

    /// Any number of chapters, with as many requests as it takes, in the order of their ids; `None`
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
        ids: impl IntoIds<ChapterId>,
    ) -> Result<Vec<Option<Chapter>>, Error> {
        let responses = in_batches(ids, 50, |ids| self.several(ids)).await?;
        Ok(responses.into_iter().flatten().collect())
    }
}
