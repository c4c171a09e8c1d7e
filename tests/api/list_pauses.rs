//! A list whose pages fail for the moment is paced, whatever its calls may wait for.

use std::time::Duration;

use spotify_web::api::Request;
use spotify_web::api::params::Anything;
use spotify_web::auth::{AuthError, Authenticator};
use spotify_web::middleware::RetryOptions;
use spotify_web::model::Page;
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Backoff, Error, SpotifyClient, SpotifyClientConfig};
use tokio::time::Instant;

use crate::common::{PausedTime, by_tokio_clock, plain_client};

type List = Page<u64>;
type Change<X> = fn(X) -> X;

const MINUTES: Duration = Duration::from_secs(120);

/// By the pauses of 1, 2, 4 … 60 s, of which each is a random part, about ten: a list that is not
/// paced has as many errors as it is asked for.
const MOST_ERRORS: usize = 60;

/// The errors that a list gives within two minutes.
async fn errors_of(
    time: &PausedTime,
    request: Request<List, Anything>,
    width: usize,
) -> Vec<Error> {
    let mut stream = request.stream().concurrency(width);
    let taken = tokio::spawn(async move {
        let mut errors = Vec::new();
        let end = Instant::now() + MINUTES;
        while errors.len() < 10 * MOST_ERRORS {
            match tokio::time::timeout_at(end, stream.next()).await {
                Ok(Some(result)) => errors.push(result.unwrap_err()),
                Ok(None) => panic!("it ends: {errors:?}"),
                Err(_) => break,
            }
        }
        errors
    });
    time.run_by(Duration::from_secs(1), taken).await
}

async fn is_paced(fake: &FakeSpotify, request: Request<List, Anything>, width: usize, case: &str) {
    let time = PausedTime::pause();
    let errors = errors_of(&time, request, width).await;
    tokio::time::resume();
    assert!((1..MOST_ERRORS).contains(&errors.len()), "{case}: {} errors", errors.len());
    assert!(errors.iter().all(Error::is_transient), "{case}: {errors:?}");
    let most = MOST_ERRORS * 4 * width;
    assert!(fake.api_requests() < most, "{case}: {} requests", fake.api_requests());
}

fn fail_always(fake: &FakeSpotify, response: &FakeResponse) {
    (0..3000).for_each(|_| fake.next_api(response.clone()));
}

#[tokio::test]
async fn a_list_whose_calls_may_not_wait_is_paced_all_the_same() {
    let clients: [(&str, Change<SpotifyClientConfig>); 2] = [
        ("neither retries nor a limiter", |config| config.without_retries().without_rate_limiter()),
        ("both", |config| config),
    ];
    let requests: [(&str, Change<Request<List, Anything>>); 3] = [
        ("max_wait 0", |request| request.max_wait(Duration::ZERO)),
        ("deadline 20 ms", |request| request.deadline(Duration::from_millis(20))),
        ("deadline 0", |request| request.deadline(Duration::ZERO)),
    ];
    let responses = [
        FakeResponse::status(503),
        FakeResponse::status(429).with_header("retry-after", "30"),
        FakeResponse::status(429).with_header("retry-after", "0"),
        FakeResponse::hang_up(),
        FakeResponse::never(),
    ];
    // Each limit with each response, and each client with each of both.
    for (place, response) in responses.iter().enumerate() {
        for (turn, (request, limit)) in requests.into_iter().enumerate() {
            if request == "max_wait 0" && format!("{response:?}").contains("never") {
                continue;
            }
            let (client, change) = clients[(place + turn) % clients.len()];
            let fake = FakeSpotify::start().await.unwrap();
            fail_always(&fake, response);
            let config = by_tokio_clock(fake.config().with_token(fake.user_token()));
            let spotify = SpotifyClient::new(change(config)).unwrap();
            let case = format!("{client}, {request}, {response:?}");
            is_paced(&fake, limit(spotify.get("x")), 1, &case).await;
        }
    }
}

#[tokio::test]
async fn a_list_whose_client_may_not_wait_is_paced_with_all_its_pages() {
    for width in [1, 8] {
        for status in [429, 503] {
            let fake = FakeSpotify::start().await.unwrap();
            fail_always(&fake, &FakeResponse::status(status).with_header("retry-after", "30"));
            let config = by_tokio_clock(fake.config().with_token(fake.user_token()));
            let config = config.without_retries().with_max_wait(Duration::ZERO);
            let spotify = SpotifyClient::new(config).unwrap();
            is_paced(&fake, spotify.get("x"), width, &format!("{status} {width}")).await;
        }
    }
}

/// A ban of a day is told a few times, and not twice a second for all of it.
#[tokio::test]
async fn a_list_under_a_ban_tells_it_less_and_less_often() {
    for max_wait in [0, 60] {
        let fake = FakeSpotify::start().await.unwrap();
        let config = by_tokio_clock(fake.config().with_token(fake.user_token()));
        let config = config.with_max_wait(Duration::from_secs(max_wait));
        let spotify = SpotifyClient::new(config).unwrap();
        spotify.rate_limiter().unwrap().close_for(Duration::from_secs(24 * 3600));
        is_paced(&fake, spotify.get("x"), 1, &format!("{max_wait}")).await;
        assert_eq!(fake.api_requests(), 0);
    }
}

#[tokio::test]
async fn a_list_at_a_server_that_is_gone_is_paced() {
    for deadline in [None, Some(Duration::from_millis(5))] {
        let fake = FakeSpotify::start().await.unwrap();
        let config = SpotifyClientConfig::default().with_base_url("http://127.0.0.1:1/v1/");
        let config = config.with_token("token").with_max_wait(Duration::ZERO).without_retries();
        let request = SpotifyClient::new(by_tokio_clock(config)).unwrap().get("x");
        let request = match deadline {
            Some(deadline) => request.deadline(deadline),
            None => request,
        };
        is_paced(&fake, request, 1, &format!("{deadline:?}")).await;
    }
}

/// Has no token for the moment.
#[derive(Debug)]
struct NoToken;

#[async_trait::async_trait]
impl Authenticator for NoToken {
    async fn apply(&self, _: &mut reqwest::Request) -> Result<(), AuthError> {
        Err(AuthError::custom("no token", "the vault is closed"))
    }
}

#[tokio::test]
async fn a_list_without_a_token_is_paced() {
    let fake = FakeSpotify::start().await.unwrap();
    let config = fake.config().with_authenticator(NoToken).with_max_wait(Duration::ZERO);
    let spotify = SpotifyClient::new(by_tokio_clock(config)).unwrap();
    is_paced(&fake, spotify.get("x"), 1, "no token").await;
}

/// A handle of a runtime that has ended sends nothing, ever: there is no pause to wait for.
#[test]
fn a_list_on_a_runtime_that_is_gone_says_so_and_ends() {
    let servers = tokio::runtime::Runtime::new().unwrap();
    for width in [1, 8] {
        let (_fake, spotify) = servers.block_on(plain_client());
        let gone = tokio::runtime::Runtime::new().unwrap();
        let handle = gone.handle().clone();
        drop(gone);
        let _entered = handle.enter();
        let mut stream = spotify.get::<List>("x").stream().concurrency(width);
        let mut errors = Vec::new();
        while let Some(result) = polled(stream.next()) {
            errors.push(result.unwrap_err());
            assert!(errors.len() < 10, "it does not end: {:?}", errors[0]);
        }
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(matches!(errors[0], Error::NoRuntime { .. }), "{errors:?}");
    }
}

/// Polls until it is ready, which nothing but the list itself can make it here.
fn polled<F: Future>(future: F) -> F::Output {
    use std::task::{Context, Poll, Waker};

    let mut future = std::pin::pin!(future);
    for _ in 0..1000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("it waits for a runtime that is gone");
}

/// The first retry of a call comes after the pause of its options.
#[tokio::test]
async fn the_back_off_that_is_set_paces_calls_and_lists() {
    let time = PausedTime::pause();
    let hour = Duration::from_secs(3600);
    let (least, most) = (Duration::from_millis(1), Duration::from_millis(2));
    let backoff = Backoff::new(least, 1.0, most).unwrap();
    for is_list in [true, false] {
        let fake = FakeSpotify::start().await.unwrap();
        fail_always(&fake, &FakeResponse::status(503));
        let config = fake.config().with_token(fake.user_token()).without_rate_limiter();
        let retries = if is_list { 0 } else { 5 };
        let options = RetryOptions::default().with_retries(retries);
        let spotify = SpotifyClient::new(config.with_retries(options.with_backoff(backoff)));
        let request = spotify.unwrap().get::<List>("x").max_wait(hour);
        let began = Instant::now();
        let taken = tokio::spawn(async move {
            if !is_list {
                return drop(request.await.unwrap_err());
            }
            let mut stream = request.stream();
            for _ in 0..6 {
                stream.next().await.unwrap().unwrap_err();
            }
        });
        time.run_by(Duration::from_millis(1), taken).await;
        let elapsed = began.elapsed();
        assert!(elapsed < Duration::from_millis(100), "{is_list}: {elapsed:?}");
        assert_eq!(fake.api_requests(), 6);
    }
}
