//! From a body to a value, with the place in the JSON where that fails.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::connection::Answer;
use crate::error::Error;

/// Decodes an answer.
///
/// No body is `null`: "nothing is playing" is an `Option`. An answer that nobody wants, `()`, is not
/// looked at, since those of commands are not always JSON. An item of a page that cannot be read
/// becomes `None` and is reported to `tracing`: one bad item does not cost the page.
pub(crate) fn decode<T: DeserializeOwned + 'static>(answer: &Answer) -> Result<T, Error> {
    let unwanted = TypeId::of::<T>() == TypeId::of::<()>();
    let body = match unwanted || answer.body.is_empty() {
        true => b"null".as_slice(),
        false => &answer.body,
    };
    let error =
        match serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(body)) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
    without_bad_items(body, error.path(), answer).ok_or_else(|| Error::Decode {
        request: answer.line.clone(),
        path: error.path().to_string(),
        source: error.into_inner(),
    })
}

/// Decodes what an answer wraps in an object with one field: `{"albums": […]}`.
pub(crate) fn decode_wrapped<T: DeserializeOwned + 'static>(answer: &Answer) -> Result<T, Error> {
    decode::<Wrapped<T>>(answer).map(|wrapped| wrapped.0)
}

struct Wrapped<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Wrapped<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WrappedVisitor(PhantomData))
    }
}

struct WrappedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for WrappedVisitor<T> {
    type Value = Wrapped<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one field")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wrapped<T>, A::Error> {
        let Some(_) = map.next_key::<String>()? else {
            return Err(de::Error::custom("an empty object, expected one with a field"));
        };
        let wrapped = map.next_value()?;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Wrapped(wrapped))
    }
}

/// Decodes once more with the bad items as `null`, as long as it is an item that is bad.
///
/// The body is gone through again only here, so that a good page costs nothing.
fn without_bad_items<T: DeserializeOwned>(body: &[u8], at: &Path, answer: &Answer) -> Option<T> {
    let mut json: Value = serde_json::from_slice(body).ok()?;
    let mut path = item_pointer(at)?;
    loop {
        let item = json.pointer_mut(&path)?;
        if item.is_null() {
            return None;
        }
        *item = Value::Null;
        tracing::warn!(request = %answer.line, item = %path, "left out an item that cannot be read");
        match serde_path_to_error::deserialize(&json) {
            Ok(value) => return Some(value),
            Err(error) => path = item_pointer(error.path())?,
        }
    }
}

/// The JSON pointer of the outermost item of a page that `path` leads into.
fn item_pointer(path: &Path) -> Option<String> {
    let mut pointer = String::new();
    let mut in_items = false;
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            // Escaped by RFC 6901, section 3.
            Segment::Map { key } => {
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
            }
            _ => return None,
        }
        if in_items && matches!(segment, Segment::Seq { .. }) {
            return Some(pointer);
        }
        in_items = matches!(segment, Segment::Map { key } if key == "items");
    }
    None
}
