//! Decoding a page of 50 playlist entries, beside rspotify's models on the same bytes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

fn main() {
    let body = page().to_string();
    println!("a page of 50 playlist entries, {} KiB", body.len() / 1024);
    let ours = throughput(&body, |body| {
        let page: spotify_web::model::Page<spotify_web::model::PlaylistItem> =
            serde_json::from_str(body).unwrap();
        assert!(page.items.iter().all(Option::is_some));
        page
    });
    let theirs = throughput(&body, |body| {
        serde_json::from_str::<rspotify_model::Page<rspotify_model::PlaylistItem>>(body).unwrap()
    });
    let value = throughput(&body, |body| serde_json::from_str::<Value>(body).unwrap());
    println!("spotify-web       {ours:6.0} MB/s, {:.1} times rspotify", ours / theirs);
    println!("rspotify          {theirs:6.0} MB/s");
    println!("serde_json::Value {value:6.0} MB/s");
}

/// The median of many rounds, in megabytes a second.
fn throughput<T>(body: &str, decode: impl Fn(&str) -> T) -> f64 {
    let mut rounds: Vec<Duration> = (0..300)
        .map(|_| {
            let began = Instant::now();
            std::hint::black_box(decode(std::hint::black_box(body)));
            began.elapsed()
        })
        .collect();
    rounds.sort();
    body.len() as f64 / rounds[rounds.len() / 2].as_secs_f64() / 1e6
}

/// In the order of Spotify's fields, `type` last, as far as a map of ours keeps it.
fn page() -> Value {
    let items: Vec<_> = (0..50).map(item).collect();
    json!({
        "href": "https://api.spotify.com/v1/playlists/x/tracks?offset=0&limit=50",
        "items": items, "limit": 50, "next": null, "offset": 0, "previous": null, "total": 50,
    })
}

fn item(number: u32) -> Value {
    let markets: Vec<String> =
        (0..184).map(|it| format!("{}{}", letter(it / 26), letter(it % 26))).collect();
    let artist = json!({
        "external_urls": { "spotify": "https://open.spotify.com/artist/6sFIWsNpZYqfjUpaCgueju" },
        "href": "https://api.spotify.com/v1/artists/6sFIWsNpZYqfjUpaCgueju",
        "id": "6sFIWsNpZYqfjUpaCgueju", "name": "Carly Rae Jepsen", "type": "artist",
        "uri": "spotify:artist:6sFIWsNpZYqfjUpaCgueju",
    });
    json!({
        "added_at": "2024-02-29T23:59:59Z",
        "added_by": {
            "external_urls": { "spotify": "https://open.spotify.com/user/wizzler" },
            "href": "https://api.spotify.com/v1/users/wizzler", "id": "wizzler", "type": "user",
            "uri": "spotify:user:wizzler",
        },
        "is_local": false,
        "primary_color": null,
        "track": {
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
        },
        "video_thumbnail": { "url": null },
    })
}

fn letter(number: u32) -> char {
    char::from_u32('A' as u32 + number % 26).unwrap()
}
