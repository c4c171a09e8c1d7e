//! Every option of a client, in one place.

mod made;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest_middleware::Middleware;

use crate::api::{CallReport, Observer, Quota};
use crate::auth::{Authenticator, TokenAuthenticator};
use crate::error::Error;
use crate::middleware::{Partition, RateLimitOptions, RateLimiter, RetryOptions};
use crate::model::{Market, MarketError};
use crate::oauth::{AccessToken, OAuthConfig, Turns};
use crate::transport::{HttpOptions, ProxyChoice, SharedHttpClient};

/// How a [`SpotifyClient`](crate::SpotifyClient) talks to Spotify, and who signs its requests.
///
/// Setters never fail: what cannot be used comes out of
/// [`SpotifyClient::new`](crate::SpotifyClient::new) or of the first token request. Clones share
/// the authenticator with its token, and the HTTP client with its connections.
///
/// They do not share a rate limiter: each client that is made of a config has its own. Clone the
/// client, call [`SpotifyClient::for_user`](crate::SpotifyClient::for_user), or give both configs
/// the same limiter ([`with_rate_limiter`](Self::with_rate_limiter)) to have one.
///
/// ```
/// use spotify_web::SpotifyClientConfig;
/// use spotify_web::auth::CredentialsAuthenticator;
/// use std::time::Duration;
///
/// let config = SpotifyClientConfig::default()
///     .with_authenticator(CredentialsAuthenticator::new("CLIENT_ID", "CLIENT_SECRET"))
///     .with_market("DE")
///     .with_timeout(Duration::from_secs(10));
/// ```
#[derive(Clone)]
pub struct SpotifyClientConfig {
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) middleware: Vec<Arc<dyn Middleware>>,
    pub(crate) inner_middleware: Vec<Arc<dyn Middleware>>,
    partition: Partition,
    /// Whether the program named it.
    is_named: bool,
    base_url: String,
    token_url: String,
    market: Option<Result<Market, MarketError>>,
    pub(crate) quota: Quota,
    token_timeout: Duration,
    http_options: HttpOptions,
    http: SharedHttpClient,
    turns: Turns,
    pub(crate) retries: RetryOptions,
    pub(crate) rate_limit: RateLimit,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) observer: Option<Observer>,
}

/// Which rate limiter a client has.
#[derive(Debug, Clone)]
pub(crate) enum RateLimit {
    Own(RateLimitOptions),
    Shared(RateLimiter),
    Off,
}

impl Default for SpotifyClientConfig {
    fn default() -> Self {
        Self {
            authenticator: None,
            middleware: Vec::new(),
            inner_middleware: Vec::new(),
            partition: Partition::unique(),
            is_named: false,
            base_url: Self::SPOTIFY_BASE_URL.to_owned(),
            token_url: OAuthConfig::SPOTIFY_TOKEN_URL.to_owned(),
            market: None,
            quota: Quota::default(),
            token_timeout: OAuthConfig::DEFAULT_TIMEOUT,
            http_options: HttpOptions::default(),
            http: SharedHttpClient::default(),
            turns: Turns::default(),
            retries: RetryOptions::default(),
            rate_limit: RateLimit::Own(RateLimitOptions::default()),
            max_wait: None,
            deadline: None,
            observer: None,
        }
    }
}

impl SpotifyClientConfig {
    /// Where Spotify's Web API is.
    pub const SPOTIFY_BASE_URL: &'static str = "https://api.spotify.com/v1/";

    /// Signs requests with an access token that was requested elsewhere, until it expires.
    #[must_use]
    pub fn with_token(self, token: impl Into<AccessToken>) -> Self {
        self.with_authenticator(TokenAuthenticator::new(token))
    }

    /// Plugs in the authenticator that signs the requests, in place of an earlier one and of its
    /// [partition](Self::with_partition).
    #[must_use]
    pub fn with_authenticator(self, authenticator: impl Authenticator + 'static) -> Self {
        let partition = Partition::unique();
        let authenticator: Option<Arc<dyn Authenticator>> = Some(Arc::new(authenticator));
        Self { authenticator, partition, is_named: false, ..self }
    }

    /// Adds a layer that every API request passes through, outside authentication: tracing, an
    /// HTTP cache, or another layer for [`reqwest_middleware`]. The first one added is the
    /// outermost.
    ///
    /// All users of a client share the layer, and it sees no credentials: what it keeps of a user
    /// must be kept by the extension [`Partition`], as the cache in its documentation does.
    ///
    /// A layer may give a write up, repeat it, and send it by `next` with any extensions: all of
    /// that counts for [`Error::may_have_been_carried_out`] and for retries. What it sends by other
    /// means is not seen. So the error of another HTTP client proves nothing, nor does a deadline
    /// that passes while a layer has the request. But an error of `next` does, and so does a
    /// response: a layer that has sent a write by itself before returns an error of its own instead.
    #[must_use]
    pub fn with_middleware(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// Adds a layer inside authentication and the rate limiter: it sees each attempt as it is sent,
    /// with its credentials, which it must neither keep nor log, and none that got no token or no
    /// permit. It holds a permit: what it waits for, others wait for too. The first one added is
    /// the outermost.
    #[must_use]
    pub fn with_inner_middleware(mut self, middleware: impl Middleware) -> Self {
        self.inner_middleware.push(Arc::new(middleware));
        self
    }

    /// Whose requests these are, for layers that keep something; one of the authenticator's own by
    /// default, which changes with the login. To be set after the authenticator:
    /// [`Partition::named`] is the same in every process, for every login.
    #[must_use]
    pub fn with_partition(self, partition: Partition) -> Self {
        Self { partition, is_named: true, ..self }
    }

    /// Where the Web API is: another URL for a reverse proxy or a fake. HTTPS, or HTTP to loopback.
    /// [`SPOTIFY_BASE_URL`](Self::SPOTIFY_BASE_URL) by default.
    #[must_use]
    pub fn with_base_url(self, url: impl Into<String>) -> Self {
        Self { base_url: url.into(), ..self }
    }

    /// Where tokens are requested: any server that follows RFC 6749. HTTPS, or HTTP to loopback.
    /// [`OAuthConfig::SPOTIFY_TOKEN_URL`] by default.
    #[must_use]
    pub fn with_token_url(self, url: impl Into<String>) -> Self {
        Self { token_url: url.into(), ..self }
    }

    /// The market for every request that takes one and does not name its own; none by default,
    /// which means the user's or no particular one.
    #[must_use]
    pub fn with_market<M>(self, market: M) -> Self
    where
        M: TryInto<Market, Error: Into<MarketError>>,
    {
        Self { market: Some(market.try_into().map_err(Into::into)), ..self }
    }

    /// Which quota the app has: development mode, unless Spotify has granted it more. Pages may be
    /// larger with extended quota; see [`Quota`].
    #[must_use]
    pub fn with_quota(self, quota: Quota) -> Self {
        Self { quota, ..self }
    }

    /// How long one API request may take, connecting and reading included; 30 s by default. Has no
    /// effect on an HTTP client of your own.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        self.with_http_options(|options| options.timeout = timeout)
    }

    /// How long connecting may take; 10 s by default. Has no effect on an HTTP client of your own.
    #[must_use]
    pub fn with_connect_timeout(self, timeout: Duration) -> Self {
        self.with_http_options(|options| options.connect_timeout = timeout)
    }

    /// How long a connection may be idle and still be used, a day at most; 30 s by default, which is
    /// shorter than servers and the routers before them wait. Has no effect on an HTTP client of
    /// your own.
    #[must_use]
    pub fn with_idle_timeout(self, timeout: Duration) -> Self {
        self.with_http_options(|options| options.idle_timeout = timeout)
    }

    /// Sends everything through a proxy, whatever the environment says:
    /// `http://proxy.example.test:3128`, `https:`, or, with feature `socks`, `socks4:`, `socks4a:`,
    /// `socks5:` and `socks5h:`. A user name and password may be in the URL. Has no effect on an
    /// HTTP client of your own.
    ///
    /// Without it, the proxies of the environment are used: `HTTPS_PROXY`, `HTTP_PROXY`,
    /// `ALL_PROXY` and `NO_PROXY`. Requests to loopback go through no proxy. A URL that cannot be
    /// used comes out as [`Error::Config`].
    ///
    /// ```
    /// use spotify_web::{SpotifyClient, SpotifyClientConfig};
    ///
    /// let config = SpotifyClientConfig::default().with_proxy("ftp://proxy.example.test");
    /// assert!(SpotifyClient::new(config).is_err());
    /// ```
    #[must_use]
    pub fn with_proxy(self, url: impl Into<String>) -> Self {
        self.with_http_options(|options| options.proxy = ProxyChoice::Url(url.into()))
    }

    /// Goes through no proxy, whatever the environment says.
    #[must_use]
    pub fn without_proxy(self) -> Self {
        self.with_http_options(|options| options.proxy = ProxyChoice::None)
    }

    /// How failed requests are retried: three times, with pauses, by default. A write is retried
    /// only where that cannot do something twice. A 429 is retried as often as
    /// [`with_max_wait`](Self::with_max_wait) allows, unless retries are turned off.
    ///
    /// [`with_max_wait`](Self::with_max_wait) holds for them too, whichever is set first.
    #[must_use]
    pub fn with_retries(self, options: RetryOptions) -> Self {
        Self { retries: options, ..self }
    }

    /// Retries no request, except those that set [retries](crate::api::Request::retries) of their
    /// own. A request that was rejected with 401 is still replayed with another token.
    #[must_use]
    pub fn without_retries(self) -> Self {
        self.with_retries(RetryOptions::default().with_retries(0))
    }

    /// How long a call may wait for the rate limiter's permits and for `Retry-After`, all its
    /// attempts together: a minute by default. A call that is known to need longer fails at once,
    /// with [`Error::RateLimited`]. Takes precedence over the options of retries and of the rate
    /// limiter.
    #[must_use]
    pub fn with_max_wait(self, max_wait: Duration) -> Self {
        Self { max_wait: Some(max_wait), ..self }
    }

    /// The options of the client's own rate limiter.
    #[must_use]
    pub fn with_rate_limit(self, options: RateLimitOptions) -> Self {
        Self { rate_limit: RateLimit::Own(options), ..self }
    }

    /// Uses a rate limiter that other clients use as well, so that all clients of an app share its
    /// limits. What is done to the handle that was made by hand, as to close it, is done to all of
    /// them.
    ///
    /// A client whose authenticator knows no client id, as that of a bare token, belongs to the app
    /// that [`for_app`](RateLimiter::for_app) was called with, or to one without a name:
    /// `limiter.for_app(Some("CLIENT_ID"))` has it share that app's limits.
    #[must_use]
    pub fn with_rate_limiter(self, limiter: RateLimiter) -> Self {
        Self { rate_limit: RateLimit::Shared(limiter), ..self }
    }

    /// Holds no request back. For programs with a rate limiter of their own.
    #[must_use]
    pub fn without_rate_limiter(self) -> Self {
        Self { rate_limit: RateLimit::Off, ..self }
    }

    /// Sets the observer: a callback that gets a [`CallReport`] for each call, for metrics. It is
    /// called in the caller's task after the response was read, so that a slow one delays its call.
    ///
    /// ```
    /// use spotify_web::SpotifyClientConfig;
    ///
    /// let config = SpotifyClientConfig::default().with_observer(|call| {
    ///     println!("{} {} {:?} {:?}", call.method, call.endpoint, call.status, call.elapsed);
    /// });
    /// ```
    #[must_use]
    pub fn with_observer(self, observer: impl Fn(&CallReport) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Observer::new(observer)), ..self }
    }

    /// How long a whole call may take, with its waits and retries; no limit by default. One that is
    /// known to wait for longer fails at once, as [`Error::RateLimited`] and not as
    /// [`Error::DeadlineExceeded`]. See also [`Request::deadline`](crate::api::Request::deadline).
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// How long one token request may take, connecting and reading included; 30 s by default. It
    /// holds with an HTTP client of your own, too.
    #[must_use]
    pub fn with_token_timeout(self, timeout: Duration) -> Self {
        Self { token_timeout: timeout, ..self }
    }

    /// The `User-Agent` of the program, such as `release-watcher/1.2`. Has no effect on an HTTP
    /// client of your own.
    #[must_use]
    pub fn with_user_agent(self, user_agent: impl Into<String>) -> Self {
        self.with_http_options(|options| options.user_agent = user_agent.into())
    }

    /// Sends everything, token requests included, with an HTTP client of your own: for a proxy, for
    /// other TLS settings, to share connections.
    ///
    /// Give it a redirect policy that stays on the server, as the built-in one does: `reqwest`
    /// strips `Authorization` from redirects elsewhere, but not the form of a token request. Have
    /// it follow none for writes: `reqwest` makes a `GET` of a `POST` that gets a 301, 302 or 303,
    /// and the call then succeeds though nothing was written. Nor does `reqwest` tell an error of
    /// that `GET` from one of the `POST`: where nothing is at its URL, the write is retried, and its
    /// error says that it was not carried out, whatever the first server did. A write that gets a 307
    /// or 308 is sent to where it has moved on its server, whatever the policy.
    #[must_use]
    pub fn with_http_client(self, client: reqwest::Client) -> Self {
        Self { http: SharedHttpClient::Given(client), ..self }
    }

    fn with_http_options(mut self, set: impl FnOnce(&mut HttpOptions)) -> Self {
        set(&mut self.http_options);
        Self { http: self.http.with_other_options(), ..self }
    }

    /// An HTTP client with the options of this config, the same for all its clones, for requests of your
    /// own. The calls of a [`SpotifyClient`](crate::SpotifyClient) have connections of their own, unless
    /// it is one of yours.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when it cannot be built, as with a user agent that is not a valid header
    /// value.
    pub fn http_client(&self) -> Result<reqwest::Client, Error> {
        self.wire().map(|wire| wire.client())
    }
}

impl fmt::Debug for SpotifyClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpotifyClientConfig")
            .field("authenticator", &self.authenticator)
            .field("middleware", &self.middleware.len())
            .field("market", &self.market)
            .field("quota", &self.quota)
            .field("token_timeout", &self.token_timeout)
            .field("retries", &self.retries)
            .field("rate_limit", &self.rate_limit)
            .field("max_wait", &self.max_wait)
            .field("deadline", &self.deadline)
            .field("http_options", &self.http_options)
            .finish_non_exhaustive()
    }
}
