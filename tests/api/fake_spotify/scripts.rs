//! What a test puts in place of the fake's own responses, and what the fake does not know.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use spotify_web::api::Quota;
use spotify_web::model::NextLink;
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient};

use super::{client, fake, status};
use crate::common::{ALBUM, ARTIST, PLAYLIST, TRACK, plain_client};

#[tokio::test]
async fn a_script_responds_to_its_requests_only_and_may_pass() {
    let (fake, spotify) = plain_client().await;
    fake.on(Method::GET, "/v1/tracks/{id}", |request| {
        let is_meant = request.path.ends_with(TRACK);
        is_meant.then(|| FakeResponse::json(200, &json!({ "id": TRACK, "name": "scripted" })))
    });

    let scripted = spotify.tracks().get(TRACK).await.unwrap();
    let other = spotify.tracks().get("track1x1x0000000000000").await;
    let album = spotify.albums().get(ALBUM).await.unwrap();

    assert_eq!(scripted.name, "scripted");
    assert_eq!(album.name, "Cut To The Feeling");
    assert_eq!(other.unwrap().name, "Kindness, part 1");
}

#[tokio::test]
async fn the_latest_script_goes_first_and_what_is_next_before_it() {
    let (fake, spotify) = plain_client().await;
    fake.on(Method::GET, "/v1/search", |_| FakeResponse::status(400));
    fake.on(Method::GET, "/v1/search", |_| FakeResponse::status(409));
    fake.next(403);

    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(status(spotify.search().tracks("x").await));
    }

    assert_eq!(statuses, [Some(403), Some(409)]);
}

/// A script is called without any lock of the fake.
#[tokio::test]
async fn a_script_may_ask_the_fake_and_count() {
    let fake = Arc::new(FakeSpotify::start().await.unwrap());
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let (weak, count) = (Arc::downgrade(&fake), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    fake.on(Method::GET, "/v1/markets", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let requests = weak.upgrade().map_or(0, |fake| fake.api_requests());
        FakeResponse::json(200, &json!({ "markets": [format!("M{requests}")] }))
    });

    let body: Value = spotify.get("markets").await.unwrap();

    assert_eq!(body, json!({ "markets": ["M1"] }));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn tokens_and_limits_hold_for_scripts_too() {
    let (fake, spotify) = plain_client().await;
    fake.on(Method::GET, "/v1/search", |_| {
        FakeResponse::json(200, &json!({ "tracks": { "items": [] } }))
    });
    fake.ban("search", Duration::from_secs(60));

    assert_eq!(status(spotify.search().tracks("x").await), Some(429));
    fake.reject_all_tokens();
    assert_eq!(status(spotify.tracks().get(TRACK).await), Some(401));
}

#[tokio::test]
async fn what_the_fake_does_not_know_is_a_501_that_says_so() {
    let (_fake, spotify) = plain_client().await;

    for path in ["me/concerts", "tracks/x/y/z", "nothing", "me/player/dance"] {
        let result: Result<Value, Error> = spotify.get(path).await;
        let error = result.unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), Some(501), "{path}: {error}");
        assert!(error.to_line().contains("the fake does not know"), "{error}");
    }
}

#[tokio::test]
async fn a_quota_that_is_used_up_says_so() {
    let (fake, spotify) = plain_client().await;
    fake.exceed_quota(Duration::from_secs(3600));

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    let Error::RateLimited { reason, .. } = error else { panic!("{error:?}") };
    assert_eq!(reason.as_deref(), Some("QUOTA_EXCEEDED"));
    assert_eq!(fake.limited_requests(), 1);
}

/// Past the thousandth, it is the end, though `next` leads there.
#[tokio::test]
async fn a_search_ends_at_the_thousandth() {
    let fake = fake().await;
    let spotify = client(&fake, "anna");
    fake.add_album("Endless", 1200);

    let last = spotify.search().tracks("endless").limit(50).offset(950).await.unwrap();
    let beyond = spotify.search().tracks("endless").limit(50).offset(951).await;
    let all = spotify.search().tracks("endless").all().entries().await.unwrap();

    assert_eq!((last.items.len(), last.total), (50, Some(1200)));
    assert!(matches!(last.next, NextLink::Url(_)), "{:?}", last.next);
    assert_eq!(status(beyond), Some(400));
    assert_eq!(all.len(), 1000);
}

#[tokio::test]
async fn a_search_finds_all_types_with_limit_and_offset() {
    let fake = fake().await;
    let spotify = client(&fake, "anna");
    fake.add_track("4iV5W9uYEdYUVa79Axb7Rh", "The Loopback Song");
    let playlist = fake.user("anna").playlist("Loopback mix");

    let first = spotify.search().episodes("loopback").limit(5).await.unwrap();
    let rest = spotify.search().episodes("loopback").limit(5).offset(10).await.unwrap();
    let mixes = spotify.search().playlists("LOOPBACK").await.unwrap();
    let tracks = spotify.search().tracks("loopback").await.unwrap();
    let books = spotify.search().audiobooks("dune").await.unwrap();

    assert_eq!((first.total, first.items.len(), rest.items.len()), (Some(12), 5, 2));
    assert_eq!(mixes.items[0].item().unwrap().id.as_str(), playlist.id());
    assert_eq!(tracks.items[0].item().unwrap().name, "The Loopback Song");
    assert_eq!(
        books.items[0].item().unwrap().uri.as_deref(),
        Some("spotify:show:7iHfbu1YPACw6oZPAFJtqe")
    );
}

/// Programs that ask for more are refused, as in February 2026.
#[tokio::test]
async fn pages_are_as_long_as_the_quota_mode_allows() {
    let (short, long) = ((5, 10), (20, 50));
    for (quota, list, of_items) in
        [(Quota::Development, short, (20, 50)), (Quota::Extended, long, (100, 100))]
    {
        let fake = FakeSpotify::builder().with_quota(quota).start().await.unwrap();
        let spotify = client(&fake, "anna");
        for (path, (default, most)) in [
            ("search?q=o&type=track".to_owned(), list),
            ("search?q=o&type=track,show".to_owned(), list),
            (format!("artists/{ARTIST}/albums?"), list),
            (format!("playlists/{PLAYLIST}/items?"), of_items),
        ] {
            let limit = async |limit: String| {
                let page = spotify.get::<Value>(&format!("{path}{limit}")).await?;
                Ok::<_, Error>(page.get("tracks").unwrap_or(&page)["limit"].as_u64())
            };
            assert_eq!(limit(String::new()).await.unwrap(), Some(default), "{path} {quota:?}");
            assert_eq!(limit(format!("&limit={most}")).await.unwrap(), Some(most), "{path}");
            let more = limit(format!("&limit={}", most + 1)).await;
            assert_eq!(status(more), Some(400), "{path} {quota:?}");
        }
    }
}

/// A search of one type is written in another way than one of several.
#[tokio::test]
async fn a_search_of_one_type_finds_what_one_of_several_does() {
    let fake = fake().await;
    let spotify = client(&fake, "anna");
    fake.add_track("4iV5W9uYEdYUVa79Axb7Rh", "The \"Loopback\" Söng");
    for (kind, market) in
        [("track", ""), ("artist", ""), ("album", ""), ("track", "DE"), ("album", "DE")]
    {
        for (query, offset) in [("o", 0), ("o", 3), ("\"Loopback\" sö", 0), ("nothing like it", 0)]
        {
            let found = async |types: String| {
                let request = spotify.get::<Value>("search").query("q", query);
                let request = request.query("type", &types).query("market", market);
                let found = request.query("limit", "5").query("offset", offset.to_string()).await;
                let mut page = found.unwrap()[format!("{kind}s")].clone();
                assert!(page["href"].as_str().unwrap().contains("offset="));
                page["href"].take();
                (page["next"].take().is_string(), page["previous"].take().is_string(), page)
            };
            let (one, several) =
                (found(kind.to_owned()).await, found(format!("{kind},show")).await);
            assert_eq!(one, several, "{kind} {query} {market}");
        }
    }
}

/// A machine that is busy takes longer, so this prints and does not judge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_searches_at_once_all_succeed() {
    let fake = fake().await;
    let spotify =
        SpotifyClient::new(fake.config_with_credentials().without_rate_limiter()).unwrap();
    let begin = Instant::now();

    let searches = (0..500).map(|_| async { spotify.search().tracks("part").limit(10).await });
    let found = join_all(searches).await;

    println!("500 searches at once took {:?}", begin.elapsed());
    assert!(found.iter().all(|page| page.as_ref().is_ok_and(|page| page.items.len() == 10)));
}

/// Programs in browsers call Spotify from pages of their own.
#[tokio::test]
async fn a_page_of_another_origin_may_call() {
    let fake = fake().await;
    let url = format!("{}tracks/{TRACK}", fake.base_url());
    let http = reqwest::Client::new();

    let before = http.request(Method::OPTIONS, &url).send().await.unwrap();
    let response = http.get(&url).bearer_auth(fake.user_token().expose()).send().await.unwrap();

    let allowed = |headers: &reqwest::header::HeaderMap, name: &str| {
        headers[format!("access-control-allow-{name}")].to_str().unwrap().to_owned()
    };
    assert_eq!((before.status(), response.status()), (StatusCode::NO_CONTENT, StatusCode::OK));
    assert!(allowed(before.headers(), "headers").contains("Authorization"));
    assert!(allowed(before.headers(), "methods").contains("DELETE"));
    assert_eq!(allowed(response.headers(), "origin"), "*");
    assert_eq!(fake.api_requests(), 1, "what a browser asks before is no request of the program");
}
