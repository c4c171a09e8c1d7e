//! Recommendations.
//!
//! Gone for apps that were registered after 27 November 2024.

use super::by_fields::{as_its_fields, by_fields};
use super::{Track, lenient};

by_fields! {
    /// Tracks that go with what was asked for.
    pub struct Recommendations {
        /// What became of each seed.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub seeds: Vec<RecommendationSeed>,
        /// The tracks.
        #[serde(deserialize_with = "lenient::things")]
        pub tracks: Vec<Track>,
    }
}

as_its_fields!(Recommendations);

by_fields! {
    /// What became of a seed.
    #[derive(Eq)]
    pub struct RecommendationSeed {
        /// Number of tracks after the minima and maxima were applied.
        #[serde(rename = "afterFilteringSize", default, deserialize_with = "lenient::optional_count")]
        pub after_filtering_size: Option<u32>,
        /// Number of tracks after relinking for the market.
        #[serde(rename = "afterRelinkingSize", default, deserialize_with = "lenient::optional_count")]
        pub after_relinking_size: Option<u32>,
        /// URL of the artist or track in the Web API; absent for genres.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// The id of the artist or track, or the genre.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub id: Option<String>,
        /// Number of tracks before anything was applied.
        #[serde(rename = "initialPoolSize", default, deserialize_with = "lenient::optional_count")]
        pub initial_pool_size: Option<u32>,
        /// What it is: `artist`, `track` or `genre`, in any case of letters.
        #[serde(rename = "type", default, deserialize_with = "lenient::optional_text")]
        pub kind: Option<String>,
    }
}

as_its_fields!(RecommendationSeed);
