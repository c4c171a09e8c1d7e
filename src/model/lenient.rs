//! How models take what Spotify really sends. Each surprise has one function, used by name.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};

use super::reading::{is_in_one_go, note_left_out, noted, read_with_care, within_body};
use super::unvalued::without_values;
use super::{List, PageItem, Unreadable, captured};

/// An object that may be absent; one that cannot be read is absent too, and costs nothing beside
/// it.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    if is_in_one_go() {
        return noted(Option::deserialize(deserializer));
    }
    let json = captured::json(deserializer)?;
    Ok(within_body(|| {
        read_with_care(&json).unwrap_or_else(|error| {
            note_left_out(1, || without_values(&error).to_string().into());
            None
        })
    }))
}

/// An object that says something by being there: one that holds nothing, such as `{}`, is absent.
pub(super) fn part<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default + PartialEq,
{
    Ok(object(deserializer)?.filter(|part| *part != T::default()))
}

/// An object; `null` and what cannot be read mean the default: no links, no page.
pub(super) fn object_or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(object(deserializer)?.unwrap_or_default())
}

/// A string; whatever is none is empty.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(optional_text(deserializer)?.unwrap_or_default())
}

/// A string that may be absent.
pub(super) fn optional_text<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(Scalar)
}

/// Whether something holds, where that is known.
pub(super) fn optional_flag<'de, D>(deserializer: D) -> Result<Option<bool>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(Flag)
}

/// A number that may be absent.
pub(super) fn optional_float<'de, D>(deserializer: D) -> Result<Option<f64>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(Float)
}

/// A count that may be absent: `640.0` is 640. What no count can be, such as -1, is absent.
pub(super) fn optional_count<'de, D>(deserializer: D) -> Result<Option<u32>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(Number::optional(deserializer)?.and_then(|number| u32::try_from(number).ok()))
}

/// A string that is parsed as it is read, without a copy.
pub(crate) fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    deserializer.deserialize_str(Text(|text: &str| text.parse().map_err(|e: T::Err| e.to_string())))
}

/// A string that may be an id; what is none, such as the id of a local track, is absent.
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
    let list: Option<List<T>> = object(deserializer)?;
    Ok(list.map(|List(list)| readable(list)).unwrap_or_default())
}

/// A list whose places mean something: what is at one of them stays there, and what cannot be read
/// is `None`.
pub(super) fn places<'de, D, T>(deserializer: D) -> Result<Vec<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let list: Option<List<T>> = object(deserializer)?;
    let places = list.map(|List(list)| list.into_iter().map(PageItem::into_item));
    Ok(places.map(Iterator::collect).unwrap_or_default())
}

/// A list that a response is asked for: as [`list_without_nulls`], and an error where it holds
/// nothing but what cannot be read, which must not look like a list of nothing.
pub(super) fn things<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let list = Option::<List<T>>::deserialize(deserializer)?;
    let list = list.map(|List(list)| list).unwrap_or_default();
    is_something_readable(&list)?;
    Ok(readable(list))
}

/// A list of nothing but what cannot be read is an error.
pub(crate) fn is_something_readable<T, E: de::Error>(list: &[PageItem<T>]) -> Result<(), E> {
    match list.iter().find_map(PageItem::unreadable) {
        Some(bad) if !list.iter().any(PageItem::is_item) => {
            Err(E::custom(format_args!("nothing in the list can be read; the first {bad}")))
        }
        _ => Ok(()),
    }
}

/// A list that is read as [`things`].
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(crate) struct Things<T>(#[serde(deserialize_with = "things")] pub(crate) Vec<T>);

/// The items of a list. Those that cannot be read are reported, once for the body.
fn readable<T>(list: Vec<PageItem<T>>) -> Vec<T> {
    let mut unreadable = list.iter().filter_map(PageItem::unreadable);
    if let Some(first) = unreadable.next() {
        let left_out = 1 + unreadable.count();
        within_body(|| note_left_out(left_out, || first.to_string().into()));
    }
    list.into_iter().filter_map(PageItem::into_item).collect()
}

pub(crate) fn report_unreadable<T>(list: &[PageItem<T>]) {
    let mut unreadable = list.iter().enumerate().filter(|(_, item)| item.unreadable().is_some());
    let Some((position, first)) = unreadable.next() else { return };
    let path = first.unreadable().map(Unreadable::path);
    let left_out = 1 + unreadable.count();
    tracing::warn!(left_out, position, path, "left out elements of a list that cannot be read");
}

/// A span of time in milliseconds, where it is known.
pub(super) mod milliseconds {
    use std::time::Duration;

    use serde::{Deserializer, Serialize, Serializer};

    use super::Number;

    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        duration
            .map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
            .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Number::optional(deserializer)?.map(Duration::from_millis))
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

/// Any number as a whole one; one that is negative or beyond all counting is none.
struct Number;

impl Number {
    fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

/// What a place may hold that should hold something else: it is absent.
macro_rules! absent {
    ($de:lifetime $($visit:ident($type:ty))*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })*

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_map<A: serde::de::MapAccess<$de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    ($de:lifetime list $($visit:ident($type:ty))*) => {
        $crate::model::lenient::absent!($de $($visit($type))*);

        fn visit_seq<A: serde::de::SeqAccess<$de>>(
            self,
            mut list: A,
        ) -> Result<Self::Value, A::Error> {
            while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

pub(super) use absent;

impl<'de> Visitor<'de> for Number {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or null")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(number).ok())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // 2^53, up to which each whole number has a float. NaN is in no range.
        let is_count = (0.0..=9_007_199_254_740_992.0).contains(&number);
        Ok(is_count.then_some(number as u64))
    }

    absent!('de list visit_bool(bool) visit_str(&str));
}

/// A string, or nothing.
struct Scalar;

impl<'de> Visitor<'de> for Scalar {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    absent!('de list visit_bool(bool) visit_u64(u64) visit_i64(i64) visit_f64(f64));
}

/// `true`, `false`, or nothing.
struct Flag;

impl<'de> Visitor<'de> for Flag {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or null")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Some(flag))
    }

    absent!('de list visit_str(&str) visit_u64(u64) visit_i64(i64) visit_f64(f64));
}

/// Any number, or nothing.
struct Float;

impl<'de> Visitor<'de> for Float {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or null")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    absent!('de list visit_bool(bool) visit_str(&str));
}

/// Hands a string to a function as it is read.
struct Text<F>(F);

impl<T, F: FnOnce(&str) -> Result<T, String>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

/// A string that parses, or nothing.
struct OptionalText<T>(PhantomData<T>);

impl<'de, T: FromStr> Visitor<'de> for OptionalText<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
        Ok(text.parse().ok())
    }

    absent!('de list visit_bool(bool) visit_u64(u64) visit_i64(i64) visit_f64(f64));
}
