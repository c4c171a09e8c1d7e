//! A client with an authenticator plugged in, against a server that counts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use reqwest_middleware::ClientBuilder;
use spotify_web::auth::{
    AuthError, Authenticator, CachedAuthenticator, CredentialsAuthenticator, Rejection,
    RejectionReason, Replay, TokenCacheOptions, Unfinished,
};
use spotify_web::middleware::AuthMiddleware;
use spotify_web::oauth::OAuthClient;
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::sync::Barrier;

use crate::common::{ManualClock, PausedTime, ScriptedSource, TRACK, settle};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_tasks_cause_one_token_request_and_one_more_at_expiry() {
    let fake = FakeSpotify::start().await.unwrap();
    let clock = ManualClock::new();
    let spotify = client(&fake, TokenCacheOptions::default().with_clock(clock.clone()));

    a_thousand_tasks_at_once(&spotify).await;
    assert_eq!((fake.token_requests(), fake.api_requests()), (1, 1000));

    clock.advance(3600.0);
    a_thousand_tasks_at_once(&spotify).await;
    assert_eq!((fake.token_requests(), fake.api_requests()), (2, 2000));
}

#[tokio::test]
async fn in_the_window_no_caller_waits_and_one_refresh_happens() {
    let fake = FakeSpotify::start().await.unwrap();
    let clock = ManualClock::new();
    let spotify = client(&fake, TokenCacheOptions::default().with_clock(clock.clone()));
    spotify.tracks().get(TRACK).await.unwrap();
    fake.next_token(FakeResponse::never());

    clock.advance(3500.0);
    for _ in 0..20 {
        spotify.tracks().get(TRACK).await.unwrap();
    }

    // The token request of the refresh never ends; none of the calls above waited for it.
    while fake.token_requests() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!((fake.token_requests(), fake.api_requests()), (2, 21));
}

#[tokio::test]
async fn a_bot_over_ten_lifetimes_sends_ten_or_eleven_token_requests() {
    let time = PausedTime::pause();
    let fake =
        FakeSpotify::builder().with_token_lifetime(Duration::from_secs(60)).start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    for _ in 0..600 {
        spotify.tracks().get(TRACK).await.unwrap();
        time.advance(Duration::from_secs(1)).await;
    }

    assert_eq!(fake.expired_tokens(), 0);
    assert_eq!(fake.api_requests(), 600);
    assert!((10..=11).contains(&fake.token_requests()), "{}", fake.token_requests());
}

#[tokio::test]
async fn a_refresh_outlives_the_caller_that_began_it() {
    let fake = FakeSpotify::start().await.unwrap();
    let source = ScriptedSource::default();
    let authenticator = CachedAuthenticator::new(source.clone());
    let spotify = SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap();
    source.block();

    let mut call = Box::pin(spotify.tracks().get(TRACK).send());
    assert!(call.as_mut().now_or_never().is_none());
    settle().await;
    drop(call);
    source.release();
    settle().await;

    fake.next_api(FakeResponse::json(200, &serde_json::json!({ "name": "next" })));
    assert_eq!(spotify.tracks().get(TRACK).await.unwrap().name, "next");
    assert_eq!(source.requests(), 1);
}

#[test]
fn a_client_survives_the_runtime_that_it_was_first_used_on() {
    // Which of a runtime's tasks it drops first is chance.
    let server = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for round in 0..50 {
        let fake = server.block_on(FakeSpotify::start()).unwrap();
        let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
        fake.next_token(FakeResponse::never());

        let first = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let call = spotify.clone();
        first.spawn(async move { call.tracks().get(TRACK).await });
        while fake.token_requests() == 0 {
            std::thread::yield_now();
        }
        let waiting = server.spawn({
            let spotify = spotify.clone();
            async move { spotify.tracks().get(TRACK).await }
        });
        first.shutdown_background();

        let track = server.block_on(waiting).unwrap();
        let track = track.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        assert_eq!(track.name, "Cut To The Feeling");
        assert_eq!(fake.token_requests(), 2);
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_request_replayed() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    spotify.tracks().get(TRACK).await.unwrap();

    fake.expire_tokens();
    spotify.tracks().get(TRACK).await.unwrap();

    assert_eq!((fake.token_requests(), fake.api_requests()), (2, 3));
}

/// P26 to P28, B19, B21: all hundred are refused before the first of them is told.
#[tokio::test]
async fn a_hundred_refusals_at_once_cause_one_refresh() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    spotify.tracks().get(TRACK).await.unwrap();

    fake.expire_tokens();
    let calls = join_all((0..100).map(|_| spotify.tracks().get(TRACK).send())).await;

    assert!(calls.iter().all(Result::is_ok), "{calls:?}");
    assert_eq!(fake.token_requests(), 2);
    assert!((102..=201).contains(&fake.api_requests()), "{}", fake.api_requests());
}

#[tokio::test]
async fn a_write_is_replayed_with_its_body() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next(401);
    fake.next_api(FakeResponse::body(200, "text/plain", "no json"));

    spotify.put::<()>("me/player/volume").json(&[1, 2]).await.unwrap();

    let bodies: Vec<_> = fake.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(
        bodies[1..],
        ["[1,2]".to_owned(), "grant_type=client_credentials".into(), "[1,2]".into()]
    );
}

/// P28.
#[tokio::test]
async fn a_second_refusal_is_a_typed_error() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.reject_all_tokens();

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
    assert!(!error.is_transient());
    assert_eq!((fake.token_requests(), fake.api_requests()), (2, 2));
}

/// P29, B22: a hundred calls at one moment are within one step.
#[tokio::test]
async fn a_server_that_refuses_everything_is_not_asked_in_a_loop() {
    let fake = FakeSpotify::start().await.unwrap();
    let clock = ManualClock::new();
    let spotify = client(&fake, TokenCacheOptions::default().without_jitter().with_clock(clock));
    fake.reject_all_tokens();

    let mut errors = Vec::new();
    for _ in 0..100 {
        errors.push(spotify.tracks().get(TRACK).await.unwrap_err());
    }

    assert_eq!((fake.token_requests(), fake.api_requests()), (2, 101));
    assert!(errors.iter().all(|error| error.status() == Some(StatusCode::UNAUTHORIZED)));
}

#[tokio::test]
async fn a_fixed_token_is_not_replayed() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token("outdated")).unwrap();

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
    assert_eq!(fake.api_requests(), 1);
}

/// P41, B36.
#[tokio::test]
async fn clients_from_clones_of_one_config_share_one_token() {
    let fake = FakeSpotify::start().await.unwrap();
    let config = fake.config_with_credentials();

    for _ in 0..5 {
        let spotify = SpotifyClient::new(config.clone()).unwrap();
        spotify.tracks().get(TRACK).await.unwrap();
    }

    assert_eq!(fake.token_requests(), 1);
}

#[tokio::test]
async fn users_of_one_client_have_tokens_of_their_own() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_market("SE")).unwrap();
    let user = |name| spotify.for_user(CredentialsAuthenticator::new(name, "secret")).unwrap();
    let (anna, bert) = (user("anna"), user("bert"));

    for _ in 0..3 {
        anna.tracks().get(TRACK).await.unwrap();
        bert.tracks().get(TRACK).await.unwrap();
    }

    assert_eq!(fake.token_requests(), 2);
    let tracks = fake.requests().into_iter().filter(|request| request.path.contains("tracks"));
    assert!(tracks.into_iter().all(|request| request.parameter("market") == Some("SE")));
}

/// The layer alone, on a client of the user's own.
#[tokio::test]
async fn the_middleware_works_on_any_client() {
    let fake = FakeSpotify::start().await.unwrap();
    let authenticator = CredentialsAuthenticator::new("id", "secret");
    authenticator.connect(&OAuthClient::new(&fake.config())).unwrap();
    let http = fake.config().http_client().unwrap();
    let origin = fake.base_url().parse().unwrap();
    let client = ClientBuilder::new(http).with(AuthMiddleware::new(authenticator, origin)).build();

    let url = format!("{}tracks/{TRACK}", fake.base_url());
    for _ in 0..3 {
        assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    }
    fake.expire_tokens();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);

    assert_eq!(fake.token_requests(), 2);
}

async fn a_thousand_tasks_at_once(spotify: &SpotifyClient) {
    let barrier = Arc::new(Barrier::new(1000));
    let tasks = (0..1000).map(|_| {
        let (spotify, barrier) = (spotify.clone(), Arc::clone(&barrier));
        tokio::spawn(async move {
            barrier.wait().await;
            spotify.tracks().get(TRACK).await.unwrap().name
        })
    });
    for name in join_all(tasks).await {
        assert_eq!(name.unwrap(), "Cut To The Feeling");
    }
}

fn client(fake: &FakeSpotify, options: TokenCacheOptions) -> SpotifyClient {
    let authenticator = CredentialsAuthenticator::new("id", "secret").with_options(options);
    SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap()
}

/// Notes what it is asked.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<&'static str>>);

impl Noting {
    fn note(&self, name: &'static str) {
        self.0.lock().unwrap().push(name);
    }
}

#[async_trait::async_trait]
impl Authenticator for Noting {
    async fn apply(&self, _: &mut reqwest::Request) -> Result<(), AuthError> {
        self.note("apply");
        Ok(())
    }

    async fn rejected(&self, _: &Rejection) -> Result<Replay, AuthError> {
        self.note("rejected");
        Ok(Replay::Yes)
    }

    fn accepted(&self, _: &HeaderValue) {
        self.note("accepted");
    }

    fn unfinished(&self) -> Option<Unfinished<'_>> {
        self.note("unfinished");
        Some(Box::pin(std::future::ready(())))
    }

    async fn settle(&self) -> Result<(), AuthError> {
        self.note("settle");
        Ok(())
    }

    fn connect(&self, _: &OAuthClient) -> Result<(), AuthError> {
        self.note("connect");
        Ok(())
    }

    fn client_id(&self) -> Option<&str> {
        self.note("client_id");
        Some("id")
    }
}

/// By the way of the `Arc` itself, and not of what it holds.
type Through = Arc<dyn Authenticator>;

#[tokio::test]
async fn an_authenticator_in_an_arc_is_asked_everything() {
    let inner = Arc::new(Noting::default());
    let plugged: Arc<dyn Authenticator> = inner.clone();
    let credentials = HeaderValue::from_static("Bearer x");
    let url = "https://api.spotify.com/".parse().unwrap();
    let oauth = OAuthClient::new(&SpotifyClientConfig::default());

    Through::connect(&plugged, &oauth).unwrap();
    Through::apply(&plugged, &mut reqwest::Request::new(Method::GET, url)).await.unwrap();
    Through::accepted(&plugged, &credentials);
    Through::unfinished(&plugged).unwrap().await;
    let rejection = Rejection::new(credentials, RejectionReason::Unknown);
    assert_eq!(Through::rejected(&plugged, &rejection).await.unwrap(), Replay::Yes);
    Through::settle(&plugged).await.unwrap();
    assert_eq!(Through::client_id(&plugged), Some("id"));

    let asked = inner.0.lock().unwrap();
    let all = ["connect", "apply", "accepted", "unfinished", "rejected", "settle", "client_id"];
    assert_eq!(*asked, all);
}

/// P45: a 401 says with its status that the token was rejected; a body that does not come delays
/// nothing.
#[tokio::test]
async fn a_rejection_whose_body_does_not_come_is_one() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut streams = Vec::new();
        let head = ["401 Unauthorized\r\ncontent-length: 100", "200 OK\r\ncontent-length: 2"];
        for (head, body) in head.into_iter().zip(["{", "{}"]) {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            let response = format!("HTTP/1.1 {head}\r\n\r\n{body}");
            stream.write_all(response.as_bytes()).await.unwrap();
            streams.push(stream);
        }
        streams
    });
    let time = PausedTime::pause();
    let authenticator = CachedAuthenticator::new(ScriptedSource::default());
    let config = SpotifyClientConfig::default().with_base_url(url);
    let spotify = SpotifyClient::new(config.with_authenticator(authenticator.clone())).unwrap();
    let begun = tokio::time::Instant::now();

    let call = tokio::spawn(async move { spotify.get::<serde_json::Value>("me").await });
    time.run(call).await.unwrap();

    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(authenticator.stats().requests, 2);
    drop(server.await.unwrap());
}
