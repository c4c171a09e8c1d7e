//! What the layers of other clients say, and what a layer gives to a request, is no proof of what
//! came of a call.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body as HttpBody, Frame};
use spotify_web::async_trait::async_trait;
use spotify_web::auth::{AuthError, Authenticator};
use spotify_web::http::Extensions;
use spotify_web::middleware::{Partition, RateLimiter, RetryMiddleware, RetryOptions};
use spotify_web::reqwest::{self, Body, Request, Response};
use spotify_web::reqwest_middleware::{
    ClientBuilder, ClientWithMiddleware, Middleware, Next, Result,
};
use spotify_web::{Backoff, SpotifyClient, SpotifyClientConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(super) type Heads = Arc<Mutex<Vec<String>>>;

/// A server that gives each request the response to its head, and closes the connection; without
/// one it keeps the connection open.
pub(super) async fn server(
    respond: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> (String, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let heads = Heads::default();
    let (seen, respond) = (Arc::clone(&heads), Arc::new(respond));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (seen, respond) = (Arc::clone(&seen), Arc::clone(&respond));
            tokio::spawn(async move {
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(char::from(byte));
                }
                seen.lock().unwrap().push(head.to_ascii_lowercase());
                match respond(&head) {
                    Some(response) => stream.write_all(response.as_bytes()).await.unwrap(),
                    None => while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {},
                }
            });
        }
    });
    (base, heads)
}

fn closes(_: &str) -> Option<String> {
    Some(String::new())
}

fn responds(head: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
}

fn is_done(_: &str) -> Option<String> {
    responds("200 OK")
}

fn retries() -> RetryOptions {
    let pause = Duration::from_millis(1);
    RetryOptions::default().with_backoff(Backoff::new(pause, 1.0, pause).unwrap()).with_retries(2)
}

fn config(base: &str) -> SpotifyClientConfig {
    let config = SpotifyClientConfig::default().with_base_url(base).with_token("token");
    config.with_retries(retries())
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Another client, as it is made of layers of this crate.
fn other_client() -> ClientBuilder {
    ClientBuilder::new(http()).with(RetryMiddleware::new(retries()))
}

/// Keeps a record of each call on a server of its own.
struct Audits {
    http: ClientWithMiddleware,
    url: String,
    /// Gives the other client what is known of the request.
    tells: bool,
}

#[async_trait]
impl Middleware for Audits {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let audit = self.http.post(&self.url).body("an entry").build().unwrap();
        let mut extensions = if self.tells { on.clone() } else { Extensions::new() };
        assert!(self.http.execute_with_extensions(audit, &mut extensions).await.is_err());
        next.run(request, on).await
    }
}

/// Gets a token that is good once from a server of its own.
#[derive(Debug)]
struct OnceTokens(ClientWithMiddleware, String);

#[async_trait]
impl Authenticator for OnceTokens {
    async fn apply(&self, request: &mut Request) -> std::result::Result<(), AuthError> {
        assert!(self.0.post(&self.1).body("refresh_token=once").send().await.is_err());
        request.headers_mut().insert("authorization", "Bearer x".parse().unwrap());
        Ok(())
    }
}

#[tokio::test]
async fn another_client_retries_within_a_call_as_it_does_outside_of_one() {
    let (audit, heads) = server(closes).await;
    let (base, _) = server(is_done).await;
    let count = || std::mem::take(&mut *heads.lock().unwrap()).len();
    for tells in [false, true] {
        let layer = || Audits { http: other_client().build(), url: audit.clone(), tells };

        let outer = SpotifyClient::new(config(&base).with_middleware(layer())).unwrap();
        outer.player().next().await.unwrap();
        assert_eq!(count(), 1, "{tells}");

        let inner = SpotifyClient::new(config(&base).with_inner_middleware(layer())).unwrap();
        inner.player().next().await.unwrap();
        assert_eq!(count(), 1, "{tells}");
    }
    let authenticator = OnceTokens(other_client().build(), audit.clone());
    let config = SpotifyClientConfig::default().with_base_url(&base).with_observer(|_| ());
    let spotify = SpotifyClient::new(config.with_authenticator(authenticator)).unwrap();
    spotify.player().next().await.unwrap();
    assert_eq!(count(), 1);
    spotify.get::<()>("me").await.unwrap();
    assert_eq!(count(), 1);
}

/// Sends by another client.
struct SendsByAnother(ClientWithMiddleware);

#[async_trait]
impl Middleware for SendsByAnother {
    async fn handle(&self, request: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        self.0.execute(request).await
    }
}

#[tokio::test]
async fn the_rate_limiter_of_another_client_proves_nothing() {
    for is_inner in [false, true] {
        let limiter = RateLimiter::default();
        let closed = limiter.clone();
        let (base, heads) = server(move |_| {
            closed.close_for(Duration::from_secs(3600));
            Some(String::new())
        })
        .await;
        let layer = SendsByAnother(other_client().with(limiter).build());
        let config = match is_inner {
            true => config(&base).with_inner_middleware(layer),
            false => config(&base).with_middleware(layer),
        };
        let spotify = SpotifyClient::new(config).unwrap();

        let error = spotify.player().pause().await.unwrap_err();

        assert_eq!(heads.lock().unwrap().len(), 1);
        assert!(matches!(error, spotify_web::Error::RateLimited { .. }), "{error:?}");
        assert!(error.may_have_been_carried_out(), "{is_inner}: {error:?}");
    }
}

/// Hands on.
struct Plain;

#[async_trait]
impl Middleware for Plain {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        next.run(request, on).await
    }
}

#[tokio::test]
async fn that_of_the_client_proves_what_it_did_not_let_through() {
    for (is_outer, is_inner) in [(true, false), (false, true), (true, true), (false, false)] {
        let mut config = config("http://127.0.0.1:1/");
        if is_outer {
            config = config.with_middleware(Plain);
        }
        if is_inner {
            config = config.with_inner_middleware(Plain);
        }
        let spotify = SpotifyClient::new(config).unwrap();
        spotify.rate_limiter().unwrap().close_for(Duration::from_secs(3600));

        let error = spotify.player().next().await.unwrap_err();

        assert!(matches!(error, spotify_web::Error::RateLimited { .. }), "{error:?}");
        assert!(!error.may_have_been_carried_out(), "{is_outer} {is_inner}: {error:?}");
    }
}

/// A body that fails after a part of it.
struct Fails(Vec<reqwest::Result<bytes::Bytes>>);

impl HttpBody for Fails {
    type Data = bytes::Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<reqwest::Result<Frame<bytes::Bytes>>>> {
        Poll::Ready(self.0.pop().map(|part| part.map(Frame::data)))
    }
}

/// Streams the body from another server, which cannot be reached in the end.
struct Streams;

#[async_trait]
impl Middleware for Streams {
    async fn handle(
        &self,
        mut request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let refused = http().get("http://127.0.0.1:1/").send().await.unwrap_err();
        request.headers_mut().remove("content-length");
        let body = Fails(vec![Err(refused), Ok("a part".into())]);
        *request.body_mut() = Some(Body::wrap(body));
        next.run(request, on).await
    }
}

#[tokio::test]
async fn an_error_of_a_streamed_body_is_not_that_of_its_request() {
    let (base, _) = server(|_| None).await;
    let reports = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&reports);
    let config = config(&base).with_middleware(Streams);
    let config = config.with_observer(move |call| heard.lock().unwrap().push(call.attempts));
    let spotify = SpotifyClient::new(config).unwrap();

    let error = spotify.player().next().await.unwrap_err();

    assert!(error.may_have_been_carried_out(), "{error:?}");
    assert_eq!(*reports.lock().unwrap(), [1]);
}

/// The HTTP client's own policy has left the server that the credentials are for.
#[tokio::test]
async fn a_write_that_the_http_client_redirected_is_not_sent_on() {
    let (other, heads) = server(|head| match head.contains("/final") {
        true => is_done(head),
        false => responds("307 Temporary Redirect\r\nlocation: /final"),
    })
    .await;
    let (base, _) = server(move |_| responds(&format!("302 Found\r\nlocation: {other}"))).await;
    let once = reqwest::redirect::Policy::custom(|attempt| match attempt.previous().len() {
        0 | 1 => attempt.follow(),
        _ => attempt.stop(),
    });
    let http = reqwest::Client::builder().no_proxy().redirect(once).build().unwrap();
    let spotify = SpotifyClient::new(config(&base).with_http_client(http)).unwrap();

    spotify.player().next().await.unwrap_err();

    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert!(!heads[0].contains("bearer"), "{heads:?}");
}

/// Signs for a user who may change.
#[derive(Debug, Clone)]
struct Logins(Arc<AtomicU64>);

#[async_trait]
impl Authenticator for Logins {
    async fn apply(&self, request: &mut Request) -> std::result::Result<(), AuthError> {
        let user = format!("Bearer user{}", self.login_number());
        request.headers_mut().insert("authorization", user.parse().unwrap());
        Ok(())
    }

    fn login_number(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Notes whose requests leave.
#[derive(Clone, Default)]
struct Whose(Arc<Mutex<Vec<Partition>>>);

#[async_trait]
impl Middleware for Whose {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        self.0.lock().unwrap().push(*on.get().unwrap());
        next.run(request, on).await
    }
}

#[tokio::test]
async fn a_report_is_of_the_login_that_the_call_was_sent_for() {
    for is_layered in [true, false] {
        let number = Arc::new(AtomicU64::new(1));
        let changes = Arc::clone(&number);
        let (base, _) = server(move |head| {
            changes.fetch_add(1, Ordering::SeqCst);
            is_done(head)
        })
        .await;
        let (seen, reports) = (Whose::default(), Whose::default());
        let told = reports.clone();
        let mut config = SpotifyClientConfig::default()
            .with_base_url(&base)
            .with_authenticator(Logins(number))
            .with_observer(move |call| told.0.lock().unwrap().push(call.partition));
        if is_layered {
            config = config.with_inner_middleware(seen.clone());
        }
        let spotify = SpotifyClient::new(config).unwrap();
        for _ in 0..2 {
            spotify.player().pause().await.unwrap();
        }

        let reports = reports.0.lock().unwrap();
        assert_ne!(reports[0], reports[1]);
        if is_layered {
            assert_eq!(*reports, *seen.0.lock().unwrap());
        }
    }
}

/// Hands nothing on of what is known of a request.
struct Forgets;

#[async_trait]
impl Middleware for Forgets {
    async fn handle(
        &self,
        request: Request,
        _: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        next.run(request, &mut Extensions::new()).await
    }
}

/// What waits for a permit does not go as somebody else's.
#[tokio::test]
async fn what_waited_for_a_permit_is_not_sent_for_another_login() {
    what_waited_is_not_sent_for_another_login(Plain).await;
    what_waited_is_not_sent_for_another_login(Forgets).await;
}

async fn what_waited_is_not_sent_for_another_login(layer: impl Middleware) {
    let number = Arc::new(AtomicU64::new(1));
    let (base, heads) = server(is_done).await;
    let config = SpotifyClientConfig::default().with_base_url(&base);
    let config = config.with_authenticator(Logins(Arc::clone(&number))).with_middleware(layer);
    let spotify = SpotifyClient::new(config).unwrap();
    let limiter = spotify.rate_limiter().unwrap();
    limiter.close_for(Duration::from_secs(20));
    let login = async {
        while limiter.stats().app.waiting < 2 {
            tokio::task::yield_now().await;
        }
        number.store(2, Ordering::SeqCst);
        limiter.reopen();
    };

    // A read has less that is kept of it.
    let (read, write) = (spotify.get::<()>("me"), spotify.player().next());
    let (read, write, ()) = tokio::join!(read.into_future(), write.into_future(), login);

    for error in [read.unwrap_err(), write.unwrap_err()] {
        let is_other_login =
            matches!(error, spotify_web::Error::Auth { source: AuthError::OtherLogin, .. });
        assert!(is_other_login, "{error:?}");
        assert!(!error.may_have_been_carried_out());
    }
    assert!(heads.lock().unwrap().is_empty());
    spotify.player().next().await.unwrap();
    assert!(heads.lock().unwrap()[0].contains("bearer user2"));
}

/// Sends reads as writes, as a server with long queries may want it.
struct Overrides;

#[async_trait]
impl Middleware for Overrides {
    async fn handle(
        &self,
        mut request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        *request.method_mut() = reqwest::Method::POST;
        next.run(request, on).await
    }
}

/// Sends once another client has sent something.
struct Waits(SpotifyClient);

#[async_trait]
impl Middleware for Waits {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let other = self.0.clone();
        tokio::spawn(async move { other.get::<()>("me").await }).await.unwrap().unwrap();
        next.run(request, on).await
    }
}

#[tokio::test]
async fn a_read_that_is_sent_as_a_write_is_no_attempt_of_other_calls() {
    let (base, heads) = server(is_done).await;
    let reader = SpotifyClient::new(config(&base).with_middleware(Overrides)).unwrap();
    let writer = config("http://127.0.0.1:1/").with_middleware(Waits(reader));
    let writer = SpotifyClient::new(writer).unwrap();

    let error = writer.player().next().await.unwrap_err();

    assert!(heads.lock().unwrap()[0].starts_with("post /me "));
    assert!(!error.may_have_been_carried_out(), "{error:?}");
    assert_eq!(writer.stats().retries, 2);
}

#[tokio::test]
async fn a_write_that_was_redirected_has_left_though_it_got_no_further() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        let moved = responds("307 Temporary Redirect\r\nlocation: /there").unwrap();
        stream.write_all(moved.as_bytes()).await.unwrap();
    });
    let reports = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reports);
    let config = config(&base).without_retries();
    let config = config.with_observer(move |call| told.lock().unwrap().push(call.attempts));
    let spotify = SpotifyClient::new(config).unwrap();

    let error = spotify.player().next().await.unwrap_err();

    assert!(!error.may_have_been_carried_out(), "{error:?}");
    assert_eq!(*reports.lock().unwrap(), [1]);
}

/// The HTTP client keeps a connection by the name in the URL beside the server's own, of which is
/// not known whether a write found it.
#[tokio::test]
async fn a_redirect_with_a_user_name_is_not_followed() {
    let (base, heads) = server(|head| {
        let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        responds(&format!("307 Temporary Redirect\r\nlocation: http://user:pw@{host}/there"))
    })
    .await;
    let spotify = SpotifyClient::new(config(&base)).unwrap();

    spotify.get::<()>("me").await.unwrap_err();
    spotify.player().next().await.unwrap_err();

    let heads = heads.lock().unwrap();
    let is_first = |head: &String| head.starts_with("get /me ") || head.starts_with("post /me/");
    assert!(heads.len() == 2 && heads.iter().all(is_first), "{heads:?}");
}
