//! The connections to one server: what becomes of them is no other server's trouble.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::Extensions;
use reqwest::{Client, Request, Response, Url};

#[cfg(feature = "http2")]
use super::one_connection::{Known, Server, in_turn};
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
    /// The first; others come after it where one is full.
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

    /// The first one that has room for another request.
    pub(super) fn pool(&self) -> Arc<Pool> {
        let mut pool = self.pool.load_full();
        while pool.is_full() {
            match pool.next.load_full().or_else(|| self.add_after(&pool)) {
                Some(next) => pool = next,
                None => break,
            }
        }
        pool
    }

    fn add_after(&self, pool: &Pool) -> Option<Arc<Pool>> {
        let nothing: Option<Arc<Pool>> = None;
        // Another may have come first.
        pool.next.compare_and_swap(&nothing, Some(self.fresh()?));
        pool.next.load_full()
    }

    /// A pool without a connection in it.
    pub(super) fn fresh(&self) -> Option<Arc<Pool>> {
        Some(Arc::new(Pool::new(&self.scheme, self.clients.another(self.traffic)?)))
    }

    /// Uses none of the connections any more.
    pub(super) fn replace_all(&self) {
        self.replace(&self.pool.load());
    }

    /// Uses connections of `pool` no more, unless they were replaced already.
    pub(super) fn replace(&self, pool: &Arc<Pool>) {
        if !Arc::ptr_eq(&self.pool.load(), pool) {
            self.leave_out(pool);
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

    fn leave_out(&self, pool: &Arc<Pool>) {
        let mut before = self.pool.load_full();
        while let Some(next) = before.next.load_full() {
            if Arc::ptr_eq(&next, pool) {
                before.next.compare_and_swap(&next, pool.next.load_full());
                return;
            }
            before = next;
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
    under_way: AtomicU32,
    /// Where what has no room goes.
    next: ArcSwapOption<Self>,
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
    fn new(_scheme: &str, http: Http) -> Self {
        Self {
            http,
            responses: AtomicU64::new(0),
            given_up: AtomicU32::new(0),
            under_way: AtomicU32::new(0),
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

    /// Whether more requests are under way than a server may let be on one connection, if it is
    /// one.
    fn is_full(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) >= MOST_AT_ONCE && self.may_be_shared()
    }

    #[cfg(feature = "http2")]
    fn may_be_shared(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.known() != Known::Http1)
    }

    #[cfg(feature = "http2")]
    fn is_shared(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.known() == Known::Http2)
    }

    #[cfg(not(feature = "http2"))]
    fn may_be_shared(&self) -> bool {
        false
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

/// Google's front ends and Envoy let 100 requests be under way on a connection, nginx and AWS 128.
/// What is more waits until others end, which those to an endpoint that hangs do not.
const MOST_AT_ONCE: u32 = 90;

/// With those that are under way when it is reached, and a page of 200 KB for each, fewer frames
/// than end a connection.
const MOST_GIVEN_UP: u32 = 32;

#[cfg(all(test, feature = "http2"))]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::arrival::Arrival;
    use super::*;

    fn lane() -> Arc<Lane> {
        let clients = Clients::made_by(Box::new(|_, _| Client::builder().build())).unwrap();
        let url = "https://api.example.test/v1/".parse().unwrap();
        Arc::new(Lane::to(&url, Traffic::Calls, Arc::new(clients)))
    }

    fn pool_that_found(found: Known, lane: &Lane) -> Arc<Pool> {
        let pool = lane.pool();
        pool.server.as_ref().unwrap().tell(found);
        pool
    }

    fn requests(count: u32, lane: &Arc<Lane>, pool: &Arc<Pool>) -> Vec<Arrival> {
        let request = |_| Arrival::new(Arc::clone(lane), Arc::clone(pool), false);
        (0..count).map(request).collect()
    }

    /// Whether requests that are given up have the next ones take another connection.
    fn is_replaced(found: Known, given_up: u32) -> bool {
        let lane = lane();
        let pool = pool_that_found(found, &lane);
        drop(requests(given_up, &lane, &pool));
        !Arc::ptr_eq(&pool, &lane.pool())
    }

    #[test]
    fn a_shared_connection_is_left_before_what_was_given_up_on_it_ends_it() {
        assert!(is_replaced(Known::Http2, MOST_GIVEN_UP));
        assert!(is_replaced(Known::Http2, 10 * MOST_GIVEN_UP));
        assert!(!is_replaced(Known::Http2, MOST_GIVEN_UP - 1));
        assert!(!is_replaced(Known::Http1, 10 * MOST_GIVEN_UP), "each had its own");
    }

    #[test]
    fn what_has_no_room_on_a_shared_connection_takes_another() {
        let lane = lane();
        let first = pool_that_found(Known::Http2, &lane);
        let mut on_first = requests(MOST_AT_ONCE - 1, &lane, &first);
        assert!(Arc::ptr_eq(&first, &lane.pool()));

        on_first.extend(requests(1, &lane, &first));

        let second = pool_that_found(Known::Http2, &lane);
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&second, &lane.pool()), "one for all of them");
        let mut on_second = requests(MOST_AT_ONCE, &lane, &second);
        assert!(![&first, &second].iter().any(|full| Arc::ptr_eq(full, &lane.pool())));
        on_second.pop().unwrap().ended();
        assert!(Arc::ptr_eq(&second, &lane.pool()));
        on_first.pop().unwrap().ended();
        assert!(Arc::ptr_eq(&first, &lane.pool()), "the first as soon as it has room");
    }

    #[test]
    fn one_that_is_dead_is_left_out_wherever_it_stands() {
        let lane = lane();
        let full = || {
            let pool = pool_that_found(Known::Http2, &lane);
            requests(MOST_AT_ONCE, &lane, &pool).into_iter().for_each(std::mem::forget);
            pool
        };
        let (first, second, third) = (full(), full(), full());
        let is_next = |next: &_| Arc::ptr_eq(&first.next.load_full().unwrap(), next);
        assert!(is_next(&second));

        lane.replace(&second);
        lane.replace(&second);

        assert!(is_next(&third));
        lane.replace_all();
        let fresh = lane.pool();
        assert!(![&first, &second, &third].iter().any(|pool| Arc::ptr_eq(pool, &fresh)));
        assert!(fresh.next.load().is_none());
    }

    #[test]
    fn what_comes_before_the_first_connection_is_made_has_no_more_room() {
        let lane = lane();
        let first = lane.pool();
        let _under_way = requests(MOST_AT_ONCE, &lane, &first);
        assert!(!Arc::ptr_eq(&first, &lane.pool()));
    }

    #[test]
    fn connections_that_are_not_shared_are_never_full() {
        let lane = lane();
        let first = pool_that_found(Known::Http1, &lane);
        let _under_way = requests(10 * MOST_AT_ONCE, &lane, &first);
        assert!(Arc::ptr_eq(&first, &lane.pool()));
    }
}
