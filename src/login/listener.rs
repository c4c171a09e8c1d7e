//! The loopback port that the browser is sent back to.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use url::{Host, Url};

use super::answers::{Answer, Page, failure};
use super::{SignInError, is_final};
use crate::html;
use crate::oauth::{AuthorizationCode, LoginError, PendingLogin};

/// A port of a loopback address, and of no other.
pub(super) struct Listener {
    socket: TcpListener,
    redirect_uri: Url,
}

/// A server that ends when this is dropped, and every connection with it.
pub(super) struct Server {
    gate: Arc<Gate>,
    task: AbortHandle,
    /// Closed when no connection is left.
    connections: mpsc::Receiver<()>,
}

/// Lets the way back of one login through, and nothing else.
struct Gate {
    pending: PendingLogin,
    /// Host and port, as a browser names them.
    authority: String,
    path: String,
    answers: mpsc::Sender<Answer>,
    /// Somebody came back with this login's `state`.
    is_answered: AtomicBool,
    /// And has got a page.
    is_over: AtomicBool,
    refused: AtomicUsize,
}

impl Listener {
    /// Takes the port of a redirect URI, or a free one where it names none. Answers with the URI that
    /// leads there, too.
    pub(super) async fn bind(redirect_uri: &str) -> Result<(Self, String), SignInError> {
        let elsewhere = || SignInError::Redirect { redirect_uri: redirect_uri.to_owned() };
        let mut url = Url::parse(redirect_uri).map_err(|_| elsewhere())?;
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Err(elsewhere()),
        };
        if url.scheme() != "http" || !address.is_loopback() {
            return Err(elsewhere());
        }
        let port = url.port().unwrap_or(0);
        let port_error = |source| SignInError::Port { port, source };
        let socket = TcpListener::bind(SocketAddr::new(address, port)).await.map_err(port_error)?;
        let bound = socket.local_addr().map_err(port_error)?;
        url.set_port(Some(bound.port())).map_err(|()| elsewhere())?;
        let redirect_uri = url.to_string();
        Ok((Self { socket, redirect_uri: url }, redirect_uri))
    }

    /// Serves until the server is dropped.
    pub(super) fn serve(self, pending: PendingLogin, answers: mpsc::Sender<Answer>) -> Server {
        let gate = Arc::new(Gate {
            pending,
            authority: self.redirect_uri.authority().to_owned(),
            path: self.redirect_uri.path().to_owned(),
            answers,
            is_answered: false.into(),
            is_over: false.into(),
            refused: AtomicUsize::new(0),
        });
        let (open, connections) = mpsc::channel(1);
        let task = tokio::spawn(accept(self.socket, Arc::clone(&gate), open)).abort_handle();
        Server { gate, task, connections }
    }
}

impl Server {
    /// Waits a little for the last page to be written.
    pub(super) async fn finish(&mut self) {
        let closed = async { while self.connections.recv().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_PAGE, closed).await;
    }

    /// How many requests were refused.
    pub(super) fn refused(&self) -> usize {
        self.gate.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes connections, a few at a time, until the last page has been written; then waits for the rest.
async fn accept(socket: TcpListener, gate: Arc<Gate>, open: mpsc::Sender<()>) {
    let mut connections = JoinSet::new();
    while !gate.is_over.load(Ordering::Acquire) {
        if let Some(stream) = poll_fn(|context| next(&socket, &mut connections, context)).await {
            connections.spawn(connection(stream, Arc::clone(&gate), open.clone()));
        }
    }
    drop((socket, open));
    while connections.join_next().await.is_some() {}
}

/// The next connection, or `None` when one has ended or could not be taken.
fn next(
    socket: &TcpListener,
    connections: &mut JoinSet<()>,
    context: &mut Context<'_>,
) -> Poll<Option<TcpStream>> {
    if let Poll::Ready(Some(_)) = connections.poll_join_next(context) {
        return Poll::Ready(None);
    }
    if connections.len() >= MOST_CONNECTIONS {
        return Poll::Pending;
    }
    socket.poll_accept(context).map(|accepted| accepted.ok().map(|(stream, _)| stream))
}

async fn connection(stream: TcpStream, gate: Arc<Gate>, open: mpsc::Sender<()>) {
    let service = service_fn(|request| answer(request, Arc::clone(&gate)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOWEST_HEAD)
        .max_buf_size(LONGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if served.is_err() {
        gate.refuse();
    }
    drop(open);
}

async fn answer(
    request: Request<Incoming>,
    gate: Arc<Gate>,
) -> Result<Response<Full<Bytes>>, http::Error> {
    let Page { status, html } = gate.answer(&request).await;
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "text/html; charset=utf-8")
        .header(CONTENT_SECURITY_POLICY, html::CONTENT_SECURITY_POLICY)
        .header(CACHE_CONTROL, "no-store")
        .header("referrer-policy", "no-referrer")
        .header("x-content-type-options", "nosniff")
        .header(CONNECTION, "close")
        .body(Full::new(html.into()))
}

impl Gate {
    async fn answer(&self, request: &Request<Incoming>) -> Page {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        // A name that somebody else has led to this address, so that their page may read it.
        if host != Some(self.authority.as_str()) {
            return self.refusal(421, "this is not the host that the login was sent to");
        }
        if request.uri().path() != self.path {
            return self.refusal(404, "there is nothing here");
        }
        if request.method() != Method::GET {
            return self.refusal(405, "this can only be opened by a browser");
        }
        let code = self.pending.finish(&request.uri().to_string());
        match code {
            Err(error) if !is_final(&error) => self.refusal(400, &error.to_string()),
            _ if self.is_answered.swap(true, Ordering::AcqRel) => {
                self.refusal(409, "this login has been answered already")
            }
            code => self.hand_over(code).await,
        }
    }

    /// The page waits until it is known what became of the code.
    async fn hand_over(&self, code: Result<AuthorizationCode, LoginError>) -> Page {
        let (reply, page) = oneshot::channel();
        let sent = self.answers.send(Answer::Redirect { code, reply }).await;
        let page = match (sent, page.await) {
            (Ok(()), Ok(page)) => page,
            _ => failure(503, "the program has ended; start it again"),
        };
        self.is_over.store(true, Ordering::Release);
        page
    }

    fn refusal(&self, status: u16, reason: &str) -> Page {
        self.refuse();
        failure(status, reason)
    }

    fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

const MOST_CONNECTIONS: usize = 16;
const LONGEST_HEAD: usize = 16 * 1024;
const SLOWEST_HEAD: Duration = Duration::from_secs(5);
const LAST_PAGE: Duration = Duration::from_secs(2);
