//! How a list goes on after a page.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::reading::{is_in_one_go, noted};
use super::{captured, mended};

/// How a list goes on after a page.
///
/// ```
/// use spotify_web::model::{NextLink, Page};
///
/// let page: Page<u8> = serde_json::from_str(r#"{ "items": [7], "next": null }"#)?;
/// assert_eq!(page.next, NextLink::End);
/// assert_eq!(page.next.url(), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NextLink {
    /// With the page at this URL.
    Url(String),
    /// Not at all: `null`, or an empty URL.
    End,
    /// Nothing is said of it, as where other fields were asked for. The list has come to its end
    /// only where its total says so.
    #[default]
    Absent,
    /// Something that is no string. Following it is an error. Empty, where it is nested more than a
    /// hundred deep.
    Malformed(Value),
}

impl NextLink {
    /// The URL of the next page, where there is one.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Url(url) => Some(url),
            Self::End | Self::Absent | Self::Malformed(_) => None,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        *self == Self::Absent
    }
}

impl From<Value> for NextLink {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::End,
            Value::String(url) if url.trim().is_empty() => Self::End,
            Value::String(url) => Self::Url(url),
            other => Self::Malformed(other),
        }
    }
}

impl<'de> Deserialize<'de> for NextLink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if is_in_one_go() {
            return noted(Value::deserialize(deserializer)).map(Self::from);
        }
        let json = captured::json(deserializer)?;
        let value = serde_json::from_str(&json).or_else(|_| too_much(&json));
        value.map(Self::from).map_err(D::Error::custom)
    }
}

/// What `serde_json` does not read: half of a surrogate pair in a URL, more levels than it goes
/// down, or a number that no float holds. Of the last two no more than their kind is left, which
/// says that they lead nowhere.
fn too_much(json: &str) -> serde_json::Result<Value> {
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(&mended(json).unwrap_or_default()),
        Some(b'[') => Ok(Value::Array(Vec::new())),
        Some(b'{') => Ok(Value::Object(Map::new())),
        _ => Ok(f64::MAX.into()),
    }
}

impl Serialize for NextLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Url(url) => serializer.serialize_str(url),
            Self::End | Self::Absent => serializer.serialize_none(),
            Self::Malformed(value) => value.serialize(serializer),
        }
    }
}
