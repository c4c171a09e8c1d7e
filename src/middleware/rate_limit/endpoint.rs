//! Which endpoint a request is for: its method and path, without the ids in it.

use reqwest::Request;

use super::state::{NAME_OF_THE_REST, THE_REST};

/// The same for all requests to one endpoint, and its name for people.
///
/// Ids are found by Spotify's paths, in which they follow the noun of a collection, and else by
/// their look, so that other APIs are served as well.
pub(super) fn key(request: &Request) -> u64 {
    let mut key = Fnv::default();
    spell(request, |part| key.add(part));
    key.0
}

/// The name, such as `GET /v1/albums/{}/tracks`. Its key is [`key_of_name`].
pub(super) fn name(request: &Request) -> String {
    let mut name = String::new();
    spell(request, |part| name.push_str(part));
    name
}

pub(super) fn key_of_name(name: &str) -> u64 {
    let mut key = Fnv::default();
    key.add(name);
    key.0
}

/// The name of the endpoint that somebody wrote down, such as `get /v1/albums/{id}/tracks`; `None`
/// for what is no method and path.
fn canonical(name: &str) -> Option<String> {
    let (method, path) = name.trim().split_once(' ')?;
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic());
    let path = path.trim_start().strip_prefix('/').filter(|_| is_method)?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut name = String::new();
    spell_out(&method.to_ascii_uppercase(), path, |part| name.push_str(part));
    Some(name)
}

/// An endpoint that somebody has named.
#[derive(Debug, Clone)]
pub(super) struct EndpointName {
    pub(super) key: u64,
    pub(super) name: String,
}

impl EndpointName {
    pub(super) fn of(name: &str) -> Option<Self> {
        if name == NAME_OF_THE_REST {
            return Some(Self { key: THE_REST, name: name.to_owned() });
        }
        let name = canonical(name)?;
        Some(Self { key: key_of_name(&name), name })
    }
}

fn spell(request: &Request, add: impl FnMut(&str)) {
    spell_out(request.method().as_str(), request.url().path(), add);
}

fn spell_out(method: &str, path: &str, mut add: impl FnMut(&str)) {
    add(method);
    add(" ");
    let mut before = "";
    let mut is_own = false;
    for segment in path.trim_matches('/').split('/') {
        add("/");
        let is_id = looks_like_id(segment) || (!is_own && COLLECTIONS.contains(&before));
        add(if is_id { "{}" } else { segment });
        is_own |= segment == "me";
        before = segment;
    }
}

/// Numbers, and what is long and has digits, capitals or an escape in it.
fn looks_like_id(segment: &str) -> bool {
    let is_number = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    let is_mixed = segment.bytes().any(|byte| !byte.is_ascii_lowercase() && byte != b'-');
    // As a person writes it down; a request has none.
    let is_placeholder = segment.starts_with('{') && segment.ends_with('}');
    is_number || is_placeholder || segment.contains(['%', ':']) || (segment.len() >= 16 && is_mixed)
}

/// FNV-1a: the same in every process, so that a closing can be stored by its endpoint's name.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

const COLLECTIONS: [&str; 12] = [
    "albums",
    "artists",
    "audio-analysis",
    "audio-features",
    "audiobooks",
    "categories",
    "chapters",
    "episodes",
    "playlists",
    "shows",
    "tracks",
    "users",
];

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_named_without_ids() {
        for (path, expected) in [
            ("v1/albums/0tGPJ0bkWOUmH7MEOR77qc/tracks", "GET /v1/albums/{}/tracks"),
            ("v1/users/wizzler/playlists", "GET /v1/users/{}/playlists"),
            ("v1/me/albums/contains", "GET /v1/me/albums/contains"),
            ("v1/me/player/currently-playing", "GET /v1/me/player/currently-playing"),
            ("v1/browse/categories/party", "GET /v1/browse/categories/{}"),
            ("things/17/parts/", "GET /things/{}/parts"),
            ("", "GET /"),
        ] {
            let url = format!("https://api.example.test/{path}").parse().unwrap();
            let request = Request::new(reqwest::Method::GET, url);
            assert_eq!(name(&request), expected);
            assert_eq!(key(&request), key_of_name(expected));
            assert_eq!(canonical(expected).as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_endpoint_is_known_by_what_a_person_writes_down() {
        for name in [
            "GET /v1/tracks/{id}",
            "get /v1/tracks/{track_id}",
            "GET  /v1/tracks/11dFghVXANMlKmJXsNCbNl?market=DE",
            " GET /v1/tracks/{}/ ",
        ] {
            assert_eq!(canonical(name).as_deref(), Some("GET /v1/tracks/{}"), "{name}");
        }
        for name in ["", "tracks", "/v1/tracks/{}", "GET tracks", "GET", " / /"] {
            assert_eq!(canonical(name), None, "{name}");
        }
    }
}
