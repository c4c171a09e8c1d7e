//! Pages that have something beside them that nobody needs, or something twice.

use serde_json::{Value, json};
use spotify_web::SpotifyClient;
use spotify_web::model::{
    Album, Artist, CursorPage, NextLink, Page, PlayableItem, Track, from_json,
};
use spotify_web::testing::{FakeResponse, FakeSpotify};

const ID: &str = "6SJQ8VzM5PlDy11wMtcD6v";

async fn fake_with(body: &str) -> (FakeSpotify, SpotifyClient) {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::body(200, "application/json", body));
    (fake, spotify)
}

const BAD: [&str; 7] = ["7", "null", "\"x\"", "[7]", "{}", "{\"items\":7}", "{\"href\":\"h\"}"];

#[test]
fn what_stands_beside_the_items_costs_the_page_nothing() {
    for name in ["tracks", "artists", "albums", "playlists", "shows", "episodes", "categories"] {
        for bad in BAD {
            let (before, behind) = (
                format!(r#"{{"{name}":{bad},"items":[1,2],"next":null,"total":2}}"#),
                format!(r#"{{"items":[1,2],"next":null,"total":2,"{name}":{bad}}}"#),
            );
            for body in [before, behind] {
                let page: Page<u8> =
                    from_json(body.as_bytes()).unwrap_or_else(|e| panic!("{body}: {e}"));
                assert_eq!((page.items.len(), page.total), (2, Some(2)), "{body}");
                assert_eq!(serde_json::from_str::<Page<u8>>(&body).unwrap(), page);
                let page: CursorPage<u8> =
                    from_json(body.as_bytes()).unwrap_or_else(|e| panic!("{body}: {e}"));
                assert_eq!((page.items.len(), page.total), (2, Some(2)), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn of_the_fields_that_may_wrap_a_page_the_one_that_does_counts() {
    let good = json!({ "items": [{ "id": ID, "name": "n" }], "next": null, "total": 1 });
    for bad in [json!(7), json!("x"), json!(null), json!([]), json!({ "error": 7 })] {
        for body in [
            json!({ "tracks": good, "albums": bad }),
            json!({ "albums": bad, "tracks": good }),
            json!({ "albums": bad, "tracks": good, "shows": bad }),
        ] {
            let (_fake, spotify) = fake_with(&body.to_string()).await;
            let page: Page<Track> = spotify.get("search?q=x&type=track").await.unwrap();
            assert!(page.items[0].is_item(), "{body}");
        }
        let mut artists = good.clone();
        artists["artists"] = bad.clone();
        let (_fake, spotify) = fake_with(&json!({ "artists": artists }).to_string()).await;
        let page = spotify.users().followed_artists().await.unwrap();
        assert!(page.items[0].is_item(), "{bad}");
    }
}

#[test]
fn where_no_field_wraps_a_page_there_is_none() {
    for body in
        [r#"{"tracks":7}"#, r#"{"artists":7}"#, r#"{"artists":{}}"#, r#"{"tracks":7,"artists":[]}"#]
    {
        assert!(from_json::<Page<u8>>(body.as_bytes()).is_err(), "{body}");
        assert!(from_json::<CursorPage<u8>>(body.as_bytes()).is_err(), "{body}");
    }
    let two = r#"{"tracks":{"items":[1]},"albums":{"items":[2]}}"#;
    assert!(from_json::<Page<u8>>(two.as_bytes()).is_err());
    assert!(from_json::<Page<u8>>(br#"{"tracks":null,"albums":{"items":[2]}}"#).is_ok());
}

#[test]
fn a_next_that_cannot_be_read_is_malformed_and_costs_no_page() {
    let deep = format!("{}{}", "[".repeat(140), "]".repeat(140));
    let deep_object = format!("{}1{}", r#"{"a":"#.repeat(140), "}".repeat(140));
    for next in [deep.as_str(), &deep_object, "1e999", "-1e999", "7", "[]", "true"] {
        let body = format!(r#"{{"items":[1,2],"next":{next},"total":2}}"#);
        let page: Page<u8> = from_json(body.as_bytes()).unwrap_or_else(|e| panic!("{body}: {e}"));
        assert_eq!(page.items.len(), 2, "{body}");
        assert!(matches!(page.next, NextLink::Malformed(_)), "{body}: {:?}", page.next);
        let page: CursorPage<u8> =
            from_json(body.as_bytes()).unwrap_or_else(|e| panic!("{body}: {e}"));
        assert!(matches!(page.next, NextLink::Malformed(_)), "{body}: {:?}", page.next);
        let again: CursorPage<u8> =
            serde_json::from_str(&serde_json::to_string(&page).unwrap()).unwrap();
        assert_eq!(again, page);
    }
    for body in [
        format!(r#"{{"items":[1,2],"previous":{deep},"href":{deep}}}"#),
        format!(r#"{{"items":[1,2],"total":{deep}}}"#),
    ] {
        assert_eq!(from_json::<Page<u8>>(body.as_bytes()).unwrap().items.len(), 2, "{body}");
    }
}

#[tokio::test]
async fn of_a_field_that_comes_twice_the_first_counts() {
    for body in [
        r#"{"items":[1,2],"items":null,"next":"u","next":null,"total":2,"total":9}"#,
        r#"{"items":[1,2],"total":2,"next":"u","\u006eext":null,"t\u006ftal":9,"\u0069tems":[]}"#,
        r#"{"\u0069tems":[1,2],"items":[],"next":"u","total":2,"total":"x"}"#,
    ] {
        let page: Page<u8> = from_json(body.as_bytes()).unwrap_or_else(|e| panic!("{body}: {e}"));
        assert_eq!(
            (page.items.len(), page.total, page.next.url()),
            (2, Some(2), Some("u")),
            "{body}"
        );
        let page: CursorPage<u8> =
            from_json(body.as_bytes()).unwrap_or_else(|e| panic!("{body}: {e}"));
        assert_eq!(
            (page.items.len(), page.total, page.next.url()),
            (2, Some(2), Some("u")),
            "{body}"
        );
        let whole = format!(r#"{{"tracks":{body},"tracks":7}}"#);
        assert_eq!(from_json::<Page<u8>>(whole.as_bytes()).unwrap().items.len(), 2, "{whole}");
    }
    let album = format!(
        r#"{{"id":"{ID}","tracks":{{"items":[{{"id":"{ID}"}}],"items":null}},"name":"a","n\u0061me":"b"}}"#
    );
    let album: Album = from_json(album.as_bytes()).unwrap();
    assert_eq!((album.tracks.items.len(), album.name.as_str()), (1, "a"));

    let (_fake, spotify) = fake_with(r#"{"devices":[{"id":"d"}],"devices":null}"#).await;
    assert_eq!(spotify.player().devices().await.unwrap().len(), 1);
    let body = format!(r#"{{"artists":[{{"id":"{ID}","name":"n"}}],"\u0061rtists":[]}}"#);
    let (_fake, spotify) = fake_with(&body).await;
    #[allow(deprecated, reason = "old")]
    let artists = spotify.artists().several([ID]).await.unwrap();
    assert!(artists[0].is_some());
    let (_fake, spotify) =
        fake_with(&format!(r#"{{"id":"{ID}","name":"a","n\u0061me":"b"}}"#)).await;
    assert_eq!(spotify.artists().get(ID).await.unwrap().name, "a");
    let page = format!(r#"{{"items":[{{"id":"{ID}","name":"a","n\u0061me":"b"}}]}}"#);
    let page: Page<Artist> = from_json(page.as_bytes()).unwrap();
    assert_eq!(page.into_items().next().unwrap().name, "a");
}

#[test]
fn an_item_that_is_not_known_keeps_the_first_of_two_fields() {
    let body = br#"{"items":[{"type":"clip","name":"a","name":"b"}]}"#;
    let page: Page<PlayableItem> = from_json(body).unwrap();
    let item = page.into_items().next().unwrap();
    assert_eq!(item.name(), Some("a"), "{item:?}");
}

#[tokio::test]
async fn a_response_whose_list_holds_nothing_that_can_be_read_is_an_error() {
    for (bad, is_ok) in [
        (json!([7, 7, 7]), false),
        (json!([7, null, {}]), false),
        (json!([null, null, null]), true),
        (json!([7, { "id": ID, "name": "n" }, null]), true),
    ] {
        let (_fake, spotify) = fake_with(&json!({ "tracks": bad }).to_string()).await;
        #[allow(deprecated, reason = "old")]
        let several = spotify.tracks().several([ID, ID, ID]).await;
        assert_eq!(several.is_ok(), is_ok, "{bad}: {several:?}");
    }
}

#[tokio::test]
async fn a_list_of_which_nothing_can_be_read_is_an_error_also_where_all_of_it_is_asked_for() {
    let page = |items: Value| json!({ "items": items, "next": null, "total": 3 }).to_string();
    let good = json!({ "track": { "id": ID, "name": "n" } });
    for (items, is_ok) in [
        (json!([7, 7, 7]), false),
        (json!([7, null, {}]), false),
        (json!([null, null]), true),
        (json!([]), true),
        (json!([7, good]), true),
    ] {
        let (_fake, spotify) = fake_with(&page(items.clone())).await;
        let all = spotify.tracks().saved().all().await;
        assert_eq!(all.is_ok(), is_ok, "{items}: {all:?}");
        let (_fake, spotify) = fake_with(&page(items.clone())).await;
        let entries = spotify.tracks().saved().all().entries().await;
        assert!(entries.is_ok(), "{items}");
    }
}

#[tokio::test]
async fn a_body_is_json_also_behind_a_byte_order_mark() {
    let (_fake, spotify) = fake_with(&format!("\u{feff}{{\"id\":\"{ID}\",\"name\":\"n\"}}")).await;
    let response = spotify.artists().get(ID).send_with_response().await.unwrap();
    assert_eq!(response.json().unwrap()["name"], "n");
}

#[test]
fn a_page_with_what_cannot_be_read_can_be_written_as_a_value() {
    for bad in [r#"{"x":"\ud83d"}"#, "1e999", r#"{"a":1,"a":2}"#, "\"\\ude00\""] {
        let page: Page<Artist> = from_json(format!(r#"{{"items":[{bad}]}}"#).as_bytes()).unwrap();
        assert!(page.items[0].unreadable().is_some(), "{bad}");
        assert!(serde_json::to_value(&page).is_ok(), "{bad}");
        let again: Page<Artist> =
            from_json(serde_json::to_string(&page).unwrap().as_bytes()).unwrap();
        // Mended, a number that there is none of is `null`.
        assert!(bad == "1e999" || again.items[0].unreadable().is_some(), "{bad}");
        assert_eq!(page.items[0].unreadable().unwrap().raw_json(), bad);
    }
}
