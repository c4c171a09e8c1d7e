//! Bodies that are not text, for errors that are read by people.

use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// What to say in place of a body that is said to be compressed and was not decompressed, or that
/// is compressed without being said to be.
pub(crate) fn compressed(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    announced(headers).or_else(|| unannounced(body))
}

/// The first of them.
pub(crate) fn announced(headers: &HeaderMap) -> Option<String> {
    // One that was decompressed has lost the header.
    let encoding = headers.get(CONTENT_ENCODING)?;
    let encoding = String::from_utf8_lossy(encoding.as_bytes()).trim().to_ascii_lowercase();
    if matches!(encoding.as_str(), "" | "identity") {
        return None;
    }
    let encoding: String = encoding.chars().filter(char::is_ascii_graphic).take(20).collect();
    Some(match encoding.as_str() {
        // RFC 9110, section 8.4.1: names of codings have no case, and the two are one.
        "gzip" | "x-gzip" if cfg!(feature = "gzip") => {
            "a body compressed with gzip by another name than `gzip`".to_owned()
        }
        _ => format!("a body compressed with {encoding}, which was not asked for"),
    })
}

/// What to say in place of a body that is compressed, or no text at all; `None` for text.
pub(crate) fn noise(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let compressed = compressed(headers, body);
    compressed.or_else(|| is_binary(body).then(|| "a body that is not text".to_owned()))
}

/// The second of them, by how the body begins: no text begins so.
pub(crate) fn unannounced(body: &[u8]) -> Option<String> {
    let (_, encoding) = SIGNATURES.iter().find(|(signature, _)| body.starts_with(signature))?;
    Some(format!("a body compressed with {encoding}, which was not announced"))
}

/// Whether more than one in twenty characters of the beginning cannot be shown.
fn is_binary(body: &[u8]) -> bool {
    let beginning = String::from_utf8_lossy(body.get(..BEGINNING).unwrap_or(body));
    let strange = |character: &char| {
        *character == char::REPLACEMENT_CHARACTER
            || character.is_control() && !character.is_ascii_whitespace()
    };
    let strange = beginning.chars().filter(strange).count();
    let all = beginning.chars().count();
    strange * 20 > all
}

const SIGNATURES: [(&[u8], &str); 2] = [(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd")];
const BEGINNING: usize = 400;
