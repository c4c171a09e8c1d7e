//! A status is a response, whatever becomes of the body that belongs to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use spotify_web::api::CallReport;
use spotify_web::model::Page;
use spotify_web::testing::FakeResponse;
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::common::{PausedTime, by_tokio_clock};

type List = Page<u64>;
type Reports = Arc<Mutex<Vec<CallReport>>>;

/// A server that sends these responses, one for each request, the last for all others as well; none
/// of them is ever closed.
async fn server(responses: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut responses = responses.into_iter().peekable();
        let mut last = String::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            last = responses.next().unwrap_or(last);
            let response = last.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(response.as_bytes()).await;
                std::future::pending::<()>().await;
            });
        }
    });
    base
}

/// Headers, and the beginning of a body that never ends.
fn hanging(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: 30\r\n\r\n{{\"err")
}

fn observed(base: String) -> (SpotifyClient, Reports) {
    let reports = Reports::default();
    let log = Arc::clone(&reports);
    let config = SpotifyClientConfig::default().with_base_url(base).with_token("token");
    let config = by_tokio_clock(config).with_observer(move |report| {
        log.lock().unwrap().push(report.clone());
    });
    (SpotifyClient::new(config).unwrap(), reports)
}

#[tokio::test]
async fn a_failure_whose_body_hangs_is_retried_as_any() {
    let time = PausedTime::pause();
    for (status, headers) in [(429, "retry-after: 1\r\n"), (503, ""), (500, ""), (408, "")] {
        let body = r#"{"items":[1],"next":null}"#;
        let good = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let base = server(vec![hanging(status, headers), good]).await;
        let (spotify, _) = observed(base);
        let began = Instant::now();
        let call = spotify.get::<List>("x").timeout(Duration::from_secs(40)).send();
        let page = time.run(tokio::spawn(call)).await.unwrap();
        assert_eq!(page.items.len(), 1, "{status}");
        assert!(began.elapsed() < Duration::from_secs(10), "{status}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn an_error_whose_body_hangs_is_told_by_its_status() {
    let time = PausedTime::pause();
    for status in [400, 401, 403, 404, 409, 451, 501] {
        for method in ["GET", "POST", "PUT"] {
            // Longer and shorter than a body is waited for.
            for deadline in [None, Some(5000), Some(700), Some(300)] {
                let (spotify, reports) = observed(server(vec![hanging(status, "")]).await);
                let request = match method {
                    "GET" => spotify.get::<Value>("x"),
                    "POST" => spotify.post("x"),
                    _ => spotify.put("x"),
                };
                let request = match deadline {
                    Some(limit) => request.deadline(Duration::from_millis(limit)),
                    None => request,
                };
                if status == 401 && deadline < Some(2000) && deadline.is_some() {
                    // Another token may be on its way.
                    continue;
                }
                let began = Instant::now();
                let error = time.run(tokio::spawn(request.send())).await.unwrap_err();
                let case = format!("{method} {status} {deadline:?}: {error:?}");
                assert_eq!(error.status().unwrap().as_u16(), status, "{case}");
                assert!(!error.is_transient(), "{case}");
                assert!(!error.may_have_been_carried_out() || status == 501, "{case}");
                assert!(began.elapsed() < Duration::from_secs(8), "{case}: {:?}", began.elapsed());
                let report = reports.lock().unwrap().pop().unwrap();
                assert_eq!(report.status.map(|status| status.as_u16()), Some(status), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_transient_status_is_known_when_the_time_is_up() {
    let time = PausedTime::pause();
    let wait = "retry-after: 9\r\n";
    for (status, headers) in [(503, wait), (429, wait), (502, ""), (401, "")] {
        for deadline in if status == 401 { [300, 700] } else { [300, 5000] } {
            let (spotify, reports) = observed(server(vec![hanging(status, headers)]).await);
            let call = spotify.get::<Value>("x").deadline(Duration::from_millis(deadline)).send();
            let error = time.run(tokio::spawn(call)).await.unwrap_err();
            let case = format!("{status} {deadline}: {error:?}");
            assert_eq!(error.status().map(|status| status.as_u16()), Some(status), "{case}");
            assert!(error.is_transient(), "{case}");
            if !headers.is_empty() {
                assert!(error.retry_after() > Some(Duration::from_secs(3)), "{case}");
            }
            let report = reports.lock().unwrap().pop().unwrap();
            assert_eq!(report.status.map(|status| status.as_u16()), Some(status), "{case}");
        }
    }
}

#[tokio::test]
async fn a_list_ends_at_an_error_whose_body_hangs() {
    let time = PausedTime::pause();
    for deadline in [300, 1000, 5000] {
        let (spotify, _) = observed(server(vec![hanging(404, "")]).await);
        let request = spotify.get::<List>("x").deadline(Duration::from_millis(deadline));
        let mut stream = request.stream();
        let taken = async move {
            let error = stream.next().await.unwrap().unwrap_err();
            (error, stream.next().await.is_none())
        };
        let (error, ends) = time.run(tokio::spawn(taken)).await;
        assert!(ends, "{deadline}: {error:?}");
        assert!(matches!(error, Error::Api { .. }), "{deadline}: {error:?}");
    }
}

/// The report says that there was a response, also where the last attempt had none.
#[tokio::test]
async fn a_report_has_the_last_status_that_came() {
    let time = PausedTime::pause();
    let full = "HTTP/1.1 503 X\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}".to_owned();
    for last in ["HTTP/1.1 2", ""] {
        for limit in ["timeout", "deadline", "dropped"] {
            let (spotify, reports) = observed(server(vec![full.clone(), last.to_owned()]).await);
            let (short, long) = (Duration::from_secs(9), Duration::from_secs(90));
            let request = spotify.get::<Value>("x").retries(1);
            let request = match limit {
                "timeout" => request.timeout(short),
                "deadline" => request.deadline(short),
                _ => request,
            };
            let given_up = if limit == "dropped" { short } else { long };
            let call = tokio::time::timeout(given_up, request.send());
            let result = time.run(tokio::spawn(call)).await;
            assert!(!matches!(result, Ok(Ok(_))), "{limit}");
            let report = reports.lock().unwrap().pop().unwrap();
            assert_eq!(report.status.map(|status| status.as_u16()), Some(503), "{limit} {last:?}");
            assert_eq!(report.attempts, 2, "{limit} {last:?}");
        }
    }
}

/// The server's words are in it, and cannot be read.
#[tokio::test]
async fn a_coding_that_nobody_asked_for_is_named_in_an_error_of_the_api() {
    let (fake, spotify) = crate::common::plain_client().await;
    for (status, coding) in [(404, "br"), (403, "zstd"), (503, "x-gzip"), (429, "br")] {
        let body = FakeResponse::body(status, "application/json", "\u{b}\u{2}\u{80}");
        fake.next_api(body.with_header("content-encoding", coding));
        let error = spotify.tracks().get(crate::common::TRACK).await.unwrap_err();
        let is_named = error.to_string().contains("a body compressed with");
        assert_eq!(is_named, status != 429, "{coding}: {error}");
        assert_eq!(error.status().unwrap().as_u16(), status);
    }
}

#[tokio::test]
async fn a_compression_that_is_not_announced_is_named_in_an_error_of_the_api() {
    let (fake, spotify) = crate::common::plain_client().await;
    for (status, body) in [(200, GZIP), (400, GZIP), (404, ZSTD), (503, GZIP)] {
        fake.next_api(FakeResponse::body(status, "application/json", body));
        let error = spotify.tracks().get(crate::common::TRACK).await.unwrap_err();
        assert!(error.to_line().contains("which was not announced"), "{status}: {error}");
    }
    for body in ["<h1>Not Found</h1>", "", "No"] {
        fake.next_api(FakeResponse::body(404, "text/html", body));
        let error = spotify.tracks().get(crate::common::TRACK).await.unwrap_err();
        assert!(error.to_string().ends_with("HTTP 404 Not Found"), "{body}: {error}");
    }
}

const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xabVJ-*";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58";
