//! A server on loopback with prepared responses, sent after a chosen latency. It runs on a
//! thread of its own, so that its allocations are not counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bodies by paths, and pages of a playlist's entries by `/` and their offset.
pub type Responses = HashMap<String, Vec<u8>>;

/// Starts a server. The bodies may name its origin.
pub fn start(responses: impl FnOnce(&str) -> Responses, latency: Duration) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let responses = responses(&origin).into_iter().map(|(name, body)| (name, with_head(body)));
    let responses = Arc::new(responses.collect());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&responses), latency));
            }
        });
    });
    origin
}

async fn serve(mut stream: TcpStream, responses: Arc<Responses>, latency: Duration) {
    stream.set_nodelay(true).unwrap();
    let mut head = Vec::new();
    while stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
        // None of the requests has a body, and none comes before the response to the one before.
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let response = &responses[&name_of(&String::from_utf8_lossy(&head))];
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        head.clear();
        if stream.write_all(response).await.is_err() {
            return;
        }
    }
}

/// As it goes over the wire, so that a request costs the server next to nothing.
fn with_head(body: Vec<u8>) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.into_bytes(), body].concat()
}

fn name_of(head: &str) -> String {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    name(path, query)
}

/// The path, or for entries of a playlist the offset.
pub fn name(path: &str, query: &str) -> String {
    let offset = query.split('&').find_map(|pair| pair.strip_prefix("offset=")).unwrap_or("0");
    if path.ends_with("/items") { format!("/{offset}") } else { path.to_owned() }
}
