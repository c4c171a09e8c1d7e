//! Real links: connections that die, proxies, compression, HTTP/2.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};
use spotify_web::auth::{
    Backoff, MemoryTokenStore, PkceAuthenticator, TokenAuthenticator, TokenKey,
};
use spotify_web::middleware::{Partition, RetryOptions};
use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient, Token};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};

use crate::common::{TRACK, plain};
use crate::examples::program;

fn quick(config: SpotifyClientConfig) -> SpotifyClientConfig {
    let millisecond = Duration::from_millis(1);
    let backoff = Backoff::new(millisecond, 1.0, millisecond).unwrap();
    config.with_retries(RetryOptions::default().with_backoff(backoff))
}

/// A server in threads of its own, which go on while a runtime is frozen.
struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    /// Connections that were opened before are silent from now on, and stay open.
    silence: Arc<AtomicBool>,
}

impl Server {
    /// `closes`: each connection is closed after its first response, though nothing says so before.
    fn start(closes: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, silence) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (count, silent) = (Arc::clone(&requests), Arc::clone(&silence));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (count, silent) = (Arc::clone(&count), Arc::clone(&silent));
                let born_silent = silent.load(Ordering::SeqCst);
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream.unwrap());
                    while read_head(&mut stream) {
                        count.fetch_add(1, Ordering::SeqCst);
                        if silent.load(Ordering::SeqCst) && !born_silent {
                            continue;
                        }
                        // Until all of the first ones are there, so that each has a connection.
                        while !closes && count.load(Ordering::SeqCst) < DEAD {
                            std::thread::yield_now();
                        }
                        let response = "HTTP/1.1 204 No Content\r\n\r\n";
                        stream.get_mut().write_all(response.as_bytes()).unwrap();
                        if closes {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, requests, silence }
    }

    fn config(&self) -> SpotifyClientConfig {
        let url = format!("http://{}/v1/", self.address);
        quick(SpotifyClientConfig::default().with_base_url(url).with_token("token"))
    }
}

fn read_head(stream: &mut BufReader<TcpStream>) -> bool {
    let mut line = String::new();
    loop {
        line.clear();
        match stream.read_line(&mut line) {
            Ok(0) | Err(_) => return false,
            Ok(_) if line == "\r\n" => return true,
            Ok(_) => {}
        }
    }
}

const DEAD: usize = 5;

/// The runtime has heard nothing of what happened meanwhile: it learns of it before a write goes
/// out.
#[test]
fn a_write_after_a_frozen_process_takes_no_connection_that_was_closed() {
    let server = Server::start(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let spotify = SpotifyClient::new(server.config()).unwrap();
    runtime.block_on(async {
        for _ in 0..6 {
            spotify.player().next().await.unwrap();
            // Not the runtime's pause: nothing runs on it meanwhile.
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    assert_eq!(server.requests.load(Ordering::SeqCst), 6);
    assert_eq!(spotify.stats().retries, 0);
}

#[tokio::test]
async fn after_a_time_out_the_retry_takes_a_fresh_connection() {
    let server = Server::start(false);
    let spotify = SpotifyClient::new(server.config().with_timeout(Duration::from_secs(1))).unwrap();
    let get = || spotify.get::<()>("me").send();
    let (a, b, c, d, e) = tokio::join!(get(), get(), get(), get(), get());
    for first in [a, b, c, d, e] {
        first.unwrap();
    }
    server.silence.store(true, Ordering::SeqCst);

    get().await.unwrap();

    assert_eq!(spotify.stats().retries, 1, "four dead ones are left where they are");
    get().await.unwrap();
    assert_eq!(spotify.stats().retries, 1, "and nobody else tries them");
}

/// Accepts, counts and says nothing.
fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            let mut part = [0; 1024];
            let _ = stream.unwrap().read(&mut part);
        }
    });
    (url, connections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loopback_is_reached_without_a_proxy() {
    let Some(program) = program("quickstart") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let (url, connections) = proxy();
    for host in ["127.0.0.1", "localhost"] {
        let base = fake.base_url().replace("127.0.0.1", host);
        let output = Command::new(&program)
            .envs(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"].map(|name| (name, &url)))
            .env("NO_PROXY", "example.test")
            .env("SPOTIFY_CLIENT_ID", "id")
            .env("SPOTIFY_CLIENT_SECRET", "secret")
            .env("SPOTIFY_TOKEN_URL", base.replace("/v1/", "/api/token"))
            .env("SPOTIFY_BASE_URL", base)
            .output()
            .unwrap();
        assert!(output.status.success(), "{host}: {output:?}");
    }
    let spotify = SpotifyClient::new(plain(&fake).with_proxy(&url)).unwrap();
    spotify.tracks().get(TRACK).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 0);

    let elsewhere = SpotifyClientConfig::default().with_proxy(url).without_retries();
    let spotify = SpotifyClient::new(elsewhere.with_token("token")).unwrap();
    spotify.tracks().get(TRACK).await.unwrap_err();
    assert_eq!(connections.load(Ordering::SeqCst), 1, "others are");
}

#[tokio::test]
async fn loopback_of_the_sixth_version_is_reached_without_a_proxy() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return eprintln!("skipped: no IPv6 here");
    };
    let base = format!("http://{}/v1/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        read_head(&mut stream);
        stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    });
    let (url, connections) = proxy();
    let config = SpotifyClientConfig::default().with_base_url(base).with_proxy(url);
    let spotify = SpotifyClient::new(config.with_token("token").without_retries()).unwrap();
    spotify.player().next().await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error_of_the_config() {
    let schemes = ["ftp://p", "socks6://p", "http://[p", "socks5h://p"];
    for url in &schemes[..if cfg!(feature = "socks") { 3 } else { 4 }] {
        let error =
            SpotifyClient::new(SpotifyClientConfig::default().with_proxy(*url)).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{url}: {error:?}");
        assert!(!error.is_transient());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_read_when_https_needs_them() {
    let Some(program) = program("quickstart") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let run = |base: &str| {
        Command::new(&program)
            .env("SSL_CERT_FILE", "/nowhere/roots.pem")
            .env("SSL_CERT_DIR", "/nowhere")
            .env("SPOTIFY_CLIENT_ID", "id")
            .env("SPOTIFY_CLIENT_SECRET", "secret")
            .env("SPOTIFY_TOKEN_URL", fake.base_url().replace("/v1/", "/api/token"))
            .env("SPOTIFY_BASE_URL", base)
            .output()
            .unwrap()
    };
    let output = run(&fake.base_url());
    assert!(output.status.success(), "{output:?}");
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[cfg(feature = "gzip")]
#[tokio::test]
async fn the_limit_of_a_body_counts_what_comes_out() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(plain(&fake)).unwrap();
    let compressed = |body: &[u8]| {
        let response = FakeResponse::body(200, "application/json", gzip(body));
        response.with_header("content-encoding", "gzip")
    };
    fake.next_api(compressed(br#"{"well": true}"#));
    let body: serde_json::Value = spotify.get("anything").await.unwrap();
    assert_eq!(body["well"], true);

    fake.next_api(compressed(&vec![b' '; 33 * 1024 * 1024]));
    let error = spotify.get::<serde_json::Value>("anything").await.unwrap_err();
    assert!(matches!(error, Error::TooLong { .. }), "{error:?}");

    fake.expire_tokens();
    fake.next_token(compressed(&vec![b' '; 65 * 1024]));
    let error = spotify.get::<serde_json::Value>("anything").await.unwrap_err();
    assert!(error.to_line().contains("longer than 65536 bytes"), "{}", error.to_line());
}

#[tokio::test]
async fn what_is_compressed_unasked_is_named_and_not_shown() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(plain(&fake)).unwrap();
    let zlib = b"\x78\x9c\xab\x56\x4a\x2d\x2a\xca".to_vec();
    for (encoding, body) in [
        (Some("br"), vec![0x8b, 0x07, 0x80, 0xff, 0xfe]),
        (Some("zstd"), b"\x28\xb5\x2f\xfd\x04".to_vec()),
        (Some("deflate"), zlib),
        (None, gzip(b"{}")),
        (None, vec![0xff; 50]),
    ] {
        let mut response = FakeResponse::body(200, "application/json", body);
        if let Some(encoding) = encoding {
            response = response.with_header("content-encoding", encoding);
        }
        fake.next_api(response);
        let error = spotify.get::<serde_json::Value>("anything").await.unwrap_err().to_line();
        assert!(error.is_ascii(), "{error:?}");
        assert!(error.contains(encoding.unwrap_or("a body")), "{error}");
    }
}

#[cfg(feature = "gzip")]
#[tokio::test]
async fn gzip_by_another_name_is_not_called_unasked() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(plain(&fake)).unwrap();
    for name in ["GZIP", "x-gzip", "X-GZip"] {
        let response = FakeResponse::body(200, "application/json", gzip(b"{}"));
        fake.next_api(response.with_header("content-encoding", name));
        let error = spotify.get::<serde_json::Value>("anything").await.unwrap_err().to_line();
        assert!(error.contains("gzip by another name"), "{error}");
    }
}

/// An HTTP/2 server that treats its first request as told, and carries out the others.
#[cfg(feature = "http2")]
async fn refusing_server(reason: h2::Reason) -> (SpotifyClient, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let requests = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&requests);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            match count.fetch_add(1, Ordering::SeqCst) {
                0 => respond.send_reset(reason),
                _ => drop(respond.send_response(http::Response::new(()), true).unwrap()),
            }
        }
    });
    let http = reqwest::Client::builder().http2_prior_knowledge();
    let http = http.retry(reqwest::retry::never()).build().unwrap();
    let config = SpotifyClientConfig::default().with_base_url(url).with_http_client(http);
    (SpotifyClient::new(quick(config.with_token("token"))).unwrap(), requests)
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn a_write_is_sent_again_where_http2_says_that_it_was_not_carried_out() {
    let (spotify, requests) = refusing_server(h2::Reason::REFUSED_STREAM).await;
    spotify.player().next().await.unwrap();
    assert_eq!(requests.load(Ordering::SeqCst), 2);

    let (spotify, requests) = refusing_server(h2::Reason::INTERNAL_ERROR).await;
    spotify.player().next().await.unwrap_err();
    assert_eq!(requests.load(Ordering::SeqCst), 1, "it may have been carried out");
}

/// Reads the frames of an HTTP/2 client up to its first request.
#[cfg(feature = "http2")]
async fn read_request(stream: &mut tokio::net::TcpStream) {
    use tokio::io::AsyncReadExt;

    const HEADERS: u8 = 1;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
        if head[3] == HEADERS {
            return;
        }
    }
}

/// A server goes away with a reason, and says which stream it saw last; the next one responds.
#[cfg(feature = "http2")]
async fn leaving_server(last_stream: u8, reason: u8) -> (SpotifyClient, Arc<AtomicUsize>) {
    use tokio::io::AsyncWriteExt;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let responses = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&responses);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        stream.write_all(&settings).await.unwrap();
        read_request(&mut stream).await;
        let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last_stream, 0, 0, 0, reason];
        stream.write_all(&goaway).await.unwrap();
        let (next, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(next).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            respond.send_response(http::Response::new(()), true).unwrap();
        }
        drop(stream);
    });
    let http = reqwest::Client::builder().http2_prior_knowledge();
    let http = http.retry(reqwest::retry::never()).timeout(Duration::from_secs(5)).build().unwrap();
    let config = SpotifyClientConfig::default().with_base_url(url).with_http_client(http);
    (SpotifyClient::new(quick(config.with_token("token"))).unwrap(), responses)
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn a_write_is_sent_again_where_a_server_left_before_it() {
    let (spotify, responses) = leaving_server(0, 0).await;
    spotify.player().next().await.unwrap();
    assert_eq!(responses.load(Ordering::SeqCst), 1);

    const INTERNAL_ERROR: u8 = 2;
    let (spotify, responses) = leaving_server(1, INTERNAL_ERROR).await;
    spotify.player().next().await.unwrap_err();
    assert_eq!(responses.load(Ordering::SeqCst), 0, "it may have been carried out");
}

/// Keeps what each layer saw: whose request, and whether it was signed.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Sight>>>);

type Sight = (Option<Partition>, bool);

#[async_trait]
impl Middleware for Seen {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let signed = request.headers().contains_key("authorization");
        self.0.lock().unwrap().push((extensions.get().copied(), signed));
        next.run(request, extensions).await
    }
}

/// It sees what the server sees.
#[tokio::test]
async fn an_inner_layer_sees_no_attempt_that_got_no_permit() {
    let fake = FakeSpotify::start().await.unwrap();
    let inner = Seen::default();
    let config = fake.config_with_credentials().with_inner_middleware(inner.clone());
    let spotify = SpotifyClient::new(config.with_max_wait(Duration::ZERO)).unwrap();
    spotify.tracks().get(TRACK).await.unwrap();
    let limiter = spotify.rate_limiter().unwrap();
    limiter.close_for(Duration::from_secs(600));

    for _ in 0..3 {
        spotify.tracks().get(TRACK).await.unwrap_err();
    }

    assert_eq!(inner.0.lock().unwrap().len(), fake.api_requests());
}

#[tokio::test]
async fn layers_are_told_whose_request_it_is() {
    let fake = FakeSpotify::start().await.unwrap();
    let (outer, inner) = (Seen::default(), Seen::default());
    let config = fake.config().with_middleware(outer.clone()).with_inner_middleware(inner.clone());
    let user = || TokenAuthenticator::new(fake.user_token());
    let alice = SpotifyClient::new(config.with_authenticator(user())).unwrap();
    let bob = alice.for_user(user()).unwrap();
    let carol = Partition::named("carol");
    let (carol, again) =
        (alice.for_user_in(carol, user()).unwrap(), alice.for_user_in(carol, user()).unwrap());
    for client in [&alice, &alice.clone(), &bob, &bob, &carol, &again] {
        client.users().me().await.unwrap();
    }

    let seen = outer.0.lock().unwrap().clone();
    let mut users = HashMap::<_, usize>::new();
    for (partition, signed) in &seen {
        *users.entry(partition.unwrap()).or_default() += 1;
        assert!(!signed, "outside authentication");
    }
    assert_eq!(users.into_values().collect::<Vec<_>>(), [2, 2, 2]);
    let inner = inner.0.lock().unwrap().clone();
    assert!(inner.iter().all(|(_, signed)| *signed), "inside authentication");
    assert!(inner.iter().map(|(partition, _)| partition).eq(seen.iter().map(|(it, _)| it)));
}

/// A login, as the user agrees to it.
pub(super) async fn login_at(fake: &FakeSpotify) -> Token {
    let login = Login::pkce("id", "http://127.0.0.1:8888/callback");
    let pending = login.with_authorize_url(fake.authorize_url()).begin().unwrap();
    let code = pending.finish(&fake.agree(pending.url())).unwrap();
    let request = AuthorizationCodeRequest::public("id", code);
    OAuthClient::new(&fake.config()).request_token(request).await.unwrap()
}

/// A layer outside of authentication keeps what one user got by it.
#[tokio::test]
async fn another_login_of_the_same_authenticator_has_another_partition() {
    let fake = FakeSpotify::start().await.unwrap();
    let (store, seen) = (MemoryTokenStore::default(), Seen::default());
    let authenticator =
        || PkceAuthenticator::new("id").with_store(store.clone(), TokenKey::new("id"));
    let (here, there) = (authenticator(), authenticator());
    let reports = Arc::<Mutex<Vec<Partition>>>::default();
    let config = fake.config().with_middleware(seen.clone()).with_authenticator(here.clone());
    let (told, plain) = (Arc::clone(&reports), config.clone());
    let config = config.with_observer(move |call| told.lock().unwrap().push(call.partition));
    let spotify = SpotifyClient::new(config).unwrap();
    let _bound = SpotifyClient::new(plain.with_authenticator(there.clone())).unwrap();
    let partition = async || {
        let result = spotify.users().me().await;
        (seen.0.lock().unwrap().last().unwrap().0.unwrap(), result.is_ok())
    };

    here.log_in(login_at(&fake).await).await.unwrap();
    let (alice, _) = partition().await;
    fake.expire_tokens();
    assert_eq!(partition().await, (alice, true), "it stays when the token is replaced");
    assert_eq!(fake.token_requests(), 2);

    here.log_out().await.unwrap();
    let (nobody, has_result) = partition().await;
    assert!(!has_result && nobody != alice);
    here.log_in(login_at(&fake).await).await.unwrap();
    let (bob, _) = partition().await;
    assert!(bob != alice && bob != nobody);

    // By another process: seen where the store is read.
    fake.expire_tokens();
    there.log_in(login_at(&fake).await).await.unwrap();
    partition().await;
    let (carol, has_result) = partition().await;
    assert!(has_result && ![alice, nobody, bob].contains(&carol));
    assert_eq!(partition().await, (carol, true));

    // Whose calls they were, reports say too; one that the program names is as it names it.
    assert_eq!(reports.lock().unwrap().last(), Some(&carol));
    let named = Partition::named("the one user");
    let spotify = spotify.for_user_in(named, here.clone()).unwrap();
    here.log_in(login_at(&fake).await).await.unwrap();
    spotify.users().me().await.unwrap();
    assert_eq!(reports.lock().unwrap().last(), Some(&named));
}
