//! Playlists of any length are restored, rid of their duplicates and cleared.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use spotify_web::api::{BatchProgress, PlaylistDetails, PlaylistRemoval};
use spotify_web::model::{PlayableItem, SpotifyUri};
use spotify_web::testing::{FakeResponse, FakeSpotify, Fault, FaultProxy};
use spotify_web::{Error, SpotifyClient};

use crate::common::{PLAYLIST, TRACK};

async fn client_of(length: usize) -> (FakeSpotify, SpotifyClient) {
    let fake = FakeSpotify::builder().with_playlist_length(length).start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    (fake, spotify)
}

/// The URI of each entry that can be added, with its place.
async fn addable(spotify: &SpotifyClient) -> Vec<(u32, SpotifyUri)> {
    let entries = spotify.playlists().items(PLAYLIST).all().entries().await.unwrap();
    let items = entries.into_iter();
    items
        .filter_map(|entry| Some((entry.position, entry.item.into_item()?.item?.addable_uri()?)))
        .collect()
}

#[tokio::test]
async fn what_can_be_added_is_what_a_playlist_is_restored_from() {
    let (fake, spotify) = client_of(250).await;
    let uris: Vec<_> = addable(&spotify).await.into_iter().map(|(_, uri)| uri).collect();
    assert!(uris.len() > 200, "{}", uris.len());
    for number in 0..uris.len().div_ceil(100) {
        fake.next_api(FakeResponse::json(201, &json!({ "snapshot_id": number.to_string() })));
    }
    let versions = spotify.playlists().add_items_in_batches(PLAYLIST, uris.clone()).await.unwrap();
    assert_eq!(versions.len(), uris.len().div_ceil(100));
}

#[test]
fn only_tracks_and_episodes_can_be_added() {
    let uri = |item: serde_json::Value| {
        let item: PlayableItem = serde_json::from_value(item).unwrap();
        item.addable_uri().map(|uri| uri.to_string())
    };
    for (kind, named, is_addable) in [
        ("track", "track", true),
        ("episode", "episode", true),
        ("ad", "track", true),
        ("hologram", "hologram", false),
        ("track", "local", false),
        ("artist", "artist", false),
        ("chapter", "episode", true),
    ] {
        let given = format!("spotify:{named}:{TRACK}");
        let item = json!({ "type": kind, "name": "x", "uri": given, "id": TRACK });
        assert_eq!(uri(item), is_addable.then_some(given), "{kind} {named}");
    }
    let given = format!("spotify:track:{TRACK}");
    for (is_local, is_addable) in [(true, false), (false, true)] {
        for kind in ["track", "hologram"] {
            let item = json!({ "type": kind, "name": "x", "uri": given, "is_local": is_local });
            assert_eq!(uri(item).is_some(), is_addable, "{kind}");
        }
    }
    assert_eq!(uri(json!({ "type": "track", "name": "x" })), None);
    assert_eq!(uri(json!({ "type": "track", "name": "x", "uri": "" })), None);
}

#[tokio::test]
async fn more_than_a_hundred_duplicates_are_removed_at_their_places() {
    for length in [300, 120] {
        let (fake, spotify) = client_of(length).await;
        let version = spotify.playlists().get(PLAYLIST).await.unwrap().snapshot_id.unwrap();
        let (mut seen, mut removal) = (HashSet::new(), PlaylistRemoval::new());
        let mut duplicates = 0;
        for (position, uri) in addable(&spotify).await {
            if !seen.insert(uri.clone()) {
                removal = removal.at(uri, [position]);
                duplicates += 1;
            }
        }
        if duplicates > 100 {
            let before = fake.api_requests();
            let error = spotify.playlists().remove_entries_in_batches(PLAYLIST, &removal).await;
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with("snapshot_id is missing"), "{error}");
            assert_eq!(fake.api_requests(), before);
        }
        let removal = removal.snapshot_id(version);
        let versions = spotify.playlists().remove_entries_in_batches(PLAYLIST, &removal).await;
        assert_eq!(versions.unwrap().len(), usize::div_ceil(duplicates, 100), "{duplicates}");
        let left = addable(&spotify).await;
        assert_eq!(left.len(), seen.len());
        assert!(left.iter().all(|(_, uri)| seen.remove(uri)));
    }
}

#[tokio::test]
async fn what_is_removed_in_batches_is_checked_before_anything_is_sent() {
    let (fake, spotify) = client_of(120).await;
    let track = format!("spotify:track:{TRACK}");
    let playlists = spotify.playlists();
    for wrong in [
        PlaylistRemoval::new().everywhere("x"),
        PlaylistRemoval::new().at(&track, []),
        PlaylistRemoval::new().everywhere(&track).snapshot_id(" "),
    ] {
        let error = playlists.remove_entries_in_batches(PLAYLIST, &wrong).await.unwrap_err();
        let error = Error::from(error);
        assert!(matches!(error, Error::Id(_) | Error::Parameter { .. }), "{error:?}");
    }
    let nothing = playlists.remove_entries_in_batches(PLAYLIST, &PlaylistRemoval::new()).await;
    assert_eq!(nothing.unwrap(), []);
    assert_eq!(fake.api_requests(), 0);

    // The first batch is carried out, and the second is not.
    let mut removal = PlaylistRemoval::new();
    for _ in 0..150 {
        removal = removal.everywhere(&track);
    }
    fake.next_api(FakeResponse::json(200, &json!({ "snapshot_id": "s" })));
    fake.next_api(FakeResponse::status(404));
    let error = playlists.remove_entries_in_batches(PLAYLIST, &removal).await.unwrap_err();
    assert_eq!((error.done, error.total), (100, 150));
    assert_eq!(error.snapshot.unwrap().snapshot_id, "s");
}

#[tokio::test]
async fn batches_tell_their_progress_after_each_request() {
    let (fake, spotify) = client_of(0).await;
    let playlists = spotify.playlists();
    let uris = |number| vec![format!("spotify:track:{TRACK}"); number];
    let none = Vec::<String>::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = || {
        let told = Arc::clone(&told);
        move |so_far: BatchProgress| told.lock().unwrap().push((so_far.done, so_far.total))
    };
    let heard = || std::mem::take(&mut *told.lock().unwrap());
    let id = &playlists.create("filled", PlaylistDetails::new()).await.unwrap().id;

    playlists.add_items_in_batches(id, uris(250)).progress(tell()).await.unwrap();
    assert_eq!(heard(), [(100, 250), (200, 250), (250, 250)]);
    // A future for those who spawn it.
    let library = spotify.library();
    let saving = library.save_in_batches(uris(80)).progress(tell()).send();
    tokio::spawn(saving).await.unwrap().unwrap();
    assert_eq!(heard(), [(40, 80), (80, 80)]);
    let contains = library.contains_in_batches(uris(41)).progress(tell());
    assert_eq!(contains.await.unwrap().len(), 41);
    assert_eq!(heard(), [(40, 41), (41, 41)]);
    playlists.add_items_in_batches(id, &none).progress(tell()).await.unwrap();
    assert_eq!(heard(), [(0, 0)]);

    // What failed is not told as done, and a list that is wrong tells nothing.
    fake.next_api(FakeResponse::json(200, &json!({})));
    fake.next_api(FakeResponse::status(404));
    library.remove_in_batches(uris(90)).progress(tell()).await.unwrap_err();
    assert_eq!(heard(), [(40, 90)]);
    playlists.add_items_in_batches("no id", uris(1)).progress(tell()).await.unwrap_err();
    playlists.add_items_in_batches(id, ["no uri"]).progress(tell()).await.unwrap_err();
    assert_eq!(heard(), []);
}

/// Tracks of the catalogue, each different from its neighbours, over and over.
async fn different(fake: &FakeSpotify, number: usize) -> Vec<String> {
    let list = fake.playlist("source").with_tracks(number);
    list.items()
}

#[tokio::test]
async fn any_number_of_items_is_inserted_replaced_and_removed_in_its_order() {
    let (fake, spotify) = client_of(0).await;
    let playlists = spotify.playlists();
    let items = different(&fake, 250).await;
    let id = &playlists.create("filled", PlaylistDetails::new()).await.unwrap().id;
    let filled = async || {
        let entries = playlists.items(id).all().await.unwrap();
        let items = entries.into_iter().filter_map(|entry| entry.item?.addable_uri());
        items.map(|uri| uri.to_string()).collect::<Vec<_>>()
    };

    let versions = playlists.replace_items_in_batches(id, &items).await.unwrap();
    assert_eq!(versions.len(), 3);
    assert_eq!(filled().await, items);
    let inserted = [&items[..1], &items[..210], &items[1..]].concat();
    playlists.insert_items_in_batches(id, 1, &items[..210]).await.unwrap();
    assert_eq!(filled().await, inserted);
    playlists.replace_items_in_batches(id, &items[..101]).await.unwrap();
    assert_eq!(filled().await, items[..101]);
    playlists.remove_items_in_batches(id, &items).await.unwrap();
    assert_eq!(filled().await, [] as [String; 0]);

    // Replaced by none, it is cleared; nothing else is sent for none.
    playlists.add_items(id, &items[..3]).await.unwrap();
    let sent = fake.api_requests();
    let none = Vec::<String>::new();
    assert_eq!(playlists.insert_items_in_batches(id, 0, &none).await.unwrap(), []);
    assert_eq!(playlists.remove_items_in_batches(id, &none).await.unwrap(), []);
    assert_eq!(fake.api_requests(), sent);
    assert_eq!(playlists.replace_items_in_batches(id, &none).await.unwrap().len(), 1);
    assert_eq!(filled().await, [] as [String; 0]);
}

/// Whatever failed, what is after `done` completes the list.
#[tokio::test]
async fn what_failed_goes_on_after_what_was_done() {
    for failing in [1, 2] {
        let (fake, spotify) = client_of(0).await;
        let playlists = spotify.playlists();
        let items = different(&fake, 250).await;
        let id = &playlists.create("filled", PlaylistDetails::new()).await.unwrap().id;
        let seen = AtomicUsize::new(0);
        let path = format!("/v1/playlists/{id}/items");
        fake.on(reqwest::Method::POST, &path, move |_| {
            (seen.fetch_add(1, Ordering::Relaxed) == failing).then(|| FakeResponse::status(404))
        });
        let failed = playlists.add_items_in_batches(id, &items).await.unwrap_err();
        assert_eq!((failed.done, failed.total), (100 * failing, 250));
        let version = playlists.get(id).await.unwrap().snapshot_id;
        assert_eq!(failed.snapshot.map(|snapshot| snapshot.snapshot_id), version);

        playlists.add_items_in_batches(id, &items[failed.done..]).await.unwrap();

        let entries = playlists.items(id).all().await.unwrap();
        let uris = entries.into_iter().filter_map(|entry| entry.item?.addable_uri());
        assert!(uris.map(|uri| uri.to_string()).eq(items));
    }
}

/// As the guide does it: also where the first batch, the last one or one in between has no response.
#[tokio::test]
async fn the_version_says_whether_a_batch_without_a_response_was_carried_out() {
    for (failing, fault) in [
        (0, Fault::ResetBeforeResponse),
        (0, Fault::GatewayError),
        (1, Fault::ResetBeforeResponse),
        (1, Fault::GatewayError),
        (2, Fault::ErrorAfterwards),
        (2, Fault::GatewayError),
    ] {
        let (fake, direct) = client_of(0).await;
        let items = different(&fake, 250).await;
        let proxy = Arc::new(FaultProxy::start(&fake, 1).await.unwrap());
        let config = proxy.config().with_token(fake.user_token()).without_retries();
        let spotify = SpotifyClient::new(config).unwrap();
        let created = direct.playlists().create("filled", PlaylistDetails::new()).await.unwrap();
        let id = &created.id;

        let through = Arc::clone(&proxy);
        if failing == 0 {
            proxy.next(fault);
        }
        let adding = spotify.playlists().add_items_in_batches(id, &items);
        let adding = adding.progress(move |so_far| {
            if so_far.done == 100 * failing {
                through.next(fault);
            }
        });
        let failed = adding.await.unwrap_err();
        assert_eq!(failed.done, 100 * failing);
        assert!(failed.source.may_have_been_carried_out(), "{failed:?}");
        let before = failed.snapshot.map(|version| version.snapshot_id).or(created.snapshot_id);
        let now = direct.playlists().get(id).await.unwrap().snapshot_id;
        assert_eq!(now != before, fault.reaches_server(), "{failing} {fault:?}");
    }
}

/// A read that failed has changed nothing: `?` makes of it what a single request would have been.
#[tokio::test]
async fn a_batch_of_reads_that_fails_is_not_partly_carried_out() {
    let (fake, spotify) = client_of(0).await;
    fake.next_api(FakeResponse::json(200, &json!(vec![true; 40])));
    fake.next_api(FakeResponse::status(404));
    let uris = vec![format!("spotify:track:{TRACK}"); 90];
    let failed = spotify.library().contains_in_batches(uris).await.unwrap_err();
    assert_eq!((failed.done, failed.total), (40, 90));
    assert_eq!(
        failed.to_string(),
        "40 of 90 elements of the list were read, and then a batch failed"
    );
    let error = Error::from(failed);
    assert!(matches!(error, Error::Api { .. }) && !error.may_have_been_carried_out(), "{error:?}");
}
