//! Audiobooks.

use super::Connection;
use super::request::params::{InMarket, MarketPaging, Paging};
use super::request::{IntoId, IntoIds, Request, in_batches, path};
use super::scopes::{LIBRARY_MODIFY, LIBRARY_READ};
use crate::error::Error;
use crate::model::{Audiobook, AudiobookId, Page, SavedAudiobook, SimplifiedChapter};

/// Audiobooks.
///
/// From [`SpotifyClient::audiobooks`](crate::SpotifyClient::audiobooks).
#[derive(Debug, Clone)]
pub struct Audiobooks(pub(crate) Connection);

impl Audiobooks {
    /// An audiobook with its first 50 chapters; in the markets that have them.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-audiobook>
    pub fn get(&self, id: impl IntoId<AudiobookId>) -> Request<Audiobook, InMarket> {
        self.0.get(path("audiobooks").id(id))
    }

    /// Up to 50 audiobooks at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-audiobooks>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(
        &self,
        ids: impl IntoIds<AudiobookId>,
    ) -> Request<Vec<Option<Audiobook>>, InMarket> {
        self.0.get(path("audiobooks")).ids("ids", ids, 50).several("audiobooks")
    }

    /// Any number of audiobooks, with as many requests as it takes, in the order of their ids;
    /// `None` for an id that Spotify does not know.
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
        ids: impl IntoIds<AudiobookId>,
    ) -> Result<Vec<Option<Audiobook>>, Error> {
        let responses = in_batches(ids, 50, |ids| self.several(ids)).await?;
        Ok(responses.into_iter().flatten().collect())
    }

    /// Chapters of an audiobook, in order.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-audiobook-chapters>
    pub fn chapters(
        &self,
        id: impl IntoId<AudiobookId>,
    ) -> Request<Page<SimplifiedChapter>, MarketPaging> {
        self.0.get(path("audiobooks").id(id).then("chapters"))
    }

    /// What the user has saved, newest first.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-audiobooks>
    pub fn saved(&self) -> Request<Page<SavedAudiobook>, Paging> {
        self.0.get(path("me/audiobooks")).scopes(LIBRARY_READ)
    }

    /// Saves up to 50 audiobooks for the user.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-audiobooks-user>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save(&self, ids: impl IntoIds<AudiobookId>) -> Request<()> {
        self.0.put(path("me/audiobooks")).scopes(LIBRARY_MODIFY).ids("ids", ids, 50)
    }

    /// Removes up to 50 audiobooks from what the user has saved.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-audiobooks-user>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn remove(&self, ids: impl IntoIds<AudiobookId>) -> Request<()> {
        self.0.delete(path("me/audiobooks")).scopes(LIBRARY_MODIFY).ids("ids", ids, 50)
    }

    /// Whether the user has saved each of up to 50 audiobooks, in their order; `None` where Spotify
    /// does not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-audiobooks>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().contains`"
        )
    )]
    pub fn are_saved(&self, ids: impl IntoIds<AudiobookId>) -> Request<Vec<Option<bool>>> {
        self.0
            .get(path("me/audiobooks/contains"))
            .scopes(LIBRARY_READ)
            .ids("ids", ids, 50)
            .one_for_each()
    }
}
