//! Stands between a program and a Redis server, and stops at one of the scripts that the program
//! runs.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Where in a script's call everything stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The server does not get it.
    Before,
    /// The server has carried it out, and the program does not get the response.
    After,
}

/// A wire to a server that carries everything up to one call. Ends when it is dropped.
pub(crate) struct Steps {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    server: SocketAddr,
    /// Which call, from 1 on, and where in it.
    at: (usize, Stop),
    calls: AtomicUsize,
    /// The name of the call whose response is not carried.
    held: Mutex<Option<&'static str>>,
    /// The name of the call at which it stands.
    stopped: watch::Sender<Option<&'static str>>,
    goes_on: watch::Sender<bool>,
    hangs_up: AtomicBool,
}

impl Steps {
    /// Stops at the call with a number, from 1 on.
    pub(crate) async fn to(server: u16, number: usize, stop: Stop) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server: SocketAddr::from(([127, 0, 0, 1], server)),
            at: (number, stop),
            calls: AtomicUsize::new(0),
            held: Mutex::new(None),
            stopped: watch::Sender::new(None),
            goes_on: watch::Sender::new(false),
            hangs_up: AtomicBool::new(false),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { port, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Waits until it stands still, and says at which call.
    pub(crate) async fn stopped(&self) -> &'static str {
        let mut stopped = self.shared.stopped.subscribe();
        stopped.wait_for(Option::is_some).await.unwrap().unwrap()
    }

    /// What was held is carried on, and everything after it.
    pub(crate) fn go_on(&self) {
        self.shared.goes_on.send_replace(true);
    }

    /// The response that was held is lost with its connection, and others are carried on.
    pub(crate) fn hang_up(&self) {
        self.shared.hangs_up.store(true, Ordering::SeqCst);
        self.go_on();
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with the task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let Ok(server) = TcpStream::connect(shared.server).await else { return };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::select! {
                () = shared.carry_commands(from_client, to_server) => {}
                () = shared.carry_responses(from_server, to_client) => {}
            }
        });
    }
}

impl Shared {
    async fn carry_commands(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            bytes.extend_from_slice(&buffer[..read]);
            while let Some((length, words)) = command(&bytes) {
                let command: Vec<u8> = bytes.drain(..length).collect();
                if let Some(name) = script(&words) {
                    self.stop_before(name).await;
                }
                if to.write_all(&command).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn stop_before(&self, name: &'static str) {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if number != self.at.0 {
            return;
        }
        match self.at.1 {
            Stop::Before => {
                self.stopped.send_replace(Some(name));
                self.wait().await;
            }
            Stop::After => *self.held.lock().unwrap() = Some(name),
        }
    }

    async fn carry_responses(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let held = *self.held.lock().unwrap();
            if held.is_some() {
                self.stopped.send_replace(held);
                self.wait().await;
                if self.hangs_up.swap(false, Ordering::SeqCst) {
                    return;
                }
            }
            if to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }

    async fn wait(&self) {
        let _ = self.goes_on.subscribe().wait_for(|goes_on| *goes_on).await;
    }
}

/// The first whole command: its length, and its words.
fn command(bytes: &[u8]) -> Option<(usize, Vec<Vec<u8>>)> {
    let (count, mut at) = number(bytes, 0)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, from) = number(bytes, at)?;
        words.push(bytes.get(from..from + length)?.to_vec());
        at = from + length + 2;
    }
    (at <= bytes.len()).then_some((at, words))
}

/// The number after a `*` or `$`, and where its line ends.
fn number(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?;
    let end = line.windows(2).position(|two| two == b"\r\n")?;
    let number = std::str::from_utf8(&line[1..end]).ok()?.parse().ok()?;
    Some((number, at + end + 2))
}

/// Which of the scripts a command runs, by its keys and how many arguments it has.
fn script(words: &[Vec<u8>]) -> Option<&'static str> {
    if !words.first()?.starts_with(b"EVAL") {
        return None;
    }
    let keys: usize = std::str::from_utf8(words.get(2)?).ok()?.parse().ok()?;
    // Once for each connection, whatever is called.
    if words.get(3)?.ends_with(b":i") {
        return None;
    }
    let is_lease = words.get(3)?.windows(3).any(|part| part == b":l:");
    Some(match (keys, words.len() - 3 - keys, is_lease) {
        (2, 2, _) => "exchange",
        (2, 4, _) => "turn",
        (1 | 2, 11, false) => "save",
        (1, 4, false) => "remove all or reseal",
        (1, 6, false) => "remove seen or put back",
        (1, 5, false) => "remove",
        (1, 1, false) => "load",
        (1, 3, false) => "forget or raise",
        (1, 1, true) => "release",
        (1, 2 | 3, true) => "renew or take",
        _ => "another",
    })
}
