//! Endpoints that are closed and opened by hand, and closings by hand of all apps over a restart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::middleware::{Closing, Closings, LimitKind, RateLimitOptions, RateLimiter};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient};

use crate::common::{ARTIST, PausedTime, TRACK, TokioClock};

const HOUR: Duration = Duration::from_secs(3600);

fn limiter() -> RateLimiter {
    // By the system's clock a busy machine looks like a laptop that slept.
    RateLimiter::new(RateLimitOptions::default().with_clock(TokioClock::new()))
}

fn client_of(fake: &FakeSpotify, client_id: &str, limiter: &RateLimiter) -> SpotifyClient {
    let app = CredentialsAuthenticator::new(client_id, "secret");
    let config = fake.config().with_authenticator(app);
    SpotifyClient::new(config.with_rate_limiter(limiter.clone())).unwrap()
}

/// What a call waits for in vain, to a track and to an artist.
async fn limits(time: &PausedTime, spotify: &SpotifyClient) -> [Option<LimitKind>; 2] {
    let (track, artist) = (spotify.tracks().get(TRACK), spotify.artists().get(ARTIST));
    let track = time.run(tokio::spawn(async move { track.await })).await.err();
    let artist = time.run(tokio::spawn(async move { artist.await })).await.err();
    [track, artist].map(|error| match error? {
        Error::RateLimited { limit, .. } => limit,
        error => panic!("{error:?}"),
    })
}

fn restarted(limiter: &RateLimiter) -> RateLimiter {
    let stored = serde_json::to_string(&limiter.closings()).unwrap();
    let restarted = self::limiter();
    restarted.restore(&serde_json::from_str::<Closings>(&stored).unwrap());
    restarted
}

const BY_HAND: Option<LimitKind> = Some(LimitKind::ByHand);
const TRACKS_BY_HAND: [Option<LimitKind>; 2] = [Some(LimitKind::EndpointByHand), None];

#[tokio::test]
async fn an_endpoint_is_closed_and_opened_by_hand_for_all_apps() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = limiter();
    let before = client_of(&fake, "before", &limiter);
    limiter.close_endpoint_for("GET /v1/tracks/{id}", HOUR).unwrap();
    let after = client_of(&fake, "after", &limiter);

    for spotify in [&before, &after] {
        assert_eq!(limits(&time, spotify).await, TRACKS_BY_HAND);
    }
    let error = time.run({
        let request = before.tracks().get(TRACK);
        tokio::spawn(async move { request.await })
    });
    let text = error.await.unwrap_err().to_string();
    assert!(text.contains("was not sent: the endpoint was closed by hand; retry in 36"), "{text}");

    limiter.reopen_endpoint("get /v1/tracks/17").unwrap();

    for spotify in [before, after, client_of(&fake, "later", &limiter)] {
        assert_eq!(limits(&time, &spotify).await, [None; 2]);
    }
}

#[tokio::test]
async fn an_endpoint_of_one_app_is_no_others() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = limiter();
    let (one, other) = (client_of(&fake, "one", &limiter), client_of(&fake, "other", &limiter));

    one.rate_limiter().unwrap().close_endpoint_for("GET /v1/tracks/{}", HOUR).unwrap();

    assert_eq!(limits(&time, &one).await, TRACKS_BY_HAND);
    assert_eq!(limits(&time, &other).await, [None; 2]);
    let restarted = restarted(&limiter);
    assert_eq!(limits(&time, &client_of(&fake, "one", &restarted)).await, TRACKS_BY_HAND);
    assert_eq!(limits(&time, &client_of(&fake, "other", &restarted)).await, [None; 2]);
}

#[tokio::test]
async fn an_endpoint_opens_by_hand_whoever_closed_it_and_not_while_its_app_is_closed() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = limiter();
    let spotify = client_of(&fake, "app", &limiter);
    fake.next_api(FakeResponse::status(429).with_header("retry-after", "80000"));
    assert_eq!(limits(&time, &spotify).await, [Some(LimitKind::Endpoint), None]);

    limiter.reopen_endpoint("GET /v1/tracks/{}").unwrap();

    assert_eq!(limits(&time, &spotify).await, [None; 2]);
    limiter.close_for(HOUR);
    limiter.reopen_endpoint("GET /v1/tracks/{}").unwrap();
    assert_eq!(limits(&time, &spotify).await, [BY_HAND; 2]);
}

#[tokio::test]
async fn the_longer_closing_of_an_endpoint_says_whose_it_is() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = limiter();
    let spotify = client_of(&fake, "app", &limiter);
    fake.next_api(FakeResponse::status(429).with_header("retry-after", "7200"));
    assert_eq!(limits(&time, &spotify).await, [Some(LimitKind::Endpoint), None]);

    for (hours, expected) in
        [(0, LimitKind::Endpoint), (1, LimitKind::Endpoint), (3, LimitKind::EndpointByHand)]
    {
        limiter.close_endpoint_for("GET /v1/tracks/{}", hours * HOUR).unwrap();
        assert_eq!(limits(&time, &spotify).await, [Some(expected), None], "{hours} hours");
    }
}

/// As a request that was under way when the endpoint was closed by hand, and is refused for longer.
#[tokio::test]
async fn a_longer_closing_of_the_server_is_no_longer_one_by_hand() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let by_hand = limiter();
    by_hand.for_app(Some("app")).close_endpoint_for("GET /v1/tracks/{}", HOUR).unwrap();
    let mut closings = by_hand.closings();
    let mut longer = closings.closings[0].clone();
    (longer.until, longer.is_by_hand) = (longer.until + HOUR, false);
    closings.closings.push(longer);
    let limiter = limiter();
    limiter.restore(&closings);

    let limits = limits(&time, &client_of(&fake, "app", &limiter)).await;

    assert_eq!(limits, [Some(LimitKind::Endpoint), None]);
}

#[tokio::test]
async fn a_closing_of_no_length_slows_down_no_endpoint() {
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = limiter();
    let spotify = client_of(&fake, "app", &limiter);
    limiter.close_endpoint_for("GET /v1/tracks/{}", Duration::ZERO).unwrap();
    assert!(limiter.closings().closings.is_empty());
    let calls = (0..8).map(|_| spotify.tracks().get(TRACK).max_wait(Duration::ZERO).into_future());
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
}

#[test]
fn what_names_no_endpoint_is_an_error() {
    for name in ["", "tracks", "/v1/tracks", "GET tracks", "GET"] {
        let error = limiter().close_endpoint_for(name, HOUR).unwrap_err();
        assert_eq!(error.name, name);
        assert!(error.to_string().contains("GET /v1/tracks/{id}"), "{error}");
        limiter().reopen_endpoint(name).unwrap_err();
    }
}

/// Beyond a number of endpoints the others share a limit.
#[tokio::test]
async fn an_endpoint_of_too_many_is_closed_and_opened_by_its_name_as_well() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = limiter();
    let spotify = client_of(&fake, "app", &limiter);
    for number in 0..256 {
        limiter.close_endpoint_for(&format!("GET /v1/x{number}"), HOUR).unwrap();
    }
    assert_eq!(limits(&time, &spotify).await, [None; 2]);
    limiter.close_endpoint_for("GET /v1/tracks/{}", HOUR).unwrap();
    assert_eq!(limits(&time, &spotify).await[0], Some(LimitKind::EndpointByHand));

    limiter.reopen_endpoint("GET /v1/tracks/{}").unwrap();

    assert_eq!(limits(&time, &spotify).await, [None; 2]);
}

/// The program was stopped before it had made a client.
#[tokio::test]
async fn what_was_closed_for_all_apps_before_there_was_a_client_is_so_after_a_restart() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let closed = limiter();
    closed.close_for(HOUR);
    let tracks_closed = limiter();
    tracks_closed.close_endpoint_for("GET /v1/tracks/{}", HOUR).unwrap();

    let closed = restarted(&restarted(&closed));
    let tracks_closed = restarted(&restarted(&tracks_closed));

    let spotify = client_of(&fake, "app", &closed);
    assert_eq!(limits(&time, &spotify).await, [BY_HAND; 2]);
    let spotify = client_of(&fake, "app", &tracks_closed);
    assert_eq!(limits(&time, &spotify).await, TRACKS_BY_HAND);
    assert_eq!(fake.api_requests(), 1, "the artist");
    closed.reopen();
    assert_eq!(limits(&time, &client_of(&fake, "app", &closed)).await, [None; 2]);
    assert!(closed.closings().closings.is_empty());
}

/// By hand it is closed for as long as was said, whatever of a `Retry-After` is believed.
#[tokio::test]
async fn an_endpoint_is_carried_over_as_long_as_it_was_closed() {
    let limiter = limiter();
    limiter.close_endpoint_for("GET /v1/tracks/{}", 24 * 30 * HOUR).unwrap();
    let restarted = restarted(&limiter);
    assert!(restarted.stats().closed_for() > 24 * 29 * HOUR, "{:?}", restarted.stats());
}

/// What a listener is told: the endpoint, and for how many seconds it is closed.
#[tokio::test]
async fn a_closing_after_a_reopening_is_told_though_the_one_before_was_longer() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let options = RateLimitOptions::default().with_clock(TokioClock::new());
    let limiter = RateLimiter::new(options.with_listener(move |closing| {
        tell.lock().unwrap().push(closing.endpoint.clone());
    }));
    let app = limiter.for_app(Some("app"));

    app.close_for(HOUR);
    app.reopen();
    app.close_for(HOUR / 3);
    app.reopen();
    app.close_endpoint_for("GET /v1/search", HOUR).unwrap();
    app.reopen_endpoint("GET /v1/search").unwrap();
    app.close_endpoint_for("GET /v1/search", HOUR / 3).unwrap();

    let search = || Some("GET /v1/search".to_owned());
    assert_eq!(*told.lock().unwrap(), [None, None, search(), search()]);
}

/// An app is closed for a window at a time, and looked at then; see the guide.
#[tokio::test]
async fn a_closing_of_the_app_by_the_server_is_carried_over_for_a_window_at_most() {
    let limiter = limiter().for_app(Some("app"));
    limiter.close_for(300 * 24 * HOUR);
    let mut closings = limiter.closings();
    closings.closings.iter_mut().for_each(|closing| closing.is_by_hand = false);
    let restarted = self::limiter();

    restarted.restore(&closings);

    let closed = restarted.for_app(Some("app")).stats().closed_for();
    assert!(closed > Duration::ZERO && closed <= Duration::from_secs(30), "{closed:?}");
}

#[tokio::test]
async fn a_closing_by_hand_for_all_apps_is_one_and_is_told_once() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let options = RateLimitOptions::default().with_clock(TokioClock::new());
    let limiter = RateLimiter::new(options.with_listener(move |closing| {
        tell.lock().unwrap().push(closing.clone());
    }));
    let apps = ["one", "two"].map(|app| limiter.for_app(Some(app)));

    limiter.close_for(HOUR);
    limiter.close_endpoint_for("GET /v1/search", 2 * HOUR).unwrap();
    let later = limiter.for_app(Some("later"));

    let told = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(told.len(), 2, "{told:?}");
    for closings in [told, limiter.closings().closings] {
        assert_eq!(closings.len(), 2, "{closings:?}");
        let is_of_all = |it: &Closing| it.is_of_all_apps && it.is_by_hand && it.client_id.is_none();
        assert!(closings.iter().all(is_of_all), "{closings:?}");
    }
    for app in apps.iter().chain([&later]) {
        assert!(app.stats().closed_for() > HOUR, "{:?}", app.stats());
    }
    // One that is closed for longer, or by another, is an entry of its own.
    apps[0].close_for(3 * HOUR);
    let of_it = limiter.closings().closings.into_iter().filter(|it| it.client_id.is_some());
    assert_eq!(of_it.count(), 1);
}

/// What was closed for all, for one of them again after it was reopened.
#[tokio::test]
async fn an_app_that_was_reopened_is_told_of_and_carried_over_by_itself() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let options = RateLimitOptions::default().with_clock(TokioClock::new());
    let limiter = RateLimiter::new(options.with_listener(move |closing| {
        tell.lock().unwrap().push((closing.client_id.clone(), closing.endpoint.clone()));
    }));
    let [one, two] = ["one", "two"].map(|app| limiter.for_app(Some(app)));
    let closed_for = |limiter: &RateLimiter, app| limiter.for_app(Some(app)).stats().closed_for();
    let search = "GET /v1/search";

    limiter.close_for(HOUR);
    one.reopen();
    let again = restarted(&limiter);
    assert_eq!(closed_for(&again, "one"), Duration::ZERO);
    assert!(closed_for(&again, "two") > HOUR / 2);

    limiter.close_for(HOUR / 2);
    let again = restarted(&limiter);
    assert!(closed_for(&again, "one") > HOUR / 3 && closed_for(&again, "one") <= HOUR / 2);
    assert!(closed_for(&again, "two") > HOUR / 2);

    limiter.reopen();
    limiter.close_endpoint_for(search, HOUR).unwrap();
    two.reopen_endpoint(search).unwrap();
    limiter.close_endpoint_for(search, HOUR / 2).unwrap();
    two.reopen();
    let again = restarted(&limiter);
    assert!(closed_for(&again, "one") > HOUR / 2);
    assert_eq!(closed_for(&again, "two"), Duration::ZERO);

    let [app, search] = [None, Some(search.to_owned())];
    let expected = [(None, app.clone()), (Some("one".to_owned()), app)];
    let of_search = [(None, search.clone()), (Some("two".to_owned()), search)];
    assert_eq!(*told.lock().unwrap(), [expected, of_search].concat());
}

/// On one thread.
#[tokio::test]
async fn who_calls_again_and_again_while_it_is_closed_keeps_no_other_task_from_opening_it() {
    let fake = FakeSpotify::start().await.unwrap();
    let limiter = limiter();
    let config = fake.config().with_token("token").with_rate_limiter(limiter.clone());
    let spotify = SpotifyClient::new(config).unwrap();
    limiter.close_for(HOUR);
    tokio::spawn(async move { limiter.reopen() });

    for _ in 0..100 {
        if !matches!(spotify.tracks().get(TRACK).await, Err(Error::RateLimited { .. })) {
            return;
        }
    }
    panic!("still closed");
}
