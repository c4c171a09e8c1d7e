//! Artists, albums, tracks, podcasts and audiobooks.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::catalogue::{self, Kind, Thing, with};
use super::page::Slice;
use super::{Call, Reply, error, not_found};

/// Whether the path of an endpoint for several things begins so.
pub(super) fn is_kind(path: &str) -> bool {
    Kind::of_path(path).is_some()
}

impl Call<'_> {
    pub(super) fn things(&self, segments: &[&str]) -> Reply {
        let kind = segments.first().and_then(|path| Kind::of_path(path));
        let (Some(kind), "GET") = (kind, self.method()) else { return self.unknown() };
        match segments {
            [path] => self.several(kind, path),
            [_, id] => self.json(self.whole(self.thing(kind, id)?)),
            [_, id, "albums"] if kind == Kind::Artist => self.albums_of(id),
            [_, id, part] => self.parts(kind, id, part),
            _ => self.unknown(),
        }
    }

    pub(super) fn audio(&self, segments: &[&str]) -> Reply {
        match (self.method(), segments) {
            ("GET", ["audio-features"]) => {
                let features = self.ids(100)?.into_iter().map(|id| {
                    let track = self.world.catalogue.get(Kind::Track, &id);
                    track.map_or(Value::Null, |track| catalogue::features(track))
                });
                self.wrapped("audio_features", features.collect())
            }
            ("GET", ["audio-features", id]) => {
                self.json(catalogue::features(self.thing(Kind::Track, id)?))
            }
            ("GET", ["audio-analysis", id]) => {
                self.json(catalogue::analysis(self.thing(Kind::Track, id)?))
            }
            _ => self.unknown(),
        }
    }

    /// A thing as it is by itself, with the first of what belongs to it.
    pub(super) fn whole(&self, thing: &Arc<Thing>) -> Value {
        let (field, kind) = match thing.kind {
            Kind::Album => ("tracks", Kind::Track),
            Kind::Show => ("episodes", Kind::Episode),
            Kind::Audiobook => ("chapters", Kind::Chapter),
            _ => return thing.full.clone(),
        };
        let parts: Vec<_> = self.world.catalogue.of(&thing.id, kind).collect();
        let path = format!("/v1/{}s/{}/{field}", thing.kind.name(), thing.id);
        let slice = Slice { path, limit: 50, offset: 0, kind: None };
        let page = self.slice(&parts, &slice, |part| part.simple.clone());
        with(thing.full.clone(), field, page)
    }

    pub(super) fn thing(&self, kind: Kind, id: &str) -> Result<&Arc<Thing>, super::FakeResponse> {
        self.world.catalogue.get(kind, id).ok_or_else(|| not_found(id))
    }

    fn several(&self, kind: Kind, path: &str) -> Reply {
        let most = if kind == Kind::Album { 20 } else { 50 };
        let things = self.ids(most)?.into_iter().map(|id| {
            let thing = self.world.catalogue.get(kind, &id);
            thing.map_or(Value::Null, |thing| match kind {
                Kind::Show => thing.simple.clone(),
                _ => self.whole(thing),
            })
        });
        self.wrapped(path, things.collect())
    }

    fn parts(&self, kind: Kind, id: &str, part: &str) -> Reply {
        let part = match (kind, part) {
            (Kind::Album, "tracks") => Kind::Track,
            (Kind::Show, "episodes") => Kind::Episode,
            (Kind::Audiobook, "chapters") => Kind::Chapter,
            (Kind::Artist, "top-tracks") => return self.top_tracks_of(id),
            (Kind::Artist, "related-artists") => return self.related(id),
            _ => return self.unknown(),
        };
        let whole = self.thing(kind, id).map_err(|_| error(404, "Resource not found"))?;
        let parts: Vec<_> = self.world.catalogue.of(&whole.id, part).collect();
        self.json(self.page(&parts, (20, 50), |part| part.simple.clone())?)
    }

    /// The newest first, as Spotify lists them.
    fn albums_of(&self, id: &str) -> Reply {
        let artist = self.thing(Kind::Artist, id).map_err(|_| error(404, "Resource not found"))?;
        let groups = self.list("include_groups");
        let group =
            |album: &Arc<Thing>| album.simple.get("album_type").cloned().unwrap_or_default();
        let is_wanted = |album: &&Arc<Thing>| {
            groups.as_ref().is_none_or(|groups| groups.iter().any(|kind| group(album) == *kind))
        };
        let albums = self.world.catalogue.of(&artist.id, Kind::Album).rev();
        let albums: Vec<_> = albums.filter(is_wanted).collect();
        let limits = self.by_quota((5, 10), (20, 50));
        let json = |album: &&Arc<Thing>| with(album.simple.clone(), "album_group", group(album));
        self.json(self.page(&albums, limits, json)?)
    }

    fn top_tracks_of(&self, id: &str) -> Reply {
        let artist = self.thing(Kind::Artist, id)?;
        let albums = self.world.catalogue.of(&artist.id, Kind::Album);
        let tracks = albums.flat_map(|album| self.world.catalogue.of(&album.id, Kind::Track));
        let tracks: Vec<_> = tracks.take(10).map(|track| track.full.clone()).collect();
        self.json(json!({ "tracks": tracks }))
    }

    fn related(&self, id: &str) -> Reply {
        let artist = self.thing(Kind::Artist, id)?;
        let others = self.world.catalogue.all(Kind::Artist).filter(|other| other.id != artist.id);
        self.wrapped("artists", others.map(|other| other.full.clone()).collect())
    }
}
