//! A playlist of the fake: what it holds, in each of its versions.

mod changes;
mod entry;
mod mixed_bag;

use std::collections::{BTreeMap, HashSet, VecDeque};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde_json::{Value, json};

pub(super) use self::changes::{Removal, Reorder};
pub(super) use self::entry::{Entry, Item};
pub(super) use self::mixed_bag::{PLAYLIST_ID, mixed_bag};
use super::catalogue::page_of;

pub(super) struct Playlist {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// The name of its owner, and how it is shown.
    pub(super) owner: String,
    pub(super) owner_name: Option<String>,
    pub(super) public: bool,
    pub(super) collaborative: bool,
    /// Whether everybody may change it.
    pub(super) is_open: bool,
    pub(super) images: Value,
    pub(super) followers: u32,
    entries: BTreeMap<Key, Entry>,
    /// The keys of the newest version in their order.
    order: Vec<Key>,
    next_key: Key,
    /// The newest version, from 0, and what was in the ones before it, the latest last.
    version: usize,
    earlier: VecDeque<Vec<Key>>,
}

/// What an entry is known by, from when it is put in: its place at first.
type Key = u32;

/// Why a request is a bad one, in Spotify's words.
pub(super) type Refusal = &'static str;

impl Playlist {
    /// An empty one, which is public.
    pub(super) fn new(id: String, name: &str, owner: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            description: None,
            owner: owner.to_owned(),
            owner_name: None,
            public: true,
            collaborative: false,
            is_open: false,
            images: Value::Array(Vec::new()),
            followers: 0,
            entries: BTreeMap::new(),
            order: Vec::new(),
            next_key: 0,
            version: 0,
            earlier: VecDeque::new(),
        }
    }

    pub(super) fn length(&self) -> usize {
        self.order.len()
    }

    pub(super) fn uri(&self) -> String {
        format!("spotify:playlist:{}", self.id)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.order.iter().filter_map(|key| self.entries.get(key))
    }

    /// A stretch of its entries.
    pub(super) fn page(&self, offset: usize, limit: usize) -> Vec<Value> {
        let keys = self.order.iter().skip(offset).take(limit);
        keys.filter_map(|key| Some(self.entries.get(key)?.json(*key))).collect()
    }

    /// As those of Spotify are made: the number of the version and a hash.
    pub(super) fn snapshot_id(&self) -> String {
        snapshot_id(self.version)
    }

    /// The playlist in all but its entries.
    pub(super) fn json(&self) -> Value {
        json!({
            "collaborative": self.collaborative,
            "description": self.description,
            "external_urls": page_of("playlist", &self.id),
            "href": self.href(),
            "id": self.id,
            "images": self.images,
            "name": self.name,
            "owner": owner(&self.owner, self.owner_name.as_deref()),
            "primary_color": null,
            "public": self.public,
            "snapshot_id": self.snapshot_id(),
            "type": "playlist",
            "uri": self.uri(),
        })
    }

    pub(super) fn href(&self) -> String {
        format!("https://api.spotify.com/v1/playlists/{}", self.id)
    }

    /// Fills it as it is when the fake begins: this makes no version.
    pub(super) fn set_up(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let keys: Vec<_> = entries.into_iter().map(|entry| self.keep(entry)).collect();
        self.order.extend(keys);
    }

    fn keep(&mut self, entry: Entry) -> Key {
        let key = self.next_key;
        self.next_key += 1;
        self.entries.insert(key, entry);
        key
    }

    /// Makes a version with these keys, if that is another one.
    fn turn_into(&mut self, order: Vec<Key>) {
        if order == self.order {
            return;
        }
        self.earlier.push_back(std::mem::replace(&mut self.order, order));
        self.version += 1;
        if self.earlier.len() > REMEMBERED {
            self.earlier.pop_front();
            self.forget();
        }
    }

    /// Entries that no version has that is still remembered.
    fn forget(&mut self) {
        let known: HashSet<_> = self.earlier.iter().flatten().chain(&self.order).collect();
        self.entries.retain(|key, _| known.contains(key));
    }

    /// The keys of a version that is named, or of the newest.
    fn keys_of(&self, snapshot: Option<&str>) -> Result<&[Key], Refusal> {
        let newest = &self.order;
        let Some(id) = snapshot.filter(|id| *id != self.snapshot_id()) else { return Ok(newest) };
        let back = (1..=self.earlier.len()).find(|back| snapshot_id(self.version - back) == id);
        let place = back.map(|back| self.earlier.len() - back);
        let found = place.and_then(|place| self.earlier.get(place)).map(Vec::as_slice);
        found.ok_or("Missing or bad version tag")
    }
}

/// As many versions can still be named.
const REMEMBERED: usize = 100;

fn snapshot_id(version: usize) -> String {
    BASE64_STANDARD.encode(format!("{},eaf6fb{:x}", 18 + version, 0x523 + version))
}

fn owner(id: &str, name: Option<&str>) -> Value {
    let path = encoded(id);
    json!({
        "display_name": name.unwrap_or(id),
        "external_urls": page_of("user", &path),
        "href": format!("https://api.spotify.com/v1/users/{path}"),
        "id": id,
        "type": "user",
        "uri": format!("spotify:user:{path}"),
    })
}

/// A user's name in a URL or a URI.
pub(super) fn encoded(user: &str) -> String {
    percent_encoding::utf8_percent_encode(user, ENCODED).to_string()
}

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
