//! Which request is the way back of the login, and what every other one is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::header::HOST;
use http::{Method, Request};
use tokio::sync::{Notify, mpsc, oneshot};
use url::Url;

use super::page::{self, Page, failure};
use super::{Return, is_final};
use crate::oauth::{AuthorizationCode, LoginError, PendingLogin};

/// Lets the way back of one login through, and nothing else.
pub(super) struct Callback {
    pending: PendingLogin,
    redirect_uri: Url,
    returns: mpsc::UnboundedSender<Return>,
    /// A browser came back with this login's `state`.
    is_taken: AtomicBool,
    refused: AtomicUsize,
    /// The page that shows how the login ended has been written, or nobody waits for it any more.
    written: Notify,
}

/// Whether a connection is the one that the login came back by.
pub(super) type CarriesLogin = AtomicBool;

impl Callback {
    pub(super) fn new(
        pending: PendingLogin,
        redirect_uri: Url,
        returns: mpsc::UnboundedSender<Return>,
    ) -> Self {
        Self {
            pending,
            redirect_uri,
            returns,
            is_taken: false.into(),
            refused: AtomicUsize::new(0),
            written: Notify::new(),
        }
    }

    pub(super) async fn respond<B>(&self, request: &Request<B>, carries: &CarriesLogin) -> Page {
        if !self.is_host(request.headers().get(HOST).and_then(|host| host.to_str().ok())) {
            return self.refusal(failure(421, "this is not the host that the login was sent to"));
        }
        if request.uri().path() != self.redirect_uri.path() {
            return self.refusal(failure(404, "there is nothing here"));
        }
        if request.method() != Method::GET {
            return self.refusal(failure(405, "this can only be opened by a browser"));
        }
        match self.pending.finish(&request.uri().to_string()) {
            Err(error) if !is_final(&error) => self.refusal(page::not_it(&error)),
            _ if self.is_taken.swap(true, Ordering::AcqRel) => self.refusal(page::opened_twice()),
            code => {
                carries.store(true, Ordering::Release);
                self.hand_over(code).await
            }
        }
    }

    /// Never a name: an attacker whose name resolves to this machine could read the page. A browser
    /// leaves a port of 80 out.
    fn is_host(&self, host: Option<&str>) -> bool {
        let authority = self.redirect_uri.authority();
        host.is_some_and(|host| {
            host == authority
                || self.redirect_uri.port().is_none() && host.strip_suffix(":80") == Some(authority)
        })
    }

    /// The page waits until it is known how the login ended. Handed over without an await, so that
    /// a browser that leaves at once takes no code along.
    async fn hand_over(&self, code: Result<AuthorizationCode, LoginError>) -> Page {
        let (reply, page) = oneshot::channel();
        let sent = self.returns.send(Return::Redirect { code, reply });
        match (sent, page.await) {
            (Ok(()), Ok(page)) => page,
            _ => failure(503, "the program has ended; start it again"),
        }
    }

    fn refusal(&self, page: Page) -> Page {
        self.refuse();
        page
    }

    /// Counts what was not the way back.
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn set_written(&self) {
        self.written.notify_one();
    }

    pub(super) async fn written(&self) {
        self.written.notified().await;
    }
}
