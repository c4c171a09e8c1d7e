//! Entries without their thing, things without their entry, and parts that hold nothing.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spotify_web::model::{
    Album, AudioAnalysis, Episode, Page, PageItem, PlayHistory, PlayableItem, PlaylistItem,
    ReleaseDate, SavedAlbum, SavedAudiobook, SavedEpisode, SavedShow, SavedTrack, Track, from_json,
};

const ID: &str = "6SJQ8VzM5PlDy11wMtcD6v";
const DATE: &str = "2024-02-29T23:59:59Z";

/// By each way in; all agree, and what was read can be written.
#[track_caller]
fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(json: &Value) -> T {
    let value: T = from_json(json.to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::from_value::<T>(json.clone()).unwrap(), value);
    assert_eq!(serde_json::from_str::<T>(&json.to_string()).unwrap(), value);
    let again: T = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
    assert_eq!(again, value, "what was read can be written");
    value
}

#[test]
fn a_local_file_is_a_track_though_nothing_but_its_uri_says_so() {
    for uri in ["spotify:local:A:B:C:123", "spotify:local::::1", "SPOTIFY:local:a%20b:::9"] {
        let file = json!({ "uri": uri, "name": "C", "duration_ms": 1 });
        let entry: PlaylistItem = read(&json!({ "is_local": true, "item": file }));
        assert!(matches!(entry.item, Some(PlayableItem::Track(_))), "{entry:?}");
        assert!(matches!(read(&file), PlayableItem::Track(_)));
    }
}

#[test]
fn an_episode_whose_id_is_bad_has_that_of_its_uri() {
    for id in [json!(null), json!(7), json!(""), json!("short"), json!({})] {
        for uri in
            [format!("spotify:episode:{ID}"), format!("https://open.spotify.com/episode/{ID}")]
        {
            let item =
                json!({ "type": "episode", "id": id, "uri": uri, "name": "E", "description": "D" });
            let PlayableItem::Episode(episode) = read(&item) else { panic!("{item}") };
            assert_eq!((episode.id.as_str(), episode.description.as_deref()), (ID, Some("D")));
            let mut without_type = item.clone();
            without_type.as_object_mut().unwrap().remove("type");
            assert!(matches!(read(&without_type), PlayableItem::Episode(_)));
        }
    }
    let twice = format!(
        r#"{{"type":"episode","id":7,"id":"{ID}","name":"E","uri":"spotify:episode:{ID}"}}"#
    );
    let item: PlayableItem = from_json(twice.as_bytes()).unwrap();
    assert!(matches!(item, PlayableItem::Episode(_)), "{item:?}");
    let of_another =
        json!({ "type": "episode", "id": null, "uri": format!("spotify:track:{ID}"), "name": "E" });
    assert!(matches!(read(&of_another), PlayableItem::Unknown(_)));
}

#[test]
fn an_entry_without_its_thing_keeps_its_date() {
    fn check<T>(name: &str, thing: impl Fn(&T) -> &dyn Debug)
    where
        T: DeserializeOwned + Serialize + PartialEq + Debug,
    {
        let date = if name == "played" { "played_at" } else { "added_at" };
        let name = if name == "played" { "track" } else { name };
        for value in [None, Some(json!(null)), Some(json!(false)), Some(json!(7))] {
            let mut entry = json!({ date: DATE });
            if let Some(value) = &value {
                entry[name] = value.clone();
            }
            let entry: T = read(&entry);
            assert!(format!("{entry:?}").contains("2024-02-29"), "{entry:?}");
            assert!(!format!("{:?}", thing(&entry)).contains("Item"), "{entry:?}");
            let page: Page<T> = read(&json!({ "items": [entry] }));
            assert!(page.items[0].is_item());
        }
        let bare: T = read(&json!({ "id": ID, "name": "bare", date: DATE, "track": true }));
        assert!(format!("{:?}", thing(&bare)).contains("bare"), "{bare:?}");
        assert!(format!("{bare:?}").contains("2024-02-29"), "{bare:?}");
        for nothing in [
            json!({}),
            json!({ date: null }),
            json!({ "x": 1 }),
            json!({ "error": { "status": 500 } }),
        ] {
            assert!(from_json::<T>(nothing.to_string().as_bytes()).is_err(), "{nothing}");
        }
    }

    check::<SavedAlbum>("album", |it| &it.album);
    check::<SavedTrack>("track", |it| &it.track);
    check::<SavedEpisode>("episode", |it| &it.episode);
    check::<SavedShow>("show", |it| &it.show);
    check::<SavedAudiobook>("audiobook", |it| &it.audiobook);
    check::<PlayHistory>("played", |it| &it.track);
}

#[test]
fn a_thing_without_an_entry_around_it_is_the_item_of_a_playlist() {
    for more in [
        json!({}),
        json!({ "is_local": false }),
        json!({ "track": true, "episode": false }),
        json!({ "added_at": DATE }),
    ] {
        for (kind, is_track) in [("track", true), ("episode", false)] {
            let mut item = json!({ "type": kind, "id": ID, "name": "n", "uri": format!("spotify:{kind}:{ID}") });
            item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let page: Page<PlaylistItem> = read(&json!({ "items": [item, { "item": item }] }));
            let entry = page.items[0].item().unwrap();
            let inner = entry.item.as_ref().unwrap();
            assert_eq!(matches!(inner, PlayableItem::Track(_)), is_track, "{inner:?}");
            assert_eq!(entry.added_at.is_some(), more.get("added_at").is_some());
        }
    }
    let gone: PlaylistItem = read(&json!({ "added_at": DATE, "item": null }));
    assert_eq!(gone.item, None);
}

#[test]
fn an_item_that_cannot_be_read_keeps_what_it_came_as() {
    let deep = format!("{}{}", "[".repeat(140), "]".repeat(140));
    let too_deep =
        format!(r#"{{"items":[{{"item":{{"type":"clip","name":"n","uri":"u","x":{deep}}}}}]}}"#);
    let with_error = r#"{"items":[{"item":{"type":"clip","name":"n","uri":"u","error":"e"}}]}"#;
    let of_track = format!(
        r#"{{"items":[{{"item":{{"type":"track","id":"{ID}","name":"n","uri":"u","error":"e","x":{deep}}}}}]}}"#
    );
    for body in [too_deep.as_str(), with_error, &of_track] {
        let page: Page<PlaylistItem> = from_json(body.as_bytes()).unwrap();
        let item = page.into_items().next().unwrap().item.unwrap();
        assert_eq!((item.name(), item.uri()), (Some("n"), Some("u")), "{body}");
    }
    for nothing in [
        json!({ "error": "e" }),
        json!({ "error": { "status": 500 }, "id": null }),
        json!({ "error": "x", "error_description": "y" }),
    ] {
        assert!(from_json::<PlayableItem>(nothing.to_string().as_bytes()).is_err(), "{nothing}");
    }
}

#[test]
fn a_restriction_that_says_nothing_is_none() {
    for (restrictions, is_there) in [
        (json!({}), false),
        (json!(null), false),
        (json!({ "reason": null }), true),
        (json!({ "reason": { "code": 7 } }), true),
        (json!({ "cause": "new" }), true),
        (json!([]), false),
        (json!(7), false),
        (json!({ "reason": 7 }), true),
        (json!({ "reason": "market" }), true),
    ] {
        let json = json!({ "id": ID, "name": "n", "restrictions": restrictions });
        for body in [json!({ "items": [json] }), json!({ "items": [json, 7] })] {
            let text = body.to_string();
            let track: Page<Track> = from_json(text.as_bytes()).unwrap();
            let album: Page<Album> = from_json(text.as_bytes()).unwrap();
            let episode: Page<Episode> = from_json(text.as_bytes()).unwrap();
            let track = track.into_items().next().unwrap().restrictions;
            assert_eq!(track.is_some(), is_there, "{body}");
            assert_eq!(album.into_items().next().unwrap().restrictions, track, "{body}");
            assert_eq!(episode.into_items().next().unwrap().restrictions, track, "{body}");
        }
    }
}

#[test]
fn an_array_is_no_object() {
    let track: Track =
        read(&json!({ "id": ID, "artists": [[{}, null, null, "X"], { "name": "Y" }] }));
    assert_eq!(track.artists.len(), 1, "{track:?}");
    let track: Track = read(
        &json!({ "id": ID, "album": [null, null, [], {}, null, null, [], "X", null, null, null, null, []] }),
    );
    assert_eq!(track.album, None);
    let artist = json!({ "id": ID, "images": [["u", 1, 1], { "url": "v" }], "followers": [7], "external_urls": ["u"] });
    let artist: spotify_web::model::Artist = read(&artist);
    assert_eq!(
        (artist.images.len(), artist.followers, artist.external_urls.spotify),
        (1, None, None)
    );
    let page: Page<Episode> = read(
        &json!({ "items": [["a", "b"], { "id": ID, "resume_point": [true, 1], "restrictions": ["x"] }] }),
    );
    assert!(page.items[0].unreadable().is_some());
    let episode = page.into_items().next().unwrap();
    assert_eq!((episode.resume_point, episode.restrictions), (None, None));
    let analysis: AudioAnalysis =
        read(&json!({ "bars": [[1.0, 2.0, 3.0], { "start": 1.0 }], "track": {} }));
    assert_eq!(analysis.bars.len(), 1);
    assert!(from_json::<spotify_web::model::Snapshot>(br#"["s"]"#).is_err());
}

#[test]
fn a_pitch_class_that_is_missing_does_not_move_the_others() {
    for body in [
        json!({ "segments": [{ "pitches": [0.1, null, 0.3], "timbre": [1, "x", 3] }] }),
        json!({ "segments": [{ "pitches": [0.1, null, 0.3], "timbre": [1, "x", 3] }, 7] }),
    ] {
        let analysis: AudioAnalysis = from_json(body.to_string().as_bytes()).unwrap();
        let segment = &analysis.segments[0];
        assert_eq!(serde_json::to_value(&segment.pitches).unwrap(), json!([0.1, null, 0.3]));
        assert_eq!(serde_json::to_value(&segment.timbre).unwrap(), json!([1.0, null, 3.0]));
    }
}

#[test]
fn a_date_has_months_and_days_that_there_are() {
    for (text, written) in [
        ("0000-00-00", "0000"),
        ("2020-00-00", "2020"),
        ("2020-05-00", "2020-05"),
        ("2020-00", "2020"),
        ("2020-12-31", "2020-12-31"),
    ] {
        let date: ReleaseDate = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(date.to_string(), written);
        assert_eq!(written.parse(), Ok(date));
    }
    for text in ["2020-13-45", "2020-13", "2020-12-32", "2020-99-01", "2020-00-05", "0000-13-01"] {
        assert!(text.parse::<ReleaseDate>().is_err(), "{text}");
        let album: Album = read(&json!({ "id": ID, "release_date": text }));
        assert_eq!(album.release_date, None);
    }
}

#[test]
fn a_podcast_in_the_shape_of_an_album_has_the_publisher_that_has_a_name() {
    for (artists, publisher) in [
        (json!([{ "id": ID }, { "name": "P" }]), Some("P")),
        (json!([{ "id": ID, "name": "" }]), None),
        (json!([]), None),
    ] {
        let item = json!({ "type": "episode", "id": ID, "name": "E", "album": { "name": "S" }, "artists": artists });
        let PlayableItem::Episode(episode) = read(&item) else { panic!() };
        assert_eq!(episode.show.unwrap().publisher.as_deref(), publisher, "{artists}");
    }
}

/// What is left where an entry has nothing at all.
#[test]
fn a_place_with_nothing_is_no_item() {
    let page: Page<PlaylistItem> = read(&json!({ "items": [{}, 7, null] }));
    assert!(!page.items.iter().any(PageItem::is_item));
}
