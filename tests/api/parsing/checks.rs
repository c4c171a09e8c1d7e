//! What must hold for whatever a server or a user sends, for every parser of theirs.
//!
//! A check panics where it does not. `fuzz/fuzz_targets` drives them by coverage, and
//! `tests/api/parsing.rs` by `proptest`.

use std::cell::RefCell;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use http::{Extensions, StatusCode};
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use spotify_web::auth::{AuthError, FileTokenStore, StoredToken, TokenKey, TokenStore};
use spotify_web::middleware::{RateLimitOptions, RateLimiter};
use spotify_web::model::{
    AlbumId, Artist, CurrentlyPlaying, Device, Market, Page, Playlist, PlaylistItem, ReleaseDate,
    SearchResults, SpotifyUri, Track, TrackId, UserId,
};
use spotify_web::oauth::{
    ClientCredentialsRequest, Login, OAuthClient, PendingLogin, Scope, Token,
};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, Origin, SpotifyClient, SpotifyClientConfig};
use tokio::runtime::Runtime;

/// The first byte is the status of the response to a token request, the rest its body.
pub(crate) fn token_response(data: &[u8]) {
    let Some((status, body)) = data.split_first() else { return };
    with_fake(async |fake| {
        let response = || FakeResponse::body(status_of(*status), "application/json", body);
        fake.next_token(response());
        let request = ClientCredentialsRequest::new("id", SECRET);
        match OAuthClient::new(&one_client(fake.config())).request_token(request).await {
            Ok(Token { access_token, expires_in, .. }) => {
                assert!(!access_token.expose().is_empty());
                assert!(access_token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
                assert!(expires_in <= Duration::from_secs(100 * 365 * 24 * 3600));
            }
            Err(error) => shows_nothing(&error),
        }
        // Whatever follows a refresh token, it is kept, or the one that replaces it.
        let carrier = [br#"{"refresh_token":"that-is-kept","#, body].concat();
        fake.next_token(FakeResponse::body(200, "application/json", carrier));
        let request = ClientCredentialsRequest::new("id", SECRET);
        let kept = match OAuthClient::new(&one_client(fake.config())).request_token(request).await {
            Ok(token) => token.refresh_token,
            Err(error) => error.token().and_then(|token| token.refresh_token.clone()),
        };
        assert!(kept.is_some() || body.len() > 60_000);
        // The same by way of the cache, which reckons with it.
        fake.next_token(response());
        let config = one_client(fake.config_with_credentials()).without_retries();
        match SpotifyClient::new(config).unwrap().get::<Value>("tracks/x").await {
            Err(Error::Auth { source: AuthError::SourcePanicked, .. }) => panic!("it panicked"),
            Err(error) => shows_nothing(&error),
            Ok(_) => {}
        }
    });
}

/// The first byte is the status, the second whether it is called JSON, the rest the body.
pub(crate) fn api_response(data: &[u8]) {
    let [status, is_json, body @ ..] = data else { return };
    let content_type = if is_json % 2 == 0 { "application/json" } else { "text/html" };
    let spotify = client(CannedResponse::new(*status, &[("content-type", content_type)], [body]));
    run(async {
        let track = "11dFghVXANMlKmJXsNCbNl";
        reads::<Track>(spotify.tracks().get(track).await);
        reads::<Vec<Device>>(spotify.player().devices().await);
        reads::<Page<PlaylistItem>>(spotify.playlists().items(track).await);
        reads::<Playlist>(spotify.playlists().get(track).await);
        reads::<Option<CurrentlyPlaying>>(spotify.player().currently_playing().await);
        reads::<SearchResults>(spotify.get("search").await);
        reads::<Artist>(spotify.artists().get(track).await);
    });
}

/// A `Retry-After`, from a server that says nothing else.
pub(crate) fn retry_after(data: &[u8]) {
    let Ok(value) = http::HeaderValue::from_bytes(data) else { return };
    let responses = CannedResponse::refusing(value);
    let limiter = RateLimiter::new(RateLimitOptions::default().with_max_wait(Duration::ZERO));
    let http = one_client(SpotifyClientConfig::default()).http_client().unwrap();
    let client = ClientBuilder::new(http).with(limiter.clone()).with(responses.clone()).build();
    run(async {
        // One that succeeds, and two that are refused.
        for _ in 0..3 {
            let _ = client.get("http://127.0.0.1/").send().await;
        }
        assert!(limiter.stats().app.rate.is_none_or(|rate| rate.is_finite() && rate > 0.0));
        match self::client(responses).tracks().get("11dFghVXANMlKmJXsNCbNl").await {
            Err(Error::RateLimited { .. }) => {}
            other => panic!("{other:?}"),
        }
    });
}

/// What a user may give for an id, a URI or another word of Spotify's.
pub(crate) fn id(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(id) = text.parse::<TrackId>() {
        assert_eq!(id.uri().parse::<TrackId>().unwrap(), id);
        assert_eq!(id.url().parse::<TrackId>().unwrap(), id);
    }
    if let Ok(id) = text.parse::<UserId>() {
        assert_eq!(id.uri().parse::<UserId>().unwrap(), id);
        assert_eq!(id.url().parse::<UserId>().unwrap(), id);
    }
    if let Ok(uri) = text.parse::<SpotifyUri>() {
        assert_eq!(uri.as_str().parse::<SpotifyUri>().unwrap(), uri);
    }
    if let Ok(date) = text.parse::<ReleaseDate>() {
        assert_eq!(date.to_string(), text);
    }
    if let Ok(market) = text.parse::<Market>() {
        assert_eq!(market.to_string().parse::<Market>().unwrap(), market);
    }
    let _ = text.parse::<AlbumId>();
    let _ = text.parse::<Scope>();
}

/// A base URL, and the path of a request below a good one; pages that name each other's.
pub(crate) fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let url = reqwest::Url::parse(text).ok();
    if let (Some(url), Ok(origin)) = (&url, text.parse::<Origin>()) {
        assert!(origin.covers(url), "a URL is of its origin");
    }
    for other in ["https://api.spotify.com", "http://127.0.0.1:1", "http://[::1]:1"] {
        let (origin, other): (Origin, reqwest::Url) =
            (other.parse().unwrap(), other.parse().unwrap());
        if let Some(url) = &url {
            assert_eq!(origin.covers(url), url.origin() == other.origin(), "{url}");
        }
    }
    let page = serde_json::json!({ "items": [null], "total": 1_000, "limit": 1, "next": text });
    let responses = CannedResponse::new(0, &[], [page.to_string()]);
    run(async {
        let config = one_client(SpotifyClientConfig::default());
        let config = config.with_base_url(text).with_token(SECRET);
        let _ = SpotifyClient::new(config).map(drop);
        let spotify = client(responses.clone());
        let _ = spotify.get::<Value>(text).await;
        let pages = spotify.get::<Page<Value>>("me/x").pages();
        let _ = pages.take(4).count().await;
    });
    for url in responses.urls() {
        // The token would go along.
        assert!(url.starts_with("https://api.spotify.com/"), "{url}");
    }
}

/// The URL that a user comes back to, and a login that was kept.
pub(crate) fn redirect(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = PendingLogin::state_of(text);
    let login = Login::pkce("id", "http://127.0.0.1:8888/callback").begin().unwrap();
    // Nobody guesses a state.
    let error = login.finish(text).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(login.state()));
    // With the right one, whatever follows.
    let right = format!("/callback?state={}&{text}", login.state());
    match login.finish(&right) {
        Ok(code) => drop(code),
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error}"),
    }
    if let Ok(kept) = serde_json::from_str::<PendingLogin>(text) {
        let _ = kept.finish(&right);
        assert!(!format!("{kept:?}").contains(kept.state()) || kept.state().len() < 8);
    }
    // Spotify compares redirect URIs as strings.
    if let Ok(pending) = Login::pkce("id", text).begin() {
        let url = reqwest::Url::parse(pending.url()).unwrap();
        let mut sent = url.query_pairs().filter(|(name, _)| name == "redirect_uri");
        assert_eq!(sent.next().unwrap().1, text);
    }
}

/// The content of a token file, by any writer.
pub(crate) fn token_file(data: &[u8]) {
    let directory = std::env::temp_dir();
    let name = format!("token-file-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = directory.join(name.replace(['(', ')'], ""));
    std::fs::write(&path, data).unwrap();
    let (store, key) = (FileTokenStore::new(&path), TokenKey::new("id"));
    run(async {
        let loaded = store.load(&key).await;
        let replaces = match &loaded {
            Ok(stored) => stored.as_ref().map(StoredToken::revision),
            Err(error) => {
                shows_nothing(error);
                None
            }
        };
        let token = Token::new("new", Duration::from_secs(3600));
        let expires_at = std::time::SystemTime::UNIX_EPOCH;
        let new = StoredToken::new(token, expires_at);
        match store.save(&key, &new, replaces).await {
            Ok(()) => {
                let stored = store.load(&key).await.unwrap().unwrap();
                assert_eq!(stored.token().unwrap().access_token.expose(), "new");
            }
            Err(error) => {
                assert!(loaded.is_err(), "{error}");
                assert_eq!(std::fs::read(&path).unwrap(), data, "what is not understood stays");
            }
        }
    });
}

/// A value or a typed error; and what is written back is read as the same.
fn reads<T: DeserializeOwned + Serialize>(result: Result<T, Error>) {
    match result {
        Ok(value) => {
            let json = serde_json::to_value(&value).unwrap();
            let again = serde_json::from_value::<T>(json.clone()).unwrap();
            assert_eq!(serde_json::to_value(again).unwrap(), json);
        }
        Err(Error::Decode { .. } | Error::Api { .. } | Error::RateLimited { .. }) => {}
        Err(other) => panic!("{other:?}"),
    }
}

fn shows_nothing(error: &dyn std::error::Error) {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(SECRET), "{shown}");
}

thread_local! {
    static RUNTIME: Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// A fake, and how often it was used.
    static FAKE: RefCell<(usize, Option<FakeSpotify>)> = const { RefCell::new((0, None)) };
}

fn run<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Starts a fake now and then, since each remembers all that it was asked.
fn with_fake(check: impl AsyncFnOnce(&FakeSpotify)) {
    FAKE.with_borrow_mut(|(uses, fake)| {
        *uses += 1;
        if *uses % 1000 == 0 {
            *fake = None;
        }
        run(async {
            let fake = match fake {
                Some(fake) => fake,
                None => fake.insert(FakeSpotify::start().await.unwrap()),
            };
            check(fake).await;
        });
    });
}

/// With one HTTP client for all, since one of its own reads the system's certificates each time.
fn one_client(config: SpotifyClientConfig) -> SpotifyClientConfig {
    thread_local!(static HTTP: reqwest::Client =
        SpotifyClientConfig::default().http_client().unwrap());
    config.with_http_client(HTTP.with(reqwest::Client::clone))
}

fn client(responses: CannedResponse) -> SpotifyClient {
    let config = one_client(SpotifyClientConfig::default());
    let config = config.with_token(SECRET).with_middleware(responses);
    SpotifyClient::new(config.without_retries().without_rate_limiter()).unwrap()
}

/// A layer that responds without sending anything.
#[derive(Debug, Clone, Default)]
struct CannedResponse {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Vec<u8>,
    refuses: bool,
    urls: Arc<Mutex<Vec<String>>>,
}

impl CannedResponse {
    fn new(
        status: u8,
        headers: &[(&'static str, &'static str)],
        [body]: [impl AsRef<[u8]>; 1],
    ) -> Self {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        });
        let status = StatusCode::from_u16(status_of(status)).unwrap();
        Self { status, headers: headers.collect(), body: body.as_ref().to_vec(), ..Self::default() }
    }

    /// Refuses all but the first request.
    fn refusing(retry_after: http::HeaderValue) -> Self {
        let headers = [(http::header::RETRY_AFTER, retry_after)].into_iter().collect();
        Self { headers, refuses: true, ..Self::default() }
    }

    fn urls(&self) -> Vec<String> {
        self.urls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Middleware for CannedResponse {
    async fn handle(
        &self,
        request: Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let is_first = self.urls().is_empty();
        self.urls.lock().unwrap().push(request.url().to_string());
        let mut response = http::Response::new(self.body.clone());
        *response.status_mut() = match self.refuses && !is_first {
            true => StatusCode::TOO_MANY_REQUESTS,
            false => self.status,
        };
        *response.headers_mut() = self.headers.clone();
        Ok(response.into())
    }
}

/// Mostly 200, since most is in the body.
fn status_of(byte: u8) -> u16 {
    let others = [201, 204, 400, 401, 403, 404, 429, 500, 502, 503];
    others.get(usize::from(byte)).copied().unwrap_or(200)
}

const SECRET: &str = "s3cr3t-n0t-t0-b3-s33n";
