//! The path of an endpoint.

use std::borrow::Cow;
use std::fmt::Display;

use percent_encoding::percent_decode_str;

use super::into_id::IntoId;
use crate::error::Error;
use crate::transport::clipped;

/// A path in segments, and the first thing in it that was wrong.
pub(crate) struct Path {
    segments: Segments,
    wrong: Option<Error>,
}

type Segments = Vec<Cow<'static, str>>;

/// A path that begins with fixed segments, such as `me/albums`.
pub(crate) fn path(segments: &'static str) -> Path {
    Path { segments: Vec::with_capacity(USUAL_SEGMENTS), wrong: None }.then(segments)
}

impl Path {
    /// Goes on with fixed segments.
    pub(crate) fn then(mut self, segments: &'static str) -> Self {
        self.segments.extend(segments.split('/').map(Cow::Borrowed));
        self
    }

    /// Goes on with an id, in whatever form it was given.
    pub(crate) fn id<T: Display>(self, id: impl IntoId<T>) -> Self {
        let id = id.into_id().map(|id| id.to_string());
        self.variable(id.map_err(Error::from))
    }

    /// Goes on with any string that is not empty.
    pub(crate) fn string(self, name: &'static str, string: impl Into<String>) -> Self {
        let string = string.into();
        let reason = match string.trim() {
            "" => "is empty",
            // A URL parser drops them, and the request would reach another endpoint.
            "." | ".." => "is not a name but a step in a path",
            _ => return self.variable(Ok(string)),
        };
        self.variable(Err(Error::Parameter { name, reason: reason.to_owned() }))
    }

    fn variable(mut self, segment: Result<String, Error>) -> Self {
        match segment {
            Ok(segment) => self.segments.push(Cow::Owned(segment)),
            Err(error) => {
                // The endpoint has its name all the same.
                self.segments.push(Cow::Owned(String::new()));
                self.wrong.get_or_insert(error);
            }
        }
        self
    }

    /// The segments, and what is wrong with them.
    pub(crate) fn into_parts(self) -> (Segments, Option<Error>) {
        (self.segments, self.wrong)
    }
}

/// Refuses a path as text that a URL parser takes for another one than it seems to be.
pub(super) fn check_path(path: &str) -> Result<(), Error> {
    let wrong = |reason: &str| {
        Err(Error::Parameter { name: "path", reason: format!("`{}` {reason}", clipped(path)) })
    };
    let before_query = path.split('?').next().unwrap_or(path);
    // A parser decodes dots, a server behind it slashes.
    let decoded = percent_decode_str(before_query).decode_utf8_lossy();
    let mut segments = decoded.split(['/', '\\']).map(str::trim);
    if segments.clone().all(str::is_empty) {
        return wrong("is empty");
    }
    if segments.any(|segment| matches!(segment, "." | "..")) {
        return wrong("holds a step, `.` or `..`");
    }
    match path.contains(|letter: char| letter == '#' || letter.is_control()) {
        true => wrong("holds a `#` or a control character; encode it"),
        false => Ok(()),
    }
}

const USUAL_SEGMENTS: usize = 4;
