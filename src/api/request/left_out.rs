//! Entries of a list, and an account of those that are no items: nothing is lost silently.

use crate::error::Error;
use crate::model::{PageItem, Unreadable};

/// A place of a list, and what stands there.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ListEntry<T> {
    /// Its place, from 0 for the first of the list.
    pub position: u32,
    /// What stands there.
    pub item: PageItem<T>,
}

/// What a stream of items has left out. Dropped, it says so.
#[derive(Default)]
pub(super) struct LeftOut {
    endpoint: String,
    fails_on_unreadable: bool,
    nulls: usize,
    unreadable: usize,
    /// The first that could not be read: its place in the list, and the place in it.
    first: Option<(u32, Unreadable)>,
}

impl LeftOut {
    /// Of a list of this endpoint.
    pub(super) fn of(endpoint: String) -> Self {
        let mut left_out = Self::default();
        left_out.endpoint = endpoint;
        left_out
    }

    /// From now on, what cannot be read is an error.
    pub(super) fn fail_on_unreadable(&mut self) {
        self.fails_on_unreadable = true;
    }

    pub(super) fn number(&self) -> usize {
        self.nulls + self.unreadable
    }

    /// The item of an entry; without one, it is counted.
    pub(super) fn item_of<T>(&mut self, entry: ListEntry<T>) -> Result<Option<T>, Error> {
        self.count(&entry)?;
        Ok(entry.item.into_item())
    }

    pub(super) fn count<T>(&mut self, entry: &ListEntry<T>) -> Result<(), Error> {
        match &entry.item {
            PageItem::Item(_) => Ok(()),
            PageItem::Null => {
                self.nulls += 1;
                Ok(())
            }
            PageItem::Unreadable(unreadable) => self.count_unreadable(entry.position, unreadable),
        }
    }

    fn count_unreadable(&mut self, position: u32, unreadable: &Unreadable) -> Result<(), Error> {
        if self.fails_on_unreadable {
            return Err(Error::UnreadableItem { position, source: unreadable.clone() });
        }
        self.unreadable += 1;
        self.first.get_or_insert_with(|| (position, unreadable.clone()));
        Ok(())
    }

    /// An error for a list of which nothing can be read, which must not look like one of nothing.
    pub(super) fn nothing_readable(&self) -> Result<(), Error> {
        match self.first.clone() {
            Some((position, source)) => Err(Error::UnreadableItem { position, source }),
            None => Ok(()),
        }
    }

    /// Nothing is left out where it is handed out.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Drop for LeftOut {
    fn drop(&mut self) {
        if self.number() == 0 {
            return;
        }
        let Self { endpoint, nulls, unreadable, first, .. } = self;
        let position = first.as_ref().map(|(position, _)| *position);
        let path = first.as_ref().map(|(_, unreadable)| unreadable.path());
        tracing::warn!(endpoint, nulls, unreadable, position, path, "left out places of a list");
    }
}
