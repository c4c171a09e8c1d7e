//! The HTTP server below the fake.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::request::FakeRequest;
use super::response::FakeResponse;
use super::state::Shared;
use crate::transport::can_send;

/// A port of 127.0.0.1, a free one where it is 0. tokio panics where its runtime cannot serve.
pub(super) async fn listen(port: u16) -> io::Result<TcpListener> {
    if !can_send() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, NO_RUNTIME));
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Serves until its task is dropped, and every connection with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| respond(request, Arc::clone(&shared)));
    // A client that goes away is not the server's error.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// An error hangs up.
async fn respond(
    request: hyper::Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<hyper::Response<Full<Bytes>>, HangUp> {
    if request.method() == http::Method::OPTIONS {
        return FakeResponse::preflight().into_response().await.ok_or(HangUp);
    }
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await.map_err(|_| HangUp)?.to_bytes();
    let request = FakeRequest::new(&head, &body);
    shared.respond(&request).into_response().await.ok_or(HangUp)
}

#[derive(Debug, thiserror::Error)]
#[error("hung up as scripted")]
struct HangUp;

const LONGEST_BODY: usize = 1024 * 1024;

const NO_RUNTIME: &str = "a fake server needs a tokio runtime with IO and time enabled: start it in a \
    `#[tokio::test]` or `#[tokio::main]` function, or by `block_on` of a runtime with `enable_all`";
