//! Playlists that are changed: their details, their cover and their entries.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::super::playlist::{Entry, Playlist, Refusal, Removal, Reorder};
use super::super::response::FakeResponse;
use super::super::world::text_of;
use super::playlists::{Details, check, modify, snapshot};
use super::{Call, Reply, done, error, not_found};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Items {
    uris: Option<Vec<String>>,
    position: Option<usize>,
}

impl Call<'_> {
    pub(super) fn change_details(&mut self, id: &str) -> Reply {
        if self.method() != "PUT" {
            return self.unknown();
        }
        let details: Details = self.body()?;
        let playlist = self.own(id)?;
        let is_public = details.public.unwrap_or(playlist.public);
        check(is_public, details.collaborative.unwrap_or(playlist.collaborative))?;
        details.apply(playlist);
        done(200)
    }

    pub(super) fn change_cover(&mut self, id: &str) -> Reply {
        if self.method() != "PUT" {
            return self.unknown();
        }
        let body = self.request.body.clone();
        let playlist = self.own(id)?;
        if body.len() > LARGEST_COVER {
            return Err(error(413, "Payload too large"));
        }
        let jpeg = BASE64_STANDARD.decode(body).ok().filter(|jpeg| jpeg.starts_with(b"\xff\xd8"));
        let jpeg = jpeg.ok_or_else(|| error(400, "Invalid image"))?;
        let url = format!("https://image-cdn.spotifycdn.com/image/{id}{:x}", jpeg.len());
        playlist.images = json!([{ "url": url, "height": null, "width": null }]);
        done(202)
    }

    pub(super) fn change_items(&mut self, id: &str) -> Reply {
        match self.method() {
            "POST" => self.add_items(id),
            "PUT" => self.replace_or_reorder(id),
            "DELETE" => {
                let removal: Removal =
                    self.body().map_err(|_| error(400, "Invalid request body"))?;
                self.change(id, 200, |playlist| playlist.remove(&removal))
            }
            _ => self.unknown(),
        }
    }

    fn add_items(&mut self, id: &str) -> Reply {
        let items = self.named_items()?;
        let entries = self.new_entries(&items.uris.unwrap_or_default(), 1)?;
        self.change(id, 201, |playlist| playlist.insert(items.position, entries))
    }

    /// The body says which; no body means the names in the query.
    fn replace_or_reorder(&mut self, id: &str) -> Reply {
        if let Ok(reorder) = self.body::<Reorder>() {
            return self.change(id, 200, |playlist| playlist.reorder(&reorder));
        }
        let items = self.named_items()?;
        let uris = items.uris.ok_or_else(|| error(400, "Missing required field: uris"))?;
        let entries = self.new_entries(&uris, 0)?;
        self.change(id, 200, |playlist| {
            playlist.replace(entries);
            Ok(())
        })
    }

    /// From the query or the body; the query's position counts.
    fn named_items(&self) -> Result<Items, FakeResponse> {
        let mut items = match self.request.body.trim().is_empty() {
            true => Items::default(),
            false => self.body::<Items>()?,
        };
        items.uris = items.uris.or_else(|| self.list("uris"));
        if let Some(position) = self.parameter("position") {
            items.position = Some(position.parse().map_err(|_| error(400, "Invalid position"))?);
        }
        Ok(items)
    }

    fn new_entries(&self, uris: &[String], least: usize) -> Result<Vec<Entry>, FakeResponse> {
        if uris.len() < least {
            return Err(error(400, "No uris provided"));
        }
        if uris.len() > 100 {
            return Err(error(400, "You can add a maximum of 100 tracks per request."));
        }
        let by = self.user()?;
        let at = text_of(self.world.now());
        let entry = |uri: &String| {
            let thing = self.world.catalogue.by_uri(uri).filter(|thing| thing.kind.is_playable());
            thing.map(|thing| Entry::new(thing, by, &at))
        };
        let entries: Option<Vec<_>> = uris.iter().map(entry).collect();
        entries.ok_or_else(|| error(400, "Payload contains a non-existing ID"))
    }

    fn change(
        &mut self,
        id: &str,
        status: u16,
        change: impl FnOnce(&mut Playlist) -> Result<(), Refusal>,
    ) -> Reply {
        let playlist = self.changeable(id)?;
        change(playlist).map_err(|refusal| error(400, refusal))?;
        Ok(snapshot(playlist, status))
    }

    /// One whose entries the user may change.
    fn changeable(&mut self, id: &str) -> Result<&mut Playlist, FakeResponse> {
        self.check_change(id, |playlist| playlist.collaborative || playlist.is_open)
    }

    /// One whose details the user may change, who is its owner.
    fn own(&mut self, id: &str) -> Result<&mut Playlist, FakeResponse> {
        self.check_change(id, |playlist| playlist.is_open)
    }

    fn check_change(
        &mut self,
        id: &str,
        may_others: impl Fn(&Playlist) -> bool,
    ) -> Result<&mut Playlist, FakeResponse> {
        let playlist = self.world.playlists.get(id).ok_or_else(|| not_found(id))?;
        self.needs(&[modify(playlist.public)])?;
        if playlist.owner != self.user()? && !may_others(playlist) {
            return Err(error(403, "You cannot add tracks to a playlist you don't own."));
        }
        self.world.playlists.get_mut(id).ok_or_else(|| not_found(id))
    }
}

const LARGEST_COVER: usize = 256 * 1024;
