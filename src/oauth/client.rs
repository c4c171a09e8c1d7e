//! Sending token requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use tokio::sync::Semaphore;
use url::Url;
use zeroize::Zeroizing;

use super::limit;
use super::response::TokenResponse;
use super::secret::wiped_bytes;
use super::{OAuthError, Token, TokenForm, TokenRequest};
use crate::transport::{HttpOptions, Origin, OriginError, SharedHttpClient, Wire, retry_after};

/// Where tokens are requested, with which HTTP client and within what time.
///
/// Made from a [`SpotifyClientConfig`](crate::SpotifyClientConfig), or by hand for another server.
#[derive(Clone)]
pub struct OAuthConfig {
    http: Result<Wire, String>,
    token_url: Result<Url, OriginError>,
    time_limit: Duration,
    at_once: Arc<Semaphore>,
}

impl OAuthConfig {
    /// Spotify's token endpoint.
    pub const SPOTIFY_TOKEN_URL: &'static str = "https://accounts.spotify.com/api/token";

    /// How many token requests of one config are under way at once, whoever they are for: 32. The others
    /// wait, so that ten thousand logins that need a new token at once do not flood the server.
    pub const REQUESTS_AT_ONCE: usize = 32;

    /// How long a token request may take unless it is set: 30 seconds.
    pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(30);

    /// Token requests go to `token_url` by `http`. Any server that follows RFC 6749 will do.
    ///
    /// A URL that cannot be used is an error when a token is requested. Give the HTTP client a redirect
    /// policy that stays on the server: a form that is redirected takes its secrets along.
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
        Self::with_client_or_reason(Ok(Wire::given(http)), token_url)
    }

    /// Token requests go to `token_url` by an HTTP client of their own, whose redirects stay on the
    /// server.
    pub fn for_server(token_url: &str) -> Self {
        let http = SharedHttpClient::default().get(&HttpOptions::default());
        Self::with_client_or_reason(http, token_url)
    }

    /// The HTTP client, to share connections with.
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
    pub(crate) fn with_client_or_reason(http: Result<Wire, String>, token_url: &str) -> Self {
        Self {
            http,
            token_url: checked(token_url),
            time_limit: Self::DEFAULT_TIME_LIMIT,
            at_once: Arc::new(Semaphore::new(Self::REQUESTS_AT_ONCE)),
        }
    }

    /// Shares the permits for requests with other clients.
    pub(crate) fn with_turns(self, at_once: Arc<Semaphore>) -> Self {
        Self { at_once, ..self }
    }

    /// Sets how long one token request may take, from when it has a permit, connecting and reading
    /// included.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
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
            .field("token_url", &self.token_url.as_ref().map(Url::as_str))
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

/// Requests tokens. Cheap to clone; holds no token.
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
        let limit = self.config.time_limit;
        limit::queued(limit);
        // Never closed.
        let _permit = self.config.at_once.acquire().await;
        let limit = match limit::its_turn(limit) {
            Some(true) => LONGEST_REQUEST,
            // Its result is nobody's any more.
            Some(false) => return Err(OAuthError::TimedOut { limit: Duration::ZERO }),
            None => limit,
        };
        let mut received = None;
        let end = tokio::time::timeout(limit, self.exchange(&form, &mut received)).await;
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
        self.config.http_client()?;
        self.token_url().map(drop)
    }

    fn token_url(&self) -> Result<&Url, OAuthError> {
        self.config.token_url.as_ref().map_err(|reason| input("token URL", reason))
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
        // The HTTP client's own limit is for API calls; here it only has to be the later one.
        let later =
            self.config.time_limit.max(LONGEST_REQUEST).saturating_add(Duration::from_secs(1));
        let mut request = wire
            .client()
            .post(self.token_url()?.clone())
            .timeout(later)
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

/// The limit of a request whose caller limits it, and may want its response though it is late.
const LONGEST_REQUEST: Duration = Duration::from_secs(60);
