//! The HTTP client that the accounts service and the API share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::redirect::{Attempt, Policy};
use url::Url;

use super::clients::Traffic;
use super::connecting::Explain;
use super::early::Early;
use super::reached::{NoteBegun, NoteConnections, Reached};
use super::{ProxyChoice, Wire};

/// What the HTTP client is built from.
#[derive(Debug, Clone)]
pub(crate) struct HttpOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) user_agent: String,
    pub(crate) proxy: ProxyChoice,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            // Load balancers close idle connections after 60 s (AWS) or 75 s (nginx), and the first
            // NAT on the way forgets them silently after little more. Who closes first loses no
            // request.
            idle_timeout: Duration::from_secs(30),
            user_agent: concat!("spotify-web/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: ProxyChoice::default(),
        }
    }
}

/// An HTTP client that all clones share.
#[derive(Debug, Clone)]
pub(crate) enum SharedHttpClient {
    /// One that the user built.
    Given(reqwest::Client),
    /// One that is built when it is first needed.
    Built(Arc<OnceLock<Result<Wire, String>>>),
}

impl SharedHttpClient {
    /// The way out by the client, or why there is none. Clones of it share its connections.
    pub(crate) fn get(&self, options: &HttpOptions) -> Result<Wire, String> {
        match self {
            Self::Given(client) => Ok(Wire::given(client.clone())),
            Self::Built(cell) => cell.get_or_init(|| build(options)).clone(),
        }
    }

    /// Whether it can do HTTPS: with a TLS feature, or where the user built it.
    pub(crate) fn can_do_tls(&self) -> bool {
        HAS_TLS || matches!(self, Self::Given(_))
    }

    /// The same for other options: a built client is built anew.
    pub(crate) fn with_other_options(self) -> Self {
        match self {
            Self::Given(client) => Self::Given(client),
            Self::Built(_) => Self::default(),
        }
    }
}

impl Default for SharedHttpClient {
    fn default() -> Self {
        Self::Built(Arc::default())
    }
}

fn build(options: &HttpOptions) -> Result<Wire, String> {
    let options = options.clone();
    let proxies = options.proxy.proxies()?;
    let proxy = options.proxy.name();
    HeaderValue::from_str(&options.user_agent)
        .map_err(|_| "the user agent has characters that a header cannot carry".to_owned())?;
    // Shared by all clients that are built from it: sessions that can be resumed, and certificates.
    #[cfg(feature = "__rustls")]
    let tls = super::tls::config()?;
    let timeout = options.timeout;
    let make = move |reached: &Arc<Reached>, _traffic: Traffic| {
        // Without the proxies that the HTTP client finds by itself: it sends loopback through them.
        let explain = Explain(proxy.clone());
        let mut builder = reqwest::Client::builder().no_proxy().connector_layer(explain);
        for proxy in &proxies {
            builder = builder.proxy(proxy.clone());
        }
        #[cfg(feature = "__rustls")]
        let builder = builder.tls_backend_preconfigured(tls.clone());
        let builder = builder.connector_layer(NoteBegun);
        let builder = builder.connector_layer(Early::within(options.idle_timeout));
        #[cfg(feature = "http2")]
        let builder = with_http2(builder, options.connect_timeout, _traffic);
        builder
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .pool_idle_timeout(options.idle_timeout.min(LONGEST_IDLE))
            .user_agent(&options.user_agent)
            // The layers see each retry: it costs a permit of the rate limiter.
            .retry(reqwest::retry::never())
            .redirect(Policy::custom(stay_on_origin))
            .connector_layer(NoteConnections(Arc::clone(reached)))
            .build()
    };
    Wire::made_by(timeout, make).map_err(|error| with_causes(&error))
}

/// Shares a connection. Of calls it finds out within ten seconds that nobody is there any more,
/// whether something is under way or not.
///
/// A token request's connection is not asked. What a process that stood still for four seconds
/// finds first is that a ping was not responded to; only then would it read the response, which may
/// have the only refresh token. The request has a limit of its own, and others do not wait for it.
#[cfg(feature = "http2")]
fn with_http2(
    builder: reqwest::ClientBuilder,
    connect_timeout: Duration,
    traffic: Traffic,
) -> reqwest::ClientBuilder {
    let builder = match traffic {
        Traffic::TokenRequests => builder,
        Traffic::Reads | Traffic::Writes => builder
            .http2_keep_alive_interval(Duration::from_secs(5))
            .http2_keep_alive_timeout(Duration::from_secs(4))
            .http2_keep_alive_while_idle(true),
    };
    builder
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .connector_layer(super::one_connection::InTurn::within(connect_timeout))
}

/// How much of a body may arrive before it is read. A page, compressed or not, comes in one go on a
/// link of 150 ms, which the 64 KiB of HTTP/2 would hold up.
#[cfg(feature = "http2")]
const STREAM_WINDOW: u32 = 1 << 20;

/// The same for all bodies together: one of each of the 128 requests that the common servers let be
/// under way at once (nginx and AWS 128, Envoy 100), so that bodies that are not read hold up no
/// window but their own. One that adapts begins with 64 KiB for all, which a single body fills.
///
/// And no more: the half of it is what `h2` lets frames be smaller than 256 bytes, all that lie
/// unread together. 64 MiB are 263,000 frames with a byte each, of some 250 bytes in memory, hence
/// as much again as the half; then the connection ends with `ENHANCE_YOUR_CALM`. With a window of 1
/// GiB a body of a megabyte could cost 250.
#[cfg(feature = "http2")]
const CONNECTION_WINDOW: u32 = 128 * STREAM_WINDOW;

/// A redirect elsewhere is not followed: it would take a token request's form along. Neither is one
/// that turns a POST into a GET; 307 and 308 keep the method.
fn stay_on_origin(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if !matches!(attempt.status().as_u16(), 307 | 308) {
        return attempt.stop();
    }
    let stays = attempt.previous().last().is_some_and(|from| is_within_origin(attempt.url(), from));
    match stays && attempt.previous().len() <= MOST_REDIRECTS {
        true => attempt.follow(),
        false => attempt.stop(),
    }
}

/// Whether a redirect leads to the server that it came from. One with a user name or a password in
/// its URL does not: the HTTP client would keep a connection by that name beside the server's own.
pub(super) fn is_within_origin(url: &Url, from: &Url) -> bool {
    url.origin() == from.origin() && url.username().is_empty() && url.password().is_none()
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Whether the built-in HTTP client can do HTTPS.
const HAS_TLS: bool = cfg!(any(feature = "__rustls", feature = "native-tls"));

pub(crate) const NO_TLS: &str = "needs TLS, and this build has none: enable the feature \
    `rustls-aws-lc-rs`, `rustls-ring`, `rustls-no-provider` or `native-tls`, or set an HTTP client of your own";

/// The pool adds it to the time that it is, which must have room for it.
const LONGEST_IDLE: Duration = Duration::from_secs(24 * 3600);

/// Enough for a server that moved, and for its `http` to `https` and trailing slash; browsers give
/// up after 20, and no caller wants to wait for that many.
const MOST_REDIRECTS: usize = 5;

#[cfg(test)]
#[cfg(feature = "http2")]
#[expect(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;
    use tokio::time::Instant;

    use super::*;

    fn client() -> reqwest::Client {
        client_for(Traffic::Reads).unwrap()
    }

    fn client_for(traffic: Traffic) -> reqwest::Result<reqwest::Client> {
        let builder = with_http2(reqwest::Client::builder(), Duration::from_secs(10), traffic);
        builder.http2_prior_knowledge().build()
    }

    /// Every body fills a stream's window, and more.
    #[tokio::test]
    async fn bodies_that_are_not_read_hold_up_no_other() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let mut body = respond.send_response(http::Response::new(()), false).unwrap();
                body.send_data(vec![b'x'; 3 << 20].into(), true).unwrap();
            }
        });
        let http = client();
        let mut unread = Vec::new();
        for _ in 0..30 {
            unread.push(http.get(&url).send().await.unwrap());
        }

        let read = async { http.get(&url).send().await.unwrap().bytes().await };

        let body = tokio::time::timeout(Duration::from_secs(60), read).await;
        assert_eq!(body.expect("it is held up").unwrap().len(), 3 << 20);
    }

    #[tokio::test]
    async fn a_dead_http2_connection_is_found_within_ten_seconds() {
        // A server that responds once, and then neither reads nor closes.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            respond.send_response(http::Response::new(()), true).unwrap();
            // As long as the response takes to leave.
            drop(tokio::time::timeout(Duration::from_millis(200), connection.accept()).await);
            std::future::pending::<()>().await;
            drop(connection);
        });
        let http = client();
        http.get(&url).send().await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::time::pause();
        let began = Instant::now();

        http.get(&url).timeout(Duration::from_secs(30)).send().await.unwrap_err();

        assert!(began.elapsed() <= Duration::from_secs(10), "{:?}", began.elapsed());
    }

    /// A frame of one byte costs hundreds in memory.
    #[tokio::test]
    async fn a_body_in_the_smallest_frames_is_given_up_when_nobody_reads_it() {
        let (url, are_there) = server_of_frames(300_000).await;
        let response = client().get(&url).send().await.unwrap();
        are_there.await.unwrap();

        let body = response.bytes().await.map(|body| body.len());

        let shown = format!("{body:?}");
        assert!(shown.contains("ENHANCE_YOUR_CALM"), "{shown}");

        // The largest body that can come unread, in frames of a size that is not odd.
        let (url, are_there) = server_of_frames(0).await;
        let response = client().get(&url).send().await.unwrap();
        are_there.await.unwrap();
        assert_eq!(response.bytes().await.unwrap().len(), 64 * 16_384);
    }

    /// Responds with frames of a byte each, or with large ones. Tells when the client has them, or
    /// has closed.
    async fn server_of_frames(bytes: usize) -> (String, oneshot::Receiver<()>) {
        const PING_ACK: [u8; 2] = [6, 1];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (tell, are_there) = oneshot::channel();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
            stream.read_exact(&mut [0; 24]).await.unwrap();
            let mut next = async |kind: fn([u8; 2]) -> bool, sent: &[u8]| {
                stream.write_all(sent).await?;
                loop {
                    let mut head = [0; 9];
                    stream.read_exact(&mut head).await?;
                    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                    stream.read_exact(&mut vec![0; length as usize]).await?;
                    if kind([head[3], head[4]]) {
                        return std::io::Result::Ok(());
                    }
                }
            };
            next(|kind| kind[0] == 1, &[]).await.unwrap();
            // The client's window is its own from when on its settings are acknowledged.
            let mut sent = vec![0, 0, 0, 4, 1, 0, 0, 0, 0];
            sent.extend([0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]);
            sent.extend([0, 0, 1, 0, 0, 0, 0, 0, 1, b'x'].repeat(bytes));
            if bytes == 0 {
                let large = [[0, 0x40, 0, 0, 0, 0, 0, 0, 1].as_slice(), &[b'x'; 16_384]].concat();
                sent.extend(large.repeat(64));
            }
            sent.extend([0, 0, 0, 0, 1, 0, 0, 0, 1]);
            sent.extend([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
            // That it has closed is as good.
            let _ = next(|kind| kind == PING_ACK, &sent).await;
            tell.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        (url, are_there)
    }

    /// As in a process that was frozen while a ping was under way: nothing moves for a while, and
    /// then the response is there.
    #[tokio::test]
    async fn a_token_request_is_not_given_up_for_a_ping() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            tokio::time::sleep(Duration::from_secs(25)).await;
            respond.send_response(http::Response::new(()), true).unwrap();
            connection.accept().await;
        });
        let wire =
            Wire::made_by(Duration::from_secs(30), |_, traffic| client_for(traffic)).unwrap();
        let request = reqwest::Request::new(reqwest::Method::POST, url.parse().unwrap());

        let sent = tokio::spawn(async move { wire.execute(request).await });
        tokio::time::sleep(Duration::from_millis(500)).await;
        tokio::time::pause();

        assert!(sent.await.unwrap().unwrap().status().is_success());
    }
}
