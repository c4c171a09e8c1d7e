//! The path of an endpoint.

use std::borrow::Cow;
use std::fmt::Display;

use crate::error::Error;
use crate::model::IdError;

/// A path in segments, or the first thing in it that was wrong.
pub(crate) struct Path(Result<Vec<Cow<'static, str>>, Error>);

/// A path that begins with `segment`.
pub(crate) fn path(segment: &'static str) -> Path {
    let mut segments = Vec::with_capacity(USUAL_SEGMENTS);
    segments.push(segment.into());
    Path(Ok(segments))
}

impl Path {
    /// Goes on with a fixed segment.
    pub(crate) fn then(mut self, segment: &'static str) -> Self {
        if let Ok(segments) = &mut self.0 {
            segments.push(segment.into());
        }
        self
    }

    /// Goes on with an id, in whatever form it was given.
    pub(crate) fn id<I: Display>(self, id: impl TryInto<I, Error: Into<IdError>>) -> Self {
        Self(self.0.and_then(|mut segments| {
            let id = id.try_into().map_err(|error| Error::Id(error.into()))?;
            segments.push(id.to_string().into());
            Ok(segments)
        }))
    }

    /// Goes on with any text that is not empty.
    pub(crate) fn text(self, name: &'static str, text: impl Into<String>) -> Self {
        Self(self.0.and_then(|mut segments| {
            let text = text.into();
            if text.trim().is_empty() {
                return Err(Error::Parameter { name, reason: "is empty".to_owned() });
            }
            segments.push(text.into());
            Ok(segments)
        }))
    }

    pub(crate) fn into_segments(self) -> Result<Vec<Cow<'static, str>>, Error> {
        self.0
    }
}

const USUAL_SEGMENTS: usize = 4;
