//! The user's library, of all kinds at once.

use reqwest::Method;

use super::Connection;
use super::params::Nothing;
use super::path::path;
use super::request::Request;
use crate::model::{IdError, SpotifyUri};
use crate::oauth::Scope;

/// The user's library, of all kinds at once.
///
/// Had from [`SpotifyClient::library`](crate::SpotifyClient::library).
#[derive(Debug, Clone)]
pub struct Library(pub(crate) Connection);

impl Library {
    /// Saves up to 40 things of any kind for the user; artists, users and playlists are followed.
    ///
    /// Scopes: `user-library-modify`, `user-follow-modify`, `playlist-modify-public`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-library-items>
    pub fn save(
        &self,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("me").then("library"))
            .scopes(&[
                Scope::UserLibraryModify,
                Scope::UserFollowModify,
                Scope::PlaylistModifyPublic,
            ])
            .with_list::<_, SpotifyUri>("uris", uris, 40)
    }

    /// Removes up to 40 things of any kind from what the user has saved or follows.
    ///
    /// Scopes: `user-library-modify`, `user-follow-modify`, `playlist-modify-public`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-library-items>
    pub fn remove(
        &self,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::DELETE, path("me").then("library"))
            .scopes(&[
                Scope::UserLibraryModify,
                Scope::UserFollowModify,
                Scope::PlaylistModifyPublic,
            ])
            .with_list::<_, SpotifyUri>("uris", uris, 40)
    }

    /// Whether the user has saved or follows each of up to 40 things, in their order.
    ///
    /// Scopes: `user-library-read`, `user-follow-read`, `playlist-read-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-library-contains>
    pub fn contains(
        &self,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Request<Vec<bool>, Nothing> {
        self.0
            .get(path("me").then("library").then("contains"))
            .scopes(&[Scope::UserLibraryRead, Scope::UserFollowRead, Scope::PlaylistReadPrivate])
            .with_list::<_, SpotifyUri>("uris", uris, 40)
    }
}
