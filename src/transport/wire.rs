//! The way out: where a request leaves the layers, on a connection that is not known to be dead.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::Extensions;
use reqwest::{Client, Request, Response, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};

use super::arrival::Arrival;
use super::lane::{Clients, Lane};
use super::listening::Listening;
use super::reached::{Reached, sends_unseen};
use super::undone::TlsUnavailable;

/// Sends requests, and replaces connections that must be taken for dead.
///
/// A pool of connections knows of a dead one only what the runtime has heard. Two things are
/// unheard: a network that swallows everything, which shows as a time-out, and whatever happened
/// while the process was frozen. After a time-out, the connections to that server from before are
/// used no more, unless others get their responses on them; the retry goes on a connection of its
/// own in any case. After a pause, the runtime is made to listen before anything is sent.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Inner>);

struct Inner {
    clients: Arc<Clients>,
    /// One for each server; a few.
    lanes: ArcSwap<Vec<Arc<Lane>>>,
    listening: Listening,
}

/// An extension of a request: its last attempt timed out, so that the next needs a connection of
/// its own.
#[derive(Clone)]
struct TimedOut;

/// Notes that an attempt failed, for the next one.
pub(crate) fn note_failure(error: &reqwest::Error, extensions: &mut Extensions) {
    if error.is_timeout() {
        extensions.insert(TimedOut);
    }
}

impl Wire {
    /// By a client of the user's own.
    pub(crate) fn given(client: Client) -> Self {
        Self::new(Clients::given(client))
    }

    /// By a client that can be made again.
    pub(super) fn made_by(
        make: impl Fn(&Arc<Reached>) -> reqwest::Result<Client> + Send + Sync + 'static,
    ) -> reqwest::Result<Self> {
        Ok(Self::new(Clients::made_by(Box::new(make))?))
    }

    fn new(clients: Clients) -> Self {
        let (clients, lanes) = (Arc::new(clients), ArcSwap::default());
        Self(Arc::new(Inner { clients, lanes, listening: Listening::new() }))
    }

    /// The client that is used now. Clones of it share its connections.
    pub(crate) fn client(&self) -> Client {
        self.0.clients.latest()
    }

    /// Sends a request that is not of the layers: a rare one, after whose time-out the connections
    /// to its server are replaced in any case, since nothing is carried over to the next.
    pub(crate) async fn execute(&self, request: Request) -> Result<Response> {
        self.send(request, &mut Extensions::new(), true).await
    }

    async fn send(
        &self,
        request: Request,
        extensions: &mut Extensions,
        is_rare: bool,
    ) -> Result<Response> {
        if self.0.clients.is_given() {
            sends_unseen(extensions);
            return Ok(self.client().execute(request).await?);
        }
        if self.0.listening.note() {
            self.0.lanes.load().iter().for_each(|lane| lane.replace(&lane.pool()));
        }
        self.0.listening.listen().await;
        let lane = self.0.lane(request.url());
        let fresh = extensions.remove::<TimedOut>().and_then(|_| lane.fresh());
        let pool = fresh.unwrap_or_else(|| lane.pool());
        let mut arrival = Arrival::new(lane, Arc::clone(&pool), is_rare);
        let error = match pool.execute(request, extensions).await {
            Ok(mut response) => {
                arrival.head_came(&mut response);
                return Ok(response);
            }
            Err(error) => error,
        };
        arrival.failed(&error);
        note_failure(&error, extensions);
        Err(match TlsUnavailable::cause_of(&error) {
            Some(unavailable) => Error::middleware(unavailable),
            None => Error::Reqwest(error),
        })
    }
}

impl Inner {
    fn lane(&self, url: &Url) -> Arc<Lane> {
        let known = |lanes: &Vec<Arc<Lane>>| lanes.iter().find(|lane| lane.leads_to(url)).cloned();
        if let Some(lane) = known(&self.lanes.load()) {
            return lane;
        }
        let lane = Arc::new(Lane::to(url, Arc::clone(&self.clients)));
        self.lanes.rcu(|lanes| match known(lanes) {
            Some(_) => Vec::clone(lanes),
            None => lanes.iter().chain([&lane]).cloned().collect(),
        });
        // Another may have come first.
        known(&self.lanes.load()).unwrap_or(lane)
    }
}

/// The innermost layer: nothing comes after it.
#[async_trait]
impl Middleware for Wire {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        _: Next<'_>,
    ) -> Result<Response> {
        self.send(request, extensions, false).await
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}
