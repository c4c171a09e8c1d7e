//! What a call comes to where the server or its user misbehaves: quotas, waits that do not fit,
//! bodies that are missing, redirects of writes, observers that panic.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use spotify_web::api::{CallReport, PlaylistDetails, PlaylistReorder};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::time::Instant;

use crate::common::{ALBUM, PLAYLIST, PausedTime, TRACK, by_tokio_clock};

type Reports = Arc<Mutex<Vec<CallReport>>>;

async fn observed(
    change: impl FnOnce(SpotifyClientConfig) -> SpotifyClientConfig,
) -> (FakeSpotify, SpotifyClient, Reports) {
    let fake = FakeSpotify::start().await.unwrap();
    let reports = Reports::default();
    let log = Arc::clone(&reports);
    let config = by_tokio_clock(fake.config().with_token(fake.user_token()));
    let config = config.with_observer(move |report| log.lock().unwrap().push(report.clone()));
    (fake, SpotifyClient::new(change(config)).unwrap(), reports)
}

/// Whichever layers there are, and whatever the wait: nobody waits for a quota.
#[tokio::test]
async fn a_quota_that_is_used_up_fails_at_once_with_its_reason() {
    let layers: [fn(SpotifyClientConfig) -> SpotifyClientConfig; 3] = [
        |config| config,
        SpotifyClientConfig::without_rate_limiter,
        |config| config.without_retries().without_rate_limiter(),
    ];
    for change in layers {
        for wait in [None, Some("0"), Some("2"), Some("86400")] {
            let (fake, spotify, reports) = observed(change).await;
            let quota = json!({ "error": { "status": 429, "reason": "QUOTA_EXCEEDED" } });
            let quota = FakeResponse::json(429, &quota);
            fake.next_api(match wait {
                Some(wait) => quota.with_header("retry-after", wait),
                None => quota,
            });

            let error = spotify.tracks().get(TRACK).retries(5).await.unwrap_err();

            let Error::RateLimited { reason, .. } = &error else { panic!("{error:?}") };
            assert_eq!(reason.as_deref(), Some("QUOTA_EXCEEDED"), "{wait:?}");
            assert!(!error.may_have_been_carried_out());
            assert_eq!(fake.api_requests(), 1, "{wait:?}");
            let report = reports.lock().unwrap().pop().unwrap();
            assert_eq!(report.reason.as_deref(), Some("QUOTA_EXCEEDED"));
            assert_eq!(report.status.map(|status| status.as_u16()), Some(429));
            assert_eq!(report.attempts, 1);
        }
    }
}

#[tokio::test]
async fn a_quota_ends_a_write_and_a_list_as_well() {
    let (fake, spotify, reports) = observed(SpotifyClientConfig::without_rate_limiter).await;
    let quota = json!({ "error": { "status": 429, "reason": "QUOTA_EXCEEDED" } });
    fake.next_api(FakeResponse::json(429, &quota).with_header("retry-after", "1"));
    fake.next_api(FakeResponse::json(429, &quota).with_header("retry-after", "1"));

    let written = spotify.player().next().await.unwrap_err();
    let listed = spotify.albums().tracks(ALBUM).all().await.unwrap_err();

    for error in [written, listed] {
        assert!(matches!(error, Error::RateLimited { reason: Some(_), .. }), "{error:?}");
    }
    assert_eq!(fake.api_requests(), 2);
    assert!(reports.lock().unwrap().iter().all(|report| report.reason.is_some()));
}

/// Another word is no quota: the wait is waited for, whatever the layers.
#[tokio::test]
async fn a_429_with_another_reason_is_retried() {
    let time = PausedTime::pause();
    let (fake, spotify, _) = observed(SpotifyClientConfig::without_rate_limiter).await;
    let other = json!({ "error": { "status": 429, "reason": "QUOTA_EXCEEDED_SOON" } });
    fake.next_api(FakeResponse::json(429, &other).with_header("retry-after", "1"));

    let request = spotify.tracks().get(TRACK);
    time.run(tokio::spawn(async move { request.await })).await.unwrap();

    assert_eq!(fake.api_requests(), 2);
}

/// Whatever asks for the wait: the retry layer's server, the limiter's server, or the limiter
/// itself.
#[tokio::test]
async fn a_deadline_that_is_shorter_than_a_known_wait_fails_at_once_with_that_wait() {
    let time = PausedTime::pause();
    let layers: [fn(SpotifyClientConfig) -> SpotifyClientConfig; 2] =
        [|config| config, SpotifyClientConfig::without_rate_limiter];
    for change in layers {
        for status in [429, 503, 502, 408] {
            let (fake, spotify, reports) = observed(change).await;
            fake.next_api(FakeResponse::status(status).with_header("retry-after", "30"));
            let began = Instant::now();

            let request = spotify.tracks().get(TRACK).deadline(Duration::from_secs(10));
            let call = tokio::spawn(async move { request.await.map(drop) });
            let error = time.run(call).await.unwrap_err();

            assert!(began.elapsed() < Duration::from_secs(1), "{status}: {:?}", began.elapsed());
            let wait = error.retry_after().unwrap();
            assert!((28..=30).contains(&wait.as_secs()), "{status}: {wait:?}");
            assert_eq!(error.status().unwrap().as_u16(), status, "{error:?}");
            assert_eq!(fake.api_requests(), 1);
            assert_eq!(reports.lock().unwrap()[0].status, error.status());
        }
    }
    let (fake, spotify, _) = observed(|config| config).await;
    spotify.rate_limiter().unwrap().close_for(Duration::from_secs(30));
    let request = spotify.albums().tracks(ALBUM).deadline(Duration::from_secs(10)).all();
    let error = time.run(tokio::spawn(request.into_future())).await.unwrap_err();
    assert!((28..=30).contains(&error.retry_after().unwrap().as_secs()), "{error:?}");
    assert_eq!(fake.api_requests(), 0);
}

#[tokio::test]
async fn a_deadline_that_is_longer_than_the_wait_waits() {
    let time = PausedTime::pause();
    for status in [429, 503] {
        let (fake, spotify, _) = observed(|config| config).await;
        fake.next_api(FakeResponse::status(status).with_header("retry-after", "5"));
        let request = spotify.tracks().get(TRACK).deadline(Duration::from_secs(60));
        time.run(tokio::spawn(async move { request.await.map(drop) })).await.unwrap();
        assert_eq!(fake.api_requests(), 2, "{status}");
    }
}

/// Every write that has a value to return, with every way not to send it.
#[tokio::test]
async fn a_write_whose_status_came_is_done_whatever_becomes_of_its_body() {
    let track = format!("spotify:track:{TRACK}");
    for (status, body) in [
        (200, &b""[..]),
        (201, b"{\"snapshot_id\": \"abc"),
        (201, b"[]"),
        (204, b""),
        (202, b"<html></html>"),
        (200, b"{\"snapshot_id\": 5}"),
        (299, b"\xff\xfe"),
    ] {
        let (fake, spotify, _) = observed(|config| config).await;
        let playlists = spotify.playlists();
        let next = || fake.next_api(FakeResponse::body(status, "application/json", body));
        let mut errors = Vec::new();
        next();
        errors.push(playlists.add_items(PLAYLIST, [&track]).await.unwrap_err());
        next();
        errors.push(playlists.replace_items(PLAYLIST, [&track]).await.unwrap_err());
        next();
        errors.push(playlists.remove_items(PLAYLIST, [&track]).await.unwrap_err());
        next();
        let reorder = PlaylistReorder::new(1, 0);
        errors.push(playlists.reorder_items(PLAYLIST, &reorder).await.unwrap_err());
        next();
        errors.push(spotify.post::<u32>("new/thing").await.unwrap_err());

        for error in errors {
            assert!(matches!(error, Error::CarriedOut { .. }), "{status} {body:?}: {error:?}");
            assert!(error.may_have_been_carried_out() && !error.is_transient());
            assert_eq!(error.status().unwrap().as_u16(), status);
        }
        assert_eq!(fake.api_requests(), 5, "nothing is sent again");
        next();
        playlists.change(PLAYLIST, &PlaylistDetails::new().name("new")).await.unwrap();
    }
}

/// The body never comes: the attempt's time-out ends it, and the write is done all the same.
#[tokio::test]
async fn a_body_that_never_comes_does_not_undo_a_write() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, mut arrived) = tokio::sync::mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await.unwrap();
            stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
            sender.send(()).unwrap();
            open.push(stream);
        }
    });
    let config = SpotifyClientConfig::default().with_base_url(base).with_token("token");
    let spotify = SpotifyClient::new(config).unwrap();

    let request = spotify.put::<Value>("new/thing").timeout(Duration::from_millis(200));
    let error = request.await.unwrap_err();

    assert!(matches!(error, Error::CarriedOut { .. }), "{error:?}");
    assert_eq!(error.status().unwrap().as_u16(), 201);
    assert!(arrived.try_recv().is_ok() && arrived.try_recv().is_err(), "sent once");
    server.abort();
}

#[tokio::test]
async fn no_write_becomes_a_read_and_none_changes_its_method_by_a_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let (fake, spotify, _) = observed(|config| config).await;
        let there = format!("{}me/player/elsewhere", fake.base_url());
        let redirect = || FakeResponse::status(status).with_header("location", &there);
        let mut results = Vec::new();
        fake.next_api(redirect());
        results.push(spotify.post::<Value>("new/thing").json(&json!({ "a": 1 })).await);
        fake.next_api(redirect());
        results.push(spotify.put::<Value>("new/thing").json(&json!({ "a": 1 })).await);
        fake.next_api(redirect());
        results.push(spotify.delete::<Value>("new/thing").json(&json!({ "a": 1 })).await);

        let requests = fake.requests();
        assert!(requests.iter().all(|request| request.method != "GET"), "{status}: {requests:?}");
        let keeps_method = matches!(status, 307 | 308);
        assert_eq!(requests.len(), if keeps_method { 6 } else { 3 }, "{status}");
        assert!(requests.iter().all(|request| request.body == r#"{"a":1}"#), "{status}");
        for result in results {
            let error = result.unwrap_err();
            let is_redirect = error.status().unwrap().is_redirection();
            assert_eq!(is_redirect, !keeps_method, "{error:?}");
            assert_eq!(error.may_have_been_carried_out(), !keeps_method, "{error:?}");
        }
    }
}

/// Panics, and panics again when what it panicked with is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

#[tokio::test]
async fn an_observer_may_panic_in_every_way_at_every_end_of_a_call() {
    let fake = FakeSpotify::start().await.unwrap();
    let config = fake.config_with_credentials().without_retries();
    let panics: [fn(&CallReport); 3] =
        [|_| panic!("a text"), |_| std::panic::panic_any(5), |_| std::panic::panic_any(Bomb)];
    for panics in panics {
        let spotify = SpotifyClient::new(config.clone().with_observer(panics)).unwrap();
        spotify.tracks().get(TRACK).await.unwrap();
        fake.next(404);
        let error = spotify.tracks().get(TRACK).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), 404);
        let items = spotify.playlists().items(PLAYLIST).limit(50).stream().concurrency(2);
        assert_eq!(items.filter(|item| std::future::ready(item.is_ok())).count().await, 119);
        let deadline = spotify.tracks().get(TRACK).deadline(Duration::ZERO).await.unwrap_err();
        assert!(matches!(deadline, Error::DeadlineExceeded { .. }));
        // Given up: dropped while it is under way.
        fake.next_api(FakeResponse::never());
        let sent = fake.api_requests();
        let call = tokio::spawn(spotify.tracks().get(TRACK).send());
        while fake.api_requests() == sent {
            tokio::task::yield_now().await;
        }
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled(), "the task did not panic");
    }
}
