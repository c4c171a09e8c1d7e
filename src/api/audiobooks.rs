//! Audiobooks.

use super::Connection;
use super::request::params::{InMarket, MarketPaging, Paging};
use super::request::{Batches, IntoId, IntoIds, Request, path};
use super::scopes::{LIBRARY_MODIFY, LIBRARY_READ};
use crate::model::{Audiobook, AudiobookId, Page, SavedAudiobook, SimplifiedChapter};

/// Audiobooks.
///
/// From [`SpotifyClient::audiobooks`](crate::SpotifyClient::audiobooks).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let audiobooks = spotify.audiobooks();
/// let book = audiobooks.get("7iHfbu1YPACw6oZPAFJtqe").await?;
/// let chapters = audiobooks.chapters("7iHfbu1YPACw6oZPAFJtqe").all().await?;
/// println!("{}: {} chapters", book.name, chapters.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Audiobooks(pub(crate) Connection);

impl Audiobooks {
    /// An audiobook with its first 50 chapters; in the markets that have them.
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-audiobook>
    #[doc(alias("get_an_audiobook", "get_audiobook"))]
    pub fn get(&self, id: impl IntoId<AudiobookId>) -> Request<Audiobook, InMarket> {
        self.0.get(path("audiobooks").id(id))
    }

    /// Up to 50 audiobooks at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-audiobooks>
    #[doc(alias("get_audiobooks", "get_multiple_audiobooks"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(
        &self,
        ids: impl IntoIds<AudiobookId>,
    ) -> Request<Vec<Option<Audiobook>>, InMarket> {
        self.0
            .get(path("audiobooks"))
            .ids("ids", ids, 50)
            .or_in_batches("several_in_batches")
            .several("audiobooks")
    }

    /// Any number of audiobooks, with as many requests as it takes, in the order of their ids;
    /// `None` for an id that Spotify does not know.
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
    pub fn several_in_batches(
        &self,
        ids: impl IntoIds<AudiobookId>,
    ) -> Batches<Vec<Option<Audiobook>>> {
        let group = self.clone();
        Batches::new(ids.into_ids(), 50, move |_, ids| group.several(ids))
    }

    /// Chapters of an audiobook, in order.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-audiobook-chapters>
    #[doc(alias("GetChapters", "get_audiobook_chapters"))]
    pub fn chapters(
        &self,
        id: impl IntoId<AudiobookId>,
    ) -> Request<Page<SimplifiedChapter>, MarketPaging> {
        self.0.get(path("audiobooks").id(id).then("chapters"))
    }

    /// What the user has saved, newest first.
    ///
    /// Optional: [`limit`](Request::limit), [`offset`](Request::offset).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-audiobooks>
    #[doc(alias = "get_users_saved_audiobooks")]
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
    #[doc(alias("SaveAudiobooks", "save_audiobooks_user"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save(&self, ids: impl IntoIds<AudiobookId>) -> Request<()> {
        self.0
            .put(path("me/audiobooks"))
            .scopes(LIBRARY_MODIFY)
            .ids("ids", ids, 50)
            .or_in_batches("library().save_in_batches")
    }

    /// Removes up to 50 audiobooks from what the user has saved.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-audiobooks-user>
    #[doc(alias("RemoveAudiobooks", "remove_audiobooks_user"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn remove(&self, ids: impl IntoIds<AudiobookId>) -> Request<()> {
        self.0
            .delete(path("me/audiobooks"))
            .scopes(LIBRARY_MODIFY)
            .ids("ids", ids, 50)
            .or_in_batches("library().remove_in_batches")
    }

    /// Whether the user has saved each of up to 50 audiobooks, in their order; `None` where Spotify
    /// does not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-audiobooks>
    #[doc(alias("CheckAudiobooks", "check_users_saved_audiobooks"))]
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
            .or_in_batches("library().contains_in_batches")
            .one_for_each()
    }
}
