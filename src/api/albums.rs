//! Albums.

use super::Connection;
use super::request::params::{InMarket, MarketPaging, Paging};
use super::request::{Batches, IntoId, IntoIds, Request, path};
use super::scopes::{LIBRARY_MODIFY, LIBRARY_READ};
use crate::model::{Album, AlbumId, Page, SavedAlbum, SimplifiedAlbum, SimplifiedTrack};

/// Albums.
///
/// From [`SpotifyClient::albums`](crate::SpotifyClient::albums).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let albums = spotify.albums();
/// let album = albums.get("0tGPJ0bkWOUmH7MEOR77qc").market("DE").await?;
/// let tracks = albums.tracks("0tGPJ0bkWOUmH7MEOR77qc").all().await?;
/// println!("{}: {} tracks", album.name, tracks.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Albums(pub(crate) Connection);

impl Albums {
    /// An album with its first 50 tracks.
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-album>
    #[doc(alias("album", "get_an_album"))]
    pub fn get(&self, id: impl IntoId<AlbumId>) -> Request<Album, InMarket> {
        self.0.get(path("albums").id(id))
    }

    /// Up to 20 albums at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-albums>
    #[doc(alias("GetSeveral", "albums", "get_multiple_albums"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(&self, ids: impl IntoIds<AlbumId>) -> Request<Vec<Option<Album>>, InMarket> {
        self.0
            .get(path("albums"))
            .ids("ids", ids, 20)
            .or_in_batches("several_in_batches")
            .several("albums")
    }

    /// Any number of albums, with as many requests as it takes, in the order of their ids; `None`
    /// for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// # Errors
    ///
    /// The [`BatchError`](crate::BatchError) of the first request that fails. A wrong id is an
    /// error before anything is sent.
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    #[allow(deprecated, reason = "with the feature `extended-quota` it is not")]
    pub fn several_in_batches(&self, ids: impl IntoIds<AlbumId>) -> Batches<Vec<Option<Album>>> {
        let group = self.clone();
        Batches::new(ids.into_ids(), 20, move |_, ids| group.several(ids))
    }

    /// Tracks of an album, in the order of its discs.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-albums-tracks>
    #[doc(alias("GetTracks", "album_track", "album_tracks", "get_an_albums_tracks"))]
    pub fn tracks(&self, id: impl IntoId<AlbumId>) -> Request<Page<SimplifiedTrack>, MarketPaging> {
        self.0.get(path("albums").id(id).then("tracks"))
    }

    /// What the user has saved, newest first.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-albums>
    #[doc(alias("GetAlbums", "current_user_saved_albums", "get_users_saved_albums"))]
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
    #[doc(alias("SaveAlbums", "current_user_saved_albums_add", "save_albums_user"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save(&self, ids: impl IntoIds<AlbumId>) -> Request<()> {
        self.0
            .put(path("me/albums"))
            .scopes(LIBRARY_MODIFY)
            .ids("ids", ids, 20)
            .or_in_batches("library().save_in_batches")
    }

    /// Removes up to 20 albums from what the user has saved.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-albums-user>
    #[doc(alias("RemoveAlbums", "current_user_saved_albums_delete", "remove_albums_user"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn remove(&self, ids: impl IntoIds<AlbumId>) -> Request<()> {
        self.0
            .delete(path("me/albums"))
            .scopes(LIBRARY_MODIFY)
            .ids("ids", ids, 20)
            .or_in_batches("library().remove_in_batches")
    }

    /// Whether the user has saved each of up to 20 albums, in their order; `None` where Spotify
    /// does not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-albums>
    #[doc(alias("CheckAlbums", "check_users_saved_albums", "current_user_saved_albums_contains"))]
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
            .or_in_batches("library().contains_in_batches")
            .one_for_each()
    }

    /// New albums that Spotify features.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`limit`](Request::limit), [`offset`](Request::offset).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-new-releases>
    #[doc(alias = "get_new_releases")]
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
