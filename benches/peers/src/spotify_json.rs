//! What Spotify sends, field by field.

use serde_json::{Value, json};

/// A page of 50 playlist entries as recordings have them: `type` before what it says the kind of,
/// and what is long in front.
pub fn page_as_recorded(origin: &str) -> String {
    let items: Vec<_> = (0..50).map(|number| entry_as_recorded(&entry(number))).collect();
    let url = format!("{origin}/v1/playlists/x/items?offset=0&limit=50");
    format!(
        r#"{{"href":"{url}","items":[{}],"limit":50,"next":null,"offset":0,"previous":null,"total":50}}"#,
        items.join(",")
    )
}

fn entry_as_recorded(entry: &Value) -> String {
    let album = ordered(
        &entry["track"]["album"],
        "available_markets type album_type href id images name release_date release_date_precision uri artists \
         external_urls total_tracks",
        &[],
    );
    let track = ordered(
        &entry["track"],
        "preview_url available_markets explicit type album artists disc_number track_number duration_ms external_ids \
         external_urls href id name popularity uri is_local",
        &[("album", &album)],
    );
    let names = "added_at added_by is_local primary_color track video_thumbnail";
    ordered(entry, names, &[("track", &track)])
}

/// An object with its fields in this order, all of them; those of `written` are there already.
fn ordered(object: &Value, names: &str, written: &[(&str, &str)]) -> String {
    assert_eq!(object.as_object().unwrap().len(), names.split(' ').count());
    let fields = names.split(' ').map(|name| {
        let done = written.iter().find(|(of, _)| *of == name).map(|(_, text)| (*text).to_owned());
        format!(r#""{name}":{}"#, done.unwrap_or_else(|| object[name].to_string()))
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

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
    let (track, album, artist) = (id(number, 1), id(number / 3, 2), id(number / 5, 3));
    let artist = json!({
        "external_urls": { "spotify": format!("https://open.spotify.com/artist/{artist}") },
        "href": format!("https://api.spotify.com/v1/artists/{artist}"),
        "id": artist, "name": format!("Artist {}", number / 5), "type": "artist",
        "uri": format!("spotify:artist:{artist}"),
    });
    let image = |size: u32, prefix: &str| {
        let url = format!(
            "https://i.scdn.co/image/ab67616d0000{prefix}{}",
            id(number / 3, 4).to_lowercase()
        );
        json!({ "height": size, "url": url, "width": size })
    };
    json!({
        "album": {
            "album_type": "single", "artists": [artist], "available_markets": markets,
            "external_urls": { "spotify": format!("https://open.spotify.com/album/{album}") },
            "href": format!("https://api.spotify.com/v1/albums/{album}"),
            "id": album,
            "images": [image(640, "b273"), image(300, "1e02"), image(64, "4851")],
            "name": format!("Album {}", id(number / 3, 5)), "release_date": "2017-05-26",
            "release_date_precision": "day", "total_tracks": 1, "type": "album",
            "uri": format!("spotify:album:{album}"),
        },
        "artists": [artist], "available_markets": markets, "disc_number": 1,
        "duration_ms": 107_959 + number % 200_000, "explicit": false,
        "external_ids": { "isrc": format!("USUM7{:07}", number * 7919 % 10_000_000) },
        "external_urls": { "spotify": format!("https://open.spotify.com/track/{track}") },
        "href": format!("https://api.spotify.com/v1/tracks/{track}"),
        "id": track, "is_local": false,
        "name": format!("Cut To The Feeling {}", id(number, 6)), "popularity": number % 100, "preview_url": null,
        "track_number": number % 20, "type": "track", "uri": format!("spotify:track:{track}"),
    })
}

/// An id that no other thing has, so that pages compress as badly as real ones.
fn id(number: u32, kind: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut state = u64::from(number) << 8 | kind;
    let mut digit = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(DIGITS[(state >> 33) as usize % DIGITS.len()])
    };
    (0..22).map(|_| digit()).collect()
}

fn letter(number: u32) -> char {
    char::from_u32('A' as u32 + number % 26).unwrap()
}
