//! What a user has saved, and when.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::by_fields::by_fields;
use super::thing::{field, has_any};
use super::{Album, Audiobook, Episode, PageItem, SimplifiedShow, Track, lenient};

/// Has an entry be read that is defined by `by_fields`: a thing, a date, and what else may be
/// absent.
macro_rules! entry {
    ($name:ident: $thing:ident, $date:ident $(, $other:ident)*) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use $crate::model::{PageItem, captured, reading, saved};

                if reading::is_in_one_go() {
                    return reading::noted($name::from_fields(deserializer));
                }
                let json = captured::json(deserializer)?;
                let $date = saved::date(&json, stringify!($date));
                let of = |$thing| Self { $date, $thing $(, $other: None)* };
                match saved::form(&json, stringify!($thing)) {
                    saved::Form::Bare => serde_json::from_str(&json).map(PageItem::Item).map(of),
                    saved::Form::NoThing if $date.is_some() => Ok(of(PageItem::Null)),
                    _ => $name::from_fields(&mut serde_json::Deserializer::from_str(&json)),
                }
                .map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(super) use entry;

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

        entry!($name: $field, added_at);
    };
}

/// In which form an entry comes.
#[derive(PartialEq)]
pub(super) enum Form {
    /// As a thing without the entry around it, as audiobooks do; what one does, others may.
    Bare,
    /// Without a thing.
    NoThing,
    /// As an entry.
    Entry,
}

/// `"track": true` of an episode is no entry's field.
pub(super) fn form(json: &str, name: &str) -> Form {
    let thing = field(json, name);
    match thing.is_none_or(|value| matches!(value, "true" | "false")) {
        true if has_any(json, &["id", "uri"]) => Form::Bare,
        _ if thing.is_none() => Form::NoThing,
        _ => Form::Entry,
    }
}

pub(super) fn date(json: &str, name: &str) -> Option<DateTime<Utc>> {
    field(json, name).and_then(|value| serde_json::from_str(value).ok())
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
