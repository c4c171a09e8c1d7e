//! Models as parts of types of the program's own, which serde reads out of a buffer.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spotify_web::SpotifyClient;
use spotify_web::model::{
    Album, Artist, CurrentlyPlayingContext, Episode, Page, PageItem, PartialPlaylist, PlayHistory,
    PlayableItem, Playlist, PlaylistItem, Queue, SavedTrack, SearchResults, Track, from_json,
};
use spotify_web::testing::{FakeResponse, FakeSpotify};

const ID: &str = "6SJQ8VzM5PlDy11wMtcD6v";

fn track() -> Value {
    json!({ "type": "track", "id": ID, "name": "T", "available_markets": ["AD", "DE"], "artists": [{ "name": "A" }],
        "album": { "name": "L", "available_markets": ["AD"], "images": [{ "url": "u" }] },
        "external_urls": { "spotify": "s" }, "duration_ms": 1000 })
}

/// By each way in, which agree; a program may read as it likes.
fn ways<T: DeserializeOwned>(json: &Value) -> [T; 4] {
    let text = json.to_string();
    [
        from_json(text.as_bytes()).unwrap_or_else(|error| panic!("from_json {json}: {error}")),
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("from_str {json}: {error}")),
        serde_json::from_reader(text.as_bytes())
            .unwrap_or_else(|error| panic!("from_reader {json}: {error}")),
        serde_json::from_value(json.clone())
            .unwrap_or_else(|error| panic!("from_value {json}: {error}")),
    ]
}

#[derive(Deserialize, Debug)]
struct Flat<T> {
    #[serde(flatten)]
    model: T,
    mine: u8,
}

#[derive(Deserialize, Debug)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Tagged {
    Track(Box<Track>),
    Artist(Box<Artist>),
}

#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "what was not meant is not looked at")]
enum Either<T> {
    Model(T),
    Other(Value),
}

#[track_caller]
fn flat<T: DeserializeOwned>(model: &Value, is_whole: impl Fn(&T) -> bool) {
    let plain: T = from_json(model.to_string().as_bytes()).unwrap();
    assert!(is_whole(&plain), "{model}");
    let mut with_mine = model.clone();
    with_mine["mine"] = 7.into();
    for Flat { model, mine } in ways::<Flat<T>>(&with_mine) {
        assert!(is_whole(&model) && mine == 7, "{with_mine}");
    }
    for either in ways::<Either<T>>(model) {
        assert!(matches!(either, Either::Model(it) if is_whole(&it)), "{model}");
    }
}

#[tokio::test]
async fn a_model_can_be_flattened_into_a_type_of_ones_own() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let mut body = track();
    body["mine"] = 7.into();
    fake.next_api(FakeResponse::json(200, &body));

    let mine: Flat<Track> = spotify.get(&format!("tracks/{ID}")).await.unwrap();

    assert_eq!((mine.model.available_markets.len(), mine.mine), (2, 7));
}

#[test]
fn every_kind_of_model_can_be_flattened_and_tried() {
    flat::<Track>(&track(), |it| {
        let album = it.album.as_ref().unwrap();
        it.available_markets.len() == 2
            && album.available_markets.len() == 1
            && it.artists.len() == 1
    });
    let page = json!({ "items": [track(), 7, null], "next": null, "total": 3, "limit": 3 });
    flat::<Page<Track>>(&page, |it| {
        it.items.len() == 3
            && it.items[0].is_item()
            && it.items[1].unreadable().is_some()
            && it.items[2].is_null()
    });
    flat::<Page<Track>>(&json!({ "items": [track()], "next": null }), |it| it.items[0].is_item());
    flat::<Album>(&json!({ "id": ID, "tracks": page, "available_markets": ["DE"] }), |it| {
        it.tracks.items.len() == 3 && it.available_markets.len() == 1
    });
    flat::<Playlist>(
        &json!({ "id": ID, "tracks": { "items": [{ "track": track() }, 7] } }),
        |it| {
            let items = &it.items.as_ref().unwrap().items;
            items.len() == 2 && items[0].item().unwrap().item.is_some()
        },
    );
    flat::<PartialPlaylist>(&json!({ "images": [{ "url": "u" }, 7] }), |it| it.images.len() == 1);
    flat::<PlaylistItem>(&json!({ "added_at": "bad", "track": track() }), |it| {
        matches!(it.item, Some(PlayableItem::Track(_)))
    });
    flat::<PlayableItem>(&track(), |it| matches!(it, PlayableItem::Track(_)));
    flat::<PlayableItem>(&json!({ "type": "clip", "x": 1 }), |it| {
        matches!(it, PlayableItem::Unknown(_))
    });
    flat::<SavedTrack>(&json!({ "track": track() }), |it| it.track.is_item());
    flat::<SavedTrack>(&track(), |it| it.track.is_item());
    flat::<PlayHistory>(&json!({ "track": track(), "context": 7 }), |it| it.track.is_item());
    flat::<Queue>(&json!({ "queue": [track(), 7] }), |it| !it.queue.is_empty());
    flat::<CurrentlyPlayingContext>(
        &json!({ "item": track(), "actions": { "pausing": true }, "device": 7 }),
        |it| it.item.is_some() && it.actions.pausing == Some(true) && it.device.is_none(),
    );
    flat::<SearchResults>(&json!({ "tracks": page }), |it| {
        it.tracks.as_ref().unwrap().items.len() == 3
    });
    flat::<Episode>(&json!({ "id": ID, "images": [{ "url": "u" }, 7], "resume_point": 7 }), |it| {
        it.images.len() == 1
    });
}

#[test]
fn what_a_model_does_not_know_is_left_to_the_fields_beside_it() {
    #[derive(Deserialize)]
    struct WithRest {
        #[serde(flatten)]
        track: Track,
        #[serde(flatten)]
        rest: HashMap<String, Value>,
    }
    #[derive(Deserialize)]
    struct PageWithRest {
        #[serde(flatten)]
        page: Page<u8>,
        #[serde(flatten)]
        rest: HashMap<String, Value>,
    }
    for PageWithRest { page, rest } in
        ways::<PageWithRest>(&json!({ "items": [1, "x"], "next": null, "new": 1 }))
    {
        assert_eq!((page.items.len(), rest.len()), (2, 1), "{:?}", rest.keys());
    }

    let mut body = track();
    body["new"] = 1.into();
    for WithRest { track, rest } in ways::<WithRest>(&body) {
        assert_eq!((track.name.as_str(), rest.len()), ("T", 1), "{:?}", rest.keys());
    }
}

#[test]
fn models_can_be_told_apart_by_a_tag() {
    for read in ways::<Tagged>(&track()) {
        assert!(matches!(read, Tagged::Track(it) if it.available_markets.len() == 2));
    }
    for read in
        ways::<Tagged>(&json!({ "type": "artist", "id": ID, "images": [7, { "url": "u" }] }))
    {
        assert!(matches!(read, Tagged::Artist(it) if it.images.len() == 1));
    }
}

/// Of two forms that are tried, the first that is good but for an element is the one.
#[test]
fn a_bad_element_does_not_lead_to_another_form() {
    let artist = json!({ "id": ID, "name": "A" });
    for items in
        [json!([artist]), json!([artist, {}]), json!([artist, 7, null]), json!([7, artist])]
    {
        for read in ways::<Either<Page<Artist>>>(&json!({ "items": items, "next": null })) {
            let Either::Model(page) = read else { panic!("{items}") };
            assert!(page.items.iter().any(PageItem::is_item), "{items}");
        }
        for read in ways::<Vec<Either<Page<Artist>>>>(&json!([{ "items": items }, { "x": 1 }])) {
            assert!(matches!(read[..], [Either::Model(_), Either::Other(_)]), "{items}");
        }
    }
}

/// Where lists within lists are in a body, their places are counted together.
#[test]
fn what_a_body_takes_is_bounded_however_many_lists_it_has() {
    let sevens = || json!({ "items": vec![7; 50_000], "next": null });
    let albums: Vec<_> = (0..10).map(|_| json!({ "id": ID, "tracks": sevens() })).collect();
    let bad: Vec<_> =
        ["tracks", "artists", "albums", "playlists", "shows", "episodes", "audiobooks"]
            .map(|name| (name.to_owned(), sevens()))
            .into();
    let most = 64 << 20;

    let page: Page<Album> = from_json(json!({ "items": albums }).to_string().as_bytes()).unwrap();
    let places: usize = page.into_items().map(|album| album.tracks.items.capacity()).sum();
    assert!(
        places * size_of::<PageItem<spotify_web::model::SimplifiedTrack>>() <= most,
        "{places}"
    );

    let body = Value::Object(bad.into_iter().collect()).to_string();
    let results: SearchResults = from_json(body.as_bytes()).unwrap();
    fn room<T>(page: Option<Page<T>>) -> usize {
        page.map(|page| page.items.capacity() * size_of::<PageItem<T>>()).unwrap_or_default()
    }
    let all = room(results.tracks)
        + room(results.artists)
        + room(results.albums)
        + room(results.playlists)
        + room(results.shows)
        + room(results.episodes)
        + room(results.audiobooks);
    assert!(all <= most, "{all}");

    // One body has no part in what another one takes.
    let one = json!({ "items": vec![7; 40_000] }).to_string();
    for _ in 0..4 {
        assert_eq!(from_json::<Page<Track>>(one.as_bytes()).unwrap().items.len(), 40_000);
    }
}

#[test]
fn the_analysis_of_a_long_recording_is_not_too_long() {
    let segment = json!({ "pitches": vec![0.1; 12], "timbre": vec![0.1; 12], "start": 1.0 });
    let body = json!({ "segments": vec![segment; 15_000], "meta": {} });
    let read: spotify_web::model::AudioAnalysis = from_json(body.to_string().as_bytes()).unwrap();
    assert_eq!(read.segments.len(), 15_000);
    assert!(read.segments.iter().all(|segment| segment.pitches.len() == 12));
}
