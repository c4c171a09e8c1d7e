//! Release dates, which are known to the day, the month or the year.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::clipped;
use super::lenient;
use super::open_enum::open_enum;

open_enum! {
    /// How exactly a release date is known.
    pub enum DatePrecision {
        /// To the year.
        Year = "year",
        /// To the month.
        Month = "month",
        /// To the day.
        Day = "day",
    }
}

/// A release date as far as it is known: `1981`, `1981-12` or `1981-12-15`; `0000` is unknown, and
/// so is a month or a day of `00`.
///
/// Dates are ordered, those that are known less exactly before those within them.
///
/// ```
/// use spotify_web::model::ReleaseDate;
///
/// let date: ReleaseDate = "1981-12".parse()?;
/// assert_eq!((date.year(), date.month(), date.day()), (1981, Some(12), None));
/// assert!(date > "1981".parse()?);
/// # Ok::<(), spotify_web::model::ReleaseDateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReleaseDate {
    year: u16,
    month: Option<u8>,
    day: Option<u8>,
}

impl ReleaseDate {
    /// The year; 0 when Spotify does not know it.
    pub fn year(&self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub fn month(&self) -> Option<u8> {
        self.month
    }

    /// The day of the month, 1 to 31.
    pub fn day(&self) -> Option<u8> {
        self.day
    }

    /// The first day that the date can mean; `None` for a day that the calendar does not have.
    pub fn earliest(&self) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(
            self.year.into(),
            self.month.unwrap_or(1).into(),
            self.day.unwrap_or(1).into(),
        )
    }
}

/// A string that is no release date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is no release date; expected `YYYY`, `YYYY-MM` or `YYYY-MM-DD`")]
#[non_exhaustive]
pub struct ReleaseDateError {
    /// What was given, at most 80 characters of it.
    pub input: String,
}

impl FromStr for ReleaseDate {
    type Err = ReleaseDateError;

    fn from_str(input: &str) -> Result<Self, ReleaseDateError> {
        parse(input).ok_or_else(|| ReleaseDateError { input: clipped(input) })
    }
}

fn parse(input: &str) -> Option<ReleaseDate> {
    let mut parts = input.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map(|part| digits(part, 2).ok_or(())).transpose().ok()?;
    let day = parts.next().map(|part| digits(part, 2).ok_or(())).transpose().ok()?;
    let month = known(month, 12)?;
    let day = known(day, 31)?;
    // A day of no month is none.
    let is_date = parts.next().is_none() && (month.is_some() || day.is_none());
    is_date.then_some(ReleaseDate { year, month, day })
}

/// A month or a day, where it is known: `00` is none.
fn known(part: Option<u16>, last: u8) -> Option<Option<u8>> {
    let number = u8::try_from(part.unwrap_or_default()).ok()?;
    (number <= last).then_some(Some(number).filter(|number| *number > 0))
}

fn digits(part: &str, length: usize) -> Option<u16> {
    let digits = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| part.parse().ok()).flatten()
}

impl fmt::Display for ReleaseDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        self.month.map_or(Ok(()), |month| write!(f, "-{month:02}"))?;
        self.day.map_or(Ok(()), |day| write!(f, "-{day:02}"))
    }
}

impl Serialize for ReleaseDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReleaseDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::parsed(deserializer)
    }
}
