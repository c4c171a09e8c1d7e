//! Playlists of the fake: created, filled, changed and shared.

use spotify_web::SpotifyClient;
use spotify_web::api::{PlaylistDetails, PlaylistRemoval, PlaylistReorder, Visibility};
use spotify_web::model::PartialPlaylist;
use spotify_web::oauth::Scope;
use spotify_web::testing::FakePlaylist;

use super::{OTHER_TRACK_URI, TRACK_URI, client, client_of, fake, status};

const EPISODE_URI: &str = "spotify:episode:512ojhOuo1ktJprKbVcKyQ";
const CHAPTER_URI: &str = "spotify:episode:0D5wENdkdwbqlrHoaJ9g29";

#[tokio::test]
async fn a_playlist_is_created_filled_reordered_and_cleared() {
    let fake = fake().await;
    let (spotify, anna) = (client(&fake, "anna"), fake.user("anna"));
    let playlists = spotify.playlists();

    let made = playlists.create("Mix", PlaylistDetails::new().description("d")).await.unwrap();
    let id = made.id.as_str();
    let first = playlists.add_items(id, [TRACK_URI, EPISODE_URI]).await.unwrap();
    let second = playlists.insert_items(id, 1, [CHAPTER_URI]).await.unwrap();

    let playlist = anna.playlist("Mix");
    assert_eq!(playlist.id(), id, "it is the one that was made");
    assert_eq!(playlist.items(), [TRACK_URI, CHAPTER_URI, EPISODE_URI]);
    assert_ne!(first, second);
    assert_eq!(playlist.snapshot_id(), second.snapshot_id);
    playlists.reorder_items(id, &PlaylistReorder::new(0, 3)).await.unwrap();
    assert_eq!(playlist.items(), [CHAPTER_URI, EPISODE_URI, TRACK_URI]);
    playlists.replace_items(id, [OTHER_TRACK_URI]).await.unwrap();
    assert_eq!(playlist.items(), [OTHER_TRACK_URI]);
    playlists.replace_items(id, [] as [String; 0]).await.ok();
    let mine = playlists.mine().await.unwrap();
    assert_eq!(mine.items[0].item().unwrap().name, "Mix", "the newest first");
    assert_eq!((made.owner.unwrap().id.unwrap().as_str(), made.public), ("anna", Some(true)));
}

#[tokio::test]
async fn three_thousand_items_are_put_in_and_read_back_in_their_order() {
    let fake = fake().await;
    let spotify = client(&fake, "anna");
    let source = fake.playlist("Source").with_tracks(3_000);
    let made = spotify.playlists().create("Copy", PlaylistDetails::new()).await.unwrap();

    let snapshots =
        spotify.playlists().add_items_in_batches(made.id, source.items()).await.unwrap();

    assert_eq!(snapshots.len(), 30);
    assert_eq!(fake.user("anna").playlist("Copy").items(), source.items());
    let entries = spotify.playlists().items(made.id).all().entries().await.unwrap();
    assert_eq!(entries.len(), 3_000);
}

/// As long as its version can be named, a move is of what stood there.
#[tokio::test]
async fn places_of_a_reordering_are_those_of_its_version() {
    let fake = fake().await;
    let spotify = client(&fake, "wizzler");
    let playlist = fake.playlist("Letters").with_items([TRACK_URI, OTHER_TRACK_URI, EPISODE_URI]);
    let first = playlist.snapshot_id();
    let playlists = spotify.playlists();

    playlists.insert_items(playlist.id(), 0, [CHAPTER_URI]).await.unwrap();
    let of_first = PlaylistReorder::new(0, 3).snapshot_id(&first);
    playlists.reorder_items(playlist.id(), &of_first).await.unwrap();
    let stale = PlaylistReorder::new(0, 1).snapshot_id("bm9uZQ==");
    let refused = playlists.reorder_items(playlist.id(), &stale).await;
    let beyond = playlists.reorder_items(playlist.id(), &PlaylistReorder::new(4, 0)).await;

    assert_eq!(playlist.items(), [CHAPTER_URI, OTHER_TRACK_URI, EPISODE_URI, TRACK_URI]);
    assert_eq!((status(refused), status(beyond)), (Some(400), Some(400)));
}

#[tokio::test]
async fn a_version_is_forgotten_after_a_hundred_others() {
    let fake = fake().await;
    let spotify = client(&fake, "wizzler");
    let playlist = fake.playlist("Busy").with_tracks(3);
    let mut versions = vec![playlist.snapshot_id()];
    for _ in 0..101 {
        let added = spotify.playlists().add_items(playlist.id(), [EPISODE_URI]).await.unwrap();
        versions.push(added.snapshot_id);
    }

    let remove = |version: &String| {
        let removal = PlaylistRemoval::new().at(TRACK_URI, [0]).snapshot_id(version);
        let request = spotify.playlists().remove_entries(playlist.id(), &removal);
        async { status(request.await) }
    };
    assert_eq!(remove(&versions[0]).await, Some(400));
    assert_eq!(remove(&versions[1]).await, None);
    assert_eq!(playlist.items().len(), 3 + 101 - 1);
}

#[tokio::test]
async fn a_playlist_belongs_to_its_owner_unless_it_is_collaborative() {
    let fake = fake().await;
    let (anna, bert) = (client(&fake, "anna"), client(&fake, "bert"));
    let own = fake.user("anna").playlist("Own").with_tracks(3);
    let shared = fake.user("anna").playlist("Shared").with_visibility(Visibility::Collaborative);
    let add = async |spotify: &SpotifyClient, playlist: &FakePlaylist| {
        status(spotify.playlists().add_items(playlist.id(), [TRACK_URI]).await)
    };
    let rename = async |spotify: &SpotifyClient, playlist: &FakePlaylist| {
        let details = PlaylistDetails::new().name("Other");
        status(spotify.playlists().change(playlist.id(), &details).await)
    };

    assert_eq!((add(&anna, &own).await, add(&bert, &own).await), (None, Some(403)));
    assert_eq!((add(&anna, &shared).await, add(&bert, &shared).await), (None, None));
    assert_eq!((rename(&bert, &own).await, rename(&bert, &shared).await), (Some(403), Some(403)));
    assert_eq!(rename(&anna, &own).await, None);
    assert_eq!(anna.playlists().get(own.id()).await.unwrap().name, "Other");
}

#[tokio::test]
async fn a_private_playlist_is_its_owners_with_the_scope_for_it() {
    let fake = fake().await;
    let playlist =
        fake.user("anna").playlist("Secret").with_tracks(3).with_visibility(Visibility::Private);
    let read = async |spotify: &SpotifyClient| {
        let whole = status(spotify.playlists().get(playlist.id()).await);
        assert_eq!(whole, status(spotify.playlists().items(playlist.id()).await));
        whole
    };
    let mine = async |spotify: &SpotifyClient| {
        let mine = spotify.playlists().mine().await.unwrap();
        mine.items.iter().any(|each| each.item().is_some_and(|each| each.name == "Secret"))
    };
    let modify = [Scope::PlaylistModifyPublic];

    let anna = client(&fake, "anna");
    let with_little = client_of(&fake, "anna", &modify);
    assert_eq!((read(&anna).await, mine(&anna).await), (None, true));
    assert_eq!((read(&with_little).await, mine(&with_little).await), (Some(403), false));
    assert_eq!(read(&client(&fake, "bert")).await, Some(404));
    let add = with_little.playlists().add_items(playlist.id(), [TRACK_URI]);
    assert_eq!(status(add.await), Some(403), "it takes the scope for private ones");
}

#[tokio::test]
async fn details_and_cover_are_changed_and_what_is_wrong_is_refused() {
    let fake = fake().await;
    let spotify = client(&fake, "wizzler");
    let playlist = fake.playlist("Plain");
    let playlists = spotify.playlists();
    let details = PlaylistDetails::new().description("new").visibility(Visibility::Private);

    playlists.change(playlist.id(), &details).await.unwrap();
    playlists.upload_cover(playlist.id(), b"\xff\xd8\xff\xe0").await.unwrap();
    let unknown = playlists.add_items(playlist.id(), ["spotify:track:4iV5W9uYEdYUVa79Axb7Rh"]);
    let unknown = unknown.await;
    let nowhere = playlists.insert_items(playlist.id(), 7, [TRACK_URI]).await;

    let changed = playlists.get(playlist.id()).await.unwrap();
    assert_eq!((changed.description.as_deref(), changed.public), (Some("new"), Some(false)));
    assert_eq!(playlists.cover(playlist.id()).await.unwrap().len(), 1);
    assert_eq!((status(unknown), status(nowhere)), (Some(400), Some(400)));
    assert!(playlist.items().is_empty());
}

#[tokio::test]
async fn a_playlist_is_followed_by_either_way() {
    let fake = fake().await;
    let spotify = client(&fake, "bert");
    let playlist = fake.user("anna").playlist("Followed");
    let followed = async || {
        #[allow(deprecated, reason = "the other way")]
        let by_old_name = spotify.playlists().is_followed(playlist.id()).await.unwrap();
        assert_eq!(by_old_name, spotify.library().contains([playlist.uri()]).await.unwrap());
        by_old_name
    };

    assert_eq!(followed().await, [Some(false)]);
    spotify.library().save([playlist.uri()]).await.unwrap();
    assert_eq!(followed().await, [Some(true)]);
    let mine = spotify.playlists().mine().await.unwrap();
    assert_eq!(mine.items[0].item().unwrap().id.as_str(), playlist.id());
    spotify.library().remove([playlist.uri()]).await.unwrap();
    assert_eq!(followed().await, [Some(false)]);
}

#[tokio::test]
async fn fields_are_chosen_by_name_dot_bracket_and_exclamation_mark() {
    let fake = fake().await;
    let spotify = client(&fake, "wizzler");
    let playlist = fake.playlist("Chosen").with_tracks(2);
    let get = async |fields: &str| {
        let path = format!("playlists/{}", playlist.id());
        let json: serde_json::Value = spotify.get(&path).query("fields", fields).await.unwrap();
        json.to_string()
    };

    assert_eq!(get("name").await, r#"{"name":"Chosen"}"#);
    assert_eq!(get("name,owner.id").await, r#"{"name":"Chosen","owner":{"id":"wizzler"}}"#);
    assert_eq!(
        get("owner(id,type),items(total,items(is_local))").await,
        r#"{"items":{"items":[{"is_local":false},{"is_local":false}],"total":2},"owner":{"id":"wizzler","type":"user"}}"#
    );
    let without = get("!items,!tracks.items").await;
    assert!(!without.contains("added_at") && without.contains(r#""tracks":{"href""#), "{without}");
    let partial = spotify.playlists().get(playlist.id()).fields("name,items(total)");
    let partial: PartialPlaylist = partial.await.unwrap();
    assert_eq!((partial.name.as_str(), partial.items.unwrap().total), ("Chosen", Some(2)));
}
