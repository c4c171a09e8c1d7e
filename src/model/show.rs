//! Podcasts.

use serde::{Deserialize, Serialize};

use super::{
    Copyright, ExternalUrls, Image, Market, Page, ShowId, SimplifiedEpisode, lenient, market_list,
};

/// Defines a form of a podcast: its own fields, and those that all forms share.
macro_rules! show {
    ($(#[$doc:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            /// Where it can be played; empty when a market was asked for, and in development mode.
            #[serde(default, deserialize_with = "market_list::deserialize")]
            pub available_markets: Vec<Market>,
            /// Copyright statements.
            #[serde(default, deserialize_with = "lenient::list_without_nulls")]
            pub copyrights: Vec<Copyright>,
            /// The description without HTML tags.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub description: String,
            /// The description, which may contain HTML tags.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub html_description: String,
            /// Whether it has explicit content; `false` also where that is not known.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub explicit: bool,
            /// Addresses on the web.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub external_urls: ExternalUrls,
            /// Address of this object in the Web API.
            pub href: Option<String>,
            /// The id.
            pub id: ShowId,
            /// Cover pictures, widest first.
            #[serde(default, deserialize_with = "lenient::list_without_nulls")]
            pub images: Vec<Image>,
            /// Whether all episodes are hosted outside Spotify; absent where that is not known.
            pub is_externally_hosted: Option<bool>,
            /// Languages by ISO 639.
            #[serde(default, deserialize_with = "lenient::list_without_nulls")]
            pub languages: Vec<String>,
            /// `audio`, `video` or `mixed`.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub media_type: String,
            /// The name.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub name: String,
            /// The publisher; absent for apps in development mode.
            pub publisher: Option<String>,
            /// The URI.
            #[serde(default, deserialize_with = "lenient::or_default")]
            pub uri: String,
            /// Number of episodes.
            #[serde(default, deserialize_with = "lenient::count")]
            pub total_episodes: u32,
            $($own)*
        }
    };
}

show! {
    /// A podcast as episodes, searches and lists name it.
    pub struct SimplifiedShow {}
}

show! {
    /// A podcast with its first episodes.
    pub struct Show {
        /// The first 50 episodes; `next` leads to those after them.
        pub episodes: Page<SimplifiedEpisode>,
    }
}
