//! Playlists.
//!
//! In February 2026 Spotify renamed `tracks` to `items` and an entry's `track` to `item`. Responses
//! carry the old name, the new one or both; here they have the new name.

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::by_fields::by_fields;
use super::page_item::is_in_one_go;
use super::thing::has_any;
use super::{
    ExternalUrls, Followers, Image, Page, PlayableItem, PlaylistId, PlaylistOwner, PlaylistUser,
    lenient,
};

/// Lets a model with fields of the old and the new name be read, and keeps the new one.
macro_rules! prefer_new_name {
    ($model:ident, $new:ident, $old:ident) => {
        impl<'de> Deserialize<'de> for $model {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $model::from_fields(deserializer).map($model::with_new_name)
            }
        }

        prefer_new_name!(common $model, $new, $old);
    };
    // Of a model none of whose fields must be there: one of these names must.
    ($model:ident, $new:ident, $old:ident, $names:expr) => {
        impl<'de> Deserialize<'de> for $model {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let nothing = || D::Error::custom("holds nothing of what was asked for");
                if is_in_one_go() {
                    let model = $model::from_fields(deserializer).map($model::with_new_name)?;
                    return Some(model).filter($model::is_something).ok_or_else(nothing);
                }
                let raw = Box::<RawValue>::deserialize(deserializer)?;
                let model = $model::from_fields(&mut serde_json::Deserializer::from_str(raw.get()))
                    .map($model::with_new_name)
                    .map_err(D::Error::custom)?;
                match model.is_something() || has_any(raw.get(), $names) {
                    true => Ok(model),
                    false => Err(nothing()),
                }
            }
        }

        prefer_new_name!(common $model, $new, $old);
    };
    (common $model:ident, $new:ident, $old:ident) => {
        impl $model {
            fn with_new_name(mut self) -> Self {
                if let Some(old) = self.$old.take() {
                    // Both may come, and one of them may hold no more than a number.
                    let is_better = |new: &_| Fuller::is_full(new) || !Fuller::is_full(&old);
                    self.$new = self.$new.filter(is_better).or(Some(old));
                }
                self
            }
        }
    };
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
        by_fields! {
            $(#[$doc])*
            pub struct $name {
                /// Whether others than the owner may change it; absent where that is not known.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub collaborative: Option<bool>,
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
                #[serde(default, deserialize_with = "lenient::part")]
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
        }
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

prefer_new_name!(Playlist, items, tracks);
prefer_new_name!(SimplifiedPlaylist, items, tracks);
prefer_new_name!(PartialPlaylist, items, tracks, OF_A_PLAYLIST);

/// What `fields` can ask for. A part that is `null` or empty was asked for, and is a response.
const OF_A_PLAYLIST: &[&str] = &[
    "collaborative",
    "description",
    "external_urls",
    "followers",
    "href",
    "id",
    "images",
    "items",
    "name",
    "owner",
    "primary_color",
    "public",
    "snapshot_id",
    "tracks",
    "type",
    "uri",
];

impl PartialPlaylist {
    /// Whether it is seen without a look at what was named and empty.
    fn is_something(&self) -> bool {
        self.id.is_some() || !self.name.is_empty() || self.items.is_some()
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

by_fields! {
    /// An entry of a playlist.
    pub struct PlaylistItem {
        /// When it was added; absent in very old playlists.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub added_at: Option<DateTime<Utc>>,
        /// Who added it; absent in very old playlists.
        #[serde(default, deserialize_with = "lenient::part")]
        pub added_by: Option<PlaylistUser>,
        /// Whether it is a file of the user's own; absent where that is not known.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub is_local: Option<bool>,
        /// What it is; absent when Spotify does not have it any more. What cannot be read is
        /// [`PlayableItem::Unknown`].
        #[serde(default, deserialize_with = "lenient::object")]
        pub item: Option<PlayableItem>,
        #[serde(default, skip_serializing, deserialize_with = "lenient::object")]
        track: Option<PlayableItem>,
    }
}

prefer_new_name!(PlaylistItem, item, track, OF_AN_ENTRY);

/// What an entry consists of, of which `fields` may leave a single part.
const OF_AN_ENTRY: &[&str] =
    &["added_at", "added_by", "is_local", "item", "primary_color", "track", "video_thumbnail"];

impl PlaylistItem {
    /// Whether it is seen without a look at what was named and empty.
    fn is_something(&self) -> bool {
        self.item.is_some() || self.added_at.is_some() || self.added_by.is_some()
    }
}

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
