//! What a user has saved, and when.

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::page_item::is_in_one_go;
use super::{Album, Audiobook, Episode, SimplifiedShow, Track, lenient};

macro_rules! saved {
    ($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $model:ty }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(remote = "Self")]
        #[non_exhaustive]
        pub struct $name {
            /// When it was saved; absent for what was saved long ago.
            #[serde(default, deserialize_with = "lenient::optional_parsed")]
            pub added_at: Option<DateTime<Utc>>,
            $(#[$field_doc])*
            pub $field: $model,
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // The inherent function that `remote = "Self"` derives.
                if is_in_one_go() {
                    return $name::deserialize(deserializer);
                }
                let raw = Box::<RawValue>::deserialize(deserializer)?;
                let entry = $name::deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
                entry
                    .or_else(|error| {
                        // Audiobooks come without the entry around them; what one does, others may.
                        let bare = serde_json::from_str(raw.get()).map_err(|_| error);
                        bare.map(|$field| Self { added_at: None, $field })
                    })
                    .map_err(D::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $name::serialize(self, serializer)
            }
        }
    };
}

saved! {
    /// An album in a user's library.
    SavedAlbum {
        /// The album.
        album: Album
    }
}

saved! {
    /// A track in a user's library.
    SavedTrack {
        /// The track.
        track: Track
    }
}

saved! {
    /// An episode in a user's library.
    SavedEpisode {
        /// The episode.
        episode: Episode
    }
}

saved! {
    /// A podcast in a user's library.
    SavedShow {
        /// The podcast.
        show: SimplifiedShow
    }
}

saved! {
    /// An audiobook in a user's library.
    SavedAudiobook {
        /// The audiobook.
        audiobook: Audiobook
    }
}
