//! What Spotify's analysis hears in a track.
//!
//! Gone for apps that were registered after 27 November 2024.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{TrackId, lenient};

/// Features of a track. Those without a unit are from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AudioFeatures {
    /// How sure it is that the track is acoustic.
    pub acousticness: Option<f64>,
    /// Address of the whole analysis.
    pub analysis_url: Option<String>,
    /// How well one can dance to it.
    pub danceability: Option<f64>,
    /// Length, to the millisecond.
    #[serde(rename = "duration_ms", default, with = "lenient::milliseconds")]
    pub duration: Duration,
    /// How intense it is.
    pub energy: Option<f64>,
    /// The id of the track.
    pub id: TrackId,
    /// How sure it is that nobody sings.
    pub instrumentalness: Option<f64>,
    /// The key as a pitch class, 0 for C to 11 for B; -1 when none was heard.
    pub key: Option<f64>,
    /// How sure it is that an audience was there.
    pub liveness: Option<f64>,
    /// Loudness in decibels, typically -60 to 0.
    pub loudness: Option<f64>,
    /// 1 for major, 0 for minor.
    pub mode: Option<f64>,
    /// How much of it is spoken.
    pub speechiness: Option<f64>,
    /// Tempo in beats a minute.
    pub tempo: Option<f64>,
    /// Beats in a bar, 3 to 7.
    pub time_signature: Option<f64>,
    /// Address of the track in the Web API.
    pub track_href: Option<String>,
    /// The URI of the track.
    pub uri: Option<String>,
    /// How cheerful it sounds.
    pub valence: Option<f64>,
}

/// The whole analysis of a track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AudioAnalysis {
    /// How it was made.
    pub meta: Option<AnalysisMeta>,
    /// The track as a whole.
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

/// How an analysis was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AnalysisMeta {
    /// Version of the analyser.
    pub analyzer_version: Option<String>,
    /// Platform that it ran on.
    pub platform: Option<String>,
    /// How it went, in words.
    pub detailed_status: Option<String>,
    /// 0 when it went well.
    pub status_code: Option<f64>,
    /// When it was made, in seconds since 1970.
    pub timestamp: Option<f64>,
    /// How long it took, in seconds.
    pub analysis_time: Option<f64>,
    /// How the audio was read.
    pub input_process: Option<String>,
}

/// What an analysis says about the track as a whole. Confidences are from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AnalysisTrack {
    /// Number of samples that were analysed.
    pub num_samples: Option<f64>,
    /// Length in seconds.
    pub duration: Option<f64>,
    /// Always empty.
    pub sample_md5: Option<String>,
    /// Offset into the audio, in seconds.
    pub offset_seconds: Option<f64>,
    /// Length of what was analysed, in seconds; 0 for all of it.
    pub window_seconds: Option<f64>,
    /// Sample rate in hertz.
    pub analysis_sample_rate: Option<f64>,
    /// Number of channels; all are summed to one first.
    pub analysis_channels: Option<f64>,
    /// Where the fade-in ends, in seconds.
    pub end_of_fade_in: Option<f64>,
    /// Where the fade-out begins, in seconds.
    pub start_of_fade_out: Option<f64>,
    /// Loudness in decibels.
    pub loudness: Option<f64>,
    /// Tempo in beats a minute.
    pub tempo: Option<f64>,
    /// Confidence of the tempo.
    pub tempo_confidence: Option<f64>,
    /// Beats in a bar, 3 to 7.
    pub time_signature: Option<f64>,
    /// Confidence of the time signature.
    pub time_signature_confidence: Option<f64>,
    /// The key as a pitch class, 0 for C to 11 for B; -1 when none was heard.
    pub key: Option<f64>,
    /// Confidence of the key.
    pub key_confidence: Option<f64>,
    /// 1 for major, 0 for minor.
    pub mode: Option<f64>,
    /// Confidence of the mode.
    pub mode_confidence: Option<f64>,
    /// An Echo Nest musical fingerprint.
    pub codestring: Option<String>,
    /// Version of that fingerprint.
    pub code_version: Option<f64>,
    /// An Echoprint fingerprint.
    pub echoprintstring: Option<String>,
    /// Version of that fingerprint.
    pub echoprint_version: Option<f64>,
    /// A Synchstring.
    pub synchstring: Option<String>,
    /// Version of the Synchstring.
    pub synch_version: Option<f64>,
    /// A Rhythmstring.
    pub rhythmstring: Option<String>,
    /// Version of the Rhythmstring.
    pub rhythm_version: Option<f64>,
}

/// A bar, beat or tatum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimeInterval {
    /// Where it begins, in seconds.
    pub start: Option<f64>,
    /// Length in seconds.
    pub duration: Option<f64>,
    /// Confidence, 0 to 1.
    pub confidence: Option<f64>,
}

/// A part of a track. Confidences are from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Section {
    /// Where it begins, in seconds.
    pub start: Option<f64>,
    /// Length in seconds.
    pub duration: Option<f64>,
    /// Confidence of its borders.
    pub confidence: Option<f64>,
    /// Loudness in decibels.
    pub loudness: Option<f64>,
    /// Tempo in beats a minute.
    pub tempo: Option<f64>,
    /// Confidence of the tempo.
    pub tempo_confidence: Option<f64>,
    /// The key as a pitch class, 0 for C to 11 for B; -1 when none was heard.
    pub key: Option<f64>,
    /// Confidence of the key.
    pub key_confidence: Option<f64>,
    /// 1 for major, 0 for minor, -1 when none was heard.
    pub mode: Option<f64>,
    /// Confidence of the mode.
    pub mode_confidence: Option<f64>,
    /// Beats in a bar, 3 to 7.
    pub time_signature: Option<f64>,
    /// Confidence of the time signature.
    pub time_signature_confidence: Option<f64>,
}

/// A stretch of about the same sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Segment {
    /// Where it begins, in seconds.
    pub start: Option<f64>,
    /// Length in seconds.
    pub duration: Option<f64>,
    /// Confidence of its borders, 0 to 1.
    pub confidence: Option<f64>,
    /// Loudness at its beginning, in decibels.
    pub loudness_start: Option<f64>,
    /// Loudness at its loudest, in decibels.
    pub loudness_max: Option<f64>,
    /// Where it is loudest, in seconds from its beginning.
    pub loudness_max_time: Option<f64>,
    /// Loudness at its end, in decibels.
    pub loudness_end: Option<f64>,
    /// How strong each of the twelve pitch classes is, 0 to 1, from C.
    #[serde(default, deserialize_with = "lenient::list_without_nulls")]
    pub pitches: Vec<f64>,
    /// Twelve figures of its timbre.
    #[serde(default, deserialize_with = "lenient::list_without_nulls")]
    pub timbre: Vec<f64>,
}
