//! From a page to all of them.

use serde_json::{Value, json};
use spotify_web::model::{Page, PlayableItem, SearchType};
use spotify_web::testing::{FakeAnswer, FakeSpotify};
use spotify_web::{Error, SpotifyClient};

use crate::common::{ALBUM, ARTIST, PLAYLIST};

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

    assert_eq!(numbers, (1..=60).collect::<Vec<_>>());
    assert_eq!(fake.api_requests(), 9);
}

#[tokio::test]
async fn a_stream_is_a_stream() {
    use futures_util::TryStreamExt;

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

    assert_eq!((first.offset, second.offset, third.offset), (10, 60, 110));
    assert_eq!((third.items.len(), third.total), (10, 120));
    assert!(spotify.next_page(&third).is_none());
}

/// The first page came with the playlist; the rest is had from there.
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

    let page = spotify.playlists().items(PLAYLIST).with_episodes().await.unwrap();

    let item = |index: usize| page.items[index].as_ref().unwrap().item.as_ref();
    assert!(matches!(item(0), Some(PlayableItem::Track(_))), "the old name");
    assert!(matches!(item(1), Some(PlayableItem::Track(_))), "the new name");
    assert!(matches!(item(2), Some(PlayableItem::Track(_))), "both names");
    assert!(
        matches!(item(3), Some(PlayableItem::Track(track)) if track.is_local && track.id.is_none())
    );
    assert!(matches!(item(5), Some(PlayableItem::Episode(_))));
    assert!(page.items[7].is_none());
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
    fake.next_api(FakeAnswer::json(200, &page));

    let page = spotify.albums().tracks(ALBUM).await.unwrap();

    let there: Vec<_> = page.items.iter().map(Option::is_some).collect();
    assert_eq!(there, [true, false, false, false, true]);
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
    assert_eq!(next.offset, 5);
    assert!(found.albums.unwrap().items.len() > 1);
    assert!(found.playlists.unwrap().items[0].is_none());
    assert!(found.artists.is_none());
}

/// B: rspotify asks for ever where a page is all `null`.
#[tokio::test]
async fn pages_of_nulls_come_to_an_end() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(page(&fake, json!([null, null]), Some("albums/x/tracks?offset=2")));
    fake.next_api(page(&fake, json!(null), Some("albums/x/tracks?offset=4")));
    fake.next_api(page(&fake, json!([]), None));

    assert_eq!(spotify.albums().tracks(ALBUM).all().await.unwrap(), []);
    assert_eq!(fake.api_requests(), 3);
}

#[tokio::test]
async fn a_page_that_leads_to_itself_is_an_error() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    for _ in 0..3 {
        fake.next_api(page(&fake, json!([]), Some("albums/x/tracks?offset=2")));
    }

    let error = spotify.albums().tracks(ALBUM).all().await.unwrap_err();

    assert_eq!(error.to_string(), "next leads to the page that it is on");
    assert_eq!(fake.api_requests(), 2);
}

#[tokio::test]
async fn a_stream_ends_with_the_error_of_its_page() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let items = json!([{ "name": "only" }]);
    fake.next_api(page(&fake, items, Some("albums/x/tracks?offset=1")));
    fake.next(503);

    let mut stream = spotify.albums().tracks(ALBUM).stream();

    assert_eq!(stream.next().await.unwrap().unwrap().name, "only");
    assert!(matches!(stream.next().await, Some(Err(Error::Api { .. }))));
    assert!(stream.next().await.is_none());
}

#[test]
fn a_page_is_read_alone_and_wrapped() {
    let alone = json!({ "items": [1, null], "limit": 2.0, "total": null, "extra": {} });
    let page: Page<u8> = serde_json::from_value(alone.clone()).unwrap();
    assert_eq!((page.items.as_slice(), page.limit, page.total), ([Some(1), None].as_slice(), 2, 0));

    let wrapped: Page<u8> =
        serde_json::from_value(json!({ "message": "!", "tracks": alone })).unwrap();
    assert_eq!(wrapped, page);

    let again: Page<u8> = serde_json::from_value(serde_json::to_value(&page).unwrap()).unwrap();
    assert_eq!(again, page);

    let error = serde_json::from_value::<Page<u8>>(json!({ "limit": 5 })).unwrap_err();
    assert_eq!(error.to_string(), "missing field `items`");
}

fn page(fake: &FakeSpotify, items: Value, next: Option<&str>) -> FakeAnswer {
    let next = next.map(|path| format!("{}{path}", fake.base_url()));
    FakeAnswer::json(
        200,
        &json!({
            "href": null, "items": items, "limit": 2, "next": next, "offset": 0, "previous": null, "total": 9,
        }),
    )
}
