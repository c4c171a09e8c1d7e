//! Chapters of audiobooks.

use std::time::Duration;

use super::by_fields::{as_its_fields, by_fields};
use super::{
    ChapterId, DatePrecision, ExternalUrls, Image, Market, ReleaseDate, Restrictions, ResumePoint,
    SimplifiedAudiobook, lenient, market_list,
};

/// Defines a form of a chapter: its own fields, and those that all forms share.
macro_rules! chapter {
    ($(#[$doc:meta])* pub struct $name:ident { $($own:tt)* }) => {
        by_fields! {
            $(#[$doc])*
            pub struct $name {
                /// URL of a preview; mostly absent since November 2024.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub audio_preview_url: Option<String>,
                /// Where it can be played; empty when a market was asked for, and in development
                /// mode.
                #[serde(default, deserialize_with = "market_list::deserialize")]
                pub available_markets: Vec<Market>,
                /// Number in the audiobook, from 0.
                #[serde(default, deserialize_with = "lenient::optional_count")]
                pub chapter_number: Option<u32>,
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
                pub id: ChapterId,
                /// Cover pictures, widest first.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub images: Vec<Image>,
                /// Whether it can be played in the market that was asked for.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub is_playable: Option<bool>,
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

        as_its_fields!($name);
    };
}

chapter! {
    /// A chapter as its audiobook lists it.
    pub struct SimplifiedChapter {}
}

chapter! {
    /// A chapter with its audiobook.
    pub struct Chapter {
        /// The audiobook that it belongs to.
        #[serde(default, deserialize_with = "lenient::object")]
        pub audiobook: Option<SimplifiedAudiobook>,
    }
}
