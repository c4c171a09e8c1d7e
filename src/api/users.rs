//! Users, and whom they follow.

use super::Connection;
use super::request::params::{FollowedArtists, TopItems};
use super::request::{IntoId, IntoIds, Request, path};
use super::scopes::{FOLLOW_MODIFY, FOLLOW_READ, PROFILE_READ, TOP_READ};
use crate::model::{Artist, ArtistId, CursorPage, Page, PrivateUser, PublicUser, Track, UserId};

/// Users, and whom they follow.
///
/// From [`SpotifyClient::users`](crate::SpotifyClient::users).
#[derive(Debug, Clone)]
pub struct Users(pub(crate) Connection);

impl Users {
    /// The user who has logged in.
    ///
    /// Without the scopes, some of it is absent.
    ///
    /// Scopes: `user-read-private`, `user-read-email`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile>
    pub fn me(&self) -> Request<PrivateUser> {
        self.0.get(path("me")).scopes(PROFILE_READ)
    }

    /// The public profile of a user.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-profile>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026")
    )]
    pub fn get(&self, id: impl IntoId<UserId>) -> Request<PublicUser> {
        self.0.get(path("users").id(id))
    }

    /// The user's favourite artists, by how often they were listened to.
    ///
    /// Scopes: `user-top-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks>
    pub fn top_artists(&self) -> Request<Page<Artist>, TopItems> {
        self.0.get(path("me/top/artists")).scopes(TOP_READ)
    }

    /// The user's favourite tracks, by how often they were listened to.
    ///
    /// Scopes: `user-top-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks>
    pub fn top_tracks(&self) -> Request<Page<Track>, TopItems> {
        self.0.get(path("me/top/tracks")).scopes(TOP_READ)
    }

    /// Artists that the user follows.
    ///
    /// Scopes: `user-follow-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-followed>
    pub fn followed_artists(&self) -> Request<CursorPage<Artist>, FollowedArtists> {
        self.0
            .get(path("me/following"))
            .scopes(FOLLOW_READ)
            .with("type", "artist".to_owned())
            .page("artists")
    }

    /// Follows up to 50 artists.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/follow-artists-users>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn follow_artists(&self, ids: impl IntoIds<ArtistId>) -> Request<()> {
        self.0
            .put(path("me/following"))
            .scopes(FOLLOW_MODIFY)
            .with("type", "artist".to_owned())
            .ids("ids", ids, 50)
    }

    /// Unfollows up to 50 artists.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/unfollow-artists-users>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn unfollow_artists(&self, ids: impl IntoIds<ArtistId>) -> Request<()> {
        self.0
            .delete(path("me/following"))
            .scopes(FOLLOW_MODIFY)
            .with("type", "artist".to_owned())
            .ids("ids", ids, 50)
    }

    /// Whether the user follows each of up to 50 artists, in their order; `None` where Spotify does
    /// not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-current-user-follows>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().contains`"
        )
    )]
    pub fn follows_artists(&self, ids: impl IntoIds<ArtistId>) -> Request<Vec<Option<bool>>> {
        self.0
            .get(path("me/following/contains"))
            .scopes(FOLLOW_READ)
            .with("type", "artist".to_owned())
            .ids("ids", ids, 50)
            .one_for_each()
    }

    /// Follows up to 50 users.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/follow-artists-users>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn follow_users(&self, ids: impl IntoIds<UserId>) -> Request<()> {
        self.0
            .put(path("me/following"))
            .scopes(FOLLOW_MODIFY)
            .with("type", "user".to_owned())
            .ids("ids", ids, 50)
    }

    /// Unfollows up to 50 users.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/unfollow-artists-users>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn unfollow_users(&self, ids: impl IntoIds<UserId>) -> Request<()> {
        self.0
            .delete(path("me/following"))
            .scopes(FOLLOW_MODIFY)
            .with("type", "user".to_owned())
            .ids("ids", ids, 50)
    }

    /// Whether the user follows each of up to 50 users, in their order; `None` where Spotify does
    /// not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-current-user-follows>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().contains`"
        )
    )]
    pub fn follows_users(&self, ids: impl IntoIds<UserId>) -> Request<Vec<Option<bool>>> {
        self.0
            .get(path("me/following/contains"))
            .scopes(FOLLOW_READ)
            .with("type", "user".to_owned())
            .ids("ids", ids, 50)
            .one_for_each()
    }
}
