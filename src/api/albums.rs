//! Albums.

use super::Connection;
use super::request::params::{InMarket, MarketPaging, Paging};
use super::request::{IntoId, IntoIds, Request, in_batches, path};
use super::scopes::{LIBRARY_MODIFY, LIBRARY_READ};
use crate::error::Error;
use crate::model::{Album, AlbumId, Page, SavedAlbum, SimplifiedAlbum, SimplifiedTrack};

/// Albums.
///
/// From [`SpotifyClient::albums`](crate::SpotifyClient::albums).
#[derive(Debug, Clone)]
pub struct Albums(pub(crate) Connection);

impl Albums {
    /// An album with its first 50 tracks.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-album>
    pub fn get(&self, id: impl IntoId<AlbumId>) -> Request<Album, InMarket> {
        self.0.get(path("albums").id(id))
    }

    /// Up to 20 albums at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-albums>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(&self, ids: impl IntoIds<AlbumId>) -> Request<Vec<Option<Album>>, InMarket> {
        self.0.get(path("albums")).ids("ids", ids, 20).several("albums")
    }

    /// Any number of albums, with as many requests as it takes, in the order of their ids; `None`
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
        ids: impl IntoIds<AlbumId>,
    ) -> Result<Vec<Option<Album>>, Error> {
        let responses = in_batches(ids, 20, |ids| self.several(ids)).await?;
        Ok(responses.into_iter().flatten().collect())
    }

    /// Tracks of an album, in the order of its discs.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-albums-tracks>
    pub fn tracks(&self, id: impl IntoId<AlbumId>) -> Request<Page<SimplifiedTrack>, MarketPaging> {
        self.0.get(path("albums").id(id).then("tracks"))
    }

    /// What the user has saved, newest first.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-albums>
    pub fn saved(&self) -> Request<Page<SavedAlbum>, MarketPaging> {
        self.0.get(path("me/albums")).scopes(LIBRARY_READ)
    }

    /// Saves up to 20 albums for the user.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-albums-user>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save(&self, ids: impl IntoIds<AlbumId>) -> Request<()> {
        self.0.put(path("me/albums")).scopes(LIBRARY_MODIFY).ids("ids", ids, 20)
    }

    /// Removes up to 20 albums from what the user has saved.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-albums-user>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn remove(&self, ids: impl IntoIds<AlbumId>) -> Request<()> {
        self.0.delete(path("me/albums")).scopes(LIBRARY_MODIFY).ids("ids", ids, 20)
    }

    /// Whether the user has saved each of up to 20 albums, in their order; `None` where Spotify
    /// does not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-albums>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().contains`"
        )
    )]
    pub fn are_saved(&self, ids: impl IntoIds<AlbumId>) -> Request<Vec<Option<bool>>> {
        self.0
            .get(path("me/albums/contains"))
            .scopes(LIBRARY_READ)
            .ids("ids", ids, 20)
            .one_for_each()
    }

    /// New albums that Spotify features.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-new-releases>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; search for `tag:new` instead"
        )
    )]
    pub fn new_releases(&self) -> Request<Page<SimplifiedAlbum>, Paging> {
        self.0.get(path("browse/new-releases")).page("albums")
    }
}
