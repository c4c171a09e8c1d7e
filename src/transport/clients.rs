//! Where HTTP clients come from: each has connections of its own.

use std::sync::Arc;

use reqwest::{Client, Method};

use super::reached::Reached;

/// Where HTTP clients come from.
pub(super) struct Clients {
    /// The user's own, which stays the only one, or one for requests of the user's own.
    first: Http,
    /// Makes another by the same options.
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
        Self { first: given, make: None }
    }

    pub(super) fn made_by(make: Make) -> reqwest::Result<Self> {
        Ok(Self { first: Http::made_by(&make, Traffic::Reads)?, make: Some(make) })
    }

    pub(super) fn client(&self) -> Client {
        self.first.client.clone()
    }

    pub(super) fn is_given(&self) -> bool {
        self.make.is_none()
    }

    /// One that has no connection yet.
    pub(super) fn another(&self, traffic: Traffic) -> Option<Http> {
        Http::made_by(self.make.as_ref()?, traffic).ok()
    }

    /// The same, or the first: what could be made once can be made again.
    pub(super) fn another_or_first(&self, traffic: Traffic) -> Http {
        self.another(traffic).unwrap_or_else(|| self.first.clone())
    }
}
