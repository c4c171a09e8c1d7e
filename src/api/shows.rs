//! Podcasts.

use super::Connection;
use super::request::params::{InMarket, MarketPaging, Paging};
use super::request::{IntoId, IntoIds, Request, in_batches, path};
use super::scopes::{LIBRARY_MODIFY, LIBRARY_READ, PLAYBACK_POSITION};
use crate::error::Error;
use crate::model::{Page, SavedShow, Show, ShowId, SimplifiedEpisode, SimplifiedShow};

/// Podcasts.
///
/// From [`SpotifyClient::shows`](crate::SpotifyClient::shows).
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
    pub fn get(&self, id: impl IntoId<ShowId>) -> Request<Show, InMarket> {
        self.0.get(path("shows").id(id)).scopes(PLAYBACK_POSITION)
    }

    /// Up to 50 shows at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-multiple-shows>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(
        &self,
        ids: impl IntoIds<ShowId>,
    ) -> Request<Vec<Option<SimplifiedShow>>, InMarket> {
        self.0.get(path("shows")).ids("ids", ids, 50).several("shows")
    }

    /// Any number of shows, with as many requests as it takes, in the order of their ids; `None`
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
        ids: impl IntoIds<ShowId>,
    ) -> Result<Vec<Option<SimplifiedShow>>, Error> {
        let responses = in_batches(ids, 50, |ids| self.several(ids)).await?;
        Ok(responses.into_iter().flatten().collect())
    }

    /// Episodes of a podcast, newest first.
    ///
    /// Scopes: `user-read-playback-position`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-shows-episodes>
    pub fn episodes(
        &self,
        id: impl IntoId<ShowId>,
    ) -> Request<Page<SimplifiedEpisode>, MarketPaging> {
        self.0.get(path("shows").id(id).then("episodes")).scopes(PLAYBACK_POSITION)
    }

    /// What the user has saved, newest first.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-shows>
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
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save(&self, ids: impl IntoIds<ShowId>) -> Request<()> {
        self.0.put(path("me/shows")).scopes(LIBRARY_MODIFY).ids("ids", ids, 50)
    }

    /// Removes up to 50 shows from what the user has saved.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-shows-user>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn remove(&self, ids: impl IntoIds<ShowId>) -> Request<(), InMarket> {
        self.0.delete(path("me/shows")).scopes(LIBRARY_MODIFY).ids("ids", ids, 50)
    }

    /// Whether the user has saved each of up to 50 shows, in their order; `None` where Spotify does
    /// not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-shows>
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
            .one_for_each()
    }
}
