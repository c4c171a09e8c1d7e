//! Lists of markets: 184 of them, twice in each track, which is half of what a playlist is made of.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::lenient::absent;
use super::reading::is_in_one_go;
use super::{Market, captured};

/// A list of markets without what is none; `null` is an empty list.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Market>, D::Error> {
    if !is_in_one_go() {
        return deserializer.deserialize_any(ListVisitor);
    }
    let json = captured::json(deserializer)?;
    written_as_ever(&json).map_or_else(|| element_by_element(&json), Ok).map_err(D::Error::custom)
}

/// The markets of a list such as `["AD","AE"]`, as Spotify writes it. A list that is one text to
/// serde, and not 184, costs half as much.
fn written_as_ever(json: &str) -> Option<Vec<Market>> {
    let (elements, rest) = json.strip_prefix('[')?.as_bytes().as_chunks::<5>();
    let mut list = Vec::with_capacity(elements.len());
    for element in elements {
        let [b'"', first, second, b'"', b',' | b']'] = *element else { return None };
        list.push(Market::from_letters([first, second])?);
    }
    // A `]` within the list would have ended it, and a `,` at its end is no JSON.
    rest.is_empty().then_some(list)
}

fn element_by_element(json: &str) -> serde_json::Result<Vec<Market>> {
    serde_json::Deserializer::from_str(json).deserialize_any(ListVisitor)
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<Market>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts or null")
    }

    absent!('de visit_bool(bool) visit_str(&str) visit_u64(u64) visit_i64(i64) visit_f64(f64));

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
    use super::super::in_one_go;
    use super::*;

    #[derive(Deserialize)]
    struct Model {
        #[serde(deserialize_with = "deserialize")]
        available_markets: Vec<Market>,
    }

    /// Reads a list with care and in one go, which must be the same.
    fn read(list: &str) -> Result<Vec<Market>, serde_json::Error> {
        let json = format!("{{\"available_markets\":{list}}}");
        let direct = serde_json::from_str::<Model>(&json).map(|model| model.available_markets);
        let in_one_go = in_one_go(|| serde_json::from_str::<Model>(&json));
        assert_eq!(
            direct.as_ref().ok(),
            in_one_go.map(|model| model.available_markets).as_ref(),
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
        for json in [r#"{"AD":1}"#, "7", "[7]", "true", "[[]]", r#""ADAE""#] {
            assert_eq!(read(json).unwrap(), [], "{json}");
        }
        for json in [r#"["AD""#, r#"["AD","#, "[", r#"["AD",]"#, r#"["AD"]"AE"]"#, r#"["AD"]]"#] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
