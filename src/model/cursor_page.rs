//! Pages of lists that are gone through by a cursor rather than by an offset.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::by_fields::{as_its_fields, by_fields};
use super::page::{Count, Link};
use super::page_fields::{Seen, Wrapped};
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

by_fields! {
    /// Where the pages beside a [`CursorPage`] begin.
    #[derive(Eq, Default)]
    pub struct Cursors {
        /// What the next page is asked for with.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub after: Option<String>,
        /// What the page before is asked for with.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub before: Option<String>,
    }
}

as_its_fields!(Cursors);

impl<'de, T: DeserializeOwned> Deserialize<'de> for CursorPage<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = CursorPageVisitor { is_wrapped: false, page: PhantomData };
        deserializer.deserialize_struct("CursorPage", FIELDS, visitor)
    }
}

/// Where a page is flattened into a type of a program's own, the other fields are left to that.
const FIELDS: &[&str] = &["href", "items", "limit", "next", "cursors", "total", "artists"];

/// A page that stands in a field of a response, in which no further one does.
struct Inner<T>(CursorPage<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Inner<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = CursorPageVisitor { is_wrapped: true, page: PhantomData };
        deserializer.deserialize_struct("CursorPage", FIELDS, visitor).map(Self)
    }
}

struct CursorPageVisitor<T> {
    is_wrapped: bool,
    page: PhantomData<T>,
}

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
        let mut wrapped = Wrapped::<Inner<T>>::default();
        let mut seen = Seen::default();
        while let Some(field) = map.next_key::<Field>()? {
            seen.once(field.name())?;
            match field {
                Field::Href => page.href = map.next_value::<Link>()?.0,
                Field::Items => items = Some(map.next_value::<Option<List<T>>>()?),
                Field::Limit => page.limit = map.next_value::<Count>()?.0,
                Field::Next => page.next = map.next_value()?,
                Field::Cursors => page.cursors = map.next_value::<Places>()?.0,
                Field::Total => page.total = map.next_value::<Count>()?.0,
                Field::Artists if !self.is_wrapped => wrapped.take(&mut map)?,
                Field::Artists | Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match items {
            Some(list) => {
                let items = list.map(|List(items)| items).unwrap_or_default();
                Ok(CursorPage { items, ..page })
            }
            // Without items, a page is what is left of it when other fields were asked for.
            None => {
                let wrapped = wrapped.page(seen.is_something())?;
                Ok(wrapped.map_or(page, |Inner(page)| page))
            }
        }
    }
}

impl Field {
    /// What may be there once; nothing for what may be there more often.
    fn name(&self) -> Option<&'static str> {
        match self {
            Self::Href => Some("href"),
            Self::Items => Some("items"),
            Self::Limit => Some("limit"),
            Self::Next => Some("next"),
            Self::Cursors => Some("cursors"),
            Self::Total => Some("total"),
            Self::Artists | Self::Other => None,
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
