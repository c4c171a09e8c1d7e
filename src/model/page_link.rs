//! How a list goes on after a page.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

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
    /// Something that is no string. Following it is an error.
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
        Value::deserialize(deserializer).map(Self::from)
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
