//! The connections to one server: what becomes of them is no other server's trouble.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use http::Extensions;
use reqwest::{Client, Request, Response, Url};

#[cfg(feature = "http2")]
use super::one_connection::{Server, in_turn};
use super::reached::Reached;

/// Where HTTP clients come from.
pub(super) struct Clients {
    /// The one that was made last. What is sent to a server for the first time goes by it.
    latest: ArcSwap<Http>,
    /// Makes another by the same options; a client of the user's own stays the only one.
    make: Option<Make>,
}

/// Its connections are noted where it is told.
type Make = Box<dyn Fn(&Arc<Reached>) -> reqwest::Result<Client> + Send + Sync>;

/// A client, and which servers it had a connection to.
#[derive(Clone)]
struct Http {
    client: Client,
    reached: Arc<Reached>,
}

impl Http {
    fn made_by(make: &Make) -> reqwest::Result<Self> {
        let reached = Arc::default();
        Ok(Self { client: make(&reached)?, reached })
    }
}

impl Clients {
    pub(super) fn given(client: Client) -> Self {
        let given = Http { client, reached: Arc::default() };
        Self { latest: ArcSwap::from_pointee(given), make: None }
    }

    pub(super) fn made_by(make: Make) -> reqwest::Result<Self> {
        let latest = ArcSwap::from_pointee(Http::made_by(&make)?);
        Ok(Self { latest, make: Some(make) })
    }

    pub(super) fn latest(&self) -> Client {
        self.latest.load().client.clone()
    }

    pub(super) fn is_given(&self) -> bool {
        self.make.is_none()
    }

    fn another(&self) -> Option<Http> {
        // What could be made once can be made again; if not, the old one is no worse.
        Http::made_by(self.make.as_ref()?).ok()
    }
}

/// The connections to one server.
pub(super) struct Lane {
    scheme: String,
    authority: String,
    clients: Arc<Clients>,
    pool: ArcSwap<Pool>,
}

impl Lane {
    pub(super) fn to(url: &Url, clients: Arc<Clients>) -> Self {
        let (scheme, authority) = (url.scheme().to_owned(), url.authority().to_owned());
        let pool = ArcSwap::from_pointee(Pool::new(&scheme, Http::clone(&clients.latest.load())));
        Self { scheme, authority, clients, pool }
    }

    pub(super) fn leads_to(&self, url: &Url) -> bool {
        self.authority == url.authority() && self.scheme == url.scheme()
    }

    pub(super) fn pool(&self) -> Arc<Pool> {
        self.pool.load_full()
    }

    /// A pool without a connection in it.
    pub(super) fn fresh(&self) -> Option<Arc<Pool>> {
        Some(Arc::new(Pool::new(&self.scheme, self.clients.another()?)))
    }

    /// Uses connections of `pool` no more, unless they were replaced already.
    pub(super) fn replace(&self, pool: &Arc<Pool>) {
        if !Arc::ptr_eq(&self.pool.load(), pool) {
            return;
        }
        if let Some(fresh) = self.fresh() {
            tracing::debug!("connections that may be dead are not used any more");
            self.clients.latest.store(Arc::new(fresh.http.clone()));
            self.pool.compare_and_swap(pool, fresh);
        }
    }
}

/// A client with its connections.
pub(super) struct Pool {
    http: Http,
    /// How many responses came, to the end of their bodies.
    responses: AtomicU64,
    #[cfg(feature = "http2")]
    server: Option<Arc<Server>>,
}

impl Pool {
    fn new(_scheme: &str, http: Http) -> Self {
        Self {
            http,
            responses: AtomicU64::new(0),
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

    /// Notes where the request goes, as long as it is under way.
    pub(super) async fn execute(
        &self,
        request: Request,
        extensions: &mut Extensions,
    ) -> reqwest::Result<Response> {
        let route = self.http.reached.route(request.url());
        route.send(extensions, self.execute_in_turn(request)).await
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
