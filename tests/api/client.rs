//! Calls through the client: raw requests, errors, options.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::CONTENT_LENGTH;
use serde_json::{Value, json};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};

use crate::common::{ALBUM, ARTIST, PLAYLIST, PausedTime, TRACK, plain};

/// Notes how long each request says that its body is.
#[derive(Clone, Default)]
struct Lengths(Arc<Mutex<Vec<Option<String>>>>);

#[async_trait::async_trait]
impl reqwest_middleware::Middleware for Lengths {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut http::Extensions,
        next: reqwest_middleware::Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let length = request.headers().get(CONTENT_LENGTH);
        self.0.lock().unwrap().push(length.map(|length| length.to_str().unwrap().to_owned()));
        next.run(request, extensions).await
    }
}

/// Spotify responds with 411 to a write that names no length.
#[tokio::test]
async fn a_write_without_a_body_says_so_and_a_read_says_nothing() {
    let fake = FakeSpotify::start().await.unwrap();
    let lengths = Lengths::default();
    let config = plain(&fake).with_middleware(lengths.clone());
    let spotify = SpotifyClient::new(config).unwrap();

    spotify.tracks().get(TRACK).await.unwrap();
    spotify.player().pause().await.ok();
    spotify.player().next().await.ok();

    let zero = Some("0".to_owned());
    assert_eq!(*lengths.0.lock().unwrap(), [None, zero.clone(), zero]);
}

#[tokio::test]
async fn every_endpoint_asks_for_its_path() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    spotify.tracks().get(TRACK).await.unwrap();
    spotify.albums().get(format!("spotify:album:{ALBUM}")).await.unwrap();
    spotify.albums().tracks(ALBUM).await.unwrap();
    let artist = spotify.artists().get(ARTIST).await.unwrap();
    spotify.artists().albums(artist.id).await.unwrap();
    spotify.playlists().get(PLAYLIST).await.unwrap();
    spotify.playlists().items(PLAYLIST).fields("items(item(name))").await.unwrap();
    spotify.playlists().cover(PLAYLIST).await.unwrap();
    spotify.playlists().mine().await.unwrap_err();
    spotify.search().artists("jepsen & co").await.unwrap();

    let asked = fake.requests().into_iter().filter(|request| request.path != "/api/token");
    let asked: Vec<_> = asked
        .map(|request| {
            let query = request.query.iter().map(|(name, value)| format!(" {name}={value}"));
            format!("{} {}{}", request.method, request.path, query.collect::<String>())
        })
        .collect();
    assert_eq!(
        asked,
        [
            "GET /v1/tracks/11dFghVXANMlKmJXsNCbNl",
            "GET /v1/albums/0tGPJ0bkWOUmH7MEOR77qc",
            "GET /v1/albums/0tGPJ0bkWOUmH7MEOR77qc/tracks",
            "GET /v1/artists/6sFIWsNpZYqfjUpaCgueju",
            "GET /v1/artists/6sFIWsNpZYqfjUpaCgueju/albums",
            "GET /v1/playlists/3cEYpjA9oz9GiPac4AsH4n additional_types=track,episode",
            "GET /v1/playlists/3cEYpjA9oz9GiPac4AsH4n/items additional_types=track,episode fields=items(item(name)),next,limit,offset,total",
            "GET /v1/playlists/3cEYpjA9oz9GiPac4AsH4n/images",
            "GET /v1/me/playlists",
            "GET /v1/search q=jepsen & co type=artist",
        ]
    );
}

#[tokio::test]
async fn the_default_market_is_sent_where_one_is_taken() {
    let fake = FakeSpotify::start().await.unwrap();
    let config = fake.config_with_credentials().with_market("de");
    let spotify = SpotifyClient::new(config).unwrap();

    let track = spotify.tracks().get(TRACK).await.unwrap();
    spotify.tracks().get(TRACK).market("SE").await.unwrap();
    spotify.artists().get(ARTIST).await.unwrap();
    spotify.get::<Value>(&format!("tracks/{TRACK}")).await.unwrap();

    assert_eq!((track.is_playable, track.available_markets.len()), (Some(true), 0));
    let requests = fake.requests();
    let markets: Vec<_> = requests[1..].iter().map(|request| request.parameter("market")).collect();
    assert_eq!(markets, [Some("DE"), Some("SE"), None, None]);
}

#[tokio::test]
async fn raw_requests_have_query_and_body() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    for _ in 0..4 {
        fake.next_api(FakeResponse::json(200, &json!({ "ok": true })));
    }

    let body = json!({ "name": "ü" });
    spotify.get::<Value>("new/thing?a=1").query("b", "&=").await.unwrap();
    spotify.post::<Value>("/new/thing").json(&body).await.unwrap();
    spotify.put::<Value>("new/thing").json(&body).await.unwrap();
    let response = spotify.delete::<Value>("new/thing").send_with_response().await.unwrap();

    assert_eq!((response.status, response.body["ok"].clone()), (StatusCode::OK, json!(true)));
    assert_eq!(response.headers["content-type"], "application/json");
    let requests = &fake.requests()[1..];
    assert_eq!(requests[0].query, [("a".into(), "1".into()), ("b".into(), "&=".into())]);
    assert_eq!(requests[1].body, "{\"name\":\"ü\"}");
    let methods: Vec<_> = requests.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["GET", "POST", "PUT", "DELETE"]);
}

#[tokio::test]
async fn no_content_is_none_and_a_command_reads_no_body() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::body(204, "text/plain", ""));
    fake.next_api(FakeResponse::body(200, "text/plain", "CAESEAAaEw=="));

    assert_eq!(spotify.get::<Option<Value>>("me/player").await.unwrap(), None);
    spotify.put::<()>("me/player/pause").await.unwrap();
}

#[tokio::test]
async fn an_error_response_keeps_status_message_and_reason() {
    let cases = [
        (
            json!({ "error": { "status": 404, "message": "No active device", "reason": "NO_ACTIVE_DEVICE" } }),
            "GET /v1/x failed with HTTP 404 Not Found: No active device (NO_ACTIVE_DEVICE)",
        ),
        (
            json!({ "error": { "message": "Not\nhere" } }),
            "GET /v1/x failed with HTTP 404 Not Found: Nothere",
        ),
        (json!({ "error": "as a text" }), "GET /v1/x failed with HTTP 404 Not Found: as a text"),
        (json!({ "error": 5 }), "GET /v1/x failed with HTTP 404 Not Found"),
        (json!([]), "GET /v1/x failed with HTTP 404 Not Found"),
    ];
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(plain(&fake)).unwrap();
    for (body, text) in cases {
        fake.next_api(FakeResponse::json(404, &body));
        let error = spotify.get::<Value>("x").await.unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!error.is_transient());
    }
    for body in ["<html>", ""] {
        fake.next_api(FakeResponse::body(502, "text/html", body));
        let error = spotify.get::<Value>("x").await.unwrap_err();
        assert_eq!(error.to_string(), "GET /v1/x failed with HTTP 502 Bad Gateway");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn too_many_requests_say_how_long_to_wait() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(plain(&fake)).unwrap();
    let quota =
        json!({ "error": { "status": 429, "message": "Quota", "reason": "QUOTA_EXCEEDED" } });
    fake.next_api(FakeResponse::json(429, &quota).with_header("retry-after", "86400"));

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert_eq!(error.retry_after(), Some(Duration::from_secs(86_400)));
    assert!(
        matches!(&error, Error::RateLimited { reason: Some(reason), .. } if reason == "QUOTA_EXCEEDED")
    );
    fake.next(429);
    assert_eq!(spotify.tracks().get(TRACK).await.unwrap_err().retry_after(), None);
}

#[tokio::test]
async fn a_response_that_cannot_be_read_names_request_and_place() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next_api(FakeResponse::json(200, &json!({ "name": "n", "id": 5 })));

    let error = spotify.artists().get(ARTIST).await.unwrap_err();

    assert_eq!(
        error.to_line(),
        "the response to GET /v1/artists/6sFIWsNpZYqfjUpaCgueju cannot be read at \
         `id`; it begins with `{\"id\":5,\"name\":\"n\"}`: \
         invalid type: integer `5`, expected a string at line 1 column 7"
    );
    for body in ["<html>", "{} {}"] {
        fake.next_api(FakeResponse::body(200, "text/html", body));
        assert!(matches!(spotify.tracks().get(TRACK).await.unwrap_err(), Error::Decode { .. }));
    }
}

#[tokio::test]
async fn a_body_that_may_hold_a_secret_is_not_repeated() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let echo = "<html>authorization: Bearer BQD</html>";

    let about_a_user = FakeResponse::json(200, &json!([{ "email": "wizzler@example.com" }]));
    fake.next_api(about_a_user.clone());
    let me = spotify.users().me().await.unwrap_err();
    fake.next_api(about_a_user);
    let by_path = spotify.get::<String>("me").await.unwrap_err();
    fake.next_api(FakeResponse::body(200, "text/html", echo));
    let echoed = spotify.tracks().get(TRACK).await.unwrap_err();

    for error in [me, by_path, echoed] {
        assert!(matches!(error, Error::Decode { start: None, .. }), "{error:?}");
        assert!(!error.to_line().contains("begins"), "{}", error.to_line());
    }
}

#[tokio::test]
#[allow(deprecated)]
async fn a_bad_element_of_several_costs_only_itself() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let bad = json!({ "name": 5, "album": 5 });
    fake.next_api(FakeResponse::json(200, &json!({ "tracks": [{ "name": "good" }, bad, null] })));

    let tracks = spotify.tracks().several([TRACK, TRACK, TRACK]).await.unwrap();

    let names: Vec<_> = tracks.iter().map(|it| it.as_ref().map(|it| it.name.as_str())).collect();
    assert_eq!(names, [Some("good"), None, None]);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let config = plain(&fake).with_timeout(Duration::from_secs(5));
    let spotify = SpotifyClient::new(config).unwrap();
    fake.next_api(FakeResponse::never());
    let call = tokio::spawn(async move { spotify.tracks().get(TRACK).await });
    while fake.api_requests() == 0 {
        tokio::task::yield_now().await;
    }

    time.advance(Duration::from_secs(6)).await;

    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn users_can_add_layers_of_their_own() {
    struct Counter(Arc<AtomicUsize>);

    #[async_trait::async_trait]
    impl reqwest_middleware::Middleware for Counter {
        async fn handle(
            &self,
            request: reqwest::Request,
            extensions: &mut http::Extensions,
            next: reqwest_middleware::Next<'_>,
        ) -> reqwest_middleware::Result<reqwest::Response> {
            assert!(request.headers().get("authorization").is_none(), "outside of authentication");
            self.0.fetch_add(1, Ordering::SeqCst);
            next.run(request, extensions).await
        }
    }

    let count = Arc::new(AtomicUsize::new(0));
    let fake = FakeSpotify::start().await.unwrap();
    let config = fake.config_with_credentials().with_middleware(Counter(Arc::clone(&count)));
    let spotify = SpotifyClient::new(config).unwrap();

    spotify.tracks().get(TRACK).await.unwrap();

    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// The base URL of a proxy, with a path of its own and without the last slash.
#[tokio::test]
async fn a_base_url_may_have_a_path() {
    let fake = FakeSpotify::start().await.unwrap();
    let base = fake.base_url().replace("/v1/", "/proxy/v1?x=y#z");
    let spotify = SpotifyClient::new(fake.config_with_credentials().with_base_url(base)).unwrap();

    spotify.tracks().get(TRACK).await.unwrap_err();
    spotify.get::<Value>("me").await.unwrap_err();

    let paths: Vec<_> = fake.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths[1..], [format!("/proxy/v1/tracks/{TRACK}"), "/proxy/v1/me".into()]);
}

#[test]
fn the_types_that_programs_hold_can_be_sent_and_cloned() {
    fn assert<T: Clone + Send + Sync + 'static>() {}
    fn assert_send<T: Send + 'static>(_: &T) {}
    assert::<SpotifyClient>();
    assert::<SpotifyClientConfig>();
    assert::<spotify_web::oauth::OAuthClient>();
    assert::<spotify_web::auth::CredentialsAuthenticator>();
    assert::<spotify_web::auth::AuthError>();

    let spotify = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
    let request = spotify.tracks().get(TRACK);
    assert_send(&request);
    assert_send(&request.send());
    assert_send(&spotify.albums().tracks(ALBUM).stream());
}
