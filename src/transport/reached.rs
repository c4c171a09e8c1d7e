//! Whether there was ever a connection to a server: before the first one nothing was sent to it.
//!
//! A request whose time is up is an error that does not say how far it came. It may wait for a
//! connection that others have, so that none of its own proves nothing. But a pool of connections
//! that never had one to its server cannot have sent it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::Extensions;
use reqwest::Url;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;
use url::Position::{AfterPort, BeforeHost};

use crate::sync::Mutex;

/// The servers that a pool of connections had a connection to.
#[derive(Default)]
pub(super) struct Reached {
    servers: Mutex<Vec<(String, Server)>>,
    /// There was one to a server that is not known.
    any: Server,
}

/// When the latest connection to it was made, if there ever was one.
pub(super) type Server = Arc<Mutex<Option<Instant>>>;

/// An extension of a request: where it goes, as soon as it is on its way.
#[derive(Clone, Default)]
struct Destination {
    sending: Option<Arc<Sending>>,
    has_ended: bool,
}

impl Destination {
    /// The request that was sent.
    fn ended(&self) -> Option<&Sending> {
        self.sending.as_deref().filter(|_| self.has_ended)
    }
}

/// An extension of a request that is sent by a client of which nothing is known.
#[derive(Clone)]
struct Unseen;

/// A request on its way to a server, over the connections of a pool.
pub(super) struct Sending {
    server: Server,
    any: Server,
    began: Instant,
    /// Whether a connection was asked for, to send it on.
    connects: AtomicBool,
    /// Whether one was begun for it alone.
    makes: AtomicBool,
}

tokio::task_local! {
    static SENDING: Arc<Sending>;
}

impl Reached {
    pub(super) fn set_out(&self, url: &Url) -> Arc<Sending> {
        Arc::new(Sending {
            server: self.server(&url[BeforeHost..AfterPort]),
            any: Arc::clone(&self.any),
            began: Instant::now(),
            connects: AtomicBool::new(false),
            makes: AtomicBool::new(false),
        })
    }

    /// By host and port.
    fn server(&self, place: &str) -> Server {
        let mut servers = self.servers.lock();
        if let Some((_, server)) = servers.iter().find(|(known, _)| known == place) {
            return Arc::clone(server);
        }
        let server = Server::default();
        servers.push((place.to_owned(), Arc::clone(&server)));
        server
    }
}

impl Sending {
    /// Sends a request with these extensions: a connection that it needs is one to its server.
    pub(super) async fn send<F: Future>(
        self: Arc<Self>,
        extensions: &mut Extensions,
        send: F,
    ) -> F::Output {
        let sending = Some(Arc::clone(&self));
        extensions.insert(Destination { sending, has_ended: false });
        let output = SENDING.scope(self, send).await;
        if let Some(destination) = extensions.get_mut::<Destination>() {
            destination.has_ended = true;
        }
        output
    }

    /// Whether there was a connection for it when it began.
    pub(super) fn found_connection(&self) -> bool {
        !self.connects.load(Ordering::Acquire)
    }

    /// Whether a connection was begun for it alone.
    fn makes(&self) -> bool {
        self.makes.load(Ordering::Acquire)
    }

    /// Since when it may have been on a connection; before that it waited for one.
    pub(super) fn connected_since(&self) -> Option<Instant> {
        if self.found_connection() {
            return Some(self.began);
        }
        self.server.lock().filter(|made| *made >= self.began)
    }

    pub(super) fn note_connecting(&self) {
        self.connects.store(true, Ordering::Release);
    }

    #[cfg(all(test, feature = "http2"))]
    pub(super) fn note_connected(&self) {
        *self.server.lock() = Some(Instant::now());
    }

    pub(super) fn was_reached(&self) -> bool {
        [&self.server, &self.any].iter().any(|server| server.lock().is_some())
    }
}

/// The server that the request goes to for which a connection is asked.
pub(super) fn destination() -> Option<Server> {
    SENDING.try_with(|sending| Arc::clone(&sending.server)).ok()
}

/// A request begins, and is not on its way yet.
pub(crate) fn begin(extensions: &mut Extensions) {
    *extensions.get_or_insert_default() = Destination::default();
}

/// It is sent by a client of which nothing is known.
pub(super) fn sends_unseen(extensions: &mut Extensions) {
    extensions.remove::<Destination>();
    extensions.insert(Unseen);
}

/// Whether the last request that [began](begin) cannot have left, whatever became of it.
pub(crate) fn cannot_have_left(extensions: &Extensions) -> bool {
    let destination = extensions.get::<Destination>();
    destination.is_some_and(|to| to.sending.as_ref().is_none_or(|sending| !sending.was_reached()))
}

/// Whether no connection was begun for the last request that was sent: it found one, or waited for
/// another's. Of a client of which nothing is known that may be so.
pub(crate) fn made_no_connection(extensions: &Extensions) -> bool {
    match extensions.get::<Destination>() {
        Some(destination) => destination.ended().is_some_and(|sending| !sending.makes()),
        None => extensions.get::<Unseen>().is_some(),
    }
}

/// Whether the last request that was sent needed a connection, and none was begun for it: it waited for
/// another's.
pub(crate) fn waited_for_connection(extensions: &Extensions) -> bool {
    let sending = extensions.get::<Destination>().and_then(Destination::ended);
    sending.is_some_and(|sending| !sending.found_connection() && !sending.makes())
}

/// Notes each connection that a client makes.
#[derive(Clone)]
pub(super) struct NoteConnections(pub(super) Arc<Reached>);

/// See [`NoteConnections`].
#[derive(Clone)]
pub(super) struct Connector<S> {
    inner: S,
    reached: Arc<Reached>,
}

impl<S> Layer<S> for NoteConnections {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector { inner, reached: Arc::clone(&self.0) }
    }
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let server = SENDING.try_with(|sending| {
            sending.note_connecting();
            Arc::clone(&sending.server)
        });
        let server = server.unwrap_or_else(|_| Arc::clone(&self.reached.any));
        let connecting = self.inner.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            *server.lock() = Some(Instant::now());
            Ok(connection)
        })
    }
}

/// Notes for which requests a connection is begun, where others may have waited for it. Those that
/// wait come before this one.
#[derive(Clone)]
pub(super) struct NoteBegun;

/// See [`NoteBegun`].
#[derive(Clone)]
pub(super) struct Begins<S>(S);

impl<S> Layer<S> for NoteBegun {
    type Service = Begins<S>;

    fn layer(&self, inner: S) -> Begins<S> {
        Begins(inner)
    }
}

impl<S, R> Service<R> for Begins<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let sending = SENDING.try_with(Arc::clone);
        let connecting = self.0.call(request);
        Box::pin(async move {
            if let Ok(sending) = sending {
                sending.makes.store(true, Ordering::Release);
            }
            connecting.await
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use super::*;

    #[derive(Clone)]
    struct Connects;

    impl Service<()> for Connects {
        type Response = ();
        type Error = Infallible;
        type Future = std::future::Ready<Result<(), Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            std::future::ready(Ok(()))
        }
    }

    fn url(host: &str) -> Url {
        Url::parse(&format!("https://{host}/v1/me")).unwrap()
    }

    #[tokio::test]
    async fn a_connection_to_one_server_says_nothing_of_another() {
        let reached = Arc::new(Reached::default());
        let mut connector = NoteConnections(Arc::clone(&reached)).layer(NoteBegun.layer(Connects));
        let accounts = || reached.set_out(&url("accounts.example.test"));
        let mut extensions = Extensions::new();
        begin(&mut extensions);
        assert!(cannot_have_left(&extensions), "it is not on its way");

        let send = async { connector.call(()).await };
        accounts().send(&mut extensions, send).await.unwrap();

        assert!(!cannot_have_left(&extensions));
        assert!(!made_no_connection(&extensions));
        assert!(!reached.set_out(&url("api.example.test")).was_reached());
        assert!(accounts().was_reached());
        accounts().send(&mut extensions, async {}).await;
        assert!(made_no_connection(&extensions));
        assert!(!waited_for_connection(&extensions), "it found one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_on_its_connection_from_when_that_is_made() {
        let reached = Arc::new(Reached::default());
        let mut connector = NoteConnections(Arc::clone(&reached)).layer(Connects);
        let second = Duration::from_secs(1);
        let request = || reached.set_out(&url("api.example.test"));
        for _ in 0..2 {
            let first = request();
            let connecting = SENDING.sync_scope(Arc::clone(&first), || connector.call(()));
            tokio::time::advance(second).await;
            assert_eq!(first.connected_since(), None);

            connecting.await.unwrap();

            assert_eq!(first.connected_since(), Some(Instant::now()));
            tokio::time::advance(second).await;
            assert_eq!(request().connected_since(), Some(Instant::now()), "it is there");
        }
    }

    /// As those do that wait for another's connection, and get it.
    #[tokio::test]
    async fn a_request_that_only_asked_for_a_connection_made_none() {
        let reached = Arc::new(Reached::default());
        let mut connector = NoteConnections(Arc::clone(&reached)).layer(NoteBegun.layer(Connects));
        let (sending, mut extensions) = (reached.set_out(&url("a.test")), Extensions::new());

        let asks = async { drop(connector.call(())) };
        Arc::clone(&sending).send(&mut extensions, asks).await;

        assert!(made_no_connection(&extensions));
        assert!(waited_for_connection(&extensions));
    }

    #[tokio::test]
    async fn a_connection_that_nobody_asked_for_may_be_one_to_any_server() {
        let reached = Arc::new(Reached::default());
        let mut connector = NoteConnections(Arc::clone(&reached)).layer(Connects);

        connector.call(()).await.unwrap();

        assert!(reached.set_out(&url("api.example.test")).was_reached());
    }
}
