//! Podcast episodes.

use reqwest::Method;

use super::Connection;
use super::request::Request;
use super::request::in_batches;
use super::request::params::{Market, MarketPaging, Nothing};
use super::request::path;
use crate::error::Error;
use crate::model::{Episode, EpisodeId, IdError, Page, SavedEpisode};
use crate::oauth::Scope;

/// Podcast episodes.
///
/// Had from [`SpotifyClient::episodes`](crate::SpotifyClient::episodes).
#[derive(Debug, Clone)]
pub struct Episodes(pub(crate) Connection);

impl Episodes {
    /// An episode with its podcast.
    ///
    /// Needs a market, of the user or given.
    ///
    /// Scopes: `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-episode>
    pub fn get(
        &self,
        id: impl TryInto<EpisodeId, Error: Into<IdError>>,
    ) -> Request<Episode, Market> {
        self.0.get(path("episodes").id::<EpisodeId>(id)).scopes(&[Scope::UserReadPlaybackPosition])
    }

    /// Up to 50 episodes at once.
    ///
    /// Spotify answers in the order of the ids, with `None` for what it does not know.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-episodes>
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    pub fn several(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<EpisodeId, Error: Into<IdError>>>,
    ) -> Request<Vec<Option<Episode>>, Market> {
        self.0.get(path("episodes")).with_list::<_, EpisodeId>("ids", ids, 50).wrapped()
    }

    /// Any number of episodes, with as many requests as it takes, in the order of their ids; `None` for
    /// what Spotify does not know.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request; a wrong id is one before any is sent.
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    #[expect(deprecated, reason = "gone together")]
    pub async fn several_in_batches(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<EpisodeId, Error: Into<IdError>>>,
    ) -> Result<Vec<Option<Episode>>, Error> {
        let answers = in_batches::<EpisodeId, _, _>(ids, 50, |ids| self.several(ids)).await?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// What the user has saved, newest first.
    ///
    /// Scopes: `user-library-read`, `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-episodes>
    pub fn saved(&self) -> Request<Page<SavedEpisode>, MarketPaging> {
        self.0
            .get(path("me").then("episodes"))
            .scopes(&[Scope::UserLibraryRead, Scope::UserReadPlaybackPosition])
    }

    /// Saves up to 50 episodes for the user.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-episodes-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().save`"
    )]
    pub fn save(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<EpisodeId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("me").then("episodes"))
            .scopes(&[Scope::UserLibraryModify])
            .with_json_list::<_, EpisodeId>("ids", ids, 50)
    }

    /// Removes up to 50 episodes from what the user has saved.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-episodes-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().remove`"
    )]
    pub fn remove(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<EpisodeId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::DELETE, path("me").then("episodes"))
            .scopes(&[Scope::UserLibraryModify])
            .with_json_list::<_, EpisodeId>("ids", ids, 50)
    }

    /// Whether the user has saved each of up to 50 episodes, in their order.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-episodes>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().contains`"
    )]
    pub fn are_saved(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<EpisodeId, Error: Into<IdError>>>,
    ) -> Request<Vec<bool>, Nothing> {
        self.0
            .get(path("me").then("episodes").then("contains"))
            .scopes(&[Scope::UserLibraryRead])
            .with_list::<_, EpisodeId>("ids", ids, 50)
    }
}
