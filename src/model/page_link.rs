//! How a list goes on after a page.

use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
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
    /// Something that is no string. Following it is an error. A list or an object is kept without
    /// what it held.
    Malformed(Value),
}

macro_rules! as_it_is {
    ($($visit:ident($type:ty))*) => {
        $(fn $visit<E>(self, value: $type) -> Result<Value, E> {
            Ok(value.into())
        })*
    };
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
            return noted(deserializer.deserialize_any(Shallow)).map(Self::from);
        }
        let json = captured::json(deserializer)?;
        let value = serde_json::Deserializer::from_str(&json).deserialize_any(Shallow);
        value.or_else(|_| mended_value(&json)).map(Self::from).map_err(D::Error::custom)
    }
}

/// Half of a surrogate pair in a URL, or a number that no float holds, of which no more is left
/// than that it is one.
fn mended_value(json: &str) -> serde_json::Result<Value> {
    match json.starts_with('"') {
        true => serde_json::from_str(&mended(json).unwrap_or_default()),
        false => Ok(f64::MAX.into()),
    }
}

/// A value without what it holds: a small JSON of many objects takes a hundred times its length.
struct Shallow;

impl<'de> Visitor<'de> for Shallow {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(Map::new()))
    }

    as_it_is!(visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str));
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
