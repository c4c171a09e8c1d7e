//! Search over all types.

use serde_json::{Value, json};

use super::super::catalogue::{Kind, merge, object};
use super::super::response::FakeResponse;
use super::page::Slice;
use super::playlists::simplified;
use super::{Call, Reply, error};

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
        let is_whole = matches!(things, Kind::Track | Kind::Artist);
        Ok(self.slice(&found, slice, |thing| match is_whole {
            true => thing.full.clone(),
            false => thing.simple.clone(),
        }))
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
