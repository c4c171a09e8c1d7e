//! What Spotify's editors and lawyers decide: categories, genres and markets.

use serde_json::{Value, json};

/// Id and name of each category.
pub(in super::super) const CATEGORIES: [(&str, &str); 4] = [
    ("toplists", "Top Lists"),
    ("party", "Party"),
    ("0JQ5DAqbMKFQ00XGBls6ym", "Hip-Hop"),
    ("focus", "Focus"),
];

/// What recommendations may start from.
pub(in super::super) const GENRES: [&str; 6] =
    ["acoustic", "afrobeat", "ambient", "dance", "jazz", "pop"];

pub(in super::super) fn category((id, name): (&str, &str)) -> Value {
    json!({
        "href": format!("https://api.spotify.com/v1/browse/categories/{id}"),
        "icons": [{ "url": format!("https://t.scdn.co/images/{id}"), "height": 274, "width": 274 }],
        "id": id,
        "name": name,
    })
}

pub(in super::super) fn markets() -> Value {
    json!(["AT", "CA", "CH", "DE", "FR", "GB", "JP", "NG", "SE", "US"])
}
