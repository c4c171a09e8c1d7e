//! Categories, new releases, genres, markets and recommendations.

use serde_json::{Value, json};

use super::super::catalogue::{CATEGORIES, GENRES, Kind, category, markets, object};
use super::super::response::FakeResponse;
use super::playlists::simplified;
use super::{Call, Reply, error};

impl Call<'_> {
    pub(super) fn browse(&self, segments: &[&str]) -> Reply {
        if self.method() != "GET" {
            return self.unknown();
        }
        match segments {
            ["markets"] => self.wrapped("markets", markets()),
            ["recommendations", "available-genre-seeds"] => self.json(json!({ "genres": GENRES })),
            ["recommendations"] => self.recommendations(),
            ["browse", "new-releases"] => {
                let albums: Vec<_> = self.world.catalogue.all(Kind::Album).rev().collect();
                let page = self.page(&albums, (20, 50), |album| album.simple.clone())?;
                self.wrapped("albums", page)
            }
            ["browse", "categories"] => {
                let page = self.page(&CATEGORIES, (20, 50), |each| category(*each))?;
                self.wrapped("categories", page)
            }
            ["browse", "categories", id] => self.json(category(known(id)?)),
            ["browse", "categories", id, "playlists"] => {
                known(id)?;
                self.wrapped("playlists", self.picked()?)
            }
            ["browse", "featured-playlists"] => {
                self.json(json!({ "message": "Editor's picks", "playlists": self.picked()? }))
            }
            _ => self.unknown(),
        }
    }

    /// All that are public: the fake has no taste.
    fn picked(&self) -> Result<Value, FakeResponse> {
        let playlists = self.world.playlists.all().filter(|playlist| playlist.public);
        self.page(&playlists.collect::<Vec<_>>(), (20, 50), |playlist| simplified(playlist))
    }

    fn recommendations(&self) -> Reply {
        let limit = self.asked((20, 100))?.limit;
        let seeds = ["artist", "track", "genre"].map(|kind| {
            let ids = self.list(&format!("seed_{kind}s")).unwrap_or_default();
            ids.into_iter().map(move |id| seed(kind, &id))
        });
        let seeds: Vec<_> = seeds.into_iter().flatten().collect();
        if !(1..=5).contains(&seeds.len()) {
            return Err(error(400, "invalid request"));
        }
        let tracks = self.world.catalogue.all(Kind::Track).take(limit);
        let tracks = tracks.map(|track| track.full.clone()).collect();
        let mut json = json!({ "seeds": seeds });
        super::super::catalogue::merge(&mut json, &object("tracks", tracks));
        self.json(json)
    }
}

fn known(id: &str) -> Result<(&'static str, &'static str), FakeResponse> {
    let found = CATEGORIES.into_iter().find(|(own, _)| *own == id);
    found.ok_or_else(|| error(404, "Specified id doesn't exist"))
}

fn seed(kind: &str, id: &str) -> Value {
    let href = (kind != "genre").then(|| format!("https://api.spotify.com/v1/{kind}s/{id}"));
    json!({
        "afterFilteringSize": 250, "afterRelinkingSize": 250, "href": href, "id": id,
        "initialPoolSize": 250, "type": kind.to_uppercase(),
    })
}
