//! Podcasts.

use reqwest::Method;

use super::Connection;
use super::request::Request;
use super::request::in_batches;
use super::request::params::{Market, MarketPaging, Nothing, Paging};
use super::request::path;
use crate::error::Error;
use crate::model::{IdError, Page, SavedShow, Show, ShowId, SimplifiedEpisode, SimplifiedShow};
use crate::oauth::Scope;

/// Podcasts.
///
/// Had from [`SpotifyClient::shows`](crate::SpotifyClient::shows).
#[derive(Debug, Clone)]
pub struct Shows(pub(crate) Connection);

impl Shows {
    /// A podcast with its first 50 episodes.
    ///
    /// Needs a market, of the user or given.
    ///
    /// Scopes: `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-show>
    pub fn get(&self, id: impl TryInto<ShowId, Error: Into<IdError>>) -> Request<Show, Market> {
        self.0.get(path("shows").id::<ShowId>(id)).scopes(&[Scope::UserReadPlaybackPosition])
    }

    /// Up to 50 shows at once.
    ///
    /// Spotify answers in the order of the ids, with `None` for what it does not know.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-shows>
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    pub fn several(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ShowId, Error: Into<IdError>>>,
    ) -> Request<Vec<Option<SimplifiedShow>>, Market> {
        self.0.get(path("shows")).with_list::<_, ShowId>("ids", ids, 50).wrapped()
    }

    /// Any number of shows, with as many requests as it takes, in the order of their ids; `None` for
    /// what Spotify does not know.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request; a wrong id is one before any is sent.
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    #[expect(deprecated, reason = "gone together")]
    pub async fn several_in_batches(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ShowId, Error: Into<IdError>>>,
    ) -> Result<Vec<Option<SimplifiedShow>>, Error> {
        let answers = in_batches::<ShowId, _, _>(ids, 50, |ids| self.several(ids)).await?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Episodes of a podcast, newest first.
    ///
    /// Scopes: `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-shows-episodes>
    pub fn episodes(
        &self,
        id: impl TryInto<ShowId, Error: Into<IdError>>,
    ) -> Request<Page<SimplifiedEpisode>, MarketPaging> {
        self.0
            .get(path("shows").id::<ShowId>(id).then("episodes"))
            .scopes(&[Scope::UserReadPlaybackPosition])
    }

    /// What the user has saved, newest first.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-shows>
    pub fn saved(&self) -> Request<Page<SavedShow>, Paging> {
        self.0.get(path("me").then("shows")).scopes(&[Scope::UserLibraryRead])
    }

    /// Saves up to 50 shows for the user.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-shows-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().save`"
    )]
    pub fn save(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ShowId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("me").then("shows"))
            .scopes(&[Scope::UserLibraryModify])
            .with_list::<_, ShowId>("ids", ids, 50)
    }

    /// Removes up to 50 shows from what the user has saved.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-shows-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().remove`"
    )]
    pub fn remove(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ShowId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::DELETE, path("me").then("shows"))
            .scopes(&[Scope::UserLibraryModify])
            .with_list::<_, ShowId>("ids", ids, 50)
    }

    /// Whether the user has saved each of up to 50 shows, in their order.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-shows>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().contains`"
    )]
    pub fn are_saved(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ShowId, Error: Into<IdError>>>,
    ) -> Request<Vec<bool>, Nothing> {
        self.0
            .get(path("me").then("shows").then("contains"))
            .scopes(&[Scope::UserLibraryRead])
            .with_list::<_, ShowId>("ids", ids, 50)
    }
}
