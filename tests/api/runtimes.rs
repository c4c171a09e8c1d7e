//! Calls from the wrong place: without a runtime, or on one that can neither wait nor connect. Each
//! is a typed error, and never a panic.

use std::cell::Cell;
use std::future::Future;
use std::io::{Cursor, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use spotify_web::auth::{
    AuthError, Authenticator, CachedAuthenticator, CredentialsAuthenticator, FileTokenStore,
    MemoryTokenStore, PkceAuthenticator, Revision, StoreError, StoredToken, TokenKey, TokenSource,
    TokenStore,
};
use spotify_web::login::{SignIn, SignInError};
use spotify_web::oauth::{ClientCredentialsRequest, Login, OAuthClient, OAuthError, Token};
use spotify_web::testing::{FakeSpotify, FaultProxy};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::net::TcpStream;
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
        match place.run(authenticator.settle()) {
            Ok(()) => assert_eq!(place, Place::OnlyTime),
            Err(error) => assert!(matches!(error, AuthError::NoRuntime), "{place:?}: {error:?}"),
        }
    }
}

/// P14: and the next caller, on a runtime that has it, waits for nothing.
#[test]
fn a_token_that_needs_io_says_so_and_is_there_at_once_elsewhere() {
    let runtime = Runtime::new().unwrap();
    let fake = runtime.block_on(FakeSpotify::start()).unwrap();
    let address = address_of(&fake).socket_addrs(|| None).unwrap()[0];
    for plug in [
        Arc::new(CredentialsAuthenticator::new("id", "secret")) as Arc<dyn Authenticator>,
        Arc::new(CachedAuthenticator::new(Connecting(address))),
    ] {
        let config = fake.config().with_authenticator(Arc::clone(&plug));
        SpotifyClient::new(config).unwrap();
        let sign = || async {
            let mut request = reqwest::Request::new(reqwest::Method::GET, address_of(&fake));
            plug.apply(&mut request).await
        };

        let error = Place::OnlyTime.run(sign()).unwrap_err();

        let line = Error::Authenticator(error.clone()).to_line();
        assert!(line.contains("IO enabled") || line.contains("IO and time enabled"), "{line}");
        assert!(!error.is_transient() && !error.needs_login(), "{error:?}");
        assert!(!matches!(error, AuthError::SourcePanicked), "{error:?}");
        runtime.block_on(sign()).unwrap();
    }
}

/// P52: the same for a store that connects, such as one in a database.
#[test]
fn a_store_that_needs_io_says_so_and_is_asked_at_once_elsewhere() {
    let runtime = Runtime::new().unwrap();
    let fake = runtime.block_on(FakeSpotify::start()).unwrap();
    let address = address_of(&fake).socket_addrs(|| None).unwrap()[0];
    let user = PkceAuthenticator::new("id").with_store(Connecting(address), TokenKey::new("id"));

    let error = Place::OnlyTime.run(user.needs_login()).unwrap_err();

    assert!(
        matches!(&error, AuthError::Store { source, .. } if matches!(**source, StoreError::NoIo)),
        "{error:?}"
    );
    assert!(!error.is_transient() && !error.needs_login());
    let line = Error::Authenticator(error).to_line();
    assert!(line.contains("IO enabled"), "{line}");
    assert!(runtime.block_on(user.needs_login()).unwrap(), "asked at once");
}

/// Tokio says what a runtime lacks by a panic, which is caught; where there is no runtime, there is
/// not even that.
#[test]
fn without_a_runtime_nothing_panics_not_even_inside() {
    let panics = Panics::of_this_thread();
    let authenticator =
        PkceAuthenticator::new("id").with_store(MemoryTokenStore::new(), TokenKey::new("id"));
    let oauth = OAuthClient::new(&local());
    for config in configs() {
        let spotify = SpotifyClient::new(config).unwrap();
        for (_, call) in calls(&spotify) {
            Place::NoRuntime.run(call).unwrap_err();
        }
        drop(Place::NoRuntime.run(spotify.settle()));
    }
    let token = Token::new("token", Duration::from_secs(60));
    drop(Place::NoRuntime.run(authenticator.log_in(token)));
    drop(Place::NoRuntime.run(authenticator.needs_login()));
    drop(Place::NoRuntime.run(authenticator.settle()));
    drop(Place::NoRuntime.run(authenticator.log_out()));
    drop(Place::NoRuntime.run(oauth.request_token(ClientCredentialsRequest::new("id", "secret"))));
    let sign_in = SignIn::new(Login::pkce("id", "http://127.0.0.1/callback")).without_browser();
    let sign_in = sign_in.with_pasted_lines_from(Cursor::new(""));
    drop(Place::NoRuntime.run(sign_in.run(&oauth)));
    assert_eq!(panics.count(), 0);

    drop(Place::NoDrivers.run(oauth.request_token(ClientCredentialsRequest::new("id", "secret"))));
    assert!(panics.count() > 0, "otherwise this test counts nothing");
}

/// A source that sends by itself, and not by this crate's client; also a store that is always
/// empty.
#[derive(Debug)]
struct Connecting(SocketAddr);

#[async_trait]
impl TokenSource for Connecting {
    async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
        TcpStream::connect(self.0).await.map_err(|error| AuthError::custom("no way", error))?;
        Ok(Token::new("token", Duration::from_secs(60)))
    }
}

#[async_trait]
impl TokenStore for Connecting {
    async fn load(&self, _: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        let connected = TcpStream::connect(self.0).await;
        connected.map(|_| None).map_err(|_| StoreError::custom("no way"))
    }

    async fn save(
        &self,
        _: &TokenKey,
        _: &StoredToken,
        _: Option<Revision>,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove(&self, _: &TokenKey) -> Result<(), StoreError> {
        Ok(())
    }
}

fn address_of(fake: &FakeSpotify) -> url::Url {
    fake.base_url().parse().unwrap()
}

/// What the panic hook hears of one thread.
struct Panics;

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

impl Panics {
    fn of_this_thread() -> Self {
        static COUNTS: Once = Once::new();
        COUNTS.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                PANICS.set(PANICS.get() + 1);
                before(panic);
            }));
        });
        PANICS.set(0);
        Self
    }

    fn count(&self) -> usize {
        PANICS.get()
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

/// The first thing that a test does that is not yet within a runtime.
#[test]
fn a_fake_says_that_its_runtime_cannot_serve() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let fake = runtime.block_on(FakeSpotify::start()).unwrap();
    for place in Place::ALL {
        for error in [
            place.run(FakeSpotify::start()).unwrap_err(),
            place.run(FakeSpotify::builder().start()).unwrap_err(),
            place.run(FaultProxy::start(&fake, 1)).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{place:?}: {error:?}");
            let text = error.to_string();
            assert!(
                text.contains("needs a tokio runtime") && text.contains("enable_all"),
                "{text}"
            );
        }
    }
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
    let batches = async move {
        client.library().contains_in_batches([uri]).await.map(drop).map_err(Error::from)
    };
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
