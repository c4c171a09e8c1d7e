//! Every operation of the Web API, against `tests/operations.tsv`: method, path, name, whether it
//! is deprecated, the scopes that it needs, the names that its query and its body may have, and the
//! status of its response, all as in the specification.

#![cfg_attr(not(feature = "extended-quota"), allow(deprecated, reason = "all are called"))]

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use chrono::DateTime;
use serde_json::{Value, json};
use spotify_web::api::{
    AudioFeature, ItemType, PlaylistDetails, PlaylistRemoval, PlaylistReorder, Repeat, Shuffle,
    StartPlayback, TimeRange, Transfer, Visibility,
};
use spotify_web::model::{AlbumGroup, AlbumId, SpotifyUri, TrackId};
use spotify_web::testing::{FakeRequest, FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient};

use crate::common::{ALBUM, ARTIST, PLAYLIST, PausedTime, TRACK};

const USER: &str = "jm perez/ü";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0 and so on";

#[tokio::test]
async fn every_operation_is_there_and_asks_for_what_the_table_says() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    // What comes back does not matter here: the fake does not know most of them.
    for call in calls(&spotify) {
        if let Err(error) = call.await {
            assert!(error.status().is_some(), "not sent: {error}");
        }
    }

    let table = table();
    assert_eq!(table.len(), 97);
    let mut sent = BTreeMap::new();
    for request in fake.requests().into_iter().filter(|request| request.path != "/api/token") {
        let row = table.iter().find(|row| row.is_asked_by(&request));
        let row = row.unwrap_or_else(|| panic!("not in the table: {request:?}"));
        let (query, body): &mut (Names, Names) = sent.entry(row.operation).or_default();
        query.extend(request.query.iter().map(|(name, _)| name.clone()));
        if let Ok(Value::Object(fields)) = serde_json::from_str(&request.body) {
            body.extend(fields.keys().cloned());
        }
    }
    for row in &table {
        let Some((query, body)) = sent.get(row.operation) else {
            panic!("{} is not called", row.operation)
        };
        row.check("query", &row.query, query);
        row.check("body", &row.body, body);
    }
}

type Names = BTreeSet<String>;

/// What the specification has and nothing here sends: operation, name and the reason.
const NOT_SENT: &[(&str, &str, &str)] = &[
    ("save-albums-user", "body ids", "in the query, which the specification requires"),
    ("save-shows-user", "body ids", "in the query, which the specification requires"),
    ("save-episodes-user", "body ids", "in the query, which the specification requires"),
    ("remove-albums-user", "body ids", "in the query, which the specification requires"),
    ("remove-shows-user", "body ids", "in the query, which the specification requires"),
    ("remove-episodes-user", "body ids", "in the query, which the specification requires"),
    ("remove-tracks-user", "body ids", "in the query, which the specification requires"),
    ("follow-artists-users", "body ids", "in the query, which the specification requires"),
    ("unfollow-artists-users", "body ids", "in the query, which the specification requires"),
    ("check-if-user-follows-playlist", "query ids", "deprecated: the user who has logged in"),
    ("add-tracks-to-playlist", "query uris", "in the body, where they have room"),
    ("add-tracks-to-playlist", "body position", "in the query"),
    ("add-items-to-playlist", "query uris", "in the body, where they have room"),
    ("add-items-to-playlist", "body position", "in the query"),
    ("reorder-or-replace-playlists-tracks", "query uris", "in the body, where they have room"),
    ("reorder-or-replace-playlists-items", "query uris", "in the body, where they have room"),
];

/// As an error names them, and the documentation.
#[tokio::test]
async fn every_operation_names_the_scopes_that_the_table_says() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    let (sources, table) = (sources(), table());

    for call in calls(&spotify) {
        fake.next_api(FakeResponse::json(403, &json!({ "error": { "status": 403 } })));
        let error = call.await.unwrap_err();
        let Error::Api { scopes, .. } = error else { panic!("{error:?}") };
        let named: BTreeSet<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        let request = fake.requests().pop().unwrap();
        let row = table.iter().find(|row| row.is_asked_by(&request)).unwrap();
        assert_eq!(named, row.all_scopes(), "{}", row.operation);
    }

    for row in &table {
        for docs in docs_before(&sources, row.page()) {
            let documented = documented_scopes(docs);
            assert_eq!(documented, row.all_scopes(), "the docs of {}", row.operation);
        }
    }
}

/// What is named beside those of the specification: operation, scope and the reason.
const MORE_SCOPES: &[(&str, &str, &str)] = &[(
    "get-a-list-of-current-users-playlists",
    "playlist-read-collaborative",
    "without it those are missing that others share with the user",
)];

/// The comments of the methods that link to a page, up to the link.
fn docs_before<'a>(sources: &'a str, page: &str) -> Vec<&'a str> {
    let link = format!("/reference/{page}>\n");
    let before = sources.match_indices(&link).map(|(place, _)| &sources[..place]);
    before.map(|before| before.rsplit("\n\n").next().unwrap()).collect()
}

fn documented_scopes(docs: &str) -> BTreeSet<&str> {
    let list = docs.split_once("/// Scopes: ").map_or("", |(_, rest)| rest);
    let list = list.split("///\n").next().unwrap();
    list.split('`').skip(1).step_by(2).collect()
}

/// What a server sends with 200 where something is wrong on its side.
#[tokio::test]
async fn no_operation_takes_a_default_for_a_thing() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    for body in [
        json!({}),
        json!({ "error": { "status": 500, "message": "x" } }),
        json!({ "error": "x", "error_description": "y" }),
        json!({ "message": "x" }),
        json!([]),
        json!(null),
        json!(""),
        json!("x"),
        json!(7),
        json!(true),
        json!([{}]),
        json!({ "data": null }),
    ] {
        let count = calls(&spotify).len();
        for index in 0..count {
            let call = calls(&spotify).swap_remove(index);
            fake.next_api(FakeResponse::json(200, &body));
            let result = call.await;
            let request = fake.requests().pop().unwrap();
            let row = table().into_iter().find(|row| row.is_asked_by(&request)).unwrap();
            let is_list =
                row.operation.starts_with("check-") || row.operation == "get-playlist-cover";
            let is_fine =
                returns_nothing(&row) || is_list && (body == json!([]) || body == json!([{}]));
            // A player of which there is nothing to say is none.
            let is_idle = PLAYER.contains(&row.operation) && body.is_null();
            if !is_fine && !is_idle {
                assert!(result.is_err(), "{}: {body}", row.operation);
            }
        }
    }
}

/// Where nothing may be playing.
const PLAYER: [&str; 2] =
    ["get-information-about-the-users-current-playback", "get-the-users-currently-playing-track"];

fn returns_nothing(row: &Row) -> bool {
    let of_playlists = ["playlists/{playlist_id}/items", "playlists/{playlist_id}/tracks"];
    let path = row.path.join("/");
    let returns = row.method == "GET"
        || of_playlists.contains(&path.as_str())
        || row.operation.starts_with("create-playlist");
    !returns
}

/// By the links in the docs, which name the operation.
#[test]
fn what_is_deprecated_there_is_deprecated_here_and_nothing_else() {
    let sources = sources();
    for row in table() {
        let page = row.page();
        let link = format!("/reference/{page}>\n");
        let after_link = sources.split(&link).skip(1);
        let heads: Vec<_> = after_link.filter_map(|it| it.split("pub fn").next()).collect();
        assert!(!heads.is_empty(), "no method links to {page}");
        for head in heads {
            assert_eq!(head.contains("deprecated("), row.deprecated, "{page}");
        }
    }
    let (marks, docs) = ("deprecated(", "/// Only for apps with [extended quota](crate::Quota)");
    assert_eq!(sources.matches(marks).count(), sources.matches(docs).count());
    assert!(!sources.contains("#[deprecated"), "an app with extended quota is not warned");
    let closely: String = sources.split_whitespace().collect();
    let gate = "cfg_attr(not(feature=\"extended-quota\"),deprecated(";
    assert_eq!(closely.matches(gate).count(), sources.matches(marks).count(), "another feature");
}

/// Of the endpoint groups.
fn sources() -> String {
    let mut sources = String::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            sources.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    sources
}

#[tokio::test]
async fn the_library_takes_uris_in_its_query() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::json(200, &json!([true, false])));

    let there =
        spotify.library().contains([uri("track", TRACK), uri("album", ALBUM)]).await.unwrap();
    spotify.library().save([uri("track", TRACK)]).await.unwrap_err();

    assert_eq!(there, [Some(true), Some(false)]);
    let requests = &fake.requests()[1..];
    let uris = format!("spotify:track:{TRACK},spotify:album:{ALBUM}");
    assert_eq!(requests[0].parameter("uris"), Some(uris.as_str()));
    assert_eq!((requests[1].method.as_str(), requests[1].body.as_str()), ("PUT", ""));
}

#[tokio::test]
async fn a_cover_is_sent_as_a_jpeg_in_base_64() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::body(202, "text/plain", ""));

    spotify.playlists().upload_cover(PLAYLIST, JPEG).await.unwrap();
    let png = spotify.playlists().upload_cover(PLAYLIST, b"\x89PNG").await.unwrap_err();
    let large = [JPEG, &[0; 200_000]].concat();
    let large = spotify.playlists().upload_cover(PLAYLIST, &large).await.unwrap_err();

    assert_eq!(png.to_string(), "cover is not a JPEG; convert it first");
    assert!(large.to_string().contains("of 262144; make it smaller"), "{large}");
    let request = &fake.requests()[1];
    assert_eq!(request.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(request.body, "/9j/4CBhbmQgc28gb24=");
    assert_eq!(fake.api_requests(), 1);
}

#[tokio::test]
async fn user_names_are_encoded_in_paths() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    spotify.users().get(USER).await.unwrap_err();

    assert_eq!(fake.requests()[1].path, "/v1/users/jm%20perez%2F%C3%BC");
}

#[tokio::test]
async fn bodies_hold_what_was_set_and_nothing_else() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let album: AlbumId = ALBUM.parse().unwrap();
    let track: TrackId = TRACK.parse().unwrap();
    let details = PlaylistDetails::new().description("d").visibility(Visibility::Collaborative);
    let (player, playlists) = (spotify.player(), spotify.playlists());

    for command in [
        player.play(&StartPlayback::resume()),
        player.play(&StartPlayback::context(album).offset(3).position(Duration::from_secs(1))),
        player.play(&StartPlayback::uris([track]).offset_uri(track)),
    ] {
        command.send().await.unwrap_err();
    }
    player.transfer("d", Transfer::Play).await.unwrap_err();
    playlists.create("n", details).await.unwrap_err();
    playlists.remove_items(PLAYLIST, [uri("track", TRACK)]).await.unwrap_err();
    let reorder = PlaylistReorder::new(5, 0).length(2).snapshot_id("s");
    playlists.reorder_items(PLAYLIST, &reorder).await.unwrap_err();

    let bodies = fake.requests()[1..]
        .iter()
        .map(|request| serde_json::from_str::<Value>(&request.body).unwrap())
        .collect::<Vec<_>>();
    let (album, track) = (uri("album", ALBUM), uri("track", TRACK));
    assert_eq!(
        bodies,
        [
            json!({}),
            json!({ "context_uri": album, "offset": { "position": 3 }, "position_ms": 1000 }),
            json!({ "uris": [track], "offset": { "uri": track } }),
            json!({ "device_ids": ["d"], "play": true }),
            json!({ "name": "n", "description": "d", "public": false, "collaborative": true }),
            json!({ "items": [{ "uri": track }] }),
            json!({ "range_start": 5, "insert_before": 0, "range_length": 2, "snapshot_id": "s" }),
        ]
    );
}

#[tokio::test]
async fn entries_are_removed_at_their_places_of_a_version() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let (track, episode) = (uri("track", TRACK), uri("episode", TRACK));
    let removal = PlaylistRemoval::new().at(&track, [0, 2]).everywhere(&episode).snapshot_id("s");

    spotify.playlists().remove_entries(PLAYLIST, &removal).await.unwrap_err();
    let nothing = spotify.playlists().remove_entries(PLAYLIST, &PlaylistRemoval::new());
    let nothing = nothing.await.unwrap_err();
    let wrong = PlaylistRemoval::new().everywhere("x");
    let wrong = spotify.playlists().remove_entries(PLAYLIST, &wrong).await.unwrap_err();

    assert_eq!(
        serde_json::from_str::<Value>(&fake.requests()[1].body).unwrap(),
        json!({ "items": [{ "uri": track, "positions": [0, 2] }, { "uri": episode }], "snapshot_id": "s" })
    );
    assert_eq!(nothing.to_string(), "0 items were given; 1 to 100 are allowed");
    assert!(matches!(wrong, Error::Id { .. }), "{wrong:?}");
    assert_eq!(fake.api_requests(), 1);
}

#[tokio::test]
async fn no_places_and_no_version_are_not_taken_for_all_places_and_the_newest() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let (track, playlists) = (uri("track", TRACK), spotify.playlists());
    let nowhere = PlaylistRemoval::new().at(&track, [0]).at(&track, []);
    let of_no_version = PlaylistRemoval::new().at(&track, [0]).snapshot_id(" ");
    let reorder = PlaylistReorder::new(0, 1).snapshot_id("");

    #[allow(deprecated, reason = "old names")]
    let errors = [
        playlists.remove_entries(PLAYLIST, &nowhere).await.unwrap_err(),
        playlists.remove_entries_by_old_name(PLAYLIST, &nowhere).await.unwrap_err(),
        playlists.remove_entries(PLAYLIST, &of_no_version).await.unwrap_err(),
        playlists.reorder_items(PLAYLIST, &reorder).await.unwrap_err(),
        playlists.reorder_items_by_old_name(PLAYLIST, &reorder).await.unwrap_err(),
        spotify.artists().albums(ARTIST).include_groups([]).await.unwrap_err(),
    ];

    let said = errors.map(|error| error.to_string());
    let nowhere = "positions is empty; `everywhere` removes an item wherever it is";
    let of_no_version = "snapshot_id is empty";
    assert_eq!(
        said,
        [nowhere, nowhere, of_no_version, of_no_version, of_no_version, "include_groups is empty",]
    );
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn a_response_holds_its_raw_body_too() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let body = json!({ "id": TRACK, "name": "n", "nobody knows": [1] });
    fake.next_api(FakeResponse::json(200, &body));

    let response = spotify.tracks().get(TRACK).market("from_token").send_with_response().await;
    let response = response.unwrap();

    assert_eq!((response.body.name.as_str(), response.json().unwrap()), ("n", body));
    assert_eq!(serde_json::from_slice::<Value>(response.raw_body()).unwrap()["name"], "n");
    assert_eq!(fake.requests()[1].parameter("market"), Some("from_token"));
    assert_eq!(fake.api_requests(), 1);
}

#[tokio::test]
async fn errors_that_a_user_would_make_are_found_before_sending() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let uris = |count| vec![uri("track", TRACK); count];

    for (error, text) in [
        (
            failure(spotify.player().volume(101)).await,
            "volume_percent is 101, but must be from 0 to 100",
        ),
        (failure(spotify.player().pause().device(" ")).await, "device_id is empty"),
        (
            failure(spotify.library().save(uris(41))).await,
            "41 uris were given; 1 to 40 are allowed; `save_in_batches` takes more",
        ),
        (failure(spotify.library().save(uris(0))).await, "0 uris were given; 1 to 40 are allowed"),
        (
            failure(spotify.playlists().add_items(PLAYLIST, uris(101))).await,
            "101 uris were given; 1 to 100 are allowed; `add_items_in_batches` takes more",
        ),
        (
            failure(spotify.playlists().remove_items(PLAYLIST, uris(101))).await,
            "101 items were given; 1 to 100 are allowed; `remove_items_in_batches` takes more",
        ),
        (
            failure(spotify.albums().several([ALBUM; 21])).await,
            "21 ids were given; 1 to 20 are allowed; `several_in_batches` takes more",
        ),
        (
            failure(spotify.users().followed_artists().limit(51)).await,
            "limit is 51, but must be from 1 to 50",
        ),
        (failure(spotify.browse().category("")).await, "category id is empty"),
        (
            failure(spotify.library().save([TRACK])).await,
            "`11dFghVXANMlKmJXsNCbNl` is neither a Spotify URI nor the share URL of something that the Web API knows; expected one such as `spotify:track:…`",
        ),
        (failure(spotify.users().get("")).await, "the user id is empty"),
    ] {
        assert_eq!(error.to_string(), text);
    }
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn a_403_names_the_scope_that_is_needed() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let error = spotify.users().top_artists().await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "GET /v1/me/top/artists failed with HTTP 403 Forbidden: Insufficient client scope; \
         the endpoint needs a user's token with the scope user-top-read"
    );
}

#[tokio::test]
async fn wrapped_lists_are_unwrapped_in_their_order() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let track = json!({ "name": "known" });
    fake.next_api(FakeResponse::json(200, &json!({ "tracks": [track, null], "x": [] })));
    fake.next_api(FakeResponse::json(200, &json!({ "markets": ["DE", "SE"] })));
    fake.next_api(FakeResponse::json(200, &json!({})));

    let tracks = spotify.tracks().several([TRACK, TRACK]).await.unwrap();
    let markets = spotify.browse().markets().await.unwrap();
    let error = spotify.browse().markets().await.unwrap_err();

    assert_eq!((tracks[0].as_ref().unwrap().name.as_str(), &tracks[1]), ("known", &None));
    assert_eq!(markets.len(), 2);
    assert!(error.to_line().contains("missing field `markets`"), "{error:?}");
}

#[tokio::test]
async fn long_lists_are_split_and_joined_in_their_order() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let album =
        |name: usize| json!({ "id": ALBUM, "name": name.to_string(), "tracks": { "items": [] } });
    for batch in [0..20, 20..40, 40..45] {
        let albums: Vec<_> =
            batch.map(|name| if name == 30 { Value::Null } else { album(name) }).collect();
        fake.next_api(FakeResponse::json(200, &json!({ "albums": albums })));
    }

    let albums = spotify.albums().several_in_batches(vec![ALBUM; 45]).await.unwrap();
    let names: Vec<_> = albums.iter().map(|it| it.as_ref().map(|it| it.name.clone())).collect();
    let expected = (0..45).map(|name| (name != 30).then(|| name.to_string()));
    assert_eq!(names, expected.collect::<Vec<_>>());
    let counts = |requests: &[FakeRequest], name: &str| -> Vec<_> {
        requests.iter().map(|it| it.parameter(name).unwrap().split(',').count()).collect()
    };
    assert_eq!(counts(&fake.requests()[1..], "ids"), [20, 20, 5]);

    for length in [40, 40, 20] {
        fake.next_api(FakeResponse::json(200, &json!(vec![true; length])));
    }
    spotify.library().contains_in_batches(vec![uri("track", TRACK); 100]).await.unwrap();
    assert_eq!(counts(&fake.requests()[4..], "uris"), [40, 40, 20]);

    // When one is wrong, nothing is sent; and nothing to send is no request.
    let uris = [vec![uri("track", TRACK); 150], vec!["wrong".to_owned()]].concat();
    spotify.library().save_in_batches(uris.clone()).await.unwrap_err();
    spotify.playlists().add_items_in_batches(PLAYLIST, uris).await.unwrap_err();
    spotify.library().remove_in_batches([] as [String; 0]).await.unwrap();
    assert_eq!(fake.api_requests(), 6);
}

#[tokio::test]
async fn nothing_is_playing_is_none() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::body(204, "text/plain", ""));
    fake.next_api(FakeResponse::body(204, "text/plain", ""));

    assert_eq!(spotify.player().state().await.unwrap(), None);
    assert_eq!(spotify.player().currently_playing().await.unwrap(), None);
}

/// The player of the fake, in time that is paused.
#[tokio::test]
async fn the_player_plays_pauses_seeks_and_skips() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    let player = spotify.player();
    let state = async || player.state().await.unwrap().unwrap();
    let first = state().await;
    assert!(first.is_playing == Some(true) && first.actions.resuming == Some(true));

    time.advance(Duration::from_secs(5)).await;
    player.pause().await.unwrap();
    time.advance(Duration::from_secs(5)).await;
    assert_eq!(
        (state().await.progress, state().await.is_playing),
        (Some(Duration::from_secs(5)), Some(false))
    );

    player.play(&StartPlayback::resume()).await.unwrap();
    player.seek(Duration::from_secs(170)).await.unwrap();
    time.advance(Duration::from_secs(20)).await;
    let second = state().await;
    assert_ne!(second.item.as_ref().unwrap().uri(), first.item.as_ref().unwrap().uri());
    assert_eq!(second.progress, Some(Duration::from_secs(9)), "181 s have passed in the first");

    player.add_to_queue(uri("track", TRACK)).await.unwrap();
    assert_eq!(player.queue().await.unwrap().queue[0].uri(), Some(uri("track", TRACK).as_str()));
    player.next().await.unwrap();
    assert_eq!(state().await.item.unwrap().uri(), Some(uri("track", TRACK).as_str()));
    player.volume(7).await.unwrap();
    player.repeat(Repeat::Track).await.unwrap();
    player.shuffle(Shuffle::On).await.unwrap();
    let state = state().await;
    assert_eq!((state.repeat_state.unwrap().as_str(), state.shuffle_state), ("track", Some(true)));
    assert_eq!(player.devices().await.unwrap()[0].volume_percent, Some(7));
}

#[tokio::test]
async fn pages_with_cursors_are_gone_through_as_others_are() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let artist = |name| json!({ "id": ARTIST, "name": name });
    let next = format!("{}me/following?type=artist&after=x", fake.base_url());
    let pages = [
        json!({ "artists": { "items": [artist("a"), null], "next": next, "cursors": { "after": "x" }, "total": 3.0 } }),
        json!({ "artists": { "items": [artist("b")], "next": null, "cursors": null } }),
    ];
    for page in &pages {
        fake.next_api(FakeResponse::json(200, page));
    }

    let artists = spotify.users().followed_artists().limit(2).all().await.unwrap();

    assert_eq!(artists.iter().map(|artist| artist.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(fake.requests()[2].parameter("after"), Some("x"));
}

type Call = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

fn call<T: Send + 'static>(
    request: impl IntoFuture<Output = Result<T, Error>, IntoFuture: Send + 'static>,
) -> Call {
    let request = request.into_future();
    Box::pin(async { request.await.map(drop) })
}

async fn failure<T>(request: impl IntoFuture<Output = Result<T, Error>>) -> Error {
    request.await.err().expect("an error")
}

/// Every method once, and every optional parameter at least once.
fn calls(spotify: &SpotifyClient) -> Vec<Call> {
    let s = spotify;
    let id = TRACK;
    let uris = || [uri("track", TRACK)];
    let moment = DateTime::UNIX_EPOCH;
    vec![
        call(s.albums().get(ALBUM).market("DE")),
        call(s.albums().several([ALBUM]).market("DE")),
        call(s.albums().tracks(ALBUM).market("DE").limit(5).offset(5)),
        call(s.albums().saved().market("DE").limit(5).offset(5)),
        call(s.albums().save([ALBUM])),
        call(s.albums().remove([ALBUM])),
        call(s.albums().are_saved([ALBUM])),
        call(s.albums().new_releases().limit(5).offset(5)),
        call(s.artists().get(ARTIST)),
        call(s.artists().several([ARTIST])),
        call(
            s.artists()
                .albums(ARTIST)
                .include_groups([AlbumGroup::Single])
                .market("DE")
                .limit(5)
                .offset(5),
        ),
        call(s.artists().top_tracks(ARTIST).market("DE")),
        call(s.artists().related(ARTIST)),
        call(s.audiobooks().get(id).market("DE")),
        call(s.audiobooks().several([id]).market("DE")),
        call(s.audiobooks().chapters(id).market("DE").limit(5).offset(5)),
        call(s.audiobooks().saved().limit(5).offset(5)),
        call(s.audiobooks().save([id])),
        call(s.audiobooks().remove([id])),
        call(s.audiobooks().are_saved([id])),
        call(s.chapters().get(id).market("DE")),
        call(s.chapters().several([id]).market("DE")),
        call(s.episodes().get(id).market("DE")),
        call(s.episodes().several([id]).market("DE")),
        call(s.episodes().saved().market("DE").limit(5).offset(5)),
        call(s.episodes().save([id])),
        call(s.episodes().remove([id])),
        call(s.episodes().are_saved([id])),
        call(s.shows().get(id).market("DE")),
        call(s.shows().several([id]).market("DE")),
        call(s.shows().episodes(id).market("DE").limit(5).offset(5)),
        call(s.shows().saved().limit(5).offset(5)),
        call(s.shows().save([id])),
        call(s.shows().remove([id]).market("DE")),
        call(s.shows().are_saved([id])),
        call(s.tracks().get(id).market("DE")),
        call(s.tracks().several([id]).market("DE")),
        call(s.tracks().saved().market("DE").limit(5).offset(5)),
        call(s.tracks().save([id])),
        call(s.tracks().save_with_dates([(id, moment)])),
        call(s.tracks().remove([id])),
        call(s.tracks().are_saved([id])),
        call(s.tracks().audio_features(id)),
        call(s.tracks().several_audio_features([id])),
        call(s.tracks().audio_analysis(id)),
        call(
            FEATURES
                .into_iter()
                .fold(s.tracks().recommendations(), |request, feature| {
                    request.min(feature, 0.5).max(feature, 0.7).target(feature, 0.6)
                })
                .seed_artists([ARTIST])
                .seed_tracks([id])
                .seed_genres(["pop"])
                .market("DE")
                .limit(100),
        ),
        call(s.browse().featured_playlists().locale("de_DE").limit(5).offset(5)),
        call(s.browse().categories().locale("de_DE").limit(5).offset(5)),
        call(s.browse().category("0JQ5DAqbMKFQ00XGBls6ym").locale("de_DE")),
        call(s.browse().category_playlists("party").limit(5).offset(5)),
        call(s.browse().genre_seeds()),
        call(s.browse().markets()),
        call(s.library().save(uris())),
        call(s.library().remove(uris())),
        call(s.library().contains(uris())),
        call(s.users().me()),
        call(s.users().get(USER)),
        call(s.users().top_artists().time_range(TimeRange::LongTerm).limit(5).offset(5)),
        call(s.users().top_tracks().time_range(TimeRange::ShortTerm).limit(5).offset(5)),
        call(s.users().followed_artists().after_artist(ARTIST).limit(5)),
        call(s.users().follow_artists([ARTIST])),
        call(s.users().unfollow_artists([ARTIST])),
        call(s.users().follows_artists([ARTIST])),
        call(s.users().follow_users([USER])),
        call(s.users().unfollow_users([USER])),
        call(s.users().follows_users([USER])),
        call(
            s.playlists()
                .get(PLAYLIST)
                .market("DE")
                .fields("name")
                .additional_types([ItemType::Episode]),
        ),
        call(s.playlists().change(PLAYLIST, &details())),
        call(
            s.playlists()
                .items(PLAYLIST)
                .market("DE")
                .fields("items")
                .limit(5)
                .offset(5)
                .additional_types([ItemType::Episode]),
        ),
        call(s.playlists().add_items(PLAYLIST, uris())),
        call(s.playlists().insert_items(PLAYLIST, 0, uris())),
        call(s.playlists().replace_items(PLAYLIST, uris())),
        call(s.playlists().reorder_items(PLAYLIST, &reorder())),
        call(s.playlists().remove_items(PLAYLIST, uris())),
        call(s.playlists().remove_entries(
            PLAYLIST,
            &PlaylistRemoval::new().at(uri("track", TRACK), [0, 2]).snapshot_id("s"),
        )),
        call(s.playlists().remove_entries_by_old_name(
            PLAYLIST,
            &PlaylistRemoval::new().everywhere(uri("track", TRACK)).snapshot_id("s"),
        )),
        call(s.playlists().insert_items_by_old_name(PLAYLIST, 0, uris())),
        call(s.playlists().reorder_items_by_old_name(PLAYLIST, &reorder())),
        call(
            s.playlists()
                .items_by_old_name(PLAYLIST)
                .market("DE")
                .fields("items")
                .limit(5)
                .offset(5)
                .additional_types([ItemType::Episode]),
        ),
        call(s.playlists().add_items_by_old_name(PLAYLIST, uris())),
        call(s.playlists().replace_items_by_old_name(PLAYLIST, uris())),
        call(s.playlists().remove_items_by_old_name(PLAYLIST, uris())),
        call(s.playlists().mine().limit(5).offset(5)),
        call(s.playlists().create("n", details())),
        call(s.playlists().of_user(USER).limit(5).offset(5)),
        call(s.playlists().create_for_user(USER, "n", details())),
        call(s.playlists().follow(PLAYLIST)),
        call(s.playlists().follow_privately(PLAYLIST)),
        call(s.playlists().unfollow(PLAYLIST)),
        call(s.playlists().is_followed(PLAYLIST)),
        call(s.playlists().cover(PLAYLIST)),
        call(s.playlists().upload_cover(PLAYLIST, JPEG)),
        call(s.search().tracks("x").market("DE").limit(5).offset(5).include_external_audio()),
        call(s.search().artists("x")),
        call(s.search().albums("x")),
        call(s.search().playlists("x")),
        call(s.search().shows("x")),
        call(s.search().episodes("x")),
        call(s.search().audiobooks("x")),
        call(s.player().state().market("DE").additional_types([ItemType::Episode])),
        call(s.player().transfer("d", Transfer::KeepState)),
        call(s.player().devices()),
        call(s.player().currently_playing().market("DE").additional_types([ItemType::Episode])),
        call(s.player().play(&StartPlayback::resume()).device("d")),
        call(s.player().play(&StartPlayback::context(uri("album", ALBUM)).offset(3))),
        call(s.player().play(&StartPlayback::uris(uris()).position(Duration::from_secs(1)))),
        call(s.player().pause().device("d")),
        call(s.player().next().device("d")),
        call(s.player().previous().device("d")),
        call(s.player().seek(Duration::from_secs(5)).device("d")),
        call(s.player().repeat(Repeat::Context).device("d")),
        call(s.player().volume(50).device("d")),
        call(s.player().shuffle(Shuffle::On).device("d")),
        call(s.player().recently_played().played_after(moment).limit(5)),
        call(s.player().recently_played().played_before(moment)),
        call(s.player().queue()),
        call(s.player().add_to_queue(uri("track", TRACK)).device("d")),
    ]
}

fn details() -> PlaylistDetails {
    PlaylistDetails::new().name("n").description("d").visibility(Visibility::Collaborative)
}

fn reorder() -> PlaylistReorder {
    PlaylistReorder::new(1, 0).length(2).snapshot_id("s")
}

const FEATURES: [AudioFeature; 14] = [
    AudioFeature::Acousticness,
    AudioFeature::Danceability,
    AudioFeature::DurationMs,
    AudioFeature::Energy,
    AudioFeature::Instrumentalness,
    AudioFeature::Key,
    AudioFeature::Liveness,
    AudioFeature::Loudness,
    AudioFeature::Mode,
    AudioFeature::Popularity,
    AudioFeature::Speechiness,
    AudioFeature::Tempo,
    AudioFeature::TimeSignature,
    AudioFeature::Valence,
];

fn uri(kind: &str, id: &str) -> String {
    let uri = format!("spotify:{kind}:{id}");
    assert_eq!(uri.parse::<SpotifyUri>().unwrap().as_str(), uri);
    uri
}

struct Row {
    method: &'static str,
    path: Vec<&'static str>,
    operation: &'static str,
    deprecated: bool,
    scopes: BTreeSet<&'static str>,
    query: Vec<&'static str>,
    body: Vec<&'static str>,
}

impl Row {
    /// The name of Spotify's page about it; two operations share one.
    fn page(&self) -> &'static str {
        match self.operation {
            "get-users-top-artists" | "get-users-top-tracks" => "get-users-top-artists-and-tracks",
            other => other,
        }
    }

    fn all_scopes(&self) -> BTreeSet<&'static str> {
        let more = MORE_SCOPES.iter().filter(|(operation, ..)| *operation == self.operation);
        self.scopes.iter().copied().chain(more.map(|(_, scope, _)| *scope)).collect()
    }

    /// What was sent is what the specification has, but for what [`NOT_SENT`] names.
    fn check(&self, place: &str, names: &[&str], sent: &Names) {
        let operation = self.operation;
        for name in sent {
            assert!(names.contains(&name.as_str()), "{operation} takes no {name} in its {place}");
        }
        for name in names {
            let place = format!("{place} {name}");
            let is_named = NOT_SENT.iter().any(|(of, what, _)| *of == operation && *what == place);
            assert_eq!(sent.contains(*name), !is_named, "{operation}: {place}");
        }
    }

    fn is_asked_by(&self, request: &FakeRequest) -> bool {
        let path = request.path.strip_prefix("/v1/").unwrap();
        let segments: Vec<_> = path.split('/').collect();
        let fits = |(template, segment): (&&str, &&str)| {
            template == segment || (template.starts_with('{') && !FIXED.contains(segment))
        };
        request.method == self.method
            && segments.len() == self.path.len()
            && self.path.iter().zip(&segments).all(fits)
    }
}

/// A segment that is one of these is no id.
const FIXED: [&str; 1] = ["available-genre-seeds"];

fn table() -> Vec<Row> {
    let rows = include_str!("../operations.tsv").lines().map(|line| {
        let [method, path, operation, deprecated, scopes, query, body, _] =
            line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("not eight columns: {line}")
        };
        let names = |list: &'static str| {
            list.split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>()
        };
        Row {
            method,
            path: path.trim_start_matches('/').split('/').collect(),
            operation,
            deprecated: deprecated == "deprecated",
            scopes: names(scopes).into_iter().collect(),
            query: names(query),
            body: names(body),
        }
    });
    rows.collect()
}
