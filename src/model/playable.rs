//! What a playlist can hold.

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use serde_json::value::RawValue;

use super::either::Either;
use super::page_item::{is_in_one_go, read_with_care};
use super::{Episode, Track};

/// A track, an episode, or something that Spotify added later.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PlayableItem {
    /// A track, which may be a local file.
    Track(Box<Track>),
    /// A podcast episode.
    Episode(Box<Episode>),
    /// Something that this version of the crate does not know, or that cannot be read as a track or
    /// an episode, such as what `fields` left of one without its type; as Spotify sent it.
    Unknown(Value),
}

impl PlayableItem {
    /// The URI, whatever it is.
    pub fn uri(&self) -> Option<&str> {
        match self {
            Self::Track(track) => track.uri.as_deref(),
            Self::Episode(episode) => episode.uri.as_deref(),
            Self::Unknown(value) => value.get("uri").and_then(Value::as_str),
        }
    }

    /// The title, whatever it is; absent where Spotify did not send one.
    pub fn name(&self) -> Option<&str> {
        let name = match self {
            Self::Track(track) => Some(track.name.as_str()),
            Self::Episode(episode) => Some(episode.name.as_str()),
            Self::Unknown(value) => value.get("name").and_then(Value::as_str),
        };
        name.filter(|name| !name.is_empty())
    }
}

/// What is neither a track nor an episode stays as it came, so that nothing of it is lost.
impl<'de> Deserialize<'de> for PlayableItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if is_in_one_go() {
            let item = Either::deserialize(deserializer)?.into_item();
            // Read again with care, which still has what it came as.
            return item.ok_or_else(|| de::Error::custom("neither a track nor an episode"));
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let either = read_with_care::<Either>(raw.get()).ok();
        either
            .and_then(Either::into_item)
            .map_or_else(|| unknown(&raw), Ok)
            .map_err(de::Error::custom)
    }
}

/// Whatever it is, unless it says nothing or is an error.
fn unknown(raw: &RawValue) -> serde_json::Result<PlayableItem> {
    let value: Value = serde_json::from_str(raw.get())?;
    let says_nothing = |fields: &serde_json::Map<String, Value>| {
        fields.contains_key("error") || fields.values().all(Value::is_null)
    };
    match value.as_object().is_some_and(says_nothing) {
        true => Err(de::Error::custom("holds nothing of an item")),
        false => Ok(PlayableItem::Unknown(value)),
    }
}

impl Serialize for PlayableItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Track(track) => tagged(track, "track").map_err(S::Error::custom)?,
            Self::Episode(episode) => tagged(episode, "episode").map_err(S::Error::custom)?,
            Self::Unknown(value) => value.clone(),
        }
        .serialize(serializer)
    }
}

/// Tracks and episodes are told apart by `type`, which those made by hand may lack.
fn tagged(item: &impl Serialize, kind: &str) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(item)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("type".to_owned(), kind.into());
    }
    Ok(value)
}
