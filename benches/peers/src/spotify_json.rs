//! What Spotify sends, field by field.

use serde_json::{Value, json};

/// A page of 50 playlist entries as recordings have them: `type` before what it says the kind of, and what is long
/// in front.
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
