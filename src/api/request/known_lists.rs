//! The lists of Spotify by their URLs, so that a page goes on as it was asked for, wherever it is
//! from: inside of a playlist, or out of a program's own database.

use url::Url;

use super::observing::Endpoint;
use crate::api::scopes::{
    FOLLOW_READ, HISTORY_READ, LIBRARY_READ, PLAYBACK_POSITION, PLAYLIST_READ, PLAYLISTS_READ,
    SAVED_EPISODES_READ, TOP_READ,
};
use crate::oauth::Scope;

/// What is known of a list whose pages are at a URL.
pub(super) struct KnownList {
    pub(super) endpoint: Endpoint,
    pub(super) scopes: &'static [Scope],
    /// The field that its pages are in, where they are in one.
    pub(super) field: Option<&'static str>,
}

/// The list at `url`, whose path is this one below the base URL.
pub(super) fn known_list(url: &Url, path: &str) -> Option<KnownList> {
    let segments: Vec<_> = path.split('/').collect();
    let (pattern, scopes, field) =
        *LISTS.iter().find(|(pattern, ..)| Endpoint::fits(pattern, &segments))?;
    let field = match pattern {
        "search" => searched_field(url),
        _ => field,
    };
    Some(KnownList { endpoint: Endpoint::from_pattern(pattern), scopes, field })
}

/// The field of a search for one type; of several, nobody knows which is meant.
fn searched_field(url: &Url) -> Option<&'static str> {
    let (_, kind) = url.query_pairs().find(|(name, _)| name == "type")?;
    field_of_search(&kind)
}

/// The field in which a search has what it found of a type.
pub(crate) fn field_of_search(kind: &str) -> Option<&'static str> {
    PAGE_FIELDS.into_iter().find(|field| field.strip_suffix('s') == Some(kind))
}

/// The fields that pages are in.
pub(super) const PAGE_FIELDS: [&str; 8] =
    ["tracks", "artists", "albums", "playlists", "shows", "episodes", "audiobooks", "categories"];

/// Path, scopes, and the field that pages are in. The groups say the same of their endpoints.
const LISTS: &[(&str, &[Scope], Option<&str>)] = &[
    ("albums/{}/tracks", &[], None),
    ("artists/{}/albums", &[], None),
    ("audiobooks/{}/chapters", &[], None),
    ("browse/categories", &[], Some("categories")),
    ("browse/categories/{}/playlists", &[], Some("playlists")),
    ("browse/featured-playlists", &[], None),
    ("browse/new-releases", &[], Some("albums")),
    ("me/albums", LIBRARY_READ, None),
    ("me/audiobooks", LIBRARY_READ, None),
    ("me/episodes", SAVED_EPISODES_READ, None),
    ("me/following", FOLLOW_READ, Some("artists")),
    ("me/player/recently-played", HISTORY_READ, None),
    ("me/playlists", PLAYLISTS_READ, None),
    ("me/shows", LIBRARY_READ, None),
    ("me/top/artists", TOP_READ, None),
    ("me/top/tracks", TOP_READ, None),
    ("me/tracks", LIBRARY_READ, None),
    ("playlists/{}/items", PLAYLIST_READ, None),
    ("playlists/{}/tracks", PLAYLIST_READ, None),
    ("search", &[], None),
    ("shows/{}/episodes", PLAYBACK_POSITION, None),
    ("users/{}/playlists", PLAYLISTS_READ, None),
];
