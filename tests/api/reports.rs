//! A report says what became of a call, also of one that never left or that was given up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use spotify_web::api::{CallOutcome, CallReport};
use spotify_web::auth::{CredentialsAuthenticator, TokenAuthenticator};
use spotify_web::middleware::Partition;
use spotify_web::model::Page;
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{SpotifyClient, SpotifyClientConfig};

use crate::common::{ALBUM, PLAYLIST, PausedTime, TRACK, by_tokio_clock, settle};

#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<CallReport>>>);

impl Reports {
    fn of(&self, config: SpotifyClientConfig) -> SpotifyClient {
        let heard = Arc::clone(&self.0);
        let config = config.with_observer(move |call| heard.lock().unwrap().push(call.clone()));
        SpotifyClient::new(config).unwrap()
    }

    /// The only one since the last time.
    fn only(&self) -> CallReport {
        let mut reports = std::mem::take(&mut *self.0.lock().unwrap());
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.remove(0)
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_waits_tells_of_its_wait_and_its_status() {
    let time = PausedTime::pause();
    for has_limiter in [true, false] {
        for status in [429, 503] {
            let fake = FakeSpotify::start().await.unwrap();
            let reports = Reports::default();
            let config = by_tokio_clock(fake.config().with_token(fake.user_token()));
            let config = if has_limiter { config } else { config.without_rate_limiter() };
            let spotify = reports.of(config);
            fake.next_api(FakeResponse::status(status).with_header("retry-after", "20"));

            let call = spotify.tracks().get(TRACK).send();
            let given_up = tokio::time::timeout(Duration::from_secs(5), call);
            let given_up = time.run(tokio::spawn(given_up)).await;

            let case = (has_limiter, status);
            assert!(given_up.is_err(), "{case:?}: {given_up:?}");
            let report = reports.only();
            assert_eq!(report.outcome, CallOutcome::Abandoned);
            assert_eq!(report.status.map(|status| status.as_u16()), Some(status), "{case:?}");
            assert_eq!(report.attempts, 1, "{case:?}");
            let waited = report.waited;
            let about = Duration::from_millis(4_000)..=Duration::from_millis(5_200);
            assert!(about.contains(&waited), "{case:?}: {waited:?}");
        }
    }
}

#[tokio::test]
async fn a_call_that_waits_for_a_permit_and_is_given_up_has_waited() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let reports = Reports::default();
    let spotify = reports.of(by_tokio_clock(fake.config().with_token(fake.user_token())));
    spotify.rate_limiter().unwrap().close_for(Duration::from_secs(30));
    let call = spotify.tracks().get(TRACK).send();
    let given_up = tokio::time::timeout(Duration::from_secs(5), call);
    assert!(time.run(tokio::spawn(given_up)).await.is_err());
    let report = reports.only();
    assert_eq!((report.attempts, report.status), (0, None));
    assert!(report.waited >= Duration::from_secs(4), "{:?}", report.waited);
}

#[tokio::test]
async fn a_connection_that_was_never_made_is_no_attempt() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for retries in [0, 2] {
        let reports = Reports::default();
        let backoff = Duration::from_millis(1);
        let backoff = spotify_web::Backoff::new(backoff, 1.0, backoff);
        let options = spotify_web::middleware::RetryOptions::default();
        let options = options.with_retries(retries).with_backoff(backoff.unwrap());
        let config = SpotifyClientConfig::default()
            .with_base_url(format!("http://127.0.0.1:{port}/v1/"))
            .with_token("t")
            .with_retries(options);
        let spotify = reports.of(config);
        spotify.tracks().get(TRACK).await.unwrap_err();
        assert_eq!(reports.only().attempts, 0);
        spotify.player().pause().await.unwrap_err();
        assert_eq!(reports.only().attempts, 0);
    }
}

#[tokio::test]
async fn a_call_that_is_refused_before_it_is_sent_is_told() {
    let fake = FakeSpotify::start().await.unwrap();
    let reports = Reports::default();
    let spotify = reports.of(fake.config().with_token(fake.user_token()));
    let told = |endpoint: &str| {
        let report = reports.only();
        assert_eq!(report.endpoint, endpoint);
        assert_eq!((report.outcome, report.attempts), (CallOutcome::Failed, 0));
        assert_eq!((report.status, report.waited), (None, Duration::ZERO));
    };
    spotify.tracks().get("no id").await.unwrap_err();
    told("tracks/{}");
    spotify.albums().tracks("no id").await.unwrap_err();
    told("albums/{}/tracks");
    spotify.albums().tracks("no id").all().await.unwrap_err();
    told("albums/{}/tracks");
    spotify.artists().albums("no id").stream().next().await.unwrap().unwrap_err();
    told("artists/{}/albums");
    spotify.search().tracks("").await.unwrap_err();
    told("search");
    spotify.search().tracks("x").limit(99).send_with_response().await.unwrap_err();
    told("search");
    spotify.get::<Page<u64>>("http://evil.test/").await.unwrap_err();
    told("(raw)");
    // What is never awaited is no call.
    drop(spotify.tracks().get("no id").send());
    drop(spotify.albums().tracks("no id").all());
    assert!(reports.0.lock().unwrap().is_empty());

    let spotify = reports.of(SpotifyClientConfig::default().with_base_url(fake.base_url()));
    spotify.tracks().get(TRACK).await.unwrap_err();
    told("tracks/{}");
    assert_eq!(fake.api_requests(), 0);
}

#[test]
fn a_call_outside_of_a_runtime_is_told() {
    let servers = tokio::runtime::Runtime::new().unwrap();
    let fake = servers.block_on(FakeSpotify::start()).unwrap();
    let reports = Reports::default();
    let spotify = reports.of(fake.config().with_token(fake.user_token()));
    let call = std::pin::pin!(spotify.tracks().get(TRACK).send());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.poll(&mut context).is_ready());
    assert_eq!(reports.only().attempts, 0);
}

/// A good status is not the call's success; and what its caller did not want read cannot fail.
#[tokio::test]
async fn a_call_has_failed_where_its_caller_has_an_error() {
    let fake = FakeSpotify::start().await.unwrap();
    let reports = Reports::default();
    let spotify = reports.of(fake.config().with_token(fake.user_token()));
    let bad = || fake.next_api(FakeResponse::body(200, "application/json", "{\"name\": 7"));
    let failed = |failure: &str, status: Option<u16>| {
        let report = reports.only();
        assert_eq!(report.outcome, CallOutcome::Failed, "{report:?}");
        assert_eq!(report.failure, Some(failure));
        assert_eq!(report.status.map(|status| status.as_u16()), status);
    };
    let succeeded = || {
        let report = reports.only();
        assert_eq!((report.outcome, report.failure), (CallOutcome::Succeeded, None));
    };

    bad();
    spotify.tracks().get(TRACK).await.unwrap_err();
    failed("decode", Some(200));
    bad();
    spotify.tracks().get(TRACK).send_with_response().await.unwrap_err();
    failed("decode", Some(200));
    bad();
    spotify.albums().tracks(ALBUM).all().await.unwrap_err();
    failed("decode", Some(200));
    bad();
    spotify.put::<u64>("me/library").await.unwrap_err();
    failed("carried_out", Some(200));
    fake.next_api(FakeResponse::body(200, "application/json", "[true]"));
    let uri = format!("spotify:track:{TRACK}");
    spotify.library().contains([uri.as_str(), uri.as_str()]).await.unwrap_err();
    failed("decode", Some(200));
    bad();
    spotify.put::<()>("me/library").await.unwrap();
    succeeded();
    spotify.tracks().get(TRACK).await.unwrap();
    succeeded();

    spotify.tracks().get("no id").await.unwrap_err();
    failed("id", None);
    fake.next(404);
    spotify.tracks().get(TRACK).await.unwrap_err();
    failed("api", Some(404));
    fake.next_api(FakeResponse::hang_up());
    spotify.tracks().get(TRACK).retries(0).await.unwrap_err();
    failed("transport", None);
    fake.next_api(FakeResponse::never());
    spotify.tracks().get(TRACK).deadline(Duration::from_millis(50)).await.unwrap_err();
    failed("deadline_exceeded", None);
    spotify.rate_limiter().unwrap().close_for(Duration::from_secs(3600));
    spotify.tracks().get(TRACK).await.unwrap_err();
    failed("rate_limited", None);
}

/// Whether they had come when the list was dropped or not.
#[tokio::test]
async fn pages_that_were_fetched_ahead_and_not_taken_are_abandoned() {
    let fake = FakeSpotify::builder().with_playlist_length(300).start().await.unwrap();
    let reports = Reports::default();
    let spotify = reports.of(fake.config().with_token(fake.user_token()));
    let mut items = spotify.playlists().items(PLAYLIST).stream().concurrency(3);
    items.next().await.unwrap().unwrap();
    assert_eq!(reports.only().outcome, CallOutcome::Succeeded);
    while fake.api_requests() < 3 {
        settle().await;
    }
    settle().await;
    drop(items);

    while reports.0.lock().unwrap().len() < 2 {
        settle().await;
    }
    for report in &*reports.0.lock().unwrap() {
        assert_eq!((report.outcome, report.failure), (CallOutcome::Abandoned, None), "{report:?}");
    }
}

/// It is told of as abandoned: nobody has its value, and no error either.
#[tokio::test]
async fn a_model_that_panics_ends_its_call() {
    #[derive(Debug)]
    struct Panics;

    impl<'de> serde::Deserialize<'de> for Panics {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("in a model of the program's")
        }
    }

    let fake = FakeSpotify::start().await.unwrap();
    let reports = Reports::default();
    let spotify = reports.of(fake.config().with_token(fake.user_token()));
    let call = tokio::spawn(spotify.get::<Panics>("me").send());
    assert!(call.await.unwrap_err().is_panic());
    let report = reports.only();
    assert_eq!((report.outcome, report.failure), (CallOutcome::Abandoned, None));
    assert_eq!(report.status.map(|status| status.as_u16()), Some(200));
}

#[tokio::test]
async fn a_report_says_of_which_app_and_whose_its_call_was() {
    let fake = FakeSpotify::start().await.unwrap();
    let reports = Reports::default();
    let spotify = reports.of(fake.config_with_credentials());
    let other = CredentialsAuthenticator::new("other-app", "secret");
    let token = TokenAuthenticator::new(fake.user_token());
    let alice = spotify.for_user_in(Partition::named("alice"), token).unwrap();
    let other = spotify.for_user_in(Partition::named("bob"), other).unwrap();

    spotify.tracks().get(TRACK).await.unwrap();
    let own = reports.only();
    alice.tracks().get(TRACK).await.unwrap();
    let of_alice = reports.only();
    // Nothing is sent of either.
    other.tracks().get("not an id").await.unwrap_err();
    let wrong = reports.only();
    other.rate_limiter().unwrap().close_for(Duration::from_secs(3600));
    other.tracks().get(TRACK).await.unwrap_err();
    let closed = reports.only();

    assert_eq!(own.client_id.as_deref(), Some("fake-id"));
    assert_eq!(of_alice.client_id, own.client_id, "a bare token is one of this client's app");
    assert_eq!(of_alice.partition, Partition::named("alice"));
    assert_ne!(own.partition, of_alice.partition);
    for report in [wrong, closed] {
        assert_eq!(report.client_id.as_deref(), Some("other-app"), "{report:?}");
        assert_eq!(report.partition, Partition::named("bob"), "{report:?}");
    }
}

#[tokio::test]
async fn a_bare_token_without_an_app_has_no_client_id_in_its_reports() {
    let fake = FakeSpotify::start().await.unwrap();
    for has_limiter in [true, false] {
        let reports = Reports::default();
        let config = fake.config().with_token(fake.user_token());
        let spotify = reports.of(if has_limiter { config } else { config.without_rate_limiter() });
        spotify.tracks().get(TRACK).await.unwrap();
        assert_eq!(reports.only().client_id, None);
    }
}
