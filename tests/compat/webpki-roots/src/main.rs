//! The certificates of the operating system count as without the feature: an authority that
//! `SSL_CERT_FILE` names is trusted, and no other of its kind.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};
use spotify_web::{SpotifyClient, SpotifyClientConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    match std::env::var("TEST_BASE_URL") {
        Ok(base_url) => ask(base_url).await,
        Err(_) => serve(),
    }
}

async fn ask(base_url: String) {
    let config = SpotifyClientConfig::default().with_base_url(base_url).with_token("token");
    let spotify = SpotifyClient::new(config.without_retries()).expect("a client");
    spotify.get::<()>("me").await.expect("a server that is trusted");
}

fn serve() {
    let directory = std::env::temp_dir().join(format!("compat-webpki-roots-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let (config, own) = certificate(directory.join("own.pem"));
    let (_, others) = certificate(directory.join("others.pem"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base_url = format!("https://localhost:{}/v1/", listener.local_addr().expect("bound").port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            respond(connection, &mut stream.expect("a stream"));
        }
    });
    let program = std::env::current_exe().expect("this program");
    let is_trusted = |roots: PathBuf| {
        let mut child = Command::new(&program);
        child.env("TEST_BASE_URL", &base_url).env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR");
        child.output().expect("a child").status.success()
    };
    assert!(is_trusted(own), "what SSL_CERT_FILE names is not trusted");
    assert!(!is_trusted(others), "what nobody names is trusted");
    std::fs::remove_dir_all(&directory).expect("removed");
    println!("SSL_CERT_FILE counts beside compiled-in certificates");
}

fn certificate(path: PathBuf) -> (Arc<ServerConfig>, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(&path, made.cert.pem()).expect("written");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key.into());
    (Arc::new(config.expect("a config")), path)
}

/// Who does not trust it ends the handshake.
fn respond(mut connection: ServerConnection, stream: &mut std::net::TcpStream) {
    let mut tls = Stream::new(&mut connection, stream);
    let mut head = [0; 4096];
    if tls.read(&mut head).is_ok() {
        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        tls.write_all(response).ok();
        tls.conn.send_close_notify();
        tls.flush().ok();
    }
}
