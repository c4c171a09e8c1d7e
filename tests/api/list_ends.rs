//! How a list goes on after a page, and where it ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use spotify_web::model::{Artist, CursorPage, FeaturedPlaylists, Page, SearchType, Track};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};

use crate::common::{PausedTime, by_tokio_clock, plain_client};

type List = Page<u64>;

fn respond(fake: &FakeSpotify, body: &Value) {
    fake.next_api(FakeResponse::json(200, body));
}

/// The parameters of the last request.
fn last_query(fake: &FakeSpotify) -> String {
    let request = fake.requests().last().unwrap().clone();
    let pairs: Vec<_> =
        request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

#[tokio::test]
async fn a_page_that_says_neither_next_nor_a_total_that_is_reached_is_not_taken_for_the_last() {
    for body in [
        json!({ "items": [1, 2] }),
        json!({ "items": [1, 2], "total": 3 }),
        json!({ "items": [1], "total": 2, "offset": 0 }),
        json!({ "items": [] }),
        json!({ "total": 120 }),
        json!({ "tracks": { "items": [1, 2] } }),
    ] {
        let (fake, spotify) = plain_client().await;
        respond(&fake, &body);
        let mut stream = spotify.get::<List>("x").query("fields", "items(added_at)").stream();
        let mut results = Vec::new();
        while let Some(result) = stream.next().await {
            results.push(result);
        }
        let error = results.pop().expect("an end that is told").unwrap_err();
        assert!(matches!(error, Error::Paging { .. }), "{body}: {error:?}");
        assert!(results.iter().all(Result::is_ok), "{body}: its items come first");

        respond(&fake, &body);
        let page = spotify.get::<List>("x").await.unwrap();
        assert!(spotify.all(page).await.is_err(), "{body}");
        let cursors: CursorPage<u64> = serde_json::from_value(json!({ "items": [1] })).unwrap();
        assert!(spotify.all(cursors).await.is_err());
    }
}

#[tokio::test]
async fn a_page_without_next_that_reaches_the_total_is_the_last() {
    for body in [
        json!({ "items": [1, 2], "total": 2 }),
        json!({ "items": [1, 2], "total": 5, "offset": 3 }),
        json!({ "items": [], "total": 0 }),
        json!({ "items": [1, 2], "next": null }),
        json!({ "items": [1, 2], "next": "", "total": 9 }),
        json!({ "items": [], "next": null }),
    ] {
        let (fake, spotify) = plain_client().await;
        respond(&fake, &body);
        let all = spotify.get::<List>("x").all().await;
        assert_eq!(all.unwrap().len(), body["items"].as_array().unwrap().len(), "{body}");
    }
}

#[tokio::test]
async fn an_empty_page_without_a_total_is_no_end() {
    let (fake, spotify) = plain_client().await;
    let next = |offset: u32| format!("{}x?offset={offset}", fake.base_url());
    respond(&fake, &json!({ "items": [1, 2], "next": next(2) }));
    respond(&fake, &json!({ "items": [], "next": next(4) }));
    respond(&fake, &json!({ "items": [5], "next": null }));
    assert_eq!(spotify.get::<List>("x").all().await.unwrap(), [1, 2, 5]);
}

#[tokio::test]
async fn what_next_says_is_not_overruled_and_lists_of_values_stay() {
    for (first, next, then) in [
        ("x?tag=a&tag=b", "tag=a&tag=b&offset=2", "tag=a&tag=b&offset=2"),
        ("x?tag=a&tag=b", "tag=c&offset=2", "tag=c&offset=2"),
        ("x?tag=a&tag=b", "offset=2", "offset=2&tag=a&tag=b"),
        ("x?page=1", "page=2", "page=2"),
        ("x?market=DE", "market=US&offset=2", "market=US&offset=2"),
        ("x?q=a", "query=a&offset=2", "query=a&offset=2"),
        ("x?q=a", "q=b&offset=2", "q=b&offset=2"),
        ("x?q=a", "offset=2", "offset=2&q=a"),
        ("x?cursor=a&market=DE", "cursor=b", "cursor=b&market=DE"),
        ("x", "offset=2", "offset=2"),
    ] {
        let (fake, spotify) = plain_client().await;
        let link = format!("{}x?{next}", fake.base_url());
        respond(&fake, &json!({ "items": [1, 2], "next": link }));
        respond(&fake, &json!({ "items": [3], "next": null }));
        spotify.get::<List>(first).all().await.unwrap();
        assert_eq!(last_query(&fake), then, "{first} then {next}");
    }
}

#[tokio::test]
async fn lists_from_a_page_follow_the_rules_of_all_lists() {
    let (fake, spotify) = plain_client().await;
    let href = format!("{}a/b?offset=0", fake.base_url());
    let page = |next: &str, rest: Value| -> List {
        let mut page = json!({ "items": [1, 2], "href": href, "next": next });
        page.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        serde_json::from_value(page).unwrap()
    };

    // A relative URL is meant from the page.
    for (next, path) in [("?offset=2", "/v1/a/b"), ("c?offset=2", "/v1/a/c"), ("/v1/d", "/v1/d")] {
        respond(&fake, &json!({ "items": [3], "next": null }));
        assert_eq!(spotify.all(page(next, json!({}))).await.unwrap(), [1, 2, 3]);
        assert_eq!(fake.requests().last().unwrap().path, path);
        respond(&fake, &json!({ "items": [3], "next": null }));
        spotify.next_page(&page(next, json!({}))).unwrap().await.unwrap();
        assert_eq!(fake.requests().last().unwrap().path, path);
    }

    // Back to itself, or into itself.
    let before = fake.api_requests();
    for next in [href.as_str(), "?offset=0", "?offset=1"] {
        for page in [page(next, json!({ "offset": 0, "total": 4 })), page(next, json!({}))] {
            let error = spotify.next_page(&page).unwrap().await.unwrap_err();
            assert!(matches!(error, Error::Paging { .. }), "{next}: {error:?}");
            let error = spotify.all(page).await.unwrap_err();
            assert!(matches!(error, Error::Paging { .. }), "{next}: {error:?}");
        }
    }

    // Nothing beyond the total, and nothing without a URL.
    let beyond = json!({ "items": [], "offset": 9, "total": 9, "next": "https://x.test/" });
    let beyond: List = serde_json::from_value(beyond).unwrap();
    assert!(spotify.next_page(&beyond).is_none());
    assert!(spotify.all(beyond).await.unwrap().is_empty());
    assert!(spotify.next_page(&page(" ", json!({}))).is_none());
    assert_eq!(fake.api_requests(), before, "nothing is sent");
}

#[tokio::test]
async fn a_malformed_link_of_a_page_is_told_as_the_servers() {
    let (fake, spotify) = plain_client().await;
    for next in
        [json!("http://[::1"), json!("https://"), json!("http://:80/x"), json!(7), json!(["x"])]
    {
        let page = json!({ "items": [1], "next": next, "previous": "http://[::1" });
        let page: List = serde_json::from_value(page).unwrap();
        for error in [
            spotify.next_page(&page).unwrap().await.unwrap_err(),
            spotify.previous_page(&page).unwrap().await.unwrap_err(),
            spotify.all(page).await.unwrap_err(),
        ] {
            assert!(!matches!(error, Error::Parameter { .. }), "{next}: {error:?}");
            assert!(error.to_string().contains("server"), "{next}: {error}");
        }
    }
    assert_eq!(fake.api_requests(), 0);
}

#[tokio::test]
async fn a_search_ends_at_a_thousand_from_wherever_it_begins() {
    let (fake, spotify) = plain_client().await;
    let link = |offset: u32| {
        format!("{}search?query=x&type=track&offset={offset}&limit=10", fake.base_url())
    };
    let page = |offset: u32, count: usize| {
        let items: Vec<_> = (0..count).map(|_| json!({ "name": "t" })).collect();
        let next = link(offset + 10);
        let page =
            json!({ "items": items, "total": 5000, "limit": 10, "offset": offset, "next": next });
        json!({ "tracks": page })
    };
    // The last page, made elsewhere.
    respond(&fake, &page(990, 10));
    let found = spotify.search().all("x", [SearchType::Track]).offset(990).await.unwrap();
    let last = found.tracks.unwrap();
    let before = fake.api_requests();
    assert!(spotify.next_page(&last).is_none());
    assert_eq!(spotify.all(last).await.unwrap().len(), 10);
    assert_eq!(fake.api_requests(), before, "nothing is sent");

    // The page before it is cut short.
    respond(&fake, &page(985, 10));
    let found = spotify.search().tracks("x").offset(985).await.unwrap();
    respond(&fake, &page(995, 5));
    assert_eq!(spotify.all(found).await.unwrap().len(), 15);
    assert!(last_query(&fake).contains("limit=5"), "{}", last_query(&fake));

    // The first page as well.
    for offset in [995, 999] {
        respond(&fake, &page(offset, 1));
        spotify.search().tracks("x").offset(offset).all().await.unwrap();
        let limit = format!("limit={}", 1000 - offset);
        assert!(last_query(&fake).contains(&limit), "{}", last_query(&fake));
        respond(&fake, &page(offset, 1));
        spotify.search().tracks("x").offset(offset).stream().next().await.unwrap().unwrap();
        assert!(last_query(&fake).contains("limit="), "{}", last_query(&fake));
    }
    // With room enough, the size of pages is left to the server.
    respond(&fake, &page(980, 10));
    spotify.search().tracks("x").offset(980).stream().next().await.unwrap().unwrap();
    let requests = fake.requests();
    let first = requests.iter().find(|request| request.parameter("offset") == Some("980"));
    assert_eq!(first.unwrap().parameter("limit"), None);

    let before = fake.api_requests();
    assert!(spotify.search().tracks("x").offset(1000).all().await.unwrap().is_empty());
    assert_eq!(fake.api_requests(), before, "nothing is sent");
}

#[tokio::test]
async fn a_list_from_a_page_keeps_its_scopes_and_the_name_of_its_endpoint() {
    let fake = FakeSpotify::start().await.unwrap();
    let names = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&names);
    let config = fake.config().with_token(fake.user_token()).without_retries();
    let config =
        config.with_observer(move |call| heard.lock().unwrap().push(call.endpoint.clone()));
    let spotify = SpotifyClient::new(config).unwrap();
    for (path, endpoint, has_scopes) in [
        ("playlists/37i9dQZF1DXcBWIGoYBM5M/items", "playlists/{}/items", true),
        ("playlists/37i9dQZF1DXcBWIGoYBM5M/tracks", "playlists/{}/tracks", true),
        ("me/tracks", "me/tracks", true),
        ("me/albums", "me/albums", true),
        ("me/playlists", "me/playlists", true),
        ("me/top/artists", "me/top/artists", true),
        ("me/player/recently-played", "me/player/recently-played", true),
        ("me/following", "me/following", true),
        ("albums/0tGPJ0bkWOUmH7MEOR77qc/tracks", "albums/{}/tracks", false),
        ("users/jane.doe/playlists", "users/{}/playlists", true),
        ("search", "search", false),
        ("something/new", "(raw)", false),
    ] {
        for prefix in [fake.base_url(), "https://api.spotify.com/v1/".to_owned()] {
            let page = json!({ "items": [], "next": format!("{prefix}{path}?offset=2&after=x") });
            let page: List = serde_json::from_value(page).unwrap();
            fake.next(403);
            let error = spotify.next_page(&page).unwrap().await.unwrap_err();
            let Error::Api { scopes, .. } = error else { panic!("{error:?}") };
            assert_eq!(!scopes.is_empty(), has_scopes, "{path}");
            fake.next(403);
            let error = spotify.all(page).await.unwrap_err();
            let Error::Api { scopes, .. } = error else { panic!("{error:?}") };
            assert_eq!(!scopes.is_empty(), has_scopes, "{path}");
            assert_eq!(*std::mem::take(&mut *names.lock().unwrap()), [endpoint, endpoint]);
        }
    }
    // What is about a user is not shown.
    let page = json!({ "items": [], "next": "me/playlists?offset=2" });
    let page: List = serde_json::from_value(page).unwrap();
    fake.next_api(FakeResponse::json(200, &json!({ "diary": "about the user" })));
    let error = spotify.all(page).await.unwrap_err();
    assert!(!error.to_line().contains("about the user"), "{}", error.to_line());
}

/// A request knows the field of its page, wherever that stands.
#[tokio::test]
async fn a_page_is_read_from_the_field_that_the_endpoint_has() {
    let artists = json!({ "items": [{ "name": "an artist" }], "total": 1, "next": null });
    let tracks = json!({ "items": [{ "name": "a song" }], "total": 1, "next": null });
    for body in [
        json!({ "tracks": tracks, "artists": artists }),
        json!({ "albums": artists, "tracks": tracks, "shows": artists }),
        json!({ "tracks": tracks, "artists": null }),
        tracks.clone(),
    ] {
        let (fake, spotify) = plain_client().await;
        let link = format!("{}search?query=x&type=track&offset=1", fake.base_url());
        let before: Page<Track> =
            serde_json::from_value(json!({ "items": [], "next": link })).unwrap();
        for _ in 0..3 {
            respond(&fake, &body);
        }
        let found = spotify.search().tracks("x").await.unwrap();
        let found: Vec<_> = found.into_items().map(|track| track.name).collect();
        assert_eq!(found, ["a song"], "{body}");
        let found = spotify.search().tracks("x").all().await.unwrap();
        assert_eq!(found[0].name, "a song", "{body}");
        let found = spotify.next_page(&before).unwrap().await.unwrap();
        let found: Vec<_> =
            found.items.iter().map(|place| place.item().map(|it| &*it.name)).collect();
        assert_eq!(found, [Some("a song")], "{body}: {:?}", fake.requests());
    }
    for body in [
        json!({ "artists": artists }),
        json!({ "artists": artists, "albums": { "items": [] } }),
        json!({ "tracks": null, "artists": artists }),
        json!({}),
    ] {
        let (fake, spotify) = plain_client().await;
        respond(&fake, &body);
        let found = spotify.search().tracks("x").await;
        assert!(matches!(found, Err(Error::Decode { .. })), "{body}: {found:?}");
    }
    // Where nothing is known of the field, two are a guess.
    let two = json!({ "tracks": tracks, "artists": artists });
    assert!(serde_json::from_value::<Page<Artist>>(two).is_err());
    let (fake, spotify) = plain_client().await;
    respond(&fake, &json!({ "artists": artists, "items": [], "albums": artists, "next": null }));
    assert!(spotify.users().followed_artists().all().await.unwrap().is_empty());
}

/// 4 MiB of `7,` took 2 GB as a list.
#[tokio::test]
async fn a_page_with_more_places_than_any_is_an_error() {
    let (fake, spotify) = plain_client().await;
    let body = format!("{{\"items\":[{}7],\"next\":null}}", "7,".repeat(2_000_000));
    for _ in 0..2 {
        fake.next_api(FakeResponse::body(200, "application/json", body.clone()));
    }
    let saved = spotify.tracks().saved().await;
    assert!(matches!(saved, Err(Error::Decode { .. })), "{:?}", saved.map(|page| page.items.len()));
    let numbers = spotify.get::<List>("x").await;
    assert!(numbers.is_err(), "good items as well");
}

/// A server whose pages begin at these places, and are said to be of 50.
struct ShortPages {
    starts: Vec<usize>,
    requests: Arc<Mutex<usize>>,
}

#[async_trait::async_trait]
impl reqwest_middleware::Middleware for ShortPages {
    async fn handle(
        &self,
        request: reqwest::Request,
        _: &mut http::Extensions,
        _: reqwest_middleware::Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        *self.requests.lock().unwrap() += 1;
        let parameter = request.url().query_pairs().find(|(name, _)| name == "offset");
        let offset = parameter.map_or(0, |(_, offset)| offset.parse().unwrap());
        let end = self.starts.iter().copied().find(|start| *start > offset).unwrap_or(offset + 1);
        let next =
            (end < 600).then(|| format!("https://api.spotify.com/v1/x?offset={end}&limit=50"));
        let items: Vec<_> = (offset..end.min(600)).collect();
        let page = json!({
            "items": items, "next": next, "total": 600, "limit": 50, "offset": offset
        });
        tokio::task::yield_now().await;
        Ok(http::Response::new(page.to_string()).into())
    }
}

/// What a server says of its pages is a hint, and wrong hints cost little.
#[tokio::test]
async fn pages_shorter_than_their_limit_are_not_asked_for_many_times() {
    for sizes in [&[20_usize][..], &[50], &[1, 50], &[20, 7, 33], &[50, 50, 50, 50, 1]] {
        let mut starts = vec![0];
        while let Some(start) = starts.last().copied().filter(|start| *start < 600) {
            starts.push(start + sizes[(starts.len() - 1) % sizes.len()]);
        }
        let requests = Arc::new(Mutex::new(0));
        let pages = starts.len() - 1;
        let server = ShortPages { starts, requests: Arc::clone(&requests) };
        let config = SpotifyClientConfig::default().with_middleware(server);
        let spotify = SpotifyClient::new(config).unwrap();

        let mut stream = spotify.get::<List>("x").query("offset", 0).stream().concurrency(8);
        let mut items = Vec::new();
        while let Some(item) = stream.next().await {
            items.push(item.unwrap());
        }

        assert_eq!(items, (0..600).collect::<Vec<u64>>(), "{sizes:?}");
        let requests = *requests.lock().unwrap();
        assert!(requests <= 2 * pages + 8, "{sizes:?}: {requests} requests for {pages} pages");
    }
}

struct Panicking(Mutex<u32>);

#[async_trait::async_trait]
impl reqwest_middleware::Middleware for Panicking {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut http::Extensions,
        next: reqwest_middleware::Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let number = {
            let mut number = self.0.lock().unwrap();
            *number += 1;
            *number
        };
        assert!(number != 2, "the second request panics");
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn a_page_whose_task_panicked_is_asked_for_again() {
    for width in [1, 8] {
        let fake = FakeSpotify::start().await.unwrap();
        let config = fake.config().with_token(fake.user_token());
        let config = config.with_middleware(Panicking(Mutex::new(0)));
        let spotify = SpotifyClient::new(config).unwrap();
        let next = format!("{}x?offset=1", fake.base_url());
        respond(&fake, &json!({ "items": [1], "next": next, "total": 2, "limit": 1 }));
        respond(&fake, &json!({ "items": [2], "next": null }));
        let mut stream = spotify.get::<List>("x").stream().concurrency(width);
        assert_eq!(stream.next().await.unwrap().unwrap(), 1);
        let stream = Arc::new(tokio::sync::Mutex::new(stream));
        let again = Arc::clone(&stream);
        let panicked = tokio::spawn(async move { again.lock().await.next().await.is_some() }).await;
        assert!(panicked.unwrap_err().is_panic());
        assert_eq!(stream.lock().await.next().await.unwrap().unwrap(), 2);
    }
}

/// Decoding is the program's own code too.
#[derive(Debug)]
struct PanicsOnce;

static PANICS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

impl<'de> serde::Deserialize<'de> for PanicsOnce {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let before = PANICS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        assert!(before > 0, "the first one panics");
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

#[tokio::test]
async fn a_page_that_panicked_when_it_was_read_is_not_passed_over() {
    let (fake, spotify) = plain_client().await;
    let body = json!({ "items": [1, 2], "next": null });
    respond(&fake, &body);
    respond(&fake, &body);
    let stream = spotify.get::<Page<PanicsOnce>>("x").stream();
    let stream = Arc::new(tokio::sync::Mutex::new(stream));
    let again = Arc::clone(&stream);
    let panicked = tokio::spawn(async move { again.lock().await.next().await.is_some() }).await;
    assert!(panicked.unwrap_err().is_panic());
    let mut stream = stream.lock().await;
    for _ in 0..2 {
        stream.next().await.unwrap().unwrap();
    }
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_list_does_not_sit_out_a_wait_that_its_calls_may_not() {
    let time = PausedTime::pause();
    for (has_limiter, max_wait, deadline) in
        [(false, 1, None), (true, 1, None), (false, 60, Some(2)), (true, 60, Some(2))]
    {
        for status in [429, 503] {
            let fake = FakeSpotify::start().await.unwrap();
            let config = by_tokio_clock(fake.config().with_token(fake.user_token()));
            let config = config.with_max_wait(Duration::from_secs(max_wait));
            let config = if has_limiter { config } else { config.without_rate_limiter() };
            let spotify = SpotifyClient::new(config.without_retries()).unwrap();
            fake.next_api(FakeResponse::status(status).with_header("retry-after", "3600"));
            let request = spotify.get::<List>("x");
            let request = match deadline {
                Some(seconds) => request.deadline(Duration::from_secs(seconds)),
                None => request,
            };
            let mut stream = request.stream();
            let taken = tokio::spawn(async move {
                let mut waits = Vec::new();
                for _ in 0..4 {
                    let began = tokio::time::Instant::now();
                    let error = stream.next().await.unwrap().unwrap_err();
                    waits.push((began.elapsed(), error.retry_after(), error.is_transient()));
                }
                waits
            });
            let waits = time.run(taken).await;
            for (number, (elapsed, retry_after, is_transient)) in waits.into_iter().enumerate() {
                let case = (has_limiter, status, max_wait, deadline);
                // The first error at once, the others after pauses of 1, 2 and 4 s at the most.
                let pause = Duration::from_millis(100 + (1 << number) * 500);
                assert!(elapsed <= pause, "{case:?} {number}: {elapsed:?}");
                assert!(retry_after > Some(Duration::from_secs(3500)), "{case:?} {retry_after:?}");
                assert!(is_transient);
            }
            assert_eq!(fake.api_requests(), 1, "the server is not asked before its time");
        }
    }
}

#[tokio::test]
async fn a_list_goes_on_when_its_limiter_is_open_again() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let config = by_tokio_clock(fake.config().with_token(fake.user_token()));
    let spotify = SpotifyClient::new(config).unwrap();
    respond(&fake, &json!({ "items": [1], "next": null }));
    spotify.rate_limiter().unwrap().close_for(Duration::from_secs(70));
    let mut stream = spotify.get::<List>("x").stream();
    let first = tokio::spawn(async move { (stream.next().await, stream) });
    let (refused, mut stream) = time.run(first).await;
    assert!(matches!(refused, Some(Err(Error::RateLimited { .. }))), "{refused:?}");

    spotify.rate_limiter().unwrap().reopen();

    let began = tokio::time::Instant::now();
    let item = time.run(tokio::spawn(async move { stream.next().await })).await;
    assert_eq!(item.unwrap().unwrap(), 1);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_progress_of_an_empty_list_is_told_as_well() {
    for bodies in [
        vec![json!({ "items": [], "total": 0, "next": null })],
        vec![
            json!({ "items": [1], "total": 3, "next": "x?offset=1" }),
            json!({ "items": [], "total": 1, "next": null }),
        ],
    ] {
        let (fake, spotify) = plain_client().await;
        bodies.iter().for_each(|body| respond(&fake, body));
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let all = spotify.get::<List>("x").all();
        let all = all.progress(move |so_far| heard.lock().unwrap().push(so_far)).await.unwrap();
        let told = told.lock().unwrap();
        let last = told.last().expect("it is told");
        assert_eq!((last.fetched, last.total), (all.len(), Some(all.len() as u32)));
        assert_eq!(told.len(), bodies.len());
    }
}

#[tokio::test]
async fn every_kind_of_page_knows_its_url_and_the_page_before() {
    let (fake, spotify) = plain_client().await;
    let href = format!("{}a/b?offset=2", fake.base_url());
    let page = json!({ "items": [], "href": href, "next": "?offset=4", "previous": "?offset=0" });
    let sent = || {
        let path = fake.requests().last().unwrap().path.clone();
        format!("{path}?{}", last_query(&fake))
    };
    let plain: List = serde_json::from_value(page.clone()).unwrap();
    let featured: FeaturedPlaylists = serde_json::from_value(json!({ "playlists": page })).unwrap();
    let cursor: CursorPage<u64> = serde_json::from_value(page.clone()).unwrap();

    respond(&fake, &page);
    spotify.next_page(&plain).unwrap().await.unwrap();
    assert_eq!(sent(), "/v1/a/b?offset=4");
    respond(&fake, &page);
    spotify.previous_page(&plain).unwrap().await.unwrap();
    assert_eq!(sent(), "/v1/a/b?offset=0");

    respond(&fake, &json!({ "playlists": page }));
    spotify.next_page(&featured).unwrap().await.unwrap();
    assert_eq!(sent(), "/v1/a/b?offset=4");
    respond(&fake, &json!({ "playlists": page }));
    spotify.previous_page(&featured).unwrap().await.unwrap();
    assert_eq!(sent(), "/v1/a/b?offset=0");

    respond(&fake, &page);
    spotify.next_page(&cursor).unwrap().await.unwrap();
    assert_eq!(sent(), "/v1/a/b?offset=4");
    assert!(spotify.previous_page(&cursor).is_none(), "a cursor leads one way");
}
