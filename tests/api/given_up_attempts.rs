//! Writes whose attempts a layer of the user's gives up, repeats or sends by itself.

use std::sync::Arc;
use std::time::Duration;

use spotify_web::async_trait::async_trait;
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::http::Extensions;
use spotify_web::reqwest::{self, Request, Response};
use spotify_web::reqwest_middleware::{Middleware, Next, Result};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A server that reads requests and never responds; what it was sent comes by the channel.
async fn silent_server() -> (String, mpsc::UnboundedReceiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, arrived) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            sender.send(stream).unwrap();
        }
    });
    (base, arrived)
}

fn config(base: &str) -> SpotifyClientConfig {
    SpotifyClientConfig::default().with_base_url(base).with_token("token")
}

type Arrived = tokio::sync::Mutex<mpsc::UnboundedReceiver<TcpStream>>;

/// Gives an attempt up when the server has it, and then finds that it cannot connect.
struct GivesUp(Arc<Arrived>);

#[async_trait]
impl Middleware for GivesUp {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let mut arrived = self.0.lock().await;
        tokio::select! {
            _ = arrived.recv() => {}
            result = next.run(request, on) => return result,
        }
        Err(refused().await.into())
    }
}

async fn refused() -> reqwest::Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = reqwest::Client::new().get(url).send().await.unwrap_err();
    assert!(error.is_connect());
    error
}

/// Gives an attempt up when the server has it, and sends another through the layers below, which
/// cannot connect.
struct Repeats(Arc<Arrived>);

#[async_trait]
impl Middleware for Repeats {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let mut elsewhere = request.try_clone().unwrap();
        let mut arrived = self.0.lock().await;
        tokio::select! {
            _ = arrived.recv() => {}
            result = next.clone().run(request, on) => return result,
        }
        let port = refused().await.url().and_then(reqwest::Url::port);
        elsewhere.url_mut().set_port(port).unwrap();
        next.run(elsewhere, on).await
    }
}

fn assert_may_be_done(error: &Error) {
    assert!(error.may_have_been_carried_out(), "{error:#?}");
}

#[tokio::test]
async fn an_attempt_that_a_layer_gave_up_may_have_been_carried_out() {
    for is_inner in [false, true] {
        let (base, arrived) = silent_server().await;
        let layer = Repeats(Arc::new(arrived.into()));
        let config = match is_inner {
            true => config(&base).with_inner_middleware(layer),
            false => config(&base).with_middleware(layer),
        };
        let spotify = SpotifyClient::new(config.without_retries()).unwrap();
        assert_may_be_done(&spotify.player().next().await.unwrap_err());
    }
}

#[tokio::test]
async fn a_write_that_a_layer_gave_up_is_not_retried() {
    let (base, arrived) = silent_server().await;
    let arrived = Arc::new(Arrived::new(arrived));
    let layer = GivesUp(Arc::clone(&arrived));
    let spotify = SpotifyClient::new(config(&base).with_inner_middleware(layer)).unwrap();

    assert_may_be_done(&spotify.player().next().await.unwrap_err());

    assert!(arrived.lock().await.try_recv().is_err(), "it was sent again");
}

/// Sends a request by itself, with a copy of what the layers know of it.
struct OnItsOwn;

#[async_trait]
impl Middleware for OnItsOwn {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        next.run(request, &mut on.clone()).await
    }
}

#[tokio::test]
async fn a_write_of_which_nothing_is_known_at_its_deadline_may_have_been_carried_out() {
    let (base, mut arrived) = silent_server().await;
    let spotify = SpotifyClient::new(config(&base).with_middleware(OnItsOwn)).unwrap();
    let limit = Duration::from_secs(3);

    let error = spotify.player().next().deadline(limit).await.unwrap_err();

    assert!(arrived.try_recv().is_ok());
    assert!(matches!(error, Error::DeadlineExceeded { .. }), "{error:?}");
    assert_may_be_done(&error);
}

/// Asks a server of its own where the layers below cannot connect.
struct FallsBack(String);

#[async_trait]
impl Middleware for FallsBack {
    async fn handle(
        &self,
        mut request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let again = request.try_clone().unwrap();
        let port = refused().await.url().and_then(reqwest::Url::port);
        request.url_mut().set_port(port).unwrap();
        assert!(next.run(request, on).await.is_err());
        let client = reqwest::Client::builder().timeout(Duration::from_secs(1)).build().unwrap();
        Ok(client.request(again.method().clone(), &self.0).send().await?)
    }
}

#[tokio::test]
async fn what_a_layer_sent_by_itself_may_have_been_carried_out() {
    let (base, mut arrived) = silent_server().await;
    let (elsewhere, mut arrived_there) = silent_server().await;
    let config = config(&base).with_middleware(FallsBack(elsewhere));
    let spotify = SpotifyClient::new(config.without_retries()).unwrap();

    let error = spotify.player().next().await.unwrap_err();

    assert!(arrived.try_recv().is_err() && arrived_there.try_recv().is_ok());
    assert_may_be_done(&error);
}

#[tokio::test]
async fn a_write_that_was_not_signed_or_not_let_through_was_not_carried_out() {
    let fake = FakeSpotify::start().await.unwrap();
    let authenticator = CredentialsAuthenticator::new("id", "wrong");
    fake.next_token(FakeResponse::status(401));
    let unsigned = SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap();
    let error = unsigned.player().next().await.unwrap_err();
    assert!(matches!(&error, Error::Auth { .. }), "{error:?}");
    assert!(!error.may_have_been_carried_out(), "{error:?}");

    let closed = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    closed.rate_limiter().unwrap().close_for(Duration::from_secs(3600));
    for request in [closed.player().next(), closed.player().pause(), closed.player().previous()] {
        let error = request.await.unwrap_err();
        assert!(matches!(error, Error::RateLimited { status: None, .. }), "{error:?}");
        assert!(!error.may_have_been_carried_out(), "{error:?}");
    }
    assert!(fake.requests().iter().all(|request| !request.path.contains("player")));
}
