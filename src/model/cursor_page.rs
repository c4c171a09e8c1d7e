//! Pages of lists that are gone through by a cursor rather than by an offset.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::page::{Count, Link, Wrapped};
use super::{List, NextLink, PageItem, lenient};

/// One page of a list that grows at its front while it is read, such as what was played lately.
///
/// Gone through as a [`Page`](super::Page) is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CursorPage<T> {
    /// URL of this page in the Web API.
    pub href: Option<String>,
    /// What stands at each place, in order.
    pub items: Vec<PageItem<T>>,
    /// The greatest number of items in this page, where Spotify tells.
    pub limit: Option<u32>,
    /// How the list goes on after this page.
    #[serde(skip_serializing_if = "NextLink::is_absent")]
    pub next: NextLink,
    /// Where the pages beside this one begin.
    pub cursors: Cursors,
    /// Number of items in the list, where Spotify tells.
    pub total: Option<u32>,
}

impl<T> CursorPage<T> {
    /// The items that are there, without nulls and without what could not be read.
    pub fn into_items(self) -> impl Iterator<Item = T> {
        self.items.into_iter().filter_map(PageItem::into_item)
    }
}

/// Where the pages beside a [`CursorPage`] begin.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cursors {
    /// What the next page is asked for with.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub after: Option<String>,
    /// What the page before is asked for with.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub before: Option<String>,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for CursorPage<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CursorPageVisitor(PhantomData))
    }
}

struct CursorPageVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for CursorPageVisitor<T> {
    type Value = CursorPage<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page, alone or wrapped")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CursorPage<T>, A::Error> {
        let mut page = CursorPage {
            href: None,
            items: Vec::new(),
            limit: None,
            next: NextLink::Absent,
            cursors: Cursors::default(),
            total: None,
        };
        let mut items = None;
        let mut wrapped = Wrapped::None;
        let mut is_described = false;
        while let Some(field) = map.next_key()? {
            is_described |= !matches!(field, Field::Artists | Field::Other);
            match field {
                Field::Href => page.href = map.next_value::<Link>()?.0,
                Field::Items => items = Some(map.next_value::<Option<List<T>>>()?),
                Field::Limit => page.limit = map.next_value::<Count>()?.0,
                Field::Next => page.next = map.next_value()?,
                Field::Cursors => page.cursors = map.next_value::<Places>()?.0,
                Field::Total => page.total = map.next_value::<Count>()?.0,
                Field::Artists => wrapped.add(map.next_value()?),
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match (items, wrapped) {
            (Some(list), _) => {
                let items = list.map(|List(items)| items).unwrap_or_default();
                Ok(CursorPage { items, ..page })
            }
            (None, Wrapped::One(wrapped)) => Ok(wrapped),
            (None, Wrapped::Several) => Err(de::Error::custom("several pages, where one belongs")),
            // What is left of a page when other fields were asked for.
            (None, Wrapped::None) if is_described => Ok(page),
            (None, Wrapped::None) => Err(de::Error::missing_field("items")),
        }
    }
}

/// An identifier to serde, without which a decoding error could not name the field.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Href,
    Items,
    Limit,
    Next,
    Cursors,
    Total,
    /// The wrapper around followed artists.
    Artists,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Places(#[serde(deserialize_with = "lenient::object_or_default")] Cursors);
