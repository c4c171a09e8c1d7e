//! Whether there was ever a connection to a server: before the first one nothing was sent to it.
//!
//! A request whose time is up is an error that does not say how far it came. It may wait for a
//! connection that others have, so that none of its own proves nothing. But a pool of connections
//! that never had one to its server cannot have sent it.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::Extensions;
use reqwest::Url;
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

type Server = Arc<AtomicBool>;

/// An extension of a request: where it goes, as soon as it is on its way.
#[derive(Clone, Default)]
struct Destination {
    route: Option<Route>,
    /// It has ended, and there was a connection for it from the start.
    found_connection: bool,
}

/// To a server, over the connections of a pool.
#[derive(Clone)]
pub(super) struct Route {
    server: Server,
    any: Server,
}

/// An extension of a request that is sent by a client of which nothing is known.
#[derive(Clone)]
struct Unseen;

/// A request that a task is sending.
struct Sending {
    server: Server,
    /// Whether a connection was asked for, to send it on.
    connects: Cell<bool>,
}

tokio::task_local! {
    static SENDING: Sending;
}

impl Reached {
    pub(super) fn route(&self, url: &Url) -> Route {
        Route { server: self.server(&url[BeforeHost..AfterPort]), any: Arc::clone(&self.any) }
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

impl Route {
    /// Sends a request with these extensions on it: a connection that it needs is one to its
    /// server.
    pub(super) async fn send<F: Future>(self, extensions: &mut Extensions, send: F) -> F::Output {
        let sending = Sending { server: Arc::clone(&self.server), connects: Cell::new(false) };
        extensions.insert(Destination { route: Some(self), found_connection: false });
        let mut sending = pin!(SENDING.scope(sending, send));
        let output = sending.as_mut().await;
        let connects = sending.take_value().is_none_or(|sending| sending.connects.get());
        if let Some(destination) = extensions.get_mut::<Destination>() {
            destination.found_connection = !connects;
        }
        output
    }

    fn was_used(&self) -> bool {
        [&self.server, &self.any].iter().any(|reached| reached.load(Ordering::Acquire))
    }
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
    destination.is_some_and(|to| to.route.as_ref().is_none_or(|route| !route.was_used()))
}

/// Whether the last request that was sent found a connection, which may have been others' as well,
/// or may have found one.
pub(crate) fn found_connection(extensions: &Extensions) -> bool {
    match extensions.get::<Destination>() {
        Some(destination) => destination.found_connection,
        None => extensions.get::<Unseen>().is_some(),
    }
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
            sending.connects.set(true);
            Arc::clone(&sending.server)
        });
        let server = server.unwrap_or_else(|_| Arc::clone(&self.reached.any));
        let connecting = self.inner.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            server.store(true, Ordering::Release);
            Ok(connection)
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::convert::Infallible;

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
        let mut connector = NoteConnections(Arc::clone(&reached)).layer(Connects);
        let accounts = reached.route(&url("accounts.example.test"));
        let mut extensions = Extensions::new();
        begin(&mut extensions);
        assert!(cannot_have_left(&extensions), "it is not on its way");

        let send = async { connector.call(()).await };
        accounts.clone().send(&mut extensions, send).await.unwrap();

        assert!(!cannot_have_left(&extensions));
        assert!(!found_connection(&extensions));
        assert!(!reached.route(&url("api.example.test")).was_used());
        assert!(reached.route(&url("accounts.example.test")).was_used());
        accounts.send(&mut extensions, async {}).await;
        assert!(found_connection(&extensions));
    }

    #[tokio::test]
    async fn a_connection_that_nobody_asked_for_may_be_one_to_any_server() {
        let reached = Arc::new(Reached::default());
        let mut connector = NoteConnections(Arc::clone(&reached)).layer(Connects);

        connector.call(()).await.unwrap();

        assert!(reached.route(&url("api.example.test")).was_used());
    }
}
