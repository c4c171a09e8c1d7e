//! The player of the fake: one device, a list of tracks, and time that passes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::request::FakeRequest;
use super::response::FakeResponse;

#[derive(Debug)]
pub(super) struct Player {
    tracks: Vec<Value>,
    current: usize,
    queue: Vec<Value>,
    /// How far it had come when `since` was taken.
    progress: Duration,
    /// When it began to play; `None` when it is paused.
    since: Option<Instant>,
    volume: u32,
    repeat: String,
    shuffle: bool,
}

impl Player {
    /// Plays the first of `tracks`.
    pub(super) fn new(tracks: Vec<Value>) -> Self {
        Self {
            tracks,
            current: 0,
            queue: Vec::new(),
            progress: Duration::ZERO,
            since: Some(Instant::now()),
            volume: 50,
            repeat: "off".to_owned(),
            shuffle: false,
        }
    }

    /// Responds to a request below `me/player`; `None` for what it does not know.
    pub(super) fn respond(
        &mut self,
        request: &FakeRequest,
        segments: &[&str],
    ) -> Option<FakeResponse> {
        self.go_on();
        let json = match (request.method.as_str(), segments) {
            ("GET", []) => self.state(),
            ("GET", ["currently-playing"]) => self.playing(),
            ("GET", ["devices"]) => json!({ "devices": [self.device()] }),
            ("GET", ["queue"]) => {
                json!({ "currently_playing": self.track(), "queue": self.upcoming() })
            }
            ("PUT" | "POST", command) => return self.command(request, command),
            _ => return None,
        };
        Some(FakeResponse::json(200, &json))
    }

    fn command(&mut self, request: &FakeRequest, command: &[&str]) -> Option<FakeResponse> {
        let value = |name| request.parameter(name).unwrap_or_default();
        match command {
            ["play"] => self.since = self.since.or_else(|| Some(Instant::now())),
            ["pause"] => self.halt(),
            ["next"] => self.skip(),
            ["previous"] => self.go_to(self.current.saturating_sub(1)),
            ["seek"] => self.seek(Duration::from_millis(value("position_ms").parse().ok()?)),
            ["volume"] => self.volume = value("volume_percent").parse().ok()?,
            ["repeat"] => value("state").clone_into(&mut self.repeat),
            ["shuffle"] => self.shuffle = value("state") == "true",
            ["queue"] => {
                let track = self
                    .tracks
                    .iter()
                    .find(|track| track.get("uri").is_some_and(|uri| uri == value("uri")))
                    .cloned();
                self.queue.extend(track);
            }
            _ => return None,
        }
        // Spotify responds to commands with something that is not JSON.
        Some(FakeResponse::body(200, "text/plain", "CAESEAAaEw=="))
    }

    /// Turns to the next track where the current one has ended.
    fn go_on(&mut self) {
        while self.position() >= self.length() {
            let over = self.position() - self.length();
            self.skip();
            self.progress = over;
        }
    }

    fn skip(&mut self) {
        let next = (self.current + 1) % self.tracks.len().max(1);
        if let Some(queued) = (!self.queue.is_empty()).then(|| self.queue.remove(0)) {
            self.tracks.insert(next, queued);
        }
        self.go_to(next);
    }

    fn go_to(&mut self, track: usize) {
        self.current = track;
        self.seek(Duration::ZERO);
    }

    fn seek(&mut self, position: Duration) {
        self.progress = position;
        self.since = self.since.map(|_| Instant::now());
    }

    fn halt(&mut self) {
        self.progress = self.position();
        self.since = None;
    }

    fn position(&self) -> Duration {
        self.progress + self.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    fn length(&self) -> Duration {
        let length = self.track().get("duration_ms").and_then(Value::as_u64);
        Duration::from_millis(length.unwrap_or(u64::MAX / 2))
    }

    fn track(&self) -> Value {
        self.tracks.get(self.current).cloned().unwrap_or_default()
    }

    fn upcoming(&self) -> Vec<Value> {
        let rest = self.tracks.iter().skip(self.current + 1);
        self.queue.iter().chain(rest).take(20).cloned().collect()
    }

    fn playing(&self) -> Value {
        let forbidden = if self.since.is_some() { "resuming" } else { "pausing" };
        json!({
            "actions": { "disallows": { forbidden: true } },
            "context": null,
            "currently_playing_type": "track",
            "is_playing": self.since.is_some(),
            "item": self.track(),
            "progress_ms": u64::try_from(self.position().as_millis()).unwrap_or(u64::MAX),
            "timestamp": 1_490_252_122_574_u64,
        })
    }

    fn state(&self) -> Value {
        let mut state = self.playing();
        super::catalogue::merge(
            &mut state,
            &json!({
                "device": self.device(),
                "repeat_state": self.repeat,
                "shuffle_state": self.shuffle,
            }),
        );
        state
    }

    fn device(&self) -> Value {
        json!({
            "id": "fake-device",
            "is_active": true,
            "is_private_session": false,
            "is_restricted": false,
            "name": "Loopback Speaker",
            "type": "Speaker",
            "volume_percent": self.volume,
            "supports_volume": true,
        })
    }
}
