//! Podcasts.

use super::Connection;
use super::request::params::{InMarket, MarketPaging, Paging};
use super::request::{Batches, IntoId, IntoIds, Request, path};
use super::scopes::{LIBRARY_MODIFY, LIBRARY_READ, PLAYBACK_POSITION};
use crate::model::{Page, SavedShow, Show, ShowId, SimplifiedEpisode, SimplifiedShow};

/// Podcasts.
///
/// From [`SpotifyClient::shows`](crate::SpotifyClient::shows).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let shows = spotify.shows();
/// let show = shows.get("38bS44xjbVVZ3No3ByF1dJ").market("DE").await?;
/// let episodes = shows.episodes("38bS44xjbVVZ3No3ByF1dJ").all().await?;
/// println!("{}: {} episodes", show.name, episodes.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Shows(pub(crate) Connection);

impl Shows {
    /// A podcast with its first 50 episodes.
    ///
    /// Needs a market, of the user or given.
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// Scopes: `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-show>
    #[doc(alias("get_a_show", "show"))]
    pub fn get(&self, id: impl IntoId<ShowId>) -> Request<Show, InMarket> {
        self.0.get(path("shows").id(id)).scopes(PLAYBACK_POSITION)
    }

    /// Up to 50 shows at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-shows>
    #[doc(alias("get_multiple_shows", "get_several_shows", "shows"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(
        &self,
        ids: impl IntoIds<ShowId>,
    ) -> Request<Vec<Option<SimplifiedShow>>, InMarket> {
        self.0
            .get(path("shows"))
            .ids("ids", ids, 50)
            .or_in_batches("several_in_batches")
            .several("shows")
    }

    /// Any number of shows, with as many requests as it takes, in the order of their ids; `None`
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
        ids: impl IntoIds<ShowId>,
    ) -> Batches<Vec<Option<SimplifiedShow>>> {
        let group = self.clone();
        Batches::new(ids.into_ids(), 50, move |_, ids| group.several(ids))
    }

    /// Episodes of a podcast, newest first.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset).
    ///
    /// Scopes: `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-shows-episodes>
    #[doc(alias("get_a_shows_episodes", "get_shows_episodes", "show_episodes"))]
    pub fn episodes(
        &self,
        id: impl IntoId<ShowId>,
    ) -> Request<Page<SimplifiedEpisode>, MarketPaging> {
        self.0.get(path("shows").id(id).then("episodes")).scopes(PLAYBACK_POSITION)
    }

    /// What the user has saved, newest first.
    ///
    /// Optional: [`limit`](Request::limit), [`offset`](Request::offset).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-shows>
    #[doc(alias(
        "GetShows",
        "current_user_saved_shows",
        "get_saved_show",
        "get_users_saved_shows"
    ))]
    pub fn saved(&self) -> Request<Page<SavedShow>, Paging> {
        self.0.get(path("me/shows")).scopes(LIBRARY_READ)
    }

    /// Saves up to 50 shows for the user.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-shows-user>
    #[doc(alias("current_user_saved_shows_add", "save_shows", "save_shows_user"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save(&self, ids: impl IntoIds<ShowId>) -> Request<()> {
        self.0
            .put(path("me/shows"))
            .scopes(LIBRARY_MODIFY)
            .ids("ids", ids, 50)
            .or_in_batches("library().save_in_batches")
    }

    /// Removes up to 50 shows from what the user has saved.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-shows-user>
    #[doc(alias(
        "RemoveShows",
        "current_user_saved_shows_delete",
        "remove_shows_user",
        "remove_users_saved_shows"
    ))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn remove(&self, ids: impl IntoIds<ShowId>) -> Request<(), InMarket> {
        self.0
            .delete(path("me/shows"))
            .scopes(LIBRARY_MODIFY)
            .ids("ids", ids, 50)
            .or_in_batches("library().remove_in_batches")
    }

    /// Whether the user has saved each of up to 50 shows, in their order; `None` where Spotify does
    /// not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-shows>
    #[doc(alias("CheckShows", "check_users_saved_shows", "current_user_saved_shows_contains"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().contains`"
        )
    )]
    pub fn are_saved(&self, ids: impl IntoIds<ShowId>) -> Request<Vec<Option<bool>>> {
        self.0
            .get(path("me/shows/contains"))
            .scopes(LIBRARY_READ)
            .ids("ids", ids, 50)
            .or_in_batches("library().contains_in_batches")
            .one_for_each()
    }
}
