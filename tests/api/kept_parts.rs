//! What is read of a thing whose parts are odd: each bad part costs itself, and what it does not
//! hold it does not pretend to.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use spotify_web::SpotifyClient;
use spotify_web::model::{
    Album, AudioAnalysis, Audiobook, CurrentlyPlayingContext, CursorPage, Episode, NextLink, Page,
    PageItem, PartialPlaylist, PlayableItem, Playlist, PlaylistItem, Queue, SavedEpisode,
    SearchResults, Show, Track, from_json,
};
use spotify_web::testing::{FakeResponse, FakeSpotify};

const ID: &str = "6SJQ8VzM5PlDy11wMtcD6v";
const DATE: &str = "2024-02-29T23:59:59Z";

/// By both ways in, and back.
fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &str) -> T {
    let model: T = from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(serde_json::from_str::<T>(text).unwrap(), model, "{text}");
    let written = serde_json::to_string(&model).unwrap();
    assert_eq!(from_json::<T>(written.as_bytes()).unwrap(), model, "{text}");
    model
}

fn fails<T: DeserializeOwned + Debug>(text: &str) {
    assert!(from_json::<T>(text.as_bytes()).is_err(), "{text}");
    assert!(serde_json::from_str::<T>(text).is_err(), "{text}");
}

#[tokio::test]
async fn a_player_that_plays_nothing_keeps_its_device_and_its_settings() {
    let settings = json!({
        "device": { "id": "d", "is_active": true, "name": "Kitchen", "type": "Speaker" },
        "repeat_state": "off", "shuffle_state": false, "smart_shuffle": false,
    });
    for (name, value) in [
        ("is_playing", json!(null)),
        ("is_playing", json!("false")),
        ("item", json!(7)),
        ("timestamp", json!(-1)),
        ("actions", json!({ "disallows": {} })),
    ] {
        let mut state = settings.clone();
        state[name] = value;
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
        fake.next_api(FakeResponse::json(200, &state));

        let state = spotify.player().state().await.unwrap().unwrap();

        assert_eq!(state.device.unwrap().name, "Kitchen", "{name}");
        assert_eq!((state.shuffle_state, state.smart_shuffle), (Some(false), Some(false)));
    }
    for (field, value) in settings.as_object().unwrap() {
        read::<CurrentlyPlayingContext>(&json!({ field: value }).to_string());
    }
}

/// What is left of a page within a thing.
#[derive(Debug, PartialEq)]
struct Left {
    total: Option<u32>,
    next: Option<String>,
    items: usize,
    unreadable: usize,
}

fn left<T>(page: &Page<T>) -> Left {
    let unreadable = page.items.iter().filter(|item| item.unreadable().is_some()).count();
    let next = page.next.url().map(str::to_owned);
    Left { total: page.total, next, items: page.items.len(), unreadable }
}

/// The page that stands in a field of a thing, for each of the things that have one.
fn left_in_each(page: &str) -> Vec<Left> {
    let within = |name: &str| format!(r#"{{"id":"{ID}","{name}":{page}}}"#);
    let found = |name: &str| read::<SearchResults>(&within(name));
    vec![
        left(&read::<Album>(&within("tracks")).tracks),
        left(&read::<Show>(&within("episodes")).episodes),
        left(&read::<Audiobook>(&within("chapters")).chapters.unwrap()),
        left(&read::<Playlist>(&within("items")).items.unwrap()),
        left(&read::<Playlist>(&within("tracks")).items.unwrap()),
        left(&read::<PartialPlaylist>(&within("tracks")).items.unwrap()),
        left(&found("tracks").tracks.unwrap()),
        left(&found("artists").artists.unwrap()),
        left(&found("albums").albums.unwrap()),
        left(&found("playlists").playlists.unwrap()),
        left(&found("shows").shows.unwrap()),
        left(&found("episodes").episodes.unwrap()),
        left(&found("audiobooks").audiobooks.unwrap()),
    ]
}

#[test]
fn a_page_within_a_thing_keeps_what_it_says_beside_items_that_cannot_be_read() {
    for items in ["7", r#""x""#, r#"{"x":1}"#, "true", r#""\ud83d""#] {
        let page = format!(r#"{{"href":"h","items":{items},"total":12,"next":"n"}}"#);
        for left in left_in_each(&page) {
            let kept = Left { total: Some(12), next: Some("n".into()), items: 1, unreadable: 1 };
            assert_eq!(left, kept, "{page}");
        }
    }
}

/// And no list of nothing, which Spotify did not send.
#[test]
fn items_without_the_page_around_them_are_those_of_a_page() {
    let list = format!(r#"[{{"id":"{ID}","uri":"u","name":"n"}},{{"x":1}},null]"#);
    for left in left_in_each(&list) {
        assert_eq!(left, Left { total: None, next: None, items: 3, unreadable: 1 });
    }
}

#[test]
fn of_two_names_for_the_entries_the_readable_one_is_read() {
    let text = format!(
        r#"{{"id":"{ID}","items":{{"items":7,"total":12}},"tracks":{{"items":[{{"track":{{"type":"track","name":"n"}}}}]}}}}"#
    );
    assert_eq!(left(&read::<Playlist>(&text).items.unwrap()).unreadable, 0);
}

#[test]
fn a_queue_that_cannot_be_read_costs_not_what_is_playing() {
    let playing = r#"{"type":"track","name":"n"}"#;
    for queue in ["", r#","queue":7"#, r#","queue":[{"error":1}]"#, r#","queue":{}"#] {
        let text = format!(r#"{{"currently_playing":{playing}{queue}}}"#);
        let read: Queue = read(&text);
        assert_eq!(read.currently_playing.unwrap().name(), Some("n"), "{text}");
        assert!(read.queue.is_empty());
        for playing in ["null", "{}", r#"{"error":{}}"#] {
            fails::<Queue>(&format!(r#"{{"currently_playing":{playing}{queue}}}"#));
        }
    }
    let twice = format!(r#"{{"currently_playing":{playing},"queue":[{playing}],"queue":7}}"#);
    assert_eq!(from_json::<Queue>(twice.as_bytes()).unwrap().queue.len(), 1);
}

#[test]
fn an_analysis_is_whatever_it_has_a_part_of() {
    let interval = r#"[{"start":0.5,"duration":1.0}]"#;
    for list in ["bars", "beats", "sections", "segments", "tatums"] {
        read::<AudioAnalysis>(&format!(r#"{{"{list}":{interval},"track":null}}"#));
        for nothing in ["[{}]", r#"[{"error":1}]"#, r#"[{"start":null}]"#, "[7]", "[]"] {
            fails::<AudioAnalysis>(&format!(r#"{{"{list}":{nothing}}}"#));
        }
    }
    for nothing in ["{}", r#"{"error":1}"#, "7", r#"{"tempo":"x"}"#] {
        fails::<AudioAnalysis>(&format!(r#"{{"track":{nothing}}}"#));
        let text = format!(r#"{{"track":{nothing},"meta":{nothing},"beats":{interval}}}"#);
        let analysis: AudioAnalysis = read(&text);
        assert_eq!((analysis.track, analysis.meta), (None, None), "{text}");
    }
}

/// In the shape of a track the podcast is the album, which may say nothing of one.
#[test]
fn a_track_shaped_episode_has_the_podcast_that_it_came_with() {
    for (name, value) in [
        ("release_date", r#""2020""#),
        ("release_date_precision", r#""day""#),
        ("album_type", r#""album""#),
        ("total_tracks", "7"),
        ("is_playable", "true"),
        ("restrictions", r#"{"reason":"market"}"#),
        ("artists", r#"[{"name":"n"}]"#),
        ("name", r#""n""#),
        ("images", r#"[{"url":"u"}]"#),
        ("uri", r#""u""#),
        ("href", r#""h""#),
        ("available_markets", r#"["DE"]"#),
        ("external_urls", r#"{"spotify":"u"}"#),
    ] {
        let is_of_a_podcast =
            ["name", "images", "uri", "href", "available_markets", "external_urls"].contains(&name);
        let text = format!(r#"{{"type":"episode","id":"{ID}","album":{{"{name}":{value}}}}}"#);
        let PlayableItem::Episode(episode) = read(&text) else { panic!("{text}") };
        assert_eq!(episode.show.is_some(), is_of_a_podcast, "{text}");
    }
}

#[test]
fn an_episode_is_one_in_the_shape_of_a_track_wherever_it_stands() {
    let shaped = format!(
        r#"{{"type":"episode","track":true,"id":"{ID}","name":"E","preview_url":"p",
        "album":{{"type":"show","name":"THE SHOW","images":[{{"url":"u"}}],"release_date":"2024-01-02"}},
        "artists":[{{"name":"PUB"}}]}}"#
    );
    let saved = format!(r#"{{"added_at":"{DATE}","episode":{shaped}}}"#);
    let dated: SavedEpisode = read(&saved);
    assert!(dated.added_at.is_some());
    let page: Page<SavedEpisode> = read(&format!(r#"{{"items":[{saved},{shaped},7]}}"#));
    let saved = page.into_items().map(|saved| saved.episode.into_item().unwrap());

    for episode in saved.chain([read::<Episode>(&shaped), dated.episode.into_item().unwrap()]) {
        let show = episode.show.unwrap();
        assert_eq!((show.name.as_str(), show.publisher.as_deref()), ("THE SHOW", Some("PUB")));
        assert_eq!(episode.images[0].url, "u");
        assert_eq!(episode.audio_preview_url.as_deref(), Some("p"));
        assert_eq!(episode.release_date.unwrap().to_string(), "2024-01-02");
    }
    fails::<Episode>(r#"{"type":"episode","name":"without an id"}"#);
}

#[test]
fn a_number_that_no_float_holds_is_no_item() {
    let entry = format!(r#"{{"added_at":"{DATE}","item":1e999}}"#);
    let entry: PlaylistItem = from_json(entry.as_bytes()).unwrap();
    assert_eq!((entry.item, entry.added_at.is_some()), (None, true));
    let state: CurrentlyPlayingContext =
        from_json(br#"{"is_playing":true,"item":-1e999}"#).unwrap();
    assert_eq!(state.item, None);
}

#[test]
fn of_a_restriction_that_gives_two_reasons_the_first_counts() {
    for fields in [
        r#""reason":"market","reason":"product""#,
        r#""reason":"market","x":[{}],"r\u0065ason":7"#,
        r#""x":1,"reason":"market","x":2"#,
    ] {
        let text = format!(r#"{{"id":"{ID}","name":"n","restrictions":{{{fields}}}}}"#);
        let track: Track = from_json(text.as_bytes()).unwrap();
        assert_eq!(track.restrictions.unwrap().reason.as_deref(), Some("market"), "{text}");
    }
    for (fields, reason) in [(r#"{"x":[{"":0}]}"#, Some(None)), ("{}", None), ("[1]", None)] {
        let track: Track = read(&format!(r#"{{"name":"n","restrictions":{fields}}}"#));
        assert_eq!(track.restrictions.map(|found| found.reason), reason, "{fields}");
    }
}

/// Each `{"":0}` takes a hundred times its length where it is kept as a value.
#[test]
fn a_link_that_is_no_string_is_not_kept_with_all_that_it_holds() {
    let many = format!("[{}0]", r#"{"":0},"#.repeat(1000));
    let object = format!(r#"{{"a":{many}}}"#);
    for (next, kept) in [(&many, json!([])), (&object, json!({}))] {
        let page: Page<u8> = read(&format!(r#"{{"items":[1],"next":{next}}}"#));
        assert_eq!(page.next, NextLink::Malformed(kept.clone()));
        let page: CursorPage<u8> = read(&format!(r#"{{"items":[1,"x"],"next":{next}}}"#));
        assert_eq!(page.next, NextLink::Malformed(kept));
    }
    for (next, kept) in [("7", json!(7)), ("true", json!(true)), ("-0.5", json!(-0.5))] {
        let page: Page<u8> = read(&format!(r#"{{"items":[1],"next":{next}}}"#));
        assert_eq!(page.next, NextLink::Malformed(kept));
    }
}

#[test]
fn what_is_not_known_takes_no_more_room_than_a_body_may() {
    let of = |number: usize| format!(r#"{{"list":[{}0]}}"#, r#"{"":0},"#.repeat(number));
    let (large, usual) = (of(130_000), of(100));
    let text = format!(r#"{{"items":[{large},{usual},{usual}]}}"#);

    let page: Page<PlayableItem> = from_json(text.as_bytes()).unwrap();

    assert!(matches!(page.items[0], PageItem::Unreadable(_)));
    assert!(matches!(page.items[1], PageItem::Item(PlayableItem::Unknown(_))));
    let halves = [of(65_000), of(65_000)].join(",");
    let page: Page<PlayableItem> =
        from_json(format!(r#"{{"items":[{halves}]}}"#).as_bytes()).unwrap();
    assert_eq!(page.items.iter().filter(|item| item.is_item()).count(), 1);
}
