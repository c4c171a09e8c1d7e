//! What a user has saved, and when.

use chrono::{DateTime, Utc};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::by_fields::by_fields;
use super::page_item::is_in_one_go;
use super::thing::field;
use super::{Album, Audiobook, Episode, PageItem, SimplifiedShow, Track, lenient};

macro_rules! saved {
    ($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $model:ty }) => {
        by_fields! {
            $(#[$doc])*
            pub struct $name {
                /// When it was saved; absent for what was saved long ago.
                #[serde(default, deserialize_with = "lenient::optional_parsed")]
                pub added_at: Option<DateTime<Utc>>,
                $(#[$field_doc])*
                #[serde(deserialize_with = "Deserialize::deserialize")]
                pub $field: PageItem<$model>,
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if is_in_one_go() {
                    return $name::from_fields(deserializer);
                }
                let raw = Box::<RawValue>::deserialize(deserializer)?;
                let json = &mut serde_json::Deserializer::from_str(raw.get());
                match is_bare(raw.get(), stringify!($field)) {
                    true => bare(raw.get())
                        .map(|(added_at, thing)| Self { added_at, $field: PageItem::Item(thing) }),
                    false => $name::from_fields(json),
                }
                .map_err(D::Error::custom)
            }
        }
    };
}

/// Whether a thing comes without the entry around it, as audiobooks do; what one does, others may.
/// `"track": true` of an episode is no entry's field.
fn is_bare(json: &str, name: &str) -> bool {
    field(json, name).is_none_or(|value| matches!(value, "true" | "false"))
}

fn bare<T: DeserializeOwned>(json: &str) -> serde_json::Result<(Option<DateTime<Utc>>, T)> {
    #[derive(Deserialize)]
    struct Added {
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        added_at: Option<DateTime<Utc>>,
    }

    let thing = serde_json::from_str(json)?;
    Ok((serde_json::from_str::<Added>(json)?.added_at, thing))
}

saved! {
    /// An album in a user's library.
    SavedAlbum {
        /// The album; an entry without one keeps its date.
        album: Album
    }
}

saved! {
    /// A track in a user's library.
    SavedTrack {
        /// The track; an entry without one keeps its date.
        track: Track
    }
}

saved! {
    /// An episode in a user's library.
    SavedEpisode {
        /// The episode; an entry without one keeps its date.
        episode: Episode
    }
}

saved! {
    /// A podcast in a user's library.
    SavedShow {
        /// The podcast; an entry without one keeps its date.
        show: SimplifiedShow
    }
}

saved! {
    /// An audiobook in a user's library.
    SavedAudiobook {
        /// The audiobook; an entry without one keeps its date.
        audiobook: Audiobook
    }
}
