//! What is done by hand to a rate limiter, and what it tells: in errors, in reports, in the log, to
//! a listener.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reqwest_middleware::ClientBuilder;
use serde_json::json;
use spotify_web::auth::{CredentialsAuthenticator, TokenAuthenticator};
use spotify_web::middleware::{
    Closings, Granted, LimitKind, RateLimitOptions, RateLimiter, RetryOptions, SharedLimit,
    SharedLimitError, Told,
};
use spotify_web::model::Track;
use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::task::JoinHandle;

use crate::common::{Log, PausedTime, TRACK, TokioClock};

const HOUR: Duration = Duration::from_secs(3600);

fn options() -> RateLimitOptions {
    // By the system's clock a busy machine looks like a laptop that slept.
    RateLimitOptions::default().with_clock(TokioClock::new())
}

fn app(client_id: &str) -> CredentialsAuthenticator {
    CredentialsAuthenticator::new(client_id, "secret")
}

fn client_of(fake: &FakeSpotify, client_id: &str, limiter: &RateLimiter) -> SpotifyClient {
    let config = fake.config().with_authenticator(app(client_id));
    SpotifyClient::new(config.with_rate_limiter(limiter.clone())).unwrap()
}

fn track(spotify: &SpotifyClient) -> JoinHandle<Result<Track, Error>> {
    let request = spotify.tracks().get(TRACK);
    tokio::spawn(async move { request.await })
}

fn refusal(seconds: u64) -> FakeResponse {
    FakeResponse::status(429).with_header("retry-after", seconds.to_string())
}

fn limit(error: &Error) -> (Option<LimitKind>, Option<u16>) {
    let Error::RateLimited { limit, .. } = error else { panic!("{error:?}") };
    (*limit, error.status().map(|status| status.as_u16()))
}

#[tokio::test]
async fn a_limiter_made_by_hand_closes_and_opens_all_that_it_is_plugged_into() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = RateLimiter::new(options());
    let token = fake.config().with_token(fake.user_token()).with_rate_limiter(limiter.clone());
    let before = client_of(&fake, "one", &limiter);
    limiter.close_for(HOUR);
    let after = client_of(&fake, "two", &limiter);
    let clients = [before, after, SpotifyClient::new(token).unwrap()];

    for client in &clients {
        let error = time.run(track(client)).await.unwrap_err();
        assert_eq!(limit(&error), (Some(LimitKind::ByHand), None));
        assert!(client.stats().rate_limit.closed_for() > HOUR / 2);
    }
    assert_eq!(fake.api_requests(), 0);
    assert!(limiter.stats().closed_for() > HOUR / 2);

    limiter.reopen();
    for client in &clients {
        time.run(track(client)).await.unwrap();
    }
    assert!(time.run(track(&client_of(&fake, "three", &limiter))).await.is_ok());
}

#[tokio::test]
async fn a_limiter_made_by_hand_tells_what_its_clients_met() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = RateLimiter::new(options());
    let (one, two) = (client_of(&fake, "one", &limiter), client_of(&fake, "two", &limiter));
    for client in [&one, &two] {
        fake.next_api(refusal(80_000));
        time.run(track(client)).await.unwrap_err();
    }

    let stats = limiter.stats();

    assert_eq!((stats.refusals(), one.stats().rate_limit.refusals()), (2, 1));
    assert_eq!(stats.endpoints.len(), 1, "{stats:?}");
    assert!(stats.closed_for() > Duration::from_secs(79_000));
    limiter.reopen();
    time.run(track(&one)).await.unwrap();
}

#[tokio::test]
async fn the_limiter_of_one_app_closes_no_other() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = RateLimiter::new(options());
    let (one, two) = (client_of(&fake, "one", &limiter), client_of(&fake, "two", &limiter));

    limiter.for_app(Some("one")).close_for(HOUR);

    time.run(track(&one)).await.unwrap_err();
    time.run(track(&two)).await.unwrap();
    assert!(client_of(&fake, "three", &limiter).stats().rate_limit.closed_for().is_zero());
}

/// A bare token does not say whose app it is of.
#[tokio::test]
async fn a_bare_token_belongs_to_the_app_of_its_client() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = RateLimiter::new(options());
    let spotify = client_of(&fake, "one", &limiter);
    let request = ClientCredentialsRequest::new("fake-id", "secret");
    let token = OAuthClient::new(&fake.config()).request_token(request).await.unwrap();
    let access = token.access_token.clone();
    let user = spotify.for_user(TokenAuthenticator::new(access.clone())).unwrap();
    let of_app = fake.config().with_token(access).with_rate_limiter(limiter.for_app(Some("one")));
    spotify.rate_limiter().unwrap().close_for(HOUR);

    let clients = [spotify.for_token(&token).unwrap(), user, SpotifyClient::new(of_app).unwrap()];
    for client in &clients {
        let error = time.run(track(client)).await.unwrap_err();
        assert_eq!(limit(&error), (Some(LimitKind::ByHand), None));
    }

    assert_eq!(fake.api_requests(), 0);
}

#[tokio::test]
async fn an_error_says_whether_the_server_refused_and_what_is_waited_for() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let statuses: Arc<Mutex<Vec<Option<u16>>>> = Arc::default();
    let log = Arc::clone(&statuses);
    let config = fake.config().with_authenticator(app("one")).with_rate_limit(options());
    let config = config.with_observer(move |call| {
        log.lock().unwrap().push(call.status.map(|status| status.as_u16()));
    });
    let spotify = SpotifyClient::new(config).unwrap();
    fake.next_api(refusal(80_000));

    let (sent, held) = (
        time.run(track(&spotify)).await.unwrap_err(),
        time.run(track(&spotify)).await.unwrap_err(),
    );

    assert_eq!(limit(&sent), (Some(LimitKind::Endpoint), Some(429)));
    assert!(sent.to_string().contains("failed with HTTP 429, too many requests"), "{sent}");
    assert_eq!(limit(&held), (Some(LimitKind::Endpoint), None));
    assert!(
        held.to_string().contains("was not sent: the endpoint is rate limited; retry in"),
        "{held}"
    );
    assert_eq!(*statuses.lock().unwrap(), [Some(429), None]);
}

#[tokio::test]
async fn an_outage_is_not_told_as_too_many_requests() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let config = fake.config_with_credentials().with_rate_limit(options());
    let config = config.with_max_wait(Duration::ZERO).without_retries();
    let spotify = SpotifyClient::new(config).unwrap();
    (0..40).for_each(|_| fake.next_api(FakeResponse::status(503)));
    let mut held = Vec::new();

    for _ in 0..40 {
        let error = time.run_by(Duration::from_millis(40), track(&spotify)).await.unwrap_err();
        held.extend(matches!(error, Error::RateLimited { .. }).then_some(error));
    }

    assert!(!held.is_empty());
    for error in held {
        assert_eq!(limit(&error), (Some(LimitKind::Outage), None));
        assert!(error.to_string().contains("was not sent: the server fails"), "{error}");
    }
}

#[tokio::test]
async fn a_closing_by_hand_gives_way_to_a_longer_one_of_the_server_and_outlives_a_restart() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = RateLimiter::new(options());
    let spotify = client_of(&fake, "one", &limiter);
    fake.next_api(refusal(7200));
    time.run(track(&spotify)).await.unwrap_err();

    limiter.close_for(HOUR);
    let error = time.run(track(&spotify)).await.unwrap_err();
    assert_eq!(limit(&error).0, Some(LimitKind::Endpoint), "it is closed for longer");

    let stored = serde_json::to_string(&limiter.closings()).unwrap();
    let restarted = RateLimiter::default();
    restarted.restore(&serde_json::from_str(&stored).unwrap());
    let request = client_of(&fake, "one", &restarted).artists().get(crate::common::ARTIST);
    let error = time.run(tokio::spawn(async move { request.await })).await.unwrap_err();
    assert_eq!(limit(&error).0, Some(LimitKind::ByHand));
}

/// Grants a rate, and no start.
#[derive(Debug)]
struct NoStarts;

#[async_trait]
impl SharedLimit for NoStarts {
    async fn exchange(&self, _: Option<&str>, _: &Told) -> Result<Granted, SharedLimitError> {
        Ok(Granted::default().with_rate(10.0, 1))
    }
}

#[tokio::test]
async fn a_shared_limit_that_grants_no_start_is_named() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let shared = options().with_shared(NoStarts).with_max_wait(Duration::from_secs(3));
    let spotify =
        SpotifyClient::new(fake.config_with_credentials().with_rate_limit(shared)).unwrap();
    let _ = time.run(track(&spotify)).await;

    let error = time.run(track(&spotify)).await.unwrap_err();

    assert_eq!(limit(&error), (Some(LimitKind::Shared), None));
}

#[tokio::test]
async fn the_shorter_max_wait_holds_whoever_sets_it() {
    let time = PausedTime::pause();
    let seconds = Duration::from_secs;
    for (retries, limits, sent) in
        [(1, None, 1), (90, Some(2), 1), (2, Some(90), 1), (90, Some(90), 2)]
    {
        let fake = FakeSpotify::start().await.unwrap();
        let limit = limits.map_or_else(options, |it| options().with_max_wait(seconds(it)));
        let retries = RetryOptions::default().with_max_wait(seconds(retries));
        let config = fake.config_with_credentials().with_retries(retries).with_rate_limit(limit);
        let spotify = SpotifyClient::new(config).unwrap();
        fake.next_api(refusal(3));

        let _ = time.run(track(&spotify)).await;

        assert_eq!(fake.api_requests(), sent);
    }
}

/// Longer than the client's as well as shorter, above a limiter and without one.
#[tokio::test]
async fn a_request_has_a_max_wait_of_its_own() {
    let time = PausedTime::pause();
    let seconds = Duration::from_secs;
    for (clients, own, sent) in [(60, 2, 1), (2, 60, 2), (60, 0, 1), (0, 4, 2)] {
        for has_limiter in [true, false] {
            let fake = FakeSpotify::start().await.unwrap();
            let config = fake.config_with_credentials().with_rate_limit(options());
            let config = if has_limiter { config } else { config.without_rate_limiter() };
            let spotify = SpotifyClient::new(config.with_max_wait(seconds(clients))).unwrap();
            fake.next_api(refusal(3));
            let request = spotify.tracks().get(TRACK).max_wait(seconds(own));

            let result = time.run(tokio::spawn(async move { request.await })).await;

            assert_eq!(fake.api_requests(), sent, "{clients} {own} {has_limiter}: {result:?}");
            assert_eq!(result.is_ok(), sent == 2);
        }
    }
}

#[tokio::test]
async fn only_retries_that_are_sent_are_counted() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let spotify =
        SpotifyClient::new(fake.config_with_credentials().with_rate_limit(options())).unwrap();
    fake.next_api(refusal(1));
    time.run(track(&spotify)).await.unwrap();
    fake.next_api(refusal(80_000));
    time.run(track(&spotify)).await.unwrap_err();

    assert_eq!((spotify.stats().retries, fake.api_requests()), (1, 3));
}

#[tokio::test]
async fn closings_are_logged_and_told_once() {
    let log = Log::default();
    let format = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false);
    let _guard =
        tracing::subscriber::set_default(format.with_max_level(tracing::Level::DEBUG).finish());
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let told: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let heard = Arc::clone(&told);
    let options = options().with_listener(move |closing| {
        heard.lock().unwrap().push(closing.endpoint.clone());
        panic!("a listener that panics costs no call its response");
    });
    let limiter = RateLimiter::new(options);
    let spotify = client_of(&fake, "one", &limiter);
    fake.next_api(refusal(1));
    time.run(track(&spotify)).await.unwrap();
    let burst = json!({ "error": { "status": 429, "reason": "QUOTA_EXCEEDED" } });
    for _ in 0..5 {
        fake.next_api(FakeResponse::json(429, &burst).with_header("retry-after", "80000"));
    }
    for call in (0..5).map(|_| track(&spotify)).collect::<Vec<_>>() {
        time.run(call).await.unwrap_err();
    }
    limiter.close_for(HOUR);

    let endpoint = Some("GET /v1/tracks/{}".to_owned());
    let told = told.lock().unwrap().clone();
    let of_app: Vec<_> = told.iter().filter(|it| it.is_none()).collect();
    assert_eq!((told.len() - of_app.len(), of_app.len()), (2, 1), "{told:?}");
    assert_eq!(told.first(), Some(&endpoint));
    let text = log.text();
    for (level, part, count) in [
        (
            "INFO",
            "a rate limit is closed client_id=\"one\" endpoint=\"GET /v1/tracks/{}\" seconds=1.0",
            1,
        ),
        ("WARN", "endpoint=\"GET /v1/tracks/{}\" seconds=80000.0 reason=\"QUOTA_EXCEEDED\"", 1),
        ("WARN", "is_by_hand=true", 1),
        ("DEBUG", "a rate limit is open again client_id=\"one\" endpoint=\"GET /v1/tracks/{}\"", 1),
    ] {
        let lines = text.lines().filter(|line| line.contains(level) && line.contains(part));
        assert_eq!(lines.count(), count, "{level} {part}\n{text}");
    }
}

/// Over a socket it comes in pieces, and the limiter reads no more of them than a reason needs.
#[tokio::test]
async fn a_429_is_passed_on_whole_however_long_its_body_is() {
    let fake = FakeSpotify::start().await.unwrap();
    for length in [0, 1, 65_536, 65_537, 70_000, 3_000_000] {
        let http = SpotifyClientConfig::default().http_client().unwrap();
        let client = ClientBuilder::new(http).with(RateLimiter::default()).build();
        fake.next_api(FakeResponse::body(429, "text/plain", "x".repeat(length)));

        let response = client.get(format!("{}tracks", fake.base_url())).send().await.unwrap();

        assert_eq!(response.status(), 429);
        assert_eq!(response.text().await.unwrap().len(), length);
    }
}

#[derive(Debug)]
struct Down;

#[async_trait]
impl SharedLimit for Down {
    async fn exchange(&self, _: Option<&str>, _: &Told) -> Result<Granted, SharedLimitError> {
        Err(SharedLimitError::new("redis is down"))
    }
}

#[derive(Debug)]
struct Panics;

#[async_trait]
impl SharedLimit for Panics {
    async fn exchange(&self, _: Option<&str>, _: &Told) -> Result<Granted, SharedLimitError> {
        panic!("a bug in the store")
    }
}

/// What is warned of while a store is of no use for ten seconds.
async fn warnings_of(shared: impl SharedLimit + 'static) -> String {
    let log = Log::default();
    let format = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false);
    let _guard =
        tracing::subscriber::set_default(format.with_max_level(tracing::Level::WARN).finish());
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let config = fake.config_with_credentials().with_rate_limit(options().with_shared(shared));
    let spotify = SpotifyClient::new(config).unwrap();

    for _ in 0..5 {
        time.run(track(&spotify)).await.unwrap();
        time.advance(Duration::from_secs(2)).await;
    }

    log.text()
}

#[tokio::test]
async fn why_a_shared_limit_fails_is_a_warning() {
    let down = warnings_of(Down).await;
    assert_eq!(down.matches("redis is down").count(), 1, "{down}");
}

#[tokio::test]
async fn a_shared_limit_that_panics_is_a_warning() {
    let panics = warnings_of(Panics).await;
    assert_eq!(panics.matches("the exchange panicked").count(), 1, "{panics}");
}

#[tokio::test]
async fn an_endpoint_is_restored_as_a_person_writes_it_down() {
    let time = PausedTime::pause();
    for (endpoint, sent) in [
        ("GET /v1/tracks/{}", 0),
        ("GET /v1/tracks/{id}", 0),
        ("get /v1/tracks/11dFghVXANMlKmJXsNCbNl?market=DE", 0),
        ("tracks", 1),
    ] {
        let fake = FakeSpotify::start().await.unwrap();
        let limiter = RateLimiter::default();
        let closing = json!({
            "client_id": "one",
            "endpoint": endpoint,
            "until": { "secs_since_epoch": 4_000_000_000_u64, "nanos_since_epoch": 0 },
            "reason": null,
        });
        let closings: Closings = serde_json::from_value(json!({ "closings": [closing] })).unwrap();
        limiter.restore(&closings);

        let _ = time.run(track(&client_of(&fake, "one", &limiter))).await;

        assert_eq!(fake.api_requests(), sent, "{endpoint}");
    }
}

/// When a quota is renewed is not known: a second would be asked each second.
#[tokio::test]
async fn a_quota_without_retry_after_names_no_time() {
    let time = PausedTime::pause();
    for (header, named) in [(None, false), (Some("60"), true)] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify =
            SpotifyClient::new(fake.config_with_credentials().with_rate_limit(options())).unwrap();
        let body = json!({ "error": { "status": 429, "reason": "QUOTA_EXCEEDED" } });
        let response = FakeResponse::json(429, &body);
        fake.next_api(match header {
            Some(header) => response.with_header("retry-after", header),
            None => response,
        });

        let error = time.run(track(&spotify)).await.unwrap_err();

        assert_eq!(error.retry_after().is_some(), named);
        assert!(error.to_string().contains("quota of the developer's account"), "{error}");
    }
}
