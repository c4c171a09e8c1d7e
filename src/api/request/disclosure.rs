//! What an error may show of a response: where it fails, and never what is somebody's own.
//!
//! A response may be about a user, and a proxy or a server may send back the header that it got.

use reqwest::header::HeaderValue;
use serde_path_to_error::Path;

use super::response::RawResponse;
use crate::error::{Error, RawBody};
use crate::model::unvalued::{
    LONGEST_TEXT, has_word_of_a_secret, path_of_fields, placed, without_place, without_values,
};
use crate::oauth::Scrubber;
use crate::transport::{ServerError, clipped, noise};

/// Why a body cannot be read, with no more of it than an error may show.
pub(super) fn decode_error(
    response: &RawResponse,
    body: &[u8],
    path: &Path,
    source: serde_json::Error,
) -> Error {
    let noise = noise(&response.headers, body);
    let said = without_credentials(ServerError::of(body), response.credentials.as_ref()).message;
    let body = &*String::from_utf8_lossy(body);
    let credentials = shown(response.credentials.as_ref());
    let scrubber = scrubber(credentials);
    let start = clipped(body);
    let open_path = clipped(&path.to_string());
    let is_hidden = !is_about_the_catalog(&response.line.path, response.needs_user)
        || has_word_of_a_secret(body)
        || scrubber.finds_in(&start)
        || scrubber.finds_in(&open_path)
        || scrubber.finds_in(&clipped(&source.to_string()));
    let (path, start, source) = match is_hidden {
        true => (path_of_fields(path, |key| scrubber.finds_in(key)), None, without_values(&source)),
        false => (open_path, (!body.is_empty()).then_some(start), short(source)),
    };
    let is_safe = !has_word_of_a_secret(body);
    let source = match said.filter(|_| is_safe) {
        Some(said) => placed(&format!("the server says: {said}"), &source),
        None => source,
    };
    let request = response.line.clone();
    // What a body is that cannot be read tells nothing of it.
    let start = noise.or(start);
    Error::Decode { request, path, start, body: RawBody::default(), source }
}

/// What the server says about a failure, without what it was sent.
pub(super) fn without_credentials(
    said: ServerError,
    credentials: Option<&HeaderValue>,
) -> ServerError {
    let credentials = shown(credentials);
    let scrubber = scrubber(credentials);
    let message = said.message.map(|message| scrubber.words(&message));
    ServerError { message, reason: said.reason.filter(|reason| !scrubber.finds_in(reason)) }
}

fn shown(credentials: Option<&HeaderValue>) -> &str {
    credentials.and_then(|credentials| credentials.to_str().ok()).unwrap_or_default()
}

/// The scheme, such as `Bearer`, is no secret.
fn scrubber(credentials: &str) -> Scrubber<'_> {
    let secret = credentials.split_once(' ').map_or(credentials, |(_, secret)| secret);
    Scrubber::new([secret.trim()])
}

/// Whether a response is what everybody gets. A path that is not known may be a user's.
fn is_about_the_catalog(path: &str, needs_user: bool) -> bool {
    let has = |names: &[&str]| path.split('/').any(|segment| names.contains(&segment));
    !needs_user && has(&CATALOG) && !has(&OF_USERS)
}

fn short(error: serde_json::Error) -> serde_json::Error {
    let text = without_place(&error);
    match text.chars().count() > LONGEST_TEXT {
        true => placed(&clipped(&text), &error),
        false => error,
    }
}

/// The parts of the API that have the same for everybody.
const CATALOG: [&str; 14] = [
    "albums",
    "artists",
    "audio-analysis",
    "audio-features",
    "audiobooks",
    "browse",
    "chapters",
    "episodes",
    "markets",
    "recommendations",
    "search",
    "shows",
    "tracks",
    "genres",
];

/// A playlist may be private, and is described by its owner.
const OF_USERS: [&str; 3] = ["me", "users", "playlists"];
