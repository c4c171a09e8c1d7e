//! Everything goes wrong at once: seeded faults between client and fake, and what must hold all the
//! same.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spotify_web::auth::{AuthorizationCodeAuthenticator, TokenCacheOptions};
use spotify_web::model::TrackId;
use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient, Scope};
use spotify_web::testing::{FakeLimit, FakeSpotify, Fault, FaultProxy};
use spotify_web::{Error, SpotifyClient};
use tokio::runtime::Handle;
use tracing::subscriber::NoSubscriber;

use crate::common::{PLAYLIST, PausedTime, TRACK, TokioClock};

/// All faults but bodies that never end, which take megabytes each.
const FAULTS: [(Fault, f64); 13] = [
    (Fault::ResetBeforeRequest, 0.02),
    (Fault::ResetBeforeResponse, 0.02),
    (Fault::ResetInResponse, 0.02),
    (Fault::ResetAfterResponse, 0.02),
    (Fault::HalfBody, 0.02),
    (Fault::SlowBody, 0.01),
    (Fault::NoResponse, 0.002),
    (Fault::WrongContentType, 0.02),
    (Fault::GatewayError, 0.02),
    (Fault::ErrorAfterwards, 0.02),
    (Fault::RateLimited { retry_after: Some(1) }, 0.002),
    (Fault::RateLimited { retry_after: None }, 0.001),
    (Fault::Unauthorized, 0.001),
];

const TASKS: u64 = 32;

/// A request that breaks before it reaches the server is one that the limit has seen.
#[tokio::test]
async fn a_limit_of_the_proxy_counts_what_meets_another_fault() {
    let fake = FakeSpotify::start().await.unwrap();
    let proxy = FaultProxy::start(&fake, 7).await.unwrap();
    let config = proxy.config().with_token(fake.user_token()).without_rate_limiter();
    let spotify = SpotifyClient::new(config.without_retries()).unwrap();
    proxy.limit(FakeLimit::rolling(2, Duration::from_secs(3600)));
    proxy.next(Fault::ResetBeforeRequest);

    spotify.tracks().get(TRACK).await.unwrap_err();
    spotify.tracks().get(TRACK).await.unwrap();
    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
    assert_eq!((proxy.limited_requests(), fake.api_requests()), (1, 1));
}

#[tokio::test]
async fn five_thousand_requests_survive_all_faults() {
    survive(5_000, 7).await;
}

#[tokio::test]
#[ignore = "takes minutes; `cargo test --release -- --ignored hundred_thousand`"]
async fn a_hundred_thousand_requests_survive_all_faults() {
    survive(100_000, 11).await;
}

async fn survive(requests: u64, seed: u64) {
    // Another test may have plugged in one that hears everything.
    let _quiet = tracing::subscriber::set_default(NoSubscriber::new());
    let time = PausedTime::pause();
    let lifetime = Duration::from_secs(60);
    let fake = FakeSpotify::builder().with_token_lifetime(lifetime).start().await.unwrap();
    let proxy = FaultProxy::start(&fake, seed).await.unwrap();
    let tasks_alive = || Handle::current().metrics().num_alive_tasks();
    time.settle().await;
    let before = tasks_alive();
    let spotify = logged_in(&fake, &proxy).await;
    for (fault, share) in FAULTS {
        proxy.inject(fault, share);
        // That one would mean that the secret is wrong.
        if fault != Fault::Unauthorized {
            proxy.inject_into_tokens(fault, 0.01);
        }
    }
    let outcomes = Arc::new(Outcomes::default());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (spotify, outcomes) = (spotify.clone(), Arc::clone(&outcomes));
            let random = fastrand::Rng::with_seed(seed + task);
            tokio::spawn(work(spotify, outcomes, random, task, requests / TASKS))
        })
        .collect();
    for task in tasks {
        time.run_by(Duration::from_millis(250), task).await;
    }

    let (writes, retries) = (carried_out(&fake), spotify.stats().retries);
    println!("{requests} calls, {} requests, {retries} retries", proxy.api_requests());
    println!("{:?}, faults {:?}", outcomes.errors.lock().unwrap(), proxy.faults());
    assert_eq!(proxy.faults().len(), FAULTS.len(), "each fault was met");
    let twice: Vec<_> = writes.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "no write is carried out twice: {twice:?}");
    let (asked, confirmed) = outcomes.writes();
    assert!(confirmed.iter().all(|track| writes.contains_key(track)), "what was confirmed is done");
    assert!(writes.keys().all(|track| asked.contains(track)));
    assert_eq!(fake.expired_tokens(), 0);
    // Ten retries to begin with and one for ten calls; those that a 429 or a 401 asks for are free.
    let free: u64 = proxy
        .faults()
        .iter()
        .map(|(fault, count)| match fault {
            Fault::RateLimited { .. } | Fault::Unauthorized => *count,
            _ => 0,
        })
        .sum();
    let calls = outcomes.calls.load(Ordering::Relaxed);
    assert!(proxy.api_requests() <= calls + 10 + calls / 10 + free);
    let failed: u64 = outcomes.errors.lock().unwrap().values().sum();
    assert!(failed <= calls / 5, "{failed} of {calls} calls failed");

    // Callers that are gone leave nothing behind.
    drop(spotify);
    for _ in 0..100 {
        time.settle().await;
        time.advance(Duration::from_millis(100)).await;
    }
    assert_eq!(proxy.connections(), 0);
    assert_eq!(tasks_alive(), before);
}

/// A client of a user who has logged in, through the proxy.
async fn logged_in(fake: &FakeSpotify, proxy: &FaultProxy) -> SpotifyClient {
    let login = Login::authorization_code("id", "http://127.0.0.1/callback")
        .with_authorize_url(fake.authorize_url())
        .with_scopes([Scope::UserModifyPlaybackState])
        .begin()
        .unwrap();
    let code = login.finish(&fake.agree(login.url())).unwrap();
    let request = AuthorizationCodeRequest::confidential("id", "secret", code);
    let token = OAuthClient::new(&fake.config()).request_token(request).await.unwrap();
    let options = TokenCacheOptions::default().with_clock(TokioClock::new());
    let authenticator = AuthorizationCodeAuthenticator::new("id", "secret").with_options(options);
    authenticator.log_in(token).await.unwrap();
    let config = proxy.config().with_authenticator(authenticator);
    SpotifyClient::new(config.with_timeout(Duration::from_secs(5))).unwrap()
}

/// What came of the calls.
#[derive(Default)]
struct Outcomes {
    calls: AtomicU64,
    errors: Mutex<HashMap<String, u64>>,
    /// What was to be queued, and whether that was confirmed.
    queued: Mutex<Vec<(String, bool)>>,
}

impl Outcomes {
    /// A value, or an error of a kind that says what happened.
    async fn count<T>(&self, result: Result<T, Error>) -> Option<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let kind = match &error {
            Error::Transport { .. } => "transport".to_owned(),
            Error::Auth { .. } => {
                // Nothing is sent while no token can be obtained: a bot waits as long as it is told.
                let wait = error.retry_after().unwrap_or_default();
                tokio::time::sleep(wait.max(Duration::from_secs(5))).await;
                "authentication".to_owned()
            }
            Error::RateLimited { .. } => "rate limit".to_owned(),
            Error::Api { status, .. } if matches!(status.as_u16(), 401 | 502 | 503) => {
                format!("status {status}")
            }
            unexpected => panic!("{unexpected:?}"),
        };
        *self.errors.lock().unwrap().entry(kind).or_default() += 1;
        None
    }

    fn writes(&self) -> (Vec<String>, Vec<String>) {
        let queued = self.queued.lock().unwrap();
        let confirmed = queued.iter().filter(|(_, confirmed)| *confirmed);
        let confirmed = confirmed.map(|(track, _)| track.clone()).collect();
        (queued.iter().map(|(track, _)| track.clone()).collect(), confirmed)
    }
}

/// Reads a track, a page, or queues a track that no other task queues.
async fn work(
    spotify: SpotifyClient,
    outcomes: Arc<Outcomes>,
    mut random: fastrand::Rng,
    task: u64,
    calls: u64,
) {
    for call in 0..calls {
        match random.u8(..10) {
            0..7 => {
                let track = outcomes.count(spotify.tracks().get(TRACK).await).await;
                assert!(track.is_none_or(|track| track.name == "Cut To The Feeling"));
            }
            7 => {
                let page =
                    outcomes.count(spotify.playlists().items(PLAYLIST).limit(20).await).await;
                assert!(page.is_none_or(|page| page.items.len() == 20 && page.total == Some(120)));
            }
            _ => {
                let track = format!("{task:011}{call:011}");
                let id: TrackId = track.parse().unwrap();
                let queued =
                    outcomes.count(spotify.player().add_to_queue(id).await).await.is_some();
                outcomes.queued.lock().unwrap().push((track, queued));
            }
        }
    }
}

/// How often the fake queued which track. What it rejected it did not carry out.
fn carried_out(fake: &FakeSpotify) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    for request in fake.requests().iter().filter(|request| request.status < 300) {
        if let Some(uri) = request.parameter("uri") {
            let track: TrackId = uri.parse().unwrap();
            *counts.entry(track.to_string()).or_default() += 1;
        }
    }
    counts
}
