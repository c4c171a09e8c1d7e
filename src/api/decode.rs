//! From a body to a value, with the place in the JSON where that fails.

use std::any::TypeId;

use serde::de::DeserializeOwned;
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
