//! Small parts that many of Spotify's objects carry.

use serde::{Deserialize, Serialize};

use super::lenient;

/// Identifiers of a recording or release outside Spotify; each absent when it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExternalIds {
    /// International Standard Recording Code.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub isrc: Option<String>,
    /// International Article Number.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub ean: Option<String>,
    /// Universal Product Code.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub upc: Option<String>,
}

/// URLs of a thing on the web.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExternalUrls {
    /// Its page at Spotify; absent for local files.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub spotify: Option<String>,
}

/// How many follow an artist, a playlist or a user.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Followers {
    /// Number of followers.
    #[serde(default, deserialize_with = "lenient::optional_count")]
    pub total: Option<u32>,
}

/// A picture in one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Image {
    /// Where it is.
    pub url: String,
    /// Height in pixels; absent when it is not known.
    #[serde(default, deserialize_with = "lenient::optional_count")]
    pub height: Option<u32>,
    /// Width in pixels; absent when it is not known.
    #[serde(default, deserialize_with = "lenient::optional_count")]
    pub width: Option<u32>,
}

/// Why a thing cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Restrictions {
    /// `market`, `product`, `explicit`, or a reason that was added later.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub reason: Option<String>,
}

/// One copyright statement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Copyright {
    /// The statement.
    #[serde(default, deserialize_with = "lenient::text")]
    pub text: String,
    /// `C` for the copyright, `P` for the performance copyright.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
}
