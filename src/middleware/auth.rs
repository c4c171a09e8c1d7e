//! Authentication: inside the retries, so that each attempt carries a fresh token.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use reqwest::header::HeaderValue;
use reqwest::{Request, Response, StatusCode, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::record::hold_to_login;
use super::trace::{Attempts, credentials_of};
use super::{CallRecord, rejection};
use crate::auth::{AuthError, Authenticator, Rejection, Replay, Unfinished};
use crate::transport::{Origin, Traffic, Wire, can_wait, repeated};

/// Has an [`Authenticator`] sign every request to one origin.
///
/// Requests to any other origin pass through without credentials. A request that is rejected with
/// 401 is sent again, if the authenticator has a different token for it; that is safe for writes
/// too, since the server rejected it before it acted. Of a
/// [`SpotifyClient`](crate::SpotifyClient), a write of which a layer below gave up an attempt that
/// may have been carried out is not. A body that is a stream cannot be sent again:
/// then the 401 is the response. When the other token is rejected as well, the request is at fault,
/// and its 401 is the response, whole.
///
/// An [`AuthError`] comes out as [`reqwest_middleware::Error::Middleware`].
///
/// ```
/// use reqwest_middleware::ClientBuilder;
/// use spotify_web::SpotifyClientConfig;
/// use spotify_web::auth::TokenAuthenticator;
/// use spotify_web::middleware::AuthMiddleware;
///
/// let http = SpotifyClientConfig::default().http_client()?; // or a client of your own
/// let origin = "https://api.example.test".parse()?;
/// let client = ClientBuilder::new(http)
///     .with(AuthMiddleware::new(TokenAuthenticator::new("TOKEN"), origin))
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct AuthMiddleware {
    authenticator: Arc<dyn Authenticator>,
    origin: Origin,
    /// Whether the calls in which it signs are those of its client.
    client: Option<OfClient>,
}

#[derive(Debug, Clone)]
struct OfClient {
    wire: Arc<Wire>,
    base: Arc<Url>,
}

impl AuthMiddleware {
    /// Signs what goes to `origin`. An authenticator of this crate that requests tokens must be
    /// [connected](Authenticator::connect) first, so that it knows where to; until then it gives
    /// [`AuthError::NotConnected`].
    pub fn new(authenticator: impl Authenticator + 'static, origin: Origin) -> Self {
        Self { authenticator: Arc::new(authenticator), origin, client: None }
    }

    /// That of a client: it signs each call for one login, and connects while it waits for a token.
    pub(crate) fn of_client(
        authenticator: Arc<dyn Authenticator>,
        origin: Origin,
        wire: Arc<Wire>,
        base: Arc<Url>,
    ) -> Self {
        Self { authenticator, origin, client: Some(OfClient { wire, base }) }
    }

    async fn sign(&self, request: &mut Request) -> Result<Option<HeaderValue>> {
        let mut login = self.login();
        // Where another login begins meanwhile, the token may be of either.
        for _ in 0..MOST_SIGNATURES {
            self.apply(request).await.map_err(Error::middleware)?;
            let before = std::mem::replace(&mut login, self.login());
            if login == before {
                login.map_or(Ok(()), hold_to_login).map_err(Error::middleware)?;
                return Ok(credentials_of(request));
            }
        }
        Err(Error::middleware(AuthError::OtherLogin))
    }

    /// Has the authenticator sign, and connects meanwhile where that takes its time.
    async fn apply(&self, request: &mut Request) -> std::result::Result<(), AuthError> {
        let traffic = Traffic::of(request.method());
        let mut client = self.client.as_ref();
        let mut applied = self.authenticator.apply(request);
        let with_connection = std::future::poll_fn(|context| {
            let polled = applied.as_mut().poll(context);
            if polled.is_pending()
                && let Some(OfClient { wire, base }) = client.take()
            {
                wire.connect_early(base, traffic);
            }
            polled
        });
        with_connection.await
    }

    /// Which login it signs for, where its calls are held to one.
    fn login(&self) -> Option<u64> {
        self.client.as_ref().map(|_| self.authenticator.login_number())
    }

    /// Whether the origin rejected the credentials; a server that it redirected to has no say.
    fn is_rejection(&self, response: &Response) -> bool {
        response.status() == StatusCode::UNAUTHORIZED && self.origin.covers(response.url())
    }

    /// Tells the authenticator that its credentials are good, where the response proves it.
    fn note(&self, credentials: &HeaderValue, response: &Response) {
        if proves_acceptance(response.status()) && self.origin.covers(response.url()) {
            guarded("noted what was accepted", || self.authenticator.accepted(credentials));
        }
    }

    /// What to wait for where the runtime may not run it afterwards.
    fn unfinished(&self) -> Option<Unfinished<'_>> {
        let flavor = Handle::try_current().ok()?.runtime_flavor();
        let is_alone = flavor == RuntimeFlavor::CurrentThread && can_wait();
        let begin = || self.authenticator.unfinished();
        is_alone.then(|| guarded("said what is unfinished", begin).flatten()).flatten()
    }

    /// What it panics at is no rejection of another kind: the 401 stands.
    async fn rejected(&self, rejection: &Rejection) -> Result<Replay> {
        let what = "was told of a rejection";
        let Some(rejected) = guarded(what, || self.authenticator.rejected(rejection)) else {
            return Ok(Replay::No);
        };
        let replay = guarded_to_end(what, rejected).await;
        replay.unwrap_or(Ok(Replay::No)).map_err(Error::middleware::<AuthError>)
    }

    /// Sends again with other credentials, where there are any; else the rejection is the response.
    async fn replay(
        &self,
        response: Response,
        rejected: HeaderValue,
        again: Option<Request>,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let (response, reason) = rejection::read(response).await;
        let rejection = Rejection::new(rejected, reason);
        let replay = self.rejected(&rejection).await?;
        // An attempt before the one that was rejected may have been carried out.
        let may_repeat = CallRecord::carried(extensions).is_none_or(|record| record.may_repeat());
        let again = again.filter(|_| may_repeat);
        let (Replay::Yes, Some(mut again)) = (replay, again) else { return Ok(response) };
        let other = self.sign(&mut again).await?;
        let Some(other) = other.filter(|other| *other != rejection.credentials) else {
            return Ok(response);
        };
        let result = next.run(again, extensions).await;
        let other = left_with(Some(other), extensions);
        let response = result?;
        if let Some(other) = &other {
            self.note(other, &response);
        }
        Ok(response)
    }
}

/// An authenticator is user code: that it panics costs no response that came.
fn guarded<T>(what: &str, call: impl FnOnce() -> T) -> Option<T> {
    let called = catch_unwind(AssertUnwindSafe(call));
    called.inspect_err(|_| tracing::error!("the authenticator panicked as it {what}")).ok()
}

/// The same for each of its polls.
async fn guarded_to_end<T>(
    what: &str,
    mut call: Pin<Box<dyn Future<Output = T> + Send + '_>>,
) -> Option<T> {
    std::future::poll_fn(|context| match guarded(what, || call.as_mut().poll(context)) {
        Some(polled) => polled.map(Some),
        None => Poll::Ready(None),
    })
    .await
}

/// Nor does it keep a response for good.
async fn wait_for(unfinished: Unfinished<'_>) {
    let ended = guarded_to_end("ended what was unfinished", unfinished);
    let _ = tokio::time::timeout(UNFINISHED_LIMIT, ended).await;
}

/// What a request left with: the rate limiter has it signed anew after it waited for a permit.
fn left_with(signed: Option<HeaderValue>, extensions: &Extensions) -> Option<HeaderValue> {
    Attempts::last_credentials(extensions).or(signed)
}

/// A 429 or a 5xx may come from what stands in front of the server that looks at tokens.
fn proves_acceptance(status: StatusCode) -> bool {
    match status {
        StatusCode::UNAUTHORIZED
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::MISDIRECTED_REQUEST
        | StatusCode::TOO_MANY_REQUESTS => false,
        status => status.as_u16() < 500,
    }
}

#[async_trait]
impl Middleware for AuthMiddleware {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        // In blocks, since what was looked at takes room in the future to the end of its scope.
        let (sending, signed, again) = {
            let mut request = request;
            if !self.origin.covers(request.url()) {
                return next.run(request, extensions).await;
            }
            let again = repeated(&request);
            let signed = self.sign(&mut request).await?;
            (next.clone().run(request, extensions), signed, again)
        };
        let replay = {
            let result = sending.await;
            let signed = left_with(signed, extensions);
            let response = result?;
            match signed {
                // What most requests do without takes no room in them.
                Some(rejected) if self.is_rejection(&response) => {
                    Box::pin(self.replay(response, rejected, again, extensions, next))
                }
                Some(accepted) => {
                    self.note(&accepted, &response);
                    if let Some(unfinished) = self.unfinished() {
                        wait_for(unfinished).await;
                    }
                    return Ok(response);
                }
                None => return Ok(response),
            }
        };
        replay.await
    }
}

/// The second is after a login that began during the first.
const MOST_SIGNATURES: usize = 2;

/// Longer than what has just begun takes, in the authenticators of this crate.
const UNFINISHED_LIMIT: Duration = Duration::from_secs(2);
