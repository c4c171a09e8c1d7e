//! Playlists.

use reqwest::Method;

use super::Connection;
use super::bodies::{PlaylistDetails, PlaylistReorder};
use super::request::Request;
use super::request::in_batches;
use super::request::params::{self, Nothing, UserPlaylists};
use super::request::path;
use crate::error::Error;
use crate::model::{
    IdError, Image, Page, Playlist, PlaylistId, PlaylistItem, SimplifiedPlaylist, Snapshot,
    SpotifyUri, UserId,
};
use crate::oauth::Scope;

/// Playlists.
///
/// Had from [`SpotifyClient::playlists`](crate::SpotifyClient::playlists).
#[derive(Debug, Clone)]
pub struct Playlists(pub(crate) Connection);

impl Playlists {
    /// A playlist with its first entries.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlist>
    pub fn get(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
    ) -> Request<Playlist, params::Playlist> {
        self.0.get(path("playlists").id::<PlaylistId>(id))
    }

    /// Changes name, description or visibility.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/change-playlist-details>
    pub fn change(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        details: &PlaylistDetails,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("playlists").id::<PlaylistId>(id))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .with_json(details)
    }

    /// Entries of a playlist.
    ///
    /// Scopes: `playlist-read-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlists-items>
    pub fn items(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
    ) -> Request<Page<PlaylistItem>, params::PlaylistItems> {
        self.0
            .get(path("playlists").id::<PlaylistId>(id).then("items"))
            .scopes(&[Scope::PlaylistReadPrivate])
    }

    /// Adds up to 100 items at the end.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/add-items-to-playlist>
    pub fn add_items(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Request<Snapshot, Nothing> {
        self.0
            .request(Method::POST, path("playlists").id::<PlaylistId>(id).then("items"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .with_json_list::<_, SpotifyUri>("uris", uris, 100)
    }

    /// Adds any number of items at the end, with as many requests as it takes. Answers with the
    /// versions of the playlist after each, the last of which is the newest.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request, before which items may have been added. A wrong id or URI is
    /// an error before any is sent.
    pub async fn add_items_in_batches(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Result<Vec<Snapshot>, Error> {
        let id: PlaylistId = id.try_into().map_err(|error| Error::Id(error.into()))?;
        in_batches::<SpotifyUri, _, _>(uris, 100, |uris| self.add_items(id, uris)).await
    }

    /// Adds up to 100 items before the one at `position`, from 0.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/add-items-to-playlist>
    pub fn insert_items(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        position: u32,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Request<Snapshot, Nothing> {
        self.0
            .request(Method::POST, path("playlists").id::<PlaylistId>(id).then("items"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .with("position", position.to_string())
            .with_json_list::<_, SpotifyUri>("uris", uris, 100)
    }

    /// Puts up to 100 items in place of all that are there.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/reorder-or-replace-playlists-items>
    pub fn replace_items(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Request<Snapshot, Nothing> {
        self.0
            .request(Method::PUT, path("playlists").id::<PlaylistId>(id).then("items"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .with_json_list::<_, SpotifyUri>("uris", uris, 100)
    }

    /// Moves entries to another place.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/reorder-or-replace-playlists-items>
    pub fn reorder_items(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        reorder: &PlaylistReorder,
    ) -> Request<Snapshot, Nothing> {
        self.0
            .request(Method::PUT, path("playlists").id::<PlaylistId>(id).then("items"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .once()
            .with_json(reorder)
    }

    /// Removes up to 100 items, wherever they are in it.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-items-playlist>
    pub fn remove_items(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Request<Snapshot, Nothing> {
        self.0
            .request(Method::DELETE, path("playlists").id::<PlaylistId>(id).then("items"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .with_json_uris("items", uris, 100)
    }

    /// Entries of a playlist.
    ///
    /// By its name before February 2026.
    ///
    /// Scopes: `playlist-read-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlists-tracks>
    #[deprecated(note = "the new name is `items`, which development mode has as well")]
    pub fn items_by_old_name(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
    ) -> Request<Page<PlaylistItem>, params::PlaylistItems> {
        self.0
            .get(path("playlists").id::<PlaylistId>(id).then("tracks"))
            .scopes(&[Scope::PlaylistReadPrivate])
    }

    /// Adds up to 100 items at the end.
    ///
    /// By its name before February 2026.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/add-tracks-to-playlist>
    #[deprecated(note = "the new name is `add_items`, which development mode has as well")]
    pub fn add_items_by_old_name(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Request<Snapshot, Nothing> {
        self.0
            .request(Method::POST, path("playlists").id::<PlaylistId>(id).then("tracks"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .with_json_list::<_, SpotifyUri>("uris", uris, 100)
    }

    /// Puts up to 100 items in place of all that are there.
    ///
    /// By its name before February 2026.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/reorder-or-replace-playlists-tracks>
    #[deprecated(note = "the new name is `replace_items`, which development mode has as well")]
    pub fn replace_items_by_old_name(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Request<Snapshot, Nothing> {
        self.0
            .request(Method::PUT, path("playlists").id::<PlaylistId>(id).then("tracks"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .with_json_list::<_, SpotifyUri>("uris", uris, 100)
    }

    /// Removes up to 100 items, wherever they are in it.
    ///
    /// By its name before February 2026.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-tracks-playlist>
    #[deprecated(note = "the new name is `remove_items`, which development mode has as well")]
    pub fn remove_items_by_old_name(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        uris: impl IntoIterator<Item = impl TryInto<SpotifyUri, Error: Into<IdError>>>,
    ) -> Request<Snapshot, Nothing> {
        self.0
            .request(Method::DELETE, path("playlists").id::<PlaylistId>(id).then("tracks"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .with_json_uris("tracks", uris, 100)
    }

    /// Playlists of the user who has logged in, also those that they follow.
    ///
    /// Scopes: `playlist-read-private`, `playlist-read-collaborative`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-list-of-current-users-playlists>
    pub fn mine(&self) -> Request<Page<SimplifiedPlaylist>, UserPlaylists> {
        self.0
            .get(path("me").then("playlists"))
            .scopes(&[Scope::PlaylistReadPrivate, Scope::PlaylistReadCollaborative])
    }

    /// A new playlist of the user who has logged in; public, unless the details say otherwise.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/create-playlist>
    pub fn create(
        &self,
        name: impl Into<String>,
        details: PlaylistDetails,
    ) -> Request<Playlist, Nothing> {
        self.0
            .request(Method::POST, path("me").then("playlists"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .with_json(&details.name(name))
    }

    /// Playlists of a user, also those that they follow.
    ///
    /// Scopes: `playlist-read-private`, `playlist-read-collaborative`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-list-users-playlists>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; `mine` has those of the user who has logged in"
    )]
    pub fn of_user(
        &self,
        id: impl TryInto<UserId, Error: Into<IdError>>,
    ) -> Request<Page<SimplifiedPlaylist>, UserPlaylists> {
        self.0
            .get(path("users").id::<UserId>(id).then("playlists"))
            .scopes(&[Scope::PlaylistReadPrivate, Scope::PlaylistReadCollaborative])
    }

    /// A new playlist of a user, who must be the one who has logged in.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/create-playlist-for-user>
    #[deprecated(note = "gone for apps in development mode since February 2026; use `create`")]
    pub fn create_for_user(
        &self,
        id: impl TryInto<UserId, Error: Into<IdError>>,
        name: impl Into<String>,
        details: PlaylistDetails,
    ) -> Request<Playlist, Nothing> {
        self.0
            .request(Method::POST, path("users").id::<UserId>(id).then("playlists"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
            .with_json(&details.name(name))
    }

    /// Follows a playlist.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/follow-playlist>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().save`"
    )]
    pub fn follow(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("playlists").id::<PlaylistId>(id).then("followers"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
    }

    /// Ends following a playlist.
    ///
    /// Scopes: `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/unfollow-playlist>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().remove`"
    )]
    pub fn unfollow(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::DELETE, path("playlists").id::<PlaylistId>(id).then("followers"))
            .scopes(&[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate])
    }

    /// Whether the user who has logged in follows a playlist; a list of one.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-if-user-follows-playlist>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().contains`"
    )]
    pub fn is_followed(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
    ) -> Request<Vec<bool>, Nothing> {
        self.0.get(path("playlists").id::<PlaylistId>(id).then("followers").then("contains"))
    }

    /// Cover pictures of a playlist, widest first.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-playlist-cover>
    pub fn cover(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
    ) -> Request<Vec<Image>, Nothing> {
        self.0.get(path("playlists").id::<PlaylistId>(id).then("images"))
    }

    /// Sets the cover picture to a JPEG, whose base 64 is 256 KB at most.
    ///
    /// Scopes: `ugc-image-upload`, `playlist-modify-public`, `playlist-modify-private`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/upload-custom-playlist-cover>
    pub fn upload_cover(
        &self,
        id: impl TryInto<PlaylistId, Error: Into<IdError>>,
        jpeg: &[u8],
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("playlists").id::<PlaylistId>(id).then("images"))
            .scopes(&[
                Scope::UgcImageUpload,
                Scope::PlaylistModifyPublic,
                Scope::PlaylistModifyPrivate,
            ])
            .with_jpeg(jpeg)
    }
}
