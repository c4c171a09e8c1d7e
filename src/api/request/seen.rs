//! What a list has been through already, so that none goes on for ever.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use url::Url;

use super::next_page::BACK;

/// The pages of a list that were there already.
#[derive(Default)]
pub(super) struct Seen {
    /// Hashes of URLs: a list that leads back would have to be found in few pages, and a chance
    /// hit in 2^64 ends a list with an error and no more.
    urls: HashSet<u64>,
    hasher: RandomState,
    /// Pages in a row that were empty.
    empty: u32,
}

impl Seen {
    pub(super) fn note(&mut self, url: &Url) {
        self.urls.insert(self.hasher.hash_one(url.as_str()));
    }

    /// What is wrong with a page at `url`, of `count` places, that leads to `next`.
    pub(super) fn wanders(&mut self, url: &Url, next: &Url, count: usize) -> Option<&'static str> {
        self.note(url);
        self.empty = if count == 0 { self.empty + 1 } else { 0 };
        match self.urls.contains(&self.hasher.hash_one(next.as_str())) {
            true => Some(BACK),
            false => (self.empty >= MOST_EMPTY_PAGES).then_some("is empty, as were many before it"),
        }
    }
}

/// A list that was filtered may have empty pages in the middle. A hundred in a row are 5,000 items
/// that are all gone, or a server that never comes to an end.
const MOST_EMPTY_PAGES: u32 = 100;
