//! Where a page leads to: the rules that hold for every list, whatever it was made from.

use reqwest::Method;
use url::Url;

use super::connection::Connection;
use super::page_url::{keeping_parameters, offset, within_reach};
use crate::error::{Error, RequestLine};
use crate::model::NextLink;

/// A page, by what decides how its list goes on.
pub(super) struct PagePlace<'a> {
    pub(super) method: Method,
    /// Its own URL, where that is known.
    pub(super) url: Option<&'a Url>,
    /// How many items of the list come before it.
    pub(super) start: Option<u64>,
    /// Number of places in it.
    pub(super) count: usize,
    /// Number of items in the list.
    pub(super) total: Option<u32>,
}

impl PagePlace<'_> {
    /// The URL of the page after it, with the parameters of `first` that it lacks; `None` at the
    /// end of the list.
    pub(super) fn following(
        &self,
        connection: &Connection,
        next: &NextLink,
        first: Option<&Url>,
    ) -> Result<Option<Url>, Error> {
        let next = match next {
            NextLink::End => return Ok(None),
            NextLink::Absent if self.reaches_total() => return Ok(None),
            NextLink::Absent => return Err(self.wrong(SAYS_NOTHING)),
            NextLink::Malformed(_) => return Err(Error::malformed_link("next", "is no string")),
            NextLink::Url(_) if self.count == 0 && self.is_past_total() => return Ok(None),
            NextLink::Url(next) => connection.resolve_link("next", next, self.url)?,
        };
        let next = match first {
            Some(first) => keeping_parameters(&next, first),
            None => next,
        };
        match within_reach(next) {
            Some(next) if self.holds(&next) => Err(self.wrong(INTO_ITSELF)),
            Some(next) if self.is_behind(&next) => Err(self.wrong(BACK)),
            next => Ok(next),
        }
    }

    /// An error of the server's.
    pub(super) fn wrong(&self, reason: &'static str) -> Error {
        let path = self.url.map_or(UNKNOWN_PATH, Url::path).into();
        let request = RequestLine { method: self.method.clone(), path, may_be_done: false };
        Error::Paging { request, reason }
    }

    /// Without an offset, a list begins at its first place.
    fn start(&self) -> u64 {
        self.start.unwrap_or_default()
    }

    fn end(&self) -> u64 {
        self.start().saturating_add(u64::try_from(self.count).unwrap_or(u64::MAX))
    }

    fn reaches_total(&self) -> bool {
        self.total.is_some_and(|total| self.end() >= u64::from(total))
    }

    fn is_past_total(&self) -> bool {
        self.total.zip(self.start).is_some_and(|(total, start)| start >= u64::from(total))
    }

    /// Whether the other page begins in the middle of this one.
    fn holds(&self, other: &Url) -> bool {
        offset(other).is_some_and(|other| other > self.start() && other < self.end())
    }

    /// Whether the other page is this one, or one before it.
    fn is_behind(&self, other: &Url) -> bool {
        self.url == Some(other) || offset(other).is_some_and(|other| other <= self.start())
    }
}

const INTO_ITSELF: &str = "leads into itself, so that items would come twice";
pub(super) const BACK: &str = "leads back to one before it; the list has no end";
const SAYS_NOTHING: &str =
    "does not say whether the list goes on; where `fields` are set, ask for `next` as well";

/// Of a page that does not name its URL.
const UNKNOWN_PATH: &str = "(a page)";
