//! The Web API of the fake, as far as it goes.

use serde_json::{Value, json};
use url::form_urlencoded;

use super::accounts::Holder;
use super::catalogue::{self, Catalogue, merge};
use super::player::Player;
use super::playlist::{self, PLAYLIST_ID, Playlist};
use super::request::FakeRequest;
use super::response::FakeResponse;
use crate::api::Quota;

/// One request to the Web API.
pub(super) struct WebApi<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) playlist: &'a mut Playlist,
    pub(super) request: &'a FakeRequest,
    pub(super) quota: Quota,
}

impl WebApi<'_> {
    /// Responds to a request whose token is good.
    pub(super) fn respond(&mut self, holder: &Holder, player: &mut Player) -> FakeResponse {
        let path = self.request.path.strip_prefix("/v1/").unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["me", rest @ ..] => match holder {
                Holder::App => error(403, "Insufficient client scope"),
                Holder::User(name) => self.of_user(name, rest, player),
            },
            ["playlists", PLAYLIST_ID, "items"] if self.request.method == "DELETE" => {
                match holder {
                    Holder::App => error(403, "Insufficient client scope"),
                    Holder::User(_) => self.removal(),
                }
            }
            segments => self.catalogue(segments),
        }
    }

    fn of_user(&self, name: &str, segments: &[&str], player: &mut Player) -> FakeResponse {
        match (self.request.method.as_str(), segments) {
            (_, ["player", rest @ ..]) => player
                .respond(self.request, rest)
                .unwrap_or_else(|| error(404, "Service not found")),
            ("GET", []) => FakeResponse::json(200, &catalogue::user(name)),
            ("GET", ["playlists"]) => self.page(Some(vec![self.playlist.json()]), (20, 50)),
            _ => error(404, "Service not found"),
        }
    }

    fn removal(&mut self) -> FakeResponse {
        match self.playlist.remove(&self.request.body) {
            Ok(version) => FakeResponse::json(200, &json!({ "snapshot_id": version })),
            Err(refusal) => error(400, refusal),
        }
    }

    /// What needs no user.
    fn catalogue(&self, segments: &[&str]) -> FakeResponse {
        let catalogue = self.catalogue;
        let include_groups = self.request.parameter("include_groups");
        let response = match (self.request.method.as_str(), segments) {
            ("GET", ["tracks", id]) => {
                catalogue.track(id).ok_or(id).map(|track| self.in_market(track))
            }
            ("GET", ["albums", id]) => {
                catalogue.album(id).ok_or(id).map(|album| self.album(id, album))
            }
            ("GET", ["albums", id, "tracks"]) => {
                return self.page(catalogue.tracks_of(id), (20, 50));
            }
            ("GET", ["artists", id]) => catalogue.artist(id).ok_or(id),
            ("GET", ["artists", id, "albums"]) => {
                return self.page(
                    catalogue.albums_of(id, include_groups),
                    self.by_quota((5, 10), (20, 50)),
                );
            }
            ("GET", ["search"]) => return self.search(),
            ("GET", ["playlists", PLAYLIST_ID]) => Ok(self.playlist()),
            ("GET", ["playlists", PLAYLIST_ID, "items"]) => {
                match self.asked(self.by_quota((20, 50), (100, 100))) {
                    Ok(slice) => Ok(self.playlist_page(&slice)),
                    Err(refusal) => return refusal,
                }
            }
            ("GET", ["playlists", PLAYLIST_ID, "images"]) => Ok(playlist::images()),
            ("GET", ["playlists", id] | ["playlists", id, _]) => Err(id),
            _ => return error(404, "Service not found"),
        };
        match response {
            Ok(json) => FakeResponse::json(200, &json),
            Err(id) if id.len() == 22 => error(404, "Resource not found"),
            Err(_) => error(400, "Invalid base62 id"),
        }
    }

    /// With a market, Spotify says whether a track can be played there, and not where else.
    fn in_market(&self, mut track: Value) -> Value {
        if let (Some(_), Value::Object(fields)) = (self.request.parameter("market"), &mut track) {
            fields.remove("available_markets");
            fields.insert("is_playable".to_owned(), true.into());
        }
        track
    }

    fn album(&self, id: &str, mut album: Value) -> Value {
        let tracks = self.catalogue.tracks_of(id).unwrap_or_default();
        let slice =
            Slice { path: format!("/v1/albums/{id}/tracks"), limit: 50, offset: 0, kind: None };
        merge(&mut album, &json!({ "tracks": self.slice(&tracks, &slice) }));
        album
    }

    fn playlist(&self) -> Value {
        let path = format!("/v1/playlists/{PLAYLIST_ID}/items");
        let page = self.playlist_page(&Slice { path, limit: 50, offset: 0, kind: None });
        let mut playlist = self.playlist.json();
        merge(&mut playlist, &json!({ "tracks": page.clone(), "items": page }));
        playlist
    }

    fn playlist_page(&self, slice: &Slice<'_>) -> Value {
        let items = self.playlist.entries(slice.offset, slice.limit);
        self.page_of(&items, self.playlist.length(), slice)
    }

    fn search(&self) -> FakeResponse {
        let (Some(query), Some(types)) =
            (self.request.parameter("q"), self.request.parameter("type"))
        else {
            return error(400, "No search query");
        };
        let slice = match self.asked(self.by_quota((5, 10), (20, 50))) {
            Ok(slice) => slice,
            Err(refusal) => return refusal,
        };
        let mut found = json!({});
        for kind in types.split(',') {
            let items = match kind {
                "track" => self.catalogue.tracks_like(query),
                "album" => self.catalogue.albums_like(query),
                "artist" => self.catalogue.artists_like(query),
                "playlist" => vec![Value::Null],
                _ => Vec::new(),
            };
            let slice = Slice { kind: Some(kind), ..slice.clone() };
            merge(&mut found, &json!({ format!("{kind}s"): self.slice(&items, &slice) }));
        }
        FakeResponse::json(200, &found)
    }

    /// The default limit and the greatest, in development mode and with extended quota.
    fn by_quota(&self, development: (usize, usize), extended: (usize, usize)) -> (usize, usize) {
        match self.quota {
            Quota::Development => development,
            Quota::Extended => extended,
        }
    }

    fn page(&self, items: Option<Vec<Value>>, limits: (usize, usize)) -> FakeResponse {
        let Some(items) = items else { return error(404, "Resource not found") };
        match self.asked(limits) {
            Ok(slice) => FakeResponse::json(200, &self.slice(&items, &slice)),
            Err(refusal) => refusal,
        }
    }

    /// The slice of a list that the query asks for.
    fn asked(&self, (default, max): (usize, usize)) -> Result<Slice<'static>, FakeResponse> {
        let number = |name| self.request.parameter(name).map(str::parse).transpose();
        let limit = number("limit").ok().map(|limit| limit.unwrap_or(default));
        let limit = limit.filter(|limit| (1..=max).contains(limit));
        let limit = limit.ok_or_else(|| error(400, "Invalid limit"))?;
        let offset = number("offset").map_err(|_| error(400, "Invalid offset"))?.unwrap_or(0);
        Ok(Slice { path: self.request.path.clone(), limit, offset, kind: None })
    }

    fn slice(&self, all: &[Value], slice: &Slice<'_>) -> Value {
        let items: Vec<_> = all.iter().skip(slice.offset).take(slice.limit).cloned().collect();
        self.page_of(&items, all.len(), slice)
    }

    fn page_of(&self, items: &[Value], total: usize, slice: &Slice<'_>) -> Value {
        let Slice { limit, offset, .. } = *slice;
        let next = (offset + limit < total).then(|| self.url(slice, offset + limit));
        let previous = (offset > 0).then(|| self.url(slice, offset.saturating_sub(limit)));
        json!({
            "href": self.url(slice, offset),
            "items": items,
            "limit": limit,
            "next": next,
            "offset": offset,
            "previous": previous,
            "total": total,
        })
    }

    /// The URL of another slice, with the rest of the query kept.
    fn url(&self, slice: &Slice<'_>, offset: usize) -> String {
        let kept =
            self.request.query.iter().filter(|(name, _)| name != "limit" && name != "offset");
        let kept = kept.map(|(name, value)| match (name.as_str(), slice.kind) {
            ("type", Some(kind)) => (name.as_str(), kind),
            (name, _) => (name, value.as_str()),
        });
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("offset", &offset.to_string())
            .append_pair("limit", &slice.limit.to_string())
            .finish();
        format!("http://{}{}?{query}", self.request.host, slice.path)
    }
}

#[derive(Clone)]
struct Slice<'a> {
    path: String,
    limit: usize,
    offset: usize,
    /// In a search over several types, the one that this is a slice of.
    kind: Option<&'a str>,
}

fn error(status: u16, message: &str) -> FakeResponse {
    FakeResponse::json(status, &json!({ "error": { "status": status, "message": message } }))
}
