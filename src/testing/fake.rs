//! The fake from the outside: starting it, scripting it, counting what arrived.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use url::form_urlencoded;

use super::accounts::{Accounts, Holder};
use super::catalogue::Catalogue;
use super::limits::{FakeLimit, Limits};
use super::player::Player;
use super::playlist::Playlist;
use super::request::FakeRequest;
use super::response::FakeResponse;
use super::server;
use super::state::{Shared, State};
use crate::SpotifyClientConfig;
use crate::api::Quota;
use crate::auth::CredentialsAuthenticator;
use crate::oauth::AccessToken;
use crate::sync::Mutex;

/// A Spotify on loopback: accounts service and Web API, with a small catalogue.
///
/// Users command its player, and remove items of its playlist: everywhere or at places, of any
/// version that it has had, and all that a request names or nothing. Other writes are not known:
/// 404, unless a response is [put there](Self::next_api).
///
/// Its accounts service takes any client id and secret, unless
/// [one is set](FakeSpotifyBuilder::with_client), and does as Spotify does:
///
/// - A code is good for one exchange, with the redirect URI and verifier of its login.
/// - Without a secret, as with PKCE, refresh tokens rotate: each refresh returns a new one, and the
///   one that was sent is rejected from then on with `invalid_grant`.
/// - With a secret, and at [its token swap server](Self::refresh_url), a refresh returns no refresh
///   token, and the one that was sent stays good.
/// - Logins end when they are [ended](Self::end_logins), and never by themselves.
///
/// Ends when it is dropped. Time in it is tokio's, so that a test may pause it.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use spotify_web::SpotifyClient;
/// use spotify_web::testing::FakeSpotify;
///
/// let fake = FakeSpotify::start().await?;
/// let spotify = SpotifyClient::new(fake.config_with_credentials())?;
///
/// fake.next(503);
/// let track = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").await?;
/// assert_eq!(fake.api_requests(), 2, "retried once");
/// assert_eq!(fake.token_requests(), 1);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
pub struct FakeSpotify {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: AbortHandle,
}

/// Options of a [`FakeSpotify`].
#[derive(Clone)]
pub struct FakeSpotifyBuilder {
    token_lifetime: Duration,
    client: Option<(String, String)>,
    playlist_length: usize,
    memory: usize,
    quota: Quota,
}

impl FakeSpotify {
    /// Starts one that takes any client id and secret, and whose tokens hold for an hour.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] when no port of 127.0.0.1 can be bound, and outside of a tokio runtime with
    /// IO and time enabled: it says where to call it.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Options for one.
    pub fn builder() -> FakeSpotifyBuilder {
        let token_lifetime = Duration::from_secs(3600);
        FakeSpotifyBuilder {
            token_lifetime,
            client: None,
            playlist_length: 120,
            memory: usize::MAX,
            quota: Quota::default(),
        }
    }

    /// A config for this fake and the quota that it grants, without an authenticator.
    pub fn config(&self) -> SpotifyClientConfig {
        SpotifyClientConfig::default()
            .with_base_url(self.base_url())
            .with_token_url(self.token_url())
            .with_quota(self.shared.state.lock().quota)
    }

    /// A config for this fake with a [`CredentialsAuthenticator`].
    pub fn config_with_credentials(&self) -> SpotifyClientConfig {
        self.config().with_authenticator(CredentialsAuthenticator::new("fake-id", "fake-secret"))
    }

    /// Where its Web API is.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1/", self.address)
    }

    /// Its token endpoint.
    pub fn token_url(&self) -> String {
        format!("http://{}/api/token", self.address)
    }

    /// Where its users log in, on a page with Agree and Cancel.
    pub fn authorize_url(&self) -> String {
        format!("http://{}/authorize", self.address)
    }

    /// Where a token swap server takes codes, with this fake's app's secret.
    pub fn swap_url(&self) -> String {
        format!("http://{}/swap", self.address)
    }

    /// Where a token swap server takes refresh tokens.
    pub fn refresh_url(&self) -> String {
        format!("http://{}/refresh", self.address)
    }

    /// Opens the URL of a login and agrees, as the user `wizzler`. Returns the URL that
    /// the browser is sent to, or a description of the page that it shows instead.
    ///
    /// A parameter `user` of the URL names another user, for programs that open it by themselves:
    /// see [`agree_as`](Self::agree_as).
    pub fn agree(&self, login_url: &str) -> String {
        self.decide(login_url, "agree")
    }

    /// The same as another user, whose id is `user`: any that is not empty, as nobody has to be
    /// registered. The tokens of the login act for them, and
    /// [`me`](crate::api::Users::me) returns their id.
    pub fn agree_as(&self, login_url: &str, user: &str) -> String {
        let user: String = form_urlencoded::byte_serialize(user.as_bytes()).collect();
        // The first one counts.
        let login_url = login_url.replacen('?', &format!("?user={user}&"), 1);
        self.agree(&login_url)
    }

    /// Opens the URL of a login and cancels.
    pub fn cancel(&self, login_url: &str) -> String {
        self.decide(login_url, "cancel")
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    fn decide(&self, login_url: &str, decision: &str) -> String {
        let query = login_url.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let body = format!("{query}&decision={decision}");
        let request = FakeRequest::of_a_form("/authorize", body, self.address.to_string());
        let response = self.shared.respond(&request);
        response.location().map_or_else(|| format!("{response:?}"), str::to_owned)
    }

    /// Ends every login: refresh tokens are rejected from now on with `invalid_grant`, as those that
    /// a user revoked. Access tokens stay good until they expire, as Spotify's do; with
    /// [`expire_tokens`](Self::expire_tokens) a program notices at its next call.
    pub fn end_logins(&self) {
        self.shared.state.lock().accounts.end_logins(None);
    }

    /// Ends every login of this user, and nobody else's.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # use spotify_web::SpotifyClient;
    /// # use spotify_web::auth::PkceAuthenticator;
    /// # use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient};
    /// # use spotify_web::testing::FakeSpotify;
    /// let fake = FakeSpotify::start().await?;
    /// let spotify = SpotifyClient::new(fake.config())?;
    /// let mut users = Vec::new();
    /// for name in ["anna", "bert"] {
    ///     let login = Login::pkce("id", "http://127.0.0.1:8888/callback");
    ///     let pending = login.with_authorize_url(fake.authorize_url()).begin()?;
    ///     let code = pending.finish(&fake.agree_as(pending.url(), name))?;
    ///     let request = AuthorizationCodeRequest::public("id", code);
    ///     let user = PkceAuthenticator::new("id");
    ///     user.log_in(OAuthClient::new(&fake.config()).request_token(request).await?).await?;
    ///     users.push(spotify.for_user(user)?);
    /// }
    ///
    /// fake.end_logins_of("anna");
    /// fake.expire_tokens();
    ///
    /// assert!(users[0].users().me().await.unwrap_err().needs_login());
    /// assert_eq!(users[1].users().me().await?.id.as_str(), "bert");
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn end_logins_of(&self, user: &str) {
        self.shared.state.lock().accounts.end_logins(Some(user));
    }

    /// Sets the status of the response to the next API request.
    pub fn next(&self, status: u16) {
        self.next_api(FakeResponse::status(status));
    }

    /// Sets the response to the next API request; several are used up in order.
    pub fn next_api(&self, response: FakeResponse) {
        self.shared.state.lock().next_api.push_back(response);
    }

    /// Limits API requests of all endpoints together, in place of an earlier limit.
    pub fn limit(&self, limit: FakeLimit) {
        self.shared.state.lock().limits.set(None, limit);
    }

    /// Limits the endpoints whose path begins with `path`, such as `tracks/`, beside the limit of
    /// all.
    pub fn limit_endpoint(&self, path: &str, limit: FakeLimit) {
        self.shared.state.lock().limits.set(Some(path), limit);
    }

    /// Rejects requests to endpoints whose path begins with `path` for some time, as Spotify does
    /// after too many requests.
    pub fn ban(&self, path: &str, duration: Duration) {
        self.shared.state.lock().limits.ban(path, duration);
    }

    /// The number of requests that limits and bans rejected.
    pub fn limited_requests(&self) -> usize {
        self.shared.state.lock().limits.refused()
    }

    /// Sets the response to the next token request; several are used up in order.
    pub fn next_token(&self, response: FakeResponse) {
        self.shared.state.lock().next_token.push_back(response);
    }

    /// Rejects every token that was issued so far.
    pub fn expire_tokens(&self) {
        self.shared.state.lock().accounts.expire_all();
    }

    /// Rejects every token, also those that are still to be issued.
    pub fn reject_all_tokens(&self) {
        self.shared.state.lock().accounts.refuse_all();
    }

    /// A token of a user who has logged in and allowed everything. Needed for `me/player`, where
    /// one track after the other is playing.
    pub fn user_token(&self) -> AccessToken {
        self.shared.state.lock().accounts.issue(Holder::User("wizzler".to_owned())).into()
    }

    /// A new single of an artist of the catalogue, released today. Returns its id.
    pub fn release(&self, artist_id: &str, title: &str) -> String {
        self.shared.state.lock().catalogue.release(artist_id, title)
    }

    /// How many token requests arrived.
    pub fn token_requests(&self) -> usize {
        self.shared.state.lock().token_requests
    }

    /// How many API requests arrived.
    pub fn api_requests(&self) -> usize {
        self.shared.state.lock().api_requests
    }

    /// How many API requests came with a token that had expired.
    pub fn expired_tokens(&self) -> usize {
        self.shared.state.lock().accounts.expired_tokens()
    }

    /// Everything that arrived, in order; or the last of it, see
    /// [`with_remembered_requests`](FakeSpotifyBuilder::with_remembered_requests).
    pub fn requests(&self) -> Vec<FakeRequest> {
        self.shared.state.lock().requests.iter().cloned().collect()
    }
}

impl Drop for FakeSpotify {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeSpotifyBuilder {
    /// How long tokens hold: an hour by default, in whole seconds.
    #[must_use]
    pub fn with_token_lifetime(self, lifetime: Duration) -> Self {
        Self { token_lifetime: lifetime, ..self }
    }

    /// The only client that is known; by default any id and secret will do.
    #[must_use]
    pub fn with_client(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { client: Some((id.into(), secret.into())), ..self }
    }

    /// How many entries its playlist has: 120 by default.
    #[must_use]
    pub fn with_playlist_length(self, length: usize) -> Self {
        Self { playlist_length: length, ..self }
    }

    /// The quota of every app: development mode by default. It decides how large pages may be.
    #[must_use]
    pub fn with_quota(self, quota: Quota) -> Self {
        Self { quota, ..self }
    }

    /// How many requests [`FakeSpotify::requests`] returns, the last ones: all by default, which
    /// takes more and more memory in a test that runs for long.
    #[must_use]
    pub fn with_remembered_requests(self, requests: usize) -> Self {
        Self { memory: requests, ..self }
    }

    /// Starts it on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] when no port can be bound, and outside of a tokio runtime with IO and time
    /// enabled.
    pub async fn start(self) -> io::Result<FakeSpotify> {
        let listener = server::listen().await?;
        let address = listener.local_addr()?;
        let catalogue = Catalogue::new();
        let state = State {
            accounts: Accounts::new(self.token_lifetime, self.client),
            playlist: Playlist::new(catalogue.all_tracks(), self.playlist_length),
            player: Player::new(catalogue.all_tracks()),
            catalogue,
            requests: VecDeque::new(),
            memory: self.memory,
            token_requests: 0,
            api_requests: 0,
            next_api: VecDeque::new(),
            next_token: VecDeque::new(),
            limits: Limits::default(),
            quota: self.quota,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared))).abort_handle();
        Ok(FakeSpotify { shared, address, server })
    }
}

// What follows is written by hand, since the fake holds tokens as the real one does.

impl fmt::Debug for FakeSpotify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeSpotify").field("address", &self.address).finish_non_exhaustive()
    }
}

impl fmt::Debug for FakeSpotifyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeSpotifyBuilder")
            .field("token_lifetime", &self.token_lifetime)
            .finish_non_exhaustive()
    }
}
