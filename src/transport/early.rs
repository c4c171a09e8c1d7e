//! A connection that is made before there is anything to send on it: while a token is requested,
//! which goes to another host, or while a connection that is worn still carries what comes.
//!
//! An HTTP client connects for a request alone. So one is begun that is never sent: the connector
//! keeps the connection that it asks for, and gives it to the first request to that server.

use std::any::Any;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};
use tower_layer::Layer;
use tower_service::Service;

use super::reached::{self, Server};
use crate::sync::Mutex;

tokio::task_local! {
    /// What connects now has nothing to send; who is told what it found.
    static EARLY: Mutex<Option<oneshot::Sender<Found>>>;
}

/// A connection was made. Where that failed, there is nobody left to tell.
pub(super) struct Found {
    pub(super) is_http2: bool,
}

/// Has the connector begin a connection for a request, which is not sent.
pub(super) fn connect_for(request: impl Future) -> oneshot::Receiver<Found> {
    let (sender, found) = oneshot::channel();
    let connecting = pin!(EARLY.scope(Mutex::new(Some(sender)), request));
    drop(connecting.poll(&mut Context::from_waker(Waker::noop())));
    found
}

/// A connection, of which it is known whether it is shared.
pub(super) trait Made {
    fn is_http2(&self) -> bool;
}

#[cfg(feature = "http2")]
impl<C: hyper_util::client::legacy::connect::Connection> Made for C {
    fn is_http2(&self) -> bool {
        self.connected().is_negotiated_h2()
    }
}

#[cfg(not(feature = "http2"))]
impl<C> Made for C {
    fn is_http2(&self) -> bool {
        false
    }
}

/// Keeps a connection that was made early for the first request to its server.
#[derive(Clone)]
pub(super) struct Early {
    kept_for: Duration,
}

impl Early {
    /// Of a client that keeps connections without traffic for so long.
    pub(super) fn within(idle_timeout: Duration) -> Self {
        Self { kept_for: LONGEST.min(idle_timeout) }
    }
}

/// See [`Early`].
#[derive(Clone)]
pub(super) struct Connector<S> {
    inner: S,
    kept: Arc<Mutex<Option<Kept>>>,
    kept_for: Duration,
}

struct Kept {
    server: Server,
    /// A receiver of what is made, in the connector's own types, and of when that was.
    connection: Box<dyn Any + Send>,
}

impl<S> Layer<S> for Early {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector { inner, kept: Arc::default(), kept_for: self.kept_for }
    }
}

impl<S> Connector<S> {
    /// Begins a connection, and closes it if it is not taken.
    fn keep<F, C, E>(&self, server: Server, connecting: F, tell: Option<oneshot::Sender<Found>>)
    where
        F: Future<Output = Result<C, E>> + Send + 'static,
        C: Made + Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else { return };
        let (sender, receiver) = oneshot::channel();
        let connection = Box::new(receiver);
        *self.kept.lock() = Some(Kept { server, connection });
        let emptied = EmptiedAtTheEnd(Arc::downgrade(&self.kept));
        let (kept_for, end) = (self.kept_for, Instant::now() + LONGEST);
        runtime.spawn(async move {
            let _emptied = emptied;
            let made = timeout_at(end, connecting).await.ok().and_then(Result::ok);
            // The process may have stood still.
            if let Some(made) = made.filter(|_| Instant::now() < end) {
                let found = Found { is_http2: made.is_http2() };
                drop(sender.send((made, Instant::now())));
                if let Some(tell) = tell {
                    // Who asked may be gone.
                    let _ = tell.send(found);
                }
                sleep(kept_for).await;
            }
        });
    }

    fn take<T: 'static>(&self, server: &Server) -> Option<oneshot::Receiver<(T, Instant)>> {
        let kept = self.kept.lock().take_if(|kept| Arc::ptr_eq(&kept.server, server))?;
        kept.connection.downcast().ok().map(|receiver| *receiver)
    }
}

/// Also where its task ends with the runtime.
struct EmptiedAtTheEnd(Weak<Mutex<Option<Kept>>>);

impl Drop for EmptiedAtTheEnd {
    fn drop(&mut self) {
        drop(self.0.upgrade().and_then(|kept| kept.lock().take()));
    }
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R>,
    S::Response: Made + Send + 'static,
    S::Error: 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.inner.call(request);
        let Some(server) = reached::destination() else { return Box::pin(connecting) };
        if let Ok(tell) = EARLY.try_with(|tell| tell.lock().take()) {
            self.keep(server, connecting, tell);
            return Box::pin(std::future::pending());
        }
        let (early, kept_for) = (self.take::<S::Response>(&server), self.kept_for);
        Box::pin(async move {
            if let Some(early) = early
                && let Ok((connection, made)) = early.await
                && made.elapsed() < kept_for
            {
                return Ok(connection);
            }
            // One that failed says nothing of another.
            connecting.await
        })
    }
}

/// How long a connection may be made, and how long it is kept at most. A token takes no longer as a rule, and
/// servers close what has said nothing for ten seconds or more.
pub(super) const LONGEST: Duration = Duration::from_secs(5);

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use http::Extensions;
    use reqwest::Url;
    use tokio::time::advance;

    use super::super::reached::Reached;
    use super::*;

    /// Takes half a second for a connection; the first ones fail.
    #[derive(Clone, Default)]
    struct Far {
        failures: usize,
        connections: Arc<Mutex<usize>>,
        is_used: Arc<()>,
    }

    struct Numbered {
        number: usize,
        _is_used: Arc<()>,
    }

    #[cfg(feature = "http2")]
    impl hyper_util::client::legacy::connect::Connection for Numbered {
        fn connected(&self) -> hyper_util::client::legacy::connect::Connected {
            hyper_util::client::legacy::connect::Connected::new().negotiated_h2()
        }
    }

    impl Service<()> for Far {
        type Response = Numbered;
        type Error = ();
        type Future = Pin<Box<dyn Future<Output = Result<Numbered, ()>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            let Self { failures, connections, is_used } = self.clone();
            Box::pin(async move {
                sleep(Duration::from_millis(500)).await;
                let mut connections = connections.lock();
                *connections += 1;
                let made = Numbered { number: *connections, _is_used: is_used };
                if *connections <= failures { Err(()) } else { Ok(made) }
            })
        }
    }

    struct Client {
        far: Far,
        connector: Connector<Far>,
        reached: Reached,
    }

    impl Client {
        fn of(far: Far) -> Self {
            let connector = Early::within(Duration::from_secs(30)).layer(far.clone());
            Self { far, connector, reached: Reached::default() }
        }

        fn request(&self, host: &str) -> impl Future<Output = Result<Numbered, ()>> + use<> {
            let url: Url = format!("https://{host}/").parse().unwrap();
            let (sending, mut connector) = (self.reached.set_out(&url), self.connector.clone());
            let mut extensions = Extensions::new();
            async move { sending.send(&mut extensions, async { connector.call(()).await }).await }
        }

        fn connects_early(&self, host: &str) -> oneshot::Receiver<Found> {
            connect_for(self.request(host))
        }

        fn connections(&self) -> usize {
            *self.far.connections.lock()
        }

        /// How many connections are kept or used.
        fn open(&self) -> usize {
            // This one, and that of the connector.
            Arc::strong_count(&self.far.is_used) - 2
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_to_a_server_goes_by_the_connection_that_was_made_early() {
        for waited in [0, 300, 500, 5_400] {
            let client = Client::of(Far::default());
            let began = Instant::now();
            client.connects_early("a.test");
            sleep(Duration::from_millis(waited)).await;

            assert_eq!(client.request("a.test").await.unwrap().number, 1, "{waited}");
            assert_eq!(began.elapsed(), Duration::from_millis(waited.max(500)));
            client.request("a.test").await.unwrap();
            assert_eq!(client.connections(), 2, "it is given away once");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_kept_for_its_own_server() {
        let client = Client::of(Far::default());
        client.connects_early("a.test");
        sleep(Duration::from_millis(1)).await;

        assert_eq!(client.request("b.test").await.unwrap().number, 2);
        assert_eq!(client.request("a.test").await.unwrap().number, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_closed() {
        let client = Client::of(Far::default());
        client.connects_early("a.test");
        sleep(Duration::from_millis(499) + LONGEST).await;
        assert_eq!(client.open(), 1);
        sleep(Duration::from_millis(2)).await;
        assert_eq!(client.open(), 0);

        client.request("a.test").await.unwrap();

        assert_eq!(client.connections(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_closed_with_its_runtime_and_when_a_connection_is_idle_for_too_long() {
        let far = Far::default();
        let connector = Early::within(Duration::from_secs(1)).layer(far.clone());
        let client = Client { far, connector, reached: Reached::default() };
        client.connects_early("a.test");
        sleep(Duration::from_millis(1_400)).await;
        assert_eq!(client.open(), 1);
        sleep(Duration::from_millis(200)).await;
        assert_eq!(client.open(), 0);

        let client = std::thread::spawn(|| {
            let client = Client::of(Far::default());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.unwrap().block_on(async {
                client.connects_early("a.test");
                sleep(Duration::from_millis(600)).await;
            });
            client
        })
        .join()
        .unwrap();
        assert_eq!((client.connections(), client.open()), (1, 0));
    }

    /// What was kept while the process stood still is not closed yet, and may be dead.
    #[tokio::test(start_paused = true)]
    async fn what_is_old_is_not_used() {
        let client = Client::of(Far::default());
        client.connects_early("a.test");
        sleep(Duration::from_millis(600)).await;
        let request = client.request("a.test");
        advance(LONGEST).await;

        assert_eq!(request.await.unwrap().number, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_failed_costs_no_request_anything_but_its_own_connection() {
        for waited in [0, 600] {
            let client = Client::of(Far { failures: 1, ..Far::default() });
            client.connects_early("a.test");
            sleep(Duration::from_millis(waited)).await;

            assert_eq!(client.request("a.test").await.unwrap().number, 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_found_is_told_when_it_is_there() {
        for failures in [0, 1] {
            let client = Client::of(Far { failures, ..Far::default() });
            let began = Instant::now();

            let found = client.connects_early("a.test").await;

            assert_eq!(began.elapsed(), Duration::from_millis(500));
            let is_http2 = found.ok().map(|found| found.is_http2);
            assert_eq!(is_http2, (failures == 0).then_some(cfg!(feature = "http2")));
        }
    }

    #[test]
    fn none_is_begun_where_nothing_drives_it() {
        let client = Client::of(Far::default());

        drop(client.connects_early("b.test"));

        assert_eq!(client.open(), 0);
    }
}
