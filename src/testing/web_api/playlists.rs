//! Playlists that are read, made and followed.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::catalogue::{merge, with};
use super::super::playlist::Playlist;
use super::super::response::FakeResponse;
use super::fields::Fields;
use super::page::Slice;
use super::{Call, Reply, error, not_found};

/// What a body says of a playlist.
#[derive(Deserialize)]
pub(super) struct Details {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) public: Option<bool>,
    pub(super) collaborative: Option<bool>,
}

impl Call<'_> {
    pub(super) fn playlists(&mut self, segments: &[&str]) -> Reply {
        match (self.method(), segments) {
            ("GET", ["me", "playlists"]) => self.own_playlists(),
            ("POST", ["me", "playlists"]) => self.create(),
            ("GET", ["users", name, "playlists"]) => self.playlists_of(name),
            ("POST", ["users", name, "playlists"]) => match self.user()? == *name {
                true => self.create(),
                false => Err(error(403, "You cannot create a playlist for another user")),
            },
            ("GET", ["playlists", id]) => self.playlist(id),
            ("GET", ["playlists", id, "items" | "tracks"]) => self.items(id),
            ("GET", ["playlists", id, "images"]) => self.json(self.readable(id)?.images.clone()),
            ("GET", ["playlists", id, "followers", "contains"]) => self.is_followed(id),
            ("PUT" | "DELETE", ["playlists", id, "followers"]) => self.follow(id),
            (_, ["playlists", id]) => self.change_details(id),
            (_, ["playlists", id, "images"]) => self.change_cover(id),
            (_, ["playlists", id, "items" | "tracks"]) => self.change_items(id),
            _ => self.unknown(),
        }
    }

    /// Private ones are their owner's only, with the scope for it.
    pub(super) fn readable(&self, id: &str) -> Result<&Playlist, FakeResponse> {
        let playlist = self.world.playlists.get(id).ok_or_else(|| not_found(id))?;
        let is_own = self.user().is_ok_and(|user| user == playlist.owner);
        if playlist.public || playlist.collaborative {
            return Ok(playlist);
        }
        match is_own {
            true => self.needs(&["playlist-read-private"]).map(|()| playlist),
            false => Err(error(404, "Resource not found")),
        }
    }

    fn playlist(&self, id: &str) -> Reply {
        let playlist = self.readable(id)?;
        let path = format!("/v1/playlists/{id}/items");
        let page = self.entries(playlist, &Slice { path, limit: 50, offset: 0, kind: None });
        let followers = playlist.followers as usize + self.world.users.with(&playlist.uri());
        let mut json = playlist.json();
        merge(&mut json, &json!({ "followers": { "href": null, "total": followers } }));
        let json = with(with(json, "tracks", page.clone()), "items", page);
        self.json(self.chosen(json))
    }

    fn items(&self, id: &str) -> Reply {
        let playlist = self.readable(id)?;
        let slice = self.asked(self.by_quota((20, 50), (100, 100)))?;
        self.json(self.chosen(self.entries(playlist, &slice)))
    }

    fn entries(&self, playlist: &Playlist, slice: &Slice<'_>) -> Value {
        let items = playlist.page(slice.offset, slice.limit);
        self.page_of(items, playlist.length(), slice)
    }

    /// What `fields` names of it.
    fn chosen(&self, json: Value) -> Value {
        match self.parameter("fields").map(Fields::parse) {
            Some(fields) => fields.of(json),
            None => json,
        }
    }

    /// Those in the library, as far as the scopes go.
    fn own_playlists(&self) -> Reply {
        let user = self.me()?;
        let is_shown = |playlist: &&Playlist| match (playlist.public, playlist.collaborative) {
            (true, _) => true,
            (_, true) => self.holder.allows("playlist-read-collaborative"),
            _ => self.holder.allows("playlist-read-private"),
        };
        let ids = user.library.all().filter_map(|it| it.uri.strip_prefix("spotify:playlist:"));
        let playlists = ids.filter_map(|id| self.world.playlists.get(id)).filter(is_shown);
        let playlists: Vec<_> = playlists.collect();
        self.json(self.page(&playlists, (20, 50), |playlist| simplified(playlist))?)
    }

    fn playlists_of(&self, name: &str) -> Reply {
        let playlists = self.world.playlists.all();
        let own = playlists.filter(|playlist| playlist.public && playlist.owner == name);
        let own: Vec<_> = own.collect();
        if own.is_empty() && self.world.users.known(name).is_none() {
            return Err(error(404, "No such user"));
        }
        self.json(self.page(&own, (20, 50), |playlist| simplified(playlist))?)
    }

    fn create(&mut self) -> Reply {
        let details: Details = self.body()?;
        let name = details.name.as_deref().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| error(400, "Missing required field: name"))?.to_owned();
        let is_public = details.public.unwrap_or(true);
        self.needs(&[modify(is_public)])?;
        check(is_public, details.collaborative.unwrap_or_default())?;
        let owner = self.user()?.to_owned();
        let id = self.world.playlists.create(&name, &owner);
        if let Some(playlist) = self.world.playlists.get_mut(&id) {
            details.apply(playlist);
        }
        let now = self.world.now();
        self.me_mut()?.library.add(&format!("spotify:playlist:{id}"), now);
        let created = self.playlist(&id)?;
        Ok(created.with_status(201))
    }

    fn follow(&mut self, id: &str) -> Reply {
        if self.world.playlists.get(id).is_none() {
            return Err(not_found(id));
        }
        let uri = format!("spotify:playlist:{id}");
        let body = self.body::<Value>().unwrap_or_default();
        let is_public = body.get("public").and_then(Value::as_bool).unwrap_or(true);
        let now = self.world.now();
        match self.method() {
            "PUT" => {
                self.needs(&[modify(is_public)])?;
                self.add(&[(uri, now)])
            }
            _ => {
                let either = [modify(true), modify(false)];
                let allowed = either.iter().any(|scope| self.holder.allows(scope));
                self.needs(if allowed { &[] } else { &either })?;
                self.remove(&[uri])
            }
        }
    }

    /// One for each user that is named, else for the user whose token it is.
    fn is_followed(&self, id: &str) -> Reply {
        let uri = self.readable(id)?.uri();
        let own = self.user()?.to_owned();
        let names = self.list("ids").unwrap_or_else(|| vec![own]);
        let users = &self.world.users;
        let follows =
            |name: &String| users.known(name).is_some_and(|user| user.library.contains(&uri));
        self.json(names.iter().map(follows).collect())
    }
}

impl Details {
    pub(super) fn apply(self, playlist: &mut Playlist) {
        if let Some(name) = self.name {
            playlist.name = name;
        }
        playlist.description = self.description.or_else(|| playlist.description.take());
        playlist.public = self.public.unwrap_or(playlist.public);
        playlist.collaborative = self.collaborative.unwrap_or(playlist.collaborative);
    }
}

/// As a list has it: without its entries.
pub(super) fn simplified(playlist: &Playlist) -> Value {
    let entries =
        json!({ "href": format!("{}/items", playlist.href()), "total": playlist.length() });
    with(with(playlist.json(), "tracks", entries.clone()), "items", entries)
}

/// The scope to change one.
pub(super) fn modify(is_public: bool) -> &'static str {
    if is_public { "playlist-modify-public" } else { "playlist-modify-private" }
}

pub(super) fn check(is_public: bool, is_collaborative: bool) -> Result<(), FakeResponse> {
    match is_public && is_collaborative {
        true => Err(error(400, "Collaborative playlists can only be private.")),
        false => Ok(()),
    }
}

/// What changes of its entries return.
pub(super) fn snapshot(playlist: &Playlist, status: u16) -> FakeResponse {
    FakeResponse::json(status, &json!({ "snapshot_id": playlist.snapshot_id() }))
}
