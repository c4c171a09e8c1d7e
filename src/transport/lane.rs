//! The connections to one server for one traffic: what becomes of them is no other's trouble.

use std::sync::Arc;

use arc_swap::ArcSwap;
use reqwest::Url;
use tokio::runtime::{Handle, Id};

use super::clients::{Clients, Traffic};
use super::pool::Pool;

/// The connections to one server, for one traffic.
pub(super) struct Lane {
    traffic: Traffic,
    server: Url,
    /// Which drives them.
    runtime: Option<Id>,
    clients: Arc<Clients>,
    /// The first; others come after it where one is full.
    pool: ArcSwap<Pool>,
}

impl Lane {
    pub(super) fn to(
        url: &Url,
        traffic: Traffic,
        runtime: Option<Id>,
        clients: Arc<Clients>,
    ) -> Self {
        let mut server = url.clone();
        server.set_path("/");
        server.set_query(None);
        let http = clients.another_or_first(traffic);
        let pool = ArcSwap::from_pointee(Pool::new(server.scheme(), http));
        Self { traffic, server, runtime, clients, pool }
    }

    pub(super) fn leads_to(&self, url: &Url, traffic: Traffic) -> bool {
        let server = &self.server;
        let is_of_server = server.authority() == url.authority() && server.scheme() == url.scheme();
        is_of_server && self.traffic == traffic
    }

    /// Whether several requests share a connection, as far as is known.
    pub(super) fn may_share(&self) -> bool {
        self.pool.load().may_be_shared()
    }

    /// The first one that has room for another request.
    pub(super) fn pool(&self) -> Arc<Pool> {
        let mut pool = self.pool.load_full();
        loop {
            if let Some(fresh) = pool.relieved_by() {
                fresh.next.store(pool.next.load_full());
                self.put_in_place_of(&pool, &fresh);
                pool = fresh;
            }
            if !pool.is_full() {
                return pool;
            }
            match pool.next.load_full().or_else(|| self.add_after(&pool)) {
                Some(next) => pool = next,
                None => return pool,
            }
        }
    }

    /// Makes the first connection before there is anything to send on it.
    pub(super) fn connect_early(&self, url: &Url) {
        drop(self.pool.load().connect_early(url));
    }

    fn add_after(&self, pool: &Pool) -> Option<Arc<Pool>> {
        let nothing: Option<Arc<Pool>> = None;
        // Another may have come first.
        pool.next.compare_and_swap(&nothing, Some(self.fresh()?));
        pool.next.load_full()
    }

    /// A pool without a connection in it.
    pub(super) fn fresh(&self) -> Option<Arc<Pool>> {
        Some(Arc::new(Pool::new(self.server.scheme(), self.clients.another(self.traffic)?)))
    }

    /// Uses none of the connections any more.
    pub(super) fn replace_all(&self) {
        self.replace_first(&self.pool.load(), None);
    }

    /// Uses connections of `pool` no more, unless they were replaced already.
    pub(super) fn replace(&self, pool: &Arc<Pool>) {
        match Arc::ptr_eq(&self.pool.load(), pool) {
            true => self.replace_first(pool, pool.next.load_full()),
            false => self.put_before(pool, pool.next.load_full()),
        }
    }

    fn replace_first(&self, pool: &Arc<Pool>, next: Option<Arc<Pool>>) {
        if let Some(fresh) = self.fresh() {
            tracing::debug!("connections that may be dead are not used any more");
            fresh.next.store(next);
            self.pool.compare_and_swap(pool, fresh);
        }
    }

    /// Has another connection made, and uses that of `pool` until it is there. What is given up
    /// elsewhere than on the runtime of these connections has the next do that.
    pub(super) fn relieve(&self, pool: &Arc<Pool>) {
        let Ok(runtime) = Handle::try_current() else { return };
        let is_used = self.pools().any(|used| Arc::ptr_eq(&used, pool));
        if is_used && self.runtime == Some(runtime.id()) {
            pool.be_relieved(&runtime, || self.fresh(), &self.server);
        }
    }

    fn pools(&self) -> impl Iterator<Item = Arc<Pool>> {
        std::iter::successors(Some(self.pool.load_full()), |pool| pool.next.load_full())
    }

    fn put_in_place_of(&self, pool: &Arc<Pool>, fresh: &Arc<Pool>) {
        let before = self.pool.compare_and_swap(pool, Arc::clone(fresh));
        if !Arc::ptr_eq(&before, pool) {
            self.put_before(pool, Some(Arc::clone(fresh)));
        }
    }

    /// Puts another in the place of `pool`, which is not the first.
    fn put_before(&self, pool: &Arc<Pool>, other: Option<Arc<Pool>>) {
        let is_next = |before: &Arc<Pool>| {
            before.next.load().as_ref().is_some_and(|next| Arc::ptr_eq(next, pool))
        };
        if let Some(before) = self.pools().find(is_next) {
            before.next.compare_and_swap(&Some(Arc::clone(pool)), other);
        }
    }
}

#[cfg(all(test, feature = "http2"))]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::marker::PhantomData;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use reqwest::Client;
    use tokio::net::TcpListener;
    use tokio::time::advance;
    use tower_layer::Layer;
    use tower_service::Service;

    use super::super::arrival::Arrival;
    use super::super::one_connection::Known;
    use super::super::pool::{MOST_AT_ONCE, MOST_GIVEN_UP};
    use super::*;

    /// Connects to nothing, and takes forever.
    #[derive(Clone)]
    struct NoWay;

    impl<S> Layer<S> for NoWay {
        type Service = Hangs<S>;

        fn layer(&self, _: S) -> Hangs<S> {
            Hangs(PhantomData)
        }
    }

    struct Hangs<S>(PhantomData<fn() -> S>);

    impl<S> Clone for Hangs<S> {
        fn clone(&self) -> Self {
            Self(PhantomData)
        }
    }

    impl<S: Service<R>, R> Service<R> for Hangs<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = std::future::Pending<Result<S::Response, S::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: R) -> Self::Future {
            std::future::pending()
        }
    }

    fn lane() -> Arc<Lane> {
        let make = |_: &_, _| Client::builder().connector_layer(NoWay).build();
        let clients = Clients::made_by(Box::new(make)).unwrap();
        let runtime = Handle::try_current().ok().map(|runtime| runtime.id());
        Arc::new(Lane::to(&url(), Traffic::Reads, runtime, Arc::new(clients)))
    }

    fn url() -> Url {
        "https://api.example.test/v1/".parse().unwrap()
    }

    fn pool_that_found(found: Known, lane: &Lane) -> Arc<Pool> {
        let pool = lane.pool();
        pool.tell(found);
        pool
    }

    fn requests(count: u32, lane: &Arc<Lane>, pool: &Arc<Pool>) -> Vec<Arrival> {
        let request = |_| {
            let sending = pool.set_out(&url());
            Arrival::new(Arc::clone(lane), Arc::clone(pool), sending, false)
        };
        (0..count).map(request).collect()
    }

    /// Has what is to take the place of a worn pool connect, as far as the lane knows.
    fn connects(lane: &Lane, worn: &Arc<Pool>) -> Arc<Pool> {
        let fresh = lane.fresh().unwrap();
        worn.is_relieved(Arc::clone(&fresh));
        fresh
    }

    /// Whether requests that are given up have another connection made for the next ones.
    async fn is_replaced(found: Known, given_up: u32) -> bool {
        let lane = lane();
        let pool = pool_that_found(found, &lane);
        drop(requests(given_up, &lane, &pool));
        pool.is_relieving()
    }

    #[tokio::test]
    async fn a_shared_connection_is_left_before_what_was_given_up_on_it_ends_it() {
        assert!(is_replaced(Known::Http2, MOST_GIVEN_UP).await);
        assert!(is_replaced(Known::Http2, 10 * MOST_GIVEN_UP).await);
        assert!(!is_replaced(Known::Http2, MOST_GIVEN_UP - 1).await);
        assert!(!is_replaced(Known::Http1, 10 * MOST_GIVEN_UP).await, "each had its own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_worn_connection_is_used_until_another_is_made() {
        let lane = lane();
        let is_used = |pool: &Arc<Pool>| Arc::ptr_eq(pool, &lane.pool());
        for is_first in [true, false] {
            let first = pool_that_found(Known::Http2, &lane);
            if !is_first {
                requests(MOST_AT_ONCE, &lane, &first).into_iter().for_each(std::mem::forget);
            }
            let pool = pool_that_found(Known::Http2, &lane);
            assert_eq!(Arc::ptr_eq(&first, &pool), is_first);
            let next = lane.fresh();
            pool.next.store(next.clone());
            drop(requests(MOST_GIVEN_UP, &lane, &pool));
            assert!(is_used(&pool));

            let fresh = connects(&lane, &pool);

            assert!(is_used(&fresh), "a request takes its connection");
            assert!(is_used(&fresh));
            assert!(Arc::ptr_eq(&fresh.next.load_full().unwrap(), &next.unwrap()));
            drop(requests(10 * MOST_GIVEN_UP, &lane, &pool));
            assert!(!pool.is_relieving(), "nobody uses it");
        }
    }

    /// Those who come at once find either the worn one or the one with the connection.
    #[tokio::test]
    async fn no_moment_has_neither_the_worn_connection_nor_the_other() {
        for _ in 0..20 {
            let lane = lane();
            let worn = pool_that_found(Known::Http2, &lane);
            drop(requests(MOST_GIVEN_UP, &lane, &worn));
            let start = std::sync::Barrier::new(5);
            let (found, fresh) = std::thread::scope(|threads| {
                let find = || {
                    start.wait();
                    lane.pool()
                };
                let finding: Vec<_> = (0..4).map(|_| threads.spawn(find)).collect();
                start.wait();
                let fresh = connects(&lane, &worn);
                let found = finding.into_iter().map(|found| found.join().unwrap());
                (found.collect::<Vec<_>>(), fresh)
            });
            assert!(
                found.iter().all(|pool| [&worn, &fresh].iter().any(|it| Arc::ptr_eq(it, pool)))
            );
            assert!(Arc::ptr_eq(&lane.pool(), &fresh));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_request_waits_for_what_is_to_relieve_its_connection() {
        let lane = lane();
        let worn = pool_that_found(Known::Http2, &lane);

        for _ in 0..5 {
            drop(requests(MOST_GIVEN_UP, &lane, &worn));
            assert!(Arc::ptr_eq(&worn, &lane.pool()));
            tokio::time::sleep(Duration::from_secs(100)).await;
            assert!(Arc::ptr_eq(&worn, &lane.pool()));
        }
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
        drop(on_second.pop());
        assert!(Arc::ptr_eq(&second, &lane.pool()));
        drop(on_first.pop());
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

    /// A request that is given up, or times out: whether the next ones take another connection.
    /// Its own was made after this number of milliseconds, if it was made for it, and then did not
    /// bring a response for as many.
    async fn is_taken_for_dead(made: Option<u64>, silent: u64, times_out: bool) -> bool {
        let lane = lane();
        let pool = pool_that_found(Known::Http2, &lane);
        let sending = pool.set_out(&url());
        let arrival = Arrival::new(Arc::clone(&lane), Arc::clone(&pool), sending.clone(), false);
        if let Some(made) = made {
            sending.note_connecting();
            advance(Duration::from_millis(made)).await;
            sending.note_connected();
        }
        advance(Duration::from_millis(silent)).await;
        let is_dead = match times_out {
            true => arrival.failed(&time_out().await),
            false => {
                drop(arrival);
                !Arc::ptr_eq(&pool, &lane.pool())
            }
        };
        assert_eq!(is_dead, !Arc::ptr_eq(&pool, &lane.pool()));
        is_dead
    }

    async fn time_out() -> reqwest::Error {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let error = Client::new().get(url).timeout(Duration::from_nanos(1)).send().await;
        error.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_took_most_of_a_call_to_make_is_not_taken_for_dead() {
        for times_out in [false, true] {
            assert!(!is_taken_for_dead(Some(600), 900, times_out).await);
            assert!(is_taken_for_dead(Some(600), 1000, times_out).await);
            assert!(is_taken_for_dead(None, 1000, times_out).await);
            assert_eq!(is_taken_for_dead(None, 900, times_out).await, times_out);
        }
    }
}
