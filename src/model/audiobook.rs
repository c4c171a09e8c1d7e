//! Audiobooks.

use super::by_fields::{as_its_fields, by_fields};
use super::{
    AudiobookId, Copyright, ExternalUrls, Image, Market, Page, SimplifiedChapter, lenient,
    market_list, page_part,
};

/// Defines a form of an audiobook: its own fields, and those that all forms share.
macro_rules! audiobook {
    ($(#[$doc:meta])* pub struct $name:ident { $($own:tt)* }) => {
        by_fields! {
            $(#[$doc])*
            pub struct $name {
                /// Who wrote it.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub authors: Vec<Author>,
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
                /// The edition, such as `Unabridged`; absent where that is not known.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub edition: Option<String>,
                /// Whether it has explicit content; absent where that is not known.
                #[serde(default, deserialize_with = "lenient::optional_flag")]
                pub explicit: Option<bool>,
                /// URLs on the web.
                #[serde(default, deserialize_with = "lenient::object_or_default")]
                pub external_urls: ExternalUrls,
                /// URL of this object in the Web API.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub href: Option<String>,
                /// The id.
                pub id: AudiobookId,
                /// Cover pictures, widest first.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub images: Vec<Image>,
                /// Languages by ISO 639.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub languages: Vec<String>,
                /// The kind of media, such as `audio`.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub media_type: Option<String>,
                /// The title.
                #[serde(default, deserialize_with = "lenient::text")]
                pub name: String,
                /// Who reads it.
                #[serde(default, deserialize_with = "lenient::list_without_nulls")]
                pub narrators: Vec<Narrator>,
                /// The publisher; absent for apps in development mode.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub publisher: Option<String>,
                /// The URI.
                #[serde(default, deserialize_with = "lenient::optional_text")]
                pub uri: Option<String>,
                /// Number of chapters.
                #[serde(default, deserialize_with = "lenient::optional_count")]
                pub total_chapters: Option<u32>,
                $($own)*
            }
        }

        as_its_fields!($name);
    };
}

audiobook! {
    /// An audiobook as searches and lists name it.
    pub struct SimplifiedAudiobook {}
}

audiobook! {
    /// An audiobook with its first chapters.
    pub struct Audiobook {
        /// The first 50 chapters; absent in the user's library.
        #[serde(default, deserialize_with = "page_part::optional")]
        pub chapters: Option<Page<SimplifiedChapter>>,
    }
}

by_fields! {
    /// An author of an audiobook.
    #[derive(Eq)]
    pub struct Author {
        /// The name.
        #[serde(default, deserialize_with = "lenient::text")]
        pub name: String,
    }
}

as_its_fields!(Author);

by_fields! {
    /// A narrator of an audiobook.
    #[derive(Eq)]
    pub struct Narrator {
        /// The name.
        #[serde(default, deserialize_with = "lenient::text")]
        pub name: String,
    }
}

as_its_fields!(Narrator);
