//! Playlists.
//!
//! In February 2026 Spotify renamed `tracks` to `items` and an entry's `track` to `item`. Responses
//! carry the old name, the new one or both; here they have the new name.

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    ExternalUrls, Followers, Image, Page, PlayableItem, PlaylistId, PlaylistOwner, PlaylistUser,
    lenient,
};

/// Lets a model with fields of the old and the new name be read, and keeps the new one.
macro_rules! prefer_new_name {
    ($model:ident, $new:ident, $old:ident) => {
        impl<'de> Deserialize<'de> for $model {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // The inherent function that `remote = "Self"` derives.
                let mut model = $model::deserialize(deserializer)?;
                if let Some(old) = model.$old.take() {
                    // Both may come, and one of them may hold no more than a number.
                    let is_better = |new: &_| Fuller::is_full(new) || !Fuller::is_full(&old);
                    model.$new = model.$new.filter(is_better).or(Some(old));
                }
                match model.is_nothing() {
                    true => Err(D::Error::custom("holds nothing of what was asked for")),
                    false => Ok(model),
                }
            }
        }

        impl Serialize for $model {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $model::serialize(self, serializer)
            }
        }
    };
}

/// Tells whether a response held anything of a model none of whose fields must be there.
trait Something {
    fn is_nothing(&self) -> bool {
        false
    }
}

impl Something for Playlist {}
impl Something for SimplifiedPlaylist {}
impl Something for PlaylistItem {}

impl Something for PartialPlaylist {
    fn is_nothing(&self) -> bool {
        let Self { external_urls, images, .. } = self;
        let texts =
            [&self.description, &self.href, &self.primary_color, &self.snapshot_id, &self.uri];
        self.id.is_none()
            && self.name.is_empty()
            && self.owner.is_none()
            && self.items.is_none()
            && self.followers.is_none()
            && self.public.is_none()
            && !self.collaborative
            && images.is_empty()
            && *external_urls == ExternalUrls::default()
            && texts.iter().all(|text| text.is_none())
    }
}

/// Tells the fuller one of two values for the same thing.
trait Fuller {
    fn is_full(&self) -> bool;
}

impl Fuller for Page<PlaylistItem> {
    fn is_full(&self) -> bool {
        !self.items.is_empty()
    }
}

impl Fuller for PlaylistItemsRef {
    fn is_full(&self) -> bool {
        self.total.is_some()
    }
}

impl Fuller for PlayableItem {
    fn is_full(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

/// Defines a form of a playlist: its own fields, and those that all forms share.
macro_rules! playlist {
    ($(#[$doc:meta])* pub struct $name:ident { items: $items:ty, $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(remote = "Self")]
        #[non_exhaustive]
        pub struct $name {
            /// Whether others than the owner may change it.
            #[serde(default, deserialize_with = "lenient::flag")]
            pub collaborative: bool,
            /// The description; absent when none is set.
            #[serde(default, deserialize_with = "lenient::optional_text")]
            pub description: Option<String>,
            /// URLs on the web.
            #[serde(default, deserialize_with = "lenient::object_or_default")]
            pub external_urls: ExternalUrls,
            /// URL of this object in the Web API.
            #[serde(default, deserialize_with = "lenient::optional_text")]
            pub href: Option<String>,
            /// Cover pictures, widest first; they expire within a day.
            #[serde(default, deserialize_with = "lenient::list_without_nulls")]
            pub images: Vec<Image>,
            /// The name.
            #[serde(default, deserialize_with = "lenient::text")]
            pub name: String,
            /// Whose it is.
            #[serde(default, deserialize_with = "lenient::object")]
            pub owner: Option<PlaylistOwner>,
            /// The main colour of the cover, where Spotify tells.
            #[serde(default, deserialize_with = "lenient::optional_text")]
            pub primary_color: Option<String>,
            /// Whether it shows on the owner's profile; absent where that is not relevant.
            #[serde(default, deserialize_with = "lenient::optional_flag")]
            pub public: Option<bool>,
            /// The version; changes with every change of the playlist.
            #[serde(default, deserialize_with = "lenient::optional_text")]
            pub snapshot_id: Option<String>,
            /// The entries; absent where the app may not see them.
            #[serde(default, deserialize_with = "lenient::object")]
            pub items: Option<$items>,
            #[serde(default, skip_serializing, deserialize_with = "lenient::object")]
            tracks: Option<$items>,
            /// The URI.
            #[serde(default, deserialize_with = "lenient::optional_text")]
            pub uri: Option<String>,
            $($own)*
        }

        prefer_new_name!($name, items, tracks);
    };
}

playlist! {
    /// A playlist with its first entries.
    pub struct Playlist {
        items: Page<PlaylistItem>,
        /// The id.
        pub id: PlaylistId,
        /// Followers; absent for apps in development mode.
        #[serde(default, deserialize_with = "lenient::object")]
        pub followers: Option<Followers>,
    }
}

playlist! {
    /// A playlist as searches and lists name it.
    pub struct SimplifiedPlaylist {
        items: PlaylistItemsRef,
        /// The id.
        pub id: PlaylistId,
    }
}

playlist! {
    /// What is left of a playlist when only some of its fields were asked for.
    pub struct PartialPlaylist {
        items: Page<PlaylistItem>,
        /// The id; absent where it was not asked for.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub id: Option<PlaylistId>,
        /// Followers; absent where they were not asked for, and for apps in development mode.
        #[serde(default, deserialize_with = "lenient::object")]
        pub followers: Option<Followers>,
    }
}

/// Where the entries of a playlist are, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaylistItemsRef {
    /// URL of the entries in the Web API.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub href: Option<String>,
    /// Number of entries.
    #[serde(default, deserialize_with = "lenient::optional_count")]
    pub total: Option<u32>,
}

/// An entry of a playlist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
#[non_exhaustive]
pub struct PlaylistItem {
    /// When it was added; absent in very old playlists.
    #[serde(default, deserialize_with = "lenient::optional_parsed")]
    pub added_at: Option<DateTime<Utc>>,
    /// Who added it; absent in very old playlists.
    #[serde(default, deserialize_with = "lenient::object")]
    pub added_by: Option<PlaylistUser>,
    /// Whether it is a file of the user's own.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_local: bool,
    /// What it is; absent when Spotify does not have it any more.
    #[serde(default, deserialize_with = "lenient::object")]
    pub item: Option<PlayableItem>,
    #[serde(default, skip_serializing, deserialize_with = "lenient::object")]
    track: Option<PlayableItem>,
}

prefer_new_name!(PlaylistItem, item, track);

/// Playlists that Spotify features, and the heading that it shows above them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FeaturedPlaylists {
    /// The heading, such as `Editor's picks`; in the language that was asked for.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub message: Option<String>,
    /// The playlists.
    pub playlists: Page<SimplifiedPlaylist>,
}

/// The version of a playlist after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The version, which later changes can be based on.
    pub snapshot_id: String,
}
