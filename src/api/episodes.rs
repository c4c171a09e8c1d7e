//! Podcast episodes.

use super::Connection;
use super::request::params::{InMarket, MarketPaging};
use super::request::{Batches, IntoId, IntoIds, Request, path};
use super::scopes::{LIBRARY_MODIFY, LIBRARY_READ, PLAYBACK_POSITION, SAVED_EPISODES_READ};
use crate::model::{Episode, EpisodeId, Page, SavedEpisode};

/// Podcast episodes.
///
/// From [`SpotifyClient::episodes`](crate::SpotifyClient::episodes).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let episode = spotify.episodes().get("512ojhOuo1ktJprKbVcKyQ").market("DE").await?;
/// let saved = spotify.episodes().saved().all().await?;
/// println!("{}, and {} that the user has saved", episode.name, saved.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Episodes(pub(crate) Connection);

impl Episodes {
    /// An episode with its podcast.
    ///
    /// Needs a market, of the user or given.
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// Scopes: `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-an-episode>
    #[doc(alias("episode", "get_an_episode"))]
    pub fn get(&self, id: impl IntoId<EpisodeId>) -> Request<Episode, InMarket> {
        self.0.get(path("episodes").id(id)).scopes(PLAYBACK_POSITION)
    }

    /// Up to 50 episodes at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// Scopes: `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-episodes>
    #[doc(alias("episodes", "get_multiple_episodes", "get_several_episodes"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(&self, ids: impl IntoIds<EpisodeId>) -> Request<Vec<Option<Episode>>, InMarket> {
        self.0
            .get(path("episodes"))
            .scopes(PLAYBACK_POSITION)
            .ids("ids", ids, 50)
            .or_in_batches("several_in_batches")
            .several("episodes")
    }

    /// Any number of episodes, with as many requests as it takes, in the order of their ids; `None`
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
    pub fn several_in_batches(
        &self,
        ids: impl IntoIds<EpisodeId>,
    ) -> Batches<Vec<Option<Episode>>> {
        let group = self.clone();
        Batches::new(ids.into_ids(), 50, move |_, ids| group.several(ids))
    }

    /// What the user has saved, newest first.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset).
    ///
    /// Scopes: `user-library-read`, `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-episodes>
    #[doc(alias("GetEpisodes", "current_user_saved_episodes", "get_users_saved_episodes"))]
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
    #[doc(alias("SaveEpisodes", "current_user_saved_episodes_add", "save_episodes_user"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save(&self, ids: impl IntoIds<EpisodeId>) -> Request<()> {
        self.0
            .put(path("me/episodes"))
            .scopes(LIBRARY_MODIFY)
            .ids("ids", ids, 50)
            .or_in_batches("library().save_in_batches")
    }

    /// Removes up to 50 episodes from what the user has saved.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-episodes-user>
    #[doc(alias("RemoveEpisodes", "current_user_saved_episodes_delete", "remove_episodes_user"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn remove(&self, ids: impl IntoIds<EpisodeId>) -> Request<()> {
        self.0
            .delete(path("me/episodes"))
            .scopes(LIBRARY_MODIFY)
            .ids("ids", ids, 50)
            .or_in_batches("library().remove_in_batches")
    }

    /// Whether the user has saved each of up to 50 episodes, in their order; `None` where Spotify
    /// does not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-episodes>
    #[doc(alias(
        "CheckEpisodes",
        "check_users_saved_episodes",
        "current_user_saved_episodes_contains"
    ))]
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
            .or_in_batches("library().contains_in_batches")
            .one_for_each()
    }
}
