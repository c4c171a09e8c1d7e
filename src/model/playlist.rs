//! Playlists.
//!
//! In February 2026 Spotify renamed `tracks` to `items` and an entry's `track` to `item`. Responses
//! carry the old name, the new one or both; here they have the new name.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    ExternalUrls, Followers, Image, Page, PlayableItem, PlaylistId, PlaylistOwner, PlaylistUser,
    lenient,
};

/// Defines a model that is read with the old name of a field or the new one, and has the new one.
macro_rules! with_old_name {
    (
        $old:ident: $old_type:ty => $new:ident;
        $(#[$doc:meta])*
        pub struct $name:ident { $($(#[$attribute:meta])* pub $field:ident: $type:ty,)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$attribute])* pub $field: $type,)*
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                struct Both {
                    $($(#[$attribute])* $field: $type,)*
                    #[serde(default)]
                    $old: $old_type,
                }

                let mut both = Both::deserialize(deserializer)?;
                both.$new = both.$new.or(both.$old);
                Ok(Self { $($field: both.$field,)* })
            }
        }
    };
}

/// Defines a form of a playlist: its own fields, and those that all forms share.
macro_rules! playlist {
    ($(#[$doc:meta])* pub struct $name:ident { items: $items:ty, $($own:tt)* }) => {
        with_old_name! {
        tracks: Option<$items> => items;
        $(#[$doc])*
        pub struct $name {
            /// Whether others than the owner may change it.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub collaborative: bool,
            /// The description; absent when none is set.
            pub description: Option<String>,
            /// URLs on the web.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub external_urls: ExternalUrls,
            /// URL of this object in the Web API.
            pub href: Option<String>,
            /// The id.
            pub id: PlaylistId,
            /// Cover pictures, widest first; they expire within a day.
            #[serde(default, deserialize_with = "lenient::list_without_nulls")]
            pub images: Vec<Image>,
            /// The name.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub name: String,
            /// Whose it is.
            pub owner: Option<PlaylistOwner>,
            /// Whether it shows on the owner's profile; absent where that is not relevant.
            pub public: Option<bool>,
            /// The version; changes with every change of the playlist.
            pub snapshot_id: Option<String>,
            /// The entries; absent where the app may not see them.
            pub items: Option<$items>,
            /// The URI.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub uri: String,
            $($own)*
        }
        }
    };
}

playlist! {
    /// A playlist with its first entries.
    pub struct Playlist {
        items: Page<PlaylistItem>,
        /// Followers; absent for apps in development mode.
        pub followers: Option<Followers>,
    }
}

playlist! {
    /// A playlist as searches and lists name it.
    pub struct SimplifiedPlaylist {
        items: PlaylistItemsRef,
    }
}

/// Where the entries of a playlist are, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaylistItemsRef {
    /// URL of the entries in the Web API.
    pub href: Option<String>,
    /// Number of entries.
    #[serde(default, deserialize_with = "lenient::count")]
    pub total: u32,
}

with_old_name! {
    track: Option<PlayableItem> => item;
    /// An entry of a playlist.
    pub struct PlaylistItem {
        /// When it was added; absent in very old playlists.
        pub added_at: Option<DateTime<Utc>>,
        /// Who added it; absent in very old playlists.
        pub added_by: Option<PlaylistUser>,
        /// Whether it is a file of the user's own.
        #[serde(default, deserialize_with = "lenient::or_default")]
        pub is_local: bool,
        /// What it is; absent when Spotify does not have it any more.
        pub item: Option<PlayableItem>,
    }
}

/// The version of a playlist after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The version, which later changes can be based on.
    pub snapshot_id: String,
}
