//! Markets: the countries in which a thing can be played.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::clipped;
use super::lenient;

/// A market: the two letters of a country by ISO 3166-1 alpha-2, as in `DE`.
///
/// Two bytes, since an album lists about 185 of them.
///
/// ```
/// use spotify_web::model::Market;
///
/// let market: Market = "de".parse()?;
/// assert_eq!(market.as_str(), "DE");
/// assert!("Germany".parse::<Market>().is_err());
/// # Ok::<(), spotify_web::model::MarketError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Market([u8; 2]);

impl Market {
    /// The two letters, in upper case.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters get past `FromStr`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A text that is not the two letters of a country.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is no market; expected the two letters of a country, such as `DE`")]
#[non_exhaustive]
pub struct MarketError {
    /// What was given, at most 80 characters of it.
    pub input: String,
}

impl From<Infallible> for MarketError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl FromStr for Market {
    type Err = MarketError;

    fn from_str(input: &str) -> Result<Self, MarketError> {
        match <[u8; 2]>::try_from(input.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_alphabetic) => {
                Ok(Self(letters.map(|letter| letter.to_ascii_uppercase())))
            }
            _ => Err(MarketError { input: clipped(input) }),
        }
    }
}

impl TryFrom<&str> for Market {
    type Error = MarketError;

    fn try_from(input: &str) -> Result<Self, MarketError> {
        input.parse()
    }
}

impl TryFrom<String> for Market {
    type Error = MarketError;

    fn try_from(input: String) -> Result<Self, MarketError> {
        input.parse()
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Market({self})")
    }
}

impl Serialize for Market {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Market {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::parsed(deserializer)
    }
}
