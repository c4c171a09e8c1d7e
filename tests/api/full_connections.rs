//! An endpoint that hangs fills what a server lets be under way on a connection, and no more.
//!
//! The caller is this test binary itself, started again for [`a_process_that_calls`] alone, since
//! which authorities are trusted is a matter of the process.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::common::{Directory, this_test};
use crate::tls::Authority;

/// As many as Envoy lets be under way.
const MOST: u32 = 100;

/// Calls what hangs far more often than one connection takes, and then something else.
#[tokio::test]
async fn a_process_that_calls() {
    let Ok(base_url) = std::env::var("TEST_FULL_URL") else { return };
    let config = SpotifyClientConfig::default()
        .with_base_url(base_url)
        .with_token("token")
        .with_timeout(Duration::from_secs(3600))
        .without_rate_limiter();
    let spotify = SpotifyClient::new(config).unwrap();
    spotify.get::<()>("first").await.unwrap();
    let mut hanging = tokio::task::JoinSet::new();
    for _ in 0..4 * MOST {
        let spotify = spotify.clone();
        hanging.spawn(async move { spotify.get::<()>("hangs").await });
    }
    let all_hang = async {
        while spotify.get::<u32>("how_many_hang").await.unwrap() < 4 * MOST {}
        spotify.player().next().await.unwrap();
    };

    tokio::time::timeout(Duration::from_secs(60), all_hang).await.unwrap();

    assert!(hanging.try_join_next().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_hang_hold_up_no_others() {
    let (directory, authority) = (Directory::new(), Authority::new("trusted"));
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, authority.pem()).unwrap();
    let mut tls = authority.vouch_for("localhost", 2100);
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(tls)), Arc::clone(&connections)));
    let mut process = this_test("full_connections::a_process_that_calls");
    let process = process
        .env("TEST_FULL_URL", format!("https://localhost:{port}/v1/"))
        .env("SSL_CERT_FILE", roots)
        .env_remove("SSL_CERT_DIR")
        .stdin(Stdio::null());

    let called = tokio::task::block_in_place(|| process.output()).unwrap();

    assert!(called.status.success(), "{}", String::from_utf8_lossy(&called.stdout));
    let connections = connections.load(Ordering::SeqCst);
    assert!((4..=8).contains(&connections), "{connections} connections");
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, connections: Arc<AtomicUsize>) {
    let hanging = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.fetch_add(1, Ordering::SeqCst);
        let (acceptor, hanging) = (acceptor.clone(), Arc::clone(&hanging));
        tokio::spawn(async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let mut settings = h2::server::Builder::new();
            settings.max_concurrent_streams(MOST);
            let mut connection = settings.handshake::<_, bytes::Bytes>(stream).await.unwrap();
            let mut kept = Vec::new();
            // The caller ends without a word.
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let head = http::Response::new(());
                match request.uri().path() {
                    "/v1/hangs" => {
                        hanging.fetch_add(1, Ordering::SeqCst);
                        kept.push(respond);
                    }
                    "/v1/how_many_hang" => {
                        let count = hanging.load(Ordering::SeqCst).to_string();
                        let mut body = respond.send_response(head, false).unwrap();
                        body.send_data(count.into(), true).unwrap();
                    }
                    _ => drop(respond.send_response(head, true).unwrap()),
                }
            }
        });
    }
}
