//! A proxy before a fake, on which things go wrong.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::fault::{Fault, Mixture};
use super::limits::{FakeLimit, Limits};
use super::message::Message;
use super::{FakeSpotify, server};
use crate::SpotifyClientConfig;
use crate::sync::Mutex;

/// Stands between a program and a [`FakeSpotify`], and injects faults: connections that are reset,
/// half bodies, pages from gateways, good tokens rejected, rate limits.
///
/// Faults are drawn from a seed, or scripted one by one. Everything is real HTTP on loopback, and
/// its pauses are tokio's, so that a test may pause the time. Ends when it is dropped.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use spotify_web::SpotifyClient;
/// use spotify_web::auth::CredentialsAuthenticator;
/// use spotify_web::testing::{FakeSpotify, Fault, FaultProxy};
///
/// let fake = FakeSpotify::start().await?;
/// let proxy = FaultProxy::start(&fake, 7).await?;
/// let authenticator = CredentialsAuthenticator::new("fake-id", "fake-secret");
/// let spotify = SpotifyClient::new(proxy.config().with_authenticator(authenticator))?;
///
/// proxy.next(Fault::HalfBody);
/// let track = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").await?;
/// assert_eq!(fake.api_requests(), 2, "retried once");
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
pub struct FaultProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: AbortHandle,
}

struct Shared {
    fake: SocketAddr,
    state: Mutex<State>,
    connections: AtomicUsize,
}

struct State {
    random: Rng,
    next: VecDeque<Fault>,
    api: Mixture,
    tokens: Mixture,
    limits: Limits,
    requests: u64,
    faults: HashMap<Fault, u64>,
}

impl FaultProxy {
    /// Starts one that passes everything on. `seed` decides which request meets which fault.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] when no port of 127.0.0.1 can be bound, and outside of a tokio runtime with
    /// IO and time enabled.
    pub async fn start(fake: &FakeSpotify, seed: u64) -> io::Result<Self> {
        let listener = server::listen(0).await?;
        let address = listener.local_addr()?;
        let state = State {
            random: Rng::with_seed(seed),
            next: VecDeque::new(),
            api: Mixture::default(),
            tokens: Mixture::default(),
            limits: Limits::default(),
            requests: 0,
            faults: HashMap::new(),
        };
        let fake = fake.address();
        let connections = AtomicUsize::new(0);
        let shared = Arc::new(Shared { fake, state: Mutex::new(state), connections });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { shared, address, server })
    }

    /// A config for the fake behind it, without an authenticator.
    pub fn config(&self) -> SpotifyClientConfig {
        SpotifyClientConfig::default()
            .with_base_url(format!("http://{}/v1/", self.address))
            .with_token_url(format!("http://{}/api/token", self.address))
    }

    /// Has a share of the API requests meet a fault: from 0, none, to 1, all. The rest of all
    /// shares goes well.
    pub fn inject(&self, fault: Fault, share: f64) {
        self.shared.state.lock().api.set(fault, share);
    }

    /// The same for token requests.
    pub fn inject_into_tokens(&self, fault: Fault, share: f64) {
        self.shared.state.lock().tokens.set(fault, share);
    }

    /// Limits API requests of all endpoints together, in place of an earlier limit. What is over it
    /// meets [`Fault::RateLimited`]; what does not reach the server for another fault counts too.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use spotify_web::testing::{FakeLimit, FakeRetryAfter, FakeSpotify, FaultProxy};
    ///
    /// let fake = FakeSpotify::start().await?;
    /// let proxy = FaultProxy::start(&fake, 7).await?;
    /// let limit = FakeLimit::rolling(180, Duration::from_secs(30));
    /// proxy.limit(limit.with_retry_after(FakeRetryAfter::Always(1)));
    /// proxy.ban("search", Duration::from_secs(80_000));
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn limit(&self, limit: FakeLimit) {
        self.shared.state.lock().limits.set(None, limit);
    }

    /// Limits the endpoints whose path, such as `tracks/`, begins so, beside the limit of all.
    pub fn limit_endpoint(&self, path: &str, limit: FakeLimit) {
        self.shared.state.lock().limits.set(Some(path), limit);
    }

    /// Refuses requests to the endpoints whose path, such as `search`, begins so, for this long
    /// from now.
    pub fn ban(&self, path: &str, duration: Duration) {
        self.shared.state.lock().limits.ban(path, duration);
    }

    /// The number of requests that were refused by limits and bans, those included that met a
    /// [scripted](Self::next) fault instead.
    pub fn limited_requests(&self) -> usize {
        self.shared.state.lock().limits.refused()
    }

    /// Lets everything go well from now on: no fault, no limit, no ban.
    pub fn heal(&self) {
        let state = &mut *self.shared.state.lock();
        (state.api, state.tokens) = (Mixture::default(), Mixture::default());
        state.limits.lift();
        state.next.clear();
    }

    /// Has the next API request meet a fault; several are used up in order.
    pub fn next(&self, fault: Fault) {
        self.shared.state.lock().next.push_back(fault);
    }

    /// How many API requests came.
    pub fn api_requests(&self) -> u64 {
        self.shared.state.lock().requests
    }

    /// How many requests met which fault.
    pub fn faults(&self) -> HashMap<Fault, u64> {
        self.shared.state.lock().faults.clone()
    }

    /// How many connections to it are open.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultProxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shared {
    /// What goes wrong with this request.
    fn draw(&self, request: &Message) -> Option<Fault> {
        let state = &mut *self.state.lock();
        let fault = if request.target().starts_with("/v1/") {
            state.requests += 1;
            // Counted whatever else it meets.
            let limited = state.limits.refuses(&request.target()).map(Fault::rate_limited);
            let next = state.next.pop_front().or(limited);
            next.or_else(|| state.api.draw(&mut state.random))
        } else {
            state.tokens.draw(&mut state.random)
        };
        if let Some(fault) = fault {
            *state.faults.entry(fault).or_default() += 1;
        }
        fault
    }
}

/// Serves until its task is dropped, and every connection with it.
async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let open = Open::new(&shared);
        connections.spawn(async move {
            // A connection that breaks is what a proxy is for.
            let _ = Connection::new(stream, &open.0).serve().await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// A connection that is counted.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.connections.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Connection<'a> {
    client: TcpStream,
    received: Vec<u8>,
    shared: &'a Shared,
    /// To the fake, once there was something to pass on.
    server: Option<(TcpStream, Vec<u8>)>,
}

/// Whether a connection is used again.
#[derive(PartialEq)]
enum After {
    KeepOpen,
    Close,
    Reset,
}

impl<'a> Connection<'a> {
    fn new(client: TcpStream, shared: &'a Shared) -> Self {
        Self { client, received: Vec::new(), shared, server: None }
    }

    async fn serve(mut self) -> io::Result<()> {
        self.client.set_nodelay(true)?;
        while let Some(request) = Message::read(&mut self.client, &mut self.received).await? {
            let fault = self.shared.draw(&request);
            match self.respond(&request, fault).await? {
                After::KeepOpen => {}
                After::Close => return self.client.shutdown().await,
                After::Reset => return self.client.set_zero_linger(),
            }
        }
        Ok(())
    }

    async fn respond(&mut self, request: &Message, fault: Option<Fault>) -> io::Result<After> {
        let response = match fault.is_none_or(Fault::reaches_server) {
            true => self.pass_on(request).await?,
            false => None,
        };
        let own_response = fault.and_then(Fault::own_response);
        let Some(response) = own_response.or(response) else { return Ok(After::Reset) };
        let bytes = response.bytes();
        match fault {
            Some(Fault::ResetBeforeRequest | Fault::ResetBeforeResponse) => {
                return Ok(After::Reset);
            }
            Some(Fault::NoResponse) => {
                // Until the client gives up.
                let _ = Message::read(&mut self.client, &mut self.received).await;
                return Ok(After::Reset);
            }
            Some(Fault::ResetInResponse) => {
                self.send(bytes.get(..bytes.len() / 2).unwrap_or_default()).await?;
                return Ok(After::Reset);
            }
            Some(Fault::HalfBody) => {
                let body = response.body();
                self.send(response.head()).await?;
                self.send(body.get(..body.len() / 2).unwrap_or_default()).await?;
                return Ok(After::Close);
            }
            Some(Fault::SlowBody) => {
                self.send(response.head()).await?;
                for piece in response.body().chunks(response.body().len().div_ceil(8).max(1)) {
                    tokio::time::sleep(PAUSE).await;
                    self.send(piece).await?;
                }
            }
            Some(Fault::WrongContentType) => {
                self.send(response.with_header("content-type", Some("text/html")).bytes()).await?;
            }
            Some(Fault::EndlessBody) => {
                let head = response.with_header("content-length", None);
                let head = head.with_header("transfer-encoding", Some("chunked"));
                self.send(head.head()).await?;
                let spaces = format!("8000\r\n{:32768}\r\n", "");
                loop {
                    self.send(spaces.as_bytes()).await?;
                }
            }
            _ => self.send(bytes).await?,
        }
        Ok(if fault == Some(Fault::ResetAfterResponse) { After::Reset } else { After::KeepOpen })
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.client.write_all(bytes).await
    }

    /// The fake's response; `None` where it hung up.
    async fn pass_on(&mut self, request: &Message) -> io::Result<Option<Message>> {
        let (mut server, mut received) = match self.server.take() {
            Some(server) => server,
            None => (TcpStream::connect(self.shared.fake).await?, Vec::new()),
        };
        server.set_nodelay(true)?;
        server.write_all(request.bytes()).await?;
        let response = Message::read(&mut server, &mut received).await?;
        self.server = Some((server, received));
        Ok(response)
    }
}

/// Between the pieces of a slow body.
const PAUSE: Duration = Duration::from_millis(50);
