//! What a playlist can hold.

use std::collections::BTreeMap;

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use serde_json::value::RawValue;

use super::either::Either;
use super::mended::{AGAIN, mended};
use super::object_only::ObjectOnly;
use super::reading::{is_in_one_go, noted, read_with_care, takes_room};
use super::{Episode, IdKind, SpotifyUri, Track, captured};

/// A track, an episode, or something that Spotify added later.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PlayableItem {
    /// A track, which may be a local file.
    Track(Box<Track>),
    /// A podcast episode.
    Episode(Box<Episode>),
    /// Something that this version of the crate does not know, or that cannot be read as a track or
    /// an episode, such as what `fields` left of one without its type; as Spotify sent it, but that
    /// `null` is in place of a field that is nested more than a hundred deep. One that is as large
    /// as no item is cannot be read.
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

    /// The URI, where it is one that a playlist takes and a player plays by itself: a track's or an
    /// episode's, whatever else of it this version of the crate does not know. Local files have
    /// none.
    ///
    /// ```
    /// use spotify_web::model::PlayableItem;
    ///
    /// let local = r#"{ "type": "track", "name": "Mine", "uri": "spotify:local:::Mine:180" }"#;
    /// let local: PlayableItem = serde_json::from_str(local)?;
    /// assert_eq!(local.addable_uri(), None);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn addable_uri(&self) -> Option<SpotifyUri> {
        let uri: SpotifyUri = self.uri()?.parse().ok()?;
        (PLAYABLE.contains(uri.kind()) && !self.is_local()).then_some(uri)
    }

    fn is_local(&self) -> bool {
        let is_local = match self {
            Self::Track(track) => track.is_local,
            Self::Episode(_) => None,
            Self::Unknown(value) => value.get("is_local").and_then(Value::as_bool),
        };
        is_local == Some(true)
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

/// The kinds of URIs of what can be played by itself, queued and put into a playlist. Chapters are
/// episodes in their URIs, as audiobooks are shows.
pub(crate) const PLAYABLE: &[IdKind] = &[IdKind::Track, IdKind::Episode];

/// What is neither a track nor an episode stays as it came, so that nothing of it is lost.
impl<'de> Deserialize<'de> for PlayableItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if is_in_one_go() {
            let item = Either::deserialize(ObjectOnly(deserializer)).and_then(|either| {
                // Read again with care, which still has what it came as.
                either.into_item().ok_or_else(nothing)
            });
            return noted(item);
        }
        let json = captured::json(deserializer)?;
        let is_object = json.starts_with('{');
        let either = is_object.then(|| read_with_care::<Either>(&json).ok()).flatten();
        either
            .and_then(Either::into_item)
            .map_or_else(|| unknown(&json), Ok)
            .map_err(de::Error::custom)
    }
}

/// Whatever it is, unless it says nothing or is an error.
fn unknown(json: &str) -> serde_json::Result<PlayableItem> {
    if !takes_room(room_of_values(json)) {
        return Err(de::Error::custom("takes more room than a body may"));
    }
    let mended = mended(json);
    let mut value = as_deep_as_can_be(mended.as_deref().unwrap_or(json))?;
    let Some(fields) = value.as_object_mut() else {
        // A number that no float holds is `null` by now.
        let something = Some(value).filter(|value| !value.is_null());
        return something.map(PlayableItem::Unknown).ok_or_else(nothing);
    };
    fields.retain(|name, _| !name.ends_with(AGAIN));
    let is_error = fields.contains_key("error");
    let says_nothing = |(name, value): (&String, &Value)| {
        value.is_null() || (is_error && OF_AN_ERROR.contains(&&**name))
    };
    match fields.iter().all(says_nothing) {
        true => Err(nothing()),
        false => Ok(PlayableItem::Unknown(value)),
    }
}

fn nothing<E: de::Error>() -> E {
    E::custom("holds nothing of an item")
}

const OF_AN_ERROR: &[&str] = &["error", "error_description", "message", "status"];

/// What the values in it take in bytes, at the most: an object begins with a node for eleven
/// fields, whatever it holds.
fn room_of_values(json: &str) -> usize {
    let of = |byte| match byte {
        b'{' => 640,
        b'[' | b',' => 136,
        _ => 1,
    };
    json.bytes().map(of).sum()
}

/// With `null` in place of a field that is deeper than `serde_json` goes.
fn as_deep_as_can_be(json: &str) -> serde_json::Result<Value> {
    serde_json::from_str(json).or_else(|error| {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).map_err(|_| error)?;
        let read = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
        Ok(fields.into_iter().map(|(name, raw)| (name, read(raw))).collect())
    })
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
