//! The log tells of each call and of each attempt, so that a subscriber takes the place of a logger.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use spotify_web::http::Extensions;
use spotify_web::middleware::RetryOptions;
use spotify_web::reqwest::{Request, Response};
use spotify_web::reqwest_middleware::{self, Middleware, Next};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Backoff, SpotifyClient, SpotifyClientConfig};
use tracing::Level;
use tracing::instrument::WithSubscriber;

use crate::common::{Log, TRACK};

/// With one retry, and a token that must not be seen.
fn client(config: SpotifyClientConfig) -> SpotifyClient {
    let pause = Duration::from_millis(1);
    let backoff = Backoff::new(pause, 1.0, pause).unwrap();
    let options = RetryOptions::default().with_retries(1).with_backoff(backoff);
    SpotifyClient::new(config.with_retries(options)).unwrap()
}

/// What is logged at `debug` while it runs.
async fn whole_log<F: Future>(run: F) -> (F::Output, String) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::DEBUG)
        .with_ansi(false)
        .without_time()
        .with_writer(log.clone())
        .finish();
    let output = run.with_subscriber(subscriber).await;
    (output, log.text())
}

/// The lines of calls and attempts alone.
async fn logged<F: Future>(run: F) -> (F::Output, Vec<String>) {
    let (output, text) = whole_log(run).await;
    let lines = text.lines().filter(|line| is_of_calls(line)).map(str::to_owned);
    (output, lines.collect())
}

fn is_of_calls(line: &str) -> bool {
    line.contains("spotify_web::call:") || line.contains("spotify_web::attempt:")
}

/// What an event says of one thing.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let event = line.rsplit_once("spotify_web::").unwrap().1;
    let (_, rest) = event.split_once(&format!(" {name}="))?;
    Some(rest.split(' ').next().unwrap().trim_matches('"'))
}

fn fields(line: &str) -> Vec<Option<&str>> {
    let kind = if line.contains("spotify_web::call:") { "call" } else { "attempt" };
    let names =
        ["method", "endpoint", "status", if kind == "call" { "attempts" } else { "attempt" }];
    assert!(field(line, "elapsed_ms").unwrap().parse::<u64>().is_ok(), "{line}");
    assert!(line.trim_start().starts_with("DEBUG"), "{line}");
    [Some(kind)].into_iter().chain(names.map(|name| field(line, name))).collect()
}

#[tokio::test]
async fn each_call_and_each_attempt_is_an_event_with_its_endpoint_and_status() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = client(fake.config().with_token(fake.user_token()));
    fake.next_api(FakeResponse::status(503));
    let (result, lines) = logged(async { spotify.albums().tracks(TRACK).market("DE").await }).await;
    result.unwrap_err();

    assert_eq!(
        lines.iter().map(|line| fields(line)).collect::<Vec<_>>(),
        [
            vec![Some("attempt"), Some("GET"), Some("albums/{}/tracks"), Some("503"), Some("1")],
            vec![Some("attempt"), Some("GET"), Some("albums/{}/tracks"), Some("404"), Some("2")],
            vec![Some("call"), Some("GET"), Some("albums/{}/tracks"), Some("404"), Some("2")],
        ]
    );
    assert_eq!(field(&lines[2], "outcome"), Some("failed"));
    // Where a subscriber shows spans, those of the call are there as well.
    assert!(lines.iter().all(|line| line.contains("spotify call{method=GET")), "{lines:?}");
}

#[tokio::test]
#[allow(deprecated, reason = "it takes any id")]
async fn neither_a_query_nor_a_token_nor_an_id_is_logged() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = client(fake.config().with_token(fake.user_token()));
    let body = json!({ "s3cret": "s3cret" });
    let (result, lines) = logged(async {
        spotify.search().tracks("s3cret").await?;
        spotify.browse().category("s3cret").await.ok();
        spotify
            .put::<Value>("me/s3cret?code=s3cret")
            .query("state", "s3cret")
            .json(&body)
            .await
            .ok();
        spotify.player().pause().device("s3cret").await.ok();
        spotify.get::<Value>("https://s3cret:s3cret@evil.test/s3cret").await.ok();
        Ok::<_, spotify_web::Error>(())
    })
    .await;
    result.unwrap();

    assert_eq!(lines.len(), 4 * 2 + 1, "{lines:#?}");
    for line in lines {
        assert!(!line.contains("s3cret") && !line.contains("Bearer"), "{line}");
    }
}

#[tokio::test]
async fn a_call_that_is_refused_or_got_no_connection_says_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    drop(listener);
    let spotify = client(SpotifyClientConfig::default().with_base_url(url).with_token("t"));
    let (result, lines) = logged(async { spotify.tracks().get("no id").await }).await;
    result.unwrap_err();
    assert_eq!(
        lines.iter().map(|line| fields(line)).collect::<Vec<_>>(),
        [vec![Some("call"), Some("GET"), Some("tracks/{}"), None, Some("0")]]
    );

    let (result, lines) = logged(async { spotify.tracks().get(TRACK).retries(0).await }).await;
    result.unwrap_err();
    assert_eq!(
        lines.iter().map(|line| fields(line)).collect::<Vec<_>>(),
        [
            vec![Some("attempt"), Some("GET"), Some("tracks/{}"), None, Some("1")],
            vec![Some("call"), Some("GET"), Some("tracks/{}"), None, Some("0")],
        ]
    );
    assert!(lines[0].contains("failure=\"no connection\""), "{}", lines[0]);
}

#[tokio::test]
async fn a_call_that_is_given_up_is_told_as_abandoned() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = client(fake.config().with_token(fake.user_token()));
    fake.next_api(FakeResponse::never());
    let limit = Duration::from_millis(200);
    let call = async { tokio::time::timeout(limit, spotify.tracks().get(TRACK).send()).await };
    let (given_up, lines) = logged(call).await;
    given_up.unwrap_err();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(field(&lines[0], "outcome"), Some("abandoned"));
}

/// The attempt went well, and the call did not.
#[tokio::test]
async fn a_call_whose_response_cannot_be_read_has_failed() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = client(fake.config().with_token(fake.user_token()));
    fake.next_api(FakeResponse::json(200, &json!({ "name": 7 })));
    let (result, lines) = logged(async { spotify.tracks().get(TRACK).await }).await;
    assert!(matches!(result, Err(spotify_web::Error::Decode { .. })), "{result:?}");

    assert_eq!(
        lines.iter().map(|line| fields(line)).collect::<Vec<_>>(),
        [
            vec![Some("attempt"), Some("GET"), Some("tracks/{}"), Some("200"), Some("1")],
            vec![Some("call"), Some("GET"), Some("tracks/{}"), Some("200"), Some("1")],
        ]
    );
    assert_eq!(field(&lines[0], "failure"), None);
    assert_eq!(field(&lines[1], "outcome"), Some("failed"));
    assert_eq!(field(&lines[1], "failure"), Some("decode"));
    assert!(lines[1].contains("spotify call{method=GET"), "{}", lines[1]);
}

/// That of the span, of the event and of the log of the retries: after a replay with another token,
/// after no connection, and where a layer of the user's sends twice.
#[tokio::test]
async fn an_attempt_has_one_number_everywhere() {
    type Change = fn(SpotifyClientConfig) -> SpotifyClientConfig;
    let cases: [(Change, &[u16], &[u16]); 3] = [
        (|config| config, &[401], &[401, 200]),
        (|config| config, &[401, 503], &[401, 503, 200]),
        (|config| config.with_middleware(Twice), &[], &[200, 200]),
    ];
    for (change, scripted, statuses) in cases {
        let fake = FakeSpotify::start().await.unwrap();
        let counts: Arc<Mutex<Vec<u32>>> = Arc::default();
        let heard = Arc::clone(&counts);
        let config = change(fake.config_with_credentials());
        let observed = config.with_observer(move |call| heard.lock().unwrap().push(call.attempts));
        let spotify = client(observed);
        spotify.tracks().get(TRACK).await.unwrap();
        counts.lock().unwrap().clear();
        for status in scripted {
            fake.next(*status);
        }

        let (result, log) = whole_log(async { spotify.tracks().get(TRACK).await }).await;

        result.unwrap();
        let attempts: Vec<_> = log.lines().filter(|line| line.contains(": attempt ")).collect();
        assert_eq!(attempts.len(), statuses.len(), "{log}");
        for (number, (status, line)) in (1_u32..).zip(statuses.iter().zip(attempts)) {
            assert_eq!(field(line, "attempt"), Some(number.to_string().as_str()), "{log}");
            assert_eq!(field(line, "status"), Some(status.to_string().as_str()), "{log}");
            let span = format!("spotify attempt{{attempt={number} status={status}}}:");
            assert_eq!(line.matches("spotify attempt{").count(), 1, "{log}");
            assert!(line.contains(&span), "{log}");
        }
        let retried = log.lines().find(|line| line.contains("a request is to be retried"));
        assert_eq!(retried.is_some(), scripted.contains(&503), "{log}");
        let of_retry = format!(" attempt={} status=503 ", statuses.len());
        assert!(retried.is_none_or(|line| line.contains(&of_retry)), "{log}");
        assert_eq!(*counts.lock().unwrap(), [u32::try_from(statuses.len()).unwrap()]);
    }
}

/// Sends each request twice.
struct Twice;

#[spotify_web::async_trait::async_trait]
impl Middleware for Twice {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let first = request.try_clone().unwrap();
        next.clone().run(first, extensions).await?;
        next.run(request, extensions).await
    }
}

/// Also where a program listens to nothing else, and where somebody else listens to nothing at all.
#[tokio::test]
async fn a_subscriber_of_attempts_alone_hears_of_them() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = client(fake.config().with_token(fake.user_token()));
    let log = Log::default();
    let subscriber = OnlyTarget("spotify_web::attempt", log.clone());
    let call = async { spotify.tracks().get(TRACK).await };
    call.with_subscriber(subscriber).await.unwrap();
    assert_eq!(log.text(), "tracks/{}\n");
}

/// Hears the events of one target, and no spans.
struct OnlyTarget(&'static str, Log);

impl tracing::Subscriber for OnlyTarget {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == self.0
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Endpoint<'a>(&'a Log);

        impl tracing::field::Visit for Endpoint<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "endpoint" {
                    std::io::Write::write_fmt(&mut self.0.clone(), format_args!("{value:?}\n"))
                        .unwrap();
                }
            }
        }
        event.record(&mut Endpoint(&self.1));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
