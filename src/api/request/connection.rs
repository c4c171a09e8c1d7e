//! Sending a prepared request: with its layers, within its deadline, told to the observer.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use percent_encoding::utf8_percent_encode;
use reqwest::header::LOCATION;
use reqwest::{Method, Request, StatusCode};
use reqwest_middleware::ClientWithMiddleware;
use tokio::time::Instant;
use tracing::{Instrument, Span, field};
use url::Url;

use super::known_lists::{KnownList, known_list};
use super::observing::{CallOutcome, CallReport, Endpoint, Observer};
use super::path::check_path;
use super::quota::Quota;
use super::response::{RawResponse, no_response};
use crate::error::{Error, RequestLine};
use crate::middleware::{Attempts, CallTrace, LastFailure, RequestClass, RetryMiddleware};
use crate::model::{Market, RESERVED};
use crate::oauth::Scope;
use crate::transport::{Origin, can_send, repeated};

/// The way to one API: its URL and the stack of layers that requests pass through.
///
/// Cheap to clone; every request holds one.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Inner>);

struct Inner {
    http: ClientWithMiddleware,
    base: Arc<Url>,
    origin: Origin,
    defaults: Defaults,
}

/// What holds for all requests that say nothing else.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) market: Option<Market>,
    pub(crate) quota: Quota,
    pub(crate) deadline: Option<Duration>,
    pub(crate) observer: Option<Observer>,
    /// Whose pauses pages take as well.
    pub(crate) retries: Arc<RetryMiddleware>,
    /// Whether something is there that can sign: an authenticator, or a layer of the user's own.
    pub(crate) may_sign: bool,
    pub(crate) has_limiter: bool,
}

/// A request that is ready to be sent. It is kept as a template for the pages that follow.
pub(crate) struct PreparedRequest {
    pub(crate) request: Request,
    pub(crate) scopes: &'static [Scope],
    pub(crate) endpoint: Endpoint,
    pub(crate) class: RequestClass,
    pub(crate) deadline: Option<Deadline>,
}

/// When a call has to be over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deadline {
    /// So long after it began.
    After(Duration),
    /// Then, which was so long after the first of several calls began.
    At(Instant, Duration),
}

/// What will come of a request. It is boxed here, and not where its type is known, since the large
/// part of it is the same for all types.
pub(crate) type Responding = Pin<Box<dyn Future<Output = Result<RawResponse, Error>> + Send>>;

impl Connection {
    pub(crate) fn new(
        http: ClientWithMiddleware,
        base: Arc<Url>,
        origin: Origin,
        defaults: Defaults,
    ) -> Self {
        Self(Arc::new(Inner { http, base, origin, defaults }))
    }

    pub(crate) fn market(&self) -> Option<Market> {
        self.0.defaults.market
    }

    pub(super) fn quota(&self) -> Quota {
        self.0.defaults.quota
    }

    /// The pause after this number of failures in a row, from 1.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        self.0.defaults.retries.pause(failures)
    }

    /// How long a call may wait for `Retry-After`.
    pub(super) fn max_wait(&self) -> Duration {
        self.0.defaults.retries.max_wait()
    }

    /// Whether one of the layers holds requests back until the server takes them again.
    pub(super) fn has_limiter(&self) -> bool {
        self.0.defaults.has_limiter
    }

    pub(crate) fn default_deadline(&self) -> Option<Duration> {
        self.0.defaults.deadline
    }

    /// The URL of an endpoint; each segment is percent-encoded.
    pub(crate) fn endpoint(&self, segments: &[Cow<'static, str>]) -> Url {
        let mut url = Url::clone(&self.0.base);
        let mut path = url.path().trim_end_matches('/').to_owned();
        // Not with `path_segments_mut`: it drops tabs and line breaks, so that a name with one in it
        // could become `..` or somebody else's.
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, RESERVED));
        }
        url.set_path(&path);
        url
    }

    /// A URL below the base URL, or an absolute one of its origin.
    pub(crate) fn resolve(&self, path: &str) -> Result<Url, Error> {
        check_path(path)?;
        match Url::parse(path) {
            Ok(absolute) => self.own(absolute),
            Err(_) => self.below(path),
        }
    }

    fn below(&self, path: &str) -> Result<Url, Error> {
        let path = path.trim_start_matches(['/', '\\']);
        self.own(self.0.base.join(path).map_err(|error| not_a_path(&error))?)
    }

    /// The URL that a link of a page holds, of this name.
    ///
    /// One of Spotify's own is rebased on the base URL: a reverse proxy or a mock passes on what
    /// Spotify wrote. A relative one is meant from the URL of `page`, and where that is not known
    /// from the base URL.
    pub(super) fn resolve_link(
        &self,
        name: &'static str,
        link: &str,
        page: Option<&Url>,
    ) -> Result<Url, Error> {
        let from = match link.trim_start().starts_with(['?', '#']) {
            true => page.ok_or_else(|| Error::malformed_link(name, "is relative to no URL"))?,
            false => page.unwrap_or(&self.0.base),
        };
        let url = from
            .join(link)
            .map_err(|error| Error::malformed_link(name, format_args!("is not a URL: {error}")))?;
        match self.rebased(&url) {
            Some(rebased) => Ok(rebased),
            None => self.own(url),
        }
    }

    /// What is known of the list whose pages are at `url`.
    pub(super) fn known_list(&self, url: &Url) -> Option<KnownList> {
        known_list(url, url.path().strip_prefix(self.0.base.path())?)
    }

    fn rebased(&self, url: &Url) -> Option<Url> {
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.origin().ascii_serialization() != SPOTIFY_ORIGIN {
            return None;
        }
        let path = url.path().strip_prefix(SPOTIFY_PATH)?;
        let mut rebased = Url::clone(&self.0.base);
        rebased.set_path(&format!("{}{path}", self.0.base.path()));
        rebased.set_query(url.query());
        Some(rebased)
    }

    /// Lets pass what is of the API's own origin.
    fn own(&self, url: Url) -> Result<Url, Error> {
        if self.0.origin.covers(&url) && url.username().is_empty() && url.password().is_none() {
            return Ok(url);
        }
        let url = url.origin().ascii_serialization();
        Err(Error::ForeignOrigin { url, origin: self.0.origin.clone() })
    }

    /// Sends, and reads the response to its end; one that is not successful is an error.
    pub(crate) fn send(self, prepared: PreparedRequest) -> Responding {
        let span = tracing::debug_span!(
            "spotify call",
            method = %prepared.request.method(),
            endpoint = field::Empty,
            status = field::Empty,
            attempts = field::Empty,
            waited_ms = field::Empty,
        );
        // What most calls do without takes neither time nor room in them.
        let is_observed = !span.is_disabled() || self.0.defaults.observer.is_some();
        if is_observed || prepared.deadline.is_some() {
            return Box::pin(self.send_observed(prepared, span));
        }
        let line = prepared.line();
        let mut extensions = prepared.extensions();
        let PreparedRequest { request, scopes, .. } = prepared;
        Box::pin(async move {
            self.check(&line)?;
            let mut response = self.exchange(line.clone(), request, &mut extensions).await?;
            read(&line, &mut response, scopes, &extensions).await
        })
    }

    /// The response to a request that is wrong and never sent: its error, when it is polled.
    pub(super) fn refuse(self, method: Method, endpoint: Endpoint, error: Error) -> Responding {
        Box::pin(async move {
            if let Some(observer) = &self.0.defaults.observer {
                observer.tell(&CallReport::unsent(method, &endpoint));
            }
            Err(error)
        })
    }

    /// What has to be there before anything is sent: a runtime, and something that signs.
    fn check(&self, line: &RequestLine) -> Result<(), Error> {
        if !can_send() {
            return Err(Error::NoRuntime { request: line.clone() });
        }
        match self.0.defaults.may_sign {
            true => Ok(()),
            false => Err(Error::NoAuthenticator { request: line.clone() }),
        }
    }

    /// Within the deadline, in a span, and told to the observer.
    async fn send_observed(
        self,
        mut prepared: PreparedRequest,
        span: Span,
    ) -> Result<RawResponse, Error> {
        let end = prepared.deadline.and_then(Deadline::end);
        prepared.class.deadline = end.map(|(end, _)| end);
        let mut call = Call::begin(&self, &prepared, span);
        if let Err(error) = self.check(&call.line) {
            let refused = Err(error);
            call.end(&refused);
            return refused;
        }
        let result = match end {
            Some((end, _)) if end <= Instant::now() => None,
            Some((end, _)) => tokio::time::timeout_at(end, call.make(&self, prepared)).await.ok(),
            None => Some(call.make(&self, prepared).await),
        };
        let result = match result {
            Some(result) => result,
            None => call.out_of_time(end.map(|(_, limit)| limit).unwrap_or_default()).await,
        };
        call.end(&result);
        result
    }

    /// Sends, and follows where a read is redirected on the same origin. A write is never sent
    /// again as a read, which is what 301, 302 and 303 would make of it.
    async fn exchange(
        &self,
        line: RequestLine,
        request: Request,
        extensions: &mut Extensions,
    ) -> Result<reqwest::Response, Error> {
        let timeout = request.timeout().copied();
        let sent = self.0.http.execute_with_extensions(request, extensions).await;
        let response = sent.map_err(|error| no_response(noted(&line, extensions), error))?;
        if line.is_write() || !is_redirect(response.status()) {
            return Ok(response);
        }
        Box::pin(self.follow(line, response, timeout, extensions)).await
    }

    async fn follow(
        &self,
        line: RequestLine,
        mut response: reqwest::Response,
        timeout: Option<Duration>,
        extensions: &mut Extensions,
    ) -> Result<reqwest::Response, Error> {
        for _ in 0..MOST_REDIRECTS {
            let Some(url) = self.location(&response).filter(|_| is_redirect(response.status()))
            else {
                break;
            };
            let mut request = Request::new(line.method.clone(), url);
            *request.timeout_mut() = timeout;
            let sent = self.0.http.execute_with_extensions(request, extensions).await;
            response = sent.map_err(|error| no_response(noted(&line, extensions), error))?;
        }
        Ok(response)
    }

    /// Where a response redirects to, on the API's own origin.
    fn location(&self, response: &reqwest::Response) -> Option<Url> {
        let location = response.headers().get(LOCATION)?.to_str().ok()?;
        self.own(response.url().join(location).ok()?).ok()
    }
}

impl PreparedRequest {
    /// The same request for another URL.
    pub(crate) fn at(&self, url: Url) -> Option<Self> {
        let mut request = repeated(&self.request)?;
        *request.url_mut() = url;
        let scopes = self.scopes;
        let endpoint = self.endpoint.clone();
        Some(Self { request, scopes, endpoint, class: self.class, deadline: self.deadline })
    }

    pub(crate) fn line(&self) -> RequestLine {
        let method = self.request.method();
        let url = self.request.url();
        RequestLine { method: method.clone(), path: url.path().into(), may_be_done: false }
    }

    /// What the layers are to know; what they know without being told costs nothing.
    fn extensions(&self) -> Extensions {
        let mut extensions = Extensions::new();
        if self.class != RequestClass::of(self.request.method()) {
            extensions.insert(self.class);
        }
        extensions
    }
}

impl Deadline {
    /// When that is for a call that begins now, and how long it is; `None` for what no clock
    /// reaches.
    fn end(self) -> Option<(Instant, Duration)> {
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

/// A call while it is made. Dropped before its end, it was abandoned, which is told as well.
struct Call {
    observer: Option<Observer>,
    line: RequestLine,
    scopes: &'static [Scope],
    endpoint: String,
    span: Span,
    began: Instant,
    status: Option<StatusCode>,
    reason: Option<String>,
    outcome: CallOutcome,
    extensions: Extensions,
}

impl Call {
    fn begin(connection: &Connection, prepared: &PreparedRequest, span: Span) -> Self {
        let mut extensions = prepared.extensions();
        extensions.insert(CallTrace::default());
        if prepared.deadline.is_some() {
            extensions.insert(LastFailure::default());
        }
        let endpoint = prepared.endpoint.to_string();
        span.record("endpoint", &endpoint);
        Self {
            observer: connection.0.defaults.observer.clone(),
            line: prepared.line(),
            scopes: prepared.scopes,
            endpoint,
            span,
            began: Instant::now(),
            status: None,
            reason: None,
            outcome: CallOutcome::Abandoned,
            extensions,
        }
    }

    async fn make(
        &mut self,
        connection: &Connection,
        prepared: PreparedRequest,
    ) -> Result<RawResponse, Error> {
        let line = self.line.clone();
        let span = self.span.clone();
        let PreparedRequest { request, scopes, .. } = prepared;
        let exchange = async {
            let sent = connection.exchange(line.clone(), request, &mut self.extensions);
            let mut response = sent.await?;
            self.status = Some(response.status());
            read(&line, &mut response, scopes, &self.extensions).await
        };
        exchange.instrument(span).await
    }

    /// What a call whose deadline has passed comes to: an error with how its last attempt failed;
    /// but a write whose status has come is done, and only its body is missing.
    async fn out_of_time(&self, limit: Duration) -> Result<RawResponse, Error> {
        let request = noted(&self.line, &self.extensions);
        let last = match self.extensions.get::<LastFailure>().and_then(LastFailure::take) {
            // Its body was read by the layer that kept it.
            Some(Ok(mut response)) => {
                read(&request, &mut response, self.scopes, &self.extensions).await.err()
            }
            Some(Err(error)) => Some(no_response(request.clone(), error)),
            None => None,
        };
        let line = request.clone();
        let error = Error::DeadlineExceeded { request, limit, last: last.map(Box::new) };
        let status = self.extensions.get::<Attempts>().and_then(|attempts| attempts.status);
        match status.filter(|status| line.is_write() && status.is_success()) {
            Some(status) => Ok(RawResponse::without_body(line, status, error)),
            None => Err(error),
        }
    }

    fn end(&mut self, result: &Result<RawResponse, Error>) {
        self.outcome = match result {
            Ok(response) => {
                self.status = Some(response.status);
                CallOutcome::Succeeded
            }
            Err(error) => {
                self.status = self.status.or_else(|| error.status());
                self.reason = error.reason().map(str::to_owned);
                CallOutcome::Failed
            }
        };
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let trace = self.extensions.get::<CallTrace>().copied().unwrap_or_default();
        let CallTrace { attempts, waited, .. } = trace;
        // Of a call that was given up, the last attempt may have had a response.
        let last = self.extensions.get::<Attempts>().and_then(|attempts| attempts.status);
        let is_abandoned = self.outcome == CallOutcome::Abandoned;
        self.status = self.status.or_else(|| last.filter(|_| is_abandoned));
        self.span.record("attempts", attempts);
        self.span.record("waited_ms", u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
        if let Some(status) = self.status {
            self.span.record("status", status.as_u16());
        }
        let Some(observer) = &self.observer else { return };
        observer.tell(&CallReport {
            method: self.line.method.clone(),
            endpoint: std::mem::take(&mut self.endpoint),
            outcome: self.outcome,
            status: self.status,
            reason: self.reason.take(),
            attempts,
            waited,
            elapsed: self.began.elapsed(),
        });
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

/// A request, with what is known of its attempts.
fn noted(line: &RequestLine, extensions: &Extensions) -> RequestLine {
    let attempts = extensions.get::<Attempts>();
    let may_be_done = attempts.is_some_and(|attempts| attempts.may_be_done);
    RequestLine { may_be_done, ..line.clone() }
}

/// Reads a response, with what is known of the attempts before it.
async fn read(
    line: &RequestLine,
    response: &mut reqwest::Response,
    scopes: &'static [Scope],
    extensions: &Extensions,
) -> Result<RawResponse, Error> {
    let credentials = Attempts::last_credentials(extensions);
    RawResponse::read(noted(line, extensions), response, scopes, credentials).await
}

fn not_a_path(error: &url::ParseError) -> Error {
    Error::Parameter { name: "path", reason: format!("is not a valid path: {error}") }
}

/// 307 and 308 are followed by the HTTP client, since they keep the method.
fn is_redirect(status: StatusCode) -> bool {
    matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER)
}

/// Where Spotify's own links lead, whatever the base URL is.
const SPOTIFY_ORIGIN: &str = "https://api.spotify.com";
const SPOTIFY_PATH: &str = "/v1/";

/// As the HTTP client follows.
const MOST_REDIRECTS: usize = 5;
