//! Albums, singles and compilations.

use serde::{Deserialize, Deserializer};

use super::by_fields::{as_its_fields, by_fields};
use super::open_enum::open_enum;
use super::thing::thing;
use super::{
    AlbumId, Copyright, DatePrecision, ExternalIds, ExternalUrls, Image, Market, Page, ReleaseDate,
    Restrictions, SimplifiedArtist, SimplifiedTrack, lenient, market_list, page_part,
};

open_enum! {
    /// What kind of release an album is.
    pub enum AlbumType {
        /// An album.
        Album = "album",
        /// A single, and mostly an EP too.
        Single = "single",
        /// A compilation.
        Compilation = "compilation",
        /// An EP, which mostly comes as a single.
        Ep = "ep",
    }
}

open_enum! {
    /// How an artist is related to an album; also what `include_groups` filters by.
    pub enum AlbumGroup {
        /// An album of the artist's.
        Album = "album",
        /// A single or EP of the artist's.
        Single = "single",
        /// A compilation of the artist's.
        Compilation = "compilation",
        /// Somebody else's album that the artist is heard on.
        AppearsOn = "appears_on",
    }
}

/// Defines a form of an album: its own fields, and those that all forms share.
macro_rules! album {
    ($(#[$doc:meta])* pub struct $name:ident { $($own:tt)* }) => {
        by_fields! {
            $(#[$doc])*
            pub struct $name {
                $($own)*
                /// What kind of release it is; absent for the albums of local files.
                #[serde(default, deserialize_with = "lenient::optional_parsed")]
                pub album_type: Option<AlbumType>,
                /// Number of tracks.
                #[serde(default, deserialize_with = "lenient::optional_count")]
                pub total_tracks: Option<u32>,
                /// Where it can be played; empty when a market was asked for, and in development
                /// mode.
                #[serde(default, deserialize_with = "market_list::deserialize")]
                pub available_markets: Vec<Market>,
                /// URLs on the web.
                #[serde(default, deserialize_with = "lenient::object_or_default")]
                pub external_urls: ExternalUrls,
                /// URL of this object in the Web API; absent for local files.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub href: Option<String>,
                /// Whether it can be played in the market that was asked for; absent when none was.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub is_playable: Option<bool>,
                /// Cover pictures, widest first.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub images: Vec<Image>,
                /// The title.
                #[serde(default, deserialize_with = "lenient::text")]
                pub name: String,
                /// When it was released first; absent when that is not known.
                #[serde(default, deserialize_with = "lenient::optional_parsed")]
                pub release_date: Option<ReleaseDate>,
                /// How exactly the release date is known.
                #[serde(default, deserialize_with = "lenient::optional_parsed")]
                pub release_date_precision: Option<DatePrecision>,
                /// Why it cannot be played; absent when it can.
                #[serde(default, deserialize_with = "super::common::restrictions")]
                pub restrictions: Option<Restrictions>,
                /// The URI; absent for local files.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub uri: Option<String>,
                /// Whose it is.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub artists: Vec<SimplifiedArtist>,
            }
        }
    };
}

album! {
    /// An album as tracks, searches and lists name it.
    pub struct SimplifiedAlbum {
        /// The id; absent for the albums of local files.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub id: Option<AlbumId>,
    }
}

impl SimplifiedAlbum {
    fn is_nothing(&self) -> bool {
        self.id.is_none()
            && self.uri.is_none()
            && self.name.is_empty()
            && self.images.is_empty()
            && self.artists.is_empty()
            && self.album_type.is_none()
            && self.total_tracks.is_none()
            && self.href.is_none()
            && self.is_playable.is_none()
            && self.release_date.is_none()
            && self.release_date_precision.is_none()
            && self.restrictions.is_none()
            && self.available_markets.is_empty()
            && self.external_urls == ExternalUrls::default()
    }
}

thing!(SimplifiedAlbum);

/// The album of a track. That of a local file may hold nothing, which is no reason to read a page
/// with care.
pub(super) fn optional<'de, D>(deserializer: D) -> Result<Option<SimplifiedAlbum>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    struct Any(#[serde(deserialize_with = "SimplifiedAlbum::from_fields")] SimplifiedAlbum);

    let album: Option<Any> = lenient::object(deserializer)?;
    Ok(album.map(|Any(album)| album).filter(|album| !album.is_nothing()))
}

album! {
    /// An album as an artist's list names it.
    pub struct ArtistAlbum {
        /// The id.
        pub id: AlbumId,
        /// How the artist is related to it; absent for apps in development mode.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub album_group: Option<AlbumGroup>,
    }
}

as_its_fields!(ArtistAlbum);

album! {
    /// An album with its first tracks.
    pub struct Album {
        /// The id.
        pub id: AlbumId,
        /// The first 50 tracks; `next` leads to those after them.
        #[serde(default, deserialize_with = "page_part::or_default")]
        pub tracks: Page<SimplifiedTrack>,
        /// Copyright statements.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub copyrights: Vec<Copyright>,
        /// Identifiers outside Spotify; empty for apps in development mode.
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        pub external_ids: ExternalIds,
        /// Genres; always empty nowadays.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub genres: Vec<String>,
        /// The label; absent for apps in development mode.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub label: Option<String>,
        /// 0 to 100, the most popular; absent for apps in development mode.
        #[serde(default, deserialize_with = "lenient::optional_count")]
        pub popularity: Option<u32>,
    }
}

as_its_fields!(Album);
