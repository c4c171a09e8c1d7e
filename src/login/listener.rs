//! The loopback port that the browser is sent back to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use url::Url;

use super::callback::{Callback, CarriesLogin};
use super::page::{self, Page};
use super::redirect::LoopbackRedirect;
use super::{Return, SignInError};
use crate::oauth::PendingLogin;

/// A port of a loopback address, and of no other.
pub(super) struct Listener {
    socket: TcpListener,
    redirect_uri: String,
}

/// A server that ends when this is dropped, and every connection with it.
pub(super) struct Server {
    callback: Arc<Callback>,
    task: JoinHandle<()>,
}

impl Listener {
    pub(super) async fn bind(redirect: &LoopbackRedirect) -> Result<Self, SignInError> {
        let address = redirect.address();
        let port_error = |source| SignInError::Port { port: address.port(), source };
        let socket = TcpListener::bind(address).await.map_err(port_error)?;
        let bound = socket.local_addr().map_err(port_error)?;
        Ok(Self { redirect_uri: redirect.with_port(bound.port()), socket })
    }

    /// The URI that leads here.
    pub(super) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Serves until the server is dropped.
    pub(super) fn serve(
        self,
        pending: PendingLogin,
        returns: mpsc::UnboundedSender<Return>,
    ) -> Result<Server, SignInError> {
        let redirect_uri = Url::parse(&self.redirect_uri)
            .map_err(|_| SignInError::Redirect { redirect_uri: self.redirect_uri })?;
        let callback = Arc::new(Callback::new(pending, redirect_uri, returns));
        let task = tokio::spawn(accept(self.socket, Arc::clone(&callback)));
        Ok(Server { callback, task })
    }
}

impl Server {
    /// Waits a little for the last page to be written, and for no other connection.
    pub(super) async fn finish(&self) {
        let _ = tokio::time::timeout(LAST_PAGE, self.callback.written()).await;
    }

    /// Ends it, so that the port is free, and returns how many requests were refused.
    pub(super) async fn end(mut self) -> usize {
        let refused = self.callback.refused();
        self.task.abort();
        // That it was aborted is what it says.
        let _ = (&mut self.task).await;
        refused
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes every connection at once: one that sends nothing, or slowly, keeps no other waiting. When
/// there are many, the oldest is closed that the login has not come by.
async fn accept(socket: TcpListener, callback: Arc<Callback>) {
    let mut tasks = JoinSet::new();
    let mut open = VecDeque::new();
    loop {
        let accepted = socket.accept().await;
        while tasks.try_join_next().is_some() {}
        open.retain(|(task, _): &(AbortHandle, _)| !task.is_finished());
        if open.len() >= MOST_CONNECTIONS || accepted.is_err() {
            close_oldest(&mut open, &callback);
        }
        match accepted {
            Ok((stream, _)) => {
                let carries = Arc::new(CarriesLogin::new(false));
                let served = connection(stream, Arc::clone(&callback), Arc::clone(&carries));
                open.push_back((tasks.spawn(served), carries));
            }
            // Most likely this process has no file descriptor left, and would be told so at once
            // again.
            Err(_) => tokio::time::sleep(NO_DESCRIPTOR).await,
        }
    }
}

fn close_oldest(open: &mut VecDeque<(AbortHandle, Arc<CarriesLogin>)>, callback: &Callback) {
    let oldest = open.iter().position(|(_, carries)| !carries.load(Ordering::Acquire));
    if let Some((task, _)) = oldest.and_then(|oldest| open.remove(oldest)) {
        task.abort();
        callback.refuse();
    }
}

async fn connection(stream: TcpStream, callback: Arc<Callback>, carries: Arc<CarriesLogin>) {
    let service = service_fn(|request| respond(request, &callback, &carries));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOWEST_HEAD)
        .max_buf_size(LONGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    match carries.load(Ordering::Acquire) {
        true => callback.set_written(),
        false if served.is_err() => callback.refuse(),
        false => {}
    }
}

async fn respond(
    request: Request<Incoming>,
    callback: &Callback,
    carries: &CarriesLogin,
) -> Result<Response<Full<Bytes>>, http::Error> {
    let Page { status, html } = callback.respond(&request, carries).await;
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "text/html; charset=utf-8")
        .header(CONTENT_SECURITY_POLICY, page::content_security_policy())
        .header(CACHE_CONTROL, "no-store")
        .header("referrer-policy", "no-referrer")
        .header("x-content-type-options", "nosniff")
        .header(CONNECTION, "close")
        .body(Full::new(html.into()))
}

/// More than a browser opens, and few enough for the limit of file descriptors of any system.
const MOST_CONNECTIONS: usize = 100;
/// Cookies are sent to all ports of a host: those of other programs on this machine come along.
const LONGEST_HEAD: usize = 64 * 1024;
const SLOWEST_HEAD: Duration = Duration::from_secs(5);
const LAST_PAGE: Duration = Duration::from_secs(2);
const NO_DESCRIPTOR: Duration = Duration::from_millis(20);
