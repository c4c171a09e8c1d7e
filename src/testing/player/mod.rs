//! The player of a user: devices, a list of what is played, and time that passes.

mod state;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

pub(super) use self::state::context;
use super::catalogue::{Kind, Thing};

pub(super) struct Player {
    devices: Vec<Device>,
    /// The device that plays, or would.
    active: Option<usize>,
    context: Option<String>,
    tracks: Vec<Arc<Thing>>,
    current: usize,
    queue: VecDeque<Arc<Thing>>,
    /// How far it had come when `since` was taken.
    progress: Duration,
    /// When it began to play; `None` when it is paused.
    since: Option<Instant>,
    repeat: String,
    shuffle: bool,
    /// What was played and is not in the history yet.
    heard: Vec<(Arc<Thing>, Option<String>, Instant)>,
}

pub(super) struct Device {
    pub(super) id: String,
    name: String,
    kind: &'static str,
    volume: u32,
}

/// A track that was heard.
pub(super) struct Heard {
    pub(super) track: Arc<Thing>,
    pub(super) context: Option<String>,
    pub(super) played_at: DateTime<Utc>,
}

/// Why a command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    NoActiveDevice,
    NoSuchDevice,
    NothingToPlay,
}

/// Two devices, none of which plays.
impl Default for Player {
    fn default() -> Self {
        let device = |id: &str, name: &str, kind| Device {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            volume: 50,
        };
        Self {
            devices: vec![
                device("fake-device", "Loopback Speaker", "Speaker"),
                device("fake-phone", "Pocket Phone", "Smartphone"),
            ],
            active: None,
            context: None,
            tracks: Vec::new(),
            current: 0,
            queue: VecDeque::new(),
            progress: Duration::ZERO,
            since: None,
            repeat: "off".to_owned(),
            shuffle: false,
            heard: Vec::new(),
        }
    }
}

impl Player {
    /// Plays the first of `tracks` on the first device.
    pub(super) fn begin(&mut self, tracks: Vec<Arc<Thing>>) {
        self.active = Some(0);
        self.play(tracks, None, 0);
    }

    /// A device more, which is on and does not play.
    pub(super) fn add_device(&mut self, id: &str, name: &str) {
        let id = id.to_owned();
        let name = name.to_owned();
        self.devices.push(Device { id, name, kind: "Computer", volume: 50 });
    }

    /// Nothing plays, and no device is active.
    pub(super) fn stop(&mut self) {
        let devices = std::mem::take(&mut self.devices);
        *self = Self { devices, ..Self::default() };
    }

    /// The device that a command is for, which is the active one from now on.
    pub(super) fn choose(&mut self, device: Option<&str>) -> Result<(), Refused> {
        match device {
            None if self.active.is_none() => Err(Refused::NoActiveDevice),
            None => Ok(()),
            Some(id) => {
                let place = self.devices.iter().position(|device| device.id == id);
                self.active = Some(place.ok_or(Refused::NoSuchDevice)?);
                Ok(())
            }
        }
    }

    pub(super) fn play(&mut self, tracks: Vec<Arc<Thing>>, context: Option<String>, from: usize) {
        self.note_heard(Instant::now());
        self.tracks = tracks;
        self.context = context;
        self.current = from;
        self.progress = Duration::ZERO;
        self.since = Some(Instant::now());
    }

    pub(super) fn has_tracks(&self) -> bool {
        !self.tracks.is_empty()
    }

    pub(super) fn resume(&mut self) -> Result<(), Refused> {
        if !self.has_tracks() {
            return Err(Refused::NothingToPlay);
        }
        self.since = self.since.or_else(|| Some(Instant::now()));
        Ok(())
    }

    pub(super) fn pause(&mut self) {
        self.progress = self.position();
        self.since = None;
    }

    pub(super) fn seek(&mut self, position: Duration) {
        self.progress = position;
        self.since = self.since.map(|_| Instant::now());
    }

    pub(super) fn skip(&mut self) {
        self.note_heard(Instant::now());
        let next = (self.current + 1) % self.tracks.len().max(1);
        if let Some(queued) = self.queue.pop_front() {
            self.tracks.insert(next.min(self.tracks.len()), queued);
        }
        self.go_to(next);
    }

    pub(super) fn go_back(&mut self) {
        self.note_heard(Instant::now());
        self.go_to(self.current.saturating_sub(1));
    }

    pub(super) fn set_volume(&mut self, percent: u32) {
        if let Some(device) = self.active.and_then(|place| self.devices.get_mut(place)) {
            device.volume = percent;
        }
    }

    pub(super) fn set_repeat(&mut self, repeat: &str) {
        repeat.clone_into(&mut self.repeat);
    }

    pub(super) fn set_shuffle(&mut self, shuffle: bool) {
        self.shuffle = shuffle;
    }

    pub(super) fn enqueue(&mut self, thing: &Arc<Thing>) {
        self.queue.push_back(Arc::clone(thing));
    }

    /// Turns to the next track where the current one has ended. After the last comes the first:
    /// Spotify goes on with something, too.
    pub(super) fn go_on(&mut self) {
        while self.since.is_some() && self.position() >= self.length() {
            let over = self.position() - self.length();
            self.note_heard(Instant::now() - over);
            match self.repeat == "track" {
                true => self.go_to(self.current),
                false => self.skip(),
            }
            self.progress = over;
        }
    }

    /// What was played since this was asked.
    pub(super) fn take_heard(&mut self, moment: impl Fn(Instant) -> DateTime<Utc>) -> Vec<Heard> {
        let heard = self.heard.drain(..);
        heard.map(|(track, context, at)| Heard { track, context, played_at: moment(at) }).collect()
    }

    /// Tracks count from half a minute on.
    fn note_heard(&mut self, at: Instant) {
        let Some(track) = self.track().filter(|_| self.position() >= HEARD).cloned() else {
            return;
        };
        // What comes next begins anew, so that nothing is noted twice.
        self.progress = Duration::ZERO;
        self.since = self.since.map(|_| Instant::now());
        if track.kind == Kind::Track {
            self.heard.push((track, self.context.clone(), at));
        }
    }

    fn go_to(&mut self, track: usize) {
        self.current = track;
        self.seek(Duration::ZERO);
    }

    fn position(&self) -> Duration {
        self.progress + self.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    fn length(&self) -> Duration {
        let length = self.track().and_then(|track| track.milliseconds());
        Duration::from_millis(length.unwrap_or(u64::MAX / 2))
    }

    fn track(&self) -> Option<&Arc<Thing>> {
        self.tracks.get(self.current)
    }

    fn upcoming(&self) -> impl Iterator<Item = &Arc<Thing>> {
        let rest = self.tracks.iter().skip(self.current + 1);
        self.queue.iter().chain(rest).take(20)
    }
}

const HEARD: Duration = Duration::from_secs(30);
