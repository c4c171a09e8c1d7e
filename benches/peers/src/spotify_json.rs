//! What Spotify sends, field by field.

use serde_json::{Value, json};

/// A page of 50 playlist entries.
pub fn page(origin: &str, offset: u32, total: u32) -> Value {
    let items: Vec<_> = (offset..offset + 50).map(entry).collect();
    let url = |offset| format!("{origin}/v1/playlists/x/items?offset={offset}&limit=50");
    json!({
        "href": url(offset), "items": items, "limit": 50,
        "next": (offset + 50 < total).then(|| url(offset + 50)),
        "offset": offset, "previous": null, "total": total,
    })
}

fn entry(number: u32) -> Value {
    json!({
        "added_at": "2024-02-29T23:59:59Z",
        "added_by": {
            "external_urls": { "spotify": "https://open.spotify.com/user/wizzler" },
            "href": "https://api.spotify.com/v1/users/wizzler", "id": "wizzler", "type": "user",
            "uri": "spotify:user:wizzler",
        },
        "is_local": false,
        "primary_color": null,
        "track": track(number),
        "video_thumbnail": { "url": null },
    })
}

/// A track. The fields are in the order of the alphabet, as Spotify has them, so that `type` comes
/// last.
pub fn track(number: u32) -> Value {
    let markets: Vec<String> =
        (0..184).map(|it| format!("{}{}", letter(it / 26), letter(it % 26))).collect();
    let artist = json!({
        "external_urls": { "spotify": "https://open.spotify.com/artist/6sFIWsNpZYqfjUpaCgueju" },
        "href": "https://api.spotify.com/v1/artists/6sFIWsNpZYqfjUpaCgueju",
        "id": "6sFIWsNpZYqfjUpaCgueju", "name": "Carly Rae Jepsen", "type": "artist",
        "uri": "spotify:artist:6sFIWsNpZYqfjUpaCgueju",
    });
    json!({
        "album": {
            "album_type": "single", "artists": [artist], "available_markets": markets,
            "external_urls": { "spotify": "https://open.spotify.com/album/0tGPJ0bkWOUmH7MEOR77qc" },
            "href": "https://api.spotify.com/v1/albums/0tGPJ0bkWOUmH7MEOR77qc",
            "id": "0tGPJ0bkWOUmH7MEOR77qc",
            "images": [
                { "height": 640, "url": "https://i.scdn.co/image/ab67616d0000b273", "width": 640 },
                { "height": 300, "url": "https://i.scdn.co/image/ab67616d00001e02", "width": 300 },
                { "height": 64, "url": "https://i.scdn.co/image/ab67616d00004851", "width": 64 },
            ],
            "name": "Cut To The Feeling", "release_date": "2017-05-26",
            "release_date_precision": "day", "total_tracks": 1, "type": "album",
            "uri": "spotify:album:0tGPJ0bkWOUmH7MEOR77qc",
        },
        "artists": [artist], "available_markets": markets, "disc_number": 1,
        "duration_ms": 207_959, "explicit": false,
        "external_ids": { "isrc": "USUM71703861" },
        "external_urls": { "spotify": "https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl" },
        "href": "https://api.spotify.com/v1/tracks/11dFghVXANMlKmJXsNCbNl",
        "id": "11dFghVXANMlKmJXsNCbNl", "is_local": false,
        "name": format!("Cut To The Feeling {number}"), "popularity": 63, "preview_url": null,
        "track_number": number, "type": "track", "uri": "spotify:track:11dFghVXANMlKmJXsNCbNl",
    })
}

fn letter(number: u32) -> char {
    char::from_u32('A' as u32 + number % 26).unwrap()
}
