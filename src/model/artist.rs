//! Artists.

use super::by_fields::{as_its_fields, by_fields};
use super::thing::thing;
use super::{ArtistId, ExternalUrls, Followers, Image, lenient};

by_fields! {
    /// An artist.
    pub struct Artist {
        /// URLs on the web.
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        pub external_urls: ExternalUrls,
        /// Followers; absent for apps in development mode.
        #[serde(default, deserialize_with = "lenient::object")]
        pub followers: Option<Followers>,
        /// Genres, often none; empty for apps in development mode.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub genres: Vec<String>,
        /// URL of this object in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// The id.
        pub id: ArtistId,
        /// Pictures, widest first.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub images: Vec<Image>,
        /// The name.
        #[serde(default, deserialize_with = "lenient::text")]
        pub name: String,
        /// 0 to 100, the most popular; absent for apps in development mode.
        #[serde(default, deserialize_with = "lenient::optional_count")]
        pub popularity: Option<u32>,
        /// The URI.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub uri: Option<String>,
    }
}

as_its_fields!(Artist);

by_fields! {
    /// An artist as albums and tracks name it.
    pub struct SimplifiedArtist {
        /// URLs on the web.
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        pub external_urls: ExternalUrls,
        /// URL of this object in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// The id; absent for the artists of local files.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub id: Option<ArtistId>,
        /// The name.
        #[serde(default, deserialize_with = "lenient::text")]
        pub name: String,
        /// The URI; absent for the artists of local files.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub uri: Option<String>,
    }
}

impl SimplifiedArtist {
    fn is_nothing(&self) -> bool {
        self.id.is_none()
            && self.uri.is_none()
            && self.name.is_empty()
            && self.href.is_none()
            && self.external_urls == ExternalUrls::default()
    }
}

thing!(SimplifiedArtist);
