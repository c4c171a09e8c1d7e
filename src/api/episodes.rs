//! Podcast episodes.

use super::Connection;
use super::request::params::{InMarket, MarketPaging};
use super::request::{IntoId, IntoIds, Request, in_batches, path};
use super::scopes::{LIBRARY_MODIFY, LIBRARY_READ, PLAYBACK_POSITION, SAVED_EPISODES_READ};
use crate::error::Error;
use crate::model::{Episode, EpisodeId, Page, SavedEpisode};

/// Podcast episodes.
///
/// From [`SpotifyClient::episodes`](crate::SpotifyClient::episodes).
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
    pub fn get(&self, id: impl IntoId<EpisodeId>) -> Request<Episode, InMarket> {
        self.0.get(path("episodes").id(id)).scopes(PLAYBACK_POSITION)
    }

    /// Up to 50 episodes at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-episodes>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(&self, ids: impl IntoIds<EpisodeId>) -> Request<Vec<Option<Episode>>, InMarket> {
        self.0
            .get(path("episodes"))
            .scopes(PLAYBACK_POSITION)
            .ids("ids", ids, 50)
            .several("episodes")
    }

    /// Any number of episodes, with as many requests as it takes, in the order of their ids; `None`
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
        ids: impl IntoIds<EpisodeId>,
    ) -> Result<Vec<Option<Episode>>, Error> {
        let responses = in_batches(ids, 50, |ids| self.several(ids)).await?;
        Ok(responses.into_iter().flatten().collect())
    }

    /// What the user has saved, newest first.
    ///
    /// Scopes: `user-library-read`, `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-episodes>
    pub fn saved(&self) -> Request<Page<SavedEpisode>, MarketPaging> {
        self.0.get(path("me/episodes")).scopes(SAVED_EPISODES_READ)
    }

    /// Saves up to 50 episodes for the user.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-episodes-user>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save(&self, ids: impl IntoIds<EpisodeId>) -> Request<()> {
        self.0.put(path("me/episodes")).scopes(LIBRARY_MODIFY).ids("ids", ids, 50)
    }

    /// Removes up to 50 episodes from what the user has saved.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-episodes-user>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn remove(&self, ids: impl IntoIds<EpisodeId>) -> Request<()> {
        self.0.delete(path("me/episodes")).scopes(LIBRARY_MODIFY).ids("ids", ids, 50)
    }

    /// Whether the user has saved each of up to 50 episodes, in their order; `None` where Spotify
    /// does not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-episodes>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().contains`"
        )
    )]
    pub fn are_saved(&self, ids: impl IntoIds<EpisodeId>) -> Request<Vec<Option<bool>>> {
        self.0
            .get(path("me/episodes/contains"))
            .scopes(LIBRARY_READ)
            .ids("ids", ids, 50)
            .one_for_each()
    }
}
