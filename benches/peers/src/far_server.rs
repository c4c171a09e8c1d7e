//! A server as Spotify's: TLS, HTTP/2 and gzip where a client takes them; behind a link.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::link::{self, Link, Traffic};
use crate::server::name;
use crate::trust::Identity;

/// A prepared response: as it is, and compressed.
struct Prepared {
    plain: Bytes,
    gzip: Bytes,
    takes: Duration,
}

/// A server that is reached by its origin.
pub struct FarServer {
    pub origin: String,
    pub traffic: Arc<Traffic>,
}

/// Bodies by paths, as [`name`] has them, and how long each takes.
pub type Bodies = HashMap<String, (Vec<u8>, Duration)>;

/// What the accounts service responds.
pub fn token() -> Vec<u8> {
    br#"{"access_token": "token", "token_type": "Bearer", "expires_in": 3600}"#.to_vec()
}

/// Starts a server behind a link. The bodies may name its origin.
pub fn start(identity: &Identity, link: Link, bodies: impl FnOnce(&str) -> Bodies) -> FarServer {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let bodies = bodies(&origin).into_iter().map(|(name, body)| (name, Prepared::new(body)));
    let (bodies, traffic) = (Arc::new(bodies.collect()), Arc::<Traffic>::default());
    let (acceptor, counted) = (acceptor(identity), Arc::clone(&traffic));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let server = serve(acceptor, bodies).await;
            link::carry(TcpListener::from_std(listener).unwrap(), server, link, counted).await;
        });
    });
    FarServer { origin, traffic }
}

impl Prepared {
    fn new((plain, takes): (Vec<u8>, Duration)) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&plain).unwrap();
        Self { gzip: encoder.finish().unwrap().into(), plain: plain.into(), takes }
    }
}

fn acceptor(identity: &Identity) -> TlsAcceptor {
    let private = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(identity.chain.clone(), private).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Where it listens.
async fn serve(acceptor: TlsAcceptor, bodies: Arc<HashMap<String, Prepared>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (acceptor, bodies) = (acceptor.clone(), Arc::clone(&bodies));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let respond = service_fn(move |request| respond(request, Arc::clone(&bodies)));
                let mut server = auto::Builder::new(TokioExecutor::new());
                server.http2().max_concurrent_streams(100);
                let _ = server.serve_connection(TokioIo::new(stream), respond).await;
            });
        }
    });
    address
}

async fn respond(
    request: Request<Incoming>,
    bodies: Arc<HashMap<String, Prepared>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let prepared = &bodies[&name(request.uri().path(), request.uri().query().unwrap_or(""))];
    tokio::time::sleep(prepared.takes).await;
    let accepted = request.headers().get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let response = Response::builder().header(CONTENT_TYPE, "application/json");
    Ok(match accepted.is_some_and(|accepted| accepted.contains("gzip")) {
        true => response.header(CONTENT_ENCODING, "gzip").body(Full::new(prepared.gzip.clone())),
        false => response.body(Full::new(prepared.plain.clone())),
    }
    .unwrap())
}
