//! Sending token requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use tokio::sync::Semaphore;
use url::Url;
use zeroize::Zeroizing;

use super::limit::Unsent;
use super::response::TokenResponse;
use super::secret::wiped_bytes;
use super::turns::Turns;
use super::{OAuthError, Token, TokenForm, TokenRequest, UnderWay};
use crate::transport::{
    HttpOptions, NO_TLS, Origin, OriginError, SharedHttpClient, TimeLimit, Wire, announced,
    can_send, retry_after, shown_url,
};

/// Where tokens are requested, with which HTTP client and within what time.
///
/// Made from a [`SpotifyClientConfig`](crate::SpotifyClientConfig), or by hand for another server.
#[derive(Clone)]
pub struct OAuthConfig {
    http: Result<Wire, String>,
    token_url: Result<Url, OriginError>,
    can_do_tls: bool,
    timeout: Duration,
    turns: Turns,
    under_way: UnderWay,
}

impl OAuthConfig {
    /// Spotify's token endpoint.
    pub const SPOTIFY_TOKEN_URL: &'static str = "https://accounts.spotify.com/api/token";

    /// How many token requests of one config are under way at one server at once, for all users
    /// together: 32. The others wait, so that ten thousand logins that need a new token at once do
    /// not flood it. A server that hangs delays no request to another one.
    pub const REQUESTS_AT_ONCE: usize = 32;

    /// How long a token request may take unless it is set: 30 seconds.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

    /// Token requests go to `token_url` by `http`. Any server that follows RFC 6749 will do.
    ///
    /// A URL that cannot be used is an error when a token is requested. Give the HTTP client a
    /// redirect policy that stays on the server: a form that is redirected takes its secrets along.
    ///
    /// ```
    /// use spotify_web::oauth::{OAuthClient, OAuthConfig};
    ///
    /// # let my_http_client = OAuthConfig::default().http_client()?;
    /// let config = OAuthConfig::new(my_http_client, "https://id.example.test/token");
    /// let client = OAuthClient::new(config);
    /// # Ok::<(), spotify_web::oauth::OAuthError>(())
    /// ```
    pub fn new(http: reqwest::Client, token_url: &str) -> Self {
        Self::with_client_or_reason(Ok(Wire::given(http)), token_url, true)
    }

    /// Token requests go to `token_url` by an HTTP client of their own, whose redirects stay on the
    /// server.
    pub fn for_server(token_url: &str) -> Self {
        let http = SharedHttpClient::default();
        let can_do_tls = http.can_do_tls();
        Self::with_client_or_reason(http.get(&HttpOptions::default()), token_url, can_do_tls)
    }

    /// The HTTP client, for requests of your own. Token requests have connections of their own, unless it
    /// is one of yours.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Input`] when it could not be built.
    pub fn http_client(&self) -> Result<reqwest::Client, OAuthError> {
        self.wire().map(|wire| wire.client())
    }

    fn wire(&self) -> Result<Wire, OAuthError> {
        self.http.clone().map_err(|reason| input("HTTP client", &reason))
    }

    /// The same, where the HTTP client could perhaps not be built.
    pub(crate) fn with_client_or_reason(
        http: Result<Wire, String>,
        token_url: &str,
        can_do_tls: bool,
    ) -> Self {
        Self {
            http,
            can_do_tls,
            token_url: checked(token_url),
            timeout: Self::DEFAULT_TIMEOUT,
            turns: Turns::default(),
            under_way: UnderWay::default(),
        }
    }

    /// Shares the permits for requests with other clients.
    pub(crate) fn with_turns(self, turns: Turns) -> Self {
        Self { turns, ..self }
    }

    /// Sets how long one token request may take, from when it has a permit, connecting and reading
    /// included.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

/// Spotify's accounts service, with an HTTP client of its own.
impl Default for OAuthConfig {
    fn default() -> Self {
        Self::for_server(Self::SPOTIFY_TOKEN_URL)
    }
}

impl fmt::Debug for OAuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthConfig")
            .field("token_url", &self.token_url.as_ref().map(|url| shown_url(url.as_str())))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Requests tokens. Cheap to clone; holds no token.
///
/// ```
/// use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient};
/// use spotify_web::SpotifyClientConfig;
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = spotify_web::testing::FakeSpotify::start().await?;
/// let config = SpotifyClientConfig::default();
/// # let config = fake.config();
/// let oauth = OAuthClient::new(&config);
/// let token = oauth.request_token(ClientCredentialsRequest::new("id", "secret")).await?;
/// println!("good for {:?}", token.expires_in);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct OAuthClient {
    config: Arc<OAuthConfig>,
}

impl OAuthClient {
    /// A client for the accounts service of a [`SpotifyClientConfig`](crate::SpotifyClientConfig)
    /// or of an [`OAuthConfig`].
    pub fn new(config: impl Into<OAuthConfig>) -> Self {
        Self { config: Arc::new(config.into()) }
    }

    /// A client for another token URL by the same HTTP client, such as that of a token swap server.
    #[must_use]
    pub fn at(&self, token_url: &str) -> Self {
        let config =
            OAuthConfig { token_url: checked(token_url), ..OAuthConfig::clone(&self.config) };
        Self { config: Arc::new(config) }
    }

    /// What the token caches that use it have under way.
    pub(crate) fn under_way(&self) -> &UnderWay {
        &self.config.under_way
    }

    /// Requests a token once. Nothing is cached, nothing is retried.
    ///
    /// When the future is dropped, the request is dropped with it, and a refresh token that the
    /// server has rotated meanwhile is lost; the authenticators of [`auth`](crate::auth) request
    /// in a task of their own for that reason.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] says whether to retry ([`is_transient`](OAuthError::is_transient)).
    pub async fn request_token(&self, request: impl TokenRequest) -> Result<Token, OAuthError> {
        let form = request.form()?;
        if !can_send() {
            return Err(OAuthError::NoRuntime);
        }
        let limit = self.config.timeout;
        let unsent = Unsent::new(limit);
        let permits = self.permits();
        // Never closed.
        let _permit = match permits.try_acquire() {
            Ok(permit) => Ok(permit),
            Err(_) => {
                unsent.is_queued();
                permits.acquire().await
            }
        };
        let limit = match unsent.its_turn().await {
            Some(true) => LONGEST_REQUEST,
            // Its result is nobody's any more.
            Some(false) => return Err(OAuthError::TimedOut { limit: Duration::ZERO }),
            None => limit,
        };
        let mut received = None;
        let end = TimeLimit::after(limit).run(self.exchange(&form, &mut received)).await;
        let cut = end.unwrap_or(Err(OAuthError::TimedOut { limit })).err();
        match (received, cut) {
            // What has come may carry a refresh token, even where its end is missing.
            (Some(response), cut) => response.read(&form, cut),
            (None, cut) => Err(cut.unwrap_or(OAuthError::TimedOut { limit })),
        }
    }

    /// Whether requests can be sent at all, before a user is asked for anything.
    #[cfg(feature = "login")]
    pub(crate) fn check(&self) -> Result<(), OAuthError> {
        if !can_send() {
            return Err(OAuthError::NoRuntime);
        }
        self.config.http_client()?;
        self.token_url().map(drop)
    }

    /// Whether there is a URL to send them to.
    pub(crate) fn check_url(&self) -> Result<(), OAuthError> {
        self.token_url().map(drop)
    }

    fn permits(&self) -> Arc<Semaphore> {
        self.config.turns.at(self.config.token_url.as_ref().ok())
    }

    fn token_url(&self) -> Result<&Url, OAuthError> {
        match &self.config.token_url {
            Ok(url) if url.scheme() == "https" && !self.config.can_do_tls => {
                Err(input("token URL", &NO_TLS))
            }
            Ok(url) => Ok(url),
            Err(reason) => Err(input("token URL", reason)),
        }
    }

    /// Receives into `received`, so that a response that is cut off is there as far as it came.
    async fn exchange(
        &self,
        form: &TokenForm,
        received: &mut Option<TokenResponse>,
    ) -> Result<(), OAuthError> {
        let mut response = self.send(form).await?;
        let received = received.insert(TokenResponse {
            status: response.status(),
            retry_after: retry_after(&response),
            body: Zeroizing::new(Vec::with_capacity(USUAL_RESPONSE)),
            coding: announced(response.headers()),
        });
        while let Some(piece) = response.chunk().await.map_err(transport)? {
            let room = LONGEST_RESPONSE - received.body.len();
            received.body.extend_from_slice(piece.get(..room).unwrap_or(&piece));
            if piece.len() > room {
                return Err(OAuthError::NoToken {
                    reason: format!("it is longer than {LONGEST_RESPONSE} bytes"),
                });
            }
        }
        Ok(())
    }

    async fn send(&self, form: &TokenForm) -> Result<Response, OAuthError> {
        let wire = self.config.wire()?;
        let mut request = wire
            .client()
            .post(self.token_url()?.clone())
            // The HTTP client's own limit is for API calls, and knows of no process that stood
            // still.
            .timeout(NO_LIMIT)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(wiped_bytes(form.body()));
        if let Some((id, secret)) = form.encoded_basic() {
            request = request.basic_auth(id, Some(secret.as_str()));
        }
        let request = request.build().map_err(transport)?;
        wire.execute(request).await.map_err(not_sent)
    }
}

fn checked(url: &str) -> Result<Url, OriginError> {
    let url = Url::parse(url).map_err(|_| OriginError::NoUrl)?;
    Origin::of(&url).map(|_| url)
}

fn not_sent(error: reqwest_middleware::Error) -> OAuthError {
    match error {
        reqwest_middleware::Error::Reqwest(error) => transport(error),
        reqwest_middleware::Error::Middleware(error) => input("TLS", &error),
    }
}

fn transport(error: reqwest::Error) -> OAuthError {
    OAuthError::Transport { source: error.without_url() }
}

fn input(name: &'static str, reason: &impl fmt::Display) -> OAuthError {
    OAuthError::Input { name, reason: reason.to_string() }
}

const LONGEST_RESPONSE: usize = 64 * 1024;
/// Room for what is usual: growing leaves copies of it behind that nobody wipes.
const USUAL_RESPONSE: usize = 4 * 1024;

/// Later than any limit that is set here.
const NO_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// The limit of a request whose caller limits it, and may want its response though it is late.
const LONGEST_REQUEST: Duration = Duration::from_secs(60);
