//! Audiobooks.

use reqwest::Method;

use super::Connection;
use super::request::Request;
use super::request::in_batches;
use super::request::params::{Market, MarketPaging, Nothing, Paging};
use super::request::path;
use crate::error::Error;
use crate::model::{Audiobook, AudiobookId, IdError, Page, SavedAudiobook, SimplifiedChapter};
use crate::oauth::Scope;

/// Audiobooks.
///
/// Had from [`SpotifyClient::audiobooks`](crate::SpotifyClient::audiobooks).
#[derive(Debug, Clone)]
pub struct Audiobooks(pub(crate) Connection);

impl Audiobooks {
    /// An audiobook with its first 50 chapters; in the markets that have them.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-audiobook>
    pub fn get(
        &self,
        id: impl TryInto<AudiobookId, Error: Into<IdError>>,
    ) -> Request<Audiobook, Market> {
        self.0.get(path("audiobooks").id::<AudiobookId>(id))
    }

    /// Up to 50 audiobooks at once.
    ///
    /// Spotify answers in the order of the ids, with `None` for what it does not know.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-audiobooks>
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    pub fn several(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<AudiobookId, Error: Into<IdError>>>,
    ) -> Request<Vec<Option<Audiobook>>, Market> {
        self.0.get(path("audiobooks")).with_list::<_, AudiobookId>("ids", ids, 50).wrapped()
    }

    /// Any number of audiobooks, with as many requests as it takes, in the order of their ids; `None` for
    /// what Spotify does not know.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request; a wrong id is one before any is sent.
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    #[expect(deprecated, reason = "gone together")]
    pub async fn several_in_batches(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<AudiobookId, Error: Into<IdError>>>,
    ) -> Result<Vec<Option<Audiobook>>, Error> {
        let answers = in_batches::<AudiobookId, _, _>(ids, 50, |ids| self.several(ids)).await?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Chapters of an audiobook, in order.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-audiobook-chapters>
    pub fn chapters(
        &self,
        id: impl TryInto<AudiobookId, Error: Into<IdError>>,
    ) -> Request<Page<SimplifiedChapter>, MarketPaging> {
        self.0.get(path("audiobooks").id::<AudiobookId>(id).then("chapters"))
    }

    /// What the user has saved, newest first.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-audiobooks>
    pub fn saved(&self) -> Request<Page<SavedAudiobook>, Paging> {
        self.0.get(path("me").then("audiobooks")).scopes(&[Scope::UserLibraryRead])
    }

    /// Saves up to 50 audiobooks for the user.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-audiobooks-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().save`"
    )]
    pub fn save(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<AudiobookId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("me").then("audiobooks"))
            .scopes(&[Scope::UserLibraryModify])
            .with_list::<_, AudiobookId>("ids", ids, 50)
    }

    /// Removes up to 50 audiobooks from what the user has saved.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-audiobooks-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().remove`"
    )]
    pub fn remove(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<AudiobookId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::DELETE, path("me").then("audiobooks"))
            .scopes(&[Scope::UserLibraryModify])
            .with_list::<_, AudiobookId>("ids", ids, 50)
    }

    /// Whether the user has saved each of up to 50 audiobooks, in their order.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-audiobooks>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().contains`"
    )]
    pub fn are_saved(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<AudiobookId, Error: Into<IdError>>>,
    ) -> Request<Vec<bool>, Nothing> {
        self.0
            .get(path("me").then("audiobooks").then("contains"))
            .scopes(&[Scope::UserLibraryRead])
            .with_list::<_, AudiobookId>("ids", ids, 50)
    }
}
