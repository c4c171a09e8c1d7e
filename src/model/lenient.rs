//! How models take what Spotify really sends. Each surprise has one function, used by name.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};

use super::{List, PageItem, Unreadable};

/// `null` means the default: an empty list, an empty text, no links.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A count: `640.0` is 640, `null` and what is below zero are 0.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(optional_count(deserializer)?.unwrap_or_default())
}

/// A count that may be absent: `640.0` is 640, what is below zero is 0.
pub(super) fn optional_count<'de, D>(deserializer: D) -> Result<Option<u32>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(Number::optional(deserializer)?.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
}

/// A text that is parsed as it is read, without a copy.
pub(crate) fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    deserializer.deserialize_str(Text(|text: &str| text.parse().map_err(|e: T::Err| e.to_string())))
}

/// A text that may be an id; what is none, such as the id of a local track, is absent.
pub(super) fn optional_parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
{
    deserializer.deserialize_any(OptionalText(PhantomData))
}

/// A list without its nulls and without what cannot be read; `null` is an empty list.
pub(super) fn list_without_nulls<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let list: Option<List<T>> = Option::deserialize(deserializer)?;
    Ok(list.map(|List(list)| readable(list)).unwrap_or_default())
}

/// The items of a list. Those that cannot be read are reported, once for the list.
pub(crate) fn readable<T>(list: Vec<PageItem<T>>) -> Vec<T> {
    report_unreadable(&list);
    list.into_iter().filter_map(PageItem::into_item).collect()
}

pub(crate) fn report_unreadable<T>(list: &[PageItem<T>]) {
    let mut unreadable = list.iter().enumerate().filter(|(_, item)| item.unreadable().is_some());
    let Some((position, first)) = unreadable.next() else { return };
    let path = first.unreadable().map(Unreadable::path);
    let left_out = 1 + unreadable.count();
    tracing::warn!(left_out, position, path, "left out elements of a list that cannot be read");
}

/// A span of time in milliseconds.
pub(super) mod milliseconds {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    use super::Number;

    pub(crate) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        Ok(Duration::from_millis(Number::optional(deserializer)?.unwrap_or_default()))
    }
}

/// A point in time in milliseconds since 1970; one that no calendar has is absent.
pub(super) mod moment {
    use chrono::{DateTime, Utc};
    use serde::{Deserializer, Serialize, Serializer};

    use super::Number;

    pub(crate) fn serialize<S: Serializer>(
        moment: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        moment.map(|moment| moment.timestamp_millis()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        let number = Number::optional(deserializer)?;
        let number = number.and_then(|number| i64::try_from(number).ok());
        Ok(number.and_then(DateTime::from_timestamp_millis))
    }
}

/// Any number as a whole one that is not negative.
struct Number;

impl Number {
    fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl Visitor<'_> for Number {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or null")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(u64::try_from(number).unwrap_or(0)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // `as` saturates, and makes NaN zero.
        Ok(Some(number as u64))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Hands a text to a function as it is read.
struct Text<F>(F);

impl<T, F: FnOnce(&str) -> Result<T, String>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

/// A text that parses, or nothing.
struct OptionalText<T>(PhantomData<T>);

impl<T: FromStr> Visitor<'_> for OptionalText<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
        Ok(text.parse().ok())
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }
}
