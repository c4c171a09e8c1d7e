//! Playlists.

use super::Connection;
use super::bodies::{PlaylistDetails, PlaylistRemoval, PlaylistReorder};
use super::request::params::{PlaylistFields, PlaylistItems, UserPlaylists};
use super::request::{IntoId, IntoIds, Request, path, playable, write_in_batches};
use super::scopes::{COVER_UPLOAD, PLAYLIST_MODIFY, PLAYLIST_READ, PLAYLISTS_READ};
use crate::error::Error;
use crate::model::{
    Image, Page, Playlist, PlaylistId, PlaylistItem, SimplifiedPlaylist, Snapshot, SpotifyUri,
    UserId,
};

/// Playlists.
///
/// From [`SpotifyClient::playlists`](crate::SpotifyClient::playlists).
#[derive(Debug, Clone)]
pub struct Playlists(pub(crate) Connection);

impl Playlists {
    /// A playlist with its first entries.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlist>
    pub fn get(&self, id: impl IntoId<PlaylistId>) -> Request<Playlist, PlaylistFields> {
        self.0.get(path("playlists").id(id))
    }

    /// Changes name, description or visibility.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/change-playlist-details>
    pub fn change(&self, id: impl IntoId<PlaylistId>, details: &PlaylistDetails) -> Request<()> {
        self.0.put(path("playlists").id(id)).scopes(PLAYLIST_MODIFY).with_checked(details.body())
    }

    /// Entries of a playlist.
    ///
    /// Scopes: `playlist-read-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlists-items>
    pub fn items(&self, id: impl IntoId<PlaylistId>) -> Request<Page<PlaylistItem>, PlaylistItems> {
        self.0.get(path("playlists").id(id).then("items")).scopes(PLAYLIST_READ)
    }

    /// Adds up to 100 items at the end.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/add-items-to-playlist>
    pub fn add_items(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0.post(path("playlists").id(id).then("items")).scopes(PLAYLIST_MODIFY).json_ids(
            "uris",
            playable(uris),
            100,
        )
    }

    /// Adds any number of items at the end, with as many requests as it takes. Returns the
    /// versions of the playlist after each, the last of which is the newest.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request; after others that added items it is an
    /// [`Error::PartlyCarriedOut`], which says how many. A wrong id or URI is an error before
    /// anything is sent. So is a local file, which the Web API cannot take: a playlist that is
    /// restored is filtered first, by whether each URI parses as a [`SpotifyUri`].
    pub async fn add_items_in_batches(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Result<Vec<Snapshot>, Error> {
        let id = id.into_id()?;
        let uris = playable(uris);
        write_in_batches(uris, 100, |uris| self.add_items(id, uris), |snapshots| snapshots).await
    }

    /// Adds up to 100 items before the one at `position`, from 0.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/add-items-to-playlist>
    pub fn insert_items(
        &self,
        id: impl IntoId<PlaylistId>,
        position: u32,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0
            .post(path("playlists").id(id).then("items"))
            .scopes(PLAYLIST_MODIFY)
            .with("position", position.to_string())
            .json_ids("uris", playable(uris), 100)
    }

    /// Replaces all items by up to 100 others.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/reorder-or-replace-playlists-items>
    pub fn replace_items(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0.put(path("playlists").id(id).then("items")).scopes(PLAYLIST_MODIFY).json_ids(
            "uris",
            playable(uris),
            100,
        )
    }

    /// Moves entries to another place.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/reorder-or-replace-playlists-items>
    pub fn reorder_items(
        &self,
        id: impl IntoId<PlaylistId>,
        reorder: &PlaylistReorder,
    ) -> Request<Snapshot> {
        self.0
            .put(path("playlists").id(id).then("items"))
            .scopes(PLAYLIST_MODIFY)
            .once()
            .with_checked(reorder.body())
    }

    /// Removes up to 100 items, wherever they are in it.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-items-playlist>
    pub fn remove_items(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0.delete(path("playlists").id(id).then("items")).scopes(PLAYLIST_MODIFY).json_uris(
            "items",
            playable(uris),
            100,
        )
    }

    /// Removes up to 100 items, those of a version of the playlist and at places where that is
    /// said.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// Whatever is in a playlist for the second time is removed so, with the caution of
    /// [`PlaylistRemoval::at`]:
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::builder().with_playlist_length(120).start().await?;
    /// # let config = fake.config().with_token(fake.user_token());
    /// # let spotify = spotify_web::SpotifyClient::new(config)?;
    /// use std::collections::HashSet;
    ///
    /// use spotify_web::api::PlaylistRemoval;
    /// use spotify_web::model::SpotifyUri;
    ///
    /// let (playlists, id) = (spotify.playlists(), "3cEYpjA9oz9GiPac4AsH4n");
    /// let version = playlists.get(id).await?.snapshot_id.ok_or("no version")?;
    /// let (mut seen, mut removal) = (HashSet::new(), PlaylistRemoval::new().snapshot_id(version));
    /// let mut duplicates = 0;
    /// for entry in playlists.items(id).all().entries().await? {
    ///     let item = entry.item.into_item().and_then(|entry| entry.item);
    ///     // Local files have no URI that the Web API takes.
    ///     let uri = item.and_then(|item| item.uri()?.parse::<SpotifyUri>().ok());
    ///     if let Some(uri) = uri.filter(|uri| !seen.insert(uri.clone())) {
    ///         removal = removal.at(uri, [entry.position]);
    ///         duplicates += 1;
    ///     }
    /// }
    /// if duplicates > 0 {
    ///     playlists.remove_entries(id, &removal).await?;
    /// }
    /// # assert!(duplicates > 0);
    /// # let left = playlists.items(id).all().entries().await?;
    /// # assert_eq!(left.len(), 120 - duplicates);
    /// # let left = left.into_iter().filter_map(|entry| entry.item.into_item()?.item);
    /// # let mut uris = left.filter_map(|item| item.uri()?.parse::<SpotifyUri>().ok());
    /// # let mut seen = HashSet::new();
    /// # assert!(uris.all(|uri| seen.insert(uri)));
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-items-playlist>
    pub fn remove_entries(
        &self,
        id: impl IntoId<PlaylistId>,
        removal: &PlaylistRemoval,
    ) -> Request<Snapshot> {
        self.0
            .delete(path("playlists").id(id).then("items"))
            .scopes(PLAYLIST_MODIFY)
            .with_checked(removal.body("items"))
    }

    /// Entries of a playlist.
    ///
    /// By its name before February 2026.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-read-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlists-tracks>
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
            100,
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
            .json_ids("uris", playable(uris), 100)
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

    /// Removes up to 100 items, those of a version of the playlist and at places where that is
    /// said.
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

    /// Replaces all items by up to 100 others.
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
            100,
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

    /// Playlists of the user who has logged in, also those that they follow.
    ///
    /// Scopes: `playlist-read-private`, `playlist-read-collaborative`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-list-of-current-users-playlists>
    pub fn mine(&self) -> Request<Page<SimplifiedPlaylist>, UserPlaylists> {
        self.0.get(path("me/playlists")).scopes(PLAYLISTS_READ)
    }

    /// A new playlist of the user who has logged in; public, unless the details say otherwise.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/create-playlist>
    pub fn create(&self, name: impl Into<String>, details: PlaylistDetails) -> Request<Playlist> {
        let details = details.name(name).body();
        self.0.post(path("me/playlists")).scopes(PLAYLIST_MODIFY).with_checked(details)
    }

    /// Playlists of a user, also those that they follow.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `playlist-read-private`, `playlist-read-collaborative`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-list-users-playlists>
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
            .with_checked(details.name(name).body())
    }

    /// Follows a playlist.
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
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().contains`"
        )
    )]
    pub fn is_followed(&self, id: impl IntoId<PlaylistId>) -> Request<Vec<Option<bool>>> {
        self.0.get(path("playlists").id(id).then("followers/contains")).one_for_each()
    }

    /// Cover pictures of a playlist, widest first.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlist-cover>
    pub fn cover(&self, id: impl IntoId<PlaylistId>) -> Request<Vec<Image>> {
        self.0.get(path("playlists").id(id).then("images")).bare_list()
    }

    /// Sets the cover picture to a JPEG, whose base 64 is 256 KB at most.
    ///
    /// Scopes: `ugc-image-upload`, `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/upload-custom-playlist-cover>
    pub fn upload_cover(&self, id: impl IntoId<PlaylistId>, jpeg: &[u8]) -> Request<()> {
        self.0.put(path("playlists").id(id).then("images")).scopes(COVER_UPLOAD).with_jpeg(jpeg)
    }
}
