//! What an error may show of a response: where it fails, and never what is somebody's own.
//!
//! A response may be about a user, and a proxy or a server may send back the header that it got.

use reqwest::header::HeaderValue;
use serde::de::Error as _;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::response::RawResponse;
use crate::error::{Error, RawBody};
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
        true => (path_of_fields(path, &scrubber), None, without_values(&source)),
        false => (open_path, (!body.is_empty()).then_some(start), short(source)),
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

fn has_word_of_a_secret(body: &str) -> bool {
    let words = body.to_ascii_lowercase();
    WORDS_OF_SECRETS.iter().any(|word| words.contains(word))
}

/// A path without keys that may be values: those of a map may be anything.
fn path_of_fields(path: &Path, scrubber: &Scrubber<'_>) -> String {
    let mut shown = String::new();
    for segment in path.iter().take(MOST_SEGMENTS) {
        if let Segment::Seq { index } = segment {
            shown.push_str(&format!("[{index}]"));
            continue;
        }
        if !shown.is_empty() {
            shown.push('.');
        }
        shown.push_str(match segment {
            Segment::Map { key } if is_field(key) && !scrubber.finds_in(key) => key,
            _ => "?",
        });
    }
    if shown.is_empty() { ".".to_owned() } else { shown }
}

/// Whether it looks as all fields of Spotify do.
fn is_field(key: &str) -> bool {
    let has_letters = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    has_letters && (1..=LONGEST_FIELD).contains(&key.len()) && !has_word_of_a_secret(key)
}

/// The same error without the values that stand in it.
fn without_values(error: &serde_json::Error) -> serde_json::Error {
    // What is wrong with the JSON itself is said without its content.
    let text = match error.classify() {
        Category::Data => without_place(error),
        _ => return placed(&without_place(error), error),
    };
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    // A length is said by this crate, and names no value.
    if missing.is_some_and(is_field) || text.starts_with("invalid length ") {
        return placed(&text, error);
    }
    let text = match (text.strip_prefix("invalid type: "), text.rsplit_once(", expected ")) {
        (Some(found), Some((_, expected))) => {
            let found = found.split([' ', ',']).next().unwrap_or_default();
            clipped(&format!("invalid type: {found}, expected {expected}"))
        }
        _ => "a value that is not understood".to_owned(),
    };
    placed(&text, error)
}

fn short(error: serde_json::Error) -> serde_json::Error {
    let text = without_place(&error);
    match text.chars().count() > LONGEST_TEXT {
        true => placed(&clipped(&text), &error),
        false => error,
    }
}

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((text, _)) if error.line() > 0 => text.to_owned(),
        _ => text,
    }
}

/// `serde_json` reads the place from the end of the text.
fn placed(text: &str, error: &serde_json::Error) -> serde_json::Error {
    let line = error.line();
    let column = error.column();
    serde_json::Error::custom(format!("{text} at line {line} column {column}"))
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

const WORDS_OF_SECRETS: [&str; 6] =
    ["authorization", "basic", "bearer", "cookie", "secret", "token"];

/// The longest of Spotify's has 23.
const LONGEST_FIELD: usize = 32;

/// Deeper than any model.
const MOST_SEGMENTS: usize = 16;

/// As long as other texts of the server.
const LONGEST_TEXT: usize = 200;
