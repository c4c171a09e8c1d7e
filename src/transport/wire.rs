//! The way out: where a request leaves the layers, on a connection that is not known to be dead.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::Extensions;
use reqwest::{Client, Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tokio::time::Instant;

#[cfg(feature = "http2")]
use super::one_connection::{Servers, in_turn};
use super::reached::{Reached, sends_unseen};
use super::undone::TlsUnavailable;

/// Sends requests, and replaces connections that must be taken for dead.
///
/// A pool of connections knows of a dead one only what the runtime has heard. Two things are
/// unheard: a network that swallows everything, which shows as a time-out, and whatever happened
/// while the process was frozen. After a time-out, the connections from before are used no more,
/// unless others get their responses on them; the retry goes on a connection of its own in any
/// case. After a pause, the runtime is made to listen before anything is sent.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Inner>);

struct Inner {
    pool: ArcSwap<Pool>,
    /// Makes another client by the same options; a client of the user's own stays the only one.
    make: Option<Make>,
    heard: Heard,
}

/// Its connections are noted where it is told.
type Make = Box<dyn Fn(&Arc<Reached>) -> reqwest::Result<Client> + Send + Sync>;

/// A client with its connections.
struct Pool {
    client: Client,
    /// How many responses came.
    responses: AtomicU64,
    /// Which servers it had a connection to; nobody knows of a client of the user's own.
    reached: Option<Arc<Reached>>,
    #[cfg(feature = "http2")]
    servers: Servers,
}

/// When the process last sent a request, by both clocks: one of them stands still while a
/// laptop sleeps.
struct Heard {
    start: std::time::Instant,
    monotonic: AtomicU64,
    wall: AtomicU64,
}

/// An extension of a request: its last attempt timed out, so that the next needs a connection of
/// its own.
#[derive(Clone)]
struct TimedOut;

impl Wire {
    /// By a client of the user's own.
    pub(crate) fn given(client: Client) -> Self {
        Self::new(Pool::new(client, None), None)
    }

    /// By a client that can be made again.
    pub(super) fn made_by(
        make: impl Fn(&Arc<Reached>) -> reqwest::Result<Client> + Send + Sync + 'static,
    ) -> reqwest::Result<Self> {
        Ok(Self::new(Pool::made_by(&make)?, Some(Box::new(make))))
    }

    fn new(pool: Pool, make: Option<Make>) -> Self {
        let pool = ArcSwap::from_pointee(pool);
        Self(Arc::new(Inner { pool, make, heard: Heard::new() }))
    }

    /// The client that is used now. Clones of it share its connections.
    pub(crate) fn client(&self) -> Client {
        self.0.pool.load().client.clone()
    }

    /// Sends a request that is not of the layers.
    pub(crate) async fn execute(&self, request: Request) -> Result<Response> {
        self.send(request, &mut Extensions::new()).await
    }

    async fn send(&self, request: Request, extensions: &mut Extensions) -> Result<Response> {
        if self.0.make.is_none() {
            sends_unseen(extensions);
            return Ok(self.client().execute(request).await?);
        }
        self.listen().await;
        let pool = match extensions.remove::<TimedOut>() {
            Some(_) => self.0.fresh().unwrap_or_else(|| self.0.pool.load_full()),
            None => self.0.pool.load_full(),
        };
        let mut attempt = Attempt::new(&self.0, pool);
        let result = attempt.pool.execute(request, extensions).await;
        attempt.ended(&result);
        let error = match result {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        if error.is_timeout() {
            extensions.insert(TimedOut);
        }
        Err(match TlsUnavailable::cause_of(&error) {
            Some(unavailable) => Error::middleware(unavailable),
            None => Error::Reqwest(error),
        })
    }

    /// After a pause, has the runtime hear which connections were closed meanwhile.
    async fn listen(&self) {
        let pause = self.0.heard.now();
        if pause.asleep > LONGEST_SLEEP {
            self.0.replace(&self.0.pool.load_full());
        }
        if pause.silent > SHORT_SILENCE {
            // The runtime looks for news when nothing else is to do; then the tasks of the
            // connections get their turn, and then the pool hears of it.
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
    }
}

impl Inner {
    /// A pool without a connection in it.
    fn fresh(&self) -> Option<Arc<Pool>> {
        let make = self.make.as_ref()?;
        // What could be made once can be made again; if not, the old one is no worse.
        Pool::made_by(make).ok().map(Arc::new)
    }

    /// Uses connections of `pool` no more, unless they were replaced already.
    fn replace(&self, pool: &Arc<Pool>) {
        if let Some(fresh) = self.fresh() {
            tracing::debug!("connections that may be dead are not used any more");
            self.pool.compare_and_swap(pool, fresh);
        }
    }
}

impl Pool {
    fn made_by(make: impl Fn(&Arc<Reached>) -> reqwest::Result<Client>) -> reqwest::Result<Self> {
        let reached = Arc::default();
        Ok(Self::new(make(&reached)?, Some(reached)))
    }

    fn new(client: Client, reached: Option<Arc<Reached>>) -> Self {
        Self {
            client,
            responses: AtomicU64::new(0),
            reached,
            #[cfg(feature = "http2")]
            servers: Servers::default(),
        }
    }

    /// Notes where the request goes, as long as it is under way.
    async fn execute(
        &self,
        request: Request,
        extensions: &mut Extensions,
    ) -> reqwest::Result<Response> {
        let Some(reached) = &self.reached else { return self.client.execute(request).await };
        let route = reached.route(request.url());
        route.sending(extensions, self.execute_in_turn(request)).await
    }

    #[cfg(feature = "http2")]
    async fn execute_in_turn(&self, request: Request) -> reqwest::Result<Response> {
        let server = self.servers.of(request.url());
        in_turn(server, self.client.execute(request)).await
    }

    #[cfg(not(feature = "http2"))]
    async fn execute_in_turn(&self, request: Request) -> reqwest::Result<Response> {
        self.client.execute(request).await
    }
}

/// A request under way. One that is dropped after a while without a response timed out for its
/// caller.
struct Attempt<'a> {
    inner: &'a Inner,
    pool: Arc<Pool>,
    responses: u64,
    began: Instant,
    ended: bool,
}

impl<'a> Attempt<'a> {
    fn new(inner: &'a Inner, pool: Arc<Pool>) -> Self {
        let responses = pool.responses.load(Ordering::Relaxed);
        Self { inner, pool, responses, began: Instant::now(), ended: false }
    }

    fn ended(&mut self, result: &reqwest::Result<Response>) {
        self.ended = true;
        match result {
            Ok(_) => drop(self.pool.responses.fetch_add(1, Ordering::Relaxed)),
            Err(error) if error.is_timeout() => self.suspect(),
            Err(_) => {}
        }
    }

    /// Replaces the connections, unless others got their responses on them meanwhile: then it is
    /// the request that is slow, and nobody else's concern.
    fn suspect(&self) {
        if self.pool.responses.load(Ordering::Relaxed) == self.responses {
            self.inner.replace(&self.pool);
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.ended && self.began.elapsed() >= GIVEN_UP {
            self.suspect();
        }
    }
}

struct Pause {
    /// Since a request was last sent, by the monotonic clock.
    silent: Duration,
    /// How much longer it was by the wall clock.
    asleep: Duration,
}

impl Heard {
    fn new() -> Self {
        Self {
            start: std::time::Instant::now(),
            monotonic: AtomicU64::new(0),
            wall: AtomicU64::new(wall_clock()),
        }
    }

    /// The pause that ends now. What many tasks send within a millisecond is one, so that they do
    /// not meet at what is written here.
    fn now(&self) -> Pause {
        let monotonic = milliseconds(self.start.elapsed());
        let silent = monotonic.saturating_sub(self.monotonic.load(Ordering::Relaxed));
        if silent == 0 {
            return Pause { silent: Duration::ZERO, asleep: Duration::ZERO };
        }
        self.monotonic.store(monotonic, Ordering::Relaxed);
        let wall = wall_clock();
        let by_wall = wall.saturating_sub(self.wall.swap(wall, Ordering::Relaxed));
        let asleep = Duration::from_millis(by_wall.saturating_sub(silent));
        Pause { silent: Duration::from_millis(silent), asleep }
    }
}

fn wall_clock() -> u64 {
    milliseconds(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The innermost layer: nothing comes after it.
#[async_trait]
impl Middleware for Wire {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        _: Next<'_>,
    ) -> Result<Response> {
        self.send(request, extensions).await
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

/// From when on the runtime is made to listen. In a busy program it does so by itself.
const SHORT_SILENCE: Duration = Duration::from_millis(50);
/// How much longer a pause may be by the wall clock before the machine must have slept; clocks are
/// set by less than that all the time.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Once for the runtime, once for the connection, once for the pool, and one to spare.
const TURNS: usize = 4;
/// From when on a request that its caller drops is taken for one that timed out.
const GIVEN_UP: Duration = Duration::from_secs(1);
