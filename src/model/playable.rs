//! What a playlist can hold.

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Episode, IdKind, SpotifyUri, Track, market_list};

/// A track, an episode, or something that Spotify added later.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PlayableItem {
    /// A track, which may be a local file.
    Track(Box<Track>),
    /// A podcast episode.
    Episode(Box<Episode>),
    /// Something that this version of the crate does not know, as Spotify sent it.
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

    /// The title, whatever it is.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Track(track) => Some(&track.name),
            Self::Episode(episode) => Some(&episode.name),
            Self::Unknown(value) => value.get("name").and_then(Value::as_str),
        }
    }
}

/// Spotify sends `type` last. So an item is taken for a track, which most are, and looked at again
/// only when it says at its end that it is none, which spares reading each into a `Value`.
///
/// Where nobody asks for episodes, they come in the shape of a track, and are put back into theirs.
impl<'de> Deserialize<'de> for PlayableItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let as_track = serde_json::from_str::<Track>(&market_list::shortened(raw.get()));
        let kind = match &as_track {
            Ok(track) => track.kind.clone().or_else(|| kind_in(track.uri.as_deref()?)),
            Err(_) => kind_of(&raw),
        };
        match kind {
            Some(IdKind::Track) => {
                as_track.map(|track| Self::Track(Box::new(Track { kind, ..track })))
            }
            Some(IdKind::Episode) => match as_track {
                Ok(track) if track.album.is_some() => Episode::of_track(track)
                    .map(|episode| Self::Episode(Box::new(episode)))
                    .ok_or_else(|| de::Error::missing_field("id")),
                _ => serde_json::from_str(raw.get()).map(Self::Episode),
            },
            _ => serde_json::from_str(raw.get()).map(Self::Unknown),
        }
        .map_err(de::Error::custom)
    }
}

/// What a URI says, where nothing else does.
fn kind_in(uri: &str) -> Option<IdKind> {
    uri.parse::<SpotifyUri>().ok().map(|uri| uri.kind().clone())
}

fn kind_of(raw: &RawValue) -> Option<IdKind> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: Option<IdKind>,
    }

    serde_json::from_str::<Kind>(raw.get()).ok()?.kind
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
