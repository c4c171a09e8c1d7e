//! Search over all types.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::catalogue::{Kind, merge, object};
use super::super::response::FakeResponse;
use super::page::Slice;
use super::playlists::simplified;
use super::{Call, Reply, error};

/// A page whose items are written already.
#[derive(Serialize)]
struct Copied<'a> {
    #[serde(flatten)]
    head: Value,
    items: Vec<&'a RawValue>,
}

impl Call<'_> {
    pub(super) fn search(&self) -> Reply {
        if self.method() != "GET" {
            return self.unknown();
        }
        let (Some(query), Some(types)) = (self.parameter("q"), self.list("type")) else {
            return Err(error(400, "No search query"));
        };
        let slice = self.asked(self.by_quota((5, 10), (20, 50)))?;
        // Though `next` leads there.
        if slice.offset.saturating_add(slice.limit) > 1000 {
            return Err(error(400, "Invalid offset"));
        }
        if let [kind] = types.as_slice()
            && let Some(things) = self.can_be_copied(kind)
        {
            return self.copied(things, query, &Slice { kind: Some(kind), ..slice });
        }
        let mut found = json!({});
        for kind in &types {
            let page = self.found(kind, query, &Slice { kind: Some(kind), ..slice.clone() })?;
            merge(&mut found, &object(&format!("{kind}s"), page));
        }
        self.json(found)
    }

    fn found(&self, kind: &str, query: &str, slice: &Slice<'_>) -> Result<Value, FakeResponse> {
        if kind == "playlist" {
            return Ok(self.playlists_like(query, slice));
        }
        let things = Kind::of_path(&format!("{kind}s")).filter(|kind| *kind != Kind::Chapter);
        let Some(things) = things else {
            return Err(error(400, &format!("Bad search type field {kind}")));
        };
        let found = self.world.catalogue.like(things, query);
        Ok(self.slice(&found, slice, |thing| thing.found().clone()))
    }

    /// The kind of things whose JSON is the same for everybody: without a market, and without the
    /// user's place in what is spoken.
    fn can_be_copied(&self, kind: &str) -> Option<Kind> {
        let things = Kind::of_path(&format!("{kind}s"))?;
        let is_alike = matches!(things, Kind::Track | Kind::Artist | Kind::Album);
        (is_alike && self.parameter("market").is_none()).then_some(things)
    }

    /// A page of them as one text. Programs that are tested search more than anything else.
    fn copied(&self, things: Kind, query: &str, slice: &Slice<'_>) -> Reply {
        let found = self.world.catalogue.like(things, query);
        let items = found.iter().skip(slice.offset).take(slice.limit);
        let items = items.map(|thing| thing.written()).collect();
        let page = Copied { head: self.head_of(found.len(), slice), items };
        let json = serde_json::to_vec(&HashMap::from([(format!("{}s", things.name()), page)]));
        Ok(FakeResponse::body(200, "application/json", json.unwrap_or_default()))
    }

    /// Those that are public, and one that is gone, as there is in most searches.
    fn playlists_like(&self, query: &str, slice: &Slice<'_>) -> Value {
        let query = query.to_lowercase();
        let all = self.world.playlists.all().filter(|playlist| playlist.public);
        let found = all.filter(|playlist| playlist.name.to_lowercase().contains(&query));
        let found: Vec<_> = found.map(Some).chain([None]).collect();
        self.slice(&found, slice, |playlist| playlist.map_or(Value::Null, simplified))
    }
}
