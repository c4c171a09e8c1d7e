//! Podcasts.

use super::by_fields::{as_its_fields, by_fields};
use super::thing::thing;
use super::{
    Copyright, ExternalUrls, Image, Market, Page, ShowId, SimplifiedAlbum, SimplifiedEpisode,
    lenient, market_list, page_part,
};

/// Defines a form of a podcast: its own fields, and those that all forms share.
macro_rules! show {
    ($(#[$doc:meta])* pub struct $name:ident { $($own:tt)* }) => {
        by_fields! {
            $(#[$doc])*
            pub struct $name {
                /// Where it can be played; empty when a market was asked for, and in development
                /// mode.
                #[serde(default, deserialize_with = "market_list::deserialize")]
                pub available_markets: Vec<Market>,
                /// Copyright statements.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub copyrights: Vec<Copyright>,
                /// The description without HTML tags.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub description: Option<String>,
                /// The description, which may contain HTML tags.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub html_description: Option<String>,
                /// Whether it has explicit content; absent where that is not known.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub explicit: Option<bool>,
                /// URLs on the web.
                #[serde(default, deserialize_with = "lenient::object_or_default")]
                pub external_urls: ExternalUrls,
                /// URL of this object in the Web API.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub href: Option<String>,
                /// Cover pictures, widest first.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub images: Vec<Image>,
                /// Whether all episodes are hosted outside Spotify; absent where that is not known.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub is_externally_hosted: Option<bool>,
                /// Languages by ISO 639.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub languages: Vec<String>,
                /// `audio`, `video` or `mixed`.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub media_type: Option<String>,
                /// The name.
                #[serde(default, deserialize_with = "lenient::text")]
                pub name: String,
                /// The publisher; absent for apps in development mode.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub publisher: Option<String>,
                /// The URI.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub uri: Option<String>,
                /// Number of episodes.
                #[serde(default, deserialize_with = "lenient::optional_count")]
                pub total_episodes: Option<u32>,
                $($own)*
            }
        }
    };
}

show! {
    /// A podcast as episodes, searches and lists name it.
    pub struct SimplifiedShow {
        /// The id; absent where an episode comes in the shape of a track.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub id: Option<ShowId>,
    }
}

show! {
    /// A podcast with its first episodes.
    pub struct Show {
        /// The first 50 episodes; `next` leads to those after them.
        #[serde(default, deserialize_with = "page_part::or_default")]
        pub episodes: Page<SimplifiedEpisode>,
        /// The id.
        pub id: ShowId,
    }
}

as_its_fields!(Show);

thing!(SimplifiedShow);

impl SimplifiedShow {
    pub(super) fn is_nothing(&self) -> bool {
        let texts = [&self.uri, &self.href, &self.publisher, &self.media_type];
        self.id.is_none()
            && self.name.is_empty()
            && texts.iter().all(|text| text.is_none())
            && self.description.is_none()
            && self.html_description.is_none()
            && self.images.is_empty()
            && self.total_episodes.is_none()
            && self.explicit.is_none()
            && self.is_externally_hosted.is_none()
            && self.languages.is_empty()
            && self.copyrights.is_empty()
            && self.available_markets.is_empty()
            && self.external_urls == ExternalUrls::default()
    }

    /// Of a podcast in the shape of an album.
    pub(super) fn of_album(album: SimplifiedAlbum, publisher: Option<String>) -> Self {
        Self {
            available_markets: album.available_markets,
            copyrights: Vec::new(),
            description: None,
            html_description: None,
            explicit: None,
            external_urls: album.external_urls,
            href: album.href,
            images: album.images,
            is_externally_hosted: None,
            languages: Vec::new(),
            media_type: None,
            name: album.name,
            publisher,
            uri: album.uri,
            total_episodes: None,
            id: album.id.and_then(|id| id.as_str().parse().ok()),
        }
    }
}
