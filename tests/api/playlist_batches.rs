//! Playlists of any length are restored, rid of their duplicates and cleared.

use std::collections::HashSet;

use serde_json::json;
use spotify_web::api::PlaylistRemoval;
use spotify_web::model::{PlayableItem, SpotifyUri};
use spotify_web::testing::{FakeResponse, FakeSpotify};
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
    assert!(matches!(error, Error::PartlyCarriedOut { carried_out: 100, .. }), "{error:?}");
}
