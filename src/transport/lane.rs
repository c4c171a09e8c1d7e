//! The connections to one server: what becomes of them is no other server's trouble.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use http::Extensions;
use reqwest::{Client, Request, Response, Url};

#[cfg(feature = "http2")]
use super::one_connection::{Server, in_turn};
use super::reached::Reached;

/// Where HTTP clients come from.
pub(super) struct Clients {
    /// The one that was made last for calls. What is sent to a server for the first time goes by it.
    latest: ArcSwap<Http>,
    /// Makes another by the same options; a client of the user's own stays the only one.
    make: Option<Make>,
}

/// Its connections are noted where it is told.
type Make = Box<dyn Fn(&Arc<Reached>, Traffic) -> reqwest::Result<Client> + Send + Sync>;

/// What a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    Calls,
    /// Few, with a response that comes once and must not be lost: a connection is never given up
    /// while one is under way, unless its own limit has passed.
    TokenRequests,
}

/// A client, and which servers it had a connection to.
#[derive(Clone)]
struct Http {
    client: Client,
    reached: Arc<Reached>,
}

impl Http {
    fn made_by(make: &Make, traffic: Traffic) -> reqwest::Result<Self> {
        let reached = Arc::default();
        Ok(Self { client: make(&reached, traffic)?, reached })
    }
}

impl Clients {
    pub(super) fn given(client: Client) -> Self {
        let given = Http { client, reached: Arc::default() };
        Self { latest: ArcSwap::from_pointee(given), make: None }
    }

    pub(super) fn made_by(make: Make) -> reqwest::Result<Self> {
        let latest = ArcSwap::from_pointee(Http::made_by(&make, Traffic::Calls)?);
        Ok(Self { latest, make: Some(make) })
    }

    pub(super) fn latest(&self) -> Client {
        self.latest.load().client.clone()
    }

    pub(super) fn is_given(&self) -> bool {
        self.make.is_none()
    }

    fn another(&self, traffic: Traffic) -> Option<Http> {
        // What could be made once can be made again; if not, the old one is no worse.
        Http::made_by(self.make.as_ref()?, traffic).ok()
    }
}

/// The connections to one server, for one traffic.
pub(super) struct Lane {
    traffic: Traffic,
    scheme: String,
    authority: String,
    clients: Arc<Clients>,
    pool: ArcSwap<Pool>,
}

impl Lane {
    pub(super) fn to(url: &Url, traffic: Traffic, clients: Arc<Clients>) -> Self {
        let (scheme, authority) = (url.scheme().to_owned(), url.authority().to_owned());
        let own = match traffic {
            Traffic::Calls => None,
            Traffic::TokenRequests => clients.another(traffic),
        };
        let http = own.unwrap_or_else(|| Http::clone(&clients.latest.load()));
        let pool = ArcSwap::from_pointee(Pool::new(&scheme, http));
        Self { traffic, scheme, authority, clients, pool }
    }

    pub(super) fn leads_to(&self, url: &Url, traffic: Traffic) -> bool {
        let is_of_server = self.authority == url.authority() && self.scheme == url.scheme();
        is_of_server && self.traffic == traffic
    }

    pub(super) fn pool(&self) -> Arc<Pool> {
        self.pool.load_full()
    }

    /// A pool without a connection in it.
    pub(super) fn fresh(&self) -> Option<Arc<Pool>> {
        Some(Arc::new(Pool::new(&self.scheme, self.clients.another(self.traffic)?)))
    }

    /// Uses connections of `pool` no more, unless they were replaced already.
    pub(super) fn replace(&self, pool: &Arc<Pool>) {
        if !Arc::ptr_eq(&self.pool.load(), pool) {
            return;
        }
        if let Some(fresh) = self.fresh() {
            tracing::debug!("connections that may be dead are not used any more");
            if self.traffic == Traffic::Calls {
                self.clients.latest.store(Arc::new(fresh.http.clone()));
            }
            self.pool.compare_and_swap(pool, fresh);
        }
    }
}

/// A client with its connections.
pub(super) struct Pool {
    http: Http,
    /// How many responses came, to the end of their bodies.
    responses: AtomicU64,
    /// How many requests were given up before their response had come.
    given_up: AtomicU32,
    #[cfg(feature = "http2")]
    server: Option<Arc<Server>>,
}

impl Pool {
    fn new(_scheme: &str, http: Http) -> Self {
        Self {
            http,
            responses: AtomicU64::new(0),
            given_up: AtomicU32::new(0),
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

    #[cfg(feature = "http2")]
    fn is_shared(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.has_http2())
    }

    #[cfg(not(feature = "http2"))]
    fn is_shared(&self) -> bool {
        false
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

/// With those that are under way when it is reached, 128 at most servers, and a page of 200 KB for
/// each, fewer frames than end a connection.
const MOST_GIVEN_UP: u32 = 32;

#[cfg(all(test, feature = "http2"))]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::arrival::Arrival;
    use super::super::one_connection::Known;
    use super::*;

    /// Whether requests that are given up have the next ones take another connection.
    fn is_replaced(found: Known, given_up: u32) -> bool {
        let clients = Clients::made_by(Box::new(|_, _| Client::builder().build())).unwrap();
        let url = "https://api.example.test/v1/".parse().unwrap();
        let lane = Arc::new(Lane::to(&url, Traffic::Calls, Arc::new(clients)));
        let pool = lane.pool();
        pool.server.as_ref().unwrap().tell(found);
        for _ in 0..given_up {
            drop(Arrival::new(Arc::clone(&lane), Arc::clone(&pool), false));
        }
        !Arc::ptr_eq(&pool, &lane.pool())
    }

    #[test]
    fn a_shared_connection_is_left_before_what_was_given_up_on_it_ends_it() {
        assert!(is_replaced(Known::Http2, MOST_GIVEN_UP));
        assert!(is_replaced(Known::Http2, 10 * MOST_GIVEN_UP));
        assert!(!is_replaced(Known::Http2, MOST_GIVEN_UP - 1));
        assert!(!is_replaced(Known::Http1, 10 * MOST_GIVEN_UP), "each had its own");
    }
}
