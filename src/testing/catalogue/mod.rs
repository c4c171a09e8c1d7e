//! What there is to hear: artists, albums, tracks, podcasts and audiobooks, by id and by name.

mod audio;
mod editorial;
mod music;
mod spoken;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

pub(super) use self::audio::{analysis, features};
pub(super) use self::editorial::{CATEGORIES, GENRES, category, markets};
use self::music::Release;

pub(super) struct Catalogue {
    things: Vec<Arc<Thing>>,
    by_id: HashMap<(Kind, String), usize>,
    by_uri: HashMap<String, usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Artist,
    Album,
    Track,
    Show,
    Episode,
    Audiobook,
    Chapter,
}

/// One of them. What it looks like is made once, since tests ask for it many times.
pub(super) struct Thing {
    pub(super) kind: Kind,
    pub(super) id: String,
    /// As Spotify gives it: that of an audiobook says `show`, and of a chapter `episode`.
    pub(super) uri: String,
    /// In lower case, for searches.
    folded: String,
    /// The id of what it belongs to: a track to its album, that to its artist.
    parent: Option<String>,
    /// As it is by itself, without what belongs to it.
    pub(super) full: Value,
    /// As it is inside of other things.
    pub(super) simple: Value,
    /// As JSON, made when it is first asked for.
    written: OnceLock<Box<RawValue>>,
}

impl Thing {
    fn new(kind: Kind, id: &str, name: &str, parent: Option<&str>, simple: Value) -> Self {
        let uri = format!("spotify:{}:{id}", kind.in_uri());
        Self {
            kind,
            id: id.to_owned(),
            uri,
            folded: name.to_lowercase(),
            parent: parent.map(str::to_owned),
            full: simple.clone(),
            simple,
            written: OnceLock::new(),
        }
    }

    /// The same with more when it is by itself.
    fn with(mut self, more: &Value) -> Self {
        merge(&mut self.full, more);
        self
    }

    /// Whether it is of an artist.
    pub(super) fn is_by(&self, artist: &str) -> bool {
        let artists = self.simple.get("artists").and_then(Value::as_array);
        let mut ids = artists.into_iter().flatten().filter_map(|each| each.get("id"));
        ids.any(|id| id == artist)
    }

    /// As searches show it: tracks and artists whole, the others as inside of other things.
    pub(super) fn found(&self) -> &Value {
        match self.kind {
            Kind::Track | Kind::Artist => &self.full,
            _ => &self.simple,
        }
    }

    /// The same as JSON: a search copies it, where it would be taken apart and written anew.
    pub(super) fn written(&self) -> &RawValue {
        let write = || to_raw_value(self.found()).unwrap_or_default();
        self.written.get_or_init(write)
    }

    pub(super) fn milliseconds(&self) -> Option<u64> {
        self.simple.get("duration_ms").and_then(Value::as_u64)
    }
}

impl Kind {
    /// Its name in the API's paths, where they are for several.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let all = [
            ("artists", Self::Artist),
            ("albums", Self::Album),
            ("tracks", Self::Track),
            ("shows", Self::Show),
            ("episodes", Self::Episode),
            ("audiobooks", Self::Audiobook),
            ("chapters", Self::Chapter),
        ];
        all.into_iter().find(|(name, _)| *name == path).map(|(_, kind)| kind)
    }

    pub(super) fn in_uri(self) -> &'static str {
        match self {
            Self::Audiobook => "show",
            Self::Chapter => "episode",
            other => other.name(),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Artist => "artist",
            Self::Album => "album",
            Self::Track => "track",
            Self::Show => "show",
            Self::Episode => "episode",
            Self::Audiobook => "audiobook",
            Self::Chapter => "chapter",
        }
    }

    /// Those that are played.
    pub(super) fn is_playable(self) -> bool {
        matches!(self, Self::Track | Self::Episode | Self::Chapter)
    }
}

impl Catalogue {
    pub(super) fn new() -> Self {
        let mut catalogue =
            Self { things: Vec::new(), by_id: HashMap::new(), by_uri: HashMap::new() };
        music::fill(&mut catalogue);
        spoken::fill(&mut catalogue);
        catalogue
    }

    /// A new single of an artist; of the first one when nobody has that id. Returns its id.
    pub(super) fn release(&mut self, artist_id: &str, title: &str) -> String {
        let id = new_id("newRelease", self.things.len());
        let artist = self.get(Kind::Artist, artist_id).cloned();
        if let Some(artist) = artist.or_else(|| self.first_artist()) {
            let release = Release { id: &id, title, kind: "single", released: "2026-11-20" };
            self.add_album(&artist, &release, &[]);
        }
        id
    }

    /// An album of the first artist with as many tracks, whose ids begin as it says.
    pub(super) fn add_album_with(&mut self, title: &str, tracks: usize) -> String {
        let id = new_id("newAlbum", self.things.len());
        if let Some(artist) = self.first_artist() {
            let names = music::parts(self.things.len(), title, tracks);
            let release = Release { id: &id, title, kind: "album", released: "2026-11-20" };
            self.add_album(&artist, &release, &names);
        }
        id
    }

    /// A track with this id, on a single of its own.
    pub(super) fn add_track(&mut self, id: &str, title: &str) {
        if let Some(artist) = self.first_artist() {
            let album = new_id("newSingle", self.things.len());
            let release = Release { id: &album, title, kind: "single", released: "2026-11-20" };
            self.add_album(&artist, &release, &[(id.to_owned(), title.to_owned())]);
        }
    }

    /// What a test puts somewhere: a track that is not there is added, as programs know the ids of
    /// real ones.
    pub(super) fn named(&mut self, uri: &str) -> Option<Arc<Thing>> {
        if let (None, Some(id)) = (self.by_uri(uri), uri.strip_prefix("spotify:track:")) {
            self.add_track(id, &format!("Track {id}"));
        }
        self.by_uri(uri).cloned()
    }

    pub(super) fn get(&self, kind: Kind, id: &str) -> Option<&Arc<Thing>> {
        self.things.get(*self.by_id.get(&(kind, id.to_owned()))?)
    }

    /// By the URI as Spotify gives it, or as one that names audiobooks and chapters by their kind.
    pub(super) fn by_uri(&self, uri: &str) -> Option<&Arc<Thing>> {
        if let Some(place) = self.by_uri.get(uri) {
            return self.things.get(*place);
        }
        match uri.strip_prefix("spotify:audiobook:") {
            Some(id) => self.get(Kind::Audiobook, id),
            None => self.get(Kind::Chapter, uri.strip_prefix("spotify:chapter:")?),
        }
    }

    pub(super) fn all(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &Arc<Thing>> {
        self.things.iter().filter(move |thing| thing.kind == kind)
    }

    /// What belongs to a thing, in its order.
    pub(super) fn of(
        &self,
        parent: &str,
        kind: Kind,
    ) -> impl DoubleEndedIterator<Item = &Arc<Thing>> {
        self.all(kind).filter(move |thing| thing.parent.as_deref() == Some(parent))
    }

    /// Those of a kind whose name contains this, in any case.
    pub(super) fn like(&self, kind: Kind, query: &str) -> Vec<&Arc<Thing>> {
        let query = query.to_lowercase();
        self.all(kind).filter(|thing| thing.folded.contains(&query)).collect()
    }

    fn first_artist(&self) -> Option<Arc<Thing>> {
        self.all(Kind::Artist).next().cloned()
    }

    fn add(&mut self, thing: Thing) -> Arc<Thing> {
        let place = self.things.len();
        let thing = Arc::new(thing);
        self.by_id.insert((thing.kind, thing.id.clone()), place);
        self.by_uri.insert(thing.uri.clone(), place);
        self.things.push(Arc::clone(&thing));
        thing
    }
}

/// Different for each number, and as long as Spotify's.
fn new_id(beginning: &str, number: usize) -> String {
    format!("{:0<22}", format!("{beginning}{number}x"))
}

pub(super) fn page_of(kind: &str, id: &str) -> Value {
    json!({ "spotify": format!("https://open.spotify.com/{kind}/{id}") })
}

fn href(kind: &str, id: &str) -> String {
    format!("https://api.spotify.com/v1/{kind}s/{id}")
}

fn image(id: &str) -> Value {
    json!([{ "url": format!("https://i.scdn.co/image/{id}"), "height": 640.0, "width": 640 }])
}

pub(super) fn merge(json: &mut Value, more: &Value) {
    if let (Value::Object(fields), Value::Object(more)) = (json, more) {
        fields.extend(more.clone());
    }
}

/// Adds a field to an object.
pub(super) fn with(mut json: Value, name: &str, value: Value) -> Value {
    if let Value::Object(fields) = &mut json {
        fields.insert(name.to_owned(), value);
    }
    json
}

/// An object with one field, whose name is not known beforehand.
pub(super) fn object(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}
