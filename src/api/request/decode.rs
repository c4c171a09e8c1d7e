//! From a body to a value, with the place in the JSON where that fails.
//!
//! A good body is read in one go. One that has something bad in it is read again, element by
//! element: what cannot be read costs the element of the list that it is in, and two passes are all
//! that it takes, however much is bad.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Deserializer as Json;
use serde_json::de::SliceRead;
use serde_path_to_error::Track;

use super::disclosure::decode_error;
use super::page_field::InField;
use super::response::RawResponse;
use crate::error::Error;
use crate::model::lenient::{Things, is_something_readable, report_unreadable};
use crate::model::{List, PageItem, as_one_body, in_one_go, mended};

/// How a response becomes a value.
pub(crate) struct Decoder<T> {
    read: fn(RawResponse, Shape) -> Result<T, Error>,
    shape: Shape,
}

/// What is known of a body beside its type.
#[derive(Clone, Copy, Default)]
struct Shape {
    /// The field that wraps the value, where one does.
    wrapper: &'static str,
    /// How many values it has, where there is one for each of the ids.
    count: Option<usize>,
}

impl<T: DeserializeOwned + 'static> Decoder<T> {
    /// The body is the value.
    ///
    /// No body is `null`: "nothing is playing" is an `Option`. A body that nobody wants, `()`, is
    /// not looked at, since those of commands are not always JSON.
    pub(crate) fn plain() -> Self {
        Self { read: |response, _| decode(response, PhantomData), shape: Shape::default() }
    }
}

impl<T: DeserializeOwned + 'static> Decoder<Vec<Option<T>>> {
    /// A list with places, where what cannot be read is `None`; as long as that of the ids, where
    /// there are some.
    pub(crate) fn several(wrapper: &'static str, count: Option<usize>) -> Self {
        let read = |response, Shape { wrapper, count }| {
            let seed = Counted { seed: Wrapped::<List<T>>::new(wrapper), count, of_things: true };
            decode(response, seed).map(places)
        };
        Self { read, shape: Shape { wrapper, count } }
    }

    /// As [`several`](Self::several), in no field.
    pub(crate) fn one_for_each(count: usize) -> Self {
        let read = |response, Shape { count, .. }| {
            let seed = Counted { seed: PhantomData::<List<T>>, count, of_things: false };
            decode(response, seed).map(places)
        };
        Self { read, shape: Shape { wrapper: "", count: Some(count) } }
    }
}

impl<T: DeserializeOwned + 'static> Decoder<Vec<T>> {
    /// A list where only what is there matters, in no field.
    pub(crate) fn bare_list() -> Self {
        let read = |response, _| {
            let Whole(list) = decode(response, PhantomData)?;
            Ok(list)
        };
        Self { read, shape: Shape::default() }
    }

    /// A list where only what is there matters.
    pub(crate) fn list(wrapper: &'static str) -> Self {
        let read = |response, Shape { wrapper, .. }| {
            let Things(list) = decode(response, Wrapped::<Things<T>>::new(wrapper))?;
            Ok(list)
        };
        Self { read, shape: Shape { wrapper, count: None } }
    }
}

impl<G: DeserializeOwned + 'static> Decoder<G> {
    /// A page in the field of this name, and in no other.
    pub(crate) fn page(field: &'static str) -> Self {
        let read = |response, Shape { wrapper, .. }| decode(response, InField::new(wrapper));
        Self { read, shape: Shape { wrapper: field, count: None } }
    }
}

impl<T> Decoder<T> {
    /// Reads the body, which ends the call.
    pub(crate) fn decode(self, mut response: RawResponse) -> Result<T, Error> {
        let call = response.call.take();
        let decoded = (self.read)(response, self.shape);
        if let Some(call) = call {
            call.end(decoded.as_ref().err());
        }
        decoded
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
        Ok(body) if body.is_empty() => read(b"null", seed, &response).map_err(Error::of_no_body),
        Ok(body) => read(&body, seed, &response).map_err(|error| error.with_body(body)),
        Err(error) => Err(*error),
    };
    decoded.map_err(|error| match response.line.is_write() {
        // Its status has come: it is done, and must not be taken for one that failed.
        true => {
            let request = response.line;
            let status = response.status;
            Error::CarriedOut { request, status, source: Box::new(error) }
        }
        false => error,
    })
}

fn read<T, S>(body: &[u8], seed: S, response: &RawResponse) -> Result<T, Error>
where
    S: Copy + for<'de> DeserializeSeed<'de, Value = T>,
{
    as_one_body(|| {
        // The path costs a tenth of the time, and care for each element more: only where it is
        // needed.
        let value = in_one_go(|| read_all(&mut Json::from_slice(body), seed));
        value.map_or_else(|| read_with_care(body, seed, response), Ok)
    })
}

fn read_with_care<T, S>(body: &[u8], seed: S, response: &RawResponse) -> Result<T, Error>
where
    S: Copy + for<'de> DeserializeSeed<'de, Value = T>,
{
    // What is not UTF-8 is a bad place as others are.
    let text = String::from_utf8_lossy(body);
    let mut json = Json::from_str(&text);
    let mut track = Track::new();
    let read = seed.deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    let (path, source) = match read {
        Ok(value) => match json.end() {
            Ok(()) => return Ok(value),
            Err(error) => (Track::new().path(), error),
        },
        Err(error) => (track.path(), error),
    };
    if let Some(Ok(value)) =
        mended(&text).map(|text| read_all(&mut Json::from_slice(text.as_bytes()), seed))
    {
        return Ok(value);
    }
    Err(decode_error(response, body, &path, source))
}

fn read_all<'de, S: DeserializeSeed<'de>>(
    json: &mut Json<SliceRead<'de>>,
    seed: S,
) -> serde_json::Result<S::Value> {
    let value = seed.deserialize(&mut *json)?;
    json.end()?;
    Ok(value)
}

/// A list that is a whole body: nothing at all is none, though it is within an object.
struct Whole<T>(Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Option::<Things<T>>::deserialize(deserializer)?;
        let missing = || de::Error::invalid_type(de::Unexpected::Unit, &"a list");
        list.map(|Things(list)| Self(list)).ok_or_else(missing)
    }
}

/// What stands at each place; what is none or cannot be read is `None`.
fn places<T>(List(list): List<T>) -> Vec<Option<T>> {
    report_unreadable(&list);
    list.into_iter().map(PageItem::into_item).collect()
}

/// A list that is as long as another one.
#[derive(Clone, Copy)]
struct Counted<S> {
    seed: S,
    /// `None` where it may have any length.
    count: Option<usize>,
    /// Whether one of which nothing can be read is an error: of flags, it is a list of unknown
    /// ones.
    of_things: bool,
}

impl<'de, S: DeserializeSeed<'de, Value: Places>> DeserializeSeed<'de> for Counted<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let list = self.seed.deserialize(deserializer)?;
        match (list.length(), self.count) {
            (length, Some(count)) if length != count => Err(de::Error::invalid_length(
                length,
                &&*format!("one value for each of {count} ids"),
            )),
            _ if self.of_things => list.is_something_readable().map(|()| list),
            _ => Ok(list),
        }
    }
}

trait Places {
    fn length(&self) -> usize;

    /// Whether it is more than a list of what cannot be read, which must not look like one of
    /// nothing.
    fn is_something_readable<E: de::Error>(&self) -> Result<(), E>;
}

impl<T> Places for List<T> {
    fn length(&self) -> usize {
        self.0.len()
    }

    fn is_something_readable<E: de::Error>(&self) -> Result<(), E> {
        is_something_readable(&self.0)
    }
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
                if value.is_some() {
                    return Err(de::Error::duplicate_field(self.field));
                }
                value = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        value.ok_or_else(|| de::Error::missing_field(self.field))
    }
}
