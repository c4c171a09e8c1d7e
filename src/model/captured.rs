//! The JSON at a place, as it came.
//!
//! `serde_json` has a type for that, `RawValue`, which its own deserializers alone can give. What
//! serde has put into a buffer, since a model is flattened into a type of a program's own or is one
//! of several that are tried, is written down again.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

pub(super) fn json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    deserializer.deserialize_newtype_struct(RAW_VALUE, JsonVisitor)
}

/// The JSON at a place, where a value of a map is read.
pub(super) struct Json<'json>(pub(super) Cow<'json, str>);

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json(deserializer).map(Self)
    }
}

/// The name by which `serde_json` knows its `RawValue`. Were it another, all would be written down
/// again.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

struct JsonVisitor;

fn written<'de>(value: impl Into<Value>) -> Cow<'de, str> {
    Cow::Owned(value.into().to_string())
}

macro_rules! written {
    ($($visit:ident($type:ty))*) => {
        $(fn $visit<E>(self, value: $type) -> Result<Self::Value, E> {
            Ok(written(value))
        })*
    };
}

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    written!(visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str));

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed("null"))
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed("null"))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Value::deserialize(deserializer).map(written)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        Value::deserialize(deserializer).map(written)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<Value>()? {
            values.push(value);
        }
        Ok(written(values))
    }

    /// `serde_json` gives its raw value as the only field of an object.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Map::new();
        match map.next_key()? {
            Some(Key::RawValue) => return map.next_value_seed(TextVisitor),
            Some(Key::Name(name)) => fields.insert(name, map.next_value()?),
            None => None,
        };
        while let Some((name, value)) = map.next_entry()? {
            fields.insert(name, value);
        }
        Ok(written(fields))
    }
}

enum Key {
    RawValue,
    Name(String),
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
        Ok(if name == RAW_VALUE { Key::RawValue } else { Key::Name(name.to_owned()) })
    }
}

struct TextVisitor;

impl<'de> DeserializeSeed<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON as a text")
    }

    fn visit_borrowed_str<E>(self, json: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(json))
    }

    fn visit_str<E: Error>(self, json: &str) -> Result<Self::Value, E> {
        self.visit_string(json.to_owned())
    }

    fn visit_string<E>(self, json: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(json))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Place<'json> {
        #[serde(borrow, deserialize_with = "json")]
        place: Cow<'json, str>,
    }

    #[test]
    fn what_stands_in_a_text_is_borrowed_as_it_came() {
        for json in [r#"{ "a" : 1.0, "a":"\u0041\ud83d" }"#, "[1e999, 1 ]", "null", "\"x\"", "7"] {
            let text = format!("{{\"place\": {json} }}");
            let place = serde_json::from_str::<Place<'_>>(&text).unwrap().place;
            assert!(matches!(place, Cow::Borrowed(text) if text == json), "{place}");
        }
    }

    #[test]
    fn what_stands_in_a_buffer_is_written_again() {
        #[derive(Deserialize)]
        struct Buffered<'json> {
            #[serde(borrow, flatten)]
            inner: Place<'json>,
        }

        for json in [r#"{"a":[1,-2,0.5],"b":{}}"#, "[]", "null", "\"x\"", "7", "true"] {
            let text = format!("{{\"place\": {json} }}");
            let place = serde_json::from_str::<Buffered<'_>>(&text).unwrap().inner.place;
            assert_eq!(place, json);
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(super::json(value).unwrap(), json);
        }
    }
}
