//! The fake from the outside: starting it, scripting it, counting what arrived.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::builder::FakeSpotifyBuilder;
use super::clock::FakeClock;
use super::fake_playlist::FakePlaylist;
use super::fake_user::FakeUser;
use super::limits::FakeLimit;
use super::request::FakeRequest;
use super::server;
use super::state::{Shared, State};
use super::world::WIZZLER;
use crate::SpotifyClientConfig;
use crate::auth::CredentialsAuthenticator;
use crate::oauth::AccessToken;
use crate::sync::Mutex;

/// A Spotify on loopback: accounts service and Web API, with a small catalogue.
///
/// It knows every operation of the Web API, and has state: what is saved is there, what is created
/// can be filled, what is played goes on.
///
/// - The catalogue has three artists with a few albums, podcasts and audiobooks. More is
///   [added](Self::add_track), and nothing else is found.
/// - Users are there as soon as they are named. `wizzler`, whose tokens are
///   [given out](Self::user_token) and who [agrees](Self::agree) to logins, has something of
///   everything and is listening to it; [others](Self::user) begin with nothing. Each has a library,
///   playlists, a history and a player of their own. Whether shuffled or not, a list is played in
///   its order, and after its last track comes the first. What they like most is what they have
///   heard most.
/// - Playlists have versions, of which the last hundred can be named; one that is not known is
///   refused with 400. `3cEYpjA9oz9GiPac4AsH4n` holds whatever real ones hold, such as local files
///   and things that are gone, and everybody may change it.
/// - A search finds what has the words in its name, as they are; filters such as `artist:` are
///   words like others. Past the thousandth result it is 400, as at Spotify.
/// - Scopes count: a token that lacks one gets 403 `Insufficient client scope`, and so does a token
///   of an app where a user's is needed. Without `user-read-email`, a profile has no address,
///   and without `user-read-playback-position` nobody learns where an episode was left.
/// - In [development mode](FakeSpotifyBuilder::with_quota), what it has lost is 403.
/// - Of `fields`, names, dots, brackets and `!` are honoured. `locale` and `include_external` change
///   nothing.
/// - What it does not know is 501, `the fake does not know …`, and never a 404 that looks like
///   Spotify's. A response is [put there](Self::on) for it.
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
    pub(super) shared: Arc<Shared>,
    address: SocketAddr,
    server: AbortHandle,
}

impl FakeSpotify {
    /// Starts one that takes any client id and secret, and whose tokens are valid for an hour.
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
        FakeSpotifyBuilder::new()
    }

    /// A config for this fake and the quota that it grants, without an authenticator.
    pub fn config(&self) -> SpotifyClientConfig {
        SpotifyClientConfig::default()
            .with_base_url(self.base_url())
            .with_token_url(self.token_url())
            .with_quota(self.shared.state.lock().world.quota)
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
        self.shared.decide(login_url, None, "agree")
    }

    /// The same as another user, whose id is `user`: any that is not empty, as nobody has to be
    /// registered. The tokens of the login act for them, and
    /// [`me`](crate::api::Users::me) returns their id.
    pub fn agree_as(&self, login_url: &str, user: &str) -> String {
        self.user(user).agree(login_url)
    }

    /// Opens the URL of a login and cancels.
    pub fn cancel(&self, login_url: &str) -> String {
        self.shared.decide(login_url, None, "cancel")
    }

    /// Serves at the port that was bound.
    pub(super) fn serve(listener: TcpListener, state: State) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { shared, address, server })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
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
        self.user(user).end_logins();
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

    /// Rejects all API requests for some time, since the quota of the developer account is used
    /// up: 429 with the reason `QUOTA_EXCEEDED`.
    pub fn exceed_quota(&self, duration: Duration) {
        self.shared.state.lock().limits.exceed_quota(duration);
    }

    /// The number of requests that limits, bans and the quota rejected.
    pub fn limited_requests(&self) -> usize {
        self.shared.state.lock().limits.refused()
    }

    /// Rejects every token that was issued so far.
    pub fn expire_tokens(&self) {
        self.shared.state.lock().accounts.expire_all();
    }

    /// Rejects every token, also those that are still to be issued.
    pub fn reject_all_tokens(&self) {
        self.shared.state.lock().accounts.refuse_all();
    }

    /// A token of the user `wizzler`, who has logged in and allowed everything.
    pub fn user_token(&self) -> AccessToken {
        self.user(WIZZLER).token()
    }

    /// The user with this id, who does not have to be registered.
    pub fn user(&self, id: &str) -> FakeUser {
        self.shared.state.lock().world.user(id);
        FakeUser { shared: Arc::clone(&self.shared), name: id.to_owned() }
    }

    /// A playlist of the user `wizzler`: the one of this name, or a new one, which is public and
    /// empty.
    pub fn playlist(&self, name: &str) -> FakePlaylist {
        self.user(WIZZLER).playlist(name)
    }

    /// Its clock, for what measures tokens and waits by the wall clock.
    pub fn clock(&self) -> FakeClock {
        self.shared.state.lock().world.clock
    }

    /// A new single of an artist of the catalogue, released today. Returns its id.
    pub fn release(&self, artist_id: &str, title: &str) -> String {
        self.shared.state.lock().world.catalogue.release(artist_id, title)
    }

    /// Puts a track with this id into the catalogue, on a single of its own.
    pub fn add_track(&self, id: &str, title: &str) {
        self.shared.state.lock().world.catalogue.add_track(id, title);
    }

    /// Puts an album with as many tracks into the catalogue, whose titles begin with its own.
    /// Returns its id.
    pub fn add_album(&self, title: &str, tracks: usize) -> String {
        self.shared.state.lock().world.catalogue.add_album_with(title, tracks)
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

// What follows is written by hand, since the fake holds tokens as the real one does.

impl fmt::Debug for FakeSpotify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeSpotify").field("address", &self.address).finish_non_exhaustive()
    }
}
