//! Parameters that are one of a few words.

use crate::error::Error;

macro_rules! choices {
    ($(
        $(#[$doc:meta])*
        pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The word that is sent.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    )+};
}

choices! {
    /// How far back a user's favourites are looked for.
    pub enum TimeRange {
        /// About a year.
        LongTerm = "long_term",
        /// About half a year.
        MediumTerm = "medium_term",
        /// About four weeks.
        ShortTerm = "short_term",
    }

    /// What is repeated.
    pub enum Repeat {
        /// Nothing.
        Off = "off",
        /// The track.
        Track = "track",
        /// The album, playlist or other context.
        Context = "context",
    }

    /// Whether the order is random.
    pub enum Shuffle {
        /// Random.
        On = "true",
        /// As it is.
        Off = "false",
    }

    /// Whether a transfer starts to play.
    pub enum Transfer {
        /// It plays on the new device.
        Play = "play",
        /// It goes on as it was: playing or paused.
        KeepState = "keep state",
    }

    /// The kinds of items that a playlist and a player can hold.
    pub enum ItemType {
        /// Tracks.
        Track = "track",
        /// Podcast episodes.
        Episode = "episode",
    }

    /// What recommendations can be narrowed down by. Without a unit: from 0 to 1.
    pub enum AudioFeature {
        /// How sure it is that the track is acoustic.
        Acousticness = "acousticness",
        /// How well one can dance to it.
        Danceability = "danceability",
        /// Length in milliseconds.
        DurationMs = "duration_ms",
        /// How intense it is.
        Energy = "energy",
        /// How sure it is that nobody sings.
        Instrumentalness = "instrumentalness",
        /// The key as a pitch class, 0 for C to 11 for B.
        Key = "key",
        /// How sure it is that an audience was there.
        Liveness = "liveness",
        /// Loudness in decibels.
        Loudness = "loudness",
        /// 1 for major, 0 for minor.
        Mode = "mode",
        /// 0 to 100, the most popular.
        Popularity = "popularity",
        /// How much of it is spoken.
        Speechiness = "speechiness",
        /// Tempo in beats a minute.
        Tempo = "tempo",
        /// Beats in a bar.
        TimeSignature = "time_signature",
        /// How cheerful it sounds.
        Valence = "valence",
    }
}

impl Transfer {
    /// What is sent to move playback to a device.
    pub(crate) fn body(self, device_id: impl Into<String>) -> Result<serde_json::Value, Error> {
        let device_id = device_id.into();
        match device_id.trim().is_empty() {
            true => Err(Error::Parameter { name: "device_id", reason: "is empty".to_owned() }),
            false => {
                Ok(serde_json::json!({ "device_ids": [device_id], "play": self == Self::Play }))
            }
        }
    }
}
