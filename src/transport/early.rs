//! A connection that is made before there is anything to send on it: while a token is requested,
//! which goes to another host.
//!
//! An HTTP client connects for a request alone. So one is begun that is never sent: the connector
//! keeps the connection that it asks for, and gives it to the first request to that server.

use std::any::Any;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};
use tower_layer::Layer;
use tower_service::Service;

use super::reached::{self, Server};
use crate::sync::Mutex;

tokio::task_local! {
    /// What connects now has nothing to send.
    static EARLY: ();
}

/// Has the connector begin a connection for a request, which is not sent.
pub(super) fn connect_for(request: impl Future) {
    let connecting = pin!(EARLY.scope((), request));
    drop(connecting.poll(&mut Context::from_waker(Waker::noop())));
}

/// Keeps a connection that was made early for the first request to its server.
#[derive(Clone)]
pub(super) struct Early;

/// See [`Early`].
#[derive(Clone)]
pub(super) struct Connector<S> {
    inner: S,
    kept: Arc<Mutex<Option<Kept>>>,
}

struct Kept {
    server: Server,
    began: Instant,
    /// Which drives it: it is of no use to another.
    runtime: Id,
    /// A receiver of what comes of connecting, in the connector's own types.
    connection: Box<dyn Any + Send>,
}

impl Kept {
    /// Servers close what says nothing.
    fn is_fresh(&self) -> bool {
        let is_driven = Handle::try_current().is_ok_and(|runtime| runtime.id() == self.runtime);
        is_driven && self.began.elapsed() < LONGEST
    }
}

impl<S> Layer<S> for Early {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector { inner, kept: Arc::default() }
    }
}

impl<S> Connector<S> {
    /// Begins a connection, and closes it if it is not taken.
    fn keep<F, C, E>(&self, server: Server, connecting: F)
    where
        F: Future<Output = Result<C, E>> + Send + 'static,
        C: Send + 'static,
        E: Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else { return };
        let (sender, receiver) = oneshot::channel();
        let began = Instant::now();
        let connection = Box::new(receiver);
        *self.kept.lock() = Some(Kept { server, began, runtime: runtime.id(), connection });
        let kept = Arc::downgrade(&self.kept);
        runtime.spawn(async move {
            let end = began + LONGEST;
            if let Ok(made) = timeout_at(end, connecting).await {
                drop(sender.send(made));
            }
            sleep_until(end).await;
            drop(kept.upgrade().and_then(|kept| kept.lock().take()));
        });
    }

    fn take<T: 'static>(&self, server: &Server) -> Option<oneshot::Receiver<T>> {
        let kept = self.kept.lock().take_if(|kept| Arc::ptr_eq(&kept.server, server))?;
        kept.is_fresh().then(|| kept.connection.downcast().ok().map(|receiver| *receiver)).flatten()
    }
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R>,
    S::Response: Send + 'static,
    S::Error: Send + 'static,
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
        if EARLY.try_with(|()| {}).is_ok() {
            self.keep(server, connecting);
            return Box::pin(std::future::pending());
        }
        let early = self.take::<Result<S::Response, S::Error>>(&server);
        Box::pin(async move {
            match early {
                // One that failed says nothing of another.
                Some(early) => match early.await {
                    Ok(Ok(connection)) => Ok(connection),
                    _ => connecting.await,
                },
                None => connecting.await,
            }
        })
    }
}

/// A token takes no longer as a rule, and servers close what has said nothing for ten seconds or
/// more.
const LONGEST: Duration = Duration::from_secs(5);

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use http::Extensions;
    use reqwest::Url;
    use tokio::time::{advance, sleep};

    use super::super::reached::Reached;
    use super::*;

    /// Takes half a second for a connection; the first ones fail.
    #[derive(Clone, Default)]
    struct Far {
        failures: usize,
        connections: Arc<Mutex<usize>>,
        is_used: Arc<()>,
    }

    struct Made {
        number: usize,
        _is_used: Arc<()>,
    }

    impl Service<()> for Far {
        type Response = Made;
        type Error = ();
        type Future = Pin<Box<dyn Future<Output = Result<Made, ()>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            let Self { failures, connections, is_used } = self.clone();
            Box::pin(async move {
                sleep(Duration::from_millis(500)).await;
                let mut connections = connections.lock();
                *connections += 1;
                let made = Made { number: *connections, _is_used: is_used };
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
            let connector = Early.layer(far.clone());
            Self { far, connector, reached: Reached::default() }
        }

        fn request(&self, host: &str) -> impl Future<Output = Result<Made, ()>> + use<> {
            let url: Url = format!("https://{host}/").parse().unwrap();
            let (sending, mut connector) = (self.reached.set_out(&url), self.connector.clone());
            let mut extensions = Extensions::new();
            async move { sending.send(&mut extensions, async { connector.call(()).await }).await }
        }

        fn connects_early(&self, host: &str) {
            connect_for(self.request(host));
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
        for waited in [0, 300, 500, 4_900] {
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
        sleep(LONGEST - Duration::from_millis(1)).await;
        assert_eq!(client.open(), 1);
        sleep(Duration::from_millis(2)).await;
        assert_eq!(client.open(), 0);

        client.request("a.test").await.unwrap();

        assert_eq!(client.connections(), 2);
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

    #[test]
    fn what_another_runtime_drives_is_not_used() {
        let client = Client::of(Far::default());
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build();
        let (one, other) = (runtime().unwrap(), runtime().unwrap());
        one.block_on(async {
            client.connects_early("a.test");
            sleep(Duration::from_millis(600)).await;
        });
        assert_eq!(client.connections(), 1);

        assert_eq!(other.block_on(client.request("a.test")).unwrap().number, 2);
        // Nor is it begun where nothing drives it.
        client.connects_early("b.test");
        assert_eq!(client.open(), 0);
    }
}
