//! Stands between a program and a TCP server, and goes silent, loses responses, or hangs up.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A wire to a server. Ends when it is dropped.
pub(crate) struct Wire {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// The port of the server, for connections from now on.
    server: AtomicU16,
    /// Connections with a number up to this carry nothing any more, in either direction.
    silent_up_to: watch::Sender<usize>,
    /// Whether new connections carry anything.
    is_mute: Mutex<bool>,
    lost_responses: AtomicUsize,
    connections: AtomicUsize,
}

impl Wire {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server: AtomicU16::new(server),
            silent_up_to: watch::Sender::new(0),
            is_mute: Mutex::new(false),
            lost_responses: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { port, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The connections that there are stay open, and carry nothing any more.
    pub(crate) fn silence(&self) {
        self.shared.silent_up_to.send_replace(self.connections());
    }

    /// New connections are to the server with this port.
    pub(crate) fn lead_to(&self, server: u16) {
        self.shared.server.store(server, Ordering::SeqCst);
    }

    /// Connections are accepted, and nothing else happens on them.
    pub(crate) fn mute(&self) {
        *self.shared.is_mute.lock().unwrap() = true;
        self.silence();
    }

    /// The server gets what is sent next; this number of its responses are lost.
    pub(crate) fn lose_responses(&self, count: usize) {
        self.shared.lost_responses.store(count, Ordering::SeqCst);
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with the task, and every connection with it.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
        if *shared.is_mute.lock().unwrap() {
            shared.silent_up_to.send_replace(number);
        }
        connections.spawn(carry(client, number, Arc::clone(&shared)));
    }
}

async fn carry(client: TcpStream, number: usize, shared: Arc<Shared>) {
    let address = SocketAddr::from(([127, 0, 0, 1], shared.server.load(Ordering::SeqCst)));
    let Ok(server) = TcpStream::connect(address).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut silence = shared.silent_up_to.subscribe();
    let requests = async {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            if to_server.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    let responses = async {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            let lost = &shared.lost_responses;
            let take = |left: usize| left.checked_sub(1);
            if lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
                continue;
            }
            if to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    let is_silent = async {
        let _ = silence.wait_for(|up_to| *up_to >= number).await;
    };
    tokio::select! {
        () = requests => {}
        () = responses => {}
        () = is_silent => std::future::pending().await,
    }
}
