//! One way for a call: what is sent, what comes of it, and what its error says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use spotify_web::api::{CallOutcome, CallReport, IntoId, PlaylistDetails, StartPlayback};
use spotify_web::auth::{AuthError, Authenticator};
use spotify_web::middleware::RetryOptions;
use spotify_web::model::{AlbumId, PlayableItem, SpotifyUri, TrackId};
use spotify_web::testing::{FakeResponse, FakeSpotify, Fault, FaultProxy};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};

use crate::common::{ALBUM, PLAYLIST, PausedTime, TRACK, by_tokio_clock, plain, settle};

#[tokio::test]
async fn a_call_without_an_authenticator_says_so_and_sends_nothing() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config()).unwrap();

    let error = spotify.tracks().get(TRACK).await.unwrap_err();
    let listed = spotify.albums().tracks(ALBUM).all().await.unwrap_err();

    assert!(matches!(error, Error::NoAuthenticator { .. }), "{error:?}");
    assert!(matches!(listed, Error::NoAuthenticator { .. }), "{listed:?}");
    assert!(!error.is_transient() && !error.may_have_been_carried_out());
    assert!(fake.requests().is_empty());
    let user = spotify.for_user(spotify_web::auth::TokenAuthenticator::new("x")).unwrap();
    assert!(!matches!(user.tracks().get(TRACK).await, Err(Error::NoAuthenticator { .. })));
}

#[test]
fn a_call_outside_of_a_runtime_is_an_error_and_no_panic() {
    let config =
        SpotifyClientConfig::default().with_base_url("http://127.0.0.1:1/").with_token("x");
    for config in [config.clone(), config.with_deadline(Duration::from_secs(1))] {
        let spotify = SpotifyClient::new(config).unwrap();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut one = Box::pin(spotify.tracks().get(TRACK).send());
        let mut all = Box::pin(spotify.albums().tracks(ALBUM).all().into_future());
        let one = one.as_mut().poll(&mut context);
        let all = all.as_mut().poll(&mut context);
        assert!(matches!(one, std::task::Poll::Ready(Err(Error::NoRuntime { .. }))));
        assert!(matches!(all, std::task::Poll::Ready(Err(Error::NoRuntime { .. }))));
    }
}

/// A write is done when its status has come, whatever becomes of its body.
#[tokio::test]
async fn a_write_whose_status_came_is_done() {
    for (status, body) in [(200, ""), (201, "{\"snapshot"), (200, "null"), (202, "<html>")] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
        fake.next_api(FakeResponse::body(status, "application/json", body));
        fake.next_api(FakeResponse::body(status, "application/json", body));

        let track = format!("spotify:track:{TRACK}");
        let error = spotify.playlists().add_items(PLAYLIST, [&track]).await.unwrap_err();
        spotify.player().pause().await.unwrap();

        assert!(matches!(error, Error::CarriedOut { .. }), "{body}: {error:?}");
        assert!(error.may_have_been_carried_out() && !error.is_transient(), "{error:?}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
        assert_eq!(fake.api_requests(), 2, "nothing is sent again");
    }
}

/// Also one that could be retried: the status says that it need not be.
#[tokio::test]
async fn a_write_with_half_a_body_is_not_retried() {
    let fake = FakeSpotify::start().await.unwrap();
    let proxy = FaultProxy::start(&fake, 1).await.unwrap();
    let spotify = SpotifyClient::new(proxy.config().with_token(fake.user_token())).unwrap();
    for _ in 0..2 {
        fake.next_api(FakeResponse::json(
            200,
            &json!({ "snapshot_id": "long enough to be halved" }),
        ));
    }

    proxy.next(Fault::HalfBody);
    spotify.player().pause().await.unwrap();
    proxy.next(Fault::HalfBody);
    let track = format!("spotify:track:{TRACK}");
    let error = spotify.playlists().replace_items(PLAYLIST, [track]).await.unwrap_err();

    assert!(matches!(error, Error::CarriedOut { .. }), "{error:?}");
    assert_eq!(fake.api_requests(), 2);
}

#[tokio::test]
async fn errors_say_whether_the_request_may_have_been_carried_out() {
    for (status, read, write) in [
        (500, false, true),
        (501, false, false),
        (502, false, true),
        (503, false, true),
        (505, false, false),
        (400, false, false),
        (403, false, false),
        (408, false, true),
        (429, false, false),
        (303, false, true),
    ] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(plain(&fake).with_token(fake.user_token())).unwrap();
        fake.next(status);
        fake.next(status);
        let got = spotify.tracks().get(TRACK).await.unwrap_err();
        let posted = spotify.player().next().await.unwrap_err();
        assert_eq!(got.may_have_been_carried_out(), read, "GET {status}");
        assert_eq!(posted.may_have_been_carried_out(), write, "POST {status}");
        assert_eq!(got.is_transient(), posted.is_transient(), "{status}");
    }
}

/// 501 says that a retry is of no use, and is the same in each layer.
#[tokio::test]
async fn a_501_is_neither_transient_nor_retried() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    fake.next(501);

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert!(!error.is_transient());
    assert_eq!(fake.api_requests(), 1);
}

#[tokio::test]
async fn an_error_of_the_server_says_when_to_retry() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(plain(&fake)).unwrap();
    fake.next_api(FakeResponse::status(503).with_header("retry-after", "7"));

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_write_is_never_turned_into_a_read_by_a_redirect() {
    for status in [301, 302, 303] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
        let elsewhere = format!("{}me/player", fake.base_url());
        fake.next_api(FakeResponse::status(status).with_header("location", &elsewhere));

        let error = spotify.player().next().await.unwrap_err();

        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(fake.api_requests(), 1);
    }
}

#[tokio::test]
async fn a_read_follows_a_redirect_on_its_origin() {
    for status in [301, 302, 303, 307, 308] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
        let there = format!("/v1/tracks/{TRACK}");
        fake.next_api(FakeResponse::status(status).with_header("location", &there));

        let track = spotify.tracks().get("2TpxZ7JUBn3uw46aR7qd6V").await.unwrap();
        assert_eq!(track.id.unwrap().as_str(), TRACK, "{status}");

        for _ in 0..10 {
            fake.next_api(FakeResponse::status(status).with_header("location", &there));
        }
        assert!(spotify.tracks().get(TRACK).await.is_err(), "{status}: not for ever");
        fake.next_api(FakeResponse::status(status).with_header("location", "https://evil.test/"));
    }
}

/// A pause that would end after the deadline is not begun: the error is there at once.
#[tokio::test]
async fn a_deadline_that_is_shorter_than_the_pause_fails_at_once() {
    let fake = FakeSpotify::start().await.unwrap();
    let minute = Duration::from_secs(60);
    let backoff = spotify_web::Backoff::new(minute * 60, 1.0, minute * 60).unwrap();
    let config =
        fake.config_with_credentials().with_retries(RetryOptions::default().with_backoff(backoff));
    let spotify = SpotifyClient::new(config).unwrap();
    fake.next(503);

    let began = std::time::Instant::now();
    let error =
        spotify.tracks().get(TRACK).deadline(Duration::from_millis(1500)).await.unwrap_err();

    assert!(matches!(error, Error::Api { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(1), "it waited for its deadline");
}

#[tokio::test]
async fn a_deadline_that_passes_carries_the_last_error() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    let config = by_tokio_clock(fake.config_with_credentials());
    let spotify = SpotifyClient::new(config).unwrap();
    fake.next(502);
    fake.next_api(FakeResponse::never());

    let request = spotify.tracks().get(TRACK).deadline(Duration::from_secs(20));
    let error = time.run(tokio::spawn(async move { request.await.map(drop) })).await.unwrap_err();

    let Error::DeadlineExceeded { last, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(last.as_deref(), Some(Error::Api { .. })), "{last:?}");
    assert_eq!(error.status().unwrap().as_u16(), 502);
}

#[tokio::test]
async fn a_deadline_that_no_clock_reaches_is_none() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    spotify.tracks().get(TRACK).deadline(Duration::MAX).await.unwrap();
    let error = spotify.tracks().get(TRACK).deadline(Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, Error::DeadlineExceeded { .. }));
    assert_eq!(fake.api_requests(), 1);
}

/// Fails to sign.
#[derive(Debug)]
struct Broken;

#[async_trait::async_trait]
impl Authenticator for Broken {
    async fn apply(&self, _: &mut reqwest::Request) -> Result<(), AuthError> {
        Err(AuthError::permanent("no token"))
    }
}

fn observed(config: SpotifyClientConfig) -> (SpotifyClient, Arc<Mutex<Vec<CallReport>>>) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&reports);
    let observer = move |report: &CallReport| heard.lock().unwrap().push(report.clone());
    (SpotifyClient::new(config.with_observer(observer)).unwrap(), reports)
}

#[tokio::test]
async fn a_call_that_never_left_has_no_attempt() {
    let fake = FakeSpotify::start().await.unwrap();
    let (spotify, reports) = observed(fake.config().with_authenticator(Broken));

    spotify.tracks().get(TRACK).await.unwrap_err();

    let report = reports.lock().unwrap().pop().unwrap();
    assert_eq!((report.attempts, report.status), (0, None));
    assert_eq!(report.outcome, CallOutcome::Failed);
    assert_eq!(report.endpoint, "tracks/{}");
}

#[tokio::test]
async fn a_call_that_its_caller_gave_up_is_reported() {
    let fake = FakeSpotify::start().await.unwrap();
    let (spotify, reports) = observed(fake.config_with_credentials());
    spotify.tracks().get(TRACK).await.unwrap();
    fake.next_api(FakeResponse::never());

    let call = tokio::spawn(spotify.tracks().get(TRACK).send());
    while fake.api_requests() < 2 {
        settle().await;
    }
    call.abort();
    call.await.unwrap_err();

    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0].outcome, CallOutcome::Succeeded);
    assert_eq!((reports[1].outcome, reports[1].attempts), (CallOutcome::Abandoned, 1));
}

#[tokio::test]
async fn a_call_that_the_rate_limiter_did_not_send_is_reported_without_a_status() {
    let fake = FakeSpotify::start().await.unwrap();
    let (spotify, reports) = observed(fake.config_with_credentials());
    fake.next_api(FakeResponse::status(429).with_header("retry-after", "3600"));

    spotify.tracks().get(TRACK).await.unwrap_err();
    spotify.tracks().get(TRACK).await.unwrap_err();

    for (report, status) in reports.lock().unwrap().iter().zip([Some(429), None]) {
        assert_eq!(report.status.map(|status| status.as_u16()), status, "{report:?}");
        assert_eq!(report.outcome, CallOutcome::Failed);
    }
    assert_eq!(reports.lock().unwrap()[1].attempts, 0);
    assert_eq!(fake.api_requests(), 1);
}

#[tokio::test]
async fn an_observer_that_panics_costs_no_call_its_response() {
    let fake = FakeSpotify::start().await.unwrap();
    let config = fake.config_with_credentials().with_observer(|_| panic!("in the observer"));
    let spotify = SpotifyClient::new(config).unwrap();

    spotify.tracks().get(TRACK).await.unwrap();
    assert_eq!(spotify.albums().tracks(ALBUM).all().await.unwrap().len(), 1);
}

/// Whatever people hold is taken where an id or a URI is.
#[tokio::test]
#[expect(clippy::needless_borrows_for_generic_args, reason = "the promise")]
async fn ids_are_taken_in_every_form() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    let tracks = spotify.tracks();
    let id: TrackId = TRACK.parse().unwrap();
    let uri = SpotifyUri::from(id);
    let string = TRACK.to_owned();
    let url = format!("https://open.spotify.com/track/{TRACK}?si=1");

    tracks.get(id).await.unwrap();
    tracks.get(&id).await.unwrap();
    tracks.get(&uri).await.unwrap();
    tracks.get(uri.clone()).await.unwrap();
    tracks.get(&string).await.unwrap();
    tracks.get(&*string).await.unwrap();
    tracks.get(&url).await.unwrap();
    tracks.get(std::borrow::Cow::from(&url)).await.unwrap();
    tracks.get(string.clone().into_boxed_str()).await.unwrap();

    let library = spotify.library();
    for _ in 0..7 {
        fake.next(200);
    }
    library.save([id]).await.unwrap();
    library.save(&[id, id]).await.unwrap();
    library.save(&vec![uri.clone()]).await.unwrap();
    library.save(std::slice::from_ref(&uri)).await.unwrap();
    library.save(vec![url.clone()]).await.unwrap();
    library.save(&vec![url.clone()]).await.unwrap();
    library.save(["a", &url].iter().skip(1)).await.unwrap();

    let wrong: AlbumId = ALBUM.parse().unwrap();
    let error = tracks.get(SpotifyUri::from(wrong)).await.unwrap_err();
    assert!(matches!(error, Error::Id(_)), "{error:?}");
}

/// A function of a user's own that passes on what it takes.
fn pass_on(spotify: &SpotifyClient, id: impl IntoId<TrackId>) -> impl Future {
    spotify.tracks().get(id).send()
}

#[tokio::test]
async fn what_is_to_be_played_is_taken_in_every_form() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    pass_on(&spotify, TRACK).await;
    let album: AlbumId = ALBUM.parse().unwrap();
    let uri = format!("spotify:album:{ALBUM}");
    assert_eq!(StartPlayback::context(album), StartPlayback::context(&uri));
    assert_eq!(
        StartPlayback::context(album),
        StartPlayback::context(format!("https://open.spotify.com/album/{ALBUM}?si=1"))
    );
    let track: TrackId = TRACK.parse().unwrap();
    assert_eq!(
        StartPlayback::uris([track]),
        StartPlayback::uris([format!("https://open.spotify.com/track/{TRACK}")])
    );

    let sent = fake.requests().len();
    for wrong in [
        StartPlayback::context("no uri"),
        StartPlayback::uris(["spotify:track:short"]),
        StartPlayback::context(album).offset_uri("no uri"),
    ] {
        let error = spotify.player().play(&wrong).await.unwrap_err();
        assert!(matches!(error, Error::Id(_)), "{error:?}");
    }
    assert_eq!(fake.requests().len(), sent);
}

#[tokio::test]
async fn wrappers_are_read_by_their_name() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    let device = json!({ "id": "d", "name": "good" });
    fake.next_api(FakeResponse::json(
        200,
        &json!({ "errors": [], "devices": [device, null, { "name": 5 }, 7, device] }),
    ));
    fake.next_api(FakeResponse::json(200, &json!({ "devices": null })));
    fake.next_api(FakeResponse::json(200, &json!({ "errors": [] })));

    let devices = spotify.player().devices().await.unwrap();
    assert_eq!(devices.len(), 2, "one bad device costs itself");
    assert_eq!(spotify.player().devices().await.unwrap().len(), 0);
    assert!(matches!(spotify.player().devices().await, Err(Error::Decode { .. })));
}

/// Leniency is of all lists, and not of one that is called `items`.
#[tokio::test]
async fn a_bad_element_costs_itself_wherever_the_list_is() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    let track = json!({ "type": "track", "name": "good" });
    fake.next_api(FakeResponse::json(
        200,
        &json!({ "queue": [track, { "type": "track", "name": 5 }] }),
    ));
    let images = json!([{ "url": "good" }, { "url": null }, 5]);
    fake.next_api(FakeResponse::json(200, &json!({ "name": "x", "album": { "images": images } })));

    let queue = spotify.player().queue().await.unwrap().queue;
    assert!(matches!(queue[..], [PlayableItem::Track(_), PlayableItem::Unknown(_)]), "{queue:?}");
    let track = spotify.tracks().get(TRACK).await.unwrap();
    assert_eq!(track.album.unwrap().images.len(), 1);
}

#[tokio::test]
async fn details_are_checked_as_ever() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    let change = spotify.playlists().change("short", &PlaylistDetails::new());
    assert!(matches!(change.await, Err(Error::Id(_))));
}
