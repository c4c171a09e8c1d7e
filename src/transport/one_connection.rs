//! One connection to an HTTP/2 server, however many requests come before there is any.
//!
//! A pool learns that a server has HTTP/2 when the first connection is made; until then it opens
//! one for each request. 64 handshakes are 64 chains of certificates on the link and 64 signatures,
//! of which 63 are thrown away. So the first connects alone, and the others wait for what it finds:
//! for a moment, so that the trouble of its connection, or of its caller, does not become theirs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::Connection;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tower_layer::Layer;
use tower_service::Service;

/// What is known of a server.
pub(super) struct Server(watch::Sender<Known>);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    /// One request has been connecting since then; the others wait a moment.
    Connecting(Instant),
    /// Nobody waits for another that fails.
    Failed,
    Http1,
    Http2,
}

tokio::task_local! {
    /// The server of the request that a task is sending.
    static SERVER: Option<Arc<Server>>;
}

/// Sends a request to a server; a connection that it needs waits its turn.
pub(super) fn in_turn<F: Future>(
    server: Option<Arc<Server>>,
    sending: F,
) -> impl Future<Output = F::Output> {
    SERVER.scope(server, sending)
}

impl Server {
    /// One of which nothing is known yet. What is not TLS has no HTTP/2.
    pub(super) fn by_scheme(scheme: &str) -> Option<Arc<Self>> {
        (scheme == "https").then(|| Arc::new(Self(watch::Sender::new(Known::Nothing))))
    }

    pub(super) fn known(&self) -> Known {
        *self.0.borrow()
    }

    /// Waits while another request connects, for as long as `patience` at most; with a turn, others
    /// wait for this one.
    async fn turn(self: Arc<Self>, patience: Duration) -> Result<Option<Turn>, NotNeeded> {
        let mut known = self.0.subscribe();
        let began = Instant::now();
        let end = began + patience;
        loop {
            let now = Instant::now();
            let end = match self.claim(now) {
                Known::Http1 => return Ok(None),
                // Who comes late to a turn that takes long does not wait for it anew.
                Known::Connecting(since) => end.min(since + patience),
                Known::Nothing | Known::Failed | Known::Http2 => {
                    return Ok(Some(Turn { server: self, began: now, found: Known::Nothing }));
                }
            };
            let is_over = |known: &Known| !matches!(known, Known::Connecting(_));
            let found = timeout_at(end, async { known.wait_for(is_over).await.map(|it| *it) });
            match found.await {
                // Its request went away before there was anything to tell.
                Ok(Ok(Known::Nothing)) => continue,
                // The pool is about to give that connection to the request of this one.
                Ok(Ok(Known::Http2)) => tokio::time::sleep(patience / 2).await,
                _ => {}
            }
            // The pool lets a connection be made in the background whose request found another.
            return SERVER.try_with(|_| None).map_err(|_| NotNeeded);
        }
    }

    /// Takes the turn, unless another has it or nobody needs one. Returns what was known before.
    fn claim(&self, now: Instant) -> Known {
        let mut before = Known::Nothing;
        self.0.send_if_modified(|known| {
            before = *known;
            let is_free = !matches!(known, Known::Connecting(_) | Known::Http1);
            if is_free {
                *known = Known::Connecting(now);
            }
            is_free
        });
        before
    }

    /// Tells of a connection that was made, also where another has the turn.
    pub(super) fn tell(&self, found: Known) {
        self.0.send_if_modified(|known| {
            let is_new = *known != found;
            *known = found;
            is_new
        });
    }
}

/// The right to connect, while others wait.
struct Turn {
    server: Arc<Server>,
    began: Instant,
    found: Known,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.server.0.send_if_modified(|known| {
            // One that took long may have been overtaken.
            let is_mine = *known == Known::Connecting(self.began);
            if is_mine {
                *known = self.found;
            }
            is_mine
        });
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the request has another connection")]
struct NotNeeded;

/// Has the connections of a client wait their turn.
#[derive(Clone)]
pub(super) struct InTurn {
    patience: Duration,
}

impl InTurn {
    /// Waits for another's turn count towards the limit for making a connection, and leave most of
    /// it to each.
    pub(super) fn within(connect_timeout: Duration) -> Self {
        Self { patience: PATIENCE.min(connect_timeout / 4) }
    }
}

/// See [`InTurn`].
#[derive(Clone)]
pub(super) struct Connector<S> {
    inner: S,
    patience: Duration,
}

impl<S> Layer<S> for InTurn {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector { inner, patience: self.patience }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R, Error = BoxError>,
    S::Response: Connection + Send,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let server = SERVER.try_with(Option::clone).unwrap_or_default();
        let (connecting, patience) = (self.inner.call(request), self.patience);
        Box::pin(async move {
            let Some(server) = server else { return connecting.await };
            let turn = Arc::clone(&server).turn(patience).await?;
            let result = connecting.await;
            match (&result, turn) {
                (Ok(connection), _) if connection.connected().is_negotiated_h2() => {
                    server.tell(Known::Http2);
                }
                (Ok(_), _) => server.tell(Known::Http1),
                (Err(_), Some(mut turn)) => turn.found = Known::Failed,
                (Err(_), None) => {}
            }
            result
        })
    }
}

/// How long one request waits for another's connection: a handshake on a slow link. Half as long
/// again it waits until the pool shares what was found, which takes no time but on a busy machine;
/// after that it must be broken.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use hyper_util::client::legacy::connect::Connected;
    use tokio::task::JoinSet;

    use super::*;

    /// A connector that counts, takes half a second, and finds what it is told; the first ones are
    /// swallowed by the network.
    #[derive(Clone)]
    struct Far {
        finds: Option<bool>,
        swallowed: usize,
        connections: watch::Sender<usize>,
    }

    struct Found(bool);

    impl Connection for Found {
        fn connected(&self) -> Connected {
            if self.0 { Connected::new().negotiated_h2() } else { Connected::new() }
        }
    }

    impl Service<()> for Far {
        type Response = Found;
        type Error = BoxError;
        type Future = Pin<Box<dyn Future<Output = Result<Found, BoxError>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            let Self { finds, swallowed, connections } = self.clone();
            Box::pin(async move {
                connections.send_modify(|count| *count += 1);
                if *connections.borrow() <= swallowed {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
                finds.map(Found).ok_or_else(|| "no way".into())
            })
        }
    }

    fn far(finds: Option<bool>) -> (Connector<Far>, watch::Receiver<usize>) {
        far_from(finds, 0)
    }

    fn far_from(finds: Option<bool>, swallowed: usize) -> (Connector<Far>, watch::Receiver<usize>) {
        let (connections, count) = watch::channel(0);
        let far = Far { finds, swallowed, connections };
        (InTurn::within(Duration::from_secs(10)).layer(far), count)
    }

    fn server() -> Option<Arc<Server>> {
        Server::by_scheme("https")
    }

    /// Ten requests at once; how many connections were begun within `seconds`.
    async fn begun(finds: Option<bool>, seconds: f64) -> usize {
        let ((connector, count), server) = (far(finds), server());
        let mut requests = JoinSet::new();
        for _ in 0..10 {
            let mut connector = connector.clone();
            let connecting = async move { connector.call(()).await.is_ok() };
            requests.spawn(in_turn(server.clone(), connecting));
        }
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        *count.borrow()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_connects_alone_and_the_others_share_what_it_finds() {
        for finds in [Some(true), Some(false), None] {
            assert_eq!(begun(finds, 0.4).await, 1);
        }
        assert_eq!(begun(Some(true), 0.9).await, 1, "the pool has one for all");
        assert_eq!(begun(Some(false), 0.9).await, 10, "HTTP/1.1 needs one for each");
        assert_eq!(begun(None, 0.9).await, 10, "nobody waits for a second failure");
    }

    /// Requests at once, each with a connection of its own in the end; how long the last one but
    /// the swallowed takes, in milliseconds.
    async fn last_of_ten(swallowed: usize, limit: Duration) -> u128 {
        let ((mut connector, _), server) = (far_from(Some(true), swallowed), server());
        connector.patience = InTurn::within(limit).patience;
        let began = Instant::now();
        let mut requests = JoinSet::new();
        for _ in 0..10 {
            let mut connector = connector.clone();
            let connecting = async move { tokio::time::timeout(limit, connector.call(())).await };
            requests.spawn(in_turn(server.clone(), connecting));
        }
        let mut last = 0;
        while let Some(request) = requests.join_next().await {
            if request.unwrap().is_ok() {
                last = began.elapsed().as_millis();
            }
        }
        last
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_the_network_swallows_costs_the_others_a_moment() {
        assert_eq!(last_of_ten(1, Duration::from_secs(10)).await, 1500);
        assert_eq!(last_of_ten(1, Duration::from_secs(2)).await, 1000);
        assert_eq!(last_of_ten(8, Duration::from_secs(10)).await, 1500);
    }

    /// The pool had none of them for the others: each was closed as soon as it was made.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_cannot_be_shared_costs_the_others_a_moment() {
        assert_eq!(last_of_ten(0, Duration::from_secs(10)).await, 1500);
    }

    /// As in an arm of `select!` whose neighbour goes on.
    #[tokio::test(start_paused = true)]
    async fn a_request_that_nobody_polls_keeps_no_turn() {
        let ((connector, _), server) = (far(Some(true)), server());
        let connect = || {
            let mut connector = connector.clone();
            in_turn(server.clone(), async move { connector.call(()).await })
        };
        let mut unpolled = Box::pin(connect());
        assert!(futures_util::poll!(&mut unpolled).is_pending());
        let began = Instant::now();
        connect().await.unwrap();
        assert_eq!(began.elapsed().as_millis(), 1500);

        // Nobody waits for it a second time.
        connect().await.unwrap();
        assert_eq!(began.elapsed().as_millis(), 2000);
        unpolled.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn another_connects_when_the_first_is_dropped() {
        let ((connector, count), server) = (far(Some(true)), server());
        let request = || {
            let mut connector = connector.clone();
            let connecting = async move { connector.call(()).await.is_ok() };
            tokio::spawn(in_turn(server.clone(), connecting))
        };
        let first = request();
        let second = request();
        tokio::time::sleep(Duration::from_millis(250)).await;
        first.abort();
        assert!(second.await.unwrap());
        assert_eq!(*count.borrow(), 2);
    }

    /// The pool gave its request another connection, and goes on with this one in the background.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_no_longer_needed_is_not_made() {
        let ((connector, count), server) = (far(Some(true)), server());
        let connect = || connector.clone().call(());
        let (first, mut second) = in_turn(server.clone(), async { (connect(), connect()) }).await;
        let first = tokio::spawn(in_turn(server.clone(), first));
        tokio::task::yield_now().await;
        let waiting = in_turn(server.clone(), async { futures_util::poll!(&mut second) }).await;
        assert!(waiting.is_pending());

        assert!(second.await.is_err());
        assert!(first.await.unwrap().is_ok());
        assert_eq!(*count.borrow(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn without_tls_nobody_waits() {
        let (connector, count) = far(Some(false));
        let connect = || connector.clone().call(());
        let both = async { tokio::join!(connect(), connect()) };
        let began = Instant::now();
        in_turn(Server::by_scheme("http"), both).await.0.unwrap();
        assert_eq!(*count.borrow(), 2);
        assert_eq!(began.elapsed().as_millis(), 500);
    }
}
