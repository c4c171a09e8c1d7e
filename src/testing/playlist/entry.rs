//! An entry of a playlist.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::catalogue::{Thing, merge};
use super::encoded;

#[derive(Clone)]
pub(in super::super) struct Entry {
    pub(super) added_at: String,
    pub(super) added_by: String,
    pub(super) item: Item,
}

/// What stands there.
#[derive(Clone)]
pub(in super::super) enum Item {
    Thing(Arc<Thing>),
    /// What is not in the catalogue: files of a user's own, and kinds that nobody has heard of.
    Odd(Arc<Value>),
    /// Something that is gone.
    Null,
    /// All of the entry is null.
    NullEntry,
}

impl Entry {
    pub(in super::super) fn new(thing: &Arc<Thing>, by: &str, at: &str) -> Self {
        let item = Item::Thing(Arc::clone(thing));
        Self { added_at: at.to_owned(), added_by: by.to_owned(), item }
    }

    pub(in super::super) fn uri(&self) -> Option<&str> {
        match &self.item {
            Item::Thing(thing) => Some(&thing.uri),
            Item::Odd(json) => json.get("uri").and_then(Value::as_str),
            Item::Null | Item::NullEntry => None,
        }
    }

    pub(in super::super) fn thing(&self) -> Option<&Arc<Thing>> {
        match &self.item {
            Item::Thing(thing) => Some(thing),
            _ => None,
        }
    }

    pub(super) fn json(&self, key: u32) -> Value {
        let item = match &self.item {
            Item::NullEntry => return Value::Null,
            Item::Null => Value::Null,
            Item::Thing(thing) => thing.full.clone(),
            Item::Odd(json) => Value::clone(json),
        };
        let is_local = item.get("is_local").and_then(Value::as_bool).unwrap_or_default();
        let mut entry = json!({
            "added_at": self.added_at,
            "added_by": added_by(&self.added_by),
            "is_local": is_local,
        });
        // Spotify sends the old name, the new name or both.
        let names: &[&str] = match key % 3 {
            0 => &["track"],
            1 => &["item"],
            _ => &["track", "item"],
        };
        for name in names {
            merge(&mut entry, &super::super::catalogue::object(name, item.clone()));
        }
        entry
    }
}

fn added_by(user: &str) -> Value {
    let path = encoded(user);
    json!({ "id": user, "type": "user", "uri": format!("spotify:user:{path}") })
}
