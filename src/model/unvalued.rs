//! Where JSON is wrong and how, without the values that stand in it: those may be a user's own, or
//! a secret.

use serde::de::Error as _;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

/// The same error without the values that stand in it.
pub(crate) fn without_values(error: &serde_json::Error) -> serde_json::Error {
    // What is wrong with the JSON itself is said without its content.
    let text = match error.classify() {
        Category::Data => without_place(error),
        _ => return placed(&without_place(error), error),
    };
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    // A length is said by this crate, and names no value; so is that there is nothing.
    let is_said_here =
        ["invalid length ", "holds nothing of "].iter().any(|start| text.starts_with(start));
    if missing.is_some_and(is_field) || is_said_here {
        return placed(&text, error);
    }
    let text = match (text.strip_prefix("invalid type: "), text.rsplit_once(", expected ")) {
        (Some(found), Some((_, expected))) => {
            let found = found.split([' ', ',']).next().unwrap_or_default();
            let text = format!("invalid type: {found}, expected {expected}");
            text.chars().filter(|letter| !letter.is_control()).take(LONGEST_TEXT).collect()
        }
        _ => "a value that is not understood".to_owned(),
    };
    placed(&text, error)
}

/// A path without keys that may be values: those of a map may be anything.
pub(crate) fn path_of_fields(path: &Path, is_secret: impl Fn(&str) -> bool) -> String {
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
            Segment::Map { key } if is_field(key) && !is_secret(key) => key,
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

pub(crate) fn has_word_of_a_secret(body: &str) -> bool {
    let words = body.to_ascii_lowercase();
    WORDS_OF_SECRETS.iter().any(|word| words.contains(word))
}

pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((text, _)) if error.line() > 0 => text.to_owned(),
        _ => text,
    }
}

/// `serde_json` reads the place from the end of the text.
pub(crate) fn placed(text: &str, error: &serde_json::Error) -> serde_json::Error {
    let line = error.line();
    let column = error.column();
    serde_json::Error::custom(format!("{text} at line {line} column {column}"))
}

const WORDS_OF_SECRETS: [&str; 6] =
    ["authorization", "basic", "bearer", "cookie", "secret", "token"];

/// The longest of Spotify's has 23.
const LONGEST_FIELD: usize = 32;

/// Deeper than any model.
const MOST_SEGMENTS: usize = 16;

/// As long as other texts of the server.
pub(crate) const LONGEST_TEXT: usize = 200;
