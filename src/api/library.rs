//! The user's library, of all kinds at once.

use super::Connection;
use super::request::{Batches, IntoIds, Request, path, savable};
use super::scopes::{ANY_MODIFY, ANY_READ};
use crate::model::SpotifyUri;

/// The user's library, of all kinds at once.
///
/// From [`SpotifyClient::library`](crate::SpotifyClient::library).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let uris = ["spotify:track:11dFghVXANMlKmJXsNCbNl", "spotify:artist:6sFIWsNpZYqfjUpaCgueju"];
/// spotify.library().save(uris).await?;
/// let are_saved = spotify.library().contains(uris).await?;
/// assert_eq!(are_saved, [Some(true), Some(true)]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Library(pub(crate) Connection);

impl Library {
    /// Saves up to 40 things for the user; artists, users and playlists are followed.
    ///
    /// Scopes: `user-library-modify`, `user-follow-modify`, `playlist-modify-public`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-library-items>
    #[doc(alias("SaveItems", "library_add", "save_library_items"))]
    pub fn save(&self, uris: impl IntoIds<SpotifyUri>) -> Request<()> {
        self.0
            .put(path("me/library"))
            .scopes(ANY_MODIFY)
            .ids("uris", savable(uris), 40)
            .or_in_batches("save_in_batches")
    }

    /// Removes up to 40 things of any kind from what the user has saved or follows.
    ///
    /// Scopes: `user-library-modify`, `user-follow-modify`, `playlist-modify-public`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-library-items>
    #[doc(alias("RemoveItems", "library_remove", "remove_library_items"))]
    pub fn remove(&self, uris: impl IntoIds<SpotifyUri>) -> Request<()> {
        self.0
            .delete(path("me/library"))
            .scopes(ANY_MODIFY)
            .ids("uris", savable(uris), 40)
            .or_in_batches("remove_in_batches")
    }

    /// Whether the user has saved or follows each of up to 40 things, in their order; `None` where
    /// Spotify does not say.
    ///
    /// Scopes: `user-library-read`, `user-follow-read`, `playlist-read-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-library-contains>
    #[doc(alias(
        "CheckItems",
        "check_library_contains",
        "current_user_saved_items",
        "library_contains"
    ))]
    pub fn contains(&self, uris: impl IntoIds<SpotifyUri>) -> Request<Vec<Option<bool>>> {
        self.0
            .get(path("me/library/contains"))
            .scopes(ANY_READ)
            .ids("uris", savable(uris), 40)
            .or_in_batches("contains_in_batches")
            .one_for_each()
    }

    /// Saves any number of things, with as many requests as it takes.
    ///
    /// # Errors
    ///
    /// The [`BatchError`](crate::BatchError) of the first request that fails, with the number of
    /// things that were saved before it. Saving twice does no harm. A wrong URI is an error before
    /// anything is sent.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
    /// let uris = vec!["spotify:track:11dFghVXANMlKmJXsNCbNl"; 90];
    /// let saving = spotify.library().save_in_batches(&uris);
    /// saving.progress(|so_far| println!("{} of {}", so_far.done, so_far.total)).await?;
    /// # assert_eq!(fake.api_requests(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn save_in_batches(&self, uris: impl IntoIds<SpotifyUri>) -> Batches<()> {
        let library = self.clone();
        Batches::new(savable(uris).checked(), 40, move |_, uris| library.save(uris))
    }

    /// Removes any number of things, with as many requests as it takes.
    ///
    /// # Errors
    ///
    /// As [`save_in_batches`](Self::save_in_batches).
    pub fn remove_in_batches(&self, uris: impl IntoIds<SpotifyUri>) -> Batches<()> {
        let library = self.clone();
        Batches::new(savable(uris).checked(), 40, move |_, uris| library.remove(uris))
    }

    /// Whether the user has saved or follows each of any number of things, in their order, with as
    /// many requests as it takes; `None` where Spotify does not say.
    ///
    /// # Errors
    ///
    /// As [`save_in_batches`](Self::save_in_batches).
    pub fn contains_in_batches(
        &self,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Batches<Vec<Option<bool>>> {
        let library = self.clone();
        Batches::new(savable(uris).checked(), 40, move |_, uris| library.contains(uris))
    }
}
