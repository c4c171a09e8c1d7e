//! Markets: the countries in which a thing can be played.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::clipped;
use super::lenient;

/// A market: the two letters of a country by ISO 3166-1 alpha-2, as in `DE`, or `XK` for Kosovo.
///
/// Two bytes, since an album lists about 185 of them. What a program gives is held against the list
/// of countries, so that `UK` for `GB` is an error before anything is sent; what Spotify sends is
/// any two letters.
///
/// ```
/// use spotify_web::model::Market;
///
/// let market: Market = "de".parse()?;
/// assert_eq!(market.as_str(), "DE");
/// assert!("Germany".parse::<Market>().is_err());
/// assert!("UK".parse::<Market>().is_err());
/// # Ok::<(), spotify_web::model::MarketError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Market([u8; 2]);

impl Market {
    /// The country of the user whose token is sent: `from_token`, as a string as well.
    pub const OF_USER: Self = Self([0, 0]);

    /// The two letters, in upper case; `from_token` for that of the user.
    pub fn as_str(&self) -> &str {
        if *self == Self::OF_USER {
            return "from_token";
        }
        // Only ASCII letters get past `FromStr`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Any two letters, for what Spotify sends.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        if text == Self::OF_USER.as_str() {
            return Some(Self::OF_USER);
        }
        Self::from_letters(text.as_bytes().try_into().ok()?)
    }

    #[inline]
    pub(super) fn from_letters(letters: [u8; 2]) -> Option<Self> {
        let [first, second] = letters.map(|letter| letter.to_ascii_uppercase());
        (first.is_ascii_uppercase() && second.is_ascii_uppercase()).then_some(Self([first, second]))
    }
}

/// A string that is not the two letters of a country.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{input}` is not a market; expected the two letters of a country by ISO 3166-1, such as `DE`"
)]
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
        Self::from_text(input)
            .filter(|market| {
                *market == Self::OF_USER
                    || COUNTRIES.split_ascii_whitespace().any(|country| country == market.as_str())
            })
            .ok_or_else(|| MarketError { input: clipped(input) })
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
        lenient::parsed(deserializer).map(|Letters(market)| market)
    }
}

/// A market as Spotify sends it.
struct Letters(Market);

impl FromStr for Letters {
    type Err = MarketError;

    fn from_str(input: &str) -> Result<Self, MarketError> {
        Market::from_text(input).map(Self).ok_or_else(|| MarketError { input: clipped(input) })
    }
}

/// The codes that ISO 3166-1 assigns, and `XK`, which Spotify uses for Kosovo.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE \
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM \
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC \
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA \
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";
