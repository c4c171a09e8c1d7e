//! Playlists, by the names and methods that development mode has lost.

use super::Playlists;
use super::bodies::{PlaylistDetails, PlaylistRemoval, PlaylistReorder};
use super::request::params::{PlaylistItems, UserPlaylists};
use super::request::{IntoId, IntoIds, Request, path, playable};
use super::scopes::{PLAYLIST_MODIFY, PLAYLIST_READ, PLAYLISTS_READ};
use crate::model::{
    Page, Playlist, PlaylistId, PlaylistItem, SimplifiedPlaylist, Snapshot, SpotifyUri, UserId,
};

impl Playlists {
    /// Entries of a playlist.
    ///
    /// By its name before February 2026.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`market`](Request::market), [`fields`](Request::fields),
    /// [`limit`](Request::limit), [`offset`](Request::offset),
    /// [`additional_types`](Request::additional_types).
    ///
    /// Scopes: `playlist-read-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlists-tracks>
    #[doc(alias("GetItems", "get_playlists_tracks"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "the new name is `items`, which development mode has as well")
    )]
    pub fn items_by_old_name(
        &self,
        id: impl IntoId<PlaylistId>,
    ) -> Request<Page<PlaylistItem>, PlaylistItems> {
        self.0.get(path("playlists").id(id).then("tracks")).scopes(PLAYLIST_READ)
    }

    /// Adds up to 100 items at the end.
    ///
    /// By its name before February 2026.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/add-tracks-to-playlist>
    #[doc(alias = "add_tracks_to_playlist")]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "the new name is `add_items`, which development mode has as well")
    )]
    pub fn add_items_by_old_name(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0.post(path("playlists").id(id).then("tracks")).scopes(PLAYLIST_MODIFY).json_ids(
            "uris",
            playable(uris),
            1..=100,
        )
    }

    /// Adds up to 100 items before the one at `position`, from 0.
    ///
    /// By its name before February 2026.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/add-tracks-to-playlist>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "the new name is `insert_items`, which development mode has as well")
    )]
    pub fn insert_items_by_old_name(
        &self,
        id: impl IntoId<PlaylistId>,
        position: u32,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0
            .post(path("playlists").id(id).then("tracks"))
            .scopes(PLAYLIST_MODIFY)
            .with("position", position.to_string())
            .json_ids("uris", playable(uris), 1..=100)
    }

    /// Moves entries to another place.
    ///
    /// By its name before February 2026.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/reorder-or-replace-playlists-tracks>
    #[doc(alias = "reorder_or_replace_playlists_tracks")]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "the new name is `reorder_items`, which development mode has as well")
    )]
    pub fn reorder_items_by_old_name(
        &self,
        id: impl IntoId<PlaylistId>,
        reorder: &PlaylistReorder,
    ) -> Request<Snapshot> {
        self.0
            .put(path("playlists").id(id).then("tracks"))
            .scopes(PLAYLIST_MODIFY)
            .once()
            .with_checked(reorder.body())
    }

    /// Removes up to 100 items, each wherever it is or at its places alone, from the version of the
    /// playlist that the removal names.
    ///
    /// By its name before February 2026.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-tracks-playlist>
    #[doc(alias = "remove_tracks_playlist")]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "the new name is `remove_entries`, which development mode has as well")
    )]
    pub fn remove_entries_by_old_name(
        &self,
        id: impl IntoId<PlaylistId>,
        removal: &PlaylistRemoval,
    ) -> Request<Snapshot> {
        self.0
            .delete(path("playlists").id(id).then("tracks"))
            .scopes(PLAYLIST_MODIFY)
            .with_checked(removal.body("tracks"))
    }

    /// Replaces all items by up to 100 others; by none, which clears the playlist.
    ///
    /// By its name before February 2026.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/reorder-or-replace-playlists-tracks>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "the new name is `replace_items`, which development mode has as well")
    )]
    pub fn replace_items_by_old_name(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0.put(path("playlists").id(id).then("tracks")).scopes(PLAYLIST_MODIFY).json_ids(
            "uris",
            playable(uris),
            0..=100,
        )
    }

    /// Removes up to 100 items, wherever they are in it.
    ///
    /// By its name before February 2026.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-tracks-playlist>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "the new name is `remove_items`, which development mode has as well")
    )]
    pub fn remove_items_by_old_name(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0.delete(path("playlists").id(id).then("tracks")).scopes(PLAYLIST_MODIFY).json_uris(
            "tracks",
            playable(uris),
            100,
        )
    }

    /// Playlists of a user, also those that they follow.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`limit`](Request::limit), [`offset`](Request::offset).
    ///
    /// Scopes: `playlist-read-private`, `playlist-read-collaborative`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-list-users-playlists>
    #[doc(alias("GetUsers", "get_list_users_playlists", "user_playlists"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; `mine` has those of the user who has logged in"
        )
    )]
    pub fn of_user(
        &self,
        id: impl IntoId<UserId>,
    ) -> Request<Page<SimplifiedPlaylist>, UserPlaylists> {
        self.0.get(path("users").id(id).then("playlists")).scopes(PLAYLISTS_READ)
    }

    /// A new playlist of a user, who must be the one who has logged in.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/create-playlist-for-user>
    #[doc(alias = "create_playlist_for_user")]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; use `create`")
    )]
    pub fn create_for_user(
        &self,
        id: impl IntoId<UserId>,
        name: impl Into<String>,
        details: PlaylistDetails,
    ) -> Request<Playlist> {
        self.0
            .post(path("users").id(id).then("playlists"))
            .scopes(PLAYLIST_MODIFY)
            .with_checked(details.named(name.into()))
    }

    /// Follows a playlist.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/follow-playlist>
    #[doc(alias(
        "FollowPlaylist",
        "current_user_follow_playlist",
        "follow_playlist",
        "playlist_follow",
        "user_playlist_follow_playlist"
    ))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn follow(&self, id: impl IntoId<PlaylistId>) -> Request<()> {
        self.0.put(path("playlists").id(id).then("followers")).scopes(PLAYLIST_MODIFY)
    }

    /// Follows a playlist without showing that on the user's profile.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/follow-playlist>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn follow_privately(&self, id: impl IntoId<PlaylistId>) -> Request<()> {
        let body = serde_json::json!({ "public": false });
        self.0
            .put(path("playlists").id(id).then("followers"))
            .scopes(PLAYLIST_MODIFY)
            .with_json(&body)
    }

    /// Unfollows a playlist.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/unfollow-playlist>
    #[doc(alias(
        "UnfollowPlaylist",
        "current_user_unfollow_playlist",
        "playlist_unfollow",
        "unfollow_playlist",
        "user_playlist_unfollow"
    ))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn unfollow(&self, id: impl IntoId<PlaylistId>) -> Request<()> {
        self.0.delete(path("playlists").id(id).then("followers")).scopes(PLAYLIST_MODIFY)
    }

    /// Whether the user who has logged in follows a playlist; a list of one, which is `None` where
    /// Spotify does not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-if-user-follows-playlist>
    #[doc(alias(
        "CheckPlaylist",
        "check_if_user_follows_playlist",
        "playlist_check_follow",
        "playlist_is_following",
        "user_playlist_is_following"
    ))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().contains`"
        )
    )]
    pub fn is_followed(&self, id: impl IntoId<PlaylistId>) -> Request<Vec<Option<bool>>> {
        self.0.get(path("playlists").id(id).then("followers/contains")).one_for_each()
    }
}
