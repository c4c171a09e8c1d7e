//! The playlist of the fake: what it holds, in each of its versions.
//!
//! That is whatever Spotify's really hold: local files, episodes, things that are gone, and kinds
//! that nobody has heard of.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::{merge, page_of};

#[derive(Debug)]
pub(super) struct Playlist {
    /// What most entries hold, in turn and as often as it takes.
    tracks: Vec<Value>,
    /// How many entries there were in the first version. An entry is known by its place in it.
    first_length: usize,
    /// The entries that are gone, and the first version without them.
    removed: BTreeMap<usize, usize>,
    /// The newest version, from 0.
    version: usize,
}

/// The body of a removal.
#[derive(Deserialize)]
struct Removal {
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

/// Why a request is a bad one, in Spotify's words.
pub(super) type Refusal = &'static str;

impl Playlist {
    pub(super) fn new(tracks: Vec<Value>, length: usize) -> Self {
        Self { tracks, first_length: length, removed: BTreeMap::new(), version: 0 }
    }

    pub(super) fn length(&self) -> usize {
        self.first_length - self.removed.len()
    }

    /// A stretch of its entries.
    pub(super) fn entries(&self, offset: usize, limit: usize) -> Vec<Value> {
        let places = self.places_in(self.version).skip(offset).take(limit);
        places.map(|place| entry(place, &self.item(place))).collect()
    }

    /// The playlist in all but its entries.
    pub(super) fn json(&self) -> Value {
        json!({
            "collaborative": false,
            "description": "Everything that a playlist can hold",
            "external_urls": page_of("playlist", PLAYLIST_ID),
            "followers": { "href": null, "total": 109 },
            "href": format!("https://api.spotify.com/v1/playlists/{PLAYLIST_ID}"),
            "id": PLAYLIST_ID,
            "images": images(),
            "name": "Mixed Bag",
            "owner": {
                "display_name": "José Garçía",
                "external_urls": { "spotify": "https://open.spotify.com/user/jm%20perez" },
                "href": "https://api.spotify.com/v1/users/jm%20perez",
                "id": "jm perez",
                "type": "user",
                "uri": "spotify:user:jm%20perez",
            },
            "public": true,
            "snapshot_id": snapshot_id(self.version),
            "type": "playlist",
            "uri": format!("spotify:playlist:{PLAYLIST_ID}"),
        })
    }

    /// Removes what a body says, all of it or nothing, and returns the id of the newest version.
    ///
    /// Positions are those of the version that the body names, and of the newest where it names
    /// none. What has been removed since then stays so, and is no mistake.
    pub(super) fn remove(&mut self, body: &str) -> Result<String, Refusal> {
        let removal: Removal = serde_json::from_str(body).map_err(|_| "Invalid request body")?;
        if !(1..=100).contains(&removal.items.len()) {
            return Err("Invalid request body");
        }
        let version = match &removal.snapshot_id {
            Some(id) => self.version_of(id).ok_or("Missing or bad version tag")?,
            None => self.version,
        };
        let places: Vec<_> = self.places_in(version).collect();
        let meant = removal.items.iter().map(|item| self.meant(item, &places));
        let meant: Vec<_> = meant.collect::<Result<Vec<_>, _>>()?.concat();
        self.take_out(&meant);
        Ok(snapshot_id(self.version))
    }

    /// The entries that an item of a removal means, among those of a version.
    fn meant(&self, item: &RemovedItem, places: &[usize]) -> Result<Vec<usize>, Refusal> {
        if item.uri.starts_with("spotify:local:") {
            return Err("JSON body contains an invalid track uri");
        }
        let is_meant = |place: &usize| self.holds(*place, &item.uri);
        if item.positions.is_empty() {
            return Ok(places.iter().copied().filter(is_meant).collect());
        }
        let at = item.positions.iter().map(|at| places.get(*at).copied().filter(is_meant));
        at.collect::<Option<_>>().ok_or("Could not remove tracks, please check parameters.")
    }

    fn take_out(&mut self, places: &[usize]) {
        let next_version = self.version + 1;
        for place in places {
            self.removed.entry(*place).or_insert_with(|| {
                self.version = next_version;
                next_version
            });
        }
    }

    fn version_of(&self, id: &str) -> Option<usize> {
        (0..=self.version).find(|version| snapshot_id(*version) == id)
    }

    /// The entries of a version, in their order.
    fn places_in(&self, version: usize) -> impl Iterator<Item = usize> {
        let is_there =
            move |place: &usize| self.removed.get(place).is_none_or(|gone| *gone > version);
        (0..self.first_length).filter(is_there)
    }

    fn item(&self, place: usize) -> Value {
        unusual(place).unwrap_or_else(|| self.track(place).cloned().unwrap_or_default())
    }

    fn holds(&self, place: usize, uri: &str) -> bool {
        let has_uri = |item: &Value| item.get("uri").is_some_and(|own| own == uri);
        match unusual(place) {
            Some(item) => has_uri(&item),
            None => self.track(place).is_some_and(has_uri),
        }
    }

    fn track(&self, place: usize) -> Option<&Value> {
        self.tracks.get(place % self.tracks.len().max(1))
    }
}

/// As Spotify's are made: the number of the version and a hash.
fn snapshot_id(version: usize) -> String {
    BASE64_STANDARD.encode(format!("{},eaf6fb{:x}", 18 + version, 0x523 + version))
}

pub(super) fn images() -> Value {
    json!([{ "url": "https://mosaic.scdn.co/640/mixed", "height": null, "width": null }])
}

/// What real playlists hold now and then, where it is no track.
fn unusual(place: usize) -> Option<Value> {
    match place {
        3 => Some(local_file()),
        5 => Some(episode()),
        7 | 11 => Some(Value::Null),
        9 => Some(
            json!({ "type": "hologram", "id": "h1", "name": "Soon", "uri": "spotify:hologram:h1" }),
        ),
        _ => None,
    }
}

fn entry(place: usize, item: &Value) -> Value {
    // Here all of the entry is null, and of the one at 11 only what it holds.
    if place == 7 {
        return Value::Null;
    }
    let mut entry = json!({
        "added_at": "2024-02-29T23:59:59Z",
        "added_by": { "id": "jm perez", "type": "user", "uri": "spotify:user:jm%20perez" },
        "is_local": place == 3,
    });
    // Spotify sends the old name, the new name or both.
    let names: &[&str] = match place % 3 {
        0 => &["track"],
        1 => &["item"],
        _ => &["track", "item"],
    };
    for name in names {
        merge(&mut entry, &json!({ *name: item.clone() }));
    }
    entry
}

fn local_file() -> Value {
    json!({
        "album": { "album_type": null, "artists": [], "id": null, "images": [], "name": "Demo", "release_date": null, "uri": null },
        "artists": [{ "external_urls": {}, "href": null, "id": null, "name": "Me", "type": "artist", "uri": null }],
        "disc_number": 0,
        "duration_ms": 61_000,
        "explicit": false,
        "external_ids": {},
        "external_urls": {},
        "href": null,
        "id": null,
        "is_local": true,
        "name": "Demo 1",
        "popularity": 0,
        "preview_url": null,
        "track_number": 0,
        "type": "track",
        "uri": "spotify:local:Me:Demo:Demo+1:61",
    })
}

fn episode() -> Value {
    json!({
        "audio_preview_url": null,
        "description": "How packets find their way home",
        "html_description": "<p>How packets find their way home</p>",
        "duration_ms": 1_686_230,
        "explicit": false,
        "external_urls": page_of("episode", "512ojhOuo1ktJprKbVcKyQ"),
        "href": "https://api.spotify.com/v1/episodes/512ojhOuo1ktJprKbVcKyQ",
        "id": "512ojhOuo1ktJprKbVcKyQ",
        "images": [],
        "is_externally_hosted": false,
        "is_playable": true,
        "languages": ["en"],
        "name": "Localhost",
        "release_date": "1981-12",
        "release_date_precision": "month",
        "type": "episode",
        "uri": "spotify:episode:512ojhOuo1ktJprKbVcKyQ",
    })
}

pub(super) const PLAYLIST_ID: &str = "3cEYpjA9oz9GiPac4AsH4n";
