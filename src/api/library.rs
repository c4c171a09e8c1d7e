//! The user's library, of all kinds at once.

use super::Connection;
use super::request::{IntoIds, Request, in_batches, path, savable, write_in_batches};
use super::scopes::{ANY_MODIFY, ANY_READ};
use crate::error::Error;
use crate::model::SpotifyUri;

/// The user's library, of all kinds at once.
///
/// From [`SpotifyClient::library`](crate::SpotifyClient::library).
#[derive(Debug, Clone)]
pub struct Library(pub(crate) Connection);

impl Library {
    /// Saves up to 40 things for the user; artists, users and playlists are followed.
    ///
    /// Scopes: `user-library-modify`, `user-follow-modify`, `playlist-modify-public`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-library-items>
    pub fn save(&self, uris: impl IntoIds<SpotifyUri>) -> Request<()> {
        self.0.put(path("me/library")).scopes(ANY_MODIFY).ids("uris", savable(uris), 40)
    }

    /// Removes up to 40 things of any kind from what the user has saved or follows.
    ///
    /// Scopes: `user-library-modify`, `user-follow-modify`, `playlist-modify-public`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-library-items>
    pub fn remove(&self, uris: impl IntoIds<SpotifyUri>) -> Request<()> {
        self.0.delete(path("me/library")).scopes(ANY_MODIFY).ids("uris", savable(uris), 40)
    }

    /// Whether the user has saved or follows each of up to 40 things, in their order; `None` where
    /// Spotify does not say.
    ///
    /// Scopes: `user-library-read`, `user-follow-read`, `playlist-read-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-library-contains>
    pub fn contains(&self, uris: impl IntoIds<SpotifyUri>) -> Request<Vec<Option<bool>>> {
        self.0
            .get(path("me/library/contains"))
            .scopes(ANY_READ)
            .ids("uris", savable(uris), 40)
            .one_for_each()
    }

    /// Saves any number of things, with as many requests as it takes.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request; after others that were carried out it is an
    /// [`Error::PartlyCarriedOut`]. Saving twice does no harm. A wrong URI is an error before
    /// anything is sent.
    pub async fn save_in_batches(&self, uris: impl IntoIds<SpotifyUri>) -> Result<(), Error> {
        let uris = savable(uris);
        write_in_batches(uris, 40, |uris| self.save(uris), |_| Vec::new()).await.map(drop)
    }

    /// Removes any number of things, with as many requests as it takes.
    ///
    /// # Errors
    ///
    /// As [`save_in_batches`](Self::save_in_batches).
    pub async fn remove_in_batches(&self, uris: impl IntoIds<SpotifyUri>) -> Result<(), Error> {
        let uris = savable(uris);
        write_in_batches(uris, 40, |uris| self.remove(uris), |_| Vec::new()).await.map(drop)
    }

    /// Whether the user has saved or follows each of any number of things, in their order, with as
    /// many requests as it takes; `None` where Spotify does not say.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request. A wrong URI is an error before anything is sent.
    pub async fn contains_in_batches(
        &self,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Result<Vec<Option<bool>>, Error> {
        let responses = in_batches(savable(uris), 40, |uris| self.contains(uris)).await?;
        Ok(responses.into_iter().flatten().collect())
    }
}
