//! What a request does not take is refused before it is sent, and what a response must not be is an
//! error.

use std::time::Duration;

use serde_json::{Value, json};
use spotify_web::api::{
    AudioFeature, PlaylistDetails, PlaylistRemoval, PlaylistReorder, StartPlayback, Transfer,
};
use spotify_web::model::{IdError, SimplifiedTrack, UserId};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient};

use crate::common::{ALBUM, ARTIST, PLAYLIST, TRACK};

async fn client() -> (FakeSpotify, SpotifyClient) {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    (fake, spotify)
}

#[tokio::test]
async fn an_element_with_a_comma_is_never_two() {
    let (fake, spotify) = client().await;

    #[allow(deprecated, reason = "they take lists")]
    let errors = [
        spotify.users().follow_users(["a,b", "c"]).await.unwrap_err(),
        spotify.users().unfollow_users(["spotify:user:a%2Cb"]).await.unwrap_err(),
        spotify.users().follows_users(["a,b"]).await.map(drop).unwrap_err(),
        spotify.tracks().recommendations().seed_genres(["rock,pop"]).await.map(drop).unwrap_err(),
        spotify.tracks().recommendations().seed_genres(["rock", " "]).await.map(drop).unwrap_err(),
        spotify.search().all("q", ["track,album".into()]).await.map(drop).unwrap_err(),
        spotify.search().all("q", []).await.map(drop).unwrap_err(),
        spotify.artists().albums(ARTIST).include_groups(["single,album".into()]).await.unwrap_err(),
    ];

    for error in errors {
        assert!(matches!(error, Error::Parameter { .. }), "{error:?}");
    }
    assert!(fake.requests().is_empty());
}

/// Tracks and episodes are no contexts, and the other way round; liked songs are no item.
#[tokio::test]
async fn a_uri_of_a_kind_that_a_request_does_not_take_is_not_sent() {
    let (fake, spotify) = client().await;
    let (library, playlists, player) = (spotify.library(), spotify.playlists(), spotify.player());
    let uri = |kind: &str| format!("spotify:{kind}:{TRACK}");
    let liked = || "spotify:user:u:collection".to_owned();
    let typing_errors = [uri("trak"), uri("concert"), liked(), "spotify:collection".to_owned()];

    for wrong in &typing_errors {
        let results = [
            library.save([wrong]).await,
            library.remove([uri("track").as_str(), wrong]).await,
            library.contains([wrong]).await.map(drop),
            library
                .save_in_batches([vec![uri("track"); 40], vec![wrong.clone()]].concat())
                .await
                .map_err(Error::from),
        ];
        assert!(results.iter().all(is_of_wrong_kind), "{wrong}: {results:?}");
    }
    let others = [uri("album"), uri("artist"), uri("user"), uri("playlist"), uri("show")];
    for wrong in typing_errors.iter().chain(&others) {
        let removal = PlaylistRemoval::new().at(wrong, [0]);
        let tracks = [vec![uri("track"); 100], vec![wrong.clone()]].concat();
        #[allow(deprecated, reason = "old names")]
        let results = [
            playlists.add_items(PLAYLIST, [wrong]).await.map(drop),
            playlists.add_items_in_batches(PLAYLIST, tracks).await.map(drop).map_err(Error::from),
            playlists.insert_items(PLAYLIST, 0, [wrong]).await.map(drop),
            playlists.replace_items(PLAYLIST, [wrong]).await.map(drop),
            playlists.remove_items(PLAYLIST, [wrong]).await.map(drop),
            playlists.remove_entries(PLAYLIST, &removal).await.map(drop),
            playlists.add_items_by_old_name(PLAYLIST, [wrong]).await.map(drop),
            playlists.remove_items_by_old_name(PLAYLIST, [wrong]).await.map(drop),
            player.add_to_queue(wrong).await,
            player.play(&StartPlayback::uris([wrong])).await,
            player.play(&StartPlayback::context(uri("album")).offset_uri(wrong)).await,
        ];
        assert!(results.iter().all(is_of_wrong_kind), "{wrong}: {results:?}");
    }
    for wrong in [uri("track"), uri("episode"), uri("chapter"), uri("user")] {
        let result = player.play(&StartPlayback::context(&wrong)).await;
        assert!(is_of_wrong_kind(&result), "{wrong}: {result:?}");
    }

    assert!(fake.requests().is_empty());
    let error = player.add_to_queue(liked()).await.unwrap_err().to_string();
    let said = "`spotify:user:u:collection` names a collection, but what is needed is one of these: \
                track, episode";
    assert_eq!(error, said);
}

fn is_of_wrong_kind(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::Id(IdError::KindNotTaken { .. })))
}

#[tokio::test]
async fn what_spotify_gives_as_a_context_is_sent_whatever_it_is() {
    let (fake, spotify) = client().await;
    let contexts = [
        "spotify:user:u:collection",
        "spotify:internal:local-files",
        "spotify:station:track:x",
        "spotify:artist:6sFIWsNpZYqfjUpaCgueju:top:tracks",
    ];

    for context in contexts {
        let _ = spotify.player().play(&StartPlayback::context(context).offset(1)).await;
    }
    // Of an artist there is no place to begin with.
    let contexts = &contexts[..3];

    let sent: Vec<Value> =
        fake.requests()[1..].iter().map(|it| serde_json::from_str(&it.body).unwrap()).collect();
    let place = |uri: &&str| json!({ "context_uri": uri, "offset": { "position": 1 } });
    assert_eq!(sent, contexts.iter().map(place).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_liked_songs_of_a_user_are_a_context() {
    let (fake, spotify) = client().await;
    let user: UserId = "jm perez".parse().unwrap();

    for playback in [StartPlayback::liked_songs(&user), StartPlayback::liked_songs("jm perez")] {
        let _ = spotify.player().play(&playback.offset(2)).await;
    }
    let wrong = spotify.player().play(&StartPlayback::liked_songs("")).await.unwrap_err();

    let body = r#"{"context_uri":"spotify:user:jm%20perez:collection","offset":{"position":2}}"#;
    assert_eq!(fake.requests()[1].body, body);
    assert_eq!(fake.requests()[2].body, body);
    assert!(matches!(wrong, Error::Id(IdError::Empty { .. })), "{wrong:?}");
}

#[tokio::test]
async fn a_place_to_begin_at_needs_a_list_that_has_it() {
    let (fake, spotify) = client().await;
    let (track, other) = (format!("spotify:track:{TRACK}"), format!("spotify:track:{ALBUM}"));

    for (playback, said) in [
        (StartPlayback::resume().offset(3), "offset needs a context or a list"),
        (StartPlayback::resume().offset(0), "offset needs a context or a list"),
        (StartPlayback::resume().offset_uri(&track), "offset needs a context or a list"),
        (StartPlayback::uris([&track]).offset(1), "offset is 1, but must be from 0 to 0"),
        (StartPlayback::uris([&track]).offset_uri(&other), "offset is `spotify:track:"),
        (StartPlayback::uris([] as [&str; 0]).offset(0), "uris is empty"),
    ] {
        let error = spotify.player().play(&playback).await.unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }

    assert!(fake.requests().is_empty());
}

/// What a URL parser, or a server behind it, takes for another path.
const STEPS: &[&str] = &[
    "users/..",
    "users/../me",
    "../accounts",
    "./me",
    "users/.",
    "%2e%2e/accounts",
    "users/%2E%2e",
    "users/.%2e?x=1",
    "users\\..\\me",
    "users/..%2Fme",
    "users/.\t./me",
    "users/a\nb",
    "users/a#b",
    "\t/me",
    "users/ .. /me",
    "%2e",
    "\u{0}",
];

#[tokio::test]
async fn a_raw_path_reaches_the_endpoint_that_it_names() {
    let (fake, spotify) = client().await;
    let absolute = fake.base_url();

    let below = |path: &&str| format!("{absolute}{path}");
    let steps = STEPS.iter().map(|path| (*path).to_owned()).chain(STEPS.iter().map(below));
    for path in ["", "/", " ", "//", "?a=1"].map(str::to_owned).into_iter().chain(steps) {
        for error in [
            spotify.get::<Value>(&path).await.unwrap_err(),
            spotify.put::<()>(&path).await.unwrap_err(),
            spotify.delete::<()>(&path).await.unwrap_err(),
            spotify.post::<()>(&path).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::Parameter { name: "path", .. }), "{path:?}: {error:?}");
        }
    }
    assert!(fake.requests().is_empty());

    for path in ["me/top/genres?x=../y", "a..b/...", "search?q=a%2F..%2Fb", "x%20y/.z"] {
        let _ = spotify.get::<Value>(path).await;
        let sent = fake.requests().pop().unwrap().path;
        assert_eq!(sent, format!("/v1/{}", path.split('?').next().unwrap()));
    }
}

#[tokio::test]
async fn values_that_are_not_one_for_each_id_are_an_error() {
    let (fake, spotify) = client().await;
    let uris = vec![format!("spotify:track:{TRACK}"); 80];
    fake.next_api(FakeResponse::json(200, &json!(vec![true; 39])));

    let batches: Error = spotify.library().contains_in_batches(&uris).await.unwrap_err().into();
    fake.next_api(FakeResponse::json(200, &json!([true, false, true])));
    let flags = spotify.library().contains(&uris[..2]).await.unwrap_err();
    fake.next_api(FakeResponse::json(200, &json!([])));
    #[allow(deprecated, reason = "it returns a list")]
    let of_one = spotify.playlists().is_followed(PLAYLIST).await.unwrap_err();
    fake.next_api(FakeResponse::json(200, &json!({ "artists": [null] })));
    #[allow(deprecated, reason = "it takes a list")]
    let several = spotify.artists().several([ARTIST, ARTIST]).await.unwrap_err();

    for (error, said) in [
        (batches, "invalid length 39, expected one value for each of 40 ids"),
        (flags, "invalid length 3, expected one value for each of 2 ids"),
        (of_one, "invalid length 0, expected one value for each of 1 ids"),
        (several, "invalid length 1, expected one value for each of 2 ids"),
    ] {
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
        assert!(error.to_line().contains(said), "{}", error.to_line());
    }
}

/// Neither `true` nor `false` may be made of what is none, and the places beside it stay.
#[tokio::test]
async fn a_flag_that_spotify_does_not_send_is_unknown_and_costs_itself() {
    let (fake, spotify) = client().await;
    for (body, expected) in [
        (json!([true, null]), [Some(true), None]),
        (json!([null, false]), [None, Some(false)]),
        (json!(["true", true]), [None, Some(true)]),
        (json!([1, 0]), [None, None]),
        (json!([[true], false]), [None, Some(false)]),
        (json!([null, null]), [None, None]),
    ] {
        let ids = [TRACK, ARTIST];
        let uris = ids.map(|id| format!("spotify:track:{id}"));
        let respond = || fake.next_api(FakeResponse::json(200, &body));
        #[allow(deprecated, reason = "they return flags")]
        let responses = [
            (respond(), spotify.library().contains(&uris).await),
            (respond(), spotify.library().contains_in_batches(&uris).await.map_err(Error::from)),
            (respond(), spotify.albums().are_saved(ids).await),
            (respond(), spotify.tracks().are_saved(ids).await),
            (respond(), spotify.shows().are_saved(ids).await),
            (respond(), spotify.episodes().are_saved(ids).await),
            (respond(), spotify.audiobooks().are_saved(ids).await),
            (respond(), spotify.users().follows_artists(ids).await),
            (respond(), spotify.users().follows_users(ids).await),
        ];
        for ((), flags) in responses {
            assert_eq!(flags.unwrap(), expected, "{body}");
        }
    }
}

/// A body that is no list says nothing of any id.
#[tokio::test]
async fn flags_that_are_no_list_are_an_error() {
    let (fake, spotify) = client().await;
    for body in [json!(null), json!(true), json!({ "items": [true] }), json!("[true]")] {
        fake.next_api(FakeResponse::json(200, &body));
        let error = spotify.library().contains([format!("spotify:track:{TRACK}")]).await;
        assert!(matches!(error, Err(Error::Decode { .. })), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn the_body_that_could_not_be_read_is_in_the_error_and_nowhere_shown() {
    let (fake, spotify) = client().await;
    let body = json!({ "hush": "secret of a user" });
    let raw = serde_json::to_vec(&body).unwrap();

    fake.next_api(FakeResponse::json(200, &body));
    let read = spotify.tracks().get(TRACK).send_with_response().await.unwrap_err();
    fake.next_api(FakeResponse::json(200, &body));
    let of_user = spotify.get::<Vec<u8>>("me").await.unwrap_err();
    fake.next_api(FakeResponse::json(201, &body));
    let write = spotify.post::<Vec<u8>>("me/x").await.unwrap_err();
    fake.next_api(FakeResponse::body(200, "text/plain", "\u{feff}not JSON"));
    let no_json = spotify.tracks().get(TRACK).await.unwrap_err();
    fake.next_api(FakeResponse::body(200, "text/plain", ""));
    let empty = spotify.tracks().get(TRACK).await.unwrap_err();
    let unsent = spotify.tracks().get("x").await.unwrap_err();

    assert_eq!(read.raw_body(), Some(&*raw));
    assert_eq!(of_user.raw_body(), Some(&*raw));
    assert_eq!(write.raw_body(), Some(&*raw));
    assert_eq!(no_json.raw_body(), Some("\u{feff}not JSON".as_bytes()));
    assert_eq!(empty.raw_body(), Some(&b""[..]));
    assert_eq!(unsent.raw_body(), None);
    for error in [of_user, write] {
        assert!(!format!("{error:?} {}", error.to_line()).contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn an_empty_url_of_a_page_leads_nowhere() {
    let (_fake, spotify) = client().await;
    for url in ["", " "] {
        let page = json!({ "items": [], "next": url, "previous": url });
        let page: spotify_web::model::Page<SimplifiedTrack> = serde_json::from_value(page).unwrap();
        assert!(spotify.next_page(&page).is_none());
        assert!(spotify.previous_page(&page).is_none());
    }
}

/// What is out of every range, and what says nothing.
#[allow(deprecated, reason = "categories are")]
#[tokio::test]
async fn what_nothing_can_be_done_with_is_not_sent() {
    let (fake, spotify) = client().await;
    let (player, playlists) = (spotify.player(), spotify.playlists());
    let from_track = || StartPlayback::uris([format!("spotify:track:{TRACK}")]);
    let before_1970 = "1960-01-01T00:00:00Z".parse().unwrap();

    let results = [
        player.seek(Duration::MAX).await,
        player.seek(Duration::from_millis(u64::from(u32::MAX) + 1)).await,
        player.play(&from_track().position(Duration::MAX)).await,
        player.transfer("", Transfer::Play).await,
        player.transfer(" ", Transfer::KeepState).await,
        player.recently_played().played_after(before_1970).await.map(drop),
        player.recently_played().played_before(before_1970).await.map(drop),
        playlists.reorder_items(PLAYLIST, &PlaylistReorder::new(1, 7).length(0)).await.map(drop),
        playlists.change(PLAYLIST, &PlaylistDetails::new()).await,
        playlists.change(PLAYLIST, &PlaylistDetails::new().name(" ")).await,
        playlists.create("", PlaylistDetails::new()).await.map(drop),
        playlists.create(" ", PlaylistDetails::new()).await.map(drop),
        playlists.get(PLAYLIST).fields("").await.map(drop),
        playlists.get(PLAYLIST).fields("name").fields(" ").await.map(drop),
        playlists.items(PLAYLIST).fields(" ").await.map(drop),
        spotify.browse().categories().locale("").await.map(drop),
    ];

    for (place, result) in results.iter().enumerate() {
        let is_said = matches!(result, Err(Error::Parameter { .. } | Error::Range { .. }));
        assert!(is_said, "{place}: {result:?}");
    }
    assert!(fake.requests().is_empty());
}

#[allow(deprecated, reason = "recommendations are")]
#[tokio::test]
async fn recommendations_go_by_one_to_five_seeds_and_by_numbers() {
    let (fake, spotify) = client().await;
    let asked = || spotify.tracks().recommendations();
    let energy = AudioFeature::Energy;

    for request in [
        asked(),
        asked().min(energy, 0.5),
        asked().seed_tracks([TRACK; 3]).seed_artists([ARTIST; 3]),
        asked().seed_tracks([TRACK; 5]).seed_genres(["pop"]),
        asked().seed_genres(["a", "b"]).seed_artists([ARTIST; 2]).seed_tracks([TRACK; 2]),
        asked().seed_tracks([TRACK]).target(energy, f64::NAN),
        asked().seed_tracks([TRACK]).min(energy, f64::INFINITY),
        asked().seed_tracks([TRACK]).max(energy, f64::NEG_INFINITY),
    ] {
        let error = request.await.unwrap_err();
        assert!(matches!(error, Error::Parameter { .. } | Error::Range { .. }), "{error:?}");
    }
    assert!(fake.requests().is_empty());
    for request in [
        asked().seed_tracks([TRACK; 5]),
        asked().seed_tracks([TRACK; 5]).seed_tracks([TRACK]).seed_genres(["a", "b", "c", "d"]),
        asked().seed_genres(["pop"]).target(energy, -1e300),
    ] {
        fake.next_api(FakeResponse::json(200, &json!({ "tracks": [] })));
        request.await.unwrap();
    }
}
