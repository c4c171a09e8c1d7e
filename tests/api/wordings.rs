//! What an error says is true, and in words that its reader knows.

use std::time::Duration;

use serde_json::{Value, json};
use spotify_web::api::PlaylistDetails;
use spotify_web::middleware::RetryOptions;
use spotify_web::model::{ArtistId, EpisodeId, SearchType, Track, TrackId};
use spotify_web::testing::FakeResponse;
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};

use crate::common::{ALBUM, ARTIST, PLAYLIST, TRACK, plain_client};

fn tracks(number: usize) -> Vec<String> {
    vec![format!("spotify:track:{TRACK}"); number]
}

#[tokio::test]
async fn a_list_that_is_too_long_or_empty_is_counted() {
    let (fake, spotify) = plain_client().await;
    let playlists = spotify.playlists();
    for (error, expected, method) in [
        (
            playlists.add_items(PLAYLIST, tracks(101)).await.unwrap_err(),
            "101 uris were given; 1 to 100 are allowed",
            "add_items_in_batches",
        ),
        (
            playlists.add_items(PLAYLIST, tracks(0)).await.unwrap_err(),
            "0 uris were given; 1 to 100 are allowed",
            "",
        ),
        (
            playlists.insert_items(PLAYLIST, 0, tracks(101)).await.unwrap_err(),
            "101 uris were given; 1 to 100 are allowed",
            "insert_items_in_batches",
        ),
        (
            playlists.replace_items(PLAYLIST, tracks(101)).await.unwrap_err(),
            "101 uris were given; 0 to 100 are allowed",
            "replace_items_in_batches",
        ),
        (
            playlists.remove_items(PLAYLIST, tracks(144)).await.unwrap_err(),
            "144 items were given; 1 to 100 are allowed",
            "remove_items_in_batches",
        ),
        (
            spotify.library().save(tracks(41)).await.unwrap_err(),
            "41 uris were given; 1 to 40 are allowed",
            "save_in_batches",
        ),
        (
            spotify.library().remove(tracks(41)).await.unwrap_err(),
            "41 uris were given; 1 to 40 are allowed",
            "remove_in_batches",
        ),
        (
            spotify.library().contains(tracks(41)).await.unwrap_err(),
            "41 uris were given; 1 to 40 are allowed",
            "contains_in_batches",
        ),
    ] {
        let hint = match method {
            "" => String::new(),
            method => format!("; `{method}` takes more"),
        };
        assert_eq!(error.to_string(), format!("{expected}{hint}"));
    }
    assert_eq!(fake.api_requests(), 0);
}

#[tokio::test]
async fn a_parameter_is_named_as_its_caller_knows_it() {
    let (_fake, spotify) = plain_client().await;
    let search = spotify.search();
    for query in ["", " ", "\n"] {
        let error = search.tracks(query).await.unwrap_err();
        assert_eq!(error.to_string(), "the search's query is empty");
    }
    let error = search.all("x", [] as [SearchType; 0]).await.unwrap_err();
    assert_eq!(error.to_string(), "the search's list of types is empty");
}

#[test]
fn kinds_have_their_article() {
    let wrong = |error: spotify_web::model::IdError| error.to_string();
    let artist = format!("spotify:artist:{ARTIST}");
    let album = format!("spotify:album:{ALBUM}");
    let track = format!("spotify:track:{TRACK}");
    for (text, end) in [
        (
            wrong(artist.parse::<EpisodeId>().unwrap_err()),
            "names an artist, but an episode is needed",
        ),
        (wrong(album.parse::<TrackId>().unwrap_err()), "names an album, but a track is needed"),
        (wrong(track.parse::<ArtistId>().unwrap_err()), "names a track, but an artist is needed"),
    ] {
        assert!(text.ends_with(end), "{text}");
    }
}

#[tokio::test]
async fn kinds_that_are_not_taken_have_their_article() {
    let (_fake, spotify) = plain_client().await;
    for (kind, named) in
        [("artist", "an artist"), ("hologram", "a hologram"), ("album", "an album")]
    {
        let uri = format!("spotify:{kind}:{ARTIST}");
        let error = spotify.playlists().add_items(PLAYLIST, [uri]).await.unwrap_err();
        assert!(error.to_string().contains(&format!("names {named}, but")), "{error}");
    }
}

#[test]
fn an_http_client_that_cannot_be_built_says_which_option_is_wrong() {
    for (config, words) in [
        (SpotifyClientConfig::default().with_user_agent("a\nb"), "the user agent"),
        (SpotifyClientConfig::default().with_user_agent("a\u{7f}"), "the user agent"),
        (SpotifyClientConfig::default().with_proxy("ftp://proxy.example.test"), "the proxy"),
        (SpotifyClientConfig::default().with_proxy("http://["), "the proxy"),
    ] {
        let error = SpotifyClient::new(config).unwrap_err().to_string();
        let expected = format!("HTTP client cannot be built: {words}");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[tokio::test]
async fn a_response_without_a_body_says_so() {
    for status in [200, 204] {
        let (fake, spotify) = plain_client().await;
        fake.next_api(FakeResponse::body(status, "application/json", ""));
        let error = spotify.tracks().get(TRACK).await.unwrap_err();
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
        assert!(error.to_string().ends_with("; it has no body"), "{error}");
    }
    let (fake, spotify) = plain_client().await;
    fake.next_api(FakeResponse::json(200, &Value::Null));
    let error = spotify.tracks().get(TRACK).await.unwrap_err();
    assert!(error.to_string().ends_with("; it begins with `null`"), "{error}");
}

/// Some servers send their error with the status of a success.
#[tokio::test]
async fn an_error_with_the_status_of_a_success_is_told_in_the_words_of_the_server() {
    for error in [json!({ "status": 404, "message": "No such thing" }), json!("No such thing")] {
        let (fake, spotify) = plain_client().await;
        let body = json!({ "error": error });
        fake.next_api(FakeResponse::json(200, &body));
        let error = spotify.tracks().get(TRACK).await.unwrap_err();
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
        assert!(error.to_line().contains("the server says: No such thing"), "{}", error.to_line());
        // Less is said neither of a write nor where it may be about a user.
        fake.next_api(FakeResponse::json(200, &body));
        let error = spotify.put::<Track>("me/thing").await.unwrap_err();
        assert!(error.to_line().contains("the server says: No such thing"), "{}", error.to_line());
    }
}

#[tokio::test]
async fn advice_contradicts_no_server() {
    let (fake, spotify) = plain_client().await;
    let said = |status: u16, message: &str| {
        FakeResponse::json(status, &json!({ "error": { "status": status, "message": message } }))
    };
    fake.next_api(said(403, "Insufficient client scope"));
    let error = spotify.get::<Value>("me/thing").await.unwrap_err().to_string();
    assert!(
        error.ends_with("; the token lacks a scope, or the app may not use this endpoint"),
        "{error}"
    );
    fake.next_api(said(401, "Invalid token"));
    let error = spotify.get::<Value>("me/thing").await.unwrap_err().to_string();
    assert!(
        error.ends_with("; the token was rejected, or the endpoint needs a user's token"),
        "{error}"
    );
}

#[test]
fn a_time_limit_of_zero_comes_out_when_the_client_is_built() {
    let fake = SpotifyClientConfig::default;
    for (config, option) in [
        (fake().with_timeout(Duration::ZERO), "timeout is zero"),
        (fake().with_connect_timeout(Duration::ZERO), "connect timeout is zero"),
        (fake().with_token_timeout(Duration::ZERO), "token timeout is zero"),
        (fake().with_deadline(Duration::ZERO), "deadline is zero"),
        (
            fake().with_retries(RetryOptions::default().with_share(f64::NAN)),
            "share of retries is not a number",
        ),
    ] {
        let error = SpotifyClient::new(config).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error:?}");
        assert!(error.to_string().starts_with(option), "{error}");
    }
    for config in [
        fake().with_timeout(Duration::from_nanos(1)).with_deadline(Duration::MAX),
        fake().with_max_wait(Duration::ZERO).with_idle_timeout(Duration::ZERO),
        fake().with_retries(RetryOptions::default().with_share(f64::INFINITY)),
        fake().with_retries(RetryOptions::default().with_share(-1.0)),
    ] {
        SpotifyClient::new(config).unwrap();
    }
}

#[tokio::test]
async fn a_time_limit_of_zero_is_no_attempt() {
    let (fake, spotify) = plain_client().await;

    let error = spotify.get::<()>("me").timeout(Duration::ZERO).await.unwrap_err();

    assert!(matches!(error, Error::Parameter { name: "timeout", .. }), "{error:?}");
    assert_eq!(fake.api_requests(), 0);
}

#[tokio::test]
async fn a_path_from_the_root_of_the_server_is_one() {
    let (fake, spotify) = plain_client().await;
    for (path, sent) in [
        ("/v1/tracks/x", "/v1/tracks/x"),
        ("tracks/x", "/v1/tracks/x"),
        ("/tracks/x", "/v1/tracks/x"),
        ("v1/tracks/x", "/v1/v1/tracks/x"),
        ("/v1x/tracks", "/v1/v1x/tracks"),
    ] {
        fake.next_api(FakeResponse::json(200, &json!({})));
        spotify.get::<Value>(path).await.unwrap();
        assert_eq!(fake.requests().last().unwrap().path, sent, "{path}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_set_replaces_that_of_the_path() {
    let (fake, spotify) = plain_client().await;
    for (path, set, sent) in [
        ("x?market=DE", vec![("market", "US")], "market=US"),
        ("x?market=DE&a=%C3%A4+b", vec![("market", "US")], "a=ä b&market=US"),
        ("x?tag=a&tag=b", vec![("market", "US")], "tag=a&tag=b&market=US"),
        ("x?tag=a&tag=b", vec![("tag", "c"), ("tag", "d")], "tag=d"),
        ("x?market=DE", vec![], "market=DE"),
    ] {
        fake.next_api(FakeResponse::json(200, &json!({})));
        let request = spotify.get::<Value>(path);
        set.iter()
            .fold(request, |request, (name, value)| request.query(*name, value))
            .await
            .unwrap();
        let request = fake.requests().last().unwrap().clone();
        let pairs: Vec<_> =
            request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs.join("&"), sent, "{path}");
    }
}

#[tokio::test]
async fn fields_with_unbalanced_brackets_are_refused() {
    let (fake, spotify) = plain_client().await;
    for fields in ["items(item(name)", "items(item(name)))", ")items(", "total)", "("] {
        let items = spotify.playlists().items(PLAYLIST).fields(fields).await;
        let playlist = spotify.playlists().get(PLAYLIST).fields(fields).await;
        let again = spotify.playlists().get(PLAYLIST).fields("name").fields(fields).await;
        for error in [items.unwrap_err(), playlist.unwrap_err(), again.unwrap_err()] {
            assert!(error.to_string().starts_with("fields has a bracket"), "{fields}: {error}");
        }
    }
    assert_eq!(fake.api_requests(), 0);
}

#[tokio::test]
async fn a_name_that_is_given_twice_is_refused() {
    let (fake, spotify) = plain_client().await;
    let details = PlaylistDetails::new().name("two");
    let error = spotify.playlists().create("one", details.clone()).await.unwrap_err();
    assert_eq!(error.to_string(), "name is given twice, as `one` and in the details");
    let id = json!({ "id": PLAYLIST, "name": "two", "type": "playlist" });
    fake.next_api(FakeResponse::json(201, &id));
    spotify.playlists().create("two", details).await.unwrap();
    assert_eq!(fake.api_requests(), 1);
}

#[tokio::test]
async fn a_playlist_is_cleared_by_replacing_its_items_by_none() {
    let (fake, spotify) = plain_client().await;
    fake.next_api(FakeResponse::json(200, &json!({ "snapshot_id": "s" })));
    spotify.playlists().replace_items(PLAYLIST, [] as [&str; 0]).await.unwrap();
    let request = fake.requests().last().unwrap().clone();
    assert_eq!((request.method.as_str(), &*request.body), ("PUT", r#"{"uris":[]}"#));
    let too_many = spotify.playlists().replace_items(PLAYLIST, tracks(101)).await;
    assert!(too_many.unwrap_err().to_string().starts_with("101 uris were given; 0 to 100"));
}

/// The names of what is in a directory of the repository, without their endings.
fn names_in(directory: &str) -> Vec<String> {
    let path = format!("{}/{directory}", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(path).unwrap().map(Result::unwrap);
    entries
        .map(|entry| entry.path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "common")
        .collect()
}

#[test]
fn every_guide_and_example_is_named_where_a_reader_begins() {
    let text = |path: &str| {
        std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let (readme, front_page, guides) =
        (text("README.md"), text("src/lib.rs"), text("src/guide.rs"));
    for guide in names_in("docs") {
        assert!(readme.contains(&format!("`docs/{guide}.md`")), "{guide}");
        let is_rendered = guides.contains(&format!("pub mod {guide} {{}}"));
        assert!(!is_rendered || front_page.contains(&format!("(guide::{guide})")), "{guide}");
    }
    for example in names_in("examples") {
        assert!(readme.contains(&format!("`{example}`")), "{example}");
        assert!(front_page.contains(&format!("`{example}`")), "{example}");
    }
}
