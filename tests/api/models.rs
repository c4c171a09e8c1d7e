//! Models take what Spotify really sends, and give back what they took.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spotify_web::model::{
    Album, AlbumId, AlbumType, Artist, ArtistAlbum, AudioAnalysis, AudioFeatures, Audiobook,
    Category, Chapter, Context, CurrentlyPlaying, CurrentlyPlayingContext, CursorPage, Device,
    DeviceKind, Disallows, Episode, IdKind, Market, PlayHistory, PlayableItem, Playlist,
    PlaylistItem, PrivateUser, PublicUser, Queue, Recommendations, ReleaseDate, SavedAlbum,
    SavedAudiobook, SavedEpisode, SavedShow, SavedTrack, SearchResults, Show, SimplifiedAlbum,
    SimplifiedArtist, SimplifiedAudiobook, SimplifiedChapter, SimplifiedEpisode,
    SimplifiedPlaylist, SimplifiedShow, SimplifiedTrack, Snapshot, Track, TrackId,
};
use std::fmt::Debug;

const DATE: &str = "2024-02-29T23:59:59Z";
const ID: &str = "11dFghVXANMlKmJXsNCbNl";

/// Does something with each model, its full shape, and the fields that it cannot do without.
macro_rules! for_each_model {
    ($do:ident) => {
        $do::<SimplifiedArtist>(&artist(), &["id"]);
        $do::<Artist>(&artist(), &["id"]);
        $do::<SimplifiedAlbum>(&album(), &["id"]);
        $do::<ArtistAlbum>(&album(), &["id"]);
        $do::<Album>(&album(), &["id"]);
        $do::<SimplifiedTrack>(&track(), &["id"]);
        $do::<Track>(&track(), &["id"]);
        $do::<SimplifiedShow>(&show(), &["id"]);
        $do::<Show>(&show(), &["id"]);
        $do::<SimplifiedEpisode>(&episode(), &["id"]);
        $do::<Episode>(&episode(), &["id"]);
        $do::<SimplifiedAudiobook>(&audiobook(), &["id"]);
        $do::<Audiobook>(&audiobook(), &["id"]);
        $do::<SimplifiedChapter>(&chapter(), &["id"]);
        $do::<Chapter>(&chapter(), &["id"]);
        $do::<Playlist>(&playlist(), &["id"]);
        $do::<SimplifiedPlaylist>(&playlist(), &["id"]);
        $do::<PlaylistItem>(&playlist_item(), &["item"]);
        $do::<SearchResults>(&json!({ "artists": page(&json!([artist()])), "tracks": null }), &["artists"]);
        $do::<SavedAlbum>(&json!({ "added_at": DATE, "album": album() }), &["album"]);
        $do::<SavedTrack>(&json!({ "added_at": DATE, "track": track() }), &["track"]);
        $do::<SavedEpisode>(&json!({ "added_at": DATE, "episode": episode() }), &["episode"]);
        $do::<SavedShow>(&json!({ "added_at": DATE, "show": show() }), &["show"]);
        $do::<SavedAudiobook>(&json!({ "added_at": DATE, "audiobook": audiobook() }), &["audiobook"]);
        $do::<PublicUser>(&user(), &["id"]);
        $do::<PrivateUser>(&user(), &["id"]);
        $do::<Category>(&category(), &["id"]);
        $do::<Device>(&device(), &["id"]);
        $do::<Context>(&context(), &["uri"]);
        $do::<CurrentlyPlaying>(&playing(), &["is_playing"]);
        $do::<CurrentlyPlayingContext>(&playing(), &["is_playing"]);
        $do::<Queue>(&json!({ "currently_playing": episode(), "queue": [track(), null] }), &["queue"]);
        $do::<PlayHistory>(&played(), &["track"]);
        $do::<CursorPage<PlayHistory>>(&cursor_page(), &["items"]);
        $do::<AudioFeatures>(&audio_features(), &["id"]);
        $do::<AudioAnalysis>(&audio_analysis(), &["track"]);
        $do::<Recommendations>(&recommendations(), &["tracks"]);
        $do::<Snapshot>(&json!({ "snapshot_id": "s" }), &["snapshot_id"]);
    };
}

#[path = "models/readings.rs"]
mod readings;

#[test]
fn every_model_reads_its_full_and_its_least_shape() {
    for_each_model!(check);
}

/// Whatever is changed in what Spotify sends: an error or a value, and the value can be sent back.
#[test]
fn no_change_to_a_shape_makes_a_model_panic() {
    for_each_model!(mutate);
    for_each_model!(grow);
}

#[test]
fn a_track_is_read_to_its_last_field() {
    let track: Track = serde_json::from_value(track()).unwrap();

    assert_eq!(track.id, Some(ID.parse().unwrap()));
    assert_eq!(track.duration, Some(Duration::from_millis(207_959)));
    assert_eq!(
        (track.disc_number, track.track_number, track.popularity),
        (Some(1), Some(2), Some(63))
    );
    assert_eq!(
        track.available_markets,
        ["DE", "SE"].map(|market| market.parse::<Market>().unwrap())
    );
    assert_eq!(track.external_ids.isrc.as_deref(), Some("USUM71703861"));
    assert_eq!(track.linked_from.unwrap().id, Some(ID.parse().unwrap()));
    assert_eq!(track.restrictions.unwrap().reason.as_deref(), Some("market"));
    let album = track.album.unwrap();
    assert_eq!(album.album_type, Some(AlbumType::Unknown("mixtape".into())));
    assert_eq!(album.images[0].height, Some(640));
    assert_eq!(album.release_date.unwrap().to_string(), "2017-05");
    assert_eq!(track.artists[0].name, "Carly Rae Jepsen");
    assert_eq!(track.explicit, Some(true));
}

/// Functions of the models' own with the names of the trait's would be called in their place.
#[test]
fn the_functions_of_serde_are_those_of_its_traits() {
    let old_name = json!({ "track": { "type": "track", "name": "old" }, "added_at": DATE });
    let entry = PlaylistItem::deserialize(&old_name).unwrap();
    assert_eq!(entry.item.as_ref().unwrap().name(), Some("old"));
    let list = json!({ "id": "3cEYpjA9oz9GiPac4AsH4n", "tracks": { "total": 3 } });
    assert_eq!(SimplifiedPlaylist::deserialize(&list).unwrap().items.unwrap().total, Some(3));

    let nothing = json!({});
    assert!(Track::deserialize(&nothing).is_err());
    assert!(SimplifiedTrack::deserialize(&nothing).is_err());
    assert!(SimplifiedArtist::deserialize(&nothing).is_err());
    assert!(SimplifiedAlbum::deserialize(&nothing).is_err());
    assert!(SimplifiedShow::deserialize(&nothing).is_err());
    assert!(Device::deserialize(&nothing).is_err());
    assert!(Context::deserialize(&nothing).is_err());
    assert!(CurrentlyPlaying::deserialize(&nothing).is_err());
    assert!(SearchResults::deserialize(&nothing).is_err());
    assert!(AudioAnalysis::deserialize(&nothing).is_err());
}

#[test]
fn the_new_name_is_preferred_where_both_are_sent() {
    let track = |name: &str| json!({ "type": "track", "name": name });
    for (entry, name) in [
        (json!({ "track": track("old") }), "old"),
        (json!({ "item": track("new") }), "new"),
        (json!({ "track": track("old"), "item": track("new") }), "new"),
        (json!({ "track": track("old"), "item": null }), "old"),
    ] {
        let entry: PlaylistItem = serde_json::from_value(entry).unwrap();
        assert_eq!(entry.item.unwrap().name(), Some(name));
    }
}

#[test]
fn kinds_that_nobody_has_heard_of_are_kept() {
    let hologram = json!({ "type": "hologram", "uri": "spotify:hologram:1", "name": "Soon" });
    let item: PlayableItem = serde_json::from_value(hologram.clone()).unwrap();

    assert_eq!((item.uri(), item.name()), (Some("spotify:hologram:1"), Some("Soon")));
    assert_eq!(serde_json::to_value(&item).unwrap(), hologram);
    assert_eq!(IdKind::from("hologram").to_string(), "hologram");
}

#[test]
fn what_is_playing_is_read_to_its_last_field() {
    let state: CurrentlyPlayingContext = serde_json::from_value(playing()).unwrap();

    let device = state.device.unwrap();
    assert_eq!(
        (device.volume_percent, device.kind),
        (Some(59), Some(DeviceKind::Unknown("Fridge".into())))
    );
    assert_eq!(state.timestamp.unwrap().timestamp_millis(), 1_490_252_122_574);
    assert_eq!(state.progress, Some(Duration::from_millis(44_272)));
    assert_eq!(state.context.unwrap().kind, Some(IdKind::Playlist));
    assert_eq!((state.actions.pausing, state.actions.resuming), (None, Some(true)));
    assert_eq!((state.is_playing, state.shuffle_state), (Some(true), Some(true)));
    let bare: CurrentlyPlaying =
        serde_json::from_value(json!({ "actions": { "pausing": true } })).unwrap();
    assert_eq!(bare.actions.pausing, Some(true));
    let none = json!({ "actions": null, "is_playing": false });
    let none: CurrentlyPlaying = serde_json::from_value(none).unwrap();
    assert_eq!(none.actions, Disallows::default());
}

#[test]
fn release_dates_have_three_precisions() {
    for (text, parts) in [
        ("1981", (1981, None, None)),
        ("1981-12", (1981, Some(12), None)),
        ("1981-12-15", (1981, Some(12), Some(15))),
        ("0000", (0, None, None)),
    ] {
        let date: ReleaseDate = text.parse().unwrap();
        assert_eq!((date.year(), date.month(), date.day()), parts);
        assert_eq!(date.to_string(), text);
    }
    for text in ["", "81", "1981-", "1981-1", "1981-12-15-1", "1981-12-15T00:00", "-981", "१९८१"]
    {
        assert!(text.parse::<ReleaseDate>().is_err(), "{text}");
    }
    assert_eq!("2023-02-30".parse::<ReleaseDate>().unwrap().earliest(), None);
    assert_eq!(
        "2024-02".parse::<ReleaseDate>().unwrap().earliest().unwrap().to_string(),
        "2024-02-01"
    );
}

#[test]
fn ids_are_small_and_copied() {
    assert_eq!(size_of::<AlbumId>(), 22);
    let id: TrackId = ID.parse().unwrap();
    let copy = id;
    assert_eq!(id, copy);
    assert_eq!(id.url(), format!("https://open.spotify.com/track/{ID}"));
    assert_eq!(format!("{id:?}"), format!("TrackId({ID})"));
}

proptest! {
    #[test]
    fn no_text_makes_an_id_panic(text in any::<String>()) {
        let _ = text.parse::<TrackId>();
        let _ = format!("spotify:{text}").parse::<TrackId>();
        let _ = format!("https://open.spotify.com/{text}").parse::<TrackId>();
    }

    #[test]
    fn an_id_survives_its_uri_and_its_url(id in "[0-9A-Za-z]{22}") {
        let id: TrackId = id.parse().unwrap();
        prop_assert_eq!(id.uri().parse::<TrackId>().unwrap(), id);
        prop_assert_eq!(id.url().parse::<TrackId>().unwrap(), id);
    }

    #[test]
    fn a_release_date_survives_its_text(year in 0_u16..10_000, month in 1_u8..13, day in 1_u8..29) {
        for text in [format!("{year:04}"), format!("{year:04}-{month:02}"), format!("{year:04}-{month:02}-{day:02}")] {
            prop_assert_eq!(text.parse::<ReleaseDate>().unwrap().to_string(), text);
        }
    }
}

/// Reads a model in its full shape, with unknown fields, with each field missing, `null` or a float
/// in turn, and with all but `required` gone; and back again.
fn check<T: DeserializeOwned + Serialize + PartialEq + Debug>(full: &Value, required: &[&str]) {
    let read = |json: &Value| -> T {
        serde_json::from_value(json.clone())
            .unwrap_or_else(|error| panic!("{}: {error} in {json}", std::any::type_name::<T>()))
    };
    let model = read(full);
    let again: T = serde_json::from_value(serde_json::to_value(&model).unwrap()).unwrap();
    assert_eq!(again, model);

    let fields: Vec<_> = full.as_object().unwrap().keys().cloned().collect();
    let mut least = full.clone();
    for field in &fields {
        let mut one = full.clone();
        one["an unknown field"] = json!({ "x": [1] });
        if let Some(number) = one[field].as_u64() {
            one[field] = json!(number as f64);
            assert_eq!(read(&one), model, "{field} as a float");
        }
        if !required.contains(&field.as_str()) {
            one[field] = Value::Null;
            let with_null = read(&one);
            one.as_object_mut().unwrap().remove(field);
            let without = read(&one);
            // A page that is the last says so with `null`.
            let is_as_null = field != "next";
            assert_eq!(without == with_null, is_as_null, "{field} missing is as null");
            least.as_object_mut().unwrap().remove(field);
        }
    }
    read(&least);
}

/// Puts something else in each place of the shape in turn, and in random places together.
fn mutate<T: DeserializeOwned + Serialize + PartialEq + Debug>(full: &Value, _: &[&str]) {
    let others = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!("x"),
        json!([]),
        json!([[null]]),
        json!({}),
        json!(true),
    ];
    let mut random = fastrand::Rng::with_seed(7);
    let places = pointers(full);
    for place in &places {
        for other in &others {
            let mut changed = full.clone();
            *changed.pointer_mut(place).unwrap() = other.clone();
            read_and_back::<T>(&changed);
        }
    }
    for _ in 0..200 {
        let mut changed = full.clone();
        for _ in 0..random.usize(2..6) {
            let place = &places[random.usize(..places.len())];
            if let Some(value) = changed.pointer_mut(place) {
                *value = others[random.usize(..others.len())].clone();
            }
        }
        read_and_back::<T>(&changed);
    }
    // As deep as a server can make it.
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let _ = serde_json::from_str::<T>(&deep);
}

/// Puts any tree of JSON in any place of the shape.
fn grow<T: DeserializeOwned + Serialize + PartialEq + Debug>(full: &Value, _: &[&str]) {
    let places = pointers(full);
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() };
    // The same trees each time, so that a change is what makes it red.
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let changes = (0..places.len(), json_tree());
    runner
        .run(&changes, |(place, tree)| {
            let mut changed = full.clone();
            *changed.pointer_mut(&places[place]).unwrap() = tree;
            read_and_back::<T>(&changed);
            let from_text = serde_json::from_str::<T>(&changed.to_string());
            prop_assert_eq!(from_text.is_ok(), serde_json::from_value::<T>(changed).is_ok());
            Ok(())
        })
        .unwrap();
}

fn json_tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Eighths: `serde_json` may be wrong in the last of 17 digits.
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        any::<String>().prop_map(Value::from),
        "(track|episode|album|spotify:[a-z]{4,6}:[0-9A-Za-z]{22}|[A-Z]{2}|20[0-9]{2}-[0-9]{2})"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let name = "(type|id|items|track|item|available_markets|href|[a-z]{0,4})";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn read_and_back<T: DeserializeOwned + Serialize + PartialEq + Debug>(json: &Value) {
    if let Ok(model) = serde_json::from_value::<T>(json.clone()) {
        let again: T = serde_json::from_value(serde_json::to_value(&model).unwrap()).unwrap();
        assert_eq!(again, model);
    }
}

/// The places in a value, as JSON pointers.
fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(list) => {
            list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    let below = children.into_iter().flat_map(|(name, value)| {
        pointers(value).into_iter().map(move |pointer| format!("/{name}{pointer}"))
    });
    std::iter::once(String::new()).chain(below).collect()
}

fn artist() -> Value {
    json!({
        "external_urls": { "spotify": "https://open.spotify.com/artist/x" },
        "followers": { "href": null, "total": 12.0 },
        "genres": ["pop", null],
        "href": "https://api.spotify.com/v1/artists/x",
        "id": ID,
        "images": [image(), null],
        "name": "Carly Rae Jepsen",
        "popularity": 80,
        "type": "artist",
        "uri": "spotify:artist:x",
    })
}

fn album() -> Value {
    json!({
        "album_type": "mixtape",
        "album_group": "appears_on",
        "total_tracks": 9,
        "available_markets": ["DE", "SE", "not a market", null],
        "external_urls": { "spotify": null },
        "href": "https://api.spotify.com/v1/albums/x",
        "id": ID,
        "images": [image()],
        "name": "Kindness",
        "release_date": "2017-05",
        "release_date_precision": "month",
        "restrictions": { "reason": "product" },
        "type": "album",
        "uri": "spotify:album:x",
        "artists": [artist(), null],
        "tracks": page(&json!([null, { "name": "simplified" }])),
        "copyrights": [{ "text": "(C)", "type": "C" }, { "text": null }],
        "external_ids": { "isrc": "a", "ean": "b", "upc": "c" },
        "genres": [],
        "label": "604",
        "popularity": 63,
    })
}

fn track() -> Value {
    let mut album = album();
    album.as_object_mut().unwrap().remove("tracks");
    json!({
        "album": album,
        "artists": [artist()],
        "available_markets": ["DE", "SE"],
        "disc_number": 1,
        "duration_ms": 207_959,
        "explicit": true,
        "external_ids": { "isrc": "USUM71703861" },
        "external_urls": { "spotify": "https://open.spotify.com/track/x" },
        "href": "https://api.spotify.com/v1/tracks/x",
        "id": ID,
        "is_playable": false,
        "linked_from": { "external_urls": {}, "href": "x", "id": ID, "type": "track", "uri": "x" },
        "restrictions": { "reason": "market" },
        "name": "Cut To The Feeling",
        "popularity": 63,
        "preview_url": "https://p.scdn.co/x",
        "track_number": 2,
        "type": "track",
        "uri": "spotify:track:x",
        "is_local": false,
    })
}

fn show() -> Value {
    json!({
        "available_markets": ["DE"],
        "copyrights": [],
        "description": "d",
        "html_description": "<p>d</p>",
        "explicit": false,
        "external_urls": {},
        "href": "x",
        "id": ID,
        "images": [image()],
        "is_externally_hosted": false,
        "languages": ["en"],
        "media_type": "audio",
        "name": "Packets",
        "publisher": "p",
        "type": "show",
        "uri": "spotify:show:x",
        "total_episodes": 7,
        "episodes": page(&json!([{ "id": ID, "name": "Localhost" }, null])),
    })
}

fn episode() -> Value {
    json!({
        "audio_preview_url": "x",
        "description": "d",
        "html_description": "<p>d</p>",
        "duration_ms": 1000,
        "explicit": true,
        "external_urls": {},
        "href": "x",
        "id": ID,
        "images": [image()],
        "is_externally_hosted": true,
        "is_playable": true,
        "language": "en",
        "languages": ["en"],
        "name": "Localhost",
        "release_date": "0000",
        "release_date_precision": "decade",
        "resume_point": { "fully_played": null, "resume_position_ms": -1 },
        "type": "episode",
        "uri": "spotify:episode:x",
        "restrictions": { "reason": "explicit" },
        "show": show(),
    })
}

fn audiobook() -> Value {
    json!({
        "authors": [{ "name": "A" }],
        "available_markets": ["DE"],
        "copyrights": [],
        "description": "d",
        "html_description": "<p>d</p>",
        "edition": "Unabridged",
        "explicit": false,
        "external_urls": {},
        "href": "x",
        "id": ID,
        "images": [image()],
        "languages": ["en"],
        "media_type": "audio",
        "name": "Sockets",
        "narrators": [{ "name": null }],
        "publisher": "p",
        "type": "audiobook",
        "uri": "spotify:show:x",
        "total_chapters": 51,
        "chapters": page(&json!([{ "id": ID, "chapter_number": 0.0 }])),
    })
}

fn playlist() -> Value {
    json!({
        "collaborative": true,
        "description": "d",
        "external_urls": {},
        "followers": { "href": null, "total": 5 },
        "href": "x",
        "id": ID,
        "images": null,
        "name": "Mixed Bag",
        "owner": { "external_urls": {}, "href": "x", "id": "jm perez", "type": "user", "uri": "x", "display_name": "JM" },
        "public": true,
        "snapshot_id": "x",
        "items": page(&json!([playlist_item()])),
        "tracks": page(&json!([null])),
        "type": "playlist",
        "uri": "spotify:playlist:x",
    })
}

fn playlist_item() -> Value {
    json!({
        "added_at": "2024-02-29T23:59:59Z",
        "added_by": { "external_urls": {}, "href": "x", "id": "jm perez", "type": "user", "uri": "x" },
        "is_local": false,
        "item": episode(),
        "track": track(),
    })
}

fn chapter() -> Value {
    json!({
        "audio_preview_url": "x",
        "available_markets": ["DE"],
        "chapter_number": 1,
        "description": "d",
        "html_description": "<p>d</p>",
        "duration_ms": 1000,
        "explicit": false,
        "external_urls": {},
        "href": "x",
        "id": ID,
        "images": [image()],
        "is_playable": true,
        "languages": ["en"],
        "name": "One",
        "release_date": "2020",
        "release_date_precision": "year",
        "resume_point": { "fully_played": true, "resume_position_ms": 5 },
        "type": "episode",
        "uri": "spotify:episode:x",
        "restrictions": { "reason": "payment_required" },
        "audiobook": audiobook(),
    })
}

fn user() -> Value {
    json!({
        "account_id": "a",
        "country": "DE",
        "display_name": "JM",
        "email": "jm@example.test",
        "explicit_content": { "filter_enabled": true, "filter_locked": null },
        "external_urls": {},
        "followers": { "total": 1 },
        "href": "x",
        "id": "jm perez",
        "images": [image()],
        "product": "premium",
        "type": "user",
        "uri": "spotify:user:jm%20perez",
    })
}

fn category() -> Value {
    json!({ "href": "x", "icons": [image()], "id": "party", "name": "Party" })
}

fn device() -> Value {
    json!({
        "id": "d",
        "is_active": true,
        "is_private_session": false,
        "is_restricted": false,
        "name": "Kitchen",
        "type": "Fridge",
        "volume_percent": 59,
        "supports_volume": true,
    })
}

fn context() -> Value {
    json!({ "type": "playlist", "href": "x", "external_urls": {}, "uri": "spotify:playlist:x" })
}

fn playing() -> Value {
    json!({
        "device": device(),
        "repeat_state": "all",
        "shuffle_state": true,
        "context": context(),
        "timestamp": 1_490_252_122_574_u64,
        "progress_ms": 44_272,
        "is_playing": true,
        "item": { "type": "track", "name": "Cut To The Feeling" },
        "currently_playing_type": "unknown",
        "actions": { "disallows": { "resuming": true } },
    })
}

fn played() -> Value {
    json!({ "track": track(), "played_at": DATE, "context": context() })
}

fn cursor_page() -> Value {
    json!({
        "href": "x",
        "items": [played(), null],
        "limit": 20,
        "next": "x",
        "cursors": { "after": "a", "before": "b" },
        "total": 2,
    })
}

fn audio_features() -> Value {
    json!({
        "acousticness": 0.00242,
        "analysis_url": "x",
        "danceability": 0.585,
        "duration_ms": 237_040,
        "energy": 0.842,
        "id": ID,
        "instrumentalness": 0.00686,
        "key": 9,
        "liveness": 0.0866,
        "loudness": -5.883,
        "mode": 0,
        "speechiness": 0.0556,
        "tempo": 118.211,
        "time_signature": 4,
        "track_href": "x",
        "type": "audio_features",
        "uri": "spotify:track:x",
        "valence": 0.428,
    })
}

fn audio_analysis() -> Value {
    let interval = json!({ "start": 0.5, "duration": 2, "confidence": 0.9 });
    json!({
        "meta": { "analyzer_version": "4.0.0", "status_code": 0, "timestamp": 1_495_193_577 },
        "track": { "num_samples": 4_585_515, "duration": 207.95985, "sample_md5": "", "key": 9, "codestring": "x" },
        "bars": [interval],
        "beats": [interval, null],
        "sections": [{ "start": 0, "loudness": -14.938, "mode": -1, "time_signature": 4 }],
        "segments": [{ "start": 0.7, "loudness_max_time": 0.07, "pitches": [0.2, 1], "timbre": [42.1, -3] }],
        "tatums": [interval],
    })
}

fn recommendations() -> Value {
    let seed = json!({ "afterFilteringSize": 1, "afterRelinkingSize": 2, "href": null, "id": "x", "initialPoolSize": 500.0, "type": "ARTIST" });
    json!({ "seeds": [seed], "tracks": [track(), null] })
}

fn image() -> Value {
    json!({ "url": "https://i.scdn.co/image/x", "height": 640.0, "width": null })
}

fn page(items: &Value) -> Value {
    json!({ "href": "x", "items": items, "limit": 20, "next": null, "offset": 0, "previous": null, "total": 1 })
}
