//! What a 401 is for.

use reqwest::Response;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use crate::auth::RejectionReason;
use crate::transport::{lacks_permission, peek_body};

/// Reads why a request was rejected, and gives its response back, whole.
pub(super) async fn read(response: Response) -> (Response, RejectionReason) {
    match said_in(response.headers()) {
        RejectionReason::Unknown => read_body(response).await,
        reason => (response, reason),
    }
}

/// `error="invalid_token"` ([RFC 6750, section 3.1]).
///
/// [RFC 6750, section 3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
fn said_in(headers: &HeaderMap) -> RejectionReason {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
    let reasons = challenges.filter_map(|value| value.to_str().ok()).map(reason_of);
    reasons.reduce(first_known).unwrap_or(RejectionReason::Unknown)
}

/// A 401 stays one when its body is truncated.
async fn read_body(response: Response) -> (Response, RejectionReason) {
    let (response, body) = peek_body(response, LONGEST_BODY).await;
    let reason = reason_of(&String::from_utf8_lossy(&body));
    (response, reason)
}

/// By the codes of RFC 6750 and the messages of Spotify.
fn reason_of(text: &str) -> RejectionReason {
    let text = text.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    if lacks_permission(&text) || text.contains("invalid_request") {
        RejectionReason::Request
    } else if says(&TOKEN) {
        RejectionReason::Token
    } else {
        RejectionReason::Unknown
    }
}

fn first_known(first: RejectionReason, second: RejectionReason) -> RejectionReason {
    if first == RejectionReason::Unknown { second } else { first }
}

const TOKEN: [&str; 4] =
    ["invalid_token", "access token expired", "invalid access token", "no token provided"];

/// What is longer says nothing that is looked for here.
const LONGEST_BODY: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_read_from_codes_and_messages() {
        for (text, reason) in [
            (r#"Bearer error="invalid_token""#, RejectionReason::Token),
            (
                r#"Bearer realm="spotify", error="insufficient_scope", scope="a""#,
                RejectionReason::Request,
            ),
            (
                r#"{"error":{"status":401,"message":"The access token expired"}}"#,
                RejectionReason::Token,
            ),
            (
                r#"{"error":{"status":401,"message":"Invalid access token"}}"#,
                RejectionReason::Token,
            ),
            (
                r#"{"error":{"status":401,"message":"Permissions missing"}}"#,
                RejectionReason::Request,
            ),
            (
                r#"{"error":{"message":"Valid user authentication required"}}"#,
                RejectionReason::Request,
            ),
            ("Bearer realm=\"spotify\"", RejectionReason::Unknown),
            ("", RejectionReason::Unknown),
        ] {
            assert_eq!(reason_of(text), reason, "{text}");
        }
    }
}
