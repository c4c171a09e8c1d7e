//! TLS: a server without a good certificate for the name gets no credentials.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use spotify_web::testing::FakeSpotify;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::common::Directory;
use crate::examples::program;

const SECRET: &str = "s3cr3t-n0t-t0-b3-s33n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_not_good_gets_no_credentials() {
    let Some(program) = program("quickstart") else { return };
    let directory = Directory::new();
    let (trusted, other) = (Authority::new("trusted"), Authority::new("other"));
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, &trusted.pem).unwrap();
    let fake = FakeSpotify::start().await.unwrap();

    let good = Server::start(&fake, trusted.vouch_for("localhost", 2100)).await;
    let output = good.ask(&program, &roots);
    assert!(output.status.success(), "{output:?}");
    assert!(good.bytes() > 0);

    for (what, certificate, reason) in [
        ("not trusted", other.vouch_for("localhost", 2100), "UnknownIssuer"),
        ("its own", other.vouch_for_itself("localhost"), "`basicConstraints=CA:FALSE`"),
        ("expired", trusted.vouch_for("localhost", 2020), "expired"),
        ("of another name", trusted.vouch_for("api.example.test", 2100), "not valid for name"),
    ] {
        let bad = Server::start(&fake, certificate).await;
        let output = bad.ask(&program, &roots);

        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{what}");
        assert!(error.contains(reason), "{what}: {error}");
        assert!(!error.contains(SECRET), "{what}: {error}");
        assert_eq!(error.lines().count(), 1, "{what}: {error}");
        assert_eq!(bad.bytes(), 0, "{what}: nothing of the request was sent");
    }
}

/// As it is where the compiled-in list is not trusted either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_that_names_no_certificates_is_named_in_the_error() {
    let Some(program) = program("quickstart") else { return };
    let directory = Directory::new();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let fake = FakeSpotify::start().await.unwrap();
    let server = Server::start(&fake, Authority::new("any").vouch_for("localhost", 2100)).await;
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    for (variable, path, why) in [
        ("SSL_CERT_FILE", "/nowhere/roots.pem".into(), "No such file"),
        ("SSL_CERT_FILE", directory.path().to_owned(), "is a directory"),
        ("SSL_CERT_FILE", file("empty.pem", ""), "no certificate"),
        ("SSL_CERT_FILE", file("text.pem", "certificate"), "no certificate"),
        ("SSL_CERT_FILE", file("broken.pem", broken), "no certificate"),
        ("SSL_CERT_DIR", "/nowhere/certs".into(), "No such file"),
        ("SSL_CERT_DIR", directory.path().to_owned(), "no certificate"),
    ] {
        let output = server.ask_with(&program, variable, &path);

        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{path:?}: {error}");
        for part in [variable, path.to_str().unwrap(), why] {
            assert!(error.contains(part), "{path:?}: {error}");
        }
        assert!(!error.contains(SECRET), "{error}");
        assert_eq!(server.bytes(), 0);
    }
}

/// A server that has HTTP/2 and nothing else.
#[cfg(feature = "http2")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_is_offered_in_the_handshake() {
    let Some(program) = program("quickstart") else { return };
    let directory = Directory::new();
    let authority = Authority::new("trusted");
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, &authority.pem).unwrap();
    let mut config = authority.vouch_for("localhost", 2100);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    count.fetch_add(1, Ordering::SeqCst);
                    let gone = http::Response::builder().status(410).body(()).unwrap();
                    respond.send_response(gone, true).unwrap();
                }
            });
        }
    });

    let server = Server { address, bytes: Arc::default() };
    let output = server.ask(&program, &roots);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(requests.load(Ordering::SeqCst), 1, "{output:?}");
}

/// Who vouches for servers.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `name` that holds until the beginning of a year.
    pub(crate) fn vouch_for(&self, name: &str, until: i32) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2010, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        serves(&certificate, &key)
    }

    /// An authority's own, for a name: what `openssl req -x509` makes.
    fn vouch_for_itself(&self, name: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        serves(&certificate, &key)
    }
}

fn serves(certificate: &Certificate, key: &KeyPair) -> ServerConfig {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap()
}

/// Takes TLS off and passes on to the fake what comes, counted.
struct Server {
    address: SocketAddr,
    bytes: Arc<AtomicUsize>,
}

impl Server {
    async fn start(fake: &FakeSpotify, config: ServerConfig) -> Self {
        let base: url::Url = fake.base_url().parse().unwrap();
        let fake = *base.socket_addrs(|| None).unwrap().first().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bytes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&bytes);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, fake, Arc::clone(&counter)));
            }
        });
        Self { address, bytes }
    }

    /// Has a program request a token and a track of it.
    fn ask(&self, program: &Path, roots: &Path) -> Output {
        self.ask_with(program, "SSL_CERT_FILE", roots)
    }

    fn ask_with(&self, program: &Path, variable: &str, roots: &Path) -> Output {
        let origin = format!("https://localhost:{}", self.address.port());
        let mut command = Command::new(program);
        command
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR")
            .env(variable, roots)
            .env("SPOTIFY_CLIENT_ID", "id")
            .env("SPOTIFY_CLIENT_SECRET", SECRET)
            .env("SPOTIFY_BASE_URL", format!("{origin}/v1/"))
            .env("SPOTIFY_TOKEN_URL", format!("{origin}/api/token"));
        command.output().unwrap()
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    fake: SocketAddr,
    counter: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(acceptor.accept(stream).await?);
    let (mut from_fake, mut to_fake) = TcpStream::connect(fake).await?.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_fake, &mut to_client).await });
    let mut part = vec![0; 4096];
    loop {
        let length = from_client.read(&mut part).await?;
        if length == 0 {
            return Ok(());
        }
        counter.fetch_add(length, Ordering::SeqCst);
        to_fake.write_all(&part[..length]).await?;
    }
}
