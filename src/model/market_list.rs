//! Lists of markets: 184 of them, twice in each track, which is half of what a playlist is made of.

use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Market;

/// A list of markets without what is none; `null` is an empty list.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Market>, D::Error> {
    deserializer.deserialize_newtype_struct(AS_RAW_JSON, ListVisitor)
}

/// The name by which `serde_json` hands over a value's text instead of its parts, which halves the time
/// for a list. Any other format takes it for the name of a newtype and hands over the parts.
const AS_RAW_JSON: &str = "$serde_json::private::RawValue";

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<Market>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts or null")
    }

    /// The list's text, as the value of an only field.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Market>, A::Error> {
        match map.next_key::<IgnoredAny>()? {
            Some(_) => map.next_value::<FromText>().map(|FromText(list)| list),
            None => Err(de::Error::custom("an object, expected a list of texts or null")),
        }
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Vec<Market>, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<Market>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = sequence.next_element::<Option<Element>>()? {
            list.extend(element.and_then(|Element(market)| market));
        }
        Ok(list)
    }

    fn visit_unit<E>(self) -> Result<Vec<Market>, E> {
        Ok(Vec::new())
    }
}

/// A list that is read from its JSON text.
struct FromText(Vec<Market>);

impl<'de> Deserialize<'de> for FromText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = FromText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text of a list")
    }

    fn visit_str<E: de::Error>(self, json: &str) -> Result<FromText, E> {
        if let Some(list) = as_spotify_writes_it(json) {
            return Ok(FromText(list));
        }
        let parts = &mut serde_json::Deserializer::from_str(json);
        parts.deserialize_any(ListVisitor).map(FromText).map_err(de::Error::custom)
    }
}

/// `["AD","AE"]` without white space and escapes; anything else is left to the parser.
fn as_spotify_writes_it(json: &str) -> Option<Vec<Market>> {
    let elements = json.strip_prefix('[')?.strip_suffix(']')?.as_bytes();
    let (elements, rest) = elements.as_chunks::<5>();
    let last = match *rest {
        [] if elements.is_empty() => return Some(Vec::new()),
        [b'"', first, second, b'"'] => Market::from_letters([first, second])?,
        _ => return None,
    };
    let mut list = Vec::with_capacity(elements.len() + 1);
    for element in elements {
        match *element {
            [b'"', first, second, b'"', b','] => list.push(Market::from_letters([first, second])?),
            _ => return None,
        }
    }
    list.push(last);
    Some(list)
}

/// A text that is a market, or is left out.
struct Element(Option<Market>);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ElementVisitor)
    }
}

struct ElementVisitor;

impl Visitor<'_> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Element, E> {
        Ok(Element(Market::from_text(text)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// As a field of a model.
    #[derive(Deserialize)]
    struct Model {
        #[serde(deserialize_with = "deserialize")]
        markets: Vec<Market>,
    }

    fn read(list: &str) -> Result<Vec<Market>, serde_json::Error> {
        let json = format!("{{\"markets\":{list}}}");
        let direct = serde_json::from_str::<Model>(&json);
        let from_value = serde_json::from_value::<Model>(serde_json::from_str::<Value>(&json)?);
        let from_reader = serde_json::from_reader::<_, Model>(json.as_bytes());
        assert_eq!(direct.is_ok(), from_value.is_ok(), "{list}");
        assert_eq!(direct.is_ok(), from_reader.is_ok(), "{list}");
        direct.map(|model| model.markets)
    }

    fn markets(letters: &[&str]) -> Vec<Market> {
        letters.iter().map(|letters| letters.parse().unwrap()).collect()
    }

    #[test]
    fn a_list_is_read_however_it_is_written() {
        for (json, expected) in [
            (r#"["AD","AE","DE"]"#, &["AD", "AE", "DE"][..]),
            (r#"["AD"]"#, &["AD"]),
            (r#"[ "AD", "AE" ]"#, &["AD", "AE"]),
            (r#"["\u0041D","AE"]"#, &["AD", "AE"]),
            (r#"["ad","AE"]"#, &["AD", "AE"]),
            (r#"["AD",null,"AE"]"#, &["AD", "AE"]),
            (r#"["AD","EUR","","A1","ÄÖ","AE"]"#, &["AD", "AE"]),
            ("[]", &[]),
            ("null", &[]),
        ] {
            assert_eq!(read(json).unwrap(), markets(expected), "{json}");
        }
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        for json in [r#"{"AD":1}"#, "7", r#""AD""#, "[7]", "{}"] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    /// Where a model is flattened into another, serde holds its parts and not its text.
    #[test]
    fn a_list_is_read_without_its_text() {
        #[derive(Deserialize)]
        struct Outer {
            #[serde(flatten)]
            inner: Model,
        }

        let outer: Outer = serde_json::from_str(r#"{"markets":["AD","AE"],"x":1}"#).unwrap();
        assert_eq!(outer.inner.markets, markets(&["AD", "AE"]));
    }

    /// If this goes red, `serde_json` has another name for it, and lists are read more slowly.
    #[test]
    fn serde_json_hands_over_the_text() {
        struct AsText;

        impl<'de> Visitor<'de> for AsText {
            type Value = String;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the text")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
                map.next_key::<IgnoredAny>()?;
                map.next_value()
            }
        }

        let mut json = serde_json::Deserializer::from_str("[1, 2]");
        let text = json.deserialize_newtype_struct(AS_RAW_JSON, AsText).unwrap();
        assert_eq!(text, "[1, 2]");
    }
}
