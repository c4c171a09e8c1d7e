//! A request that is ready to be sent, and when it has to be over.

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use reqwest::Request;
use tokio::time::Instant;
use url::Url;

use super::observing::Endpoint;
use crate::error::RequestLine;
use crate::middleware::{CallRecord, OneLogin, RequestClass};
use crate::oauth::Scope;
use crate::transport::{Interest, repeated};

/// A request that is ready to be sent. It is kept as a template for the pages that follow.
pub(crate) struct PreparedRequest {
    pub(crate) request: Request,
    pub(crate) scopes: &'static [Scope],
    pub(crate) endpoint: Endpoint,
    pub(crate) class: RequestClass,
    pub(crate) deadline: Option<Deadline>,
    /// That of the calls that it belongs to, where it is one of several.
    pub(crate) login: Option<OneLogin>,
    pub(crate) interest: Interest,
}

/// When a call has to be over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deadline {
    /// So long after it began.
    After(Duration),
    /// Then, which was so long after the first of several calls began.
    At(Instant, Duration),
}

impl PreparedRequest {
    /// The same request for another URL.
    pub(crate) fn at(&self, url: Url) -> Option<Self> {
        let mut request = repeated(&self.request)?;
        *request.url_mut() = url;
        let endpoint = self.endpoint.clone();
        let login = self.login.clone();
        Some(Self { request, endpoint, login, ..*self })
    }

    pub(crate) fn line(&self) -> RequestLine {
        let method = self.request.method();
        let url = self.request.url();
        RequestLine { method: method.clone(), path: url.path().into(), may_be_done: false }
    }

    /// A record of what is sent; a read needs none for its own sake.
    pub(super) fn record(&self) -> Arc<CallRecord> {
        CallRecord::begin(self.class.safety)
    }

    /// What the layers are to know; what they know without being told costs nothing.
    pub(super) fn extensions(&self, record: Option<&Arc<CallRecord>>) -> Extensions {
        let mut extensions = Extensions::new();
        if let Some(record) = record {
            extensions.insert(Arc::clone(record));
        }
        if self.class != RequestClass::of(self.request.method()) {
            extensions.insert(self.class);
        }
        if self.interest == Interest::Status {
            extensions.insert(self.interest);
        }
        extensions
    }
}

impl Deadline {
    /// When that is for a call that begins now, and how long it is; `None` for what no clock
    /// reaches.
    pub(super) fn end(self) -> Option<(Instant, Duration)> {
        match self {
            Self::After(limit) => Some((Instant::now().checked_add(limit)?, limit)),
            Self::At(end, limit) => Some((end, limit)),
        }
    }

    /// How long a call that begins now has.
    pub(crate) fn left(self) -> Duration {
        match self {
            Self::After(limit) => limit,
            Self::At(end, _) => end.saturating_duration_since(Instant::now()),
        }
    }

    /// The same moment for calls that begin later.
    pub(crate) fn fixed(self) -> Option<Self> {
        self.end().map(|(end, limit)| Self::At(end, limit))
    }
}
