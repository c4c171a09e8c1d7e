//! What users have saved: by kind, and of all kinds at once.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::catalogue::{Kind, with};
use super::super::response::FakeResponse;
use super::super::world::text_of;
use super::{Call, Reply, done, error, not_found};

impl Call<'_> {
    /// What is below `me/`, of one kind or of all.
    pub(super) fn library(&mut self, kind: &str, rest: &[&str]) -> Reply {
        if kind == "library" {
            return self.all_kinds(rest);
        }
        let kind = Kind::of_path(kind).filter(|kind| {
            matches!(kind, Kind::Track | Kind::Album | Kind::Show | Kind::Episode | Kind::Audiobook)
        });
        match (self.method(), kind, rest) {
            ("GET", Some(kind), []) => self.saved(kind),
            ("GET", Some(kind), ["contains"]) => {
                let uris: Vec<_> = self.ids(50)?.iter().map(|id| uri_of(kind, id)).collect();
                self.contains(&uris)
            }
            ("PUT", Some(kind), []) => self.save(kind),
            ("DELETE", Some(kind), []) => {
                let ids = self.ids_anywhere()?;
                let uris: Vec<_> = ids.iter().map(|id| uri_of(kind, id)).collect();
                self.remove(&uris)
            }
            _ => self.unknown(),
        }
    }

    fn all_kinds(&mut self, rest: &[&str]) -> Reply {
        let is_known =
            matches!((self.method(), rest), ("PUT" | "DELETE", []) | ("GET", ["contains"]));
        if !is_known {
            return self.unknown();
        }
        // In the query only, and no more than forty.
        let uris = self.list("uris").ok_or_else(|| error(400, "Missing required field: uris"))?;
        if uris.len() > 40 {
            return Err(error(400, "Too many uris requested"));
        }
        for uri in &uris {
            self.needs(&[scope_of(self.method(), uri)])?;
        }
        let uris: Vec<_> = uris.iter().map(|uri| self.as_given(uri)).collect();
        match self.method() {
            "GET" => self.contains(&uris),
            "DELETE" => self.remove(&uris),
            _ => {
                let now = self.world.now();
                self.add(&uris.into_iter().map(|uri| (uri, now)).collect::<Vec<_>>())
            }
        }
    }

    /// The page of those of a kind, each with when it was saved; audiobooks come bare.
    fn saved(&self, kind: Kind) -> Reply {
        let things = self.me()?.library.all().filter_map(|saved| {
            let thing = self.world.catalogue.by_uri(&saved.uri)?;
            (thing.kind == kind).then_some((thing, saved.added_at))
        });
        let things: Vec<_> = things.collect();
        self.json(self.page(&things, (20, 50), |(thing, added_at)| match kind {
            Kind::Audiobook => thing.simple.clone(),
            Kind::Show => entry(kind, thing.simple.clone(), *added_at),
            _ => entry(kind, self.whole(thing), *added_at),
        })?)
    }

    fn save(&mut self, kind: Kind) -> Reply {
        let now = self.world.now();
        let dated: Option<Vec<(String, DateTime<Utc>)>> =
            self.body::<Value>().ok().and_then(|body| dated(body.get("timestamped_ids")?));
        let saved = match dated {
            Some(dated) => dated,
            None => self.ids_anywhere()?.into_iter().map(|id| (id, now)).collect(),
        };
        let saved = saved.into_iter().map(|(id, at)| (uri_of(kind, &id), at));
        self.add(&saved.collect::<Vec<_>>())
    }

    /// In the query, or in the body as a list or in an object.
    pub(super) fn ids_anywhere(&self) -> Result<Vec<String>, FakeResponse> {
        if self.parameter("ids").is_some() {
            return self.ids(50);
        }
        let body: Value = self.body()?;
        let ids = body.get("ids").unwrap_or(&body);
        let ids: Option<Vec<String>> = serde_json::from_value(ids.clone()).ok();
        ids.filter(|ids| (1..=50).contains(&ids.len())).ok_or_else(|| error(400, "Invalid ids"))
    }

    /// All of them or, where there is no such thing, none.
    pub(super) fn add(&mut self, saved: &[(String, DateTime<Utc>)]) -> Reply {
        for (uri, _) in saved {
            self.check(uri)?;
        }
        let user = self.me_mut()?;
        saved.iter().for_each(|(uri, at)| user.library.add(uri, *at));
        done(200)
    }

    pub(super) fn remove(&mut self, uris: &[String]) -> Reply {
        let user = self.me_mut()?;
        uris.iter().for_each(|uri| user.library.remove(uri));
        done(200)
    }

    pub(super) fn contains(&self, uris: &[String]) -> Reply {
        let user = self.me()?;
        let contained: Vec<_> = uris.iter().map(|uri| user.library.contains(uri)).collect();
        self.json(json!(contained))
    }

    fn check(&self, uri: &str) -> Result<(), FakeResponse> {
        let mut parts = uri.split(':').skip(1);
        let kind = parts.next().unwrap_or_default();
        let id = parts.next().unwrap_or_default();
        let is_there = match kind {
            "user" => true,
            "playlist" => self.world.playlists.get(id).is_some(),
            _ => self.world.catalogue.by_uri(uri).is_some(),
        };
        if is_there { Ok(()) } else { Err(not_found(id)) }
    }

    /// Audiobooks have the URIs of podcasts, also where a request says it otherwise.
    fn as_given(&self, uri: &str) -> String {
        self.world.catalogue.by_uri(uri).map_or_else(|| uri.to_owned(), |thing| thing.uri.clone())
    }
}

fn uri_of(kind: Kind, id: &str) -> String {
    format!("spotify:{}:{id}", kind.in_uri())
}

fn entry(kind: Kind, thing: Value, added_at: DateTime<Utc>) -> Value {
    with(json!({ "added_at": text_of(added_at) }), kind.name(), thing)
}

fn dated(list: &Value) -> Option<Vec<(String, DateTime<Utc>)>> {
    let each = |entry: &Value| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        Some((text("id")?.to_owned(), text("added_at")?.parse().ok()?))
    };
    list.as_array()?.iter().map(each).collect()
}

/// What is followed rather than saved needs another scope.
fn scope_of(method: &str, uri: &str) -> &'static str {
    let is_read = method == "GET";
    match uri.split(':').nth(1) {
        Some("artist" | "user") if is_read => "user-follow-read",
        Some("artist" | "user") => "user-follow-modify",
        Some("playlist") if is_read => "playlist-read-private",
        Some("playlist") => "playlist-modify-public",
        _ if is_read => "user-library-read",
        _ => "user-library-modify",
    }
}
