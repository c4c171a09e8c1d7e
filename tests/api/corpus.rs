//! Bodies in the shape that Spotify really sends (names, order, nulls, lengths; contents made up): read,
//! written back, and compared. No key is lost that is not named here with its reason.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spotify_web::model::{
    Album, Artist, ArtistAlbum, AudioFeatures, Audiobook, Category, Chapter, CurrentlyPlaying,
    CurrentlyPlayingContext, CursorPage, Device, Episode, Page, PlayHistory, Playlist,
    PlaylistItem, PrivateUser, PublicUser, Queue, Recommendations, SavedAlbum, SavedAudiobook,
    SavedEpisode, SavedShow, SavedTrack, SearchResults, Show, SimplifiedAudiobook,
    SimplifiedChapter, SimplifiedEpisode, SimplifiedPlaylist, SimplifiedShow, SimplifiedTrack,
    Snapshot, Track,
};

const ID: &str = "11dFghVXANMlKmJXsNCbNl";

/// What no model keeps, by the end of its path, and why.
const LOST: &[(&str, &str)] = &[
    (".type", "the model is the kind; where kinds mix, the enum is"),
    (".followers.href", "null in every recording"),
    (".track", "read as `item`; beside an item, it says what `type` says"),
    (".episode", "says what `type` says"),
    (".tracks", "of a playlist: read as `items`"),
    (".primary_color", "of an entry: null in every recording"),
    (".video_thumbnail", "its `url` is null in every recording"),
    (".disallows", "its flags are in `actions` itself"),
];

macro_rules! corpus {
    ($($model:ty => $body:expr;)+) => {
        #[test]
        fn no_key_is_lost() {
            $(keeps::<$model>(&$body);)+
        }

        /// Every place in turn null, missing, of the wrong type, in capitals; an unknown field in front.
        #[test]
        fn a_changed_place_costs_no_other() {
            $(changed::<$model>(&$body);)+
        }
    };
}

corpus! {
    Album => album_full();
    Page<SimplifiedTrack> => page(&json!([simple_track()]));
    Page<SavedAlbum> => page(&json!([{ "added_at": "2024-02-29T23:59:59Z", "album": album_full() }]));
    Artist => artist();
    Page<ArtistAlbum> => page(&json!([album()]));
    Audiobook => audiobook(true);
    Page<SimplifiedAudiobook> => page(&json!([audiobook(false)]));
    Page<SavedAudiobook> => page(&json!([{ "added_at": "2024-02-29T23:59:59Z", "audiobook": audiobook(false) }]));
    Page<SimplifiedChapter> => page(&json!([chapter()]));
    Chapter => with(chapter(), "audiobook", &audiobook(false));
    Category => json!({ "href": "h", "id": "toplists", "icons": [image()], "name": "Top Lists" });
    Show => with(show(), "episodes", &page(&json!([episode()])));
    Page<SavedShow> => page(&json!([{ "added_at": "2024-02-29T23:59:59Z", "show": show() }]));
    Page<SimplifiedShow> => page(&json!([show()]));
    Episode => with(episode(), "show", &show());
    Page<SimplifiedEpisode> => page(&json!([episode()]));
    Page<SavedEpisode> => page(&json!([{ "added_at": "2024-02-29T23:59:59Z", "episode": with(episode(), "show", &show()) }]));
    Track => track();
    Page<Track> => page(&json!([track()]));
    Page<SavedTrack> => page(&json!([{ "added_at": "2024-02-29T23:59:59Z", "track": track() }]));
    Playlist => with(
        playlist(&page(&json!([entry()]))),
        "followers",
        &json!({ "href": null, "total": 1 }),
    );
    Page<SimplifiedPlaylist> => page(&json!([playlist(&json!({ "href": "h", "total": 1 })), null]));
    Page<PlaylistItem> => page(&json!([entry(), entry()]));
    Snapshot => json!({ "snapshot_id": "AAAAAg" });
    SearchResults => json!({ "tracks": page(&json!([track()])), "artists": page(&json!([artist()])), "albums": page(&json!([album()])) });
    CurrentlyPlayingContext => player(true);
    CurrentlyPlaying => player(false);
    Device => device();
    Queue => json!({ "currently_playing": track(), "queue": [track(), with(episode(), "show", &show())] });
    CursorPage<PlayHistory> => json!({
        "items": [{ "track": track(), "played_at": "2024-02-29T23:59:59.123Z", "context": context() }],
        "next": "n", "cursors": { "after": "1", "before": "2" }, "limit": 1, "href": "h",
    });
    PrivateUser => json!({
        "display_name": "n", "external_urls": { "spotify": "s" }, "href": "h", "id": "u", "images": [], "type": "user",
        "uri": "spotify:user:u", "followers": { "href": null, "total": 1 }, "country": "DE", "product": "premium",
        "explicit_content": { "filter_enabled": false, "filter_locked": false }, "email": "u@example.com",
    });
    PublicUser => json!({
        "display_name": "n", "external_urls": { "spotify": "s" }, "href": "h", "id": "u", "images": [image()],
        "type": "user", "uri": "spotify:user:u", "followers": { "href": null, "total": 1 },
    });
    AudioFeatures => json!({
        "danceability": 0.5, "energy": 0.5, "key": 2, "loudness": -6.4, "mode": 1, "speechiness": 0.5,
        "acousticness": 0.01, "instrumentalness": 0, "liveness": 0.5, "valence": 0.5, "tempo": 115.5,
        "type": "audio_features", "id": ID, "uri": "u", "track_href": "t", "analysis_url": "a",
        "duration_ms": 207959, "time_signature": 4,
    });
    Recommendations => json!({
        "tracks": [track()],
        "seeds": [{ "initialPoolSize": 1, "afterFilteringSize": 1, "afterRelinkingSize": 1, "id": ID, "type": "ARTIST", "href": "h" }],
    });
}

fn keeps<T: DeserializeOwned + Serialize>(body: &Value) {
    let model: T = serde_json::from_str(&body.to_string()).unwrap();
    let written = serde_json::to_value(&model).unwrap();
    let mut lost = Vec::new();
    compare(body, &written, "", &mut lost);
    assert!(lost.is_empty(), "{}: {lost:?}", std::any::type_name::<T>());
}

fn compare(before: &Value, after: &Value, path: &str, lost: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                let path = format!("{path}.{name}");
                match after.get(name) {
                    Some(after) => compare(value, after, &path, lost),
                    None if LOST.iter().any(|(end, _)| path.ends_with(end)) => {}
                    None => lost.push(path),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(before, after, &format!("{path}[{index}]"), lost);
            }
            if before.len() != after.len() {
                lost.push(format!("{path}: {} of {}", after.len(), before.len()));
            }
        }
        (before, after) if same(before, after) => {}
        (before, after) => lost.push(format!("{path}: {before} became {after}")),
    }
}

fn same(before: &Value, after: &Value) -> bool {
    let lower = |value: &Value| value.as_str().map(str::to_lowercase);
    let moment = |value: &Value| value.as_str().is_some_and(|text| text.contains("T23:59:59"));
    before == after
        || before.as_f64().is_some_and(|number| after.as_f64() == Some(number))
        || lower(before).is_some_and(|text| lower(after) == Some(text))
        || moment(before) && moment(after)
}

fn changed<T: DeserializeOwned + Serialize>(body: &Value) {
    let others = [json!(null), json!(7), json!("x"), json!([]), json!({}), json!("SHOUTED")];
    for name in body.as_object().unwrap().keys() {
        for other in &others {
            let mut changed = body.clone();
            changed[name] = other.clone();
            let Ok(model) = serde_json::from_value::<T>(changed.clone()) else { continue };
            let mut written = serde_json::to_value(&model).unwrap();
            let (mut rest, mut lost) = (body.clone(), Vec::new());
            for side in [&mut rest, &mut written] {
                side.as_object_mut().unwrap().remove(name);
            }
            compare(&rest, &written, "", &mut lost);
            assert!(lost.is_empty(), "{name} as {other}: {lost:?}");
        }
    }
    let in_front = format!("{{\"unknown\":[{{}}],{}", &body.to_string()[1..]);
    assert!(serde_json::from_str::<T>(&in_front).is_ok(), "{in_front}");
}

fn with(mut object: Value, name: &str, value: &Value) -> Value {
    object[name] = value.clone();
    object
}

fn page(items: &Value) -> Value {
    json!({ "href": "h", "items": items, "limit": 20, "next": "n", "offset": 0, "previous": null, "total": 21 })
}

fn image() -> Value {
    json!({ "height": 640, "url": "https://i.scdn.co/image/x", "width": 640 })
}

fn simple_artist() -> Value {
    json!({ "external_urls": { "spotify": "s" }, "href": "h", "id": ID, "name": "n", "type": "artist", "uri": "u" })
}

fn artist() -> Value {
    json!({
        "external_urls": { "spotify": "s" }, "followers": { "href": null, "total": 7 }, "genres": ["pop"], "href": "h",
        "id": ID, "images": [image()], "name": "n", "popularity": 70, "type": "artist", "uri": "u",
    })
}

fn album() -> Value {
    json!({
        "album_type": "ALBUM", "total_tracks": 2, "available_markets": ["AD", "DE"], "external_urls": { "spotify": "s" },
        "href": "h", "id": ID, "images": [image()], "is_playable": true, "name": "n", "release_date": "2024-02",
        "release_date_precision": "month", "type": "album", "uri": "u", "artists": [simple_artist()],
    })
}

fn album_full() -> Value {
    let mut album = with(album(), "tracks", &page(&json!([simple_track()])));
    album["copyrights"] = json!([{ "text": "t", "type": "C" }]);
    album["external_ids"] = json!({ "upc": "1" });
    album["genres"] = json!([]);
    album["label"] = json!("l");
    album["popularity"] = json!(1);
    album
}

fn simple_track() -> Value {
    json!({
        "artists": [simple_artist()], "available_markets": ["AD", "DE"], "disc_number": 1, "duration_ms": 207959,
        "explicit": false, "external_urls": { "spotify": "s" }, "href": "h", "id": ID, "is_playable": true,
        "linked_from": { "external_urls": { "spotify": "s" }, "href": "h", "id": ID, "type": "track", "uri": "u" },
        "restrictions": { "reason": "market" }, "name": "n", "preview_url": null, "track_number": 1, "type": "track",
        "uri": "u", "is_local": false,
    })
}

fn track() -> Value {
    let mut track = with(simple_track(), "album", &album());
    track["external_ids"] = json!({ "isrc": "i" });
    track["popularity"] = json!(1);
    track
}

fn show() -> Value {
    json!({
        "available_markets": ["DE"], "copyrights": [], "description": "d", "explicit": false,
        "external_urls": { "spotify": "s" }, "href": "h", "html_description": "d", "id": ID, "images": [image()],
        "is_externally_hosted": false, "languages": ["en"], "media_type": "audio", "name": "n", "publisher": "p",
        "total_episodes": 1, "type": "show", "uri": "spotify:show:x",
    })
}

fn episode() -> Value {
    json!({
        "audio_preview_url": null, "description": "d", "duration_ms": 1, "explicit": false,
        "external_urls": { "spotify": "s" }, "href": "h", "html_description": "d", "id": ID, "images": [image()],
        "is_externally_hosted": false, "is_playable": true, "language": "en", "languages": ["en"], "name": "n",
        "release_date": "2024-02-29", "release_date_precision": "day",
        "resume_point": { "fully_played": false, "resume_position_ms": 0 }, "type": "episode", "uri": "u",
    })
}

fn audiobook(with_chapters: bool) -> Value {
    let book = json!({
        "authors": [{ "name": "a" }], "available_markets": ["DE"], "copyrights": [], "description": "d",
        "edition": "Unabridged", "explicit": false, "external_urls": { "spotify": "s" }, "href": "h",
        "html_description": "d", "id": ID, "images": [image()], "languages": ["en"], "media_type": "audio", "name": "n",
        "narrators": [{ "name": "n" }], "publisher": "p", "type": "audiobook", "uri": "spotify:show:x",
        "total_chapters": 1,
    });
    match with_chapters {
        true => with(book, "chapters", &page(&json!([chapter()]))),
        false => book,
    }
}

fn chapter() -> Value {
    let mut chapter = episode();
    chapter["chapter_number"] = json!(0);
    chapter["available_markets"] = json!(["DE"]);
    chapter["type"] = json!("episode");
    for name in ["language", "is_externally_hosted"] {
        chapter.as_object_mut().unwrap().remove(name);
    }
    chapter
}

fn user() -> Value {
    json!({ "external_urls": { "spotify": "s" }, "href": "h", "id": "u", "type": "user", "uri": "u" })
}

fn playlist(tracks: &Value) -> Value {
    json!({
        "collaborative": false, "description": "d", "external_urls": { "spotify": "s" },
        "href": "h", "id": ID, "images": [image()], "name": "n",
        "owner": with(user(), "display_name", &json!("o")), "primary_color": null, "public": true,
        "snapshot_id": "AAAAAg", "tracks": tracks, "type": "playlist", "uri": "u",
    })
}

fn entry() -> Value {
    let mut track = with(track(), "episode", &json!(false));
    track["track"] = json!(true);
    json!({
        "added_at": "2024-02-29T23:59:59Z", "added_by": user(), "is_local": false, "primary_color": null,
        "track": track, "video_thumbnail": { "url": null },
    })
}

fn context() -> Value {
    json!({ "external_urls": { "spotify": "s" }, "href": "h", "type": "playlist", "uri": "spotify:playlist:x" })
}

fn device() -> Value {
    json!({
        "id": "d", "is_active": true, "is_private_session": false, "is_restricted": false, "name": "n",
        "supports_volume": true, "type": "Computer", "volume_percent": 50,
    })
}

fn player(with_device: bool) -> Value {
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
