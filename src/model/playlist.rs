//! Playlists.
//!
//! In February 2026 Spotify renamed `tracks` to `items` and an entry's `track` to `item`. Responses
//! carry the old name, the new one or both; here they have the new name.

use chrono::{DateTime, Utc};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::by_fields::{as_its_fields, by_fields};
use super::reading::{is_in_one_go, noted};
use super::saved::{Form, form};
use super::thing::has_any;
use super::{
    ExternalUrls, Followers, Image, Page, PageItem, PlayableItem, PlaylistId, PlaylistOwner,
    PlaylistUser, captured, lenient, page_part,
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
                    let model = $model::from_fields(deserializer).map($model::with_new_name);
                    return noted(model.and_then(|model| {
                        let something = Some(model).filter($model::is_something);
                        something.map($model::without_traces).ok_or_else(nothing)
                    }));
                }
                let json = captured::json(deserializer)?;
                let mut model = $model::from_fields(&mut serde_json::Deserializer::from_str(&json))
                    .map($model::with_new_name)
                    .map_err(D::Error::custom)?;
                match model.completed_with(&json) || has_any(&json, $names) {
                    true => Ok(model.without_traces()),
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
        self.items.iter().any(PageItem::is_item)
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
    ($(#[$doc:meta])* pub struct $name:ident { items: $items:ty as $read:literal, $($own:tt)* }) => {
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
                #[serde(default, deserialize_with = $read)]
                pub items: Option<$items>,
                #[serde(default, skip_serializing, deserialize_with = $read)]
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
        items: Page<PlaylistItem> as "page_part::optional",
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
        items: PlaylistItemsRef as "lenient::object",
        /// The id.
        pub id: PlaylistId,
    }
}

playlist! {
    /// What is left of a playlist when only some of its fields were asked for.
    pub struct PartialPlaylist {
        items: Page<PlaylistItem> as "page_part::optional",
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
    fn completed_with(&mut self, _json: &str) -> bool {
        self.is_something()
    }

    /// Whether it is seen without a look at what was named and empty.
    fn is_something(&self) -> bool {
        self.id.is_some() || !self.name.is_empty() || self.items.is_some()
    }

    fn without_traces(self) -> Self {
        self
    }
}

by_fields! {
    /// Where the entries of a playlist are, and how many.
    #[derive(Eq)]
    pub struct PlaylistItemsRef {
        /// URL of the entries in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// Number of entries.
        #[serde(default, deserialize_with = "lenient::optional_count")]
        pub total: Option<u32>,
    }
}

as_its_fields!(PlaylistItemsRef);

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
        // No fields of an entry: what has them is an item without the entry around it.
        #[serde(default, skip_serializing)]
        id: Trace,
        #[serde(default, skip_serializing)]
        uri: Trace,
    }
}

prefer_new_name!(PlaylistItem, item, track, OF_AN_ENTRY);

/// What an entry consists of, of which `fields` may leave a single part.
const OF_AN_ENTRY: &[&str] =
    &["added_at", "added_by", "is_local", "item", "primary_color", "track", "video_thumbnail"];

impl PlaylistItem {
    /// Whether it is seen without a look at what was named and empty.
    fn is_something(&self) -> bool {
        match &self.item {
            Some(_) => true,
            None if self.is_bare() => false,
            None => self.added_at.is_some() || self.added_by.is_some(),
        }
    }

    fn is_bare(&self) -> bool {
        self.id.is_there || self.uri.is_there
    }

    /// The item, where it comes without the entry around it. Returns whether there is something.
    fn completed_with(&mut self, json: &str) -> bool {
        let is_without = |name| form(json, name) == Form::Bare;
        if self.is_bare() && is_without("item") && is_without("track") {
            self.item = serde_json::from_str(json).ok();
        }
        self.is_something()
    }

    /// Nobody else is to see which form it came in.
    fn without_traces(self) -> Self {
        Self { id: Trace::default(), uri: Trace::default(), ..self }
    }
}

/// Whether a field is there, whatever it holds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Trace {
    is_there: bool,
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self { is_there: true })
    }
}

by_fields! {
    /// Playlists that Spotify features, and the heading that it shows above them.
    pub struct FeaturedPlaylists {
        /// The heading, such as `Editor's picks`; in the language that was asked for.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub message: Option<String>,
        /// The playlists.
        pub playlists: Page<SimplifiedPlaylist>,
    }
}

as_its_fields!(FeaturedPlaylists);

by_fields! {
    /// The version of a playlist after a change.
    #[derive(Eq)]
    pub struct Snapshot {
        /// The version, which later changes can be based on.
        pub snapshot_id: String,
    }
}

as_its_fields!(Snapshot);
