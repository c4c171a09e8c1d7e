//! What a server sends back of a request, or says about a user, shows in no error.

use std::collections::HashMap;

use serde_json::{Value, json};
use spotify_web::model::{Page, Track, from_json};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient};

use crate::common::{ARTIST, Log, PLAYLIST, TRACK};

const TOKEN: &str = "BQDxVnTm-zq7r_of.a~user+0123456789/abc";

fn shown(error: &Error) -> String {
    format!("{error} {error:?} {}", error.to_line())
}

async fn client() -> (FakeSpotify, SpotifyClient) {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(TOKEN).without_retries()).unwrap();
    (fake, spotify)
}

/// With and without the words that go with a token, whole and truncated.
fn echoes() -> Vec<String> {
    let line = format!("authorization: Bearer {TOKEN}");
    vec![line, TOKEN.to_owned(), TOKEN[3..].to_owned(), format!("x={}&y", &TOKEN[..20])]
}

fn has_a_part_of_the_token(text: &str) -> bool {
    (0..TOKEN.len() - 7).any(|at| text.contains(&TOKEN[at..at + 8]))
}

#[tokio::test]
async fn a_token_that_a_server_sends_back_shows_in_no_error() {
    for echo in echoes() {
        let bodies = [
            json!(echo),
            json!({ "id": echo }),
            json!({ "id": 5, "name": echo }),
            json!({ &echo: {} }),
            json!({ "artists": { &echo: [] } }),
            json!([[{ &echo: echo }]]),
        ];
        for body in bodies {
            let (fake, spotify) = client().await;
            let mut errors = Vec::new();
            let next = || fake.next_api(FakeResponse::json(200, &body));
            next();
            errors.extend(spotify.artists().get(ARTIST).await.err());
            next();
            errors.extend(spotify.users().me().await.err());
            next();
            errors.extend(spotify.tracks().saved().all().await.err());
            next();
            let uris = [format!("spotify:track:{TRACK}")];
            errors.extend(spotify.playlists().add_items(PLAYLIST, uris).await.err());
            next();
            errors.extend(spotify.get::<HashMap<String, u8>>("tracks/x").await.err());
            assert!(errors.len() >= 3, "{body}: {errors:?}");
            for error in errors {
                assert!(!has_a_part_of_the_token(&shown(&error)), "{body}: {}", shown(&error));
            }
        }
    }
}

#[tokio::test]
async fn a_token_in_the_words_of_an_error_response_does_not_show() {
    for echo in echoes() {
        for status in [400, 401, 403, 404, 429, 500, 503] {
            for body in [
                json!({ "error": { "message": echo, "reason": "NO_ACTIVE_DEVICE" } }),
                json!({ "error": { "message": "no", "reason": echo } }),
                json!({ "error": echo }),
                json!({ "error": format!("invalid token {echo} was sent") }),
            ] {
                let (fake, spotify) = client().await;
                fake.next_api(
                    FakeResponse::json(status, &body).with_header("retry-after", "86400"),
                );
                let error = spotify.tracks().get(TRACK).await.unwrap_err();
                assert!(!has_a_part_of_the_token(&shown(&error)), "{body}: {}", shown(&error));
            }
        }
    }
}

/// What Spotify says about tokens is no secret.
#[tokio::test]
async fn the_words_of_spotify_are_shown_as_they_are() {
    for message in [
        "The access token expired",
        "Invalid access token",
        "Only valid bearer authentication supported",
        "Player command failed: No active device found",
    ] {
        let (fake, spotify) = client().await;
        let body = json!({ "error": { "message": message, "reason": "NO_ACTIVE_DEVICE" } });
        fake.next_api(FakeResponse::json(400, &body));
        let error = spotify.tracks().get(TRACK).await.unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.to_string().contains("NO_ACTIVE_DEVICE"), "{error}");
    }
}

#[tokio::test]
async fn what_is_said_about_a_user_shows_in_no_error() {
    let private = "jane.doe@example.test";
    for body in [
        json!({ "id": "me", "followers": private }),
        json!({ "id": { private: 1 } }),
        json!(private),
        json!({ "description": private, "owner": { "id": 7 }, "id": [] }),
        json!({ "name": private, "uri": 7 }),
    ] {
        let (fake, spotify) = client().await;
        let mut errors = Vec::new();
        let next = || fake.next_api(FakeResponse::json(200, &body));
        next();
        errors.extend(spotify.users().me().await.err());
        next();
        errors.extend(spotify.playlists().get(PLAYLIST).await.err());
        next();
        #[allow(deprecated, reason = "it is somebody's own, too")]
        let somebody = spotify.users().get("jane").await;
        errors.extend(somebody.err());
        next();
        errors.extend(spotify.get::<HashMap<String, u8>>("me/whatever").await.err());
        next();
        errors.extend(spotify.get::<Vec<Value>>("users/jane/playlists").await.err());
        for error in errors {
            assert!(!shown(&error).contains("jane.doe"), "{body}: {}", shown(&error));
        }
    }
}

#[tokio::test]
async fn an_error_names_the_place_and_what_is_wrong_there_though_it_shows_nothing() {
    let (fake, spotify) = client().await;
    fake.next_api(FakeResponse::json(200, &json!({ "followers": "jane.doe@example.test" })));
    let error = spotify.get::<HashMap<String, HashMap<String, u8>>>("me").await.unwrap_err();
    assert_eq!(
        error.to_line(),
        "the response to GET /v1/me cannot be read at `followers`: \
         invalid type: string, expected a map at line 1 column 36"
    );
}

/// Fields have their names; the keys of a map may be anything.
#[tokio::test]
async fn a_key_that_may_be_about_a_user_is_no_part_of_the_place() {
    for key in ["Jane", "jane.doe", "jane7", "jane doe", "Ängel", "jane@example.test"] {
        let (fake, spotify) = client().await;
        fake.next_api(FakeResponse::json(200, &json!({ "followed_by": { key: "x" } })));

        let read = spotify.get::<HashMap<String, HashMap<String, u8>>>("me").await;

        let error = read.unwrap_err();
        assert!(error.to_string().ends_with("cannot be read at `followed_by.?`"), "{error}");
        assert!(!shown(&error).contains(key), "{}", shown(&error));
    }
}

#[tokio::test]
async fn an_error_is_short_however_long_the_response_is() {
    let long = "A".repeat(1 << 20);
    for body in [json!(long), json!({ "id": long }), json!({ &long: 1 }), json!({ "id": [long] })] {
        let (fake, spotify) = client().await;
        fake.next_api(FakeResponse::json(200, &body));
        fake.next_api(FakeResponse::json(200, &body));
        let typed = spotify.artists().get(ARTIST).await.err();
        let raw = spotify.get::<HashMap<String, Vec<u8>>>("tracks").await.err();
        for error in typed.into_iter().chain(raw) {
            assert!(shown(&error).len() < 4000, "{}", shown(&error).len());
        }
    }
}

/// Bodies with a value where another type belongs: parts, elements, keys, what stands in a list.
fn bad_parts(value: &str) -> Vec<Value> {
    let deep = (0..140).fold(json!(1), |inner, _| json!([inner]));
    vec![
        json!({ "items": [{ "added_by": value, "item": { "type": "track", "id": TRACK } }] }),
        json!({ "items": [{ "added_by": { "id": [value] }, "track": value }] }),
        json!({ "items": [value, { value: value }, { "track": { "id": value, "album": value } }] }),
        json!({ "items": [{ "track": { value: deep, "artists": [{ value: deep }] } }] }),
        json!({ "items": [{ "id": TRACK, "name": "n", "external_urls": value, "artists": [value] }] }),
        json!({ "items": value }),
        json!({ "id": "me", "explicit_content": value, "followers": value, "images": [value, { "url": [value] }] }),
        json!({ "devices": [value, { "id": "d" }] }),
        json!({ "devices": [value] }),
    ]
}

/// `tracing` keeps the subscriber for the thread, which is the one of all that is awaited here.
#[tokio::test]
async fn what_a_part_that_is_left_out_holds_shows_in_no_log_and_no_error() {
    for value in [
        format!("Bearer {TOKEN}"),
        format!("x, expected {TOKEN}"),
        "jane.doe@example.test".to_owned(),
    ] {
        let log = Log::default();
        let subscriber =
            tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let mut errors = Vec::new();
        for body in bad_parts(&value) {
            let (fake, spotify) = client().await;
            let next = || fake.next_api(FakeResponse::json(200, &body));
            next();
            errors
                .extend(spotify.playlists().items(PLAYLIST).all().fail_on_unreadable().await.err());
            next();
            errors.extend(spotify.playlists().items(PLAYLIST).all().await.err());
            next();
            errors.extend(spotify.tracks().saved().all().fail_on_unreadable().await.err());
            next();
            errors.extend(spotify.users().me().await.err());
            next();
            errors.extend(spotify.player().devices().await.err());
            let page = from_json::<Page<Track>>(body.to_string().as_bytes());
            for item in page.iter().flat_map(|page| &page.items) {
                let Some(bad) = item.unreadable() else { continue };
                let source = std::error::Error::source(bad).unwrap();
                let shown = format!("{bad} {bad:?} {source} {source:?} {}", bad.path());
                assert!(!has_a_part_of_the_token(&shown) && !shown.contains("jane.doe"), "{shown}");
            }
        }
        assert!(errors.len() > 9);
        for error in &errors {
            let shown = shown(error);
            assert!(!has_a_part_of_the_token(&shown) && !shown.contains("jane.doe"), "{shown}");
        }
        let log = log.text();
        assert!(log.contains("left out"), "{log}");
        assert!(!has_a_part_of_the_token(&log) && !log.contains("jane.doe"), "{log}");
    }
}

#[test]
fn a_list_with_a_hundred_bad_parts_is_one_line_of_the_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let bad = json!({ "id": TRACK, "name": "n", "album": 7, "external_urls": "x", "artists": [7] });

    let page: Page<Track> =
        from_json(json!({ "items": vec![bad; 100] }).to_string().as_bytes()).unwrap();

    assert_eq!(page.into_items().count(), 100);
    let lines = log.text().lines().count();
    assert!((1..=3).contains(&lines), "{lines}: {}", log.text());
}

#[test]
fn the_whole_error_of_an_element_is_there_for_who_asks() {
    let page: Page<Track> = from_json(br#"{"items":["jane"]}"#).unwrap();
    let bad = page.items[0].unreadable().unwrap();
    assert!(bad.error().to_string().contains("jane"));
    assert_eq!(bad.raw_json(), "\"jane\"");
    assert!(bad.to_string().contains("invalid type: string"), "{bad}");
}
