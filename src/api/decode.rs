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
use crate::transport::{clipped, noise};

/// Decodes an answer.
///
/// No body is `null`: "nothing is playing" is an `Option`. An answer that nobody wants, `()`, is not
/// looked at, since those of commands are not always JSON. An item of a page that cannot be read
/// becomes `None` and is reported to `tracing`: one bad item does not cost the page.
pub(crate) fn decode<T: DeserializeOwned + 'static>(answer: &Answer) -> Result<T, Error> {
    decode_with_items(answer, is_items)
}

/// Decodes what an answer wraps in an object with one field: `{"albums": […]}`. A list there is
/// treated as the items of a page are.
pub(crate) fn decode_wrapped<T: DeserializeOwned + 'static>(answer: &Answer) -> Result<T, Error> {
    decode_with_items::<Wrapped<T>>(answer, |fields, name| fields == 1 || is_items(fields, name))
        .map(|wrapped| wrapped.0)
}

/// Whether the elements of a list may be left out, by how deep it is and by the field that holds it.
type HoldsItems = fn(usize, &str) -> bool;

fn is_items(_: usize, field: &str) -> bool {
    field == "items"
}

fn decode_with_items<T>(answer: &Answer, holds_items: HoldsItems) -> Result<T, Error>
where
    T: DeserializeOwned + 'static,
{
    let unwanted = TypeId::of::<T>() == TypeId::of::<()>();
    let body = match unwanted || answer.body.is_empty() {
        true => b"null".as_slice(),
        false => &answer.body,
    };
    // The path costs a tenth of the time, so that it is followed only when it is wanted.
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let (path, source) = match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(value) => match json.end() {
            Ok(()) => return Ok(value),
            Err(error) => (".".to_owned(), error),
        },
        Err(error) => {
            if let Some(value) = without_bad_items(body, error.path(), answer, holds_items) {
                return Ok(value);
            }
            (error.path().to_string(), error.into_inner())
        }
    };
    Err(Error::Decode { request: answer.line.clone(), path, start: start(answer), source })
}

/// How a body begins, where it cannot hold a secret: what is answered about a user is theirs, and a
/// proxy may answer with the header that it was sent.
fn start(answer: &Answer) -> Option<String> {
    if let Some(noise) = noise(&answer.headers, &answer.body) {
        return Some(noise);
    }
    let about_a_user = answer.needs_user || answer.line.path.split('/').any(|part| part == "me");
    let body = String::from_utf8_lossy(&answer.body);
    let words = body.to_ascii_lowercase();
    let may_be_secret = ["bearer", "basic", "token", "secret"].iter().any(|it| words.contains(it));
    (!about_a_user && !may_be_secret && !body.is_empty()).then(|| clipped(&body))
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
fn without_bad_items<T: DeserializeOwned>(
    body: &[u8],
    at: &Path,
    answer: &Answer,
    holds_items: HoldsItems,
) -> Option<T> {
    let mut json: Value = serde_json::from_slice(body).ok()?;
    let mut path = item_pointer(at, holds_items)?;
    loop {
        let item = json.pointer_mut(&path)?;
        if item.is_null() {
            return None;
        }
        *item = Value::Null;
        tracing::warn!(request = %answer.line, item = %path, "left out an item that cannot be read");
        match serde_path_to_error::deserialize(&json) {
            Ok(value) => return Some(value),
            Err(error) => path = item_pointer(error.path(), holds_items)?,
        }
    }
}

/// The JSON pointer of the outermost item of a list that `path` leads into.
fn item_pointer(path: &Path, holds_items: HoldsItems) -> Option<String> {
    let mut pointer = String::new();
    let mut fields = 0;
    let mut in_items = false;
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push_str(&format!("/{index}"));
                if in_items {
                    return Some(pointer);
                }
            }
            // Escaped by RFC 6901, section 3.
            Segment::Map { key } => {
                fields += 1;
                in_items = holds_items(fields, key);
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
            }
            _ => return None,
        }
    }
    None
}
