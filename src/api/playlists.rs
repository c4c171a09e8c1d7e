//! Playlists.

use super::Connection;
use super::bodies::{PlaylistDetails, PlaylistRemoval, PlaylistReorder};
use super::request::params::{PlaylistFields, PlaylistItems, UserPlaylists};
use super::request::{Batches, IntoId, IntoIds, Request, path, playable};
use super::scopes::{COVER_UPLOAD, PLAYLIST_MODIFY, PLAYLIST_READ, PLAYLISTS_READ};
use crate::error::Error;
use crate::model::{
    Image, Page, Playlist, PlaylistId, PlaylistItem, SimplifiedPlaylist, Snapshot, SpotifyUri,
};

/// Playlists.
///
/// From [`SpotifyClient::playlists`](crate::SpotifyClient::playlists).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// use spotify_web::api::PlaylistDetails;
///
/// let playlists = spotify.playlists();
/// let made = playlists.create("For the road", PlaylistDetails::new()).await?;
/// playlists.add_items(&made.id, ["spotify:track:11dFghVXANMlKmJXsNCbNl"]).await?;
/// assert_eq!(playlists.items(&made.id).all().await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Playlists(pub(crate) Connection);

impl Playlists {
    /// A playlist with its first entries.
    ///
    /// Optional: [`market`](Request::market), [`fields`](Request::fields),
    /// [`additional_types`](Request::additional_types).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlist>
    #[doc(alias("get_playlist", "playlist", "user_playlist"))]
    pub fn get(&self, id: impl IntoId<PlaylistId>) -> Request<Playlist, PlaylistFields> {
        self.0.get(path("playlists").id(id))
    }

    /// Changes name, description or visibility.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/change-playlist-details>
    #[doc(alias(
        "ChangeDetails",
        "change_playlist_details",
        "playlist_change_detail",
        "playlist_change_details",
        "user_playlist_change_details"
    ))]
    pub fn change(&self, id: impl IntoId<PlaylistId>, details: &PlaylistDetails) -> Request<()> {
        self.0.put(path("playlists").id(id)).scopes(PLAYLIST_MODIFY).with_checked(details.body())
    }

    /// Entries of a playlist.
    ///
    /// Optional: [`market`](Request::market), [`fields`](Request::fields),
    /// [`limit`](Request::limit), [`offset`](Request::offset),
    /// [`additional_types`](Request::additional_types).
    ///
    /// Scopes: `playlist-read-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlists-items>
    #[doc(alias(
        "GetPlaylistItems",
        "get_playlists_items",
        "playlist_items",
        "playlist_tracks",
        "user_playlist_tracks"
    ))]
    pub fn items(&self, id: impl IntoId<PlaylistId>) -> Request<Page<PlaylistItem>, PlaylistItems> {
        self.0.get(path("playlists").id(id).then("items")).scopes(PLAYLIST_READ)
    }

    /// Adds up to 100 items at the end.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/add-items-to-playlist>
    #[doc(alias(
        "AddPlaylistItems",
        "add_items_to_playlist",
        "playlist_add_items",
        "user_playlist_add_episodes",
        "user_playlist_add_tracks"
    ))]
    pub fn add_items(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0
            .post(path("playlists").id(id).then("items"))
            .scopes(PLAYLIST_MODIFY)
            .json_ids("uris", playable(uris), 1..=100)
            .or_in_batches("add_items_in_batches")
    }

    /// Adds any number of items at the end, with as many requests as it takes. Returns the
    /// versions of the playlist after each, the last of which is the newest.
    ///
    /// # Errors
    ///
    /// The [`BatchError`](crate::BatchError) of the first request that fails, with the number of
    /// items that were added before it, and the version of the playlist with them. A wrong id or
    /// URI is an error before anything is sent. So is the URI of a local file or of another thing that is neither a track
    /// nor an episode: [`PlayableItem::addable_uri`] has those that can be added, for a playlist
    /// that is copied or restored.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::builder().with_playlist_length(120).start().await?;
    /// # let config = fake.config().with_token(fake.user_token());
    /// # let spotify = spotify_web::SpotifyClient::new(config)?;
    /// use spotify_web::model::PlayableItem;
    ///
    /// let (playlists, id) = (spotify.playlists(), "3cEYpjA9oz9GiPac4AsH4n");
    /// let entries = playlists.items(id).all().await?;
    /// let items = entries.iter().filter_map(|entry| entry.item.as_ref());
    /// let uris: Vec<_> = items.filter_map(PlayableItem::addable_uri).collect();
    /// # for _ in 0..2 { fake.next_api(spotify_web::testing::FakeResponse::json(201, &serde_json::json!({ "snapshot_id": "s" }))); }
    /// playlists.add_items_in_batches(id, uris).await?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    ///
    /// [`PlayableItem::addable_uri`]: crate::model::PlayableItem::addable_uri
    pub fn add_items_in_batches(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Batches<Vec<Snapshot>> {
        self.in_batches(id, playable(uris).checked(), |playlists, id, _, uris| {
            playlists.add_items(id, uris)
        })
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
            .json_ids("uris", playable(uris), 1..=100)
            .or_in_batches("insert_items_in_batches")
    }

    /// Adds any number of items before the one at `position`, from 0, in their order, with as many
    /// requests as it takes. Returns the versions of the playlist after each.
    ///
    /// # Errors
    ///
    /// As [`add_items_in_batches`](Self::add_items_in_batches). To go on after a failure, insert
    /// what is after `done` at `position + done`.
    pub fn insert_items_in_batches(
        &self,
        id: impl IntoId<PlaylistId>,
        position: u32,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Batches<Vec<Snapshot>> {
        self.in_batches(id, playable(uris).checked(), move |playlists, id, done, uris| {
            let done = u32::try_from(done).unwrap_or(u32::MAX);
            playlists.insert_items(id, position.saturating_add(done), uris)
        })
    }

    /// Replaces all items by up to 100 others; by none, which clears the playlist.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/reorder-or-replace-playlists-items>
    #[doc(alias(
        "UpdatePlaylistItems",
        "playlist_replace_items",
        "reorder_or_replace_playlists_items",
        "user_playlist_replace_tracks"
    ))]
    pub fn replace_items(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0
            .put(path("playlists").id(id).then("items"))
            .scopes(PLAYLIST_MODIFY)
            .json_ids("uris", playable(uris), 0..=100)
            .or_in_batches("replace_items_in_batches")
    }

    /// Replaces all items by any number of others, with as many requests as it takes: the first
    /// replaces, and those after it add. Returns the versions of the playlist after each.
    ///
    /// # Errors
    ///
    /// As [`add_items_in_batches`](Self::add_items_in_batches). To go on after a failure,
    /// [add](Self::add_items_in_batches) what is after `done`, if that is not 0.
    pub fn replace_items_in_batches(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Batches<Vec<Snapshot>> {
        let replacing =
            self.in_batches(id, playable(uris).checked(), |playlists, id, done, uris| match done {
                0 => playlists.replace_items(id, uris),
                _ => playlists.add_items(id, uris),
            });
        replacing.also_of_none()
    }

    /// Moves entries to another place.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/reorder-or-replace-playlists-items>
    #[doc(alias("playlist_reorder_items", "user_playlist_reorder_tracks"))]
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
    #[doc(alias(
        "RemovePlaylistItems",
        "playlist_remove_all_occurrences_of_items",
        "remove_items_playlist",
        "user_playlist_remove_all_occurrences_of_tracks"
    ))]
    pub fn remove_items(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Request<Snapshot> {
        self.0
            .delete(path("playlists").id(id).then("items"))
            .scopes(PLAYLIST_MODIFY)
            .json_uris("items", playable(uris), 100)
            .or_in_batches("remove_items_in_batches")
    }

    /// Removes any number of items, wherever they are in it, with as many requests as it takes.
    /// Returns the versions of the playlist after each.
    ///
    /// # Errors
    ///
    /// As [`add_items_in_batches`](Self::add_items_in_batches).
    pub fn remove_items_in_batches(
        &self,
        id: impl IntoId<PlaylistId>,
        uris: impl IntoIds<SpotifyUri>,
    ) -> Batches<Vec<Snapshot>> {
        self.in_batches(id, playable(uris).checked(), |playlists, id, _, uris| {
            playlists.remove_items(id, uris)
        })
    }

    /// Removes up to 100 items, each wherever it is or at its places alone, from the version of the
    /// playlist that the removal names.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// To remove what is in a playlist for the second time, see
    /// [`remove_entries_in_batches`](Self::remove_entries_in_batches).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-items-playlist>
    #[doc(alias(
        "playlist_remove_specific_occurrences_of_items",
        "user_playlist_remove_specific_occurrences_of_tracks"
    ))]
    pub fn remove_entries(
        &self,
        id: impl IntoId<PlaylistId>,
        removal: &PlaylistRemoval,
    ) -> Request<Snapshot> {
        self.0
            .delete(path("playlists").id(id).then("items"))
            .scopes(PLAYLIST_MODIFY)
            .with_checked(removal.body("items"))
            .or_in_batches("remove_entries_in_batches")
    }

    /// Removes any number of items, with as many requests as it takes. Returns the versions of the
    /// playlist after each.
    ///
    /// What is in a playlist for the second time is removed as follows, with the caution of
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
    ///
    /// let (playlists, id) = (spotify.playlists(), "3cEYpjA9oz9GiPac4AsH4n");
    /// let version = playlists.get(id).await?.snapshot_id.ok_or("no version")?;
    /// let (mut seen, mut removal) = (HashSet::new(), PlaylistRemoval::new().snapshot_id(version));
    /// let mut duplicates = 0;
    /// for entry in playlists.items(id).all().entries().await? {
    ///     let item = entry.item.into_item().and_then(|entry| entry.item);
    ///     // Local files have no URI that the Web API takes.
    ///     let uri = item.and_then(|item| item.addable_uri());
    ///     if let Some(uri) = uri.filter(|uri| !seen.insert(uri.clone())) {
    ///         removal = removal.at(uri, [entry.position]);
    ///         duplicates += 1;
    ///     }
    /// }
    /// playlists.remove_entries_in_batches(id, &removal).await?;
    /// # assert!(duplicates > 0);
    /// # let left = playlists.items(id).all().entries().await?;
    /// # assert_eq!(left.len(), 120 - duplicates);
    /// # let left = left.into_iter().filter_map(|entry| entry.item.into_item()?.item);
    /// # let mut uris = left.filter_map(|item| item.addable_uri());
    /// # let mut seen = HashSet::new();
    /// # assert!(uris.all(|uri| seen.insert(uri)));
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`add_items_in_batches`](Self::add_items_in_batches). Places in more than 100 items are
    /// an [`Error::Parameter`] where the removal names no version: after the first request they
    /// would be those of another one.
    pub fn remove_entries_in_batches(
        &self,
        id: impl IntoId<PlaylistId>,
        removal: &PlaylistRemoval,
    ) -> Batches<Vec<Snapshot>> {
        let (items, removal) = (removal.items_for_batches(100), removal.of(Vec::new()));
        self.in_batches(id, items, move |playlists, id, _, items| {
            playlists.remove_entries(id, &removal.of(items))
        })
    }

    /// Playlists of the user who has logged in, also those that they follow.
    ///
    /// Optional: [`limit`](Request::limit), [`offset`](Request::offset).
    ///
    /// Scopes: `playlist-read-private`, `playlist-read-collaborative`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-list-of-current-users-playlists>
    #[doc(alias(
        "CurrentUsers",
        "current_user_playlists",
        "get_a_list_of_current_users_playlists"
    ))]
    pub fn mine(&self) -> Request<Page<SimplifiedPlaylist>, UserPlaylists> {
        self.0.get(path("me/playlists")).scopes(PLAYLISTS_READ)
    }

    /// A new playlist of the user who has logged in; public, unless the details say otherwise.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/create-playlist>
    #[doc(alias("create_playlist", "current_user_playlist_create", "user_playlist_create"))]
    pub fn create(&self, name: impl Into<String>, details: PlaylistDetails) -> Request<Playlist> {
        self.0
            .post(path("me/playlists"))
            .scopes(PLAYLIST_MODIFY)
            .with_checked(details.named(name.into()))
    }

    /// Cover pictures of a playlist, widest first.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlist-cover>
    #[doc(alias("GetCovers", "get_playlist_cover", "playlist_cover_image"))]
    pub fn cover(&self, id: impl IntoId<PlaylistId>) -> Request<Vec<Image>> {
        self.0.get(path("playlists").id(id).then("images")).bare_list()
    }

    /// Sets the cover picture to a JPEG, whose base 64 is 256 KB at most.
    ///
    /// Scopes: `ugc-image-upload`, `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/upload-custom-playlist-cover>
    #[doc(alias("playlist_upload_cover_image", "upload_custom_playlist_cover"))]
    pub fn upload_cover(&self, id: impl IntoId<PlaylistId>, jpeg: &[u8]) -> Request<()> {
        self.0.put(path("playlists").id(id).then("images")).scopes(COVER_UPLOAD).with_jpeg(jpeg)
    }

    /// A list of up to 100 elements in each request. The request is made of the number of elements
    /// before the batch, and of the batch.
    fn in_batches<I: Clone + Send + Sync + 'static>(
        &self,
        id: impl IntoId<PlaylistId>,
        list: Result<Vec<I>, impl Into<Error>>,
        request: impl Fn(&Self, &PlaylistId, usize, Vec<I>) -> Request<Snapshot> + Send + 'static,
    ) -> Batches<Vec<Snapshot>> {
        let playlists = self.clone();
        match id.into_id() {
            Ok(id) => {
                Batches::new(list, 100, move |done, batch| request(&playlists, &id, done, batch))
            }
            Err(wrong) => Batches::refused(wrong.into()),
        }
    }
}
