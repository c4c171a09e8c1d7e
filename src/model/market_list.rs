//! Lists of markets: 184 of them, twice in each track, which is half of what a playlist is made of.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Market;
use super::lenient::absent;

/// A list of markets without what is none; `null` is an empty list.
///
/// Also a string of nothing but letters, as [`shortened`] makes of a list.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Market>, D::Error> {
    deserializer.deserialize_any(ListVisitor)
}

/// Makes `"ADAE"` of each list of markets such as `["AD","AE"]`, which is then one text to serde and
/// not 184. A list that is written in another way stays as it is.
pub(super) fn shortened(json: &str) -> Cow<'_, str> {
    let mut short = String::new();
    let mut rest = json;
    // A quote within a string is escaped, so that this is a field and never a part of a string.
    while let Some(at) = memmem::find(rest.as_bytes(), FIELD.as_bytes()) {
        let (before, list) = rest.split_at(at + FIELD.len());
        if short.is_empty() {
            short.reserve(json.len());
        }
        short.push_str(before);
        rest = push_letters(&mut short, list).unwrap_or(list);
    }
    if short.is_empty() {
        return Cow::Borrowed(json);
    }
    short.push_str(rest);
    Cow::Owned(short)
}

const FIELD: &str = "\"available_markets\":";

/// The letters of the list that `json` begins with, and what comes after it.
fn push_letters<'json>(short: &mut String, json: &'json str) -> Option<&'json str> {
    let (elements, _) = json.strip_prefix('[')?.as_bytes().as_chunks::<5>();
    let begin = short.len();
    short.push('"');
    for (index, element) in elements.iter().enumerate() {
        let [b'"', first, second, b'"', end] = *element else { break };
        if !(first.is_ascii_uppercase() && second.is_ascii_uppercase()) {
            break;
        }
        short.push(first.into());
        short.push(second.into());
        match end {
            b',' => {}
            b']' => {
                short.push('"');
                return json.get(1 + (index + 1) * 5..);
            }
            _ => break,
        }
    }
    short.truncate(begin);
    None
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<Market>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts or null")
    }

    absent!('de visit_bool(bool) visit_u64(u64) visit_i64(i64) visit_f64(f64));

    fn visit_str<E>(self, letters: &str) -> Result<Vec<Market>, E> {
        let (markets, _) = letters.as_bytes().as_chunks::<2>();
        let mut list = Vec::with_capacity(markets.len());
        list.extend(markets.iter().filter_map(|letters| Market::from_letters(*letters)));
        Ok(list)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<Market>, A::Error> {
        let mut list = Vec::new();
        while let Some(Element(market)) = sequence.next_element()? {
            list.extend(market);
        }
        Ok(list)
    }
}

/// A string that is a market, or is left out.
#[derive(Default)]
struct Element(Option<Market>);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Element, E> {
        Ok(Element(Market::from_text(text)))
    }

    absent!('de list visit_bool(bool) visit_u64(u64) visit_i64(i64) visit_f64(f64));
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Model {
        #[serde(deserialize_with = "deserialize")]
        available_markets: Vec<Market>,
    }

    /// Reads a list as it is and shortened, which must be the same.
    fn read(list: &str) -> Result<Vec<Market>, serde_json::Error> {
        let json = format!("{{\"available_markets\":{list}}}");
        let direct = serde_json::from_str::<Model>(&json).map(|model| model.available_markets);
        let short = serde_json::from_str::<Model>(&shortened(&json));
        assert_eq!(
            direct.as_ref().ok(),
            short.ok().map(|model| model.available_markets).as_ref(),
            "{list}"
        );
        direct
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
            let expected: Vec<Market> = expected.iter().map(|code| code.parse().unwrap()).collect();
            assert_eq!(read(json).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn what_is_no_list_is_empty_and_what_is_truncated_an_error() {
        for json in [r#"{"AD":1}"#, "7", "[7]", "true", "[[]]"] {
            assert_eq!(read(json).unwrap(), [], "{json}");
        }
        for json in [r#"["AD""#, r#"["AD","#, "["] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn only_lists_of_markets_are_shortened() {
        for (json, expected) in [
            (
                r#"{"a":{"available_markets":["AD"]},"available_markets":["AE","DE"],"b":1}"#,
                r#"{"a":{"available_markets":"AD"},"available_markets":"AEDE","b":1}"#,
            ),
            (
                r#"{"name":"\"available_markets\":[\"AD\"]"}"#,
                r#"{"name":"\"available_markets\":[\"AD\"]"}"#,
            ),
            (r#"{"markets":["AD"]}"#, r#"{"markets":["AD"]}"#),
            (r#"{"available_markets":["AD" ]}"#, r#"{"available_markets":["AD" ]}"#),
        ] {
            assert_eq!(shortened(json), expected);
        }
    }
}
