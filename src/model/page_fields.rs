//! What the fields of a page and of what may be around it have in common.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, Error, MapAccess};

use super::captured::Json;
use super::reading::{is_in_one_go, noted, read_with_care};

/// The names that an object has had so far.
#[derive(Default)]
pub(super) struct Seen(Vec<&'static str>);

impl Seen {
    /// One that comes twice is an error, as it is to serde elsewhere.
    pub(super) fn once<E: Error>(&mut self, name: Option<&'static str>) -> Result<(), E> {
        let Some(name) = name else { return Ok(()) };
        if self.0.contains(&name) {
            return noted(Err(E::duplicate_field(name)));
        }
        self.0.push(name);
        Ok(())
    }

    pub(super) fn is_something(&self) -> bool {
        !self.0.is_empty()
    }
}

/// What stands in the fields that may wrap a page. Beside the items of a page it is of no use,
/// whatever it is.
pub(super) struct Wrapped<'de, P> {
    page: Option<P>,
    several: bool,
    /// As it came, where it is read with care.
    json: Vec<Cow<'de, str>>,
}

impl<P> Default for Wrapped<'_, P> {
    fn default() -> Self {
        Self { page: None, several: false, json: Vec::new() }
    }
}

impl<'de, P: DeserializeOwned> Wrapped<'de, P> {
    pub(super) fn take<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        match is_in_one_go() {
            true => self.add(noted(map.next_value())?),
            false => {
                let Json(json) = map.next_value()?;
                self.json.push(json);
            }
        }
        Ok(())
    }

    fn add(&mut self, page: Option<P>) {
        self.several |= self.page.is_some() && page.is_some();
        self.page = self.page.take().or(page);
    }

    /// The page that is wrapped. Which of several is meant would be a guess.
    pub(super) fn page<E: Error>(mut self, is_described: bool) -> Result<Option<P>, E> {
        let mut wrong = None;
        for json in std::mem::take(&mut self.json) {
            match read_with_care(&json) {
                Ok(page) => self.add(page),
                Err(error) => wrong = wrong.or(Some(error)),
            }
        }
        match (self.page, wrong) {
            _ if self.several => noted(Err(E::custom("several pages, where one belongs"))),
            (None, Some(error)) if !is_described => Err(E::custom(error)),
            (None, None) if !is_described => noted(Err(E::missing_field("items"))),
            (page, _) => Ok(page),
        }
    }
}
