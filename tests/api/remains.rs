//! What is left of a thing when a part of it is bad, missing, or was not asked for.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spotify_web::SpotifyClient;
use spotify_web::model::{
    Album, CurrentlyPlayingContext, CursorPage, Page, PlayHistory, PlayableItem, Playlist,
    PlaylistItem, Queue, Recommendations, SavedAudiobook, SavedEpisode, SavedShow, SavedTrack,
    SimplifiedAlbum, SimplifiedShow, Track, from_json,
};
use spotify_web::testing::{FakeResponse, FakeSpotify};

use crate::common::PLAYLIST;

const ID: &str = "6SJQ8VzM5PlDy11wMtcD6v";
const DATE: &str = "2024-02-29T23:59:59Z";

/// By each way in; all agree, and what was read can be written.
fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(json: &Value) -> T {
    let value: T = from_json(json.to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::from_value::<T>(json.clone()).unwrap(), value);
    assert_eq!(serde_json::from_str::<T>(&json.to_string()).unwrap(), value);
    let again: T = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
    assert_eq!(again, value, "what was read can be written");
    value
}

fn fails<T: DeserializeOwned + Debug>(json: &Value) {
    let read = from_json::<T>(json.to_string().as_bytes());
    assert!(read.is_err(), "{json}: {read:?}");
    let read = serde_json::from_value::<T>(json.clone());
    assert!(read.is_err(), "{json}: {read:?}");
}

async fn fake_with(body: &Value) -> (FakeSpotify, SpotifyClient) {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::json(200, body));
    (fake, spotify)
}

fn track_shaped(images: &Value, artists: &Value) -> Value {
    json!({
        "type": "episode", "track": true, "id": ID, "name": "E",
        "album": { "type": "show", "name": "THE SHOW", "images": images, "release_date": "2024-01-02" },
        "artists": artists,
    })
}

#[test]
fn a_bad_part_of_a_track_shaped_episode_costs_itself() {
    let (images, artists) = (json!([{ "url": "u" }]), json!([{ "name": "PUB" }]));
    for shaped in [
        track_shaped(&json!([{ "url": "u" }, { "url": null }]), &artists),
        track_shaped(&json!([null, 7, { "url": "u" }, "x"]), &artists),
        track_shaped(&images, &json!([{ "name": "PUB" }, 7, {}])),
        track_shaped(&images, &json!([{}, { "name": "PUB" }])),
    ] {
        let player: CurrentlyPlayingContext = read(&json!({ "item": shaped }));
        let queue: Queue = read(&json!({ "currently_playing": null, "queue": [7, shaped] }));
        let page: Page<PlaylistItem> = read(&json!({ "items": [{ "track": shaped }] }));
        let entry = page.into_items().next().unwrap();
        for item in [
            read::<PlayableItem>(&shaped),
            player.item.unwrap(),
            queue.queue.last().unwrap().clone(),
            entry.item.unwrap(),
        ] {
            let PlayableItem::Episode(episode) = item else { panic!("{item:?}") };
            let show = episode.show.unwrap();
            assert_eq!((show.name.as_str(), show.publisher.as_deref()), ("THE SHOW", Some("PUB")));
            assert_eq!(episode.images[0].url, "u");
            assert!(episode.release_date.is_some());
        }
    }
}

#[test]
fn a_bad_part_does_not_hide_what_the_uri_says() {
    for bad in [json!({ "album": { "name": "a", "images": [7] } }), json!({ "artists": [7] })] {
        for (kind, is_track) in [("track", true), ("episode", false)] {
            let mut item = bad.clone();
            item["id"] = ID.into();
            item["uri"] = format!("spotify:{kind}:{ID}").into();
            let item: PlayableItem = read(&item);
            assert_eq!(matches!(item, PlayableItem::Track(_)), is_track, "{item:?}");
            assert_eq!(matches!(item, PlayableItem::Episode(_)), !is_track, "{item:?}");
        }
    }
}

#[test]
fn defaults_do_not_pass_for_things() {
    for body in [
        json!({}),
        json!({ "error": { "status": 500 } }),
        json!({ "error": "x", "error_description": "y" }),
        json!({ "id": null, "name": null, "uri": null, "images": null }),
        json!({ "name": "", "images": [], "artists": [], "external_urls": {} }),
    ] {
        fails::<SimplifiedAlbum>(&body);
        fails::<SimplifiedShow>(&body);
        fails::<PlaylistItem>(&body);
        fails::<SavedShow>(&body);
        fails::<SavedTrack>(&body);
        fails::<SavedAudiobook>(&body);
        let track: Track = read(&json!({ "id": ID, "album": body }));
        assert_eq!(track.album, None, "{body}");
    }
    for body in [json!({}), json!({ "error": { "status": 500 } }), json!({ "type": null })] {
        fails::<PlayableItem>(&body);
    }
}

#[tokio::test]
async fn an_error_in_a_list_is_no_podcast() {
    let body = json!({ "items": [
        { "added_at": DATE, "show": null }, { "error": { "status": 500 } }, {}, null,
        { "added_at": DATE }, { "id": ID, "name": "bare" },
    ]});
    let (_fake, spotify) = fake_with(&body).await;

    let shows = spotify.shows().saved().await.unwrap();

    let read = serde_json::to_value(&shows.items).unwrap();
    assert_eq!(shows.items.iter().filter(|it| it.is_item()).count(), 3, "{read}");
    assert_eq!((&read[0]["added_at"], &read[0]["show"]), (&json!(DATE), &Value::Null));
    assert_eq!(read[5]["show"]["name"], "bare");
}

#[tokio::test]
async fn whatever_was_asked_of_a_playlist_is_a_response() {
    for (fields, body) in [
        ("collaborative", json!({ "collaborative": false })),
        ("images", json!({ "images": [] })),
        ("images", json!({ "images": null })),
        ("description", json!({ "description": null })),
        ("public,collaborative", json!({ "public": null, "collaborative": false })),
        ("name", json!({ "name": "" })),
        ("type", json!({ "type": "playlist" })),
        ("primary_color", json!({ "primary_color": null })),
        ("external_urls", json!({ "external_urls": {} })),
        ("followers", json!({ "followers": null })),
        ("tracks", json!({ "tracks": null })),
    ] {
        let (_fake, spotify) = fake_with(&body).await;
        let list = spotify.playlists().get(PLAYLIST).fields(fields).await;
        assert!(list.is_ok(), "{fields}: {list:?}");
    }
    for body in [json!({}), json!({ "error": { "status": 500 } }), json!({ "message": "x" })] {
        let (_fake, spotify) = fake_with(&body).await;
        let list = spotify.playlists().get(PLAYLIST).fields("name").await;
        assert!(list.is_err(), "{list:?}");
    }
    let (_fake, spotify) = fake_with(&json!({ "name": "n" })).await;
    let list = spotify.playlists().get(PLAYLIST).fields("name").await.unwrap();
    assert_eq!(serde_json::to_value(&list).unwrap()["collaborative"], Value::Null);
}

#[test]
fn what_fields_leave_of_an_item_is_kept() {
    for item in [
        json!({ "type": "track", "album": { "images": [{ "url": "u" }] } }),
        json!({ "type": "track", "external_ids": { "isrc": "i" } }),
        json!({ "type": "track", "popularity": 7 }),
        json!({ "type": "track", "explicit": false }),
        json!({ "type": "track", "preview_url": "p" }),
        json!({ "type": "track", "external_urls": { "spotify": "s" } }),
        json!({ "type": "track", "available_markets": ["DE"] }),
        json!({ "type": "track", "is_playable": true }),
        json!({ "type": "track", "disc_number": 1 }),
    ] {
        let entry: PlaylistItem = read(&json!({ "item": item }));
        assert!(matches!(entry.item, Some(PlayableItem::Track(_))), "{item}: {entry:?}");
    }
    for item in [
        json!({ "type": "episode", "name": "x" }),
        json!({ "type": "episode", "id": 7, "name": "x" }),
        json!({ "type": "episode", "name": "x", "album": { "name": "a" } }),
        json!({ "id": ID, "name": "x" }),
        json!({ "name": "x" }),
        json!({ "type": "hologram", "name": "x" }),
        json!({ "type": "track", "id": null, "name": null, "uri": null }),
        json!({ "type": "track" }),
        json!({ "type": "episode" }),
        json!({ "duration_ms": 7 }),
    ] {
        let entry: PlaylistItem = read(&json!({ "added_at": DATE, "item": item }));
        assert_eq!(entry.item, Some(PlayableItem::Unknown(item.clone())));
        assert_eq!(entry.item.unwrap().name(), item["name"].as_str());
        let played: CurrentlyPlayingContext = read(&json!({ "item": item }));
        assert_eq!(played.item, Some(PlayableItem::Unknown(item)));
    }
}

#[test]
fn an_album_with_a_single_field_is_one() {
    for body in [
        json!({ "name": "a" }),
        json!({ "images": [{ "url": "u" }] }),
        json!({ "release_date": "2024" }),
        json!({ "uri": "u" }),
        json!({ "total_tracks": 7 }),
    ] {
        read::<SimplifiedAlbum>(&body);
    }
    read::<SimplifiedShow>(&json!({ "publisher": "p" }));
    read::<SimplifiedShow>(&json!({ "total_episodes": 7 }));
    read::<Album>(&json!({ "id": ID }));
}

#[test]
fn a_saved_thing_keeps_its_date_when_it_is_bad() {
    for bad in [json!(null), json!(7), json!("x"), json!({}), json!({ "error": "x" })] {
        let tracks: Page<SavedTrack> =
            read(&json!({ "items": [{ "added_at": DATE, "track": bad }] }));
        let shows: Page<SavedShow> = read(&json!({ "items": [{ "added_at": DATE, "show": bad }] }));
        let played: CursorPage<PlayHistory> = read(
            &json!({ "items": [{ "played_at": DATE, "track": bad, "context": { "uri": "u" } }] }),
        );
        let track = tracks.into_items().next().unwrap();
        assert!(track.added_at.is_some() && track.track.is_null() == bad.is_null());
        let show = shows.into_items().next().unwrap();
        assert!(show.added_at.is_some() && !show.show.is_item());
        if let Some(unreadable) = show.show.unreadable() {
            assert_eq!(unreadable.raw_json(), bad.to_string());
        }
        let played = played.into_items().next().unwrap();
        assert!(played.played_at.is_some() && played.context.is_some() && !played.track.is_item());
    }
    let bare: SavedAudiobook = read(&json!({ "added_at": DATE, "id": ID, "name": "Book" }));
    assert!(bare.added_at.is_some() && bare.audiobook.is_item());
    let mut shaped = track_shaped(&json!([{ "url": "u" }]), &json!([]));
    shaped["episode"] = false.into();
    let bare: SavedEpisode = read(&shaped);
    assert_eq!(bare.episode.item().unwrap().name, "E");
}

#[tokio::test]
async fn a_list_of_which_nothing_can_be_read_is_an_error() {
    for list in [json!([7, null]), json!([null, { "artists": 7 }, "x"]), json!([{ "error": "x" }])]
    {
        fails::<Recommendations>(&json!({ "seeds": [], "tracks": list }));
    }
    for list in [json!([]), json!([null]), json!([{ "id": ID }, 7])] {
        read::<Recommendations>(&json!({ "seeds": [], "tracks": list }));
    }
    let (_fake, spotify) = fake_with(&json!({ "devices": [7, null] })).await;
    assert!(spotify.player().devices().await.is_err());
    let (_fake, spotify) = fake_with(&json!({ "devices": [null] })).await;
    assert!(spotify.player().devices().await.unwrap().is_empty());
    fails::<Queue>(&json!({ "queue": [{}, null] }));
    read::<Queue>(&json!({ "queue": [] }));
    // Where the list is a part of a thing, it costs no more than itself.
    read::<Album>(&json!({ "id": ID, "images": [7] }));
}

#[test]
fn what_cannot_be_is_absent() {
    for number in [json!(-1), json!(-3.0), json!(1e300), json!(u64::MAX), json!("7"), json!(null)] {
        let track: Track = read(&json!({
            "id": ID, "name": null, "track_number": number, "popularity": number, "is_local": null,
        }));
        assert_eq!((track.track_number, track.popularity, track.is_local), (None, None, None));
        assert_eq!(PlayableItem::Track(Box::new(track)).name(), None);
        let page: Page<Track> = read(&json!({ "items": [], "total": number, "offset": number }));
        assert_eq!((page.total, page.offset), (None, None));
    }
    for number in [json!(-5), json!(-1.5), json!(1e30), json!(null)] {
        let state: CurrentlyPlayingContext =
            read(&json!({ "is_playing": true, "progress_ms": number, "timestamp": number }));
        assert_eq!((state.progress, state.timestamp), (None, None), "{number}");
    }
    let list: Playlist = read(&json!({ "id": PLAYLIST, "collaborative": null }));
    assert_eq!(list.collaborative, None);
    let track: Track = read(&json!({ "id": ID, "track_number": 640.0, "popularity": 0 }));
    assert_eq!((track.track_number, track.popularity), (Some(640), Some(0)));
}

/// Whoever asks whether a track stands in for another one must not be told so by `{}`. A
/// restriction that does not say why is still one.
#[test]
fn a_part_that_holds_nothing_is_absent() {
    for nothing in
        [json!({}), json!({ "id": null, "uri": null }), json!({ "x": 7 }), json!({ "id": 7 })]
    {
        let track: Track =
            read(&json!({ "id": ID, "linked_from": nothing, "restrictions": nothing }));
        assert_eq!(track.linked_from, None, "{nothing}");
        assert_eq!(track.restrictions.is_some(), nothing != json!({}), "{nothing}");
        let item: PlayableItem =
            read(&json!({ "id": ID, "type": "track", "linked_from": nothing }));
        let PlayableItem::Track(track) = item else { panic!("{item:?}") };
        assert_eq!(track.linked_from, None, "{nothing}");
        let list: Playlist = read(&json!({ "id": PLAYLIST, "owner": nothing }));
        assert_eq!(list.owner, None, "{nothing}");
        let entry: PlaylistItem = read(&json!({ "added_at": DATE, "added_by": nothing }));
        assert_eq!(entry.added_by, None, "{nothing}");
    }
    let track: Track = read(&json!({ "id": ID, "linked_from": { "id": ID } }));
    let list: Playlist = read(&json!({ "id": PLAYLIST, "owner": { "display_name": "u" } }));
    assert!(track.linked_from.is_some() && list.owner.is_some());
}

#[test]
fn any_field_of_a_page_is_a_page() {
    for body in [
        json!({ "total": 3 }),
        json!({ "href": "h", "total": 3 }),
        json!({ "next": null }),
        json!({ "limit": 3 }),
        json!({ "artists": { "href": "h", "total": 3 } }),
    ] {
        read::<CursorPage<PlayHistory>>(&body);
        read::<Page<Track>>(&body);
    }
    read::<Page<Track>>(&json!({ "offset": 0 }));
    read::<Page<Track>>(&json!({ "previous": null }));
    read::<CursorPage<PlayHistory>>(&json!({ "cursors": { "after": "a" } }));
    for body in [json!({}), json!({ "error": "x" }), json!({ "artists": null }), json!(7)] {
        fails::<CursorPage<PlayHistory>>(&body);
        fails::<Page<Track>>(&body);
    }
}

/// What the grammar of JSON allows, in any place.
#[tokio::test]
async fn what_is_json_is_no_error() {
    let id = format!("\"id\":\"{ID}\"");
    for track in [
        format!(r#"{{{id},"preview_url":"bad \ud83d"}}"#),
        format!(r#"{{{id},"name":"\ude00\ud83d\ud83d\ude00"}}"#),
        format!(r#"{{{id},"popularity":1e999,"unknown":[-1e999]}}"#),
        format!(r#"{{{id},"name":"a","name":"b","album":{{"name":"a","name":"b"}}}}"#),
        format!("\u{feff}{{{id}}}"),
    ] {
        assert_eq!(from_json::<Track>(track.as_bytes()).unwrap().id, Some(ID.parse().unwrap()));
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
        fake.next_api(FakeResponse::body(200, "application/json", track.clone()));
        assert!(spotify.tracks().get(ID).await.is_ok(), "{track}");

        let track = track.trim_start_matches('\u{feff}');
        let page = format!(r#"{{"items":[{track},{track}],"next":"\ud83d","total":1e999}}"#);
        let page: Page<Track> = from_json(page.as_bytes()).unwrap();
        assert_eq!(page.into_items().count(), 2);
        // Where nothing but an item has it, the item is read as well.
        let page = format!(r#"{{"items":[{track},7,{track}],"next":null}}"#);
        let page: Page<Track> = from_json(page.as_bytes()).unwrap();
        assert_eq!((page.items.len(), page.into_items().count()), (3, 2));
    }
    for broken in ["{\"id\":", "{\"id\":\"\\ud8\"}", "[1e999", "{\"a\":1,}"] {
        assert!(from_json::<Value>(broken.as_bytes()).is_err());
    }
}

/// Without `next`, the entries would end after those of the first page.
#[tokio::test]
async fn what_leads_on_is_asked_for_with_the_entries_of_a_playlist() {
    const KEYS: &str = "next,limit,offset,total";
    for (fields, sent) in [
        (
            "name,items(items(item(type,name)))",
            format!("name,items(items(item(type,name)),{KEYS})"),
        ),
        ("tracks(items,next), id", "tracks(items,next,limit,offset,total), id".to_owned()),
        ("tracks.items(track(name)),name", format!("tracks(items(track(name)),{KEYS}),name")),
        ("items.items", format!("items(items,{KEYS})")),
        ("items (items (name))", format!("items(items (name),{KEYS})")),
        ("id,name,tracks.total", "id,name,tracks.total".to_owned()),
        ("owner(items)", "owner(items)".to_owned()),
        ("items(total)", "items(total)".to_owned()),
        ("items", "items".to_owned()),
    ] {
        let (fake, spotify) = fake_with(&json!({ "name": "n" })).await;
        spotify.playlists().get(PLAYLIST).fields("id").fields(fields).await.unwrap();
        assert_eq!(fake.requests().last().unwrap().parameter("fields"), Some(sent.as_str()));
        fake.next_api(FakeResponse::json(200, &json!({ "name": "n" })));
        spotify.playlists().get(PLAYLIST).fields(fields).await.unwrap();
        assert_eq!(fake.requests().last().unwrap().parameter("fields"), Some(sent.as_str()));
    }
}
