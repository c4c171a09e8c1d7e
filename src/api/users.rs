//! Users, and whom they follow.

use super::Connection;
use super::request::params::{FollowedArtists, TopItems};
use super::request::{IntoId, IntoIds, Request, path};
use super::scopes::{FOLLOW_MODIFY, FOLLOW_READ, PROFILE_READ, TOP_READ};
use crate::model::{Artist, ArtistId, CursorPage, Page, PrivateUser, PublicUser, Track, UserId};

/// Users, and whom they follow.
///
/// From [`SpotifyClient::users`](crate::SpotifyClient::users).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// use spotify_web::api::TimeRange;
///
/// let me = spotify.users().me().await?;
/// let artists = spotify.users().top_artists().time_range(TimeRange::LongTerm).limit(5).await?;
/// println!("{}: {} favourites", me.id, artists.items.len());
/// # Ok(())
/// # }
/// ```
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
    #[doc(alias("UserProfile.Current", "current_user", "get_current_users_profile"))]
    pub fn me(&self) -> Request<PrivateUser> {
        self.0.get(path("me")).scopes(PROFILE_READ)
    }

    /// The public profile of a user.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-profile>
    #[doc(alias("get_users_profile", "user"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026")
    )]
    pub fn get(&self, id: impl IntoId<UserId>) -> Request<PublicUser> {
        self.0.get(path("users").id(id))
    }

    /// The user's favourite artists, by how often they were listened to.
    ///
    /// Optional: [`time_range`](Request::time_range), [`limit`](Request::limit),
    /// [`offset`](Request::offset).
    ///
    /// Scopes: `user-top-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks>
    #[doc(alias("GetTopArtists", "current_user_top_artists", "get_users_top_artists"))]
    pub fn top_artists(&self) -> Request<Page<Artist>, TopItems> {
        self.0.get(path("me/top/artists")).scopes(TOP_READ)
    }

    /// The user's favourite tracks, by how often they were listened to.
    ///
    /// Optional: [`time_range`](Request::time_range), [`limit`](Request::limit),
    /// [`offset`](Request::offset).
    ///
    /// Scopes: `user-top-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks>
    #[doc(alias("GetTopTracks", "current_user_top_tracks", "get_users_top_tracks"))]
    pub fn top_tracks(&self) -> Request<Page<Track>, TopItems> {
        self.0.get(path("me/top/tracks")).scopes(TOP_READ)
    }

    /// Artists that the user follows.
    ///
    /// Optional: [`limit`](Request::limit), [`after_artist`](Request::after_artist).
    ///
    /// Scopes: `user-follow-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-followed>
    #[doc(alias("OfCurrentUser", "current_user_followed_artists", "get_followed"))]
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
    #[doc(alias("follow_artists_users", "user_follow_artists"))]
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
            .or_in_batches("library().save_in_batches")
    }

    /// Unfollows up to 50 artists.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/unfollow-artists-users>
    #[doc(alias("unfollow_artists_users", "user_unfollow_artists"))]
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
            .or_in_batches("library().remove_in_batches")
    }

    /// Whether the user follows each of up to 50 artists, in their order; `None` where Spotify does
    /// not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-current-user-follows>
    #[doc(alias(
        "CheckCurrentUser",
        "check_current_user_follows",
        "current_user_following_artists",
        "user_artist_check_follow"
    ))]
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
            .or_in_batches("library().contains_in_batches")
            .one_for_each()
    }

    /// Follows up to 50 users.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/follow-artists-users>
    #[doc(alias = "user_follow_users")]
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
            .or_in_batches("library().save_in_batches")
    }

    /// Unfollows up to 50 users.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/unfollow-artists-users>
    #[doc(alias = "user_unfollow_users")]
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
            .or_in_batches("library().remove_in_batches")
    }

    /// Whether the user follows each of up to 50 users, in their order; `None` where Spotify does
    /// not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-follow-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-current-user-follows>
    #[doc(alias = "current_user_following_users")]
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
            .or_in_batches("library().contains_in_batches")
            .one_for_each()
    }
}
