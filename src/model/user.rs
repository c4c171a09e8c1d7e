//! Users, as far as playlists name them.

use serde::{Deserialize, Serialize};

use super::{ExternalUrls, UserId, lenient};

/// A user as a playlist entry names them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaylistUser {
    /// Addresses on the web.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub external_urls: ExternalUrls,
    /// Address of this object in the Web API.
    pub href: Option<String>,
    /// The user name; absent for entries of very old playlists.
    #[serde(default, deserialize_with = "lenient::optional_parsed")]
    pub id: Option<UserId>,
    /// The URI.
    pub uri: Option<String>,
}

/// The owner of a playlist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaylistOwner {
    /// Addresses on the web.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub external_urls: ExternalUrls,
    /// Address of this object in the Web API.
    pub href: Option<String>,
    /// The user name.
    #[serde(default, deserialize_with = "lenient::optional_parsed")]
    pub id: Option<UserId>,
    /// The name that the user chose to show; absent when none is set.
    pub display_name: Option<String>,
    /// The URI.
    pub uri: Option<String>,
}
