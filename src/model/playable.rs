//! What a playlist can hold.

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use serde_json::value::RawValue;

use super::page_item::is_in_one_go;
use super::{Episode, IdKind, SpotifyUri, Track, market_list};

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

/// Spotify sends `type` last. So an item is taken for a track, which most are, and looked at again
/// only when it says at its end that it is none, which spares reading each into a `Value`.
///
/// Where nobody asks for episodes, they come in the shape of a track, and are put back into theirs.
/// What is neither stays as it came, so that nothing of it is lost.
impl<'de> Deserialize<'de> for PlayableItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let short = market_list::shortened(raw.get());
        // Which also takes a track that holds nothing.
        let item = match Track::from_fields(&mut serde_json::Deserializer::from_str(&short)) {
            Ok(track) => of_track(track, &raw),
            // Something in it may be bad, which costs no more than itself where it is read with care.
            Err(error) if is_in_one_go() => Err(error),
            Err(_) => unknown(&raw),
        };
        item.map_err(de::Error::custom)
    }
}

/// An item that was read as a track, by what it says it is.
fn of_track(mut track: Track, raw: &RawValue) -> serde_json::Result<PlayableItem> {
    track.kind = track.kind.or_else(|| kind_in(track.uri.as_deref()?));
    match track.kind {
        Some(IdKind::Track) if !track.is_nothing() => Ok(PlayableItem::Track(Box::new(track))),
        Some(IdKind::Episode) if track.album.is_some() => match Episode::of_track(track) {
            Some(episode) => Ok(PlayableItem::Episode(Box::new(episode))),
            None => unknown(raw),
        },
        Some(IdKind::Episode) => match serde_json::from_str(raw.get()) {
            Ok(episode) => Ok(PlayableItem::Episode(episode)),
            Err(error) if is_in_one_go() => Err(error),
            Err(_) => unknown(raw),
        },
        _ => unknown(raw),
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

/// What a URI says, where nothing else does.
fn kind_in(uri: &str) -> Option<IdKind> {
    uri.parse::<SpotifyUri>().ok().map(|uri| uri.kind().clone())
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
