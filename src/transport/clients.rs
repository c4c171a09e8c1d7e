//! Where HTTP clients come from: each has connections of its own.

use std::sync::Arc;

use arc_swap::ArcSwap;
use reqwest::{Client, Method};

use super::reached::Reached;

/// Where HTTP clients come from.
pub(super) struct Clients {
    /// The one that was made last for reads. What is sent to a server for the first time goes by it.
    latest: ArcSwap<Http>,
    /// Makes another by the same options; a client of the user's own stays the only one.
    make: Option<Make>,
}

/// Its connections are noted where it is told.
type Make = Box<dyn Fn(&Arc<Reached>, Traffic) -> reqwest::Result<Client> + Send + Sync>;

/// What a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    Reads,
    /// Apart from reads: what is given up of these costs no write its connection, after which nobody
    /// knows whether it was carried out.
    Writes,
    /// Few, with a response that comes once and must not be lost: a connection is never given up
    /// while one is under way, unless its own limit has passed.
    TokenRequests,
}

impl Traffic {
    /// Of requests of the API.
    pub(crate) fn of(method: &Method) -> Self {
        if method.is_safe() { Self::Reads } else { Self::Writes }
    }
}

/// A client, and which servers it had a connection to.
#[derive(Clone)]
pub(super) struct Http {
    pub(super) client: Client,
    pub(super) reached: Arc<Reached>,
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
        let latest = ArcSwap::from_pointee(Http::made_by(&make, Traffic::Reads)?);
        Ok(Self { latest, make: Some(make) })
    }

    pub(super) fn latest(&self) -> Client {
        self.latest.load().client.clone()
    }

    pub(super) fn latest_http(&self) -> Http {
        Http::clone(&self.latest.load())
    }

    pub(super) fn set_latest(&self, http: Http) {
        self.latest.store(Arc::new(http));
    }

    pub(super) fn is_given(&self) -> bool {
        self.make.is_none()
    }

    /// One that has no connection yet.
    pub(super) fn another(&self, traffic: Traffic) -> Option<Http> {
        // What could be made once can be made again; if not, the old one is no worse.
        Http::made_by(self.make.as_ref()?, traffic).ok()
    }
}
