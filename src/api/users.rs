//! Users, and whom they follow.

use reqwest::Method;

use super::Connection;
use super::request::Request;
use super::request::params::{FollowedArtists, Nothing, TopItems};
use super::request::path;
use crate::model::{
    Artist, ArtistId, CursorPage, IdError, Page, PrivateUser, PublicUser, Track, UserId,
};
use crate::oauth::Scope;

/// Users, and whom they follow.
///
/// Had from [`SpotifyClient::users`](crate::SpotifyClient::users).
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
    pub fn me(&self) -> Request<PrivateUser, Nothing> {
        self.0.get(path("me")).scopes(&[Scope::UserReadPrivate, Scope::UserReadEmail])
    }

    /// A user as everybody sees them.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-profile>
    #[deprecated(note = "gone for apps in development mode since February 2026")]
    pub fn get(
        &self,
        id: impl TryInto<UserId, Error: Into<IdError>>,
    ) -> Request<PublicUser, Nothing> {
        self.0.get(path("users").id::<UserId>(id))
    }

    /// The user's favourite artists, by how often they were listened to.
    ///
    /// Scopes: `user-top-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks>
    pub fn top_artists(&self) -> Request<Page<Artist>, TopItems> {
        self.0.get(path("me").then("top").then("artists")).scopes(&[Scope::UserTopRead])
    }

    /// The user's favourite tracks, by how often they were listened to.
    ///
    /// Scopes: `user-top-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks>
    pub fn top_tracks(&self) -> Request<Page<Track>, TopItems> {
        self.0.get(path("me").then("top").then("tracks")).scopes(&[Scope::UserTopRead])
    }

    /// Artists that the user follows.
    ///
    /// Scopes: `user-follow-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-followed>
    pub fn followed_artists(&self) -> Request<CursorPage<Artist>, FollowedArtists> {
        self.0
            .get(path("me").then("following"))
            .scopes(&[Scope::UserFollowRead])
            .with("type", "artist".to_owned())
    }

    /// Follows up to 50 artists.
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/follow-artists-users>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().save`"
    )]
    pub fn follow_artists(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ArtistId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("me").then("following"))
            .scopes(&[Scope::UserFollowModify])
            .with("type", "artist".to_owned())
            .with_json_list::<_, ArtistId>("ids", ids, 50)
    }

    /// Ends following up to 50 artists.
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/unfollow-artists-users>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().remove`"
    )]
    pub fn unfollow_artists(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ArtistId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::DELETE, path("me").then("following"))
            .scopes(&[Scope::UserFollowModify])
            .with("type", "artist".to_owned())
            .with_json_list::<_, ArtistId>("ids", ids, 50)
    }

    /// Whether the user follows each of up to 50 artists, in their order.
    ///
    /// Scopes: `user-follow-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-current-user-follows>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().contains`"
    )]
    pub fn follows_artists(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<ArtistId, Error: Into<IdError>>>,
    ) -> Request<Vec<bool>, Nothing> {
        self.0
            .get(path("me").then("following").then("contains"))
            .scopes(&[Scope::UserFollowRead])
            .with("type", "artist".to_owned())
            .with_list::<_, ArtistId>("ids", ids, 50)
    }

    /// Follows up to 50 users.
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/follow-artists-users>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().save`"
    )]
    pub fn follow_users(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<UserId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("me").then("following"))
            .scopes(&[Scope::UserFollowModify])
            .with("type", "user".to_owned())
            .with_json_list::<_, UserId>("ids", ids, 50)
    }

    /// Ends following up to 50 users.
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/unfollow-artists-users>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().remove`"
    )]
    pub fn unfollow_users(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<UserId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::DELETE, path("me").then("following"))
            .scopes(&[Scope::UserFollowModify])
            .with("type", "user".to_owned())
            .with_json_list::<_, UserId>("ids", ids, 50)
    }

    /// Whether the user follows each of up to 50 users, in their order.
    ///
    /// Scopes: `user-follow-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-current-user-follows>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().contains`"
    )]
    pub fn follows_users(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<UserId, Error: Into<IdError>>>,
    ) -> Request<Vec<bool>, Nothing> {
        self.0
            .get(path("me").then("following").then("contains"))
            .scopes(&[Scope::UserFollowRead])
            .with("type", "user".to_owned())
            .with_list::<_, UserId>("ids", ids, 50)
    }
}
