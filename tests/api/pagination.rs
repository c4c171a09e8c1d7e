//! From a page to all of them.

use std::sync::{Arc, Mutex};

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use spotify_web::model::{Page, PageItem, PlayableItem, SearchType};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::common::{ALBUM, ARTIST, PLAYLIST, plain};

#[tokio::test]
async fn a_stream_yields_all_items_in_order() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let album = "3IBcauSj5M2A6lTeffJzdv";

    let mut stream = spotify.albums().tracks(album).limit(7).stream();
    let mut numbers = Vec::new();
    while let Some(track) = stream.next().await {
        numbers.push(track.unwrap().track_number);
    }

    assert_eq!(numbers, (1..=60).map(Some).collect::<Vec<_>>());
    assert_eq!(fake.api_requests(), 9);
}

#[tokio::test]
async fn a_stream_is_a_stream() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let albums: Vec<_> = spotify.artists().albums(ARTIST).stream().try_collect().await.unwrap();

    assert_eq!(albums.len(), 2);
}

#[tokio::test]
async fn pages_can_be_turned_one_by_one() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let first = spotify.playlists().items(PLAYLIST).limit(50).offset(10).await.unwrap();
    let second = spotify.next_page(&first).unwrap().await.unwrap();
    let third = spotify.next_page(&second).unwrap().await.unwrap();

    assert_eq!([first.offset, second.offset, third.offset], [Some(10), Some(60), Some(110)]);
    assert_eq!((third.items.len(), third.total), (10, Some(120)));
    assert!(spotify.next_page(&third).is_none());
}

/// The first page came with the playlist; the rest comes from there.
#[tokio::test]
async fn all_goes_on_from_a_page_that_is_there() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let playlist = spotify.playlists().get(PLAYLIST).await.unwrap();
    let items = spotify.all(playlist.items.unwrap()).await.unwrap();

    // One of the 120 entries is `null`.
    assert_eq!(items.len(), 119);
    assert_eq!(fake.api_requests(), 3);
}

#[tokio::test]
async fn what_playlists_hold_now_and_then_costs_no_page() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let page = spotify.playlists().items(PLAYLIST).await.unwrap();

    let item = |index: usize| page.items[index].item().unwrap().item.as_ref();
    assert!(matches!(item(0), Some(PlayableItem::Track(_))), "the old name");
    assert!(matches!(item(1), Some(PlayableItem::Track(_))), "the new name");
    assert!(matches!(item(2), Some(PlayableItem::Track(_))), "both names");
    assert!(
        matches!(item(3), Some(PlayableItem::Track(track)) if track.is_local == Some(true) && track.id.is_none())
    );
    assert!(matches!(item(5), Some(PlayableItem::Episode(_))));
    assert!(page.items[7].is_null());
    assert!(matches!(item(9), Some(PlayableItem::Unknown(_))));
    assert!(item(11).is_none());
}

/// An item that no tolerance helps becomes `None`, and only that one.
#[tokio::test]
async fn an_item_that_cannot_be_read_costs_only_itself() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let page = json!({
        "href": null, "limit": 5, "next": null, "offset": 0, "previous": null, "total": 5,
        "items": [{ "name": "good" }, { "name": 5 }, "bad", { "name": "good", "artists": {} }, { "name": "good" }],
    });
    fake.next_api(FakeResponse::json(200, &page));

    let page = spotify.albums().tracks(ALBUM).await.unwrap();

    let there: Vec<_> = page.items.iter().map(PageItem::is_item).collect();
    assert_eq!(there, [true, false, false, true, true]);
}

#[tokio::test]
async fn a_search_is_paged_although_it_is_wrapped() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let tracks = spotify.search().tracks("part").limit(10).all().await.unwrap();
    assert_eq!(tracks.len(), 90);
    assert_eq!(fake.api_requests(), 9);

    let types = [SearchType::Track, SearchType::Album, SearchType::Playlist];
    let found = spotify.search().all("o", types).await.unwrap();
    let next = spotify.next_page(&found.tracks.unwrap()).unwrap().await.unwrap();
    assert_eq!(next.offset, Some(5));
    assert!(found.albums.unwrap().items.len() > 1);
    assert!(found.playlists.unwrap().items[0].is_null());
    assert!(found.artists.is_none());
}

/// Others ask for ever where a page is all `null`.
#[tokio::test]
async fn pages_of_nulls_come_to_an_end() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(page(&fake, json!([null, null]), Some("albums/x/tracks?offset=2")));
    fake.next_api(page(&fake, json!(null), Some("albums/x/tracks?offset=4")));
    fake.next_api(page(&fake, json!([]), None));

    let tracks: Vec<_> = spotify.albums().tracks(ALBUM).stream().try_collect().await.unwrap();
    assert_eq!(tracks, []);
    assert_eq!(fake.api_requests(), 3);
}

#[tokio::test]
async fn a_page_that_leads_to_itself_is_an_error() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    for _ in 0..3 {
        fake.next_api(page(&fake, json!([]), Some("albums/x/tracks?offset=2")));
    }

    let error = spotify.albums().tracks(ALBUM).stream().try_collect::<Vec<_>>().await.unwrap_err();

    assert_eq!(
        error.to_string(),
        format!(
            "GET /v1/albums/x/tracks returned a page that leads back to one before it; \
             the list has no end"
        )
    );
    assert_eq!(fake.api_requests(), 2);
}

#[tokio::test]
async fn a_page_that_fails_is_an_error_and_then_tried_again() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(plain(&fake)).unwrap();
    let items = json!([{ "name": "first" }]);
    fake.next_api(page(&fake, items, Some("albums/x/tracks?offset=1")));
    fake.next(503);
    fake.next_api(page(&fake, json!([{ "name": "second" }]), None));

    let mut stream = spotify.albums().tracks(ALBUM).stream();

    assert_eq!(stream.next().await.unwrap().unwrap().name, "first");
    assert!(matches!(stream.next().await, Some(Err(Error::Api { .. }))));
    assert_eq!(stream.next().await.unwrap().unwrap().name, "second");
    assert!(stream.next().await.is_none());
}

/// What cannot pass by ends a stream, so that a loop over it comes to an end.
#[tokio::test]
async fn a_stream_ends_with_an_error_that_cannot_pass() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let mut stream = spotify.albums().tracks("nobody").stream();

    assert!(matches!(stream.next().await, Some(Err(Error::Id(_)))));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn the_next_page_is_asked_for_while_this_one_is_taken_from() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let mut stream = spotify.albums().tracks("3IBcauSj5M2A6lTeffJzdv").limit(10).stream();
    stream.next().await.unwrap().unwrap();
    while fake.api_requests() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }

    assert_eq!(fake.api_requests(), 2, "one page ahead, and no more before it is taken from");
}

/// Back-pressure: as many pages as were asked for, until one is taken.
#[tokio::test]
async fn pages_are_fetched_side_by_side_within_the_bound() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let mut pages =
        spotify.albums().tracks("3IBcauSj5M2A6lTeffJzdv").limit(5).pages().concurrency(4);
    let first = pages.next().await.unwrap().unwrap();
    while fake.api_requests() < 5 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fake.api_requests(), 5, "the first, and four ahead");

    let mut offsets = vec![first.offset];
    while let Some(page) = pages.next().await {
        offsets.push(page.unwrap().offset);
    }
    assert_eq!(offsets, (0..12).map(|page| Some(page * 5)).collect::<Vec<_>>());
    assert_eq!(fake.api_requests(), 12, "none twice, and none past the end");
}

/// A slow page holds up as few of those behind it as there is room for, and loses none.
#[tokio::test]
async fn pages_behind_a_slow_one_go_on_within_the_bound() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let mut pages =
        spotify.albums().tracks("3IBcauSj5M2A6lTeffJzdv").limit(5).pages().concurrency(2);
    pages.next().await.unwrap().unwrap();
    fake.next_api(FakeResponse::never());
    while fake.api_requests() < 4 {
        assert!(futures_util::poll!(std::pin::pin!(pages.next())).is_pending());
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        assert!(futures_util::poll!(std::pin::pin!(pages.next())).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(fake.api_requests(), 4, "the first, the slow one, and two behind it");
}

#[tokio::test]
async fn side_by_side_keeps_the_order_and_all_takes_the_largest_pages() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let progress = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&progress);
    let tracks = spotify
        .albums()
        .tracks("3IBcauSj5M2A6lTeffJzdv")
        .all()
        .progress(move |so_far| heard.lock().unwrap().push((so_far.fetched, so_far.total)))
        .await
        .unwrap();

    let numbers: Vec<_> = tracks.iter().map(|track| track.track_number).collect();
    assert_eq!(numbers, (1..=60).map(Some).collect::<Vec<_>>());
    assert_eq!(*progress.lock().unwrap(), [(50, Some(60)), (60, Some(60))]);
    assert_eq!(fake.requests()[1].parameter("limit"), Some("50"));
}

/// `total` shrinks, grows or lies; what counts is `next`.
#[tokio::test]
async fn a_total_that_lies_costs_a_request_and_no_item() {
    // For each page: its offset, its items, the total that it names.
    for (name, pages) in [
        ("too large", vec![(0, 2, 1000), (2, 2, 1000), (4, 1, 1000)]),
        ("zero", vec![(0, 2, 0), (2, 2, 0), (4, 1, 0)]),
        ("grows", vec![(0, 2, 3), (2, 2, 5), (4, 1, 5)]),
        ("shrinks", vec![(0, 2, 9), (2, 2, 5), (4, 1, 5)]),
        ("an empty page in the middle", vec![(0, 2, 5), (2, 0, 5), (4, 1, 5)]),
    ] {
        let server = ListServer::start(pages.clone()).await;
        let items: u32 = pages.iter().map(|(_, items, _)| items).sum();
        for width in [1, 2, 8] {
            let config =
                SpotifyClientConfig::default().with_base_url(&server.base_url).with_token("TOKEN");
            let spotify = SpotifyClient::new(config).unwrap();
            let list = spotify.get::<Page<u32>>("list?offset=0&limit=2");
            let got: Vec<u32> = list.stream().concurrency(width).try_collect().await.unwrap();
            assert_eq!(got, (0..items).collect::<Vec<_>>(), "{name}, {width} side by side");
        }
    }
}

#[test]
fn a_page_is_read_alone_and_wrapped() {
    let alone = json!({ "items": [1, null], "limit": 2.0, "total": null, "extra": {} });
    let page: Page<u8> = serde_json::from_value(alone.clone()).unwrap();
    assert_eq!(
        (page.items.as_slice(), page.limit, page.total),
        ([PageItem::Item(1), PageItem::Null].as_slice(), Some(2), None)
    );

    let wrapped: Page<u8> =
        serde_json::from_value(json!({ "message": "!", "tracks": alone })).unwrap();
    assert_eq!(wrapped, page);

    let again: Page<u8> = serde_json::from_value(serde_json::to_value(&page).unwrap()).unwrap();
    assert_eq!(again, page);

    let error = serde_json::from_value::<Page<u8>>(json!({ "extra": 5 })).unwrap_err();
    assert_eq!(error.to_string(), "missing field `items`");
}

fn page(fake: &FakeSpotify, items: Value, next: Option<&str>) -> FakeResponse {
    let next = next.map(|path| format!("{}{path}", fake.base_url()));
    FakeResponse::json(
        200,
        &json!({
            "href": null, "items": items, "limit": 2, "next": next, "offset": 0, "previous": null, "total": 9,
        }),
    )
}

/// A list whose pages say what they are told to; past its end, pages are empty.
struct ListServer {
    base_url: String,
    server: tokio::task::JoinHandle<()>,
}

impl ListServer {
    /// Each page by its offset, with the number of its items and the total that it names.
    async fn start(pages: Vec<(u32, u32, u32)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/", listener.local_addr().unwrap());
        let base = base_url.clone();
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let offset = request.split("offset=").nth(1).unwrap();
                let offset = offset.split(['&', ' ']).next().unwrap().parse().unwrap();
                let body = Self::page(&base, &pages, offset).to_string();
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        });
        Self { base_url, server }
    }

    fn page(base: &str, pages: &[(u32, u32, u32)], offset: u32) -> Value {
        let before: u32 = pages.iter().filter(|page| page.0 < offset).map(|page| page.1).sum();
        let (_, count, total) =
            pages.iter().find(|page| page.0 == offset).copied().unwrap_or((0, 0, 0));
        let is_last = pages.iter().all(|page| page.0 <= offset);
        let next = (!is_last).then(|| format!("{base}list?offset={}&limit=2", offset + 2));
        json!({
            "href": null, "items": (before..before + count).collect::<Vec<_>>(), "limit": 2,
            "next": next, "offset": offset, "previous": null, "total": total,
        })
    }
}

impl Drop for ListServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}
