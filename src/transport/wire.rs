//! The way out: where a request leaves the layers, on a connection that is not known to be dead.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Client, Request, Response, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tokio::time::Instant;

use super::arrival::Arrival;
use super::clients::{Clients, Traffic};
use super::links::AllLinks;
use super::reached::Reached;
use super::undone::TlsUnavailable;
use super::way::Way;

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
    links: AllLinks,
    /// A request's, redirects included. A client of the user's own has one of its own.
    timeout: Option<Duration>,
}

/// An extension of a request: its last attempt timed out, so that the next needs a connection of
/// its own.
#[derive(Clone)]
struct TimedOut;

/// An extension of a response that redirects: when its attempt began, and how long it may take.
#[derive(Clone, Copy)]
struct Limit {
    began: Instant,
    limit: Duration,
}

/// What is left of the time of the attempt that was redirected by this response, where it has a
/// limit that is known.
pub(crate) fn time_left(response: &Response) -> Option<Duration> {
    let Limit { began, limit } = response.extensions().get()?;
    Some(limit.saturating_sub(began.elapsed()))
}

/// Notes that the body of a response failed, for the next attempt.
pub(crate) fn note_failure(error: &reqwest::Error, extensions: &mut Extensions) {
    if error.is_timeout() {
        extensions.insert(TimedOut);
    }
}

impl Wire {
    /// By a client of the user's own.
    pub(crate) fn given(client: Client) -> Self {
        Self::new(Clients::given(client), None)
    }

    /// By a client that can be made again.
    pub(super) fn made_by(
        timeout: Duration,
        make: impl Fn(&Arc<Reached>, Traffic) -> reqwest::Result<Client> + Send + Sync + 'static,
    ) -> reqwest::Result<Self> {
        Ok(Self::new(Clients::made_by(Box::new(make))?, Some(timeout)))
    }

    fn new(clients: Clients, timeout: Option<Duration>) -> Self {
        Self(Arc::new(Inner { links: AllLinks::new(clients), timeout }))
    }

    /// The user's own client, or one for requests of the user's own. Clones of it share its connections.
    pub(crate) fn client(&self) -> Client {
        self.clients().client()
    }

    fn clients(&self) -> &Clients {
        self.0.links.clients()
    }

    /// Sends a token request, by connections of its own kind. They are replaced after a time-out in
    /// any case, since nothing is carried over to the next one.
    pub(crate) async fn execute(&self, request: Request) -> Result<Response> {
        self.send(request, &mut Extensions::new(), Traffic::TokenRequests).await
    }

    /// Makes the first connection to a server over TLS while a request to it waits for its token.
    pub(crate) fn connect_early(&self, url: &Url, traffic: Traffic) {
        if url.scheme() == "https" && !self.clients().is_given() {
            self.0.links.of_this_runtime().lane(url, traffic).connect_early(url);
        }
    }

    pub(super) async fn send(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        traffic: Traffic,
    ) -> Result<Response> {
        let timeout = request.timeout().copied().or(self.0.timeout);
        *request.timeout_mut() = timeout;
        let limit = timeout.map(|limit| Limit { began: Instant::now(), limit });
        if self.clients().is_given() {
            let way = Way::Unseen(self.client());
            let mut response = way.send(request, extensions).await?;
            note_limit(&mut response, limit);
            return Ok(response);
        }
        let links = self.0.links.of_this_runtime();
        links.listen().await;
        let lane = links.lane(request.url(), traffic);
        let fresh = extensions.remove::<TimedOut>().and_then(|_| lane.fresh());
        let pool = fresh.unwrap_or_else(|| lane.pool());
        let sending = pool.set_out(request.url());
        let is_rare = traffic == Traffic::TokenRequests;
        let arrival = Arrival::new(lane, Arc::clone(&pool), Arc::clone(&sending), is_rare);
        let error = match Way::Pool(pool, sending).send(request, extensions).await {
            Ok(response) => {
                let mut response = arrival.head_came(response);
                note_limit(&mut response, limit);
                return Ok(response);
            }
            Err(error) => error,
        };
        if arrival.failed(&error) {
            extensions.insert(TimedOut);
        }
        Err(match TlsUnavailable::cause_of(&error) {
            Some(unavailable) => Error::middleware(unavailable),
            None => Error::Reqwest(error),
        })
    }
}

fn note_limit(response: &mut Response, limit: Option<Limit>) {
    if let Some(limit) = limit.filter(|_| response.status().is_redirection()) {
        response.extensions_mut().insert(limit);
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
        let traffic = Traffic::of(request.method());
        self.send(request, extensions, traffic).await
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}
