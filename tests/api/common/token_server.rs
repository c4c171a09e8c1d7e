//! An accounts service that responds when it is told to, and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use spotify_web::SpotifyClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Each request is responded to with tokens of its own once this number is released.
#[derive(Clone)]
pub(crate) struct TokenServer {
    address: std::net::SocketAddr,
    arrived: Arc<AtomicUsize>,
    refresh_tokens: Arc<Mutex<Vec<String>>>,
    released: Arc<watch::Sender<usize>>,
}

impl TokenServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            arrived: Arc::default(),
            refresh_tokens: Arc::default(),
            released: Arc::new(watch::Sender::new(0)),
        };
        let running = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(running.clone().serve(stream));
            }
        });
        server
    }

    pub(crate) fn config(&self) -> SpotifyClientConfig {
        let url = format!("http://{}", self.address);
        SpotifyClientConfig::default().with_base_url(&url).with_token_url(format!("{url}/token"))
    }

    pub(crate) fn arrived(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }

    /// The refresh tokens that have arrived, in their order.
    pub(crate) fn refresh_tokens(&self) -> Vec<String> {
        self.refresh_tokens.lock().clone()
    }

    /// Waits until this number of requests has arrived, without time passing by a clock that is
    /// paused.
    pub(crate) async fn has_got(&self, number: usize) {
        let begun = Instant::now();
        while self.arrived() < number {
            assert!(begun.elapsed() < Duration::from_secs(60), "{} of {number}", self.arrived());
            tokio::task::yield_now().await;
        }
    }

    /// The first requests, up to this number, get their response.
    pub(crate) fn release(&self, number: usize) {
        self.released.send_replace(number);
    }

    async fn serve(self, mut stream: TcpStream) {
        let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
        while !is_whole(&request) {
            match stream.read(&mut buffer).await {
                Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        let form = String::from_utf8_lossy(&request).into_owned();
        let refresh_token = form.split("refresh_token=").nth(1).and_then(|it| it.split('&').next());
        self.refresh_tokens.lock().extend(refresh_token.map(str::to_owned));
        let number = self.arrived.fetch_add(1, Ordering::SeqCst) + 1;
        let mut released = self.released.subscribe();
        released.wait_for(|released| *released >= number).await.unwrap();
        let body = format!(
            r#"{{"access_token":"a{number}","token_type":"Bearer","expires_in":3600,"refresh_token":"r{number}"}}"#
        );
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
        let response = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(response.as_bytes()).await.ok();
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
