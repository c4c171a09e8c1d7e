//! Whom users follow: artists and other users.

use serde_json::{Value, json};

use super::super::catalogue::{Kind, merge};
use super::super::playlist::encoded;
use super::super::response::FakeResponse;
use super::{Call, Reply, done, error};

impl Call<'_> {
    pub(super) fn following(&mut self, rest: &[&str]) -> Reply {
        let is_list = rest.is_empty();
        let kind = match self.parameter("type") {
            Some("artist") => "artist",
            Some("user") if !(is_list && self.method() == "GET") => "user",
            _ => return Err(error(400, "Bad type field")),
        };
        match (self.method(), rest) {
            ("GET", []) => self.followed(),
            ("GET", ["contains"]) => {
                let uris = self.followed_uris(kind)?;
                self.contains(&uris)
            }
            ("PUT", []) => {
                let now = self.world.now();
                let uris = self.followed_uris(kind)?;
                self.add(&uris.into_iter().map(|uri| (uri, now)).collect::<Vec<_>>())?;
                done(204)
            }
            ("DELETE", []) => {
                let uris = self.followed_uris(kind)?;
                self.remove(&uris)?;
                done(204)
            }
            _ => self.unknown(),
        }
    }

    fn followed_uris(&self, kind: &str) -> Result<Vec<String>, FakeResponse> {
        let ids = self.ids_anywhere()?;
        Ok(ids.iter().map(|id| format!("spotify:{kind}:{}", encoded(id))).collect())
    }

    /// The artists, in the order in which they were followed.
    fn followed(&self) -> Reply {
        let artists = self.me()?.library.all().filter_map(|saved| {
            let thing = self.world.catalogue.by_uri(&saved.uri)?;
            (thing.kind == Kind::Artist).then_some(thing)
        });
        let mut artists: Vec<_> = artists.collect();
        artists.reverse();
        let begin = match self.parameter("after") {
            Some(after) => {
                artists.iter().position(|artist| artist.id == after).map_or(0, |at| at + 1)
            }
            None => 0,
        };
        let limit = self.cursor_limit()?;
        let end = (begin + limit).min(artists.len());
        let shown = artists.get(begin..end).unwrap_or_default();
        let after =
            (end < artists.len()).then(|| shown.last().map(|last| last.id.clone())).flatten();
        let items: Vec<Value> = shown.iter().map(|artist| artist.full.clone()).collect();
        let next = after.clone().map(|after| ("after", after));
        let mut page = self.cursor_page(items, limit, &json!({ "after": after }), next);
        merge(&mut page, &json!({ "total": artists.len() }));
        self.wrapped("artists", page)
    }
}
