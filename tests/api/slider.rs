//! Sliders: the last value wins, whatever happens to those before.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::{Extensions, StatusCode};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// A layer in place of the server: it keeps which values came when, and responds as it is told.
#[derive(Clone)]
struct Told {
    seen: Arc<Mutex<Vec<(String, Instant)>>>,
    respond: fn(usize) -> Response,
    latency: Duration,
}

#[async_trait]
impl Middleware for Told {
    async fn handle(
        &self,
        request: Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let volume = request.url().query_pairs().find(|(name, _)| name == "volume_percent");
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push((volume.unwrap().1.into_owned(), Instant::now()));
            seen.len()
        };
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        Ok((self.respond)(number))
    }
}

impl Told {
    fn new(respond: fn(usize) -> Response) -> Self {
        Self { seen: Arc::default(), respond, latency: Duration::ZERO }
    }

    fn client(&self) -> SpotifyClient {
        let config = SpotifyClientConfig::default().with_token("token").without_rate_limiter();
        SpotifyClient::new(config.with_middleware(self.clone())).unwrap()
    }

    fn values(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(value, _)| value.clone()).collect()
    }

    fn pauses(&self) -> Vec<Duration> {
        let seen = self.seen.lock().unwrap();
        seen.windows(2).map(|pair| pair[1].1 - pair[0].1).collect()
    }
}

fn response(status: u16, retry_after: Option<&str>) -> Response {
    let mut response = http::Response::new("");
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.parse().unwrap());
    }
    response.into()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_overtaken_is_not_sent_again() {
    for respond in [
        (|number| response(if number == 1 { 429 } else { 204 }, Some("3")))
            as fn(usize) -> Response,
        |number| response(if number == 1 { 503 } else { 204 }, Some("3")),
    ] {
        let told = Told::new(respond);
        let volume = told.client().player().volume_slider();
        volume.set(100);
        tokio::time::sleep(Duration::from_millis(300)).await;
        volume.set(5);

        volume.settled().await.unwrap();

        assert_eq!(told.values(), ["100", "5"]);
        assert!(told.pauses()[0] >= Duration::from_secs(3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_fails_is_sent_as_often_as_any_request() {
    let told = Told::new(|_| response(503, None));
    let volume = told.client().player().volume_slider();
    volume.set(7);

    let error = volume.settled().await.unwrap_err();

    assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(told.values(), ["7"; 4]);
    assert!(told.pauses().iter().all(|pause| *pause >= Duration::from_millis(500)));

    let told = Told::new(|_| response(429, Some("3600")));
    let volume = told.client().player().volume_slider();
    volume.set(7);
    volume.settled().await.unwrap_err();
    assert_eq!(told.values(), ["7"], "that is longer than a call may wait");

    let told = Told::new(|number| response(if number < 6 { 429 } else { 204 }, Some("2")));
    let volume = told.client().player().volume_slider();
    volume.set(7);
    volume.settled().await.unwrap();
    assert_eq!(told.values().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_panics_costs_its_value_and_no_other() {
    let told = Told::new(|number| match number {
        1 => panic!("a bug of the program's"),
        _ => response(204, None),
    });
    let volume = told.client().player().volume_slider();
    volume.set(10);

    let error = volume.settled().await.unwrap_err();

    assert!(matches!(*error, Error::Panicked), "{error:?}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(told.values(), ["10"], "it is not sent again");
    volume.set(20);
    volume.settled().await.unwrap();
    assert_eq!(told.values(), ["10", "20"]);
}

/// As in a blocking wrapper with a runtime for each thread.
#[test]
fn a_runtime_that_is_not_driven_keeps_no_value() {
    let told = Told::new(|_| response(204, None));
    let volume = told.client().player().volume_slider();
    let (first, second) = (runtime(), runtime());
    first.block_on(async {
        volume.set(10);
        volume.settled().await.unwrap();
        // Its task is to send this one after the pause.
        volume.set(20);
        tokio::task::yield_now().await;
    });

    let settled = second.block_on(async {
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, volume.settled()).await
    });

    settled.unwrap().unwrap();
    assert_eq!(told.values(), ["10", "20"]);
    second.block_on(async {
        volume.set(30);
        volume.settled().await.unwrap();
    });
    first.block_on(volume.settled()).unwrap();
    assert_eq!(told.values(), ["10", "20", "30"]);
}

#[test]
fn a_runtime_without_time_is_an_error_and_no_panic() {
    let told = Told::new(|_| response(204, None));
    let volume = told.client().player().volume_slider();
    runtime().block_on(async {
        volume.set(10);
        volume.settled().await.unwrap();
    });

    let without_time = Builder::new_current_thread().enable_io().build().unwrap();
    let error = without_time.block_on(async {
        volume.set(20);
        volume.settled().await.unwrap_err()
    });

    assert!(matches!(*error, Error::NoRuntime { .. }), "{error:?}");
    assert_eq!(told.values(), ["10"]);
}

/// As a user who drags on through an outage.
#[tokio::test(start_paused = true)]
async fn newer_values_make_no_pause_longer_than_those_of_one_value() {
    let told = Told::new(|number| response(if number <= 16 { 503 } else { 204 }, None));
    let told = Told { latency: Duration::from_millis(200), ..told };
    let volume = told.client().player().volume_slider();
    for value in 0.. {
        volume.set(value % 101);
        tokio::time::sleep(Duration::from_millis(100)).await;
        if told.values().len() > 16 {
            break;
        }
    }

    volume.settled().await.unwrap();

    // The third retry of a value comes 4 s after the failure before it at the latest.
    let longest = told.pauses().into_iter().max().unwrap();
    assert!(longest <= told.latency + Duration::from_millis(4100), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ended_a_value_holds_for_newer_ones() {
    for status in [429, 503] {
        let told = Told::new(match status {
            429 => |number| response(if number == 1 { 429 } else { 204 }, Some("120")),
            _ => |number| response(if number == 1 { 503 } else { 204 }, Some("120")),
        });
        let volume = told.client().player().volume_slider();
        volume.set(1);
        tokio::time::sleep(Duration::from_millis(1)).await;
        for value in 2..20 {
            volume.set(value);
            let error = volume.settled().await.unwrap_err();
            assert_eq!(error.status().unwrap().as_u16(), status);
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        assert_eq!(told.values(), ["1"], "that is longer than a call may wait");

        // What is left of it by now is not.
        tokio::time::sleep(Duration::from_secs(10)).await;
        volume.set(50);
        volume.settled().await.unwrap();
        assert_eq!(told.values(), ["1", "50"]);
        assert!(told.pauses()[0] >= Duration::from_secs(120));
        volume.set(51);
        volume.settled().await.unwrap();
        assert!(told.pauses()[1] < Duration::from_secs(1));
    }
}

/// Nothing but real time is the same on two runtimes; no pause is shorter for a busy machine.
#[test]
fn a_value_that_is_set_on_another_runtime_waits_as_long() {
    let accepts: fn(usize) -> Response = |_| response(204, None);
    let refuses_first: fn(usize) -> Response =
        |number| response(if number == 1 { 429 } else { 204 }, Some("1"));
    for (respond, pause) in [(accepts, 500), (refuses_first, 1000)] {
        let latency = Duration::from_millis(100);
        let told = Told { latency, ..Told::new(respond) };
        let volume = told.client().player().volume_slider();
        let first = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        first.block_on(async { volume.set(10) });
        while told.values().is_empty() {
            std::thread::yield_now();
        }

        let settled = runtime().block_on(async {
            volume.set(20);
            volume.settled().await
        });

        settled.unwrap();
        assert_eq!(told.values(), ["10", "20"]);
        assert!(told.pauses()[0] >= latency + Duration::from_millis(pause), "{:?}", told.pauses());
    }
}
