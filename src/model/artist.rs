//! Artists.

use serde::{Deserialize, Serialize};

use super::{ArtistId, ExternalUrls, Followers, Image, lenient};

/// An artist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Artist {
    /// Addresses on the web.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub external_urls: ExternalUrls,
    /// Followers; absent for apps in development mode.
    pub followers: Option<Followers>,
    /// Genres, often none; empty for apps in development mode.
    #[serde(default, deserialize_with = "lenient::list_without_nulls")]
    pub genres: Vec<String>,
    /// Address of this object in the Web API.
    pub href: Option<String>,
    /// The id.
    pub id: ArtistId,
    /// Pictures, widest first.
    #[serde(default, deserialize_with = "lenient::list_without_nulls")]
    pub images: Vec<Image>,
    /// The name.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    /// 0 to 100, the most popular; absent for apps in development mode.
    #[serde(default, deserialize_with = "lenient::optional_count")]
    pub popularity: Option<u32>,
    /// The URI.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub uri: String,
}

/// An artist as albums and tracks name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SimplifiedArtist {
    /// Addresses on the web.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub external_urls: ExternalUrls,
    /// Address of this object in the Web API.
    pub href: Option<String>,
    /// The id; absent for the artists of local files.
    #[serde(default, deserialize_with = "lenient::optional_parsed")]
    pub id: Option<ArtistId>,
    /// The name.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    /// The URI; absent for the artists of local files.
    pub uri: Option<String>,
}
