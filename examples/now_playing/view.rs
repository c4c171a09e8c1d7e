//! What is shown at a time. Nothing here asks Spotify, or draws.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use spotify_web::model::{CurrentlyPlayingContext, Image, PlayableItem};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What is playing, at the moment when Spotify said so.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Playing {
    pub(crate) title: String,
    /// Artists, or the publisher of a show.
    pub(crate) by: String,
    /// The album or the show.
    pub(crate) from: String,
    pub(crate) cover: Option<String>,
    pub(crate) length: Duration,
    pub(crate) progress: Duration,
    pub(crate) is_playing: bool,
    pub(crate) device: String,
    /// In percent, where it can be changed.
    pub(crate) volume: Option<u32>,
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Pause,
    Next,
    Previous,
    Louder,
    Softer,
    Quit,
}

/// A line, by its importance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    Title(String),
    Plain(String),
    Faint(String),
    /// How far the track is, from 0 to 1, between how long it plays and how long it is.
    Bar {
        before: String,
        part: f64,
        after: String,
    },
}

impl Playing {
    /// How often Spotify is asked: what happens between is worked out here. Other programs may
    /// pause or skip, and are seen this late.
    pub(crate) const ASKED_AFTER: Duration = Duration::from_secs(10);

    pub(crate) fn of(state: &CurrentlyPlayingContext) -> Self {
        let device = state.device.as_ref();
        let changeable = device.filter(|device| device.supports_volume != Some(false));
        let playing = Self {
            title: "something else".to_owned(),
            progress: state.progress.unwrap_or_default(),
            is_playing: state.is_playing == Some(true),
            device: device.map(|device| printable(&device.name)).unwrap_or_default(),
            volume: changeable.and_then(|device| device.volume_percent),
            ..Self::default()
        };
        match &state.item {
            Some(item) => playing.with_item(item),
            None => playing,
        }
    }

    fn with_item(mut self, item: &PlayableItem) -> Self {
        match item {
            PlayableItem::Track(track) => {
                let names: Vec<_> = track.artists.iter().map(|it| it.name.as_str()).collect();
                let album = track.album.as_ref();
                self.title = printable(&track.name);
                self.by = printable(&names.join(", "));
                self.from = album.map(|album| printable(&album.name)).unwrap_or_default();
                self.cover = album.and_then(|album| smallest(&album.images));
                self.length = track.duration.unwrap_or_default();
            }
            PlayableItem::Episode(episode) => {
                let show = episode.show.as_ref();
                self.title = printable(&episode.name);
                self.from = show.map(|show| printable(&show.name)).unwrap_or_default();
                self.cover = smallest(&episode.images);
                self.length = episode.duration.unwrap_or_default();
            }
            _ => {}
        }
        self
    }

    /// How far it is `since` Spotify said how far it was.
    pub(crate) fn progress_after(&self, since: Duration) -> Duration {
        let passed = if self.is_playing { since } else { Duration::ZERO };
        (self.progress + passed).min(self.length)
    }

    /// How soon to ask what is playing: at the end of a track there is another.
    pub(crate) fn asked_after(&self) -> Duration {
        let left = self.length.saturating_sub(self.progress) + Duration::from_millis(500);
        if self.is_playing { left.min(Self::ASKED_AFTER) } else { Self::ASKED_AFTER }
    }

    /// What there is once the key has done its work, as far as it can be told.
    pub(crate) fn press(&mut self, key: Key, since: Duration) {
        self.progress = self.progress_after(since);
        match key {
            Key::Pause => self.is_playing = !self.is_playing,
            Key::Louder => self.volume = self.volume.map(|volume| (volume + STEP).min(100)),
            Key::Softer => self.volume = self.volume.map(|volume| volume.saturating_sub(STEP)),
            Key::Next | Key::Previous | Key::Quit => {}
        }
    }

    /// All of it in one line.
    pub(crate) fn line(&self) -> String {
        let by = if self.by.is_empty() { &self.from } else { &self.by };
        let separator = if by.is_empty() { "" } else { " - " };
        format!("{}{separator}{by}", self.title)
    }
}

impl Key {
    pub(crate) fn of(event: KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        match event.code {
            // A terminal that hands out each key sends no signal.
            KeyCode::Char('c') if event.modifiers.contains(KeyModifiers::CONTROL) => {
                Some(Self::Quit)
            }
            KeyCode::Char('q') | KeyCode::Esc => Some(Self::Quit),
            KeyCode::Char(' ') => Some(Self::Pause),
            KeyCode::Char('n') | KeyCode::Right => Some(Self::Next),
            KeyCode::Char('p') | KeyCode::Left => Some(Self::Previous),
            KeyCode::Char('+' | '=') | KeyCode::Up => Some(Self::Louder),
            KeyCode::Char('-') | KeyCode::Down => Some(Self::Softer),
            _ => None,
        }
    }
}

/// The screen, `since` it was said what is playing.
pub(crate) fn lines(playing: Option<&Playing>, since: Duration, note: &str) -> Vec<Line> {
    let mut lines = match playing {
        Some(playing) => of_playing(playing, since),
        None => vec![Line::Title("nothing is playing".to_owned())],
    };
    lines.resize(KEYS_AT, Line::Plain(String::new()));
    lines.push(Line::Faint(KEYS.to_owned()));
    lines.push(Line::Plain(printable(note)));
    lines
}

fn of_playing(playing: &Playing, since: Duration) -> Vec<Line> {
    let progress = playing.progress_after(since);
    let sign = if playing.is_playing { "▶" } else { "⏸" };
    let volume = playing.volume.map(|volume| format!(", volume {volume} %"));
    let part = progress.as_secs_f64() / playing.length.as_secs_f64().max(1.0);
    vec![
        Line::Title(playing.title.clone()),
        Line::Plain(playing.by.clone()),
        Line::Faint(playing.from.clone()),
        Line::Plain(String::new()),
        Line::Bar {
            before: format!("{sign} {}", minutes(progress)),
            part: part.min(1.0),
            after: minutes(playing.length),
        },
        Line::Faint(format!("on {}{}", playing.device, volume.unwrap_or_default())),
    ]
}

fn minutes(duration: Duration) -> String {
    let (hours, minutes) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60);
    let seconds = duration.as_secs() % 60;
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// `filled` columns of a bar and the rest of it, which is `width` columns together.
pub(crate) fn bar(part: f64, width: usize) -> (String, String) {
    let filled = ((part * width as f64).round() as usize).min(width);
    ("━".repeat(filled), "─".repeat(width - filled))
}

/// The beginning of a text that fits, with a sign that it goes on.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |letter: &char| {
        let width = letter.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let cut: String = text.chars().take_while(fits).collect();
    if columns == 0 { String::new() } else { cut + "…" }
}

/// Names are other people's: none of them moves the cursor or changes colours.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Of the sizes that Spotify has: sixteen columns need no more.
fn smallest(images: &[Image]) -> Option<String> {
    images.iter().min_by_key(|image| image.width.unwrap_or(u32::MAX)).map(|it| it.url.clone())
}

/// In percent.
const STEP: u32 = 5;

const KEYS: &str = "space pause   n next   p previous   + - volume   q quit";

/// The line of the keys.
const KEYS_AT: usize = 6;
