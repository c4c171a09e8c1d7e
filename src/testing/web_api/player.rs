//! The player of the user whose token it is.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::catalogue::{Kind, Thing};
use super::super::player::{Heard, Refused, context};
use super::super::response::FakeResponse;
use super::{Call, Reply, done, error};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Start {
    context_uri: Option<String>,
    uris: Option<Vec<String>>,
    offset: Option<Offset>,
    position_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Offset {
    position: Option<usize>,
    uri: Option<String>,
}

#[derive(Deserialize)]
struct Transfer {
    device_ids: Vec<String>,
    play: Option<bool>,
}

impl Call<'_> {
    pub(super) fn player(&mut self, command: &[&str]) -> Reply {
        self.listen()?;
        if self.method() != "GET" {
            return self.command(command);
        }
        let timestamp = self.world.now().timestamp_millis();
        let types = self.list("additional_types").unwrap_or_default();
        let episodes = types.iter().any(|kind| kind == "episode");
        let player = &self.me()?.player;
        let json = match command {
            [] => player.state(episodes, timestamp),
            ["currently-playing"] => player.playing(episodes, timestamp),
            ["devices"] => Some(json!({ "devices": player.devices_json() })),
            ["queue"] => Some(player.queue_json()),
            ["recently-played"] => return self.recently_played(),
            _ => return self.unknown(),
        };
        // Nothing where nothing is playing.
        json.map_or_else(|| done(204), |json| self.json(json))
    }

    /// Lets the player go on to where it is by now.
    fn listen(&mut self) -> Result<(), FakeResponse> {
        let clock = self.world.clock;
        self.me_mut()?.listen(|at| clock.moment(at));
        Ok(())
    }

    fn command(&mut self, command: &[&str]) -> Reply {
        let is_known = match self.method() {
            "PUT" => matches!(
                command,
                [] | ["play" | "pause" | "seek" | "repeat" | "volume" | "shuffle"]
            ),
            "POST" => matches!(command, ["next" | "previous" | "queue"]),
            _ => false,
        };
        if !is_known {
            return self.unknown();
        }
        if !self.me()?.has_premium {
            return Err(failed(403, "Premium required", "PREMIUM_REQUIRED"));
        }
        match command {
            [] => self.transfer()?,
            ["play"] => self.play()?,
            ["queue"] => self.enqueue()?,
            other => self.simple_command(other)?,
        }
        // Spotify responds to commands with something that is not JSON.
        Ok(FakeResponse::body(200, "text/plain", "CAESEAAaEw=="))
    }

    fn simple_command(&mut self, command: &[&str]) -> Result<(), FakeResponse> {
        let request = self.request;
        let value = |name| request.parameter(name).unwrap_or_default();
        let number = |name: &'static str, most: u64| {
            let number = value(name).parse().ok().filter(|number| *number <= most);
            number.ok_or_else(|| error(400, &format!("Invalid value for {name}")))
        };
        let player = &mut self.me_mut()?.player;
        player.choose(request.parameter("device_id")).map_err(refusal)?;
        match command {
            ["pause"] => player.pause(),
            ["next"] => player.skip(),
            ["previous"] => player.go_back(),
            ["seek"] => player.seek(Duration::from_millis(number("position_ms", u64::MAX)?)),
            ["volume"] => {
                let percent = number("volume_percent", 100)?;
                player.set_volume(u32::try_from(percent).unwrap_or_default());
            }
            ["repeat"] if matches!(value("state"), "off" | "track" | "context") => {
                player.set_repeat(value("state"));
            }
            ["shuffle"] if matches!(value("state"), "true" | "false") => {
                player.set_shuffle(value("state") == "true");
            }
            _ => return Err(error(400, "Invalid value for state")),
        }
        Ok(())
    }

    fn transfer(&mut self) -> Result<(), FakeResponse> {
        let transfer: Transfer = self.body()?;
        let [device] = transfer.device_ids.as_slice() else {
            return Err(error(400, "Exactly one device_id is needed"));
        };
        let player = &mut self.me_mut()?.player;
        player.choose(Some(device)).map_err(refusal)?;
        // Where nothing was playing, there is nothing to go on with.
        if transfer.play == Some(true) && player.has_tracks() {
            player.resume().map_err(refusal)?;
        }
        Ok(())
    }

    fn play(&mut self) -> Result<(), FakeResponse> {
        let start: Start = match self.request.body.trim().is_empty() {
            true => Start::default(),
            false => self.body()?,
        };
        let device = self.request.parameter("device_id");
        self.me_mut()?.player.choose(device).map_err(refusal)?;
        let tracks = match (&start.context_uri, &start.uris) {
            (Some(context), _) => Some(self.tracks_of(context)?),
            (None, Some(uris)) => Some(self.tracks_at(uris)?),
            (None, None) => None,
        };
        let from = tracks.as_ref().map(|tracks| start.place_in(tracks)).transpose()?;
        let player = &mut self.me_mut()?.player;
        match (tracks, from) {
            (Some(tracks), Some(from)) => player.play(tracks, start.context_uri, from),
            _ => player.resume().map_err(refusal)?,
        }
        if let Some(position) = start.position_ms {
            player.seek(Duration::from_millis(position));
        }
        Ok(())
    }

    fn enqueue(&mut self) -> Result<(), FakeResponse> {
        let uri = self.parameter("uri").unwrap_or_default();
        let id = ["spotify:track:", "spotify:episode:"].iter().find_map(|it| uri.strip_prefix(it));
        if id.is_none_or(|id| id.len() != 22) {
            return Err(error(400, "Invalid track uri"));
        }
        // Spotify takes any, and the device passes over what it does not know.
        let thing = self.world.catalogue.by_uri(uri).cloned();
        let device = self.request.parameter("device_id");
        let player = &mut self.me_mut()?.player;
        player.choose(device).map_err(refusal)?;
        thing.iter().for_each(|thing| player.enqueue(thing));
        Ok(())
    }

    fn tracks_at(&self, uris: &[String]) -> Result<Vec<Arc<Thing>>, FakeResponse> {
        let thing = |uri: &String| {
            let thing = self.world.catalogue.by_uri(uri).cloned();
            thing.filter(|thing| thing.kind.is_playable())
        };
        let things: Option<Vec<_>> = uris.iter().map(thing).collect();
        let things = things.filter(|things| !things.is_empty());
        things.ok_or_else(|| error(400, "Invalid track uri"))
    }

    /// What is played of an album, a playlist, an artist, a show, an audiobook or what is saved.
    fn tracks_of(&self, uri: &str) -> Result<Vec<Arc<Thing>>, FakeResponse> {
        let catalogue = &self.world.catalogue;
        let tracks: Vec<_> = match (catalogue.by_uri(uri), uri.strip_prefix("spotify:playlist:")) {
            (_, Some(id)) => {
                self.readable(id)?.entries().filter_map(|it| it.thing().cloned()).collect()
            }
            (Some(thing), _) => match thing.kind {
                Kind::Album => catalogue.of(&thing.id, Kind::Track).cloned().collect(),
                Kind::Show => catalogue.of(&thing.id, Kind::Episode).cloned().collect(),
                Kind::Audiobook => catalogue.of(&thing.id, Kind::Chapter).cloned().collect(),
                Kind::Artist => {
                    let albums = catalogue.of(&thing.id, Kind::Album);
                    albums.flat_map(|it| catalogue.of(&it.id, Kind::Track)).cloned().collect()
                }
                _ => return Err(error(400, "Can't have a track as a context")),
            },
            _ if uri.ends_with(":collection") => self.saved_tracks()?,
            _ => Vec::new(),
        };
        match tracks.is_empty() {
            true => Err(error(404, "Context not found")),
            false => Ok(tracks),
        }
    }

    fn saved_tracks(&self) -> Result<Vec<Arc<Thing>>, FakeResponse> {
        let things =
            self.me()?.library.all().filter_map(|saved| self.world.catalogue.by_uri(&saved.uri));
        Ok(things.filter(|thing| thing.kind == Kind::Track).cloned().collect())
    }

    /// The latest first, with cursors in milliseconds.
    fn recently_played(&self) -> Reply {
        let limit = self.cursor_limit()?;
        let cursor = |name| {
            let value = self.parameter(name).map(str::parse::<i64>).transpose();
            value.map_err(|_| error(400, &format!("Invalid {name}")))
        };
        let after = cursor("after")?;
        let before = cursor("before")?;
        if after.is_some() && before.is_some() {
            return Err(error(400, "Only one of after and before may be given"));
        }
        let at = |heard: &Heard| heard.played_at.timestamp_millis();
        let is_meant = |heard: &&Heard| {
            after.is_none_or(|after| at(heard) > after)
                && before.is_none_or(|before| at(heard) < before)
        };
        let meant: Vec<_> = self.me()?.history.iter().rev().filter(is_meant).collect();
        let shown: Vec<_> = meant.iter().take(limit).copied().collect();
        let cursors = match (shown.first(), shown.last()) {
            (Some(first), Some(last)) => {
                json!({ "after": at(first).to_string(), "before": at(last).to_string() })
            }
            _ => Value::Null,
        };
        let next = shown.last().filter(|_| meant.len() > limit);
        let next = next.map(|last| ("before", at(last).to_string()));
        self.json(self.cursor_page(
            shown.into_iter().map(heard_json).collect(),
            limit,
            &cursors,
            next,
        ))
    }
}

impl Start {
    /// Where it begins.
    fn place_in(&self, tracks: &[Arc<Thing>]) -> Result<usize, FakeResponse> {
        let place = match &self.offset {
            None => Some(0),
            Some(Offset { position: Some(place), .. }) => {
                Some(*place).filter(|place| *place < tracks.len())
            }
            Some(Offset { uri, .. }) => {
                tracks.iter().position(|track| uri.as_deref() == Some(track.uri.as_str()))
            }
        };
        place.ok_or_else(|| error(404, "Item not found in context"))
    }
}

fn heard_json(heard: &Heard) -> Value {
    let played_at = heard.played_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    json!({
        "track": heard.track.full,
        "played_at": played_at,
        "context": heard.context.as_deref().map(context),
    })
}

fn refusal(refused: Refused) -> FakeResponse {
    match refused {
        Refused::NoActiveDevice => failed(404, "No active device found", "NO_ACTIVE_DEVICE"),
        Refused::NoSuchDevice => error(404, "Device not found"),
        Refused::NothingToPlay => failed(403, "Restriction violated", "UNKNOWN"),
    }
}

fn failed(status: u16, message: &str, reason: &str) -> FakeResponse {
    let message = format!("Player command failed: {message}");
    FakeResponse::json(
        status,
        &json!({ "error": { "status": status, "message": message, "reason": reason } }),
    )
}
