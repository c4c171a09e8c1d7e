//! Pages of longer lists.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::page_fields::{Seen, Wrapped};
use super::{List, NextLink, PageItem, lenient};

/// One page of a longer list.
///
/// [`SpotifyClient::next_page`](crate::SpotifyClient::next_page) asks for the next one,
/// [`SpotifyClient::stream`](crate::SpotifyClient::stream) for the items of all that follow.
///
/// Some endpoints wrap their page, as a search does in `{"tracks": {…}}`; a page is read out of
/// such a response too, so that `next` always leads to the same type.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// URL of this page in the Web API.
    pub href: Option<String>,
    /// What stands at each place, in order.
    pub items: Vec<PageItem<T>>,
    /// The greatest number of items in this page, where Spotify tells.
    pub limit: Option<u32>,
    /// How the list goes on after this page.
    #[serde(skip_serializing_if = "NextLink::is_absent")]
    pub next: NextLink,
    /// How many items of the list come before this page, where Spotify tells.
    pub offset: Option<u32>,
    /// URL of the page before; `None` at the beginning.
    pub previous: Option<String>,
    /// Number of items in the list, where Spotify tells; may change from page to page.
    pub total: Option<u32>,
}

impl<T> Page<T> {
    /// The items that are there, without nulls and without what could not be read.
    pub fn into_items(self) -> impl Iterator<Item = T> {
        self.items.into_iter().filter_map(PageItem::into_item)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Page<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = PageVisitor { is_wrapped: false, page: PhantomData };
        deserializer.deserialize_struct("Page", FIELDS, visitor)
    }
}

/// Where a page is flattened into a type of a program's own, the other fields are left to that.
const FIELDS: &[&str] = &[
    "href",
    "items",
    "limit",
    "next",
    "offset",
    "previous",
    "total",
    "tracks",
    "artists",
    "albums",
    "playlists",
    "shows",
    "episodes",
    "audiobooks",
    "categories",
];

/// A page that stands in a field of a response, in which no further one does.
struct Inner<T>(Page<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Inner<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = PageVisitor { is_wrapped: true, page: PhantomData };
        deserializer.deserialize_struct("Page", FIELDS, visitor).map(Self)
    }
}

struct PageVisitor<T> {
    is_wrapped: bool,
    page: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> Visitor<'de> for PageVisitor<T> {
    type Value = Page<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page, alone or wrapped")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page<T>, A::Error> {
        let mut page = Page::default();
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
                Field::Offset => page.offset = map.next_value::<Count>()?.0,
                Field::Previous => page.previous = map.next_value::<Link>()?.0,
                Field::Total => page.total = map.next_value::<Count>()?.0,
                Field::Wrapper if !self.is_wrapped => wrapped.take(&mut map)?,
                Field::Wrapper | Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match items {
            Some(list) => {
                let items = list.map(|List(items)| items).unwrap_or_default();
                Ok(Page { items, ..page })
            }
            // Without items, a page is what is left of it when other fields were asked for.
            None => {
                let wrapped = wrapped.page(seen.is_something())?;
                Ok(wrapped.map_or(page, |Inner(page)| page))
            }
        }
    }
}

/// A page of nothing, that does not say how its list goes on.
impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            href: None,
            items: Vec::new(),
            limit: None,
            next: NextLink::Absent,
            offset: None,
            previous: None,
            total: None,
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
            Self::Offset => Some("offset"),
            Self::Previous => Some("previous"),
            Self::Total => Some("total"),
            Self::Wrapper | Self::Other => None,
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
    Offset,
    Previous,
    Total,
    #[serde(
        rename = "tracks",
        alias = "artists",
        alias = "albums",
        alias = "playlists",
        alias = "shows",
        alias = "episodes",
        alias = "audiobooks",
        alias = "categories"
    )]
    Wrapper,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(super) struct Count(
    #[serde(deserialize_with = "lenient::optional_count")] pub(super) Option<u32>,
);

#[derive(Deserialize)]
pub(super) struct Link(
    #[serde(deserialize_with = "lenient::optional_text")] pub(super) Option<String>,
);
