//! The body of a request, checked when it is set.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use serde::Serialize;

use super::builder::Request;
use super::into_id::IntoIds;
use super::lists::listed;
use super::params::Parameters;
use crate::error::Error;
use crate::model::SpotifyUri;

/// A body with its type.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) content_type: &'static str,
    pub(super) content: Bytes,
}

impl<T, P: Parameters> Request<T, P> {
    pub(crate) fn with_json(self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(content) => self.with_body("application/json", content),
            Err(error) => self.fail(Error::Parameter {
                name: "body",
                reason: format!("cannot be written as JSON: {error}"),
            }),
        }
    }

    /// A JSON body, or what is wrong with it.
    pub(crate) fn with_checked(self, body: Result<serde_json::Value, Error>) -> Self {
        match body {
            Ok(body) => self.with_json(&body),
            Err(error) => self.fail(error),
        }
    }

    pub(crate) fn with_body(mut self, content_type: &'static str, content: Vec<u8>) -> Self {
        self.body = Some(Body { content_type, content: content.into() });
        self
    }

    /// A JSON body with a list of ids in one field, whose number is in a range.
    pub(crate) fn json_ids<I: fmt::Display>(
        self,
        name: &'static str,
        ids: impl IntoIds<I>,
        range: RangeInclusive<usize>,
    ) -> Self {
        self.with_json_field(name, listed(name, ids, range))
    }

    /// A list of 1 to `most` objects that each hold a URI.
    pub(crate) fn json_uris(
        self,
        name: &'static str,
        uris: impl IntoIds<SpotifyUri>,
        most: usize,
    ) -> Self {
        let objects = listed(name, uris, 1..=most).map(|uris| {
            uris.into_iter().map(|uri| serde_json::json!({ "uri": uri })).collect::<Vec<_>>()
        });
        self.with_json_field(name, objects)
    }

    /// A JSON body with one field.
    fn with_json_field(self, name: &str, value: Result<impl Serialize, Error>) -> Self {
        match value {
            Ok(value) => self.with_json(&HashMap::from([(name, value)])),
            Err(error) => self.fail(error),
        }
    }

    /// A JPEG in base 64, as Spotify wants pictures.
    pub(crate) fn with_jpeg(self, jpeg: &[u8]) -> Self {
        let wrong = |reason: String| Error::Parameter { name: "cover", reason };
        let content = BASE64_STANDARD.encode(jpeg);
        if !jpeg.starts_with(b"\xff\xd8\xff") {
            self.fail(wrong("is not a JPEG; convert it first".to_owned()))
        } else if content.len() > MOST_BASE64 {
            let size = content.len();
            self.fail(wrong(format!(
                "takes {size} bytes in base 64, of {MOST_BASE64}; make it smaller"
            )))
        } else {
            self.with_body("image/jpeg", content.into_bytes())
        }
    }
}

const MOST_BASE64: usize = 256 * 1024;
