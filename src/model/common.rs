//! Small parts that many of Spotify's objects carry.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::by_fields::{as_its_fields, by_fields};
use super::lenient;
use super::page::Link;
use super::page_fields::Seen;

by_fields! {
    /// Identifiers of a recording or release outside Spotify; each absent when it is not known.
    #[derive(Eq, Default)]
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
}

as_its_fields!(ExternalIds);

by_fields! {
    /// URLs of a thing on the web.
    #[derive(Eq, Default)]
    pub struct ExternalUrls {
        /// Its page at Spotify; absent for local files.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub spotify: Option<String>,
    }
}

as_its_fields!(ExternalUrls);

by_fields! {
    /// How many follow an artist, a playlist or a user.
    #[derive(Eq, Default)]
    pub struct Followers {
        /// Number of followers.
        #[serde(default, deserialize_with = "lenient::optional_count")]
        pub total: Option<u32>,
    }
}

as_its_fields!(Followers);

by_fields! {
    /// A picture in one size.
    #[derive(Eq)]
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
}

as_its_fields!(Image);

by_fields! {
    /// Why a thing cannot be played.
    #[derive(Eq, Default)]
    pub struct Restrictions {
        /// `market`, `product`, `explicit`, or a reason that was added later.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub reason: Option<String>,
    }
}

as_its_fields!(Restrictions);

/// What holds nothing is no restriction; what does not say why is one.
pub(super) fn restrictions<'de, D>(deserializer: D) -> Result<Option<Restrictions>, D::Error>
where
    D: Deserializer<'de>,
{
    let found: Option<Found> = lenient::object(deserializer)?;
    Ok(found.and_then(|Found(restrictions)| restrictions))
}

struct Found(Option<Restrictions>);

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FoundVisitor).map(Self)
    }
}

struct FoundVisitor;

impl<'de> Visitor<'de> for FoundVisitor {
    type Value = Option<Restrictions>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut seen = Seen::default();
        while let Some(field) = map.next_key()? {
            let restrictions: &mut Restrictions = found.get_or_insert_default();
            match field {
                Field::Reason => {
                    seen.once(Some("reason"))?;
                    restrictions.reason = map.next_value::<Link>()?.0;
                }
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Reason,
    #[serde(other)]
    Other,
}

by_fields! {
    /// One copyright statement.
    #[derive(Eq, Default)]
    pub struct Copyright {
        /// The statement.
        #[serde(default, deserialize_with = "lenient::text")]
        pub text: String,
        /// `C` for the copyright, `P` for the performance copyright.
        #[serde(rename = "type", default, deserialize_with = "lenient::text")]
        pub kind: String,
    }
}

as_its_fields!(Copyright);
