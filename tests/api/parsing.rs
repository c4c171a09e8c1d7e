//! Whatever a server or a user sends, nothing panics: each check that `fuzz/` drives, for a while.

use proptest::prelude::*;

#[path = "parsing/checks.rs"]
mod checks;

/// Texts that are close to what is meant, so that they get past the first look at them.
fn close_to(examples: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes),
        (prop::sample::select(examples), any::<prop::sample::Index>(), any::<Vec<u8>>())
            .prop_map(|(example, place, other)| with_other(example.as_bytes(), place, other)),
    ];
    bytes.boxed()
}

/// An example with something else in some place.
fn with_other(example: &[u8], place: prop::sample::Index, other: Vec<u8>) -> Vec<u8> {
    let place = place.index(example.len() + 1);
    let end = example.len().min(place + other.len() / 2);
    [&example[..place], &other, &example[end..]].concat()
}

/// A byte that stands for 200, and a response.
const TOKENS: &[&str] = &[
    r#"z{"access_token":"BQ","token_type":"Bearer","expires_in":3600,"scope":"a b"}"#,
    r#"z{"access_token":"BQ","expires_in":"1e400","refresh_token":null,"scope":[1]}"#,
    "\u{2}{\"error\":\"invalid_grant\",\"error_description\":\"x\"}",
];

/// Two bytes for status and type, and a response.
const RESPONSES: &[&str] = &[
    r#"zz{"id":"11dFghVXANMlKmJXsNCbNl","name":"x","type":"track","available_markets":["AD","AE"]}"#,
    r#"zz{"items":[{"track":{"type":"track","id":"11dFghVXANMlKmJXsNCbNl"}},null],"total":1}"#,
    r#"zz{"tracks":[{"name":"x"}],"artists":{"items":[{}],"next":null}}"#,
    "\u{2}z{\"error\":{\"status\":400,\"message\":\"x\",\"reason\":\"y\"}}",
];

const WAITS: &[&str] =
    &["1", "86400", "18446744073709551615", "-1", "Wed, 21 Oct 2015 07:28:00 GMT"];

const IDS: &[&str] = &[
    "spotify:track:11dFghVXANMlKmJXsNCbNl",
    "https://open.spotify.com/intl-de/track/11dFghVXANMlKmJXsNCbNl?si=x",
    "spotify:user:%C3%A9",
    "2024-02-29",
    "DE",
    "user-read-private",
];

const URLS: &[&str] = &[
    "https://api.spotify.com/v1/me?offset=1&limit=1",
    "//evil.test/v1",
    "../..\\evil.test",
    "https://api.spotify.com@evil.test/",
    "http://127.0.0.1:1/v1/",
    "http://[::1]:1/v1/",
    "me/tracks?offset=1",
];

const REDIRECTS: &[&str] = &[
    "http://127.0.0.1:8888/callback?code=AQ&state=x",
    "/callback?error=access_denied&state=x#y",
    r#"{"url":"https://x.test","redirect_uri":"http://127.0.0.1/","state":"0123456789"}"#,
];

const FILES: &[&str] = &[
    r#"{"format":1,"entries":{"id":{"version":1,"ended":false,"expires_at":1,"lifetime":3600,"access_token":"x","refresh_token":null,"scopes":["a"]}}}"#,
    r#"{"format":1,"entries":{"https://api.spotify.com id":{"version":18446744073709551615,"ended":true,"expires_at":18446744073709551615,"lifetime":18446744073709551615,"access_token":"","refresh_token":"x","scopes":null}}}"#,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_token_response(data in close_to(TOKENS)) {
        checks::token_response(&data);
    }

    #[test]
    fn a_response_of_the_api(data in close_to(RESPONSES)) {
        checks::api_response(&data);
    }

    #[test]
    fn a_retry_after(data in close_to(WAITS)) {
        checks::retry_after(&data);
    }

    #[test]
    fn an_id(data in close_to(IDS)) {
        checks::id(&data);
    }

    #[test]
    fn a_url(data in close_to(URLS)) {
        checks::url(&data);
    }

    #[test]
    fn a_redirect(data in close_to(REDIRECTS)) {
        checks::redirect(&data);
    }

    #[test]
    fn a_token_file(data in close_to(FILES)) {
        checks::token_file(&data);
    }
}
