//! What is playing, where, and what was.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::by_fields::{as_its_fields, by_fields};
use super::open_enum::open_enum;
use super::reading::{is_in_one_go, note_left_out, noted, read_with_care, within_body};
use super::saved::entry;
use super::thing::thing;
use super::unvalued::without_values;
use super::{ExternalUrls, IdKind, PageItem, PlayableItem, Track, captured, lenient};

by_fields! {
    /// A device that can play.
    #[derive(Eq)]
    pub struct Device {
        /// The id; absent for devices that cannot be commanded. It may change.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub id: Option<String>,
        /// Whether it is the one that plays.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub is_active: Option<bool>,
        /// Whether it is in a private session.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub is_private_session: Option<bool>,
        /// Whether it takes no commands from the Web API.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub is_restricted: Option<bool>,
        /// The name that its owner gave it.
        #[serde(default, deserialize_with = "lenient::text")]
        pub name: String,
        /// What kind of device it is.
        #[serde(rename = "type", default, deserialize_with = "lenient::optional_parsed")]
        pub kind: Option<DeviceKind>,
        /// The volume, 0 to 100; absent where it cannot be set.
        #[serde(default, deserialize_with = "lenient::optional_count")]
        pub volume_percent: Option<u32>,
        /// Whether the volume can be set.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub supports_volume: Option<bool>,
    }
}

impl Device {
    fn is_nothing(&self) -> bool {
        let flags =
            [self.is_active, self.is_private_session, self.is_restricted, self.supports_volume];
        self.id.is_none()
            && self.kind.is_none()
            && self.name.is_empty()
            && self.volume_percent.is_none()
            && flags.iter().all(Option::is_none)
    }
}

thing!(Device);

open_enum! {
    /// Kinds of devices, of which Spotify has many more.
    pub enum DeviceKind {
        /// A computer.
        Computer = "Computer",
        /// A phone.
        Smartphone = "Smartphone",
        /// A speaker.
        Speaker = "Speaker",
        /// A tablet.
        Tablet = "Tablet",
        /// A television.
        Tv = "TV",
        /// An audio and video receiver.
        Avr = "AVR",
        /// A set-top box.
        Stb = "STB",
        /// An audio dongle.
        AudioDongle = "AudioDongle",
        /// A game console.
        GameConsole = "GameConsole",
        /// A screen that is cast to.
        CastVideo = "CastVideo",
        /// A speaker that is cast to.
        CastAudio = "CastAudio",
        /// A car.
        Automobile = "Automobile",
    }
}

open_enum! {
    /// What is repeated.
    pub enum RepeatState {
        /// Nothing.
        Off = "off",
        /// The track.
        Track = "track",
        /// The album, playlist or other context.
        Context = "context",
    }
}

open_enum! {
    /// What kind of thing is playing.
    pub enum PlayingType {
        /// A track.
        Track = "track",
        /// A podcast episode.
        Episode = "episode",
        /// An advertisement.
        Ad = "ad",
    }
}

by_fields! {
    /// What a track is played out of: an album, a playlist, an artist, a podcast.
    #[derive(Eq)]
    pub struct Context {
        /// What kind of thing it is.
        #[serde(rename = "type", default, deserialize_with = "lenient::optional_parsed")]
        pub kind: Option<IdKind>,
        /// URL of it in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// URLs on the web.
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        pub external_urls: ExternalUrls,
        /// The URI.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub uri: Option<String>,
    }
}

impl Context {
    fn is_nothing(&self) -> bool {
        self.uri.is_none()
            && self.kind.is_none()
            && self.href.is_none()
            && self.external_urls == ExternalUrls::default()
    }
}

thing!(Context);

by_fields! {
    /// What cannot be done at the moment; what is absent can.
    #[derive(Eq, Default)]
    pub struct Disallows {
        /// Interrupting playback.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub interrupting_playback: Option<bool>,
        /// Pausing.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub pausing: Option<bool>,
        /// Resuming.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub resuming: Option<bool>,
        /// Seeking.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub seeking: Option<bool>,
        /// Skipping to the next.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub skipping_next: Option<bool>,
        /// Skipping to the one before.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub skipping_prev: Option<bool>,
        /// Repeating the context or not.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub toggling_repeat_context: Option<bool>,
        /// Shuffling or not.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub toggling_shuffle: Option<bool>,
        /// Repeating the track or not.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub toggling_repeat_track: Option<bool>,
        /// Moving to another device.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub transferring_playback: Option<bool>,
    }
}

as_its_fields!(Disallows);

/// Defines a form of what is playing: its own fields, and those that all forms share.
macro_rules! playing {
    ($(#[$doc:meta])* pub struct $name:ident { $($own:tt)* }) => {
        by_fields! {
            $(#[$doc])*
            pub struct $name {
                $($own)*
                /// What it is played out of; absent when it is played by itself.
                #[serde(default, deserialize_with = "lenient::object")]
                pub context: Option<Context>,
                /// When the state last changed.
                #[serde(default, with = "lenient::moment")]
                pub timestamp: Option<DateTime<Utc>>,
                /// How far it has come, to the millisecond.
                #[serde(rename = "progress_ms", default, with = "lenient::milliseconds")]
                pub progress: Option<Duration>,
                /// Whether it is playing; `false` when it is paused.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub is_playing: Option<bool>,
                /// What it is; absent for advertisements and between two items.
                #[serde(default, deserialize_with = "lenient::object")]
                pub item: Option<PlayableItem>,
                /// What kind of thing it is.
                #[serde(default, deserialize_with = "lenient::optional_parsed")]
                pub currently_playing_type: Option<PlayingType>,
                /// What cannot be done at the moment.
                #[serde(default, deserialize_with = "actions")]
                pub actions: Disallows,
            }
        }

        impl $name {
            fn is_nothing(&self) -> bool {
                self.item.is_none()
                    && self.context.is_none()
                    && self.is_playing.is_none()
                    && self.progress.is_none()
                    && self.timestamp.is_none()
                    && self.currently_playing_type.is_none()
                    && self.actions == Disallows::default()
                    && self.has_nothing_more()
            }
        }

        thing!($name);
    };
}

playing! {
    /// What is playing.
    pub struct CurrentlyPlaying {}
}

playing! {
    /// What is playing, and on which device.
    pub struct CurrentlyPlayingContext {
        /// The device.
        #[serde(default, deserialize_with = "lenient::object")]
        pub device: Option<Device>,
        /// What is repeated.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub repeat_state: Option<RepeatState>,
        /// Whether the order is random.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub shuffle_state: Option<bool>,
        /// Whether Spotify mixes songs of its choice into the playlist.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub smart_shuffle: Option<bool>,
    }
}

impl CurrentlyPlaying {
    fn has_nothing_more(&self) -> bool {
        true
    }
}

impl CurrentlyPlayingContext {
    fn has_nothing_more(&self) -> bool {
        self.device.is_none()
            && self.repeat_state.is_none()
            && self.shuffle_state.is_none()
            && self.smart_shuffle.is_none()
    }
}

by_fields! {
    /// What plays next.
    pub struct Queue {
        /// What is playing; absent when nothing is.
        #[serde(default, deserialize_with = "lenient::object")]
        pub currently_playing: Option<PlayableItem>,
        /// What follows, in order. Where it cannot be read it is an error, unless something is
        /// playing.
        #[serde(deserialize_with = "lenient::things")]
        pub queue: Vec<PlayableItem>,
    }
}

impl<'de> Deserialize<'de> for Queue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if is_in_one_go() {
            return noted(Self::from_fields(deserializer));
        }
        let json = captured::json(deserializer)?;
        let whole = read_with_care(&json).map(|Whole(queue)| queue);
        whole.or_else(|error| Self::without_what_follows(&json, error)).map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
struct Whole(#[serde(deserialize_with = "Queue::from_fields")] Queue);

impl Queue {
    /// What is playing, where it is all that can be read.
    fn without_what_follows(json: &str, error: serde_json::Error) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Playing {
            #[serde(default, deserialize_with = "lenient::object")]
            currently_playing: Option<PlayableItem>,
        }

        match read_with_care(json) {
            Ok(Playing { currently_playing: playing @ Some(_) }) => {
                within_body(|| note_left_out(1, || without_values(&error).to_string().into()));
                Ok(Self { currently_playing: playing, queue: Vec::new() })
            }
            _ => Err(error),
        }
    }
}

by_fields! {
    /// A track that was played.
    pub struct PlayHistory {
        /// The track; an entry without one keeps its date.
        #[serde(deserialize_with = "Deserialize::deserialize")]
        pub track: PageItem<Track>,
        /// When it was played.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub played_at: Option<DateTime<Utc>>,
        /// What it was played out of.
        #[serde(default, deserialize_with = "lenient::object")]
        pub context: Option<Context>,
    }
}

entry!(PlayHistory: track, played_at, context);

/// Spotify wraps them in `disallows`, other servers of this API do not.
fn actions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Disallows, D::Error> {
    #[derive(Deserialize)]
    struct Actions {
        #[serde(default, deserialize_with = "lenient::object")]
        disallows: Option<Disallows>,
        #[serde(flatten)]
        bare: Disallows,
    }

    let actions: Option<Actions> = lenient::object(deserializer)?;
    Ok(actions.map(|actions| actions.disallows.unwrap_or(actions.bare)).unwrap_or_default())
}
