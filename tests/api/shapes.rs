//! Shapes that Spotify really sends, where they are not those of its reference.

use std::fmt::Debug;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spotify_web::model::{
    Album, AlbumGroup, AlbumType, Artist, AudioAnalysis, Audiobook, CurrentlyPlaying,
    CurrentlyPlayingContext, CursorPage, DatePrecision, Device, DeviceKind, Episode, IdKind, Page,
    PlayHistory, PlayableItem, PlayingType, Playlist, PlaylistItem, PrivateUser, Queue,
    Recommendations, RepeatState, SavedAlbum, SavedAudiobook, SavedEpisode, SavedShow, SavedTrack,
    SearchResults, SearchType, Show, SimplifiedPlaylist, Snapshot, Track, from_json,
};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient};

use crate::common::PLAYLIST;

const ID: &str = "6SJQ8VzM5PlDy11wMtcD6v";

/// By both ways in: as a part of a larger value, and from the bytes of a body.
fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(json: &Value) -> T {
    let value: T = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::from_str::<T>(&json.to_string()).unwrap(), value);
    let again: T = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
    assert_eq!(again, value, "what was read can be written");
    value
}

async fn fake_with(body: &Value) -> (FakeSpotify, SpotifyClient) {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::json(200, body));
    (fake, spotify)
}

#[tokio::test]
async fn saved_things_are_read_with_and_without_an_entry_around_them() {
    let book = json!({ "id": ID, "name": "Book", "type": "audiobook", "uri": format!("spotify:show:{ID}") });
    let (_fake, spotify) = fake_with(&json!({ "items": [book], "next": null })).await;

    let books = spotify.audiobooks().saved().all().await.unwrap();

    assert_eq!(books.len(), 1);
    assert_eq!(
        (books[0].audiobook.item().unwrap().name.as_str(), books[0].added_at),
        ("Book", None)
    );
    let wrapped = json!({ "added_at": "2024-02-29T23:59:59Z", "audiobook": book });
    let wrapped: SavedAudiobook = read(&wrapped);
    assert!(wrapped.added_at.is_some() && wrapped.audiobook.item().unwrap().name == "Book");
    assert_eq!(
        read::<SavedAlbum>(&json!({ "id": ID, "name": "x" })).album.item().unwrap().name,
        "x"
    );
    assert_eq!(
        read::<SavedTrack>(&json!({ "id": ID, "name": "x" })).track.item().unwrap().name,
        "x"
    );
    assert_eq!(
        read::<SavedEpisode>(&json!({ "id": ID, "name": "x" })).episode.item().unwrap().name,
        "x"
    );
    assert_eq!(read::<SavedShow>(&json!({ "id": ID, "name": "x" })).show.item().unwrap().name, "x");
    assert!(serde_json::from_value::<SavedAudiobook>(json!({ "name": "x" })).is_err());
}

#[test]
fn an_episode_in_the_shape_of_a_track_keeps_its_podcast() {
    let shaped = json!({
        "album": { "type": "show", "name": "THE SHOW", "id": ID, "images": [{ "url": "u" }], "release_date": "2024-01-02" },
        "artists": [{ "name": "PUB", "type": "artist", "id": null }],
        "type": "episode", "track": true, "episode": false, "id": "512ojhOuo1ktJprKbVcKyQ",
        "name": "E", "duration_ms": 1000, "preview_url": "p", "uri": "spotify:episode:512ojhOuo1ktJprKbVcKyQ",
    });
    let mut bare = shaped.clone();
    bare["album"].as_object_mut().unwrap().remove("id");
    let of_player: CurrentlyPlayingContext = read(&json!({ "item": shaped }));
    let queue: Queue = read(&json!({ "currently_playing": shaped, "queue": [shaped] }));
    let entry: PlaylistItem = read(&json!({ "track": shaped }));

    for item in [
        read::<PlayableItem>(&shaped),
        read(&bare),
        of_player.item.unwrap(),
        queue.currently_playing.unwrap(),
        queue.queue[0].clone(),
        entry.item.unwrap(),
    ] {
        let PlayableItem::Episode(episode) = item else { panic!("{item:?}") };
        let show = episode.show.unwrap();
        assert_eq!((show.name.as_str(), show.publisher.as_deref()), ("THE SHOW", Some("PUB")));
        assert_eq!((show.images[0].url.as_str(), episode.images[0].url.as_str()), ("u", "u"));
        assert_eq!(episode.duration, Some(Duration::from_secs(1)));
        assert_eq!(episode.audio_preview_url.as_deref(), Some("p"));
    }
    let own: PlayableItem = read(&json!({ "id": ID, "type": "episode", "name": "own shape" }));
    assert_eq!(own.name(), Some("own shape"));
}

/// Two shapes in one object: what is an episode's own counts, and what it lacks comes from the
/// other.
#[test]
fn an_episode_in_both_shapes_keeps_what_is_its_own() {
    let both = json!({
        "album": { "type": "show", "name": "ALBUM", "images": [{ "url": "album" }], "release_date": "2001" },
        "artists": [{ "name": "PUB" }], "preview_url": "track's",
        "description": "D", "html_description": "<D>", "languages": ["de"], "language": "de",
        "resume_point": { "fully_played": true }, "is_externally_hosted": false,
        "release_date": "2024-01-02", "release_date_precision": "day",
        "type": "episode", "id": ID, "name": "E",
    });
    let mut own = both.clone();
    own["show"] = json!({ "name": "SHOW", "id": ID });
    own["images"] = json!([{ "url": "own" }]);
    own["audio_preview_url"] = "own".into();

    for (shaped, show, image, preview) in
        [(both, "ALBUM", "album", "track's"), (own, "SHOW", "own", "own")]
    {
        let PlayableItem::Episode(episode) = read::<PlayableItem>(&shaped) else { panic!() };
        let body = json!({ "items": [{ "track": shaped }] }).to_string();
        let page: Page<PlaylistItem> = from_json(body.as_bytes()).unwrap();
        assert_eq!(
            page.into_items().next().unwrap().item,
            Some(PlayableItem::Episode(episode.clone()))
        );

        assert_eq!(episode.show.unwrap().name, show);
        assert_eq!(episode.images[0].url, image);
        assert_eq!(episode.audio_preview_url.as_deref(), Some(preview));
        assert_eq!(episode.description.as_deref(), Some("D"));
        assert_eq!(episode.html_description.as_deref(), Some("<D>"));
        assert_eq!(
            (episode.language.as_deref(), episode.languages),
            (Some("de"), vec!["de".into()])
        );
        assert_eq!(episode.release_date.unwrap().to_string(), "2024-01-02");
        assert_eq!(episode.release_date_precision, Some(DatePrecision::Day));
        assert!(episode.resume_point.is_some() && episode.is_externally_hosted == Some(false));
    }
}

#[test]
fn what_is_not_known_is_absent() {
    let device: Device = read(&json!({ "id": "d" }));
    assert_eq!((device.supports_volume, device.is_private_session), (None, None));
    assert_eq!((device.is_active, device.is_restricted, device.volume_percent), (None, None, None));
    let state: CurrentlyPlayingContext = read(&json!({ "progress_ms": null, "timestamp": 1 }));
    assert_eq!((state.progress, state.is_playing, state.shuffle_state), (None, None, None));
    let page: Page<Track> = read(&json!({ "items": [], "total": null }));
    assert_eq!(page.total, None);
    let track: Track = read(&json!({ "id": ID, "uri": null }));
    assert_eq!((track.duration, track.explicit, track.track_number), (None, None, None));
    assert_eq!(PlayableItem::Track(Box::new(track)).uri(), None);
    let episode: Episode = read(&json!({ "id": ID }));
    assert_eq!((episode.is_playable, episode.uri, episode.description), (None, None, None));
    let artist: Artist = read(&json!({ "id": ID, "followers": { "total": null } }));
    assert_eq!(artist.followers.unwrap().total, None);
    let list: SimplifiedPlaylist = read(&json!({ "id": ID, "tracks": { "total": null } }));
    assert_eq!(list.items.unwrap().total, None);
}

#[test]
fn constant_fields_that_the_reference_lacks_are_there() {
    for (json, smart) in
        [(json!(true), Some(true)), (json!(false), Some(false)), (json!(null), None)]
    {
        let state: CurrentlyPlayingContext =
            read(&json!({ "is_playing": true, "smart_shuffle": json }));
        assert_eq!(state.smart_shuffle, smart);
    }
    let album: Album = read(&json!({ "id": ID, "is_playable": true }));
    assert_eq!(album.is_playable, Some(true));
}

#[test]
fn words_are_compared_without_regard_to_case() {
    for word in ["computer", "COMPUTER", "Computer"] {
        assert_eq!(read::<Device>(&json!({ "type": word })).kind, Some(DeviceKind::Computer));
    }
    for (word, kind) in [
        ("ALBUM", AlbumType::Album),
        ("Single", AlbumType::Single),
        ("EP", AlbumType::Ep),
        ("ep", AlbumType::Ep),
        ("mixtape", AlbumType::Unknown("mixtape".into())),
    ] {
        let album: Album = read(&json!({ "id": ID, "album_type": word }));
        assert_eq!(album.album_type, Some(kind));
    }
    assert_eq!(RepeatState::from("OFF"), RepeatState::Off);
    assert_eq!(IdKind::from("Playlist"), IdKind::Playlist);
    let track: PlayableItem = read(&json!({ "type": "TRACK", "name": "x" }));
    assert!(matches!(track, PlayableItem::Track(_)));
}

/// Every word of every open enum.
#[test]
fn every_known_word_is_known_in_any_capitals() {
    fn check<T: for<'a> From<&'a str> + PartialEq + Debug>(words: &[&str]) {
        for word in words {
            let (first, rest) = word.split_at(1);
            for other in [
                word.to_uppercase(),
                first.to_uppercase() + rest,
                first.to_owned() + &rest.to_uppercase(),
            ] {
                let value = T::from(&other);
                assert_eq!(value, T::from(word), "{other}");
                assert!(!format!("{value:?}").starts_with("Unknown"), "{other}");
            }
        }
        assert!(format!("{:?}", T::from("never seen")).starts_with("Unknown"));
    }

    check::<AlbumType>(&["album", "single", "compilation", "ep"]);
    check::<AlbumGroup>(&["album", "single", "compilation", "appears_on"]);
    check::<DeviceKind>(&[
        "Computer",
        "Smartphone",
        "Speaker",
        "Tablet",
        "TV",
        "AVR",
        "STB",
        "AudioDongle",
        "GameConsole",
        "CastVideo",
        "CastAudio",
        "Automobile",
    ]);
    check::<RepeatState>(&["off", "track", "context"]);
    check::<PlayingType>(&["track", "episode", "ad"]);
    check::<DatePrecision>(&["year", "month", "day"]);
    check::<SearchType>(&["album", "artist", "playlist", "track", "show", "episode", "audiobook"]);
    check::<IdKind>(&[
        "album",
        "artist",
        "audiobook",
        "chapter",
        "episode",
        "playlist",
        "show",
        "track",
        "user",
        "collection",
    ]);
}

#[test]
fn an_item_without_a_word_for_its_kind_is_known_by_its_uri() {
    let track: PlayableItem =
        read(&json!({ "id": ID, "name": "x", "uri": format!("spotify:track:{ID}") }));
    let episode: PlayableItem =
        read(&json!({ "id": ID, "name": "x", "uri": format!("spotify:episode:{ID}") }));
    let other: PlayableItem =
        read(&json!({ "id": ID, "name": "x", "uri": format!("spotify:hologram:{ID}") }));
    let none: PlayableItem = read(&json!({ "id": ID, "name": "x" }));

    assert!(matches!(track, PlayableItem::Track(_)) && matches!(episode, PlayableItem::Episode(_)));
    assert!(matches!(other, PlayableItem::Unknown(_)) && matches!(none, PlayableItem::Unknown(_)));
    assert_eq!(none.name(), Some("x"));
}

#[tokio::test]
async fn one_bad_place_costs_itself() {
    let (_fake, spotify) = fake_with(&json!({ "devices": [{ "id": "d" }, null, 7, {}] })).await;
    assert_eq!(spotify.player().devices().await.unwrap().len(), 1);

    let album: Album = read(&json!({ "id": ID, "images": [{ "url": null }, { "url": "u" }, 7] }));
    assert_eq!(album.images.len(), 1);
    let found: Recommendations =
        read(&json!({ "tracks": [{ "id": ID }, { "artists": 7 }, null, { "id": ID }] }));
    assert_eq!(found.tracks.len(), 2);
    let entry: PlaylistItem = read(&json!({
        "added_at": "2024-02-29T23:59:59Z", "added_by": { "id": "u" }, "track": { "type": "episode", "id": 7 },
    }));
    assert!(
        entry.added_at.is_some() && entry.added_by.is_some() && entry.item.unwrap().uri().is_none()
    );
    let entry: PlaylistItem = read(
        &json!({ "added_at": "", "added_by": "u", "track": { "type": "track", "name": "x" } }),
    );
    assert_eq!((entry.added_at, entry.item.unwrap().name()), (None, Some("x")));
    let played: PlayHistory = read(&json!({ "track": { "id": ID }, "played_at": "" }));
    assert_eq!(played.played_at, None);
}

/// Each place but the id is put out of shape in turn; the rest stays.
#[test]
fn any_optional_place_may_be_of_a_wrong_type() {
    fn check<T: DeserializeOwned + Serialize + PartialEq + Debug>(full: &Value) {
        for name in full.as_object().unwrap().keys().filter(|name| *name != "id") {
            for other in
                [json!(null), json!(7), json!("x"), json!([7]), json!({ "x": 7 }), json!(true)]
            {
                let mut changed = full.clone();
                changed[name] = other.clone();
                let read = serde_json::from_value::<T>(changed.clone());
                assert!(read.is_ok(), "{name} as {other}: {read:?}");
                assert!(
                    serde_json::from_str::<T>(&changed.to_string()).is_ok(),
                    "{name} as {other}"
                );
            }
        }
    }

    let image = json!([{ "url": "u", "height": 1, "width": 1 }]);
    let common = json!({
        "id": ID, "name": "n", "href": "h", "uri": "u", "images": image, "external_urls": { "spotify": "s" },
        "available_markets": ["DE"], "description": "d", "explicit": true, "popularity": 1,
        "artists": [{ "name": "a" }], "album": { "name": "a" }, "album_type": "album", "genres": ["g"],
        "release_date": "2024", "release_date_precision": "year", "restrictions": { "reason": "market" },
        "duration_ms": 1, "is_playable": true, "is_local": false, "linked_from": { "id": ID },
        "tracks": { "items": [] }, "items": { "items": [] }, "episodes": { "items": [] },
        "chapters": { "items": [] }, "show": { "id": ID }, "owner": { "id": "u" },
        "followers": { "total": 1 }, "copyrights": [{ "text": "t" }], "languages": ["de"],
        "external_ids": { "isrc": "i" }, "resume_point": { "fully_played": true }, "authors": [{ "name": "a" }],
        "explicit_content": { "filter_enabled": true }, "product": "premium", "country": "DE",
        "snapshot_id": "s", "public": true, "collaborative": true, "total_tracks": 1,
    });
    check::<Track>(&common);
    check::<Album>(&common);
    check::<Artist>(&common);
    check::<Playlist>(&common);
    check::<SimplifiedPlaylist>(&common);
    check::<Show>(&common);
    check::<Episode>(&common);
    check::<Audiobook>(&common);
    check::<PrivateUser>(&common);
    check::<CurrentlyPlayingContext>(&json!({
        "id": 1, "is_playing": true, "timestamp": 1, "device": { "id": "d" }, "context": { "uri": "u" },
        "item": { "id": ID, "type": "track" }, "actions": { "disallows": { "pausing": true } },
        "progress_ms": 1, "repeat_state": "off", "shuffle_state": true, "currently_playing_type": "track",
    }));
}

#[tokio::test]
async fn partial_responses_are_readable() {
    let (_fake, spotify) = fake_with(&json!({ "total": 42 })).await;
    let page = spotify.playlists().items(PLAYLIST).fields("total").await.unwrap();
    assert_eq!((page.total, page.items.len()), (Some(42), 0));

    for body in [
        json!({ "id": PLAYLIST, "name": "n", "tracks": { "total": 42 } }),
        json!({ "name": "n", "items": { "total": 42 } }),
    ] {
        let (_fake, spotify) = fake_with(&body).await;
        let list = spotify.playlists().get(PLAYLIST).fields("id,name,tracks.total").await.unwrap();
        assert_eq!((list.name.as_str(), list.items.unwrap().total), ("n", Some(42)));
    }
}

#[test]
fn of_two_names_for_one_thing_the_fuller_is_read() {
    let full = json!({ "items": [{ "track": { "type": "track", "name": "x" } }], "total": 1 });
    for (items, tracks) in [
        (json!({ "total": 7 }), full.clone()),
        (full.clone(), json!({ "total": 7 })),
        (json!(null), full.clone()),
        (json!("x"), full.clone()),
        (full.clone(), json!(7)),
    ] {
        let list: Playlist = read(&json!({ "id": ID, "items": items, "tracks": tracks }));
        assert_eq!(list.items.unwrap().items.len(), 1, "{items} {tracks}");
    }
    let list: SimplifiedPlaylist =
        read(&json!({ "id": ID, "items": { "href": "h" }, "tracks": { "total": 7 } }));
    assert_eq!(list.items.unwrap().total, Some(7));
    let track = json!({ "type": "track", "name": "x" });
    let entry: PlaylistItem = read(&json!({ "item": { "type": "track" }, "track": track }));
    assert_eq!(entry.item.unwrap().name(), Some("x"));
}

#[tokio::test]
async fn a_response_without_the_thing_is_an_error() {
    fn none<T: DeserializeOwned + Debug>(body: &Value) {
        let read = serde_json::from_value::<T>(body.clone());
        assert!(read.is_err(), "{read:?}");
    }

    for body in [
        json!({}),
        json!({ "error": { "status": 404, "message": "Non existing id" } }),
        json!({ "error": "x", "error_description": "y" }),
        json!({ "message": "x" }),
    ] {
        none::<Track>(&body);
        none::<Album>(&body);
        none::<Artist>(&body);
        none::<Playlist>(&body);
        none::<Show>(&body);
        none::<Episode>(&body);
        none::<Audiobook>(&body);
        none::<PrivateUser>(&body);
        none::<Page<Track>>(&body);
        none::<CursorPage<PlayHistory>>(&body);
        none::<SearchResults>(&body);
        none::<CurrentlyPlaying>(&body);
        none::<CurrentlyPlayingContext>(&body);
        none::<Queue>(&body);
        none::<Recommendations>(&body);
        none::<AudioAnalysis>(&body);
        none::<Device>(&body);
        none::<Snapshot>(&body);
        let (_fake, spotify) = fake_with(&body).await;
        let error = spotify.tracks().get(ID).await.unwrap_err();
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    }
    // Taken down: nothing of it is left.
    none::<Track>(&json!({ "id": null, "name": null, "uri": null, "type": "track" }));
}
