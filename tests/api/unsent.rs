//! A request that is not sent yet: it can be kept and sent again, and a compiler that is given one
//! for a future says what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use spotify_web::api::Request;
use spotify_web::model::SpotifyUri;
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient};

use crate::common::{PLAYLIST, TRACK, plain, plain_client};

#[tokio::test]
async fn a_clone_sends_the_same_and_what_is_set_on_it_is_its_own() {
    let (fake, spotify) = plain_client().await;
    let tracks = spotify.search().tracks("feeling").market("DE").limit(5);
    let more = tracks.clone().limit(7).offset(1);
    tracks.clone().await.unwrap();
    tracks.await.unwrap();
    more.await.unwrap();
    let adding = spotify.put::<()>("me/thing").json(&serde_json::json!({ "a": "ä" })).retries(0);
    for _ in 0..2 {
        fake.next_api(FakeResponse::status(200));
        adding.clone().await.unwrap();
    }

    let requests = fake.requests();
    let [first, second, third, put, again] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((&first.path, &first.query), (&second.path, &second.query));
    assert_eq!((first.parameter("limit"), first.parameter("offset")), (Some("5"), None));
    assert_eq!((third.parameter("limit"), third.parameter("offset")), (Some("7"), Some("1")));
    assert_eq!((put.method.as_str(), &*put.body), ("PUT", "{\"a\":\"ä\"}"));
    assert_eq!(&put.body, &again.body);
}

/// Each kind of mistake, with the words that it would have had without the clone.
#[tokio::test]
async fn the_clone_of_a_request_that_is_wrong_is_wrong_in_the_same_way() {
    async fn same<T, P>(request: Request<T, P>)
    where
        T: serde::de::DeserializeOwned + std::fmt::Debug + 'static,
        P: spotify_web::api::params::Parameters + 'static,
    {
        let clone = request.clone().clone();
        let (error, cloned) = (request.await.unwrap_err(), clone.await.unwrap_err());
        assert_eq!(cloned.to_string(), error.to_string());
        assert_eq!(format!("{cloned:#?}"), format!("{error:#?}"));
    }
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(plain(&fake)).unwrap();
    same(spotify.get::<Value>("https://elsewhere.test/v1/x")).await;
    same(spotify.get::<Value>("a/../b")).await;
    same(spotify.tracks().get(TRACK).market("Germany")).await;
    same(spotify.search().tracks("x").limit(0)).await;
    same(spotify.search().tracks("")).await;
    assert_eq!(fake.api_requests(), 0);

    let uris = vec![format!("spotify:track:{TRACK}"); 101];
    let adding = spotify.playlists().add_items(PLAYLIST, uris);
    let (error, cloned) = (adding.clone().await.unwrap_err(), adding.await.unwrap_err());
    assert!(matches!(error, Error::Count { .. }));
    assert_eq!(format!("{cloned:#?}"), format!("{error:#?}"));
    let wrong = spotify.playlists().add_items("no id", [] as [SpotifyUri; 0]);
    assert!(matches!(wrong.clone().await, Err(Error::Id(_))));
}

/// What `tokio::spawn` and `join_all` ask for.
const CALLER: &str = r"
use std::future::Future;
fn spawn<F: Future + Send + 'static>(_: F) where F::Output: Send {}
fn join_all<I>(_: I) where I: IntoIterator, I::Item: Future {}
pub fn caller(spotify: &spotify_web::SpotifyClient) {
    let track = spotify.tracks().get(String::new());
    let albums = spotify.artists().albums(String::new());
    let saving = spotify.library().save_in_batches([String::new()]);
    CALL
}
";

/// The compiler itself, on the library that this test is linked with.
#[test]
fn a_request_that_is_taken_for_a_future_is_told_to_be_sent() {
    let Some(library) = library() else {
        assert!(std::env::var_os("CI").is_none(), "the library as built is not found");
        println!("skipped: the library as built is not found");
        return;
    };
    for good in
        ["spawn(track.send());", "join_all([albums.all().send()]);", "spawn(saving.send());"]
    {
        let (compiles, text) = compiled(&library, good);
        assert!(compiles, "{good}: {text}");
    }
    for bad in ["spawn(track);", "spawn(albums.all());", "spawn(saving);"] {
        let (compiles, text) = compiled(&library, bad);
        assert!(!compiles, "{bad}");
        assert!(
            text.contains("a request is a future only when it is sent: call `.send()`"),
            "{text}"
        );
        assert!(text.contains("`tokio::spawn`, `join_all`"), "{text}");
    }
    let (compiles, text) = compiled(&library, "join_all([track]);");
    assert!(!compiles && text.contains("CallSendFirst"), "{text}");
}

fn compiled(library: &Path, call: &str) -> (bool, String) {
    let directory = crate::common::Directory::new();
    let source = directory.path().join("caller.rs");
    fs::write(&source, CALLER.replace("CALL", call)).unwrap();
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-A", "unused"])
        .arg("--out-dir")
        .arg(directory.path())
        .arg("-L")
        .arg(format!("dependency={}", library.parent().unwrap().display()))
        .arg("--extern")
        .arg(format!("spotify_web={}", library.display()))
        .arg(&source)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

/// The newest beside this test.
fn library() -> Option<PathBuf> {
    let this = std::env::current_exe().unwrap();
    let files = fs::read_dir(this.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let libraries = files.filter(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with("libspotify_web-") && name.ends_with(".rlib")
    });
    libraries.max_by_key(|file| fs::metadata(file).unwrap().modified().unwrap())
}
