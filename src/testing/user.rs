//! The users of the fake: what they have saved, whom they follow, what they have heard.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::catalogue::{Catalogue, Kind, Thing, merge, page_of};
use super::player::{Heard, Player};
use super::playlist::encoded;
use super::world::everybodys_playlist;

#[derive(Default)]
pub(super) struct Users {
    by_name: BTreeMap<String, User>,
}

pub(super) struct User {
    pub(super) name: String,
    pub(super) library: Library,
    /// The latest last.
    pub(super) history: Vec<Heard>,
    pub(super) player: Player,
    pub(super) has_premium: bool,
}

impl Users {
    /// Nobody has to be registered.
    pub(super) fn get(&mut self, name: &str, now: DateTime<Utc>) -> &mut User {
        self.by_name.entry(name.to_owned()).or_insert_with(|| User::new(name, now))
    }

    pub(super) fn known(&self, name: &str) -> Option<&User> {
        self.by_name.get(name)
    }

    /// How many have it in their library.
    pub(super) fn with(&self, uri: &str) -> usize {
        self.by_name.values().filter(|user| user.library.contains(uri)).count()
    }
}

impl User {
    fn new(name: &str, now: DateTime<Utc>) -> Self {
        let mut library = Library::default();
        library.add(&everybodys_playlist(), now);
        Self {
            name: name.to_owned(),
            library,
            history: Vec::new(),
            player: Player::default(),
            has_premium: true,
        }
    }

    /// Gives them something of everything.
    pub(super) fn settle(&mut self, catalogue: &Catalogue, now: DateTime<Utc>) {
        let kinds =
            [Kind::Track, Kind::Album, Kind::Show, Kind::Episode, Kind::Audiobook, Kind::Artist];
        for thing in kinds.into_iter().flat_map(|kind| catalogue.all(kind).take(2)) {
            self.library.add(&thing.uri, now);
        }
        for (minutes, track) in (1..=2).rev().zip(catalogue.all(Kind::Track).skip(3)) {
            let played_at = now - chrono::TimeDelta::minutes(10 * minutes);
            self.history.push(Heard { track: track.clone(), context: None, played_at });
        }
    }

    /// Lets its player go on, and keeps what it has played.
    pub(super) fn listen(&mut self, moment: impl Fn(tokio::time::Instant) -> DateTime<Utc>) {
        self.player.go_on();
        self.history.extend(self.player.take_heard(moment));
    }

    /// How often a track was heard, or a track of an artist.
    pub(super) fn times_heard(&self, thing: &Thing) -> usize {
        let is_it = |heard: &&Heard| heard.track.id == thing.id || heard.track.is_by(&thing.id);
        self.history.iter().filter(is_it).count()
    }

    /// As anybody sees them.
    pub(super) fn public_profile(&self, followers: usize) -> Value {
        let name = &self.name;
        let path = encoded(&self.name);
        json!({
            "display_name": name,
            "external_urls": page_of("user", &path),
            "followers": { "href": null, "total": 3829 + followers },
            "href": format!("https://api.spotify.com/v1/users/{path}"),
            "id": name,
            "images": [],
            "type": "user",
            "uri": format!("spotify:user:{path}"),
        })
    }

    /// As they see themselves, with what the scopes allow.
    pub(super) fn own_profile(&self, followers: usize, allows: impl Fn(&str) -> bool) -> Value {
        let mut profile = self.public_profile(followers);
        if allows("user-read-private") {
            let product = if self.has_premium { "premium" } else { "free" };
            let more = json!({
                "country": "SE", "product": product,
                "explicit_content": { "filter_enabled": false, "filter_locked": false },
            });
            merge(&mut profile, &more);
        }
        if allows("user-read-email") {
            merge(
                &mut profile,
                &json!({ "email": format!("{}@example.com", encoded(&self.name)) }),
            );
        }
        profile
    }
}

/// What a user has saved and whom they follow, of all kinds, by URI.
#[derive(Default)]
pub(super) struct Library {
    /// The latest last.
    saved: Vec<Saved>,
    uris: HashSet<String>,
}

pub(super) struct Saved {
    pub(super) uri: String,
    pub(super) added_at: DateTime<Utc>,
}

impl Library {
    /// What is there already stays where it is.
    pub(super) fn add(&mut self, uri: &str, added_at: DateTime<Utc>) {
        if self.uris.insert(uri.to_owned()) {
            let place = self.saved.partition_point(|saved| saved.added_at <= added_at);
            self.saved.insert(place, Saved { uri: uri.to_owned(), added_at });
        }
    }

    pub(super) fn remove(&mut self, uri: &str) {
        if self.uris.remove(uri) {
            self.saved.retain(|saved| saved.uri != uri);
        }
    }

    pub(super) fn contains(&self, uri: &str) -> bool {
        self.uris.contains(uri)
    }

    /// The latest first, as Spotify lists them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Saved> {
        self.saved.iter().rev()
    }
}
