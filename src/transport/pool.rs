//! A client with its connections, and how far they are used up: with HTTP/2 that is one for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use http::Extensions;
use reqwest::{Method, Request, Response, Url};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::clients::Http;
use super::early::{self, Found};
#[cfg(feature = "http2")]
use super::one_connection::{Known, Server, in_turn};
use super::reached::Sending;
use super::relief::Relief;

/// A client with its connections.
pub(super) struct Pool {
    pub(super) http: Http,
    /// How many responses came, to the end of their bodies.
    responses: AtomicU64,
    /// How many requests were given up before their response had come.
    given_up: AtomicU32,
    under_way: AtomicU32,
    /// What is to take its place, where it is worn.
    relief: Relief,
    /// Whether a connection was made before there was anything to send.
    was_early: AtomicBool,
    /// Where what has no room goes.
    pub(super) next: ArcSwapOption<Self>,
    #[cfg(feature = "http2")]
    server: Option<Arc<Server>>,
}

/// A place of a request among those under way, until its response has been read or is dropped.
pub(super) struct Place(Arc<Pool>);

impl Place {
    pub(super) fn on(pool: Arc<Pool>) -> Self {
        pool.under_way.fetch_add(1, Ordering::Relaxed);
        Self(pool)
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(super) fn new(_scheme: &str, http: Http) -> Self {
        Self {
            http,
            responses: AtomicU64::new(0),
            given_up: AtomicU32::new(0),
            under_way: AtomicU32::new(0),
            relief: Relief::default(),
            was_early: AtomicBool::new(false),
            next: ArcSwapOption::empty(),
            #[cfg(feature = "http2")]
            server: Server::by_scheme(_scheme),
        }
    }

    pub(super) fn responses(&self) -> u64 {
        self.responses.load(Ordering::Relaxed)
    }

    pub(super) fn count_response(&self) {
        self.responses.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a request was given up. Returns whether they are too many for one connection that
    /// all share.
    ///
    /// HTTP/2 knows of the last 50, for a second, that what still comes of them is of no interest.
    /// Each frame of others counts as an error of the server, and after 1,024 the connection ends,
    /// with the requests of all who share it.
    pub(super) fn is_worn_by_giving_up(&self) -> bool {
        let given_up = self.given_up.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        given_up >= MOST_GIVEN_UP && self.is_shared()
    }

    /// Has `fresh` connect to this URL's server, to take the place of this one, unless another does. In a
    /// task, since what is given up may be dropped anywhere, and with the runtime.
    pub(super) fn be_relieved(
        self: &Arc<Self>,
        runtime: &Handle,
        fresh: impl FnOnce() -> Option<Arc<Self>>,
        url: &Url,
    ) {
        if !self.relief.begin() {
            return;
        }
        let (worn, fresh, url) = (Arc::clone(self), fresh(), url.clone());
        runtime.spawn(async move {
            let made = match fresh {
                Some(fresh) => fresh.with_shared_connection(&url).await,
                None => None,
            };
            worn.relief.end(made);
        });
    }

    /// With a connection that was made early. One for each request is no relief.
    async fn with_shared_connection(self: Arc<Self>, url: &Url) -> Option<Arc<Self>> {
        let found = self.connect_early(url)?.await.ok()?;
        found.is_http2.then_some(self)
    }

    #[cfg(all(test, feature = "http2"))]
    pub(super) fn is_relieved(&self, fresh: Arc<Self>) {
        self.relief.end(Some(fresh));
    }

    #[cfg(all(test, feature = "http2"))]
    pub(super) fn is_relieving(&self) -> bool {
        self.relief.is_under_way()
    }

    /// What takes its place now, with a connection for the request that asks.
    pub(super) fn relieved_by(&self) -> Option<Arc<Self>> {
        let is_worn = self.given_up.load(Ordering::Relaxed) >= MOST_GIVEN_UP;
        is_worn.then(|| self.relief.take()).flatten()
    }

    /// Whether more requests are under way than a server may let be on one connection, if it is
    /// one.
    pub(super) fn is_full(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) >= MOST_AT_ONCE && self.may_be_shared()
    }

    #[cfg(feature = "http2")]
    pub(super) fn may_be_shared(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.known() != Known::Http1)
    }

    #[cfg(all(test, feature = "http2"))]
    pub(super) fn tell(&self, found: Known) {
        if let Some(server) = &self.server {
            server.tell(found);
        }
    }

    #[cfg(feature = "http2")]
    fn is_shared(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.known() == Known::Http2)
    }

    #[cfg(not(feature = "http2"))]
    pub(super) fn may_be_shared(&self) -> bool {
        false
    }

    #[cfg(not(feature = "http2"))]
    fn is_shared(&self) -> bool {
        false
    }

    /// A request for this URL sets out.
    pub(super) fn set_out(&self, url: &Url) -> Arc<Sending> {
        self.http.reached.set_out(url)
    }

    /// Makes the first connection to this URL's server before there is anything to send on it.
    pub(super) fn connect_early(&self, url: &Url) -> Option<oneshot::Receiver<Found>> {
        let sending = self.set_out(url);
        if sending.was_reached() || self.was_early.swap(true, Ordering::Relaxed) {
            return None;
        }
        let unsent = self.http.client.execute(Request::new(Method::GET, url.clone()));
        Some(early::connect_for(sending.send(&mut Extensions::new(), unsent)))
    }

    /// Notes where the request goes, as long as it is under way.
    pub(super) async fn execute(
        &self,
        request: Request,
        sending: Arc<Sending>,
        extensions: &mut Extensions,
    ) -> reqwest::Result<Response> {
        sending.send(extensions, self.execute_in_turn(request)).await
    }

    #[cfg(feature = "http2")]
    async fn execute_in_turn(&self, request: Request) -> reqwest::Result<Response> {
        in_turn(self.server.clone(), self.http.client.execute(request)).await
    }

    #[cfg(not(feature = "http2"))]
    async fn execute_in_turn(&self, request: Request) -> reqwest::Result<Response> {
        self.http.client.execute(request).await
    }
}

/// Google's front ends and Envoy let 100 requests be under way on a connection, nginx and AWS 128.
/// What is more waits until others end, which those to an endpoint that hangs do not.
pub(super) const MOST_AT_ONCE: u32 = 90;

/// With those that are under way when it is reached, and a page of 200 KB in frames of 16 KB for each,
/// fewer frames than end a connection. Of smaller frames it may be more: then the reads on it are
/// repeated, which costs nobody a write.
pub(super) const MOST_GIVEN_UP: u32 = 32;
