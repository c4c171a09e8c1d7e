//! From a body to a value, with the place in the JSON where that fails.
//!
//! A good body is read in one go. One that has something bad in it is read again, element by
//! element: what cannot be read costs the element of the list that it is in, and two passes are all
//! that it takes, however much is bad.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Deserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Deserializer as Json;
use serde_json::de::SliceRead;
use serde_path_to_error::Track;

use super::response::RawResponse;
use crate::error::Error;
use crate::model::lenient::{readable, report_unreadable};
use crate::model::{List, PageItem, in_one_go};
use crate::transport::{clipped, noise};

/// How a response becomes a value.
pub(crate) struct Decoder<T> {
    read: fn(RawResponse, &'static str) -> Result<T, Error>,
    /// The field that wraps the value, where one does.
    wrapper: &'static str,
}

impl<T: DeserializeOwned + 'static> Decoder<T> {
    /// The body is the value.
    ///
    /// No body is `null`: "nothing is playing" is an `Option`. A body that nobody wants, `()`, is
    /// not looked at, since those of commands are not always JSON.
    pub(crate) fn plain() -> Self {
        Self { read: |response, _| decode(response, PhantomData), wrapper: "" }
    }
}

impl<T: DeserializeOwned + 'static> Decoder<Vec<Option<T>>> {
    /// A list with places, where what cannot be read is `None`.
    pub(crate) fn several(wrapper: &'static str) -> Self {
        let read = |response, name| {
            let List(list) = decode(response, Wrapped::<List<T>>::new(name))?;
            report_unreadable(&list);
            Ok(list.into_iter().map(PageItem::into_item).collect())
        };
        Self { read, wrapper }
    }
}

impl<T: DeserializeOwned + 'static> Decoder<Vec<T>> {
    /// A list where only what is there matters, in no field.
    pub(crate) fn bare_list() -> Self {
        let read = |response, _| {
            let List(list) = decode(response, PhantomData)?;
            Ok(readable(list))
        };
        Self { read, wrapper: "" }
    }

    /// A list where only what is there matters.
    pub(crate) fn list(wrapper: &'static str) -> Self {
        let read = |response, name| {
            let list = decode(response, Wrapped::<Option<List<T>>>::new(name))?;
            Ok(list.map(|List(list)| readable(list)).unwrap_or_default())
        };
        Self { read, wrapper }
    }
}

impl<T> Decoder<T> {
    pub(crate) fn decode(self, response: RawResponse) -> Result<T, Error> {
        (self.read)(response, self.wrapper)
    }
}

impl<T> Clone for Decoder<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Decoder<T> {}

fn decode<T: 'static, S>(mut response: RawResponse, seed: S) -> Result<T, Error>
where
    S: Copy + for<'de> DeserializeSeed<'de, Value = T>,
{
    let body = std::mem::replace(&mut response.body, Ok(Bytes::new()));
    let decoded = match body {
        _ if TypeId::of::<T>() == TypeId::of::<()>() => read(b"null", seed, &response),
        Ok(body) if body.is_empty() => read(b"null", seed, &response),
        Ok(body) => read(&body, seed, &response),
        Err(error) => Err(*error),
    };
    decoded.map_err(|error| match response.line.is_write() {
        // Its status has come: it is done, and must not be taken for one that failed.
        true => {
            let (request, status) = (response.line, response.status);
            Error::CarriedOut { request, status, source: Box::new(error) }
        }
        false => error,
    })
}

fn read<T, S>(body: &[u8], seed: S, response: &RawResponse) -> Result<T, Error>
where
    S: Copy + for<'de> DeserializeSeed<'de, Value = T>,
{
    // The path costs a tenth of the time, and care for each element more: only where it is needed.
    if let Ok(value) = in_one_go(|| read_all(&mut Json::from_slice(body), seed)) {
        return Ok(value);
    }
    // What is not UTF-8 is a bad place as others are.
    let text = String::from_utf8_lossy(body);
    let mut json = Json::from_str(&text);
    let mut track = Track::new();
    let read = seed.deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    let (path, source) = match read {
        Ok(value) => match json.end() {
            Ok(()) => return Ok(value),
            Err(error) => (".".to_owned(), error),
        },
        Err(error) => (track.path().to_string(), error),
    };
    let start = noise(&response.headers, body).or_else(|| start(&text, response));
    Err(Error::Decode { request: response.line.clone(), path, start, source })
}

fn read_all<'de, S: DeserializeSeed<'de>>(
    json: &mut Json<SliceRead<'de>>,
    seed: S,
) -> serde_json::Result<S::Value> {
    let value = seed.deserialize(&mut *json)?;
    json.end()?;
    Ok(value)
}

/// How a body begins, where it cannot hold a secret: what a response says about a user is theirs,
/// and a proxy may send back the header that it got.
fn start(body: &str, response: &RawResponse) -> Option<String> {
    let line = &response.line;
    let about_a_user = response.needs_user || line.path.split('/').any(|part| part == "me");
    let words = body.to_ascii_lowercase();
    let may_be_secret =
        ["bearer", "basic", "token", "secret"].iter().any(|word| words.contains(word));
    (!about_a_user && !may_be_secret && !body.is_empty()).then(|| clipped(body))
}

/// Reads the value of one field of an object, and passes over the others.
struct Wrapped<T> {
    field: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Wrapped<T> {
    fn new(field: &'static str) -> Self {
        Self { field, value: PhantomData }
    }
}

impl<T> Clone for Wrapped<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Wrapped<T> {}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Wrapped<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Wrapped<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the field `{}`", self.field)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut value = None;
        while let Some(field) = map.next_key::<String>()? {
            if field == self.field {
                value = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        value.ok_or_else(|| de::Error::missing_field(self.field))
    }
}
