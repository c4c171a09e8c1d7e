//! A limit that several limiters share, as the processes of one app do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use spotify_web::middleware::{
    Granted, RateLimitOptions, SharedLimit, SharedLimitError, Sharing, Told,
};
use spotify_web::testing::{FakeLimit, FakeResponse, FakeSharedLimit, FakeSpotify};
use spotify_web::{Error, SpotifyClient};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::common::{ARTIST, PausedTime, TRACK, TokioClock};

/// A client that shares nothing with others but the store.
fn process(fake: &FakeSpotify, shared: impl SharedLimit + 'static) -> SpotifyClient {
    // By the system's clock a busy machine looks like a laptop that slept.
    let options = RateLimitOptions::default().with_clock(TokioClock::new()).with_shared(shared);
    let config = fake.config().with_token(fake.user_token()).with_rate_limit(options);
    SpotifyClient::new(config).unwrap()
}

fn get(spotify: &SpotifyClient, path: String) -> JoinHandle<Result<Value, Error>> {
    let request = spotify.get::<Value>(&path);
    tokio::spawn(async move { request.await })
}

fn track(spotify: &SpotifyClient) -> JoinHandle<Result<Value, Error>> {
    get(spotify, format!("tracks/{TRACK}"))
}

fn artist(spotify: &SpotifyClient) -> JoinHandle<Result<Value, Error>> {
    get(spotify, format!("artists/{ARTIST}"))
}

async fn run(time: &PausedTime, call: JoinHandle<Result<Value, Error>>) -> Duration {
    let began = Instant::now();
    while !call.is_finished() {
        time.settle().await;
        // What is over within a second is measured more exactly.
        let is_long = began.elapsed() > Duration::from_secs(1);
        time.advance(if is_long { 10 * STEP } else { STEP }).await;
    }
    call.await.unwrap().unwrap();
    began.elapsed()
}

fn sharing(spotify: &SpotifyClient) -> Option<Sharing> {
    spotify.stats().rate_limit.sharing
}

const STEP: Duration = Duration::from_millis(10);

/// Grants what a function says; `None` is no response, as of a host that is gone.
#[derive(Clone)]
struct Scripted(Arc<Mutex<Script>>);

type Script = dyn FnMut(&Told) -> Option<Granted> + Send;

impl Scripted {
    fn new(script: impl FnMut(&Told) -> Option<Granted> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(script)))
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

#[async_trait]
impl SharedLimit for Scripted {
    async fn exchange(&self, _: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError> {
        let granted = self.0.lock().unwrap()(told);
        match granted {
            Some(granted) => Ok(granted),
            None => std::future::pending().await,
        }
    }
}

/// At this rate for two, and silent once it was asked for a number of times.
fn paced_then_silent(rate: f64, exchanges: usize) -> Scripted {
    let mut asked = 0;
    Scripted::new(move |told| {
        asked += 1;
        let step = Duration::from_secs_f64(1.0 / rate);
        let granted = Granted::default().with_rate(rate, 2);
        (asked <= exchanges).then(|| granted.with_starts(told.starts.min(1), step, step))
    })
}

#[tokio::test]
async fn refused_by_one_closes_the_other_within_a_second() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let shared = FakeSharedLimit::new();
    let (one, other) = (process(&fake, shared.clone()), process(&fake, shared));
    run(&time, artist(&other)).await;
    fake.next_api(FakeResponse::status(429).with_header("retry-after", "20"));
    let refused = track(&one);
    time.settle().await;
    time.advance(Duration::from_secs(1)).await;
    time.settle().await;

    let waited = run(&time, artist(&other)).await;

    let wait = waited.as_secs_f64();
    assert!((18.5..21.0).contains(&wait), "closed for what is left of 20 s: {wait}");
    run(&time, refused).await;
}

#[tokio::test]
async fn without_a_known_limit_requests_wait_for_no_more_than_one_exchange_a_second() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let shared = FakeSharedLimit::new();
    let spotify = process(&fake, shared.clone());
    let mut waited = Vec::new();
    for _ in 0..200 {
        waited.push(run(&time, track(&spotify)).await);
        time.advance(Duration::from_millis(40)).await;
    }

    assert!((8..=16).contains(&shared.exchanges()), "{} in 10 s", shared.exchanges());
    assert!(waited.iter().all(|wait| *wait < Duration::from_millis(100)), "{waited:?}");
    assert_eq!(sharing(&spotify), Some(Sharing::Free));
    let told: u32 = shared.told().iter().map(|told| told.succeeded).sum();
    assert!((170..=200).contains(&told), "{told}");
}

#[tokio::test]
async fn an_idle_process_sends_nothing() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let shared = FakeSharedLimit::new();
    let spotify = process(&fake, shared.clone());
    assert_eq!(shared.exchanges(), 0);
    run(&time, track(&spotify)).await;
    let exchanges = shared.exchanges();

    for _ in 0..60 {
        time.advance(Duration::from_secs(1)).await;
        time.settle().await;
    }

    assert_eq!(shared.exchanges(), exchanges);
}

#[tokio::test]
async fn a_silent_store_is_waited_for_200_ms_and_then_for_nothing() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let shared = FakeSharedLimit::new();
    shared.fall_silent();
    let spotify = process(&fake, shared.clone());

    let first = run(&time, track(&spotify)).await;
    let second = run(&time, track(&spotify)).await;

    assert!(first <= Duration::from_millis(250), "{first:?}");
    assert!(second <= Duration::from_millis(50), "{second:?}");
    assert_eq!(sharing(&spotify), Some(Sharing::Alone));
}

#[tokio::test]
async fn a_store_that_fails_or_panics_is_one_that_is_silent() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let broken = Scripted::new(|_| panic!("a bug in the store"));
    let spotify = process(&fake, broken);

    let first = run(&time, track(&spotify)).await;

    assert!(first <= Duration::from_millis(500), "{first:?}");
    assert_eq!(sharing(&spotify), Some(Sharing::Alone));
}

/// Two share ten a second.
#[tokio::test]
async fn alone_it_keeps_to_its_share_of_the_last_rate() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = process(&fake, paced_then_silent(10.0, 3));
    for _ in 0..3 {
        run(&time, track(&spotify)).await;
    }
    assert_eq!(sharing(&spotify), Some(Sharing::Paced));
    let began = Instant::now();

    for call in (0..25).map(|_| track(&spotify)).collect::<Vec<_>>() {
        run(&time, call).await;
    }

    let took = began.elapsed().as_secs_f64();
    assert_eq!(sharing(&spotify), Some(Sharing::Alone));
    assert!((4.5..6.0).contains(&took), "25 at 5 a second: {took}");
}

#[tokio::test]
async fn a_process_that_was_alone_rejoins_and_brings_the_last_rate_along() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let last_rates = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&last_rates);
    let mut asked = 0;
    let spotify = process(
        &fake,
        Scripted::new(move |told| {
            asked += 1;
            log.lock().unwrap().push(told.last_rate);
            let step = Duration::from_millis(100);
            let granted = Granted::default().with_rate(10.0, 1).with_starts(1, step, step);
            (asked == 1 || asked > 3).then_some(granted)
        }),
    );
    run(&time, track(&spotify)).await;
    run(&time, track(&spotify)).await;
    assert_eq!(sharing(&spotify), Some(Sharing::Alone));
    let began = Instant::now();

    while sharing(&spotify) == Some(Sharing::Alone) && began.elapsed() < Duration::from_secs(10) {
        run(&time, track(&spotify)).await;
    }

    // The third exchange is not responded to either; after it, the fourth is at most 1.5 s away.
    assert!(began.elapsed() <= Duration::from_millis(3500), "{:?}", began.elapsed());
    assert_eq!(last_rates.lock().unwrap()[..4], [None, None, Some(10.0), Some(10.0)]);
}

#[tokio::test]
async fn a_closing_ends_the_starts_that_were_granted_before_it() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let mut asked = 0;
    let spotify = process(
        &fake,
        Scripted::new(move |_| {
            asked += 1;
            let (second, later) = (Duration::from_secs(1), Duration::from_secs(2));
            let granted = Granted::default().with_rate(1.0, 1);
            Some(match asked {
                1 => granted.with_starts(5, later, second),
                2 => granted.with_closing(1, Duration::from_secs(30)),
                _ => granted.with_closing(1, Duration::ZERO).with_starts(5, second, second),
            })
        }),
    );

    // The first start is confirmed when it comes, since it is more than a second away.
    let waited = run(&time, track(&spotify)).await.as_secs_f64();

    assert!((32.5..34.0).contains(&waited), "{waited}");
}

#[tokio::test]
async fn what_a_store_grants_is_not_believed_blindly() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let nonsense = Scripted::new(|_| {
        let granted = Granted::default().with_rate(f64::NAN, 0).with_come_back_in(Duration::MAX);
        Some(granted.with_closing(u64::MAX, Duration::ZERO))
    });
    run(&time, track(&process(&fake, nonsense))).await;
    let endless = Scripted::new(|_| Some(Granted::default().with_closing(7, Duration::MAX)));
    let spotify = process(&fake, endless);
    // It is asked again when a window is over.
    let error = time.run_by(STEP * 50, track(&spotify)).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
    let empty = Scripted::new(|_| Some(Granted::default().with_rate(1e300, 1)));
    let spotify = process(&fake, empty);
    let call = track(&spotify);
    for _ in 0..100 {
        time.settle().await;
        time.advance(STEP).await;
    }
    assert!(!call.is_finished(), "no start was granted");
    call.abort();
}

/// As the example of the trait.
#[tokio::test]
async fn the_documented_store_paces() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let ten_each = Scripted::new(|told| {
        let (granted, tenth) = (Granted::default().with_rate(10.0, 1), Duration::from_millis(100));
        Some(granted.with_starts(told.starts.min(1), tenth, tenth))
    });
    let spotify = process(&fake, ten_each);
    let began = Instant::now();
    for call in (0..50).map(|_| track(&spotify)).collect::<Vec<_>>() {
        run(&time, call).await;
    }
    let took = began.elapsed().as_secs_f64();
    assert!((4.5..7.0).contains(&took), "50 at 10 a second: {took}");
}

#[tokio::test]
async fn a_rate_that_no_limit_has_counts_as_the_slowest() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    for rate in [1e-15, 5e-324, 0.0, -1.0] {
        let spotify = process(
            &fake,
            Scripted::new(move |told| {
                let granted = Granted::default().with_rate(rate, u32::MAX);
                Some(match told.starts {
                    0 => granted,
                    _ => granted.with_come_back_in(Duration::from_secs(1)),
                })
            }),
        );
        let calls: Vec<_> = (0..12).map(|_| track(&spotify)).collect();
        for call in calls {
            let error = time.run_by(STEP * 100, call).await.unwrap_err();
            let retry_after = error.retry_after().unwrap();
            assert!(retry_after < Duration::from_secs(400), "{rate}: {retry_after:?}");
        }
        assert_eq!(spotify.stats().rate_limit.app.rate, Some(0.1), "{rate}");
    }
}

/// What it says is true again a moment later.
#[tokio::test]
async fn a_store_that_is_wrong_once_is_asked_again_soon() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let hour = Duration::from_secs(3600);
    let wrong: [fn(Granted, u32) -> Granted; 4] = [
        |granted, starts| granted.with_starts(starts, Duration::from_secs(3600), Duration::ZERO),
        |granted, starts| granted.with_starts(starts, Duration::ZERO, Duration::from_secs(3600)),
        |granted, _| granted.with_closing(1, Duration::from_secs(3600)),
        |granted, _| granted.with_come_back_in(Duration::MAX),
    ];
    for wrong in wrong {
        let mut asked = 0;
        let store = Scripted::new(move |told| {
            asked += 1;
            let (granted, tenth) = (Granted::default().with_rate(10.0, 1), hour / 36_000);
            Some(match asked {
                2 => wrong(granted, told.starts),
                _ => granted.with_starts(told.starts.min(10), Duration::ZERO, tenth),
            })
        });
        let spotify = process(&fake, store);
        let began = Instant::now();
        for call in (0..30).map(|_| track(&spotify)).collect::<Vec<_>>() {
            run(&time, call).await;
        }
        assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn what_is_reopened_is_asked_for_anew() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let mut asked = 0;
    let store = Scripted::new(move |_| {
        asked += 1;
        let granted = Granted::default();
        Some(match asked {
            1 => granted.with_rate(0.1, 9).with_come_back_in(Duration::from_secs(10)),
            _ => granted,
        })
    });
    let spotify = process(&fake, store);
    let call = track(&spotify);
    for _ in 0..5 {
        time.settle().await;
        time.advance(STEP).await;
    }
    assert_eq!(sharing(&spotify), Some(Sharing::Paced));

    spotify.rate_limiter().unwrap().reopen();

    let waited = run(&time, call).await;
    assert!(waited < Duration::from_millis(500), "{waited:?}");
    assert_eq!(sharing(&spotify), Some(Sharing::Free));
}

/// Both want all that there is.
#[tokio::test]
async fn two_limiters_share_a_limit_evenly_and_are_rarely_refused() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    fake.limit(FakeLimit::rolling(120, Duration::from_secs(30)));
    let shared = FakeSharedLimit::new();
    let counts: Arc<Mutex<[u32; 2]>> = Arc::default();
    let processes: Vec<_> = (0..2).map(|_| process(&fake, shared.clone())).collect();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (spotify, counts) = (processes[task % 2].clone(), Arc::clone(&counts));
            tokio::spawn(async move {
                while spotify.get::<Value>(&format!("tracks/{TRACK}")).await.is_ok() {
                    counts.lock().unwrap()[task % 2] += 1;
                }
            })
        })
        .collect();
    let run_for = async |seconds: u64| {
        for _ in 0..seconds * 10 {
            time.settle().await;
            time.advance(Duration::from_millis(100)).await;
        }
    };
    run_for(60).await;
    let refused = fake.limited_requests();
    *counts.lock().unwrap() = [0, 0];

    run_for(60).await;

    tasks.iter().for_each(JoinHandle::abort);
    let [one, other] = *counts.lock().unwrap();
    println!("{one} and {other}, refused {refused} and {}", fake.limited_requests() - refused);
    assert!(one + other >= 216, "nine tenths of 240: {one} + {other}");
    assert!(one.abs_diff(other) * 5 <= one + other, "{one} and {other}");
    assert!(fake.limited_requests() - refused <= 5, "{}", fake.limited_requests() - refused);
}
