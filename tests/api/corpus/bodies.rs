//! Made-up contents in the shapes that were recorded.

use serde_json::{Value, json};

pub(super) const ID: &str = "11dFghVXANMlKmJXsNCbNl";

/// Where most things can be played.
const MARKETS: &str = "AE AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CG CH CI CL \
    CM CO CR CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ES ET FI FJ FM FR GA GB GD GE GH GM GN GQ GR GT GW GY HK HN HR HT \
    HU ID IE IL IN IQ IS IT JM JO JP KE KG KH KI KM KN KR KW KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK \
    ML MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PS PT PW PY QA RO RS RW SA SB SC \
    SE SG SI SK SL SM SN SR ST SV SZ TD TG TH TJ TL TN TO TR TT TV TW TZ UA UG US UY UZ VC VE VN VU WS XK ZA ZM ZW";

pub(super) fn markets() -> Value {
    MARKETS.split_whitespace().collect()
}

pub(super) fn images() -> Value {
    [640, 300, 64]
        .map(|size| json!({ "height": size, "url": "https://i.scdn.co/image/x", "width": size }))
        .into_iter()
        .collect()
}

pub(super) fn saved(name: &str, thing: &Value) -> Value {
    json!({ "added_at": "2024-02-29T23:59:59Z", name: thing })
}

pub(super) fn with(mut object: Value, name: &str, value: &Value) -> Value {
    object[name] = value.clone();
    object
}

pub(super) fn page(items: &Value) -> Value {
    json!({ "href": "h", "items": items, "limit": 20, "next": "n", "offset": 0, "previous": null, "total": 21 })
}

pub(super) fn image() -> Value {
    json!({ "height": 640, "url": "https://i.scdn.co/image/x", "width": 640 })
}

pub(super) fn simple_artist() -> Value {
    json!({ "external_urls": { "spotify": "s" }, "href": "h", "id": ID, "name": "n", "type": "artist", "uri": "u" })
}

pub(super) fn artist() -> Value {
    json!({
        "external_urls": { "spotify": "s" }, "followers": { "href": null, "total": 7 }, "genres": ["pop"], "href": "h",
        "id": ID, "images": images(), "name": "n", "popularity": 70, "type": "artist", "uri": "u",
    })
}

pub(super) fn album() -> Value {
    json!({
        "album_type": "ALBUM", "total_tracks": 2, "available_markets": markets(), "external_urls": { "spotify": "s" },
        "href": "h", "id": ID, "images": images(), "is_playable": true, "name": "n", "release_date": "2024-02",
        "release_date_precision": "month", "type": "album", "uri": "u", "artists": [simple_artist()],
    })
}

pub(super) fn album_full() -> Value {
    let mut album = with(album(), "tracks", &page(&json!([simple_track()])));
    album["copyrights"] = json!([{ "text": "t", "type": "C" }]);
    album["external_ids"] = json!({ "upc": "1" });
    album["genres"] = json!([]);
    album["label"] = json!("l");
    album["popularity"] = json!(1);
    album
}

pub(super) fn simple_track() -> Value {
    json!({
        "artists": [simple_artist()], "available_markets": markets(), "disc_number": 1, "duration_ms": 207959,
        "explicit": false, "external_urls": { "spotify": "s" }, "href": "h", "id": ID, "is_playable": true,
        "linked_from": { "external_urls": { "spotify": "s" }, "href": "h", "id": ID, "type": "track", "uri": "u" },
        "restrictions": { "reason": "market" }, "name": "n", "preview_url": null, "track_number": 1, "type": "track",
        "uri": "u", "is_local": false,
    })
}

pub(super) fn track() -> Value {
    let mut track = with(simple_track(), "album", &album());
    track["external_ids"] = json!({ "isrc": "i" });
    track["popularity"] = json!(1);
    track
}

pub(super) fn show() -> Value {
    json!({
        "available_markets": markets(), "copyrights": [], "description": "d", "explicit": false,
        "external_urls": { "spotify": "s" }, "href": "h", "html_description": "d", "id": ID, "images": images(),
        "is_externally_hosted": false, "languages": ["en"], "media_type": "audio", "name": "n", "publisher": "p",
        "total_episodes": 1, "type": "show", "uri": "spotify:show:x",
    })
}

pub(super) fn episode() -> Value {
    json!({
        "audio_preview_url": null, "description": "d", "duration_ms": 1, "explicit": false,
        "external_urls": { "spotify": "s" }, "href": "h", "html_description": "d", "id": ID, "images": images(),
        "is_externally_hosted": false, "is_playable": true, "language": "en", "languages": ["en"], "name": "n",
        "release_date": "2024-02-29", "release_date_precision": "day",
        "resume_point": { "fully_played": false, "resume_position_ms": 0 }, "type": "episode", "uri": "u",
    })
}

pub(super) fn audiobook(with_chapters: bool) -> Value {
    let book = json!({
        "authors": [{ "name": "a" }], "available_markets": markets(), "copyrights": [], "description": "d",
        "edition": "Unabridged", "explicit": false, "external_urls": { "spotify": "s" }, "href": "h",
        "html_description": "d", "id": ID, "images": images(), "languages": ["en"], "media_type": "audio", "name": "n",
        "narrators": [{ "name": "n" }], "publisher": "p", "type": "audiobook", "uri": "spotify:show:x",
        "total_chapters": 1,
    });
    match with_chapters {
        true => with(book, "chapters", &page(&json!([chapter()]))),
        false => book,
    }
}

pub(super) fn chapter() -> Value {
    let mut chapter = episode();
    chapter["chapter_number"] = json!(0);
    chapter["available_markets"] = json!(["DE"]);
    chapter["type"] = json!("episode");
    for name in ["language", "is_externally_hosted"] {
        chapter.as_object_mut().unwrap().remove(name);
    }
    chapter
}

pub(super) fn user() -> Value {
    json!({ "external_urls": { "spotify": "s" }, "href": "h", "id": "u", "type": "user", "uri": "u" })
}

pub(super) fn playlist(tracks: &Value) -> Value {
    json!({
        "collaborative": false, "description": "d", "external_urls": { "spotify": "s" },
        "href": "h", "id": ID, "images": images(), "name": "n",
        "owner": with(user(), "display_name", &json!("o")), "primary_color": null, "public": true,
        "snapshot_id": "AAAAAg", "tracks": tracks, "type": "playlist", "uri": "u",
    })
}

pub(super) fn entry() -> Value {
    let mut track = with(track(), "episode", &json!(false));
    track["track"] = json!(true);
    json!({
        "added_at": "2024-02-29T23:59:59Z", "added_by": user(), "is_local": false, "primary_color": null,
        "track": track, "video_thumbnail": { "url": null },
    })
}

pub(super) fn context() -> Value {
    json!({ "external_urls": { "spotify": "s" }, "href": "h", "type": "playlist", "uri": "spotify:playlist:x" })
}

pub(super) fn device() -> Value {
    json!({
        "id": "d", "is_active": true, "is_private_session": false, "is_restricted": false, "name": "n",
        "supports_volume": true, "type": "Computer", "volume_percent": 50,
    })
}

pub(super) fn player(with_device: bool) -> Value {
    let state = json!({
        "is_playing": true, "timestamp": 1_490_252_122_574_u64, "context": context(), "progress_ms": 44272,
        "item": track(), "currently_playing_type": "track",
        "actions": { "disallows": { "resuming": true } },
    });
    if !with_device {
        return state;
    }
    let mut state = with(state, "device", &device());
    state["shuffle_state"] = json!(false);
    state["smart_shuffle"] = json!(false);
    state["repeat_state"] = json!("off");
    state
}

pub(super) const TRACK_URI: &str = "spotify:track:11dFghVXANMlKmJXsNCbNl";

pub(super) fn full_episode() -> Value {
    with(episode(), "show", &show())
}

pub(super) fn entry_of_episode() -> Value {
    with(entry(), "track", &with(full_episode(), "episode", &json!(true)))
}

pub(super) fn full_playlist() -> Value {
    let playlist = playlist(&page(&json!([entry(), entry_of_episode()])));
    with(playlist, "followers", &json!({ "href": null, "total": 1 }))
}

/// Private ones are `null`.
pub(super) fn playlists() -> Value {
    let entries = json!({ "href": "h", "total": 1 });
    page(&json!([playlist(&entries), null]))
}

pub(super) fn snapshot() -> Value {
    json!({ "snapshot_id": "AAAAAg" })
}

pub(super) fn category() -> Value {
    json!({ "href": "h", "icons": [image()], "id": "toplists", "name": "Top Lists" })
}

pub(super) fn found() -> Value {
    json!({
        "albums": page(&json!([album(), album()])), "artists": page(&json!([artist()])),
        "audiobooks": page(&json!([audiobook(false), null])), "episodes": page(&json!([episode(), null])),
        "playlists": playlists(), "shows": page(&json!([show()])), "tracks": page(&json!([track(), track()])),
    })
}

pub(super) fn cursor_page(items: &Value) -> Value {
    json!({ "cursors": { "after": "1", "before": "2" }, "href": "h", "items": items, "limit": 20, "next": "n", "total": 21 })
}

pub(super) fn played() -> Value {
    json!({ "context": context(), "played_at": "2024-02-29T23:59:59.123Z", "track": track() })
}

pub(super) fn me() -> Value {
    json!({
        "country": "DE", "display_name": "n", "email": "u@example.com",
        "explicit_content": { "filter_enabled": false, "filter_locked": false }, "external_urls": { "spotify": "s" },
        "followers": { "href": null, "total": 1 }, "href": "h", "id": "u", "images": images(), "product": "premium",
        "type": "user", "uri": "spotify:user:u",
    })
}

pub(super) fn public_user() -> Value {
    json!({
        "display_name": "n", "external_urls": { "spotify": "s" }, "followers": { "href": null, "total": 1 },
        "href": "h", "id": "u", "images": images(), "type": "user", "uri": "spotify:user:u",
    })
}

pub(super) fn audio_features() -> Value {
    json!({
        "acousticness": 0.01, "analysis_url": "a", "danceability": 0.5, "duration_ms": 207959, "energy": 0.5, "id": ID,
        "instrumentalness": 0, "key": 2, "liveness": 0.5, "loudness": -6.4, "mode": 1, "speechiness": 0.5,
        "tempo": 115.5, "time_signature": 4, "track_href": "t", "type": "audio_features", "uri": "u", "valence": 0.5,
    })
}

pub(super) fn recommendations() -> Value {
    let seed = json!({
        "afterFilteringSize": 1, "afterRelinkingSize": 1, "href": "h", "id": ID, "initialPoolSize": 1, "type": "ARTIST",
    });
    json!({ "seeds": [seed], "tracks": [track(), track()] })
}

pub(super) fn audio_analysis() -> Value {
    let interval = json!({ "confidence": 0.5, "duration": 2.2, "start": 0.5 });
    let section = json!({
        "confidence": 1, "duration": 6.9, "key": 9, "key_confidence": 0.3, "loudness": -14.9, "mode": -1,
        "mode_confidence": 0.5, "start": 0, "tempo": 113.2, "tempo_confidence": 0.6, "time_signature": 4,
        "time_signature_confidence": 1,
    });
    let segment = json!({
        "confidence": 0.4, "duration": 0.2, "loudness_end": 0, "loudness_max": -14.3, "loudness_max_time": 0.1,
        "loudness_start": -23.1, "pitches": [0.2, 0.1, 0.4], "start": 0.7, "timbre": [42.1, 64.3, -40.1],
    });
    json!({
        "bars": [interval, interval], "beats": [interval],
        "meta": {
            "analysis_time": 6.9, "analyzer_version": "4.0.0", "detailed_status": "OK", "input_process": "libvorbisfile",
            "platform": "Linux", "status_code": 0, "timestamp": 1495193577,
        },
        "sections": [section], "segments": [segment, segment], "tatums": [interval],
        "track": {
            "analysis_channels": 1, "analysis_sample_rate": 22050, "code_version": 3.1, "codestring": "c",
            "duration": 207.9, "echoprint_version": 4.1, "echoprintstring": "e", "end_of_fade_in": 0, "key": 9,
            "key_confidence": 0.4, "loudness": -5.8, "mode": 0, "mode_confidence": 0.4, "num_samples": 4585515,
            "offset_seconds": 0, "rhythm_version": 1, "rhythmstring": "r", "sample_md5": "", "start_of_fade_out": 201.1,
            "synch_version": 1, "synchstring": "s", "tempo": 118.2, "tempo_confidence": 0.7, "time_signature": 4,
            "time_signature_confidence": 0.9, "window_seconds": 0,
        },
    })
}
