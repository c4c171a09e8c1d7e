//! What Spotify's analysis hears in a track.
//!
//! Gone for apps that were registered after 27 November 2024.

use std::time::Duration;

use super::by_fields::{as_its_fields, by_fields};
use super::thing::thing;
use super::{TrackId, lenient};

by_fields! {
    /// Features of a track. Those without a unit are from 0 to 1.
    pub struct AudioFeatures {
        /// How sure it is that the track is acoustic.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub acousticness: Option<f64>,
        /// URL of the whole analysis.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub analysis_url: Option<String>,
        /// How well one can dance to it.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub danceability: Option<f64>,
        /// Length, to the millisecond.
        #[serde(rename = "duration_ms", default, with = "lenient::milliseconds")]
        pub duration: Option<Duration>,
        /// How intense it is.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub energy: Option<f64>,
        /// The id of the track.
        pub id: TrackId,
        /// How sure it is that nobody sings.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub instrumentalness: Option<f64>,
        /// The key as a pitch class, 0 for C to 11 for B; -1 when none was heard.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub key: Option<f64>,
        /// How sure it is that an audience was there.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub liveness: Option<f64>,
        /// Loudness in decibels, typically -60 to 0.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub loudness: Option<f64>,
        /// 1 for major, 0 for minor.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub mode: Option<f64>,
        /// How much of it is spoken.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub speechiness: Option<f64>,
        /// Tempo in beats a minute.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub tempo: Option<f64>,
        /// Beats in a bar, 3 to 7.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub time_signature: Option<f64>,
        /// URL of the track in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub track_href: Option<String>,
        /// The URI of the track.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub uri: Option<String>,
        /// How cheerful it sounds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub valence: Option<f64>,
    }
}

as_its_fields!(AudioFeatures);

by_fields! {
    /// The whole analysis of a track.
    pub struct AudioAnalysis {
        /// How it was made.
        #[serde(default, deserialize_with = "lenient::part")]
        pub meta: Option<AnalysisMeta>,
        /// The track as a whole.
        #[serde(default, deserialize_with = "lenient::part")]
        pub track: Option<AnalysisTrack>,
        /// Bars.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub bars: Vec<TimeInterval>,
        /// Beats.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub beats: Vec<TimeInterval>,
        /// Parts such as a chorus or a verse.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub sections: Vec<Section>,
        /// Stretches of about the same sound.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub segments: Vec<Segment>,
        /// The smallest regular pulses.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub tatums: Vec<TimeInterval>,
    }
}

impl AudioAnalysis {
    fn is_nothing(&self) -> bool {
        // How it was made is no analysis by itself.
        let intervals = [&self.bars, &self.beats, &self.tatums];
        self.track.is_none()
            && self.sections.is_empty()
            && self.segments.is_empty()
            && intervals.iter().all(|list| list.is_empty())
    }
}

thing!(AudioAnalysis);

by_fields! {
    /// How an analysis was made.
    #[derive(Default)]
    pub struct AnalysisMeta {
        /// Version of the analyser.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub analyzer_version: Option<String>,
        /// Platform that it ran on.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub platform: Option<String>,
        /// How it went, in words.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub detailed_status: Option<String>,
        /// 0 when it went well.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub status_code: Option<f64>,
        /// When it was made, in seconds since 1970.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub timestamp: Option<f64>,
        /// How long it took, in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub analysis_time: Option<f64>,
        /// How the audio was read.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub input_process: Option<String>,
    }
}

as_its_fields!(AnalysisMeta);

by_fields! {
    /// What an analysis says about the track as a whole. Confidences are from 0 to 1.
    #[derive(Default)]
    pub struct AnalysisTrack {
        /// Number of samples that were analysed.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub num_samples: Option<f64>,
        /// Length in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub duration: Option<f64>,
        /// Always empty.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub sample_md5: Option<String>,
        /// Offset into the audio, in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub offset_seconds: Option<f64>,
        /// Length of what was analysed, in seconds; 0 for all of it.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub window_seconds: Option<f64>,
        /// Sample rate in hertz.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub analysis_sample_rate: Option<f64>,
        /// Number of channels; all are summed to one first.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub analysis_channels: Option<f64>,
        /// Where the fade-in ends, in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub end_of_fade_in: Option<f64>,
        /// Where the fade-out begins, in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub start_of_fade_out: Option<f64>,
        /// Loudness in decibels.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub loudness: Option<f64>,
        /// Tempo in beats a minute.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub tempo: Option<f64>,
        /// Confidence of the tempo.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub tempo_confidence: Option<f64>,
        /// Beats in a bar, 3 to 7.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub time_signature: Option<f64>,
        /// Confidence of the time signature.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub time_signature_confidence: Option<f64>,
        /// The key as a pitch class, 0 for C to 11 for B; -1 when none was heard.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub key: Option<f64>,
        /// Confidence of the key.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub key_confidence: Option<f64>,
        /// 1 for major, 0 for minor.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub mode: Option<f64>,
        /// Confidence of the mode.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub mode_confidence: Option<f64>,
        /// An Echo Nest musical fingerprint.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub codestring: Option<String>,
        /// Version of that fingerprint.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub code_version: Option<f64>,
        /// An Echoprint fingerprint.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub echoprintstring: Option<String>,
        /// Version of that fingerprint.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub echoprint_version: Option<f64>,
        /// A Synchstring.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub synchstring: Option<String>,
        /// Version of the Synchstring.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub synch_version: Option<f64>,
        /// A Rhythmstring.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub rhythmstring: Option<String>,
        /// Version of the Rhythmstring.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub rhythm_version: Option<f64>,
    }
}

as_its_fields!(AnalysisTrack);

by_fields! {
    /// A bar, beat or tatum.
    #[derive(Default)]
    pub struct TimeInterval {
        /// Where it begins, in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub start: Option<f64>,
        /// Length in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub duration: Option<f64>,
        /// Confidence, 0 to 1.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub confidence: Option<f64>,
    }
}

impl TimeInterval {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

thing!(TimeInterval);

by_fields! {
    /// A part of a track. Confidences are from 0 to 1.
    #[derive(Default)]
    pub struct Section {
        /// Where it begins, in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub start: Option<f64>,
        /// Length in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub duration: Option<f64>,
        /// Confidence of its borders.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub confidence: Option<f64>,
        /// Loudness in decibels.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub loudness: Option<f64>,
        /// Tempo in beats a minute.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub tempo: Option<f64>,
        /// Confidence of the tempo.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub tempo_confidence: Option<f64>,
        /// The key as a pitch class, 0 for C to 11 for B; -1 when none was heard.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub key: Option<f64>,
        /// Confidence of the key.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub key_confidence: Option<f64>,
        /// 1 for major, 0 for minor, -1 when none was heard.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub mode: Option<f64>,
        /// Confidence of the mode.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub mode_confidence: Option<f64>,
        /// Beats in a bar, 3 to 7.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub time_signature: Option<f64>,
        /// Confidence of the time signature.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub time_signature_confidence: Option<f64>,
    }
}

impl Section {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

thing!(Section);

by_fields! {
    /// A stretch of about the same sound.
    #[derive(Default)]
    pub struct Segment {
        /// Where it begins, in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub start: Option<f64>,
        /// Length in seconds.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub duration: Option<f64>,
        /// Confidence of its borders, 0 to 1.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub confidence: Option<f64>,
        /// Loudness at its beginning, in decibels.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub loudness_start: Option<f64>,
        /// Loudness at its loudest, in decibels.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub loudness_max: Option<f64>,
        /// Where it is loudest, in seconds from its beginning.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub loudness_max_time: Option<f64>,
        /// Loudness at its end, in decibels.
        #[serde(default, deserialize_with = "lenient::optional_float")]
        pub loudness_end: Option<f64>,
        /// How strong each of the twelve pitch classes is, 0 to 1, from C; `None` where that cannot
        /// be read.
        #[serde(default, deserialize_with = "lenient::places")]
        pub pitches: Vec<Option<f64>>,
        /// Twelve figures of its timbre; `None` in place of one that cannot be read.
        #[serde(default, deserialize_with = "lenient::places")]
        pub timbre: Vec<Option<f64>>,
    }
}

impl Segment {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

thing!(Segment);
