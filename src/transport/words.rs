//! The words of an error response, read without the rest of it: a body may be large, and made of
//! what takes far more room in memory than in JSON.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::ServerError;

/// What `body` says, at any length.
pub(super) fn read(body: &[u8]) -> serde_json::Result<ServerError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let words = Level::Body.deserialize(&mut json)?;
    json.end()?;
    Ok(words)
}

/// How deep a value is in `{"error":{"message":"…","reason":"…"}}`.
#[derive(Clone, Copy)]
enum Level {
    Body,
    /// An object, or a message itself.
    Error,
    /// What is no message is none.
    Word,
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = ServerError;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<ServerError, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = ServerError;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<ServerError, E> {
        let message = match self {
            Self::Body => None,
            Self::Error | Self::Word => Some(text.to_owned()),
        };
        Ok(ServerError { message, reason: None })
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ServerError, M::Error> {
        let mut words = ServerError::default();
        while let Some(name) = map.next_key::<String>()? {
            match (self, &*name) {
                (Self::Body, "error") => words = map.next_value_seed(Self::Error)?,
                (Self::Error, "message") => {
                    words.message = map.next_value_seed(Self::Word)?.message;
                }
                (Self::Error, "reason") => words.reason = map.next_value_seed(Self::Word)?.message,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(words)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<ServerError, S::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(ServerError::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<ServerError, E> {
        Ok(ServerError::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<ServerError, E> {
        Ok(ServerError::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<ServerError, E> {
        Ok(ServerError::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<ServerError, E> {
        Ok(ServerError::default())
    }

    fn visit_unit<E>(self) -> Result<ServerError, E> {
        Ok(ServerError::default())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_beside_anything_else() {
        for (body, message, reason) in [
            (
                r#"{"error":{"status":404,"message":"No","reason":"NONE"}}"#,
                Some("No"),
                Some("NONE"),
            ),
            (
                r#"{"a":[{}],"error":{"message":"No","more":[[1.5,{"b":null}]]},"z":true}"#,
                Some("No"),
                None,
            ),
            (
                r#"{"error":"invalid_client","error_description":"No"}"#,
                Some("invalid_client"),
                None,
            ),
            (r#"{"error":{"message":{"message":"No"},"reason":["NONE"]}}"#, None, None),
            (r#"{"error":[{"message":"No"}]}"#, None, None),
            (r#"{"error":-1}"#, None, None),
            (r#"[{"error":"No"}]"#, None, None),
            (r#"["No"]"#, None, None),
            (r#""No""#, None, None),
            ("7", None, None),
            ("null", None, None),
            ("{}", None, None),
        ] {
            let words = read(body.as_bytes()).unwrap();
            assert_eq!(
                (words.message.as_deref(), words.reason.as_deref()),
                (message, reason),
                "{body}"
            );
        }
        for body in ["", "<html>", r#"{"error":"No"} and more"#, r#"{"error":{"message":"No"}"#] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
