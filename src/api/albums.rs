//! Albums.

use reqwest::Method;

use super::Connection;
use super::request::Request;
use super::request::in_batches;
use super::request::params::{Market, MarketPaging, Nothing, Paging};
use super::request::path;
use crate::error::Error;
use crate::model::{Album, AlbumId, IdError, Page, SavedAlbum, SimplifiedAlbum, SimplifiedTrack};
use crate::oauth::Scope;

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

    /// Up to 20 albums at once.
    ///
    /// Spotify answers in the order of the ids, with `None` for what it does not know.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-albums>
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    pub fn several(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<AlbumId, Error: Into<IdError>>>,
    ) -> Request<Vec<Option<Album>>, Market> {
        self.0.get(path("albums")).with_list::<_, AlbumId>("ids", ids, 20).wrapped()
    }

    /// Any number of albums, with as many requests as it takes, in the order of their ids; `None` for
    /// what Spotify does not know.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request; a wrong id is one before any is sent.
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    #[expect(deprecated, reason = "gone together")]
    pub async fn several_in_batches(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<AlbumId, Error: Into<IdError>>>,
    ) -> Result<Vec<Option<Album>>, Error> {
        let answers = in_batches::<AlbumId, _, _>(ids, 20, |ids| self.several(ids)).await?;
        Ok(answers.into_iter().flatten().collect())
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

    /// What the user has saved, newest first.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-albums>
    pub fn saved(&self) -> Request<Page<SavedAlbum>, MarketPaging> {
        self.0.get(path("me").then("albums")).scopes(&[Scope::UserLibraryRead])
    }

    /// Saves up to 20 albums for the user.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-albums-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().save`"
    )]
    pub fn save(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<AlbumId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("me").then("albums"))
            .scopes(&[Scope::UserLibraryModify])
            .with_list::<_, AlbumId>("ids", ids, 20)
    }

    /// Removes up to 20 albums from what the user has saved.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-albums-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().remove`"
    )]
    pub fn remove(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<AlbumId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::DELETE, path("me").then("albums"))
            .scopes(&[Scope::UserLibraryModify])
            .with_list::<_, AlbumId>("ids", ids, 20)
    }

    /// Whether the user has saved each of up to 20 albums, in their order.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-albums>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().contains`"
    )]
    pub fn are_saved(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<AlbumId, Error: Into<IdError>>>,
    ) -> Request<Vec<bool>, Nothing> {
        self.0
            .get(path("me").then("albums").then("contains"))
            .scopes(&[Scope::UserLibraryRead])
            .with_list::<_, AlbumId>("ids", ids, 20)
    }

    /// New albums that Spotify features.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-new-releases>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; search for `tag:new` instead"
    )]
    pub fn new_releases(&self) -> Request<Page<SimplifiedAlbum>, Paging> {
        self.0.get(path("browse").then("new-releases"))
    }
}
