//! Podcast episodes.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::by_fields::{as_its_fields, by_fields, model};
use super::either::Either;
use super::object_only::ObjectOnly;
use super::{
    DatePrecision, EpisodeId, ExternalUrls, Image, ReleaseDate, Restrictions, SimplifiedShow,
    lenient,
};

/// Defines a form of an episode: its own fields, and those that all forms share.
macro_rules! episode {
    ($define:ident! $(#[$doc:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $define! {
            $(#[$doc])*
            pub struct $name {
                /// URL of a 30-second preview; mostly absent since November 2024.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub audio_preview_url: Option<String>,
                /// The description without HTML tags.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub description: Option<String>,
                /// The description, which may contain HTML tags.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub html_description: Option<String>,
                /// Length, to the millisecond.
                #[serde(rename = "duration_ms", default, with = "lenient::milliseconds")]
                pub duration: Option<Duration>,
                /// Whether it has explicit content; absent where that is not known.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub explicit: Option<bool>,
                /// URLs on the web.
                #[serde(default, deserialize_with = "lenient::object_or_default")]
                pub external_urls: ExternalUrls,
                /// URL of this object in the Web API.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub href: Option<String>,
                /// The id.
                pub id: EpisodeId,
                /// Cover pictures, widest first.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub images: Vec<Image>,
                /// Whether it is hosted outside Spotify; absent where that is not known.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub is_externally_hosted: Option<bool>,
                /// Whether it can be played in the market that was asked for.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub is_playable: Option<bool>,
                /// The language by ISO 639; superseded by `languages`.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub language: Option<String>,
                /// Languages by ISO 639.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub languages: Vec<String>,
                /// The title.
                #[serde(default, deserialize_with = "lenient::text")]
                pub name: String,
                /// When it was released; absent when that is not known.
                #[serde(default, deserialize_with = "lenient::optional_parsed")]
                pub release_date: Option<ReleaseDate>,
                /// How exactly the release date is known.
                #[serde(default, deserialize_with = "lenient::optional_parsed")]
                pub release_date_precision: Option<DatePrecision>,
                /// Where the user stopped; needs the scope `user-read-playback-position`.
                #[serde(default, deserialize_with = "lenient::object")]
                pub resume_point: Option<ResumePoint>,
                /// The URI.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub uri: Option<String>,
                /// Why it cannot be played; absent when it can.
                #[serde(default, deserialize_with = "super::common::restrictions")]
                pub restrictions: Option<Restrictions>,
                $($own)*
            }
        }
    };
}

episode! {
    by_fields!
    /// An episode as its podcast lists it.
    pub struct SimplifiedEpisode {}
}

as_its_fields!(SimplifiedEpisode);

episode! {
    model!
    /// An episode with its podcast.
    pub struct Episode {
        /// The podcast that it belongs to; absent in some playlists.
        #[serde(default, deserialize_with = "lenient::object")]
        pub show: Option<SimplifiedShow>,
    }
}

/// Also in the shape of a track.
impl<'de> Deserialize<'de> for Episode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let either = Either::deserialize(ObjectOnly(deserializer))?;
        either.into_episode().ok_or_else(|| D::Error::missing_field("id"))
    }
}

by_fields! {
    /// Where a user stopped listening.
    #[derive(Eq)]
    pub struct ResumePoint {
        /// Whether it was heard to the end.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub fully_played: Option<bool>,
        /// The position, to the millisecond.
        #[serde(rename = "resume_position_ms", default, with = "lenient::milliseconds")]
        pub resume_position: Option<Duration>,
    }
}

as_its_fields!(ResumePoint);
