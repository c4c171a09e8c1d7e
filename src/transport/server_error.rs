//! What a server says with a response that is not successful: read here, once, for all layers.

use http::Extensions;
use reqwest::StatusCode;

use super::clipped;
use super::undone::{
    TlsUnavailable, has_no_connection, provably_not_carried_out, was_never_written,
};
use super::words;

/// The words of an error response: `{"error":{"message","reason"}}`, `{"error":"…"}`, or something
/// that is not JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerError {
    pub(crate) message: Option<String>,
    /// A word that a program can match, such as `NO_ACTIVE_DEVICE`.
    pub(crate) reason: Option<String>,
}

impl ServerError {
    /// Whether the quota of the developer's account is used up: no wait of seconds helps.
    pub(crate) fn is_quota(&self) -> bool {
        self.reason.as_deref() == Some(QUOTA_EXCEEDED)
    }

    /// Reads the body of an error response; one that says nothing is no error of its own.
    pub(crate) fn of(body: &[u8]) -> Self {
        let Self { message, reason } = words::read(body).unwrap_or_default();
        let reason = reason.filter(|reason| is_word(reason));
        Self { message: message.as_deref().map(clipped), reason: reason.as_deref().map(clipped) }
    }
}

/// Whether it is a word for programs, as all of Spotify's are, and not something that was sent
/// back.
fn is_word(reason: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    (1..=LONGEST_REASON).contains(&reason.len()) && reason.bytes().all(is_part)
}

/// Whether a server's words say that the token lacks a scope, or is not of a user: another login
/// helps, and nothing else.
pub(crate) fn lacks_permission(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    LACKS_PERMISSION.iter().any(|phrase| words.contains(phrase))
}

/// Whether the same request may well succeed later: 408, 429 and what a server cannot help at the
/// moment. 501 and 505 say that it never will.
pub(crate) fn is_transient_status(status: StatusCode) -> bool {
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
        status => status.is_server_error(),
    }
}

/// Whether a request that got this status may have been carried out: it failed midway,
/// or points to what came of it.
pub(crate) fn may_be_done(status: StatusCode) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS => false,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => true,
        status => status.is_success() || is_transient_status(status),
    }
}

/// Whether a request that failed without a response may well succeed later. An error of a user's
/// own layer says nothing about that.
pub(crate) fn is_transient_failure(error: &reqwest_middleware::Error) -> bool {
    match error {
        reqwest_middleware::Error::Reqwest(error) => !error.is_builder() && !error.is_redirect(),
        reqwest_middleware::Error::Middleware(_) => false,
    }
}

/// Whether a request that failed without a response may have reached the server.
pub(crate) fn may_have_arrived(error: &reqwest_middleware::Error, extensions: &Extensions) -> bool {
    match error {
        reqwest_middleware::Error::Reqwest(error) => {
            !error.is_builder() && !provably_not_carried_out(error, extensions)
        }
        reqwest_middleware::Error::Middleware(error) => !error.is::<TlsUnavailable>(),
    }
}

/// Whether nothing of a request that failed without a response was written.
pub(crate) fn never_left(error: &reqwest_middleware::Error) -> bool {
    match error {
        reqwest_middleware::Error::Reqwest(error) => {
            error.is_builder() || has_no_connection(error) || was_never_written(error)
        }
        reqwest_middleware::Error::Middleware(error) => error.is::<TlsUnavailable>(),
    }
}

/// The code of RFC 6750, and the messages of Spotify.
const LACKS_PERMISSION: [&str; 5] = [
    "insufficient_scope",
    "insufficient client scope",
    "permissions missing",
    "missing permission",
    "valid user authentication required",
];

/// Spotify's word for the quota of a developer's account, since July 2026.
const QUOTA_EXCEEDED: &str = "QUOTA_EXCEEDED";

/// The longest of Spotify's has 24.
const LONGEST_REASON: usize = 64;
