//! Tracks.

use std::time::Duration;

use super::by_fields::{as_its_fields, by_fields};
use super::thing::thing;
use super::{
    ExternalIds, ExternalUrls, IdKind, Market, Restrictions, SimplifiedAlbum, SimplifiedArtist,
    TrackId, album, lenient, market_list,
};

/// Defines a form of a track by another macro: its own fields, and those that all forms share.
macro_rules! track {
    ($define:ident! $(#[$doc:meta])* $reach:vis struct $name:ident { $($own:tt)* }) => {
        $define! {
            $(#[$doc])*
            $reach struct $name {
                /// Who performs it.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub artists: Vec<SimplifiedArtist>,
                /// Where it can be played; empty when a market was asked for, and in development
                /// mode.
                #[serde(default, deserialize_with = "market_list::deserialize")]
                pub available_markets: Vec<Market>,
                /// Number of the disc, from 1.
                #[serde(default, deserialize_with = "lenient::optional_count")]
                pub disc_number: Option<u32>,
                /// Length, to the millisecond.
                #[serde(rename = "duration_ms", default, with = "lenient::milliseconds")]
                pub duration: Option<Duration>,
                /// Whether its lyrics are explicit; absent where that is not known.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub explicit: Option<bool>,
                /// URLs on the web.
                #[serde(default, deserialize_with = "lenient::object_or_default")]
                pub external_urls: ExternalUrls,
                /// URL of this object in the Web API; absent for local files.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub href: Option<String>,
                /// The id; absent for local files.
                #[serde(default, deserialize_with = "lenient::optional_parsed")]
                pub id: Option<TrackId>,
                /// Whether it can be played in the market that was asked for; absent when none was.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub is_playable: Option<bool>,
                /// The track that was asked for, where this one stands in for it in the market.
                #[serde(default, deserialize_with = "lenient::part")]
                pub linked_from: Option<LinkedTrack>,
                /// Why it cannot be played; absent when it can.
                #[serde(default, deserialize_with = "super::common::restrictions")]
                pub restrictions: Option<Restrictions>,
                /// The title.
                #[serde(default, deserialize_with = "lenient::text")]
                pub name: String,
                /// URL of a 30-second preview; mostly absent since November 2024.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub preview_url: Option<String>,
                /// Number on its disc, from 1.
                #[serde(default, deserialize_with = "lenient::optional_count")]
                pub track_number: Option<u32>,
                /// What kind of thing it is: a track.
                #[serde(rename = "type", default, deserialize_with = "lenient::optional_parsed")]
                pub kind: Option<IdKind>,
                /// The URI; `spotify:local:…` for local files.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub uri: Option<String>,
                /// Whether it is a file of the user's own; absent where that is not known.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub is_local: Option<bool>,
                $($own)*
            }
        }
    };
}

pub(super) use track;

/// Gives a form of a track a method that says whether it holds nothing.
macro_rules! is_nothing {
    ($name:ident) => {
        impl $name {
            /// One that was taken down keeps none of these; one that was asked for by `fields`,
            /// some.
            pub(super) fn is_nothing(&self) -> bool {
                self.id.is_none()
                    && self.uri.is_none()
                    && self.name.is_empty()
                    && self.duration.is_none()
                    && self.track_number.is_none()
                    && self.artists.is_empty()
                    && self.disc_number.is_none()
                    && self.explicit.is_none()
                    && self.is_playable.is_none()
                    && self.href.is_none()
                    && self.preview_url.is_none()
                    && self.linked_from.is_none()
                    && self.restrictions.is_none()
                    && self.available_markets.is_empty()
                    && self.external_urls == ExternalUrls::default()
                    && self.has_nothing_more()
            }
        }

        thing!($name);
    };
}

track! {
    by_fields!
    /// A track as its album lists it.
    pub struct SimplifiedTrack {}
}

track! {
    by_fields!
    /// A track with its album.
    pub struct Track {
        /// The album that it is on; absent for some local files.
        #[serde(default, deserialize_with = "album::optional")]
        pub album: Option<SimplifiedAlbum>,
        /// Identifiers outside Spotify; empty for apps in development mode.
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        pub external_ids: ExternalIds,
        /// 0 to 100, the most popular; absent for apps in development mode.
        #[serde(default, deserialize_with = "lenient::optional_count")]
        pub popularity: Option<u32>,
    }
}

is_nothing!(SimplifiedTrack);
is_nothing!(Track);

impl SimplifiedTrack {
    fn has_nothing_more(&self) -> bool {
        true
    }
}

impl Track {
    fn has_nothing_more(&self) -> bool {
        self.album.is_none()
            && self.external_ids == ExternalIds::default()
            && self.popularity.is_none()
    }
}

by_fields! {
    /// The track that was asked for, where Spotify sent another recording of it.
    ///
    /// <https://developer.spotify.com/documentation/web-api/concepts/track-relinking>
    #[derive(Default)]
    pub struct LinkedTrack {
        /// URLs on the web.
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        pub external_urls: ExternalUrls,
        /// URL of this object in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// The id.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub id: Option<TrackId>,
        /// The URI.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub uri: Option<String>,
    }
}

as_its_fields!(LinkedTrack);
