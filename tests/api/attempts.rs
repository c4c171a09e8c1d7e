//! What a call comes to whose earlier attempts, earlier batches or own deadline decide it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use spotify_web::api::CallReport;
use spotify_web::middleware::RetryOptions;
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Backoff, Error, SpotifyClient, SpotifyClientConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::{PLAYLIST, TRACK};

fn uris(number: usize) -> Vec<String> {
    vec![format!("spotify:track:{TRACK}"); number]
}

fn without_pauses() -> RetryOptions {
    let pause = Duration::from_millis(1);
    RetryOptions::default().with_backoff(Backoff::new(pause, 1.0, pause).unwrap())
}

async fn client() -> (FakeSpotify, SpotifyClient) {
    let fake = FakeSpotify::start().await.unwrap();
    let config = fake.config().with_token(fake.user_token()).with_retries(without_pauses());
    let spotify = SpotifyClient::new(config.with_max_wait(Duration::from_secs(1))).unwrap();
    (fake, spotify)
}

fn limited() -> FakeResponse {
    FakeResponse::json(429, &json!({})).with_header("retry-after", "3600")
}

#[tokio::test]
async fn an_attempt_that_may_have_been_carried_out_is_not_forgotten_by_those_after_it() {
    for first in [FakeResponse::hang_up(), FakeResponse::status(502), FakeResponse::status(500)] {
        for last in [400, 401, 403, 404, 409, 412, 429, 501] {
            for method in ["DELETE", "PUT"] {
                let (fake, spotify) = client().await;
                fake.next_api(first.clone());
                fake.next_api(match last {
                    429 => limited(),
                    status => FakeResponse::status(status),
                });
                let error = match method {
                    "DELETE" => spotify.delete::<Value>("new/thing").await,
                    _ => spotify.put::<Value>("new/thing").await,
                };
                let error = error.unwrap_err();
                assert!(error.may_have_been_carried_out(), "{method} {first:?} {last}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn attempts_that_did_nothing_leave_a_write_to_be_sent_again() {
    for last in [400, 403, 404, 429] {
        let (fake, spotify) = client().await;
        fake.next_api(match last {
            429 => limited(),
            status => FakeResponse::status(status),
        });
        let error = spotify.delete::<Value>("new/thing").await.unwrap_err();
        assert!(!error.may_have_been_carried_out(), "{last}: {error:?}");
    }
    let (fake, spotify) = client().await;
    fake.next_api(FakeResponse::status(502));
    fake.next_api(FakeResponse::status(404));
    let read = spotify.get::<Value>("new/thing").await.unwrap_err();
    assert!(!read.may_have_been_carried_out(), "a read changes nothing: {read:?}");
}

#[tokio::test]
async fn a_server_that_is_gone_after_the_first_attempt_may_have_carried_it_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        let _ = stream.read(&mut [0; 4096]).await;
    });
    let config = SpotifyClientConfig::default().with_base_url(base).with_token("token");
    let spotify = SpotifyClient::new(config.with_retries(without_pauses())).unwrap();
    let error = spotify.playlists().remove_items(PLAYLIST, uris(1)).await.unwrap_err();
    assert!(error.may_have_been_carried_out(), "{error:?}");
}

#[tokio::test]
async fn batches_that_were_carried_out_are_told_with_the_failure_after_them() {
    for (failing, status) in [(1, 429), (2, 429), (1, 404), (2, 403), (1, 200)] {
        let (fake, spotify) = client().await;
        for number in 0..failing {
            let snapshot = json!({ "snapshot_id": number.to_string() });
            fake.next_api(FakeResponse::json(201, &snapshot));
        }
        fake.next_api(match status {
            429 => limited(),
            status => FakeResponse::status(status),
        });
        let error = spotify.playlists().add_items_in_batches(PLAYLIST, uris(250)).await;
        let error = Error::from(error.unwrap_err());

        assert!(error.may_have_been_carried_out(), "{error:?}");
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(error.retry_after().is_some(), status == 429);
        let Error::PartlyCarriedOut(error) = error else { panic!() };
        assert_eq!((error.done, error.total), (100 * failing, 250));
        assert_eq!(error.snapshot.unwrap().snapshot_id, ["0", "1"][failing - 1]);
    }
}

#[tokio::test]
async fn other_writes_in_batches_tell_it_too_and_the_first_batch_is_an_error_as_any() {
    let (fake, spotify) = client().await;
    fake.next_api(FakeResponse::status(200));
    fake.next_api(FakeResponse::status(404));
    let error = spotify.library().save_in_batches(uris(90)).await.unwrap_err();
    assert_eq!((error.done, error.total, error.snapshot), (40, 90, None));
    fake.next_api(FakeResponse::status(200));
    fake.next_api(FakeResponse::status(404));
    let error = Error::from(spotify.library().remove_in_batches(uris(90)).await.unwrap_err());
    assert!(error.may_have_been_carried_out(), "{error:?}");

    fake.next_api(FakeResponse::status(404));
    let error = spotify.playlists().add_items_in_batches(PLAYLIST, uris(150)).await.unwrap_err();
    assert_eq!((error.done, error.total), (0, 150));
    let error = Error::from(error);
    assert!(matches!(error, Error::Api { .. }) && !error.may_have_been_carried_out(), "{error:?}");
}

#[tokio::test]
async fn a_write_that_never_left_before_its_deadline_was_not_carried_out() {
    let fake = FakeSpotify::start().await.unwrap();
    fake.next_token(FakeResponse::never());
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    for deadline in [Duration::from_millis(100), Duration::ZERO] {
        let error = spotify.post::<Value>("new/thing").deadline(deadline).await.unwrap_err();
        assert!(matches!(error, Error::DeadlineExceeded { .. }), "{error:?}");
        assert!(!error.may_have_been_carried_out(), "{error:?}");
    }
    let (fake, spotify) = client().await;
    fake.next_api(FakeResponse::never());
    let request = spotify.post::<Value>("new/thing").deadline(Duration::from_millis(200));
    let error = request.await.unwrap_err();
    assert!(error.may_have_been_carried_out(), "it was under way: {error:?}");
}

#[tokio::test]
async fn a_write_whose_status_came_before_its_deadline_is_done() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
                let _ = stream.write_all(head).await;
                std::future::pending::<()>().await;
            });
        }
    });
    let config = SpotifyClientConfig::default().with_base_url(base).with_token("token");
    let spotify = SpotifyClient::new(config).unwrap();
    let deadline = Duration::from_millis(500);

    spotify.player().next().deadline(deadline).await.unwrap();
    let added = spotify.playlists().add_items(PLAYLIST, uris(1)).deadline(deadline).await;
    let error = added.unwrap_err();
    let read = spotify.get::<Value>("new/thing").deadline(deadline).await.unwrap_err();

    assert!(matches!(error, Error::CarriedOut { .. }), "{error:?}");
    assert_eq!(error.status().unwrap().as_u16(), 200);
    assert!(matches!(read, Error::DeadlineExceeded { .. }), "{read:?}");
    server.abort();
}

/// Where a connection is never made: the URL of an API, and of a proxy where there is one.
struct NoWay {
    base: String,
    proxy: Option<String>,
    /// Takes connections, or none as long as others wait to be taken.
    _listener: tokio::net::TcpListener,
    _waiting: Vec<tokio::net::TcpStream>,
}

/// Connections are taken, and nothing is read from them.
async fn silent(base: impl Fn(u16) -> String, proxy: Option<&str>) -> NoWay {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = proxy.map(|scheme| format!("{scheme}://127.0.0.1:{port}"));
    NoWay { base: base(port), proxy, _listener: listener, _waiting: Vec::new() }
}

/// More connections wait than the system keeps for the listener.
async fn crowded() -> NoWay {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || tokio::net::TcpStream::connect(address);
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), connect()).await {
        waiting.push(stream.unwrap());
    }
    NoWay {
        base: format!("http://{address}/"),
        proxy: None,
        _listener: listener,
        _waiting: waiting,
    }
}

impl NoWay {
    fn client(&self, reports: &Reports) -> SpotifyClient {
        let config = SpotifyClientConfig::default().with_base_url(&self.base).with_token("token");
        let heard = Arc::clone(reports);
        let config = config.with_observer(move |call| heard.lock().unwrap().push(call.clone()));
        let config = match &self.proxy {
            Some(proxy) => config.with_proxy(proxy),
            None => config,
        };
        SpotifyClient::new(config).unwrap()
    }
}

type Reports = Arc<Mutex<Vec<CallReport>>>;

#[tokio::test]
async fn a_write_whose_time_is_up_while_it_connects_has_not_left() {
    let to_api = |_| "https://api.example.test/".to_owned();
    let mut ways = vec![
        silent(|port| format!("https://127.0.0.1:{port}/"), None).await,
        silent(to_api, Some("http")).await,
    ];
    if cfg!(target_os = "linux") {
        ways.push(crowded().await);
    }
    let limit = Duration::from_millis(300);
    for way in ways {
        let reports = Reports::default();
        let spotify = way.client(&reports);
        let post = || spotify.post::<Value>("new/thing");

        let late = post().deadline(limit).await.unwrap_err();
        let slow = post().timeout(limit).await.unwrap_err();
        tokio::time::timeout(limit, post().send()).await.unwrap_err();

        assert!(matches!(late, Error::DeadlineExceeded { .. }), "{late:?}");
        assert!(matches!(slow, Error::Transport { .. }), "{slow:?}");
        for error in [late, slow] {
            assert!(!error.may_have_been_carried_out(), "{} {error:?}", way.base);
        }
        let attempts: Vec<_> = reports.lock().unwrap().iter().map(|call| call.attempts).collect();
        assert_eq!(attempts, [0, 0, 0], "{} {:?}", way.base, way.proxy);
    }
}

/// Its connections are not known.
#[tokio::test]
async fn a_write_with_a_client_of_the_users_own_may_have_left_while_it_connects() {
    let way = silent(|port| format!("https://127.0.0.1:{port}/"), None).await;
    let http = SpotifyClientConfig::default().http_client().unwrap();
    let config = SpotifyClientConfig::default().with_base_url(&way.base).with_token("token");
    let spotify = SpotifyClient::new(config.with_http_client(http)).unwrap();
    let request = spotify.post::<Value>("new/thing").deadline(Duration::from_millis(300));
    let error = request.await.unwrap_err();
    assert!(error.may_have_been_carried_out(), "{error:?}");
}

/// A server that accepts connections and closes them at once, before anything is read.
async fn closing_server() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            drop(listener.accept().await.unwrap());
        }
    });
    base
}

#[tokio::test]
async fn retries_at_a_server_that_closes_at_once_are_paid_for_and_what_never_left_is_no_attempt() {
    const CALLS: u64 = 100;
    for method in ["GET", "POST"] {
        let base = closing_server().await;
        let reports = Reports::default();
        let heard = Arc::clone(&reports);
        let config = SpotifyClientConfig::default().with_base_url(base).with_token("token");
        let config = config.with_retries(without_pauses()).without_rate_limiter();
        let config = config.with_observer(move |call| heard.lock().unwrap().push(call.clone()));
        let spotify = SpotifyClient::new(config).unwrap();
        for call in 0..CALLS {
            let error = match method {
                "GET" => spotify.get::<Value>("new/thing").await.unwrap_err(),
                _ => spotify.post::<Value>("new/thing").await.unwrap_err(),
            };
            // The HTTP client may have written it before it found out.
            let attempts = reports.lock().unwrap()[usize::try_from(call).unwrap()].attempts;
            if method == "POST" {
                assert_eq!(error.may_have_been_carried_out(), attempts > 0, "{error:#?}");
            }
        }

        // Ten to begin with, and one for ten calls.
        assert!(spotify.stats().retries <= 10 + CALLS / 10, "{method}: {:?}", spotify.stats());
    }
}

/// One that runs into the time limit of its attempt while it connects never left either.
#[tokio::test]
async fn a_write_whose_attempt_ran_out_of_time_while_it_connected_is_retried() {
    let way = silent(|port| format!("https://127.0.0.1:{port}/"), None).await;
    let config = SpotifyClientConfig::default().with_base_url(&way.base).with_token("token");
    let config = config.with_retries(without_pauses()).with_timeout(Duration::from_millis(50));
    let spotify = SpotifyClient::new(config).unwrap();

    let error = spotify.post::<Value>("new/thing").await.unwrap_err();

    assert!(!error.may_have_been_carried_out(), "{error:?}");
    assert_eq!(spotify.stats().retries, 3);
}
