//! A link: a proxy on loopback with a delay each way, a round trip for a connection, and a
//! bandwidth that all connections share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// What a link is like.
#[derive(Clone, Copy)]
pub struct Link {
    pub round_trip: Duration,
    pub megabits: u32,
}

/// What went over a link.
#[derive(Default)]
pub struct Traffic {
    pub connections: AtomicUsize,
    /// Towards the client.
    pub bytes: AtomicUsize,
}

impl Traffic {
    /// Connections and bytes since this was last asked.
    pub fn take(&self) -> (usize, usize) {
        (self.connections.swap(0, Ordering::SeqCst), self.bytes.swap(0, Ordering::SeqCst))
    }
}

/// Carries what comes to `listener` to `server`, until the process ends.
pub async fn carry(listener: TcpListener, server: SocketAddr, link: Link, traffic: Arc<Traffic>) {
    let up = Arc::new(Direction::new(link, None));
    let down = Arc::new(Direction::new(link, Some(Arc::clone(&traffic))));
    loop {
        let (client, _) = listener.accept().await.unwrap();
        traffic.connections.fetch_add(1, Ordering::SeqCst);
        let (up, down) = (Arc::clone(&up), Arc::clone(&down));
        // The client took it for open at once; on a link, nothing goes before its round trip is
        // over.
        let open = Instant::now() + link.round_trip;
        tokio::spawn(async move {
            let server = TcpStream::connect(server).await.unwrap();
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::join!(
                up.pump(from_client, to_server, open),
                down.pump(from_server, to_client, open)
            );
        });
    }
}

/// One way of a link.
struct Direction {
    delay: Duration,
    nanoseconds_a_byte: u64,
    /// When all that was sent is on its way.
    free: Mutex<Instant>,
    traffic: Option<Arc<Traffic>>,
}

impl Direction {
    fn new(link: Link, traffic: Option<Arc<Traffic>>) -> Self {
        Self {
            delay: link.round_trip / 2,
            nanoseconds_a_byte: 8_000 / u64::from(link.megabits),
            free: Mutex::new(Instant::now()),
            traffic,
        }
    }

    /// Takes what comes as fast as the link sends it, and hands it over after the delay.
    async fn pump(
        &self,
        mut from: impl AsyncRead + Unpin,
        to: impl AsyncWrite + Unpin + Send + 'static,
        open: Instant,
    ) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let delivery = tokio::spawn(deliver(receiver, to));
        sleep_until(open).await;
        loop {
            let mut piece = BytesMut::with_capacity(PIECE);
            if !from.read_buf(&mut piece).await.is_ok_and(|length| length > 0) {
                break;
            }
            let sent = self.send(piece.len());
            let _ = sender.send((sent + self.delay, piece.freeze()));
            // Timers are good for a millisecond, which must not be lost for each piece.
            sleep_until(sent - AHEAD).await;
        }
        drop(sender);
        let _ = delivery.await;
    }

    /// When the last of this number of bytes has left.
    fn send(&self, length: usize) -> Instant {
        if let Some(traffic) = &self.traffic {
            traffic.bytes.fetch_add(length, Ordering::SeqCst);
        }
        let takes = Duration::from_nanos(self.nanoseconds_a_byte * length as u64);
        let mut free = self.free.lock().unwrap();
        *free = (*free).max(Instant::now()) + takes;
        *free
    }
}

async fn deliver(
    mut pieces: mpsc::UnboundedReceiver<(Instant, Bytes)>,
    mut to: impl AsyncWrite + Unpin,
) {
    while let Some((at, piece)) = pieces.recv().await {
        sleep_until(at).await;
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

const PIECE: usize = 8 * 1024;
const AHEAD: Duration = Duration::from_millis(5);
