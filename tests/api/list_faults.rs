//! Lists whose server misleads them, fails for a while, or whose runtime goes away.

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::{Value, json};
use spotify_web::Error;
use spotify_web::model::Page;
use spotify_web::testing::{FakeResponse, FakeSpotify};
use tokio::runtime::Runtime;

use crate::common::{PausedTime, plain_client};

type List = Page<u64>;

fn page(fake: &FakeSpotify, items: &[u64], next: Option<&str>, rest: Value) -> FakeResponse {
    let next = next.map(|query| format!("{}x?{query}", fake.base_url()));
    let mut body = json!({ "items": items, "next": next });
    body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    FakeResponse::json(200, &body)
}

#[tokio::test]
async fn numbers_of_a_server_or_a_caller_overflow_nothing() {
    for offset in ["18446744073709551615", "18446744073709551614", "18446744073709551616"] {
        let (fake, spotify) = plain_client().await;
        fake.next_api(page(&fake, &[1], Some(&format!("offset={offset}")), json!({})));
        fake.next_api(page(&fake, &[2, 3], None, json!({})));
        assert_eq!(spotify.get::<List>("x").all().await.unwrap(), [1, 2, 3]);
    }
    for width in [0, 1, usize::MAX / 2 + 1, usize::MAX] {
        let (fake, spotify) = plain_client().await;
        let most = json!({ "total": 3, "limit": 1, "offset": 0 });
        fake.next_api(page(&fake, &[1], Some("offset=1"), most.clone()));
        fake.next_api(page(&fake, &[2], None, most));
        let mut stream = spotify.get::<List>("x").query("offset", 0).stream().concurrency(width);
        assert_eq!(stream.next().await.unwrap().unwrap(), 1);
    }
}

/// All that a list asks for ahead is bounded, whatever a server says of its length.
#[tokio::test]
async fn a_total_without_bounds_asks_for_no_more_than_256_pages() {
    let (fake, spotify) = plain_client().await;
    let most = json!({ "total": u32::MAX, "limit": 1, "offset": 0 });
    fake.next_api(page(&fake, &[1], Some("offset=1"), most));
    let stream = spotify.get::<List>("x").query("offset", 0).stream();
    let mut stream = stream.concurrency(usize::MAX);
    assert_eq!(stream.next().await.unwrap().unwrap(), 1);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(fake.api_requests() <= 257, "{}", fake.api_requests());
}

#[tokio::test]
async fn a_next_that_leads_into_the_same_page_is_an_error_of_the_server() {
    for (first, next) in [
        (None, "offset=0"),
        (None, "offset=1"),
        (Some(0), "offset=1"),
        (Some(4), "offset=5"),
        (Some(4), "offset=4"),
        (Some(4), "offset=3"),
    ] {
        let (fake, spotify) = plain_client().await;
        fake.next_api(page(&fake, &[1, 2], Some(next), json!({})));
        let request = spotify.get::<List>("x");
        let request = match first {
            Some(first) => request.query("offset", first),
            None => request,
        };
        let error = request.all().await.unwrap_err();
        assert!(matches!(error, Error::Paging { .. }), "{first:?} {next}: {error:?}");
        assert_eq!(fake.api_requests(), 1, "nothing comes twice");
    }
}

#[tokio::test]
async fn a_malformed_next_is_the_fault_of_the_server() {
    for next in ["http://[::1", "https://", "http://:80/x", "http://127.0.0.1:99999/"] {
        let (fake, spotify) = plain_client().await;
        fake.next_api(FakeResponse::json(200, &json!({ "items": [1], "next": next })));
        let error = spotify.get::<List>("x").all().await.unwrap_err();
        assert!(matches!(error, Error::MalformedLink { link: "next", .. }), "{next}: {error:?}");
    }
}

/// An outage is told once, and not once for each page that was asked for ahead.
#[tokio::test]
async fn pages_that_failed_ahead_are_asked_for_again_and_tell_nothing() {
    let time = PausedTime::pause();
    for status in [429, 503] {
        let (fake, spotify) = plain_client().await;
        let rest = json!({ "total": 9, "limit": 1, "offset": 0 });
        fake.next_api(page(&fake, &[0], Some("offset=1"), rest.clone()));
        for _ in 0..8 {
            fake.next_api(FakeResponse::status(status).with_header("retry-after", "3"));
        }
        for number in 1..9 {
            let next = (number < 8).then(|| format!("offset={}", number + 1));
            fake.next_api(page(&fake, &[7], next.as_deref(), rest.clone()));
        }
        let begin = tokio::time::Instant::now();
        let stream = spotify.get::<List>("x").query("offset", 0).query("limit", 1).stream();
        let mut stream = stream.concurrency(8);
        let taken = tokio::spawn(async move {
            let (mut items, mut errors) = (0, 0);
            while let Some(item) = stream.next().await {
                match item {
                    Ok(_) => items += 1,
                    Err(_) => errors += 1,
                }
            }
            (items, errors)
        });
        let (items, errors) = time.run(taken).await;
        assert_eq!(errors, 1, "{status}: {items} items");
        assert!(items >= 2, "{status}");
        assert!(begin.elapsed() < Duration::from_secs(6), "{status}: {:?}", begin.elapsed());
    }
}

/// Polls for a while outside of any runtime.
fn outside<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    for _ in 0..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(value);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}

#[test]
fn a_list_that_pauses_goes_on_elsewhere_and_says_so_where_it_cannot() {
    let servers = Runtime::new().unwrap();
    for is_polled_before in [false, true] {
        for elsewhere in ["another runtime", "none", "none, while the first lives"] {
            let (fake, spotify) = servers.block_on(plain_client());
            fake.next_api(FakeResponse::status(503));
            // One may go to a request that ends with its runtime.
            for _ in 0..2 {
                fake.next_api(page(&fake, &[5], None, json!({})));
            }
            let first = Runtime::new().unwrap();
            let mut stream = spotify.get::<List>("x").stream();
            assert!(first.block_on(stream.next()).unwrap().unwrap_err().is_transient());
            if is_polled_before {
                let once = async { tokio::time::timeout(Duration::ZERO, stream.next()).await };
                let _ = first.block_on(once);
            }
            let first = (elsewhere == "none, while the first lives").then_some(first);
            if elsewhere == "another runtime" {
                let another = Runtime::new().unwrap();
                let mut next = || another.block_on(stream.next()).unwrap();
                // Its pause may have been over, and its page be under way, on the first.
                let item = match next() {
                    Err(Error::Interrupted) => next(),
                    item => item,
                };
                assert_eq!(item.unwrap(), 5);
            } else {
                // Its pause may have been over, and its page be under way, on the first.
                match outside(stream.next()) {
                    Some(Some(Err(Error::NoRuntime { .. } | Error::Interrupted))) => {}
                    Some(Some(Ok(5))) if is_polled_before => {}
                    other => panic!("{elsewhere}: {other:?}"),
                }
            }
            drop(first);
        }
    }
}

#[test]
fn a_page_whose_runtime_ended_is_asked_for_again_at_once() {
    let servers = Runtime::new().unwrap();
    let (fake, spotify) = servers.block_on(plain_client());
    fake.next_api(page(&fake, &[1], Some("offset=1"), json!({})));
    fake.next_api(FakeResponse::never());
    fake.next_api(page(&fake, &[2], None, json!({})));
    let first = Runtime::new().unwrap();
    let mut stream = spotify.get::<List>("x").stream();
    assert_eq!(first.block_on(stream.next()).unwrap().unwrap(), 1);
    while fake.api_requests() < 2 {
        std::thread::yield_now();
    }
    drop(first);

    let interrupted = outside(stream.next()).unwrap().unwrap().unwrap_err();
    assert!(matches!(interrupted, Error::Interrupted), "{interrupted:?}");
    let item = Runtime::new().unwrap().block_on(stream.next());
    assert_eq!(item.unwrap().unwrap(), 2);
}
