//! Categories that Spotify tags playlists with.

use super::by_fields::{as_its_fields, by_fields};
use super::{Image, lenient};

by_fields! {
    /// A category, such as "Pop" or "Focus".
    pub struct Category {
        /// URL of this object in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// Its pictures.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub icons: Vec<Image>,
        /// The id: any string, not 22 letters and digits.
        pub id: String,
        /// The name, in the language that was asked for.
        #[serde(default, deserialize_with = "lenient::text")]
        pub name: String,
    }
}

as_its_fields!(Category);
