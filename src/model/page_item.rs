//! What stands at a place of a list: an item, `null`, or something that cannot be read.
//!
//! serde cannot resume in the middle of an element that has failed. So a list with something bad in
//! it is read element by element out of the raw JSON, which costs a second look at each. A good one
//! is spared that by [`in_one_go`]: read so, a bad element fails the whole list, which is then read
//! again, each element in one go once more and the bad one with care. Each byte is looked at a few times for each list that it is in, and no more.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::mended;

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
/// Both the raw JSON and the error may repeat what Spotify sent about a user: keep them out of
/// logs.
#[derive(Clone)]
pub struct Unreadable {
    path: Box<str>,
    source: Arc<serde_json::Error>,
    raw: Arc<RawValue>,
}

impl Unreadable {
    /// The place within the element, such as `album.images[2].url`; `.` for the element itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was wrong there.
    pub fn error(&self) -> &serde_json::Error {
        &self.source
    }

    /// The element as Spotify sent it.
    pub fn raw_json(&self) -> &str {
        self.raw.get()
    }
}

impl PartialEq for Unreadable {
    fn eq(&self, other: &Self) -> bool {
        self.raw_json() == other.raw_json() && self.path == other.path
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot be read at `{}`: {}", self.path, self.source)
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

impl fmt::Debug for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unreadable").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What stands there as it came, so that a page is written as it was read.
impl<T: Serialize> Serialize for PageItem<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Item(item) => item.serialize(serializer),
            Self::Null => serializer.serialize_none(),
            Self::Unreadable(unreadable) => unreadable.raw.serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for PageItem<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match IN_ONE_GO.get() {
            true => Option::deserialize(deserializer).map(Self::from),
            false => Box::<RawValue>::deserialize(deserializer).map(Self::read),
        }
    }
}

impl<T: DeserializeOwned> PageItem<T> {
    fn read(raw: Box<RawValue>) -> Self {
        if raw.get() == "null" {
            return Self::Null;
        }
        // Most elements beside a bad one are good.
        if let Ok(item) = in_one_go(|| serde_json::from_str(raw.get())) {
            return Self::Item(item);
        }
        let mut json = serde_json::Deserializer::from_str(raw.get());
        match serde_path_to_error::deserialize(&mut json) {
            Ok(item) => Self::Item(item),
            Err(error) => {
                let mended = mended(raw.get()).and_then(|json| serde_json::from_str(&json).ok());
                if let Some(item) = mended {
                    return Self::Item(item);
                }
                let path = error.path().to_string().into();
                let source = Arc::new(error.into_inner());
                Self::Unreadable(Unreadable { path, source, raw: raw.into() })
            }
        }
    }
}

/// What stands at each place of a list.
///
/// Tried in one go first, also where the body is read with care: most lists have nothing bad in
/// them.
pub(crate) struct List<T>(pub(crate) Vec<PageItem<T>>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if IN_ONE_GO.get() {
            return Bounded::deserialize(deserializer).map(|Bounded(list)| Self(list));
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        in_one_go(|| serde_json::from_str(raw.get()))
            .or_else(|_| serde_json::from_str(raw.get()))
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
        write!(f, "a list of at most {MOST_PLACES} places")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bounded<T>, A::Error> {
        let mut places = Vec::new();
        while let Some(place) = list.next_element()? {
            if places.len() == MOST_PLACES {
                return Err(A::Error::invalid_length(MOST_PLACES + 1, &self));
            }
            places.push(place);
        }
        Ok(Bounded(places))
    }
}

/// Spotify's longest page has 100. With as many, the items of the largest kind and what is wrong
/// with them take about 50 MB.
const MOST_PLACES: usize = 50_000;

/// Reads JSON as a client reads a response: as fast as serde can where all of it is good, and
/// element by element where something in a list cannot be read.
///
/// `serde_json::from_slice` reads the same and takes longer: serde cannot go back, so that each list is
/// looked at before it is read.
///
/// What JSON allows and `serde_json` does not take, such as half of a surrogate pair, a number that
/// no float holds, or a byte order mark in front, costs no more than its place.
///
/// # Errors
///
/// What is wrong where no list can be blamed for it.
///
/// ```
/// use spotify_web::model::{Page, from_json};
///
/// let page: Page<u8> = from_json(br#"{ "items": [7, "seven"] }"#)?;
/// assert_eq!(page.items.len(), 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn from_json<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    // Looked at once here, no string of it has to be looked at again.
    match std::str::from_utf8(json) {
        Ok(json) => in_one_go(|| serde_json::from_str(json)).or_else(|_| read_with_care(json)),
        Err(_) => read_with_care(&String::from_utf8_lossy(json)),
    }
}

/// As it came, or mended where that fails.
pub(super) fn read_with_care<T: DeserializeOwned>(json: &str) -> serde_json::Result<T> {
    serde_json::from_str(json).or_else(|error| match mended(json) {
        Some(json) => serde_json::from_str(&json),
        None => Err(error),
    })
}

/// Reads with each element in one go: faster, but one that cannot be read fails the whole.
pub(crate) fn in_one_go<T>(read: impl FnOnce() -> T) -> T {
    let _before = Restore(IN_ONE_GO.replace(true));
    read()
}

pub(super) fn is_in_one_go() -> bool {
    IN_ONE_GO.get()
}

thread_local! {
    /// Of the thread, since serde hands nothing down to the elements.
    static IN_ONE_GO: Cell<bool> = const { Cell::new(false) };
}

struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        IN_ONE_GO.set(self.0);
    }
}
