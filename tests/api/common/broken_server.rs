//! A server on loopback that is broken in a way that no HTTP library would be.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What it does with every connection, once a request has come.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behaviour {
    /// Drops it with what was sent unread, which resets it.
    Reset,
    /// Announces more of a body than it sends.
    TornBody,
}

pub(crate) struct BrokenServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl BrokenServer {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                serve(stream, behaviour);
            }
        });
        Self { address, connections }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, behaviour: Behaviour) {
    let mut byte = [0; 1];
    stream.read_exact(&mut byte).ok();
    if let Behaviour::TornBody = behaviour {
        read_request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"access_token\":\"torn")
            .ok();
    }
}

/// To the end of the form; what is left unread would reset the connection.
fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !request.ends_with(b"client_credentials") {
        match stream.read(&mut part) {
            Ok(length @ 1..) => request.extend_from_slice(&part[..length]),
            _ => return,
        }
    }
}
