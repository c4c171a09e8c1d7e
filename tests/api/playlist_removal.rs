//! What removing from a playlist leaves of it, at the fake as at Spotify.

use spotify_web::api::PlaylistRemoval;
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

use crate::common::{PLAYLIST, TRACK};

/// More than the 91 tracks of the fake, so that the first come twice.
const LENGTH: usize = 120;
const EPISODE: &str = "spotify:episode:512ojhOuo1ktJprKbVcKyQ";

async fn client_of_user() -> (FakeSpotify, SpotifyClient) {
    let fake = FakeSpotify::builder().with_playlist_length(LENGTH).start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    (fake, spotify)
}

/// The URI at each place; that of what has none is empty.
async fn uris(spotify: &SpotifyClient) -> Vec<String> {
    let entries = spotify.playlists().items(PLAYLIST).all().entries().await.unwrap();
    let items = entries.into_iter().map(|entry| entry.item.into_item()?.item);
    items
        .map(|item| item.and_then(|item| item.uri().map(str::to_owned)).unwrap_or_default())
        .collect()
}

async fn version(spotify: &SpotifyClient) -> String {
    spotify.playlists().get(PLAYLIST).await.unwrap().snapshot_id.unwrap()
}

fn without(mut uris: Vec<String>, mut places: Vec<usize>) -> Vec<String> {
    places.sort_unstable();
    for place in places.into_iter().rev() {
        uris.remove(place);
    }
    uris
}

fn places_of(uris: &[String], uri: &str) -> Vec<usize> {
    (0..uris.len()).filter(|place| uris[*place] == uri).collect()
}

#[tokio::test]
async fn an_item_is_removed_wherever_it_is() {
    let (_fake, spotify) = client_of_user().await;
    let (before, first) = (uris(&spotify).await, version(&spotify).await);
    let track = format!("spotify:track:{TRACK}");
    let places = places_of(&before, &track);
    assert!(places.len() > 1, "{places:?}");

    let removed = spotify.playlists().remove_items(PLAYLIST, [&track]).await.unwrap();

    assert_eq!(uris(&spotify).await, without(before, places));
    assert_eq!(removed.snapshot_id, version(&spotify).await);
    assert_ne!(removed.snapshot_id, first);
    let playlist = spotify.playlists().get(PLAYLIST).await.unwrap();
    assert_eq!(playlist.items.unwrap().total, Some(118));
    let mine = spotify.playlists().mine().await.unwrap();
    assert_eq!(mine.items[0].item().unwrap().snapshot_id, Some(removed.snapshot_id));
}

#[tokio::test]
async fn an_item_is_removed_at_its_places_only() {
    let (_fake, spotify) = client_of_user().await;
    let before = uris(&spotify).await;
    let track = format!("spotify:track:{TRACK}");
    let second = places_of(&before, &track)[1];
    let removal =
        PlaylistRemoval::new().at(&track, [u32::try_from(second).unwrap()]).everywhere(EPISODE);

    spotify.playlists().remove_entries(PLAYLIST, &removal).await.unwrap();

    assert_eq!(uris(&spotify).await, without(before, vec![5, second]));
}

/// The whole request fails, also what is right in it.
#[tokio::test]
async fn a_removal_that_is_wrong_removes_nothing() {
    let (_fake, spotify) = client_of_user().await;
    let (before, first) = (uris(&spotify).await, version(&spotify).await);
    let track = format!("spotify:track:{TRACK}");
    let right = || PlaylistRemoval::new().everywhere(EPISODE);

    for wrong in [
        right().at(&track, [1]),
        right().at(&track, [0, 1]),
        right().at(&track, [0, 7]),
        right().at(&track, [u32::try_from(LENGTH).unwrap()]),
        right().snapshot_id("x"),
    ] {
        let error = spotify.playlists().remove_entries(PLAYLIST, &wrong).await.unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), Some(400), "{wrong:?}: {error}");
    }

    assert_eq!(uris(&spotify).await, before);
    assert_eq!(version(&spotify).await, first);
}

/// Somebody else may change it in the meantime.
#[tokio::test]
async fn places_are_those_of_the_version_that_is_named() {
    let (_fake, spotify) = client_of_user().await;
    let (before, first) = (uris(&spotify).await, version(&spotify).await);
    let playlists = spotify.playlists();
    let removal =
        |place: usize| PlaylistRemoval::new().at(&before[place], [u32::try_from(place).unwrap()]);

    playlists.remove_entries(PLAYLIST, &removal(0)).await.unwrap();
    let of_newest = playlists.remove_entries(PLAYLIST, &removal(20)).await.unwrap_err();
    let second =
        playlists.remove_entries(PLAYLIST, &removal(20).snapshot_id(&first)).await.unwrap();
    let again = playlists.remove_entries(PLAYLIST, &removal(20).snapshot_id(&first)).await.unwrap();

    assert!(matches!(of_newest, Error::Api { .. }), "{of_newest:?}");
    assert_eq!(again, second, "it is gone already");
    assert_eq!(uris(&spotify).await, without(before.clone(), vec![0, 20]));
}

#[tokio::test]
async fn what_is_not_in_a_playlist_changes_nothing_and_neither_does_an_app() {
    let (fake, spotify) = client_of_user().await;
    let first = version(&spotify).await;
    let of_app = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let other = format!("spotify:episode:{TRACK}");
    let removed = spotify.playlists().remove_items(PLAYLIST, [other]).await.unwrap();
    let refused = of_app.playlists().remove_items(PLAYLIST, [EPISODE]).await.unwrap_err();

    assert_eq!(removed.snapshot_id, first);
    assert_eq!(refused.status().map(|status| status.as_u16()), Some(403));
    assert_eq!(version(&spotify).await, first);
}
