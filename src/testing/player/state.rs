//! What a player shows.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::catalogue::{Kind, Thing, merge, page_of, with};
use super::{Device, Player};

impl Player {
    /// What is playing; an episode only where one is asked for. `None` where nothing is.
    pub(in super::super) fn playing(&self, episodes: bool, now: i64) -> Option<Value> {
        let track = self.playing_track()?;
        let is_track = track.kind == Kind::Track;
        let forbidden = if self.since.is_some() { "resuming" } else { "pausing" };
        let item = (is_track || episodes).then_some(&track.full);
        Some(json!({
            "actions": { "disallows": { forbidden: true } },
            "context": self.context.as_deref().map(context),
            "currently_playing_type": if is_track { "track" } else { "episode" },
            "is_playing": self.since.is_some(),
            "item": item,
            "progress_ms": u64::try_from(self.position().as_millis()).unwrap_or(u64::MAX),
            "timestamp": now,
        }))
    }

    pub(in super::super) fn state(&self, episodes: bool, now: i64) -> Option<Value> {
        let mut state = self.playing(episodes, now)?;
        let device = self.active.and_then(|place| self.devices.get(place));
        merge(
            &mut state,
            &json!({
                "device": device.map(|device| device.json(true)),
                "repeat_state": self.repeat,
                "shuffle_state": self.shuffle,
                "smart_shuffle": false,
            }),
        );
        Some(state)
    }

    fn playing_track(&self) -> Option<&Arc<Thing>> {
        self.active.and_then(|_| self.track())
    }

    pub(in super::super) fn devices_json(&self) -> Value {
        let devices = self.devices.iter().enumerate();
        devices.map(|(place, device)| device.json(self.active == Some(place))).collect()
    }

    pub(in super::super) fn queue_json(&self) -> Value {
        let current = self.playing_track();
        let upcoming: Vec<_> = match current {
            Some(_) => self.upcoming().map(|thing| &thing.full).collect(),
            None => Vec::new(),
        };
        json!({ "currently_playing": current.map(|thing| &thing.full), "queue": upcoming })
    }
}

impl Device {
    fn json(&self, is_active: bool) -> Value {
        json!({
            "id": self.id,
            "is_active": is_active,
            "is_private_session": false,
            "is_restricted": false,
            "name": self.name,
            "type": self.kind,
            "volume_percent": self.volume,
            "supports_volume": true,
        })
    }
}

/// What something is played from.
pub(in super::super) fn context(uri: &str) -> Value {
    let mut parts = uri.split(':').skip(1);
    let kind = parts.next().unwrap_or_default();
    let id = parts.next().unwrap_or_default();
    let kind = if uri.ends_with(":collection") { "collection" } else { kind };
    let path = format!("{kind}s/{id}");
    let json =
        json!({ "type": kind, "uri": uri, "href": format!("https://api.spotify.com/v1/{path}") });
    with(json, "external_urls", page_of(kind, id))
}
