//! One connection to an HTTP/2 server, however many requests come before there is any.
//!
//! A pool learns that a server has HTTP/2 when the first connection is made; until then it opens
//! one for each request. 64 handshakes are 64 chains of certificates on the link and 64 signatures,
//! of which 63 are thrown away. So the first connects alone, and the others wait for what it finds.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::Connection;
use reqwest::Url;
use tokio::sync::watch;
use tower_layer::Layer;
use tower_service::Service;

use crate::sync::Mutex;

/// The servers of a pool of connections.
#[derive(Default)]
pub(super) struct Servers(Mutex<Vec<(String, Arc<Server>)>>);

/// What is known of a server.
pub(super) struct Server(watch::Sender<Known>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    /// One request connects; the others wait.
    Connecting,
    /// Nobody waits for another that fails.
    Failed,
    Http1,
    Http2,
}

tokio::task_local! {
    /// The server of the request that a task is sending.
    static SERVER: Option<Arc<Server>>;
}

impl Servers {
    /// The server that a request goes to. What is not TLS has no HTTP/2.
    pub(super) fn of(&self, url: &Url) -> Option<Arc<Server>> {
        (url.scheme() == "https").then(|| self.named(url.authority()))
    }

    fn named(&self, authority: &str) -> Arc<Server> {
        let mut servers = self.0.lock();
        if let Some((_, server)) = servers.iter().find(|(known, _)| known == authority) {
            return Arc::clone(server);
        }
        let server = Arc::new(Server(watch::Sender::new(Known::Nothing)));
        servers.push((authority.to_owned(), Arc::clone(&server)));
        server
    }
}

/// Sends a request to a server; a connection that it needs waits its turn.
pub(super) fn in_turn<F: Future>(
    server: Option<Arc<Server>>,
    sending: F,
) -> impl Future<Output = F::Output> {
    SERVER.scope(server, sending)
}

impl Server {
    /// Waits while another request connects; with a turn, others wait for this one.
    async fn turn(self: Arc<Self>) -> Result<Option<Turn>, NotNeeded> {
        let mut known = self.0.subscribe();
        loop {
            if self.claim() {
                return Ok(Some(Turn { server: self, found: Known::Nothing }));
            }
            // The sender is `self`, and is not gone.
            let found =
                known.wait_for(|known| *known != Known::Connecting).await.map(|found| *found);
            match found.unwrap_or(Known::Failed) {
                // Its request went away before there was anything to tell.
                Known::Nothing | Known::Connecting => {}
                Known::Failed | Known::Http1 => return Ok(None),
                // The pool is about to give that connection to the request of this one.
                Known::Http2 => tokio::time::sleep(UNTIL_SHARED).await,
            }
            // The pool lets a connection be made in the background whose request found another.
            SERVER.try_with(|_| ()).map_err(|_| NotNeeded)?;
        }
    }

    fn claim(&self) -> bool {
        self.0.send_if_modified(|known| {
            let free = !matches!(known, Known::Connecting | Known::Http1);
            if free {
                *known = Known::Connecting;
            }
            free
        })
    }
}

/// The right to connect, while others wait.
struct Turn {
    server: Arc<Server>,
    found: Known,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.server.0.send_replace(self.found);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the request has another connection")]
struct NotNeeded;

/// Has the connections of a client wait their turn.
#[derive(Clone)]
pub(super) struct InTurn;

/// See [`InTurn`].
#[derive(Clone)]
pub(super) struct Connector<S>(S);

impl<S> Layer<S> for InTurn {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector(inner)
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
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let server = SERVER.try_with(Option::clone).unwrap_or_default();
        let connecting = self.0.call(request);
        Box::pin(async move {
            let Some(server) = server else { return connecting.await };
            let turn = server.turn().await?;
            let result = connecting.await;
            if let Some(mut turn) = turn {
                turn.found = match &result {
                    Ok(connection) if connection.connected().is_negotiated_h2() => Known::Http2,
                    Ok(_) => Known::Http1,
                    Err(_) => Known::Failed,
                };
            }
            result
        })
    }
}

/// A connection is shared as soon as it has been told of; this is for a busy machine. Then it must
/// be broken.
const UNTIL_SHARED: Duration = Duration::from_millis(500);

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use hyper_util::client::legacy::connect::Connected;
    use tokio::task::JoinSet;

    use super::*;

    /// A connector that counts, takes a second, and finds what it is told.
    #[derive(Clone)]
    struct Far {
        finds: Option<bool>,
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
            let Self { finds, connections } = self.clone();
            Box::pin(async move {
                connections.send_modify(|count| *count += 1);
                tokio::time::sleep(Duration::from_secs(1)).await;
                finds.map(Found).ok_or_else(|| "no way".into())
            })
        }
    }

    fn far(finds: Option<bool>) -> (Connector<Far>, watch::Receiver<usize>) {
        let (connections, count) = watch::channel(0);
        (InTurn.layer(Far { finds, connections }), count)
    }

    fn servers() -> (Servers, Url) {
        (Servers::default(), Url::parse("https://api.example.test/").unwrap())
    }

    /// Ten requests at once; how many connections were begun within `seconds`.
    async fn begun(finds: Option<bool>, seconds: f64) -> usize {
        let ((connector, count), (servers, url)) = (far(finds), servers());
        let mut requests = JoinSet::new();
        for _ in 0..10 {
            let mut connector = connector.clone();
            let connecting = async move { connector.call(()).await.is_ok() };
            requests.spawn(in_turn(servers.of(&url), connecting));
        }
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        *count.borrow()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_connects_alone_and_the_others_share_what_it_finds() {
        for finds in [Some(true), Some(false), None] {
            assert_eq!(begun(finds, 0.9).await, 1);
        }
        assert_eq!(begun(Some(true), 1.4).await, 1, "the pool has one for all");
        assert_eq!(begun(Some(false), 1.4).await, 10, "HTTP/1.1 needs one for each");
        assert_eq!(begun(None, 1.4).await, 10, "nobody waits for a second failure");
    }

    #[tokio::test(start_paused = true)]
    async fn another_connects_when_the_first_is_dropped() {
        let ((connector, count), (servers, url)) = (far(Some(true)), servers());
        let request = || {
            let mut connector = connector.clone();
            let connecting = async move { connector.call(()).await.is_ok() };
            tokio::spawn(in_turn(servers.of(&url), connecting))
        };
        let first = request();
        let second = request();
        tokio::time::sleep(Duration::from_millis(500)).await;
        first.abort();
        assert!(second.await.unwrap());
        assert_eq!(*count.borrow(), 2);
    }

    /// The pool gave its request another connection, and goes on with this one in the background.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_no_longer_needed_is_not_made() {
        let ((connector, count), (servers, url)) = (far(Some(true)), servers());
        let connect = || connector.clone().call(());
        let (first, mut second) = in_turn(servers.of(&url), async { (connect(), connect()) }).await;
        let first = tokio::spawn(in_turn(servers.of(&url), first));
        tokio::task::yield_now().await;
        let waiting = in_turn(servers.of(&url), async { futures_util::poll!(&mut second) }).await;
        assert!(waiting.is_pending());

        assert!(second.await.is_err());
        assert!(first.await.unwrap().is_ok());
        assert_eq!(*count.borrow(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn without_tls_nobody_waits() {
        let (connector, count) = far(Some(false));
        let url = Url::parse("http://127.0.0.1/").unwrap();
        let connect = || connector.clone().call(());
        let both = async { tokio::join!(connect(), connect()) };
        let began = tokio::time::Instant::now();
        in_turn(Servers::default().of(&url), both).await.0.unwrap();
        assert_eq!(*count.borrow(), 2);
        assert_eq!(began.elapsed().as_secs(), 1);
    }
}
