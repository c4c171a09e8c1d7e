//! What requests change in a playlist, all that one says or nothing.
//!
//! Places are those of the version that a request names, and of the newest where it names none.
//! What has happened since then stays, and is no mistake.

use std::collections::HashSet;

use serde::Deserialize;

use super::{Entry, Key, Playlist, Refusal};

/// The body of a removal, by the new name of its field or the old one.
#[derive(Deserialize)]
pub(in super::super) struct Removal {
    #[serde(alias = "tracks")]
    items: Vec<RemovedItem>,
    snapshot_id: Option<String>,
}

#[derive(Deserialize)]
struct RemovedItem {
    uri: String,
    /// None are all.
    #[serde(default)]
    positions: Vec<usize>,
}

/// The body of a reordering.
#[derive(Deserialize)]
pub(in super::super) struct Reorder {
    range_start: usize,
    insert_before: usize,
    range_length: Option<usize>,
    snapshot_id: Option<String>,
}

impl Playlist {
    /// Puts entries in, at the end where no place is named.
    pub(in super::super) fn insert(
        &mut self,
        place: Option<usize>,
        entries: Vec<Entry>,
    ) -> Result<(), Refusal> {
        let place = place.unwrap_or(self.order.len());
        if place > self.order.len() {
            return Err("Index out of bounds.");
        }
        let keys: Vec<_> = entries.into_iter().map(|entry| self.keep(entry)).collect();
        let mut order = self.order.clone();
        order.splice(place..place, keys);
        self.turn_into(order);
        Ok(())
    }

    /// Puts these in place of all.
    pub(in super::super) fn replace(&mut self, entries: Vec<Entry>) {
        let order = entries.into_iter().map(|entry| self.keep(entry)).collect();
        self.turn_into(order);
    }

    pub(in super::super) fn reorder(&mut self, reorder: &Reorder) -> Result<(), Refusal> {
        let keys = self.keys_of(reorder.snapshot_id.as_deref())?;
        let end = reorder.range_start.checked_add(reorder.range_length.unwrap_or(1));
        let range = end.and_then(|end| keys.get(reorder.range_start..end));
        let (Some(range), true) = (range, reorder.insert_before <= keys.len()) else {
            return Err("Index out of bounds.");
        };
        let moved: HashSet<Key> = range.iter().copied().collect();
        let there: HashSet<Key> = self.order.iter().copied().collect();
        let behind = keys.iter().skip(reorder.insert_before);
        let anchor = behind.copied().find(|key| !moved.contains(key) && there.contains(key));
        let moving: Vec<_> = range.iter().copied().filter(|key| there.contains(key)).collect();
        let mut order: Vec<_> =
            self.order.iter().copied().filter(|key| !moved.contains(key)).collect();
        let place = anchor.and_then(|anchor| order.iter().position(|key| *key == anchor));
        let place = place.unwrap_or(order.len());
        order.splice(place..place, moving);
        self.turn_into(order);
        Ok(())
    }

    pub(in super::super) fn remove(&mut self, removal: &Removal) -> Result<(), Refusal> {
        if !(1..=100).contains(&removal.items.len()) {
            return Err("Invalid request body");
        }
        let keys = self.keys_of(removal.snapshot_id.as_deref())?;
        let meant = removal.items.iter().map(|item| self.meant(item, keys));
        let meant: HashSet<Key> =
            meant.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let order = self.order.iter().copied().filter(|key| !meant.contains(key)).collect();
        self.turn_into(order);
        Ok(())
    }

    /// The entries that an item of a removal means, among those of a version.
    fn meant(&self, item: &RemovedItem, keys: &[Key]) -> Result<Vec<Key>, Refusal> {
        if item.uri.starts_with("spotify:local:") {
            return Err("JSON body contains an invalid track uri");
        }
        let is_meant = |key: &Key| {
            self.entries.get(key).and_then(Entry::uri).is_some_and(|uri| uri == item.uri)
        };
        if item.positions.is_empty() {
            return Ok(keys.iter().copied().filter(is_meant).collect());
        }
        let at = item.positions.iter().map(|at| keys.get(*at).copied().filter(is_meant));
        at.collect::<Option<_>>().ok_or("Could not remove tracks, please check parameters.")
    }
}
