//! Lists: they keep their request, come to an end, and lose nothing silently.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use spotify_web::api::ListEntry;
use spotify_web::model::{CursorPage, Page, PageItem, PlayHistory, PlayableItem, SimplifiedTrack};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient};

use crate::common::{ALBUM, Log, PLAYLIST, PausedTime, by_tokio_clock, plain};

/// A page of an album's tracks.
fn page(items: Value, next: Option<&str>) -> FakeResponse {
    FakeResponse::json(
        200,
        &json!({ "items": items, "limit": 2, "next": next, "offset": 0, "total": 9 }),
    )
}

fn tracks(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "name": name })).collect()
}

#[tokio::test]
async fn every_page_keeps_what_was_set_on_the_request() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    // The server forgets the parameters, and one page fails.
    let next = format!("{}playlists/x/tracks?offset=2&limit=2", fake.base_url());
    fake.next_api(page(json!([{ "item": null }, { "item": null }]), Some(&next)));
    fake.next(503);
    fake.next(503);

    let request = spotify.playlists().items(PLAYLIST).market("DE").fields("items(item)").limit(2);
    let mut stream = request.retries(0).stream();
    for _ in 0..2 {
        stream.next().await.unwrap().unwrap();
    }
    let error = stream.next().await.unwrap().unwrap_err();

    assert!(matches!(error, Error::Api { scopes: [_], .. }), "its scopes are kept: {error:?}");
    let second = &fake.requests()[2];
    assert_eq!(second.parameter("market"), Some("DE"));
    assert_eq!(second.parameter("fields"), Some("items(item),next,limit,offset,total"));
    assert_eq!(second.parameter("additional_types"), Some("track,episode"));
    assert_eq!(second.parameter("offset"), Some("2"));
    assert_eq!(fake.api_requests(), 2, "`retries(0)` holds for every page");
}

/// A list that cannot go on says so, after the items that it has.
#[tokio::test]
async fn a_next_that_is_no_string_is_an_error_and_not_the_end() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    for next in
        [json!(42), json!(4.5), json!(true), json!(false), json!([]), json!({ "href": "x" })]
    {
        let body = json!({ "items": tracks(&["first"]), "next": next, "total": 2 });
        fake.next_api(FakeResponse::json(200, &body));
        let before = fake.api_requests();

        let mut stream = spotify.albums().tracks(ALBUM).stream();

        assert_eq!(stream.next().await.unwrap().unwrap().name, "first", "{next}");
        assert!(stream.next().await.unwrap().is_err(), "{next}");
        assert!(stream.next().await.is_none(), "{next}");
        assert_eq!(fake.api_requests(), before + 1, "nothing is sent to {next}");

        fake.next_api(FakeResponse::json(200, &body));
        let page = spotify.albums().tracks(ALBUM).await.unwrap();
        assert!(spotify.next_page(&page).unwrap().await.is_err(), "{next}");

        let played = json!({ "items": [], "next": next });
        let played: CursorPage<PlayHistory> = serde_json::from_value(played).unwrap();
        assert!(spotify.next_page(&played).unwrap().await.is_err(), "{next}");
    }
}

/// A server may hand out smaller pages than it was asked for, and says so in `next`.
#[tokio::test]
async fn the_size_of_further_pages_is_that_of_next() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let next = format!("{}playlists/x/items?offset=20&limit=20", fake.base_url());
    fake.next_api(page(json!([{}]), Some(&next)));
    let next = format!("{}playlists/x/items?offset=40", fake.base_url());
    fake.next_api(page(json!([{}]), Some(&next)));
    fake.next_api(page(json!([{}]), None));

    let request = spotify.playlists().items(PLAYLIST).limit(50);
    request.stream().collect::<Vec<_>>().await;

    let limits: Vec<_> =
        fake.requests().iter().map(|it| it.parameter("limit").map(str::to_owned)).collect();
    let of_api = &limits[limits.len() - 3..];
    // Where `next` does not say, the request's own holds.
    assert_eq!(of_api, [Some("50".into()), Some("20".into()), Some("50".to_owned())]);
}

#[tokio::test]
async fn the_endpoint_of_every_page_is_reported_by_its_name() {
    let fake = FakeSpotify::start().await.unwrap();
    let names = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&names);
    let config = fake.config_with_credentials();
    let config =
        config.with_observer(move |call| heard.lock().unwrap().push(call.endpoint.clone()));
    let spotify = SpotifyClient::new(config).unwrap();

    spotify.albums().tracks("3IBcauSj5M2A6lTeffJzdv").all().await.unwrap();

    assert_eq!(*names.lock().unwrap(), ["albums/{}/tracks", "albums/{}/tracks"]);
}

/// Each page waits for 6 s: within the deadline for one, but not for both.
#[tokio::test]
async fn a_deadline_is_for_all_of_a_list() {
    for (seconds, is_enough) in [(10, false), (60, true)] {
        let time = PausedTime::pause();
        let fake = FakeSpotify::start().await.unwrap();
        let config = by_tokio_clock(fake.config_with_credentials());
        let spotify = SpotifyClient::new(config).unwrap();
        let next = format!("{}albums/x/tracks?offset=8&limit=2", fake.base_url());
        fake.next_api(FakeResponse::status(429).with_header("retry-after", "6"));
        fake.next_api(page(tracks(&["a", "b"]), Some(&next)));
        fake.next_api(FakeResponse::status(429).with_header("retry-after", "6"));
        fake.next_api(page(tracks(&["c"]), None));

        let request = spotify.albums().tracks(ALBUM).limit(2).offset(6);
        let all = request.deadline(Duration::from_secs(seconds)).all();
        let began = tokio::time::Instant::now();
        let result = time.run(tokio::spawn(async move { all.await.map(drop) })).await;

        assert_eq!(result.is_ok(), is_enough, "{seconds} s: {result:?}");
        assert!(began.elapsed() < Duration::from_secs(seconds + 1), "{:?}", began.elapsed());
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_list_ends_after_an_error_that_does_not_pass() {
    for response in [
        FakeResponse::status(404),
        FakeResponse::status(403),
        FakeResponse::status(400),
        FakeResponse::status(501),
        FakeResponse::body(200, "text/html", "<html>"),
        FakeResponse::json(200, &json!({})),
        FakeResponse::json(200, &json!({ "items": 5 })),
    ] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
        fake.next_api(response.clone());
        let items: Vec<_> = spotify.albums().tracks(ALBUM).stream().collect().await;
        assert_eq!(items.len(), 1, "{response:?}");
        assert!(items[0].is_err());
        assert_eq!(fake.api_requests(), 1, "{response:?}");

        let next = format!("{}albums/x/tracks?offset=2", fake.base_url());
        fake.next_api(page(tracks(&["a"]), Some(&next)));
        fake.next_api(response.clone());
        let pages: Vec<_> = spotify.albums().tracks(ALBUM).pages().collect().await;
        assert_eq!(pages.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
    }
}

/// However fast its taker asks again, a page that fails is asked for as a retry would be.
#[tokio::test]
async fn a_page_that_fails_for_a_while_is_paced() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(plain(&fake)).unwrap();
    for _ in 0..1000 {
        fake.next(503);
    }

    let mut stream = spotify.albums().tracks(ALBUM).stream();
    let ask = tokio::spawn(async move { while stream.next().await.is_some() {} });
    for _ in 0..100 {
        time.settle().await;
        time.advance(Duration::from_millis(100)).await;
    }
    ask.abort();

    let requests = fake.api_requests();
    assert!((2..30).contains(&requests), "{requests} requests in 10 s");
}

#[tokio::test]
async fn an_empty_next_is_the_end() {
    for next in ["", " "] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
        fake.next_api(page(tracks(&["a", "b"]), Some(next)));
        fake.next_api(page(tracks(&["a", "b"]), Some(next)));

        assert_eq!(spotify.albums().tracks(ALBUM).all().await.unwrap().len(), 2);
        let first = spotify.albums().tracks(ALBUM).await.unwrap();
        assert_eq!(spotify.all(first).await.unwrap().len(), 2);
        assert_eq!(fake.api_requests(), 2);
    }
}

#[tokio::test]
async fn empty_pages_beyond_the_total_are_the_end() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    for offset in (10..1000).step_by(2) {
        let next = format!("{}albums/x/tracks?offset={offset}&limit=2", fake.base_url());
        fake.next_api(page(json!([]), Some(&next)));
    }

    let items = spotify.albums().tracks(ALBUM).stream().try_collect::<Vec<_>>().await.unwrap();

    assert!(items.is_empty());
    assert_eq!(fake.api_requests(), 2, "the second begins at 10 of 9");
}

#[tokio::test]
async fn a_next_that_wanders_is_the_servers_fault_and_ends_the_list() {
    // By offsets, by cursors with and without items, in a circle of two, to itself.
    for urls in [
        vec!["?offset=2", "?offset=4", "?offset=2"],
        vec!["?after=a", "?after=b", "?after=a"],
        vec!["?after=a", "?after=a"],
        vec!["?offset=2", "?offset=0"],
    ] {
        for items in [tracks(&["a"]), json!([])] {
            let fake = FakeSpotify::start().await.unwrap();
            let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
            for url in urls.iter().cycle().take(50) {
                let next = format!("{}albums/x/tracks{url}", fake.base_url());
                fake.next_api(page(items.clone(), Some(&next)));
            }

            let all: Vec<_> = spotify.albums().tracks(ALBUM).stream().collect().await;

            let error = all.last().unwrap().as_ref().unwrap_err();
            assert!(matches!(error, Error::Paging { .. }), "{urls:?}: {error:?}");
            assert!(!error.is_transient());
            assert!(fake.api_requests() <= 4, "{urls:?}: {}", fake.api_requests());
        }
    }
}

#[tokio::test]
async fn empty_pages_without_end_are_given_up() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    for cursor in 0..500 {
        let next = format!("{}me/following?type=artist&after={cursor}", fake.base_url());
        let page = json!({ "artists": { "items": [], "next": next } });
        fake.next_api(FakeResponse::json(200, &page));
    }

    let error = spotify.users().followed_artists().all().await.unwrap_err();

    assert!(matches!(error, Error::Paging { .. }), "{error:?}");
    assert!(fake.api_requests() <= 100);
}

/// Spotify hands out the first 1,000 of a search: what comes after them is an end and no error.
#[tokio::test]
async fn a_search_ends_where_spotify_ends_it() {
    for (begin, limit) in [(0, 10), (5, 10), (0, 7), (990, 10), (995, 10)] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
        let mut offset = begin;
        while offset < 1000 {
            let count = limit.min(1000 - offset);
            let next = format!(
                "{}search?query=q&type=track&offset={}&limit={limit}",
                fake.base_url(),
                offset + limit
            );
            let items = (0..count).map(|_| json!({ "name": "x" })).collect::<Value>();
            let page = json!({ "items": items, "limit": limit, "next": next, "offset": offset, "total": 5000 });
            fake.next_api(FakeResponse::json(200, &json!({ "tracks": page })));
            offset += limit;
        }

        let search = spotify.search().tracks("q").offset(begin).limit(limit);
        let found = search.stream().try_collect::<Vec<_>>().await;

        assert_eq!(
            found.map(|found| found.len()).unwrap(),
            1000 - begin as usize,
            "{begin} {limit}"
        );
        for request in fake.requests().iter().skip(1) {
            let number = |name| request.parameter(name).unwrap().parse::<u32>().unwrap();
            assert!(number("offset") + number("limit") <= 1000 || number("offset") == begin);
        }
    }
}

/// Behind a reverse proxy or a mock, `next` is what Spotify wrote.
#[tokio::test]
async fn links_of_spotify_are_rebased_on_the_base_url() {
    for prefix in ["https://api.spotify.com/v1/", "https://API.spotify.com:443/v1/"] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
        let next = format!("{prefix}albums/x/tracks?offset=2&limit=2");
        fake.next_api(page(tracks(&["a", "b"]), Some(&next)));
        fake.next_api(page(tracks(&["c"]), None));
        fake.next_api(page(tracks(&["a", "b"]), Some(&next)));
        fake.next_api(page(tracks(&["c"]), None));

        let stream = spotify.albums().tracks(ALBUM).stream();
        assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap().len(), 3, "{prefix}");
        let first = spotify.albums().tracks(ALBUM).await.unwrap();
        let second = spotify.next_page(&first).unwrap().await.unwrap();
        assert_eq!(second.items.len(), 1);
        assert_eq!(fake.requests().last().unwrap().path, "/v1/albums/x/tracks");
    }
}

#[tokio::test]
async fn links_to_another_origin_stay_errors() {
    for next in [
        "https://api.spotify.com.evil.test/v1/albums/x/tracks?offset=2",
        "https://evil.test/v1/albums/x/tracks?offset=2",
        "http://api.spotify.com/v1/albums/x/tracks?offset=2",
        "https://user@api.spotify.com/v1/albums/x/tracks?offset=2",
        "https://api.spotify.com:8443/v1/albums/x/tracks?offset=2",
        "https://accounts.spotify.com/v1/albums/x/tracks?offset=2",
        "//evil.test/v1/albums",
    ] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
        fake.next_api(page(tracks(&["a", "b"]), Some(next)));

        let all: Vec<_> = spotify.albums().tracks(ALBUM).stream().collect().await;

        assert!(matches!(all.last(), Some(Err(Error::ForeignOrigin { .. }))), "{next}: {all:?}");
        assert_eq!((all.len(), fake.api_requests()), (3, 1), "{next}");
    }
}

/// A page with an item, `null`, and what cannot be read in several ways.
fn mixed() -> String {
    let items = [
        r#"{"name":"good"}"#,
        "null",
        r#"{"name":5}"#,
        r#""\ud800""#,
        r#"{"name":"lone \ud800 surrogate"}"#,
        r#"{"name":"x","track_number":1e999}"#,
        "7",
        r#"{"name":"good"}"#,
    ];
    format!("{{\"items\":[{}],\"total\":8,\"limit\":50,\"offset\":0}}", items.join(","))
}

#[tokio::test]
async fn a_page_says_what_stands_at_each_place() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::body(200, "application/json", mixed()));

    let page = spotify.albums().tracks(ALBUM).await.unwrap();

    let items = &page.items;
    assert_eq!(items.len(), 8);
    assert!(items[0].is_item() && items[7].is_item() && items[1].is_null());
    assert_eq!(items[4].item().unwrap().name, "lone \u{fffd} surrogate");
    assert_eq!(items[5].item().unwrap().track_number, None);
    for item in [&items[2], &items[3], &items[6]] {
        let unreadable = item.unreadable().unwrap();
        assert!(mixed().contains(unreadable.raw_json()), "{}", unreadable.raw_json());
        assert!(!unreadable.to_string().is_empty());
    }
    assert_eq!(items[2].unreadable().unwrap().path(), ".", "nothing of it can be read");
    assert_eq!(items[2].unreadable().unwrap().raw_json(), r#"{"name":5}"#);

    let written = serde_json::to_string(&page).unwrap();
    let again: Page<SimplifiedTrack> = serde_json::from_str(&written).unwrap();
    assert_eq!(again, page, "a page is written as it was read");
}

#[tokio::test]
async fn what_is_not_utf_8_costs_its_item() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let body = [&b"{\"items\":[{\"name\":\"a\"},{\"name\":\"\xff\"}],\"total\":2}"[..]].concat();
    fake.next_api(FakeResponse::body(200, "application/json", body));

    let page = spotify.albums().tracks(ALBUM).await.unwrap();

    assert_eq!(page.items[0].item().unwrap().name, "a");
}

#[tokio::test]
async fn what_is_left_out_is_counted_and_reported_once_a_list() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::body(200, "application/json", mixed()));

    let last = Arc::new(Mutex::new(None));
    let heard = Arc::clone(&last);
    let all = spotify.albums().tracks(ALBUM).all();
    let all = all.progress(move |so_far| *heard.lock().unwrap() = Some(so_far)).await.unwrap();

    assert_eq!(all.len(), 4);
    let last = last.lock().unwrap().unwrap();
    assert_eq!((last.fetched, last.left_out, last.total), (4, 4, Some(8)));
    assert_eq!(log.text().matches("WARN").count(), 1, "{}", log.text());
    assert!(log.text().contains("albums/{}/tracks"), "{}", log.text());
}

#[tokio::test]
async fn a_list_can_be_asked_to_fail() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::body(200, "application/json", mixed()));
    fake.next_api(FakeResponse::body(200, "application/json", mixed()));

    let error = spotify.albums().tracks(ALBUM).all().fail_on_unreadable().await.unwrap_err();
    let items: Vec<_> =
        spotify.albums().tracks(ALBUM).stream().fail_on_unreadable().collect().await;

    let Error::UnreadableItem { position: 2, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.raw_json(), r#"{"name":5}"#);
    assert_eq!(items.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false], "and it ends");
}

#[tokio::test]
async fn entries_have_their_positions_over_all_pages() {
    let fake = FakeSpotify::builder().with_playlist_length(300).start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let items = || spotify.playlists().items(PLAYLIST);

    let all = items().all().entries().await.unwrap();
    let later = items().offset(120).limit(50).entries().try_collect::<Vec<_>>().await.unwrap();
    let first = spotify.playlists().get(PLAYLIST).await.unwrap().items.unwrap();
    let from_page = spotify.all(first).entries().await.unwrap();

    assert_eq!(all.len(), 300);
    let positions =
        |entries: &[ListEntry<_>]| entries.iter().map(|it| it.position).collect::<Vec<_>>();
    assert_eq!(positions(&all), (0..300).collect::<Vec<_>>());
    assert_eq!(positions(&later), (120..300).collect::<Vec<_>>());
    assert_eq!(positions(&from_page), positions(&all));
    assert!(matches!(all[7].item, PageItem::Null));
    let unknown = all[9].item.item().unwrap().item.as_ref();
    assert!(matches!(unknown, Some(PlayableItem::Unknown(_))));
}

/// Ten times as many bad items take ten times as long, and not a hundred times.
#[test]
fn bad_items_cost_no_more_than_their_number() {
    let body = |n: usize| format!("{{\"items\":[{}1],\"total\":1}}", "1,".repeat(n - 1));
    let time = |n: usize| {
        let body = body(n);
        let began = Instant::now();
        let page: Page<SimplifiedTrack> = serde_json::from_str(&body).unwrap();
        assert!(page.items.iter().all(|item| item.unreadable().is_some()));
        began.elapsed()
    };
    for n in [1_000, 4_000, 16_000] {
        println!("{n} bad items: {:?}", time(n));
    }
    // 40 s when each bad item had the whole page read again; a slow machine has room.
    assert!(time(32_000) < Duration::from_secs(10));
}

#[tokio::test]
async fn thirty_thousand_bad_items_block_nobody() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let items = vec![Value::from(1); 32_000];
    fake.next_api(FakeResponse::json(200, &json!({ "items": items, "total": 32_000 })));

    let began = Instant::now();
    let all = spotify.albums().tracks(ALBUM).all().await;

    assert!(matches!(all, Err(Error::UnreadableItem { position: 0, .. })), "{all:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
}
