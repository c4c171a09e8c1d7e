//! The Web API of the fake: all operations of Spotify's, each beside those of its group.

mod browse;
mod fields;
mod following;
mod library;
mod page;
mod permission;
mod player;
mod playlist_changes;
mod playlists;
mod search;
mod things;
mod users;

use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::accounts::Holder;
use super::request::FakeRequest;
use super::response::FakeResponse;
use super::user::User;
use super::world::World;
use crate::api::Quota;

/// Responds to a request whose token is good.
pub(super) fn respond(world: &mut World, request: &FakeRequest, holder: &Holder) -> FakeResponse {
    let path = request.path.strip_prefix("/v1/").unwrap_or_default();
    let path =
        path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned());
    let path: Vec<_> = path.collect();
    let segments: Vec<_> = path.iter().map(String::as_str).collect();
    if let Holder::User { name, .. } = holder {
        // Nobody has to be registered.
        world.user(name);
    }
    let mut call = Call { world, request, holder };
    let response = call.permission(&segments).and_then(|()| call.respond(&segments));
    response.unwrap_or_else(|refusal| refusal)
}

/// One request to the Web API.
struct Call<'a> {
    world: &'a mut World,
    request: &'a FakeRequest,
    holder: &'a Holder,
}

/// A refusal is a response too.
type Reply = Result<FakeResponse, FakeResponse>;

impl Call<'_> {
    fn respond(&mut self, segments: &[&str]) -> Reply {
        match segments {
            ["search"] => self.search(),
            ["me", "player", command @ ..] => self.player(command),
            ["me", "following", rest @ ..] => self.following(rest),
            ["me", "playlists"] | ["playlists", ..] | ["users", _, "playlists"] => {
                self.playlists(segments)
            }
            ["me"] | ["me", "top", _] | ["users", _] => self.users(segments),
            ["me", kind, rest @ ..] => self.library(kind, rest),
            ["browse", ..] | ["markets"] | ["recommendations", ..] => self.browse(segments),
            ["audio-features", ..] | ["audio-analysis", _] => self.audio(segments),
            _ => self.things(segments),
        }
    }

    fn method(&self) -> &str {
        &self.request.method
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.request.parameter(name).filter(|value| !value.is_empty())
    }

    /// The values of a parameter that is a list.
    fn list(&self, name: &str) -> Option<Vec<String>> {
        Some(self.parameter(name)?.split(',').map(str::to_owned).collect())
    }

    /// Ids from the query, as many as are allowed.
    fn ids(&self, most: usize) -> Result<Vec<String>, FakeResponse> {
        let ids = self.list("ids").ok_or_else(|| error(400, "Missing required field: ids"))?;
        match ids.len() > most {
            true => Err(error(400, "Too many ids requested")),
            false => Ok(ids),
        }
    }

    fn body<T: DeserializeOwned>(&self) -> Result<T, FakeResponse> {
        serde_json::from_str(&self.request.body).map_err(|_| error(400, "Error parsing JSON."))
    }

    /// The name of the user whose token it is.
    fn user(&self) -> Result<&str, FakeResponse> {
        match self.holder {
            Holder::User { name, .. } => Ok(name),
            Holder::App => Err(error(403, "Insufficient client scope")),
        }
    }

    fn me(&self) -> Result<&User, FakeResponse> {
        let known = self.world.users.known(self.user()?);
        known.ok_or_else(|| error(403, "Insufficient client scope"))
    }

    fn me_mut(&mut self) -> Result<&mut User, FakeResponse> {
        let name = self.user()?.to_owned();
        Ok(self.world.user(&name))
    }

    /// The default limit and the greatest, in development mode and with extended quota.
    fn by_quota(&self, development: (usize, usize), extended: (usize, usize)) -> (usize, usize) {
        match self.world.quota {
            Quota::Development => development,
            Quota::Extended => extended,
        }
    }

    /// A success with what it shows, as far as market and scopes go.
    fn json(&self, mut json: Value) -> Reply {
        if self.parameter("market").is_some() {
            in_market(&mut json);
        }
        if !self.holder.allows("user-read-playback-position") {
            remove_everywhere(&mut json, "resume_point");
        }
        Ok(FakeResponse::of_json(200, json))
    }

    /// What is not known: it must not look like a response of Spotify's.
    fn unknown(&self) -> Reply {
        let FakeRequest { method, path, .. } = self.request;
        Err(error(501, &format!("the fake does not know {method} {path}; script it with `on`")))
    }
}

/// With a market, Spotify says whether a track can be played there, and not where else.
fn in_market(json: &mut Value) {
    if let Value::Object(fields) = json
        && fields.get("type").is_some_and(|kind| kind == "track")
        && fields.remove("available_markets").is_some()
    {
        fields.insert("is_playable".to_owned(), true.into());
    }
    each_child(json, in_market);
}

fn remove_everywhere(json: &mut Value, name: &str) {
    if let Value::Object(fields) = json {
        fields.remove(name);
    }
    each_child(json, |child| remove_everywhere(child, name));
}

fn each_child(json: &mut Value, act: impl FnMut(&mut Value)) {
    match json {
        Value::Object(fields) => fields.values_mut().for_each(act),
        Value::Array(list) => list.iter_mut().for_each(act),
        _ => {}
    }
}

/// What writes return that return nothing.
fn done(status: u16) -> Reply {
    Ok(FakeResponse::body(status, "application/json", ""))
}

fn error(status: u16, message: &str) -> FakeResponse {
    FakeResponse::json(status, &json!({ "error": { "status": status, "message": message } }))
}

/// There is nothing with this id, or it is none.
fn not_found(id: &str) -> FakeResponse {
    match id.len() == 22 {
        true => error(404, "Resource not found"),
        false => error(400, "Invalid base62 id"),
    }
}
