//! A connection that all calls share: what some of them leave behind costs the others nothing.
//!
//! Each test is this binary, started again for the test alone, since which authorities are trusted
//! is a matter of the process.

use std::collections::BTreeSet;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use h2::server::SendResponse;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};
use spotify_web::auth::Backoff;
use spotify_web::middleware::RetryOptions;
use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::common::{Directory, this_test};
use crate::tls::Authority;

/// Runs the test of this name in a process of its own, with a server that lets `most` requests be under way.
pub(crate) async fn alone<F: Future<Output = ()>>(
    name: &str,
    most: u32,
    test: impl FnOnce(Server) -> F,
) {
    if let Some(roots) = std::env::var_os("TEST_SHARED_ROOTS") {
        let authority = Authority::new("trusted");
        std::fs::write(roots, authority.pem()).unwrap();
        return test(Server::start(&authority, most).await).await;
    }
    let directory = Directory::new();
    let roots = directory.path().join("roots.pem");
    let mut process = this_test(name);
    let process = process
        .env("TEST_SHARED_ROOTS", &roots)
        .env("SSL_CERT_FILE", &roots)
        .env_remove("SSL_CERT_DIR")
        .stdin(Stdio::null());
    let ran = process.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}

#[derive(Clone)]
pub(crate) struct Server {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    acceptor: TlsAcceptor,
    most: u32,
    connections: watch::Sender<usize>,
    /// Whether handshakes are made.
    is_open: watch::Sender<bool>,
    /// Whether new connections are closed at once.
    is_shut: watch::Sender<bool>,
    /// Which connections go away at once: those up to this one.
    goes_away: watch::Sender<usize>,
    /// Whether responses are held back.
    are_held: watch::Sender<bool>,
    /// What arrived, and on which connection.
    requests: watch::Sender<Vec<(usize, String)>>,
}

impl Server {
    async fn start(authority: &Authority, most: u32) -> Self {
        let mut tls = authority.vouch_for("localhost", 2100);
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            most,
            connections: watch::Sender::new(0),
            is_open: watch::Sender::new(true),
            is_shut: watch::Sender::new(false),
            goes_away: watch::Sender::new(0),
            are_held: watch::Sender::new(true),
            requests: watch::Sender::default(),
        });
        let own = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                own.connections.send_modify(|count| *count += 1);
                let number = *own.connections.borrow();
                tokio::spawn(Arc::clone(&own).serve(stream, number));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn config(&self) -> SpotifyClientConfig {
        let moment = Duration::from_millis(1);
        SpotifyClientConfig::default()
            .with_base_url(format!("https://localhost:{}/v1/", self.port))
            .with_token("token")
            .with_timeout(Duration::from_secs(3600))
            .without_rate_limiter()
            .with_retries(
                RetryOptions::default().with_backoff(Backoff::new(moment, 1.0, moment).unwrap()),
            )
    }

    pub(crate) fn client(&self) -> SpotifyClient {
        SpotifyClient::new(self.config()).unwrap()
    }

    /// Until this number of requests to a path has arrived.
    pub(crate) async fn got(&self, number: usize, path: &str) {
        let mut requests = self.shared.requests.subscribe();
        let of_path = |(_, it): &&(usize, String)| it.ends_with(path);
        let are_there = |all: &Vec<(usize, String)>| all.iter().filter(of_path).count() >= number;
        requests.wait_for(are_there).await.unwrap();
    }

    /// The connections on which requests to a path arrived.
    fn connections_of(&self, path: &str) -> BTreeSet<usize> {
        let requests = self.shared.requests.borrow();
        requests.iter().filter(|(_, it)| it.ends_with(path)).map(|(number, _)| *number).collect()
    }

    /// Lets held responses go.
    pub(crate) fn release(&self) {
        self.shared.are_held.send_replace(false);
    }

    pub(crate) fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    pub(crate) fn connections_made(&self) -> watch::Receiver<usize> {
        self.shared.connections.subscribe()
    }

    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.borrow().len()
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, stream: TcpStream, number: usize) {
        if *self.is_shut.borrow() {
            return;
        }
        self.is_open.subscribe().wait_for(|is_open| *is_open).await.unwrap();
        let Ok(mut stream) = self.acceptor.accept(stream).await else { return };
        if number <= *self.goes_away.borrow() {
            stream.write_all(&SETTINGS_AND_GOAWAY_0).await.unwrap();
            stream.flush().await.unwrap();
            // Until the client has heard it.
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
            return;
        }
        let mut settings = h2::server::Builder::new();
        settings.max_concurrent_streams(self.most).max_pending_accept_reset_streams(10_000);
        let mut connection = settings.handshake::<_, Bytes>(stream).await.unwrap();
        while let Some(Ok((request, respond))) = connection.accept().await {
            let path = request.uri().path().to_owned();
            self.requests.send_modify(|requests| requests.push((number, path.clone())));
            tokio::spawn(Arc::clone(&self).respond(path, respond));
        }
    }

    /// Who has gone is told nothing.
    async fn respond(self: Arc<Self>, path: String, mut respond: SendResponse<Bytes>) {
        let head = || http::Response::builder();
        let end = match path.rsplit('/').next().unwrap() {
            "held" | "held_write" => {
                let mut are_held = self.are_held.subscribe();
                tokio::select! {
                    released = are_held.wait_for(|are_held| !are_held) => drop(released.unwrap()),
                    _ = std::future::poll_fn(|context| respond.poll_reset(context)) => return,
                }
                respond.send_response(head().body(()).unwrap(), false)
            }
            "busy" => {
                let head = head().status(503).header("retry-after", "20");
                respond.send_response(head.body(()).unwrap(), false)
            }
            "page" => respond.send_response(head().body(()).unwrap(), false),
            other => panic!("{other}"),
        };
        if let Ok(mut body) = end {
            body.send_data("1".into(), true).ok();
        }
    }
}

pub(crate) type Call = Pin<Box<dyn Future<Output = Result<u32, spotify_web::Error>> + Send>>;

pub(crate) fn calls(number: usize, spotify: &SpotifyClient, path: &str) -> Vec<Call> {
    let call = |_| -> Call { Box::pin(spotify.get::<u32>(path).into_future()) };
    (0..number).map(call).collect()
}

/// Calls that are under way when they are given up.
async fn give_up(number: usize, server: &Server, spotify: &SpotifyClient) {
    let before = server.requests();
    let under_way = join_all(calls(number, spotify, "held"));
    tokio::select! {
        _ = under_way => panic!("it is held"),
        () = server.got(before + number, "") => {}
    }
}

#[tokio::test]
async fn what_waited_for_a_connection_was_not_given_up_on_it() {
    alone(
        "shared_connections::what_waited_for_a_connection_was_not_given_up_on_it",
        100,
        async |server: Server| {
            let spotify = server.client();
            server.shared.is_open.send_replace(false);
            let mut waiting = calls(80, &spotify, "page");
            for _ in 0..20 {
                for call in &mut waiting {
                    assert!(futures_util::poll!(call).is_pending());
                }
                tokio::task::yield_now().await;
            }
            let first = waiting.swap_remove(0);
            drop(waiting);
            server.shared.is_open.send_replace(true);
            first.await.unwrap();

            give_up(1, &server, &spotify).await;

            spotify.get::<u32>("page").await.unwrap();
            assert_eq!(server.connections(), 1);
        },
    )
    .await;
}

/// Or callers who wait for less than a handshake takes would never get a response.
#[tokio::test]
async fn a_worn_connection_is_used_until_the_next_one_is_made() {
    alone(
        "shared_connections::a_worn_connection_is_used_until_the_next_one_is_made",
        100,
        async |server: Server| {
            let spotify = server.client();
            spotify.get::<u32>("page").await.unwrap();
            server.shared.is_open.send_replace(false);
            give_up(60, &server, &spotify).await;
            server.connections_made().wait_for(|number| *number == 2).await.unwrap();

            for _ in 0..5 {
                spotify.get::<u32>("page").await.unwrap();
            }

            assert_eq!(server.connections_of("page"), BTreeSet::from([1]));
            server.shared.is_open.send_replace(true);
            while server.connections_of("page") == BTreeSet::from([1]) {
                spotify.get::<u32>("page").await.unwrap();
            }
            for _ in 0..5 {
                spotify.get::<u32>("page").await.unwrap();
            }
            assert_eq!(server.connections(), 2);
            let requests = server.shared.requests.borrow();
            assert!(requests[requests.len() - 6..].iter().all(|(number, _)| *number == 2));
        },
    )
    .await;
}

#[tokio::test]
async fn a_worn_connection_is_used_where_no_other_can_be_made() {
    alone(
        "shared_connections::a_worn_connection_is_used_where_no_other_can_be_made",
        100,
        async |server: Server| {
            let spotify = server.client();
            spotify.get::<u32>("page").await.unwrap();
            spotify.put::<u32>("page").await.unwrap();
            server.shared.is_shut.send_replace(true);
            for _ in 0..3 {
                give_up(60, &server, &spotify).await;
                for _ in 0..30 {
                    spotify.get::<u32>("page").await.unwrap();
                }
                server.connections_made().wait_for(|number| *number > 2).await.unwrap();
            }
            assert_eq!(spotify.stats().retries, 0);
            assert_eq!(server.connections_of("page").len(), 2);
        },
    )
    .await;
}

/// The server has looked at nothing.
const SETTINGS_AND_GOAWAY_0: [u8; 26] =
    [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Keeps responses with all that belongs to them.
#[derive(Default)]
struct Keeps(Mutex<Vec<Extensions>>);

#[async_trait]
impl Middleware for Keeps {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let response = next.run(request, extensions).await?;
        self.0.lock().unwrap().push(response.extensions().clone());
        Ok(response)
    }
}

#[tokio::test]
async fn a_response_that_has_been_read_takes_no_room() {
    alone(
        "shared_connections::a_response_that_has_been_read_takes_no_room",
        100,
        async |server: Server| {
            let spotify =
                SpotifyClient::new(server.config().with_middleware(Keeps::default())).unwrap();

            for _ in 0..100 {
                spotify.get::<u32>("page").await.unwrap();
            }

            assert_eq!(server.connections(), 1);
        },
    )
    .await;
}

#[tokio::test]
async fn a_call_that_pauses_before_a_retry_takes_no_room() {
    alone(
        "shared_connections::a_call_that_pauses_before_a_retry_takes_no_room",
        100,
        async |server: Server| {
            let retries = RetryOptions::default().with_share(10.0);
            let config =
                server.config().with_retries(retries).with_deadline(Duration::from_secs(60));
            let spotify = SpotifyClient::new(config).unwrap();
            spotify.get::<u32>("page").await.unwrap();
            let mut pausing = tokio::task::JoinSet::new();
            for call in calls(95, &spotify, "busy") {
                pausing.spawn(call);
            }
            server.got(95, "busy").await;

            // Their responses may be on their way for a moment.
            let has_room = async {
                loop {
                    let before = server.requests();
                    spotify.get::<u32>("page").await.unwrap();
                    if server.shared.requests.borrow()[before].0 == 1 {
                        return;
                    }
                }
            };

            tokio::time::timeout(Duration::from_secs(15), has_room).await.unwrap();
            assert!(pausing.try_join_next().is_none());
        },
    )
    .await;
}

/// Leaves responses unread.
struct Drops;

#[async_trait]
impl Middleware for Drops {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        next.run(request, extensions).await?;
        Ok(http::Response::new("1").into())
    }
}

#[tokio::test]
async fn a_response_that_a_layer_leaves_unread_is_given_up() {
    alone(
        "shared_connections::a_response_that_a_layer_leaves_unread_is_given_up",
        100,
        async |server: Server| {
            let spotify = server.client();
            spotify.get::<u32>("page").await.unwrap();
            let drops = SpotifyClient::new(server.config().with_middleware(Drops)).unwrap();
            let keeps = server.config().with_middleware(Keeps::default()).with_middleware(Drops);
            for spotify in [drops, SpotifyClient::new(keeps).unwrap()] {
                let before = server.connections();

                for _ in 0..10_000 {
                    spotify.get::<u32>("page").await.unwrap();
                    if server.connections() - before > 2 {
                        break;
                    }
                }

                assert_eq!(server.connections() - before, 3);
            }
        },
    )
    .await;
}

#[tokio::test]
async fn no_write_shares_a_connection_with_reads() {
    alone(
        "shared_connections::no_write_shares_a_connection_with_reads",
        100,
        async |server: Server| {
            let spotify = server.client();
            let writing = spotify.clone();
            let write = tokio::spawn(async move { writing.put::<u32>("held_write").await });
            server.got(1, "held_write").await;
            for _ in 0..10 {
                give_up(60, &server, &spotify).await;
                spotify.get::<u32>("page").await.unwrap();
            }

            server.release();

            assert_eq!(write.await.unwrap().unwrap(), 1);
            let of_writes = server.connections_of("held_write");
            let of_reads = &server.connections_of("page") | &server.connections_of("held");
            assert_eq!((of_writes.len(), &of_writes & &of_reads), (1, BTreeSet::new()));
        },
    )
    .await;
}

/// Lets the server respond when enough calls have failed.
struct Releases {
    server: Server,
    failures: Mutex<usize>,
}

#[async_trait]
impl Middleware for Releases {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let result = next.run(request, extensions).await;
        let mut failures = self.failures.lock().unwrap();
        *failures += usize::from(result.is_err());
        if *failures == 70 {
            self.server.release();
        }
        result
    }
}

/// Its limit comes with its first words, after those who found the connection are on their way.
#[tokio::test]
async fn what_a_server_has_no_room_for_costs_no_budget() {
    alone(
        "shared_connections::what_a_server_has_no_room_for_costs_no_budget",
        10,
        async |server: Server| {
            let releases = Releases { server: server.clone(), failures: Mutex::default() };
            let spotify = SpotifyClient::new(server.config().with_middleware(releases)).unwrap();
            // On a busy machine the limit may come before some of them, which then are not refused.
            let at_last = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(10)).await;
                server.release();
            });

            let results = join_all(calls(80, &spotify, "held")).await;
            at_last.abort();

            let failures: Vec<_> =
                results.iter().filter_map(|result| result.as_ref().err()).collect();
            assert!(failures.is_empty(), "{}: {:?}", failures.len(), failures.first());
        },
    )
    .await;
}

#[tokio::test]
async fn what_waited_for_a_connection_that_goes_away_costs_no_budget() {
    alone(
        "shared_connections::what_waited_for_a_connection_that_goes_away_costs_no_budget",
        100,
        async |server: Server| {
            server.shared.goes_away.send_replace(2);
            let spotify = server.client();

            for result in join_all(calls(80, &spotify, "page")).await {
                result.unwrap();
            }

            assert!(spotify.stats().retries >= 80, "{}", spotify.stats().retries);
        },
    )
    .await;
}
