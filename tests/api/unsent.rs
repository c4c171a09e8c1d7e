//! A request that is not sent yet: it can be kept and sent again, and a compiler that is given one
//! for a future says what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use parking_lot::Mutex;
use reqwest_middleware::{Middleware, Next};
use serde_json::{Value, json};
use spotify_web::api::{PlaylistReorder, Request};
use spotify_web::middleware::RequestClass;
use spotify_web::model::SpotifyUri;
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};

use crate::common::{ALBUM, PLAYLIST, TRACK, plain, plain_client};

#[tokio::test]
async fn a_clone_sends_the_same_and_what_is_set_on_it_is_its_own() {
    let (fake, spotify) = plain_client().await;
    let tracks = spotify.search().tracks("feeling").market("DE").limit(5);
    let more = tracks.clone().limit(7).offset(1);
    tracks.clone().await.unwrap();
    tracks.await.unwrap();
    more.await.unwrap();
    let adding = spotify.put::<()>("me/thing").json(&json!({ "a": "ä" })).retries(0);
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

/// Whatever was set by its endpoint or by the program: for the layers, for the server, for who reads
/// the response, and for who reads the error or the report.
#[tokio::test(start_paused = true)]
async fn a_clone_is_sent_read_and_told_as_the_request_itself() {
    let (layer, spotify) = Layer::of_a_client();
    let limit = Duration::from_secs(7);
    let track = || spotify.tracks().get(TRACK);
    let uris = [TRACK, ALBUM].map(|id| format!("spotify:track:{id}"));
    let moving = spotify.playlists().reorder_items(PLAYLIST, &PlaylistReorder::new(1, 0));
    let lacks = json!({ "error": { "status": 403, "message": "Insufficient client scope" } });

    layer.takes(track().timeout(limit), "timeout Some(7s)").await;
    layer.takes(track().deadline(limit), "deadline: Some(Instant").await;
    layer.takes(track().max_wait(limit), "max_wait: Some(7s)").await;
    layer.takes(track().retries(3), "retries: Some(3)").await;
    layer.takes(track(), "endpoint: \"tracks/{}\"").await;
    layer.takes(spotify.player().pause(), "is_urgent: true").await;
    layer.takes(moving.clone(), "safety: NonIdempotent").await;
    layer.takes(moving.clone(), "\\\"range_start\\\":1").await;
    layer.takes(moving, "\"content-type\": \"application/json\"").await;
    layer.responds(403, &lacks);
    layer.takes(spotify.users().top_artists(), "user-top-read").await;
    layer.responds(200, &json!([true]));
    layer.takes(spotify.library().contains(uris), "Err(").await;
    layer.responds(200, &json!({ "devices": [] }));
    layer.takes(spotify.player().devices(), "Ok([])").await;
}

/// A layer that responds by itself and notes what it sees of each request, and an observer.
#[derive(Clone)]
struct Layer {
    seen: Arc<Mutex<String>>,
    response: Arc<Mutex<(u16, String)>>,
}

impl Layer {
    fn of_a_client() -> (Self, SpotifyClient) {
        let response = Arc::new(Mutex::new((404, "{}".to_owned())));
        let layer = Self { seen: Arc::default(), response };
        let seen = Arc::clone(&layer.seen);
        let config = SpotifyClientConfig::default().with_token("t").with_middleware(layer.clone());
        let config = config.with_observer(move |report| *seen.lock() += &format!("{report:?}"));
        (layer, SpotifyClient::new(config).unwrap())
    }

    fn responds(&self, status: u16, body: &Value) {
        *self.response.lock() = (status, body.to_string());
    }

    /// The same of a request and of its clone, and `expected` in it.
    async fn takes<T, P>(&self, request: Request<T, P>, expected: &str)
    where
        T: serde::de::DeserializeOwned + std::fmt::Debug + 'static,
        P: spotify_web::api::params::Parameters + 'static,
    {
        let clone = request.clone();
        let told = async |request: Request<T, P>| {
            let result = request.await;
            format!("{} {result:#?} {result:?}", std::mem::take(&mut *self.seen.lock()))
        };
        let (told, of_clone) = (told(request).await, told(clone).await);
        assert!(told.contains(expected), "{expected} is not in {told}");
        assert_eq!(of_clone, told);
    }
}

#[async_trait]
impl Middleware for Layer {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let body = request.body().and_then(|body| body.as_bytes());
        let body = String::from_utf8_lossy(body.unwrap_or_default());
        let (timeout, class) = (request.timeout(), extensions.get::<RequestClass>());
        *self.seen.lock() += &format!("{request:?} {body:?} timeout {timeout:?} {class:?}");
        let (status, body) = self.response.lock().clone();
        Ok(http::Response::builder().status(status).body(body).unwrap().into())
    }
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
