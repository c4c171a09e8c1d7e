//! Calls from the wrong place: without a runtime, or on one that can neither wait nor connect. Each
//! is a typed error, and never a panic.

use std::future::Future;
use std::io::Cursor;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use spotify_web::auth::{
    AuthError, CredentialsAuthenticator, FileTokenStore, PkceAuthenticator, TokenKey, TokenStore,
};
use spotify_web::login::{SignIn, SignInError};
use spotify_web::oauth::{ClientCredentialsRequest, Login, OAuthClient, OAuthError, Token};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::runtime::{Builder, Runtime};

use crate::common::{ALBUM, Directory, PLAYLIST, TRACK};

type Call = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

#[test]
fn every_kind_of_call_says_that_its_runtime_cannot_send() {
    for place in Place::ALL {
        for config in configs() {
            let spotify = SpotifyClient::new(config).unwrap();
            for (name, call) in calls(&spotify) {
                let error = place.run(call).unwrap_err();
                assert!(matches!(error, Error::NoRuntime { .. }), "{place:?}, {name}: {error:?}");
                assert!(!error.is_transient() && !error.may_have_been_carried_out());
            }
        }
    }
}

#[test]
fn tokens_and_logins_say_that_their_runtime_cannot_send() {
    for place in Place::ALL {
        let oauth = OAuthClient::new(&local());
        let request = oauth.request_token(ClientCredentialsRequest::new("id", "secret"));
        let error = place.run(request).unwrap_err();
        assert!(matches!(error, OAuthError::NoRuntime), "{place:?}: {error:?}");
        assert!(!error.is_transient());

        let sign_in = SignIn::new(Login::pkce("id", "http://127.0.0.1/callback"));
        let sign_in = sign_in.without_browser().with_pasted_lines_from(Cursor::new(""));
        let error = place.run(sign_in.run(&oauth)).unwrap_err();
        assert!(matches!(error, SignInError::OAuth(OAuthError::NoRuntime)), "{place:?}: {error:?}");

        let authenticator = PkceAuthenticator::new("id");
        let token = Token::new("token", Duration::from_secs(60));
        // A login that is kept in memory sends nothing, and waits for nothing.
        match place.run(authenticator.log_in(token)) {
            Ok(()) => {}
            Err(error) => assert!(matches!(error, AuthError::NoRuntime), "{place:?}: {error:?}"),
        }
    }
}

/// What neither waits nor sends needs no runtime.
#[test]
fn stores_and_questions_need_no_runtime() {
    let directory = Directory::new();
    let store = FileTokenStore::new(directory.file());
    let authenticator = PkceAuthenticator::new("id").with_store(store.clone(), TokenKey::new("id"));
    let spotify = SpotifyClient::new(local().with_authenticator(authenticator.clone())).unwrap();
    for place in Place::ALL {
        drop(place.run(store.load(&TokenKey::new("id"))).unwrap());
        drop(place.run(store.lock(&TokenKey::new("id"))).unwrap());
        // Either is fine; a panic is not.
        drop(place.run(authenticator.needs_login()));
        drop(place.run(authenticator.log_out()));
        drop(place.run(spotify.settle()));
    }
}

/// A client is of no runtime: the next call decides.
#[test]
fn a_client_that_was_used_in_the_wrong_place_works_in_the_right_one() {
    let runtime = Runtime::new().unwrap();
    let fake = runtime.block_on(spotify_web::testing::FakeSpotify::start()).unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    for place in Place::ALL {
        place.run(spotify.tracks().get(TRACK).send()).unwrap_err();
        runtime.block_on(spotify.tracks().get(TRACK).send()).unwrap();
        // On the same thread, after a runtime that was right.
        place.run(spotify.tracks().get(TRACK).send()).unwrap_err();
    }
    assert_eq!(fake.api_requests(), Place::ALL.len());
}

/// Where a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    NoRuntime,
    NoDrivers,
    OnlyTime,
    OnlyIo,
}

impl Place {
    const ALL: [Self; 4] = [Self::NoRuntime, Self::NoDrivers, Self::OnlyTime, Self::OnlyIo];

    fn runtime(self) -> Option<Runtime> {
        let mut builder = Builder::new_current_thread();
        match self {
            Self::NoRuntime => return None,
            Self::NoDrivers => {}
            Self::OnlyTime => drop(builder.enable_time()),
            Self::OnlyIo => drop(builder.enable_io()),
        }
        Some(builder.build().unwrap())
    }

    /// The result of a future that waits for tasks and threads alone.
    fn run<T>(self, future: impl Future<Output = T>) -> T {
        match self.runtime() {
            Some(runtime) => runtime.block_on(future),
            None => poll_to_the_end(future),
        }
    }
}

fn poll_to_the_end<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
        std::thread::yield_now();
    }
}

fn local() -> SpotifyClientConfig {
    SpotifyClientConfig::default()
        .with_base_url("http://127.0.0.1:1/")
        .with_token_url("http://127.0.0.1:1/token")
}

fn configs() -> Vec<SpotifyClientConfig> {
    let credentials = || local().with_authenticator(CredentialsAuthenticator::new("id", "secret"));
    vec![
        local().with_token("token"),
        credentials(),
        credentials().with_deadline(Duration::from_secs(1)),
        credentials().with_observer(|_| {}),
        credentials().without_retries().without_rate_limiter(),
    ]
}

fn calls(spotify: &SpotifyClient) -> Vec<(&'static str, Call)> {
    let client = spotify.clone();
    let uri = format!("spotify:track:{TRACK}");
    let batches = async move { client.library().contains_in_batches([uri]).await.map(drop) };
    let mut stream = spotify.playlists().items(PLAYLIST).stream().concurrency(3);
    let streamed = async move { stream.next().await.unwrap().map(drop) };
    let mut pages = spotify.playlists().items(PLAYLIST).pages();
    let paged = async move { pages.next().await.unwrap().map(drop) };
    let raw = spotify.post::<()>("new/thing");
    let list = spotify.albums().tracks(ALBUM);
    let entries = spotify.albums().tracks(ALBUM).all().entries();
    let track = spotify.tracks().get(TRACK);
    vec![
        ("get", Box::pin(async move { track.await.map(drop) }) as Call),
        ("write", Box::pin(spotify.player().pause().send())),
        ("raw", Box::pin(async move { raw.send_with_response().await.map(drop) })),
        ("all", Box::pin(async move { list.all().await.map(drop) })),
        ("entries", Box::pin(async move { entries.await.map(drop) })),
        ("stream", Box::pin(streamed)),
        ("pages", Box::pin(paged)),
        ("batches", Box::pin(batches)),
    ]
}
