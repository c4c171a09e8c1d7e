//! A process that is stopped while many of its writes are under way: what became of each is what
//! its caller was told.
//!
//! The process is this test binary itself, started again for [`a_process_that_writes`] alone.

use std::collections::HashMap;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use spotify_web::auth::Backoff;
use spotify_web::middleware::RetryOptions;
use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::common::{Directory, this_test};
use crate::tls::Authority;

/// Writes sixteen times at once until its standard input ends, and says what it was told of each.
/// Does nothing unless it is started by the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_that_writes() {
    let Ok(base_url) = std::env::var("TEST_FROZEN_URL") else { return };
    let pause = Duration::from_millis(20);
    let backoff = Backoff::new(pause, 1.0, pause).unwrap();
    let config = SpotifyClientConfig::default()
        .with_base_url(base_url)
        .with_token("token")
        .without_rate_limiter()
        .with_retries(RetryOptions::default().with_backoff(backoff));
    let spotify = SpotifyClient::new(config).unwrap();
    let input_ends =
        std::thread::spawn(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    for round in 0.. {
        join_all((0..16).map(|number| {
            let (spotify, id) = (spotify.clone(), format!("w{round}x{number}"));
            tokio::spawn(async move {
                let told = match spotify.player().next().device(&id).send().await {
                    Ok(()) => "ok",
                    Err(error) if error.may_have_been_carried_out() => "perhaps",
                    Err(_) => "no",
                };
                writeln!(std::io::stdout().lock(), "{id} {told}").unwrap();
            })
        }))
        .await;
        if input_ends.is_finished() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_of_a_frozen_process_is_doubled_or_lost_over_http1() {
    a_process_is_frozen(b"http/1.1").await;
}

#[cfg(feature = "http2")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_of_a_frozen_process_is_doubled_or_lost_over_http2() {
    a_process_is_frozen(b"h2").await;
}

async fn a_process_is_frozen(protocol: &[u8]) {
    let (directory, authority) = (Directory::new(), Authority::new("trusted"));
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, authority.pem()).unwrap();
    let mut tls = authority.vouch_for("localhost", 2100);
    tls.alpn_protocols = vec![protocol.to_vec()];
    let server = Server::start(TlsAcceptor::from(Arc::new(tls))).await;
    let mut process = this_test("frozen::a_process_that_writes")
        .env("TEST_FROZEN_URL", format!("https://localhost:{}/v1/", server.port))
        .env("SSL_CERT_FILE", roots)
        .env_remove("SSL_CERT_DIR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = process.stdout.take().unwrap();
    let output = std::thread::spawn(|| std::io::read_to_string(output).unwrap());

    for _ in 0..2 {
        server.after_writes(200).await;
        signal(&process, "STOP");
        // Longer than the server keeps an idle connection.
        tokio::time::sleep(2 * IDLE).await;
        signal(&process, "CONT");
    }
    server.after_writes(200).await;
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());

    let output = output.join().unwrap();
    let told: HashMap<_, _> = output
        .lines()
        .filter_map(|line| {
            // The first comes in the same line as the name of the test.
            let mut words = line.rsplit(' ');
            let told = words.next()?;
            Some((words.next()?.strip_prefix('w')?, told))
        })
        .filter(|(id, _)| id.contains('x'))
        .collect();
    let done = server.done.lock().unwrap();
    assert_eq!(done.keys().find(|id| !told.contains_key(id.as_str())), None, "told of none");
    for (id, told) in told {
        let times = done.get(id).copied().unwrap_or(0);
        let is_true = match told {
            "ok" => times == 1,
            "perhaps" => times <= 1,
            _ => times == 0,
        };
        assert!(is_true, "{id} was carried out {times} times, and its caller was told: {told}");
    }
}

const IDLE: Duration = Duration::from_secs(1);

fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Counts how often it has carried each write out, and closes what is idle.
#[derive(Clone)]
struct Server {
    port: u16,
    done: Arc<Mutex<HashMap<String, usize>>>,
}

impl Server {
    async fn start(acceptor: TlsAcceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, done: Arc::default() };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, own) = (acceptor.clone(), own.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    match stream.get_ref().1.alpn_protocol() {
                        #[cfg(feature = "http2")]
                        Some(b"h2") => drop(own.serve_http2(stream).await),
                        _ => drop(own.serve_http1(stream).await),
                    }
                });
            }
        });
        server
    }

    async fn after_writes(&self, number: usize) {
        let enough = self.done.lock().unwrap().len() + number;
        while self.done.lock().unwrap().len() < enough {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Carries out what is written to `path`, which takes a moment.
    async fn carry_out(&self, path: &str) {
        let id = path.split("device_id=w").nth(1).unwrap().split(' ').next().unwrap();
        *self.done.lock().unwrap().entry(id.to_owned()).or_default() += 1;
        let moment = id.bytes().map(u64::from).sum::<u64>() % 10;
        tokio::time::sleep(Duration::from_millis(moment)).await;
    }

    async fn serve_http1(&self, stream: TlsStream<TcpStream>) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut line, mut path) = (String::new(), String::new());
            while line != "\r\n" {
                if line.starts_with("POST") {
                    path.clone_from(&line);
                }
                line.clear();
                if tokio::time::timeout(IDLE, stream.read_line(&mut line)).await?? == 0 {
                    return Ok(());
                }
            }
            self.carry_out(&path).await;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
            stream.flush().await?;
        }
    }

    #[cfg(feature = "http2")]
    async fn serve_http2(&self, stream: TlsStream<TcpStream>) -> Result<(), h2::Error> {
        let mut connection = h2::server::handshake(stream).await?;
        loop {
            let Ok(next) = tokio::time::timeout(IDLE, connection.accept()).await else {
                connection.graceful_shutdown();
                continue;
            };
            let Some(next) = next else { return Ok(()) };
            let (request, mut respond) = next?;
            let own = self.clone();
            tokio::spawn(async move {
                own.carry_out(&request.uri().to_string()).await;
                let done = http::Response::builder().status(204).body(()).unwrap();
                // Who has gone is told nothing.
                drop(respond.send_response(done, true));
            });
        }
    }
}
