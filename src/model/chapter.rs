//! Chapters of audiobooks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    ChapterId, DatePrecision, ExternalUrls, Image, Market, ReleaseDate, Restrictions, ResumePoint,
    SimplifiedAudiobook, lenient, market_list,
};

/// Defines a form of a chapter: its own fields, and those that all forms share.
macro_rules! chapter {
    ($(#[$doc:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            /// Address of a preview; mostly absent since November 2024.
            pub audio_preview_url: Option<String>,
            /// Where it can be played; empty when a market was asked for, and in development mode.
            #[serde(default, deserialize_with = "market_list::deserialize")]
            pub available_markets: Vec<Market>,
            /// Number in the audiobook, from 0.
            #[serde(default, deserialize_with = "lenient::count")]
            pub chapter_number: u32,
            /// The description without HTML tags.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub description: String,
            /// The description, which may contain HTML tags.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub html_description: String,
            /// Length, to the millisecond.
            #[serde(rename = "duration_ms", default, with = "lenient::milliseconds")]
            pub duration: Duration,
            /// Whether it has explicit content; `false` also where that is not known.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub explicit: bool,
            /// Addresses on the web.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub external_urls: ExternalUrls,
            /// Address of this object in the Web API.
            pub href: Option<String>,
            /// The id.
            pub id: ChapterId,
            /// Cover pictures, widest first.
            #[serde(default, deserialize_with = "lenient::list_without_nulls")]
            pub images: Vec<Image>,
            /// Whether it can be played in the market that was asked for.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub is_playable: bool,
            /// Languages by ISO 639.
            #[serde(default, deserialize_with = "lenient::list_without_nulls")]
            pub languages: Vec<String>,
            /// The title.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub name: String,
            /// When it was released; absent when that is not known.
            #[serde(default, deserialize_with = "lenient::optional_parsed")]
            pub release_date: Option<ReleaseDate>,
            /// How exactly the release date is known.
            pub release_date_precision: Option<DatePrecision>,
            /// Where the user stopped; needs the scope `user-read-playback-position`.
            pub resume_point: Option<ResumePoint>,
            /// The URI.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub uri: String,
            /// Why it cannot be played; absent when it can.
            pub restrictions: Option<Restrictions>,
            $($own)*
        }
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
        pub audiobook: Option<SimplifiedAudiobook>,
    }
}
