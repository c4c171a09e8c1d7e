//! What stands at a place of a list: an item, `null`, or something that cannot be read.
//!
//! serde cannot resume in the middle of an element that has failed. So a list with something bad in
//! it is read element by element out of the raw JSON, which costs a second look at each. A good one
//! is spared that by [`in_one_go`]: read so, a bad element fails the whole list, which is then read
//! again, each element in one go and the bad one with care. Each byte is looked at a few times for
//! each list that it is in, and no more.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::captured;
use super::mended;
use super::reading::{attempt, in_one_go, is_in_one_go, noted, takes_room, within_body};
use super::unvalued::{path_of_fields, without_values};

/// What stands at a place of a [`Page`](super::Page).
///
/// ```
/// use spotify_web::model::{Page, PageItem};
///
/// let page: Page<u8> = serde_json::from_str(r#"{ "items": [7, null, "seven"] }"#)?;
/// assert_eq!(page.items[0], PageItem::Item(7));
/// assert_eq!(page.items[1], PageItem::Null);
/// assert_eq!(page.items[2].unreadable().unwrap().raw_json(), "\"seven\"");
/// assert_eq!(page.into_items().collect::<Vec<_>>(), [7]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PageItem<T> {
    /// An item.
    Item(T),
    /// `null`: Spotify has nothing at this place, such as a playlist that became private.
    Null,
    /// Something that this version of the crate cannot read.
    Unreadable(Unreadable),
}

impl<T> PageItem<T> {
    /// The item, where there is one.
    pub fn item(&self) -> Option<&T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Null | Self::Unreadable(_) => None,
        }
    }

    /// The item by value, where there is one.
    pub fn into_item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Null | Self::Unreadable(_) => None,
        }
    }

    /// Whether there is an item.
    pub fn is_item(&self) -> bool {
        self.item().is_some()
    }

    /// Whether Spotify sent `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Why there is no item, where it could not be read.
    pub fn unreadable(&self) -> Option<&Unreadable> {
        match self {
            Self::Unreadable(unreadable) => Some(unreadable),
            Self::Item(_) | Self::Null => None,
        }
    }
}

/// `None` is `null`.
impl<T> From<Option<T>> for PageItem<T> {
    fn from(item: Option<T>) -> Self {
        item.map_or(Self::Null, Self::Item)
    }
}

/// An element of a list that could not be read: why, and what it was.
///
/// The raw JSON and [`error`](Self::error) may repeat what Spotify sent about a user: keep them out
/// of logs. What is displayed, and the source of this error, names the place and the types, and no
/// value.
#[derive(Clone)]
pub struct Unreadable {
    path: Box<str>,
    why: Arc<Why>,
    raw: Arc<str>,
}

struct Why {
    error: serde_json::Error,
    /// The same without values.
    shown: serde_json::Error,
}

impl Unreadable {
    fn new(error: serde_path_to_error::Error<serde_json::Error>, raw: &str) -> Self {
        let path = path_of_fields(error.path(), |_| false).into();
        let error = error.into_inner();
        let shown = without_values(&error);
        Self { path, why: Arc::new(Why { error, shown }), raw: raw.into() }
    }

    /// The place within the element, such as `album.images[2].url`; `.` for the element itself, and
    /// `?` for a name that no field of Spotify has.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was wrong there, with the value that was.
    pub fn error(&self) -> &serde_json::Error {
        &self.why.error
    }

    /// As it came, or mended where nothing else could read it.
    fn writable_json(&self) -> Cow<'_, str> {
        let mend = || mended(&self.raw).map(Cow::Owned);
        let is_readable = serde_json::from_str::<Value>(&self.raw).is_ok();
        let mended = if is_readable { None } else { mend() };
        mended.unwrap_or(Cow::Borrowed(&self.raw))
    }

    /// The element as Spotify sent it.
    pub fn raw_json(&self) -> &str {
        &self.raw
    }
}

impl PartialEq for Unreadable {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
            && (self.raw == other.raw || self.writable_json() == other.writable_json())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot be read at `{}`: {}", self.path, self.why.shown)
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.why.shown)
    }
}

impl fmt::Debug for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unreadable").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What stands there as it came, so that a page is written as it was read; mended, where nothing
/// else could read it.
impl<T: Serialize> Serialize for PageItem<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = match self {
            Self::Item(item) => return item.serialize(serializer),
            Self::Null => return serializer.serialize_none(),
            Self::Unreadable(unreadable) => unreadable.writable_json(),
        };
        let raw: &RawValue = serde_json::from_str(&raw).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for PageItem<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match is_in_one_go() {
            true => noted(Option::deserialize(deserializer)).map(Self::from),
            false => captured::json(deserializer).map(|json| within_body(|| Self::read(&json))),
        }
    }
}

impl<T: DeserializeOwned> PageItem<T> {
    fn read(json: &str) -> Self {
        if json == "null" {
            return Self::Null;
        }
        // Most elements beside a bad one are good.
        if let Some(item) = in_one_go(|| serde_json::from_str(json)) {
            return Self::Item(item);
        }
        let mut element = serde_json::Deserializer::from_str(json);
        attempt(|| serde_path_to_error::deserialize(&mut element))
            .or_else(|error| {
                let mended = mended(json);
                let read = mended.and_then(|json| attempt(|| serde_json::from_str(&json)).ok());
                read.ok_or(error)
            })
            .map_or_else(|error| Self::Unreadable(Unreadable::new(error, json)), Self::Item)
    }
}

/// What stands at each place of a list.
///
/// Tried in one go first, also where the body is read with care: most lists have nothing bad in
/// them.
pub(crate) struct List<T>(pub(crate) Vec<PageItem<T>>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if is_in_one_go() {
            return noted(Bounded::deserialize(deserializer)).map(|Bounded(list)| Self(list));
        }
        let json = captured::json(deserializer)?;
        within_body(|| {
            in_one_go(|| serde_json::from_str(&json))
                .map_or_else(|| attempt(|| serde_json::from_str(&json)), Ok)
        })
        .map(|Bounded(list)| Self(list))
        .map_err(D::Error::custom)
    }
}

/// A list of at most [`MOST_PLACES`]: a place takes the room of a whole item, also where nothing
/// but a `7` is.
struct Bounded<T>(Vec<PageItem<T>>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(BoundedVisitor(PhantomData))
    }
}

struct BoundedVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for BoundedVisitor<T> {
    type Value = Bounded<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST_PLACES} places, and a body with less in all lists")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bounded<T>, A::Error> {
        let mut places = Vec::new();
        while let Some(place) = list.next_element()? {
            if places.len() == MOST_PLACES || !has_room(&mut places) {
                return Err(A::Error::invalid_length(places.len() + 1, &self));
            }
            places.push(place);
        }
        Ok(Bounded(places))
    }
}

/// Whether a body may have a further place; counted as the list grows.
fn has_room<T>(places: &mut Vec<PageItem<T>>) -> bool {
    let before = places.capacity();
    if places.len() < before {
        return true;
    }
    places.reserve(1);
    takes_room((places.capacity() - before) * size_of::<PageItem<T>>())
}

/// Spotify's longest page has 100. With as many, the items of the largest kind and what is wrong
/// with them take about 50 MB.
const MOST_PLACES: usize = 50_000;
