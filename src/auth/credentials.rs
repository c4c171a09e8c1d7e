//! Tokens on demand for an app without a user.

use std::sync::OnceLock;

use async_trait::async_trait;

use super::cached::signs_by_its_cache;
use super::{AuthError, CachedAuthenticator, TokenSource};
use crate::oauth::{ClientCredentialsRequest, ClientSecret, OAuthClient, Token, TokenRequest};

/// Signs with tokens of the client credentials grant, requested on demand and refreshed shortly
/// before they expire.
///
/// What most bots need: the app's id and secret, and nothing else. Clones share one token.
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let config = fake.config();
/// use spotify_web::SpotifyClient;
/// use spotify_web::auth::CredentialsAuthenticator;
///
/// let authenticator = CredentialsAuthenticator::new("CLIENT_ID", "CLIENT_SECRET");
/// let spotify = SpotifyClient::new(config.with_authenticator(authenticator.clone()))?;
///
/// let track = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").market("DE").await?;
/// assert_eq!(track.name, "Cut To The Feeling");
/// assert_eq!(authenticator.stats().requests, 1);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct CredentialsAuthenticator {
    inner: CachedAuthenticator<CredentialsSource>,
}

impl CredentialsAuthenticator {
    /// Takes the app's id and secret from its page in Spotify's dashboard. Requests nothing yet.
    ///
    /// An empty id or secret comes out when the client is built.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<ClientSecret>) -> Self {
        let source = CredentialsSource::new(client_id.into(), client_secret.into());
        Self { inner: CachedAuthenticator::new(source) }
    }
}

// Nobody logs in, whatever becomes of the token in the store.
signs_by_its_cache!(CredentialsAuthenticator, |_| 0);

/// Asks the accounts service of the client that it was plugged into.
#[derive(Debug)]
struct CredentialsSource {
    request: ClientCredentialsRequest,
    oauth: OnceLock<OAuthClient>,
}

impl CredentialsSource {
    fn new(client_id: String, client_secret: ClientSecret) -> Self {
        let request = ClientCredentialsRequest::new(client_id, client_secret);
        Self { request, oauth: OnceLock::new() }
    }
}

#[async_trait]
impl TokenSource for CredentialsSource {
    async fn request_token(&self, _previous: Option<&Token>) -> Result<Token, AuthError> {
        let oauth = self.oauth.get().ok_or(AuthError::NotConnected)?;
        oauth.request_token(&self.request).await.map_err(AuthError::without_user)
    }

    fn connect(&self, oauth: &OAuthClient) -> Result<(), AuthError> {
        self.request.form().map(drop)?;
        Ok(self.oauth.get_or_init(|| oauth.clone()).check_url()?)
    }

    /// The next token is one request away.
    fn needs_saving(&self) -> bool {
        false
    }

    fn client_id(&self) -> Option<&str> {
        self.request.client_id()
    }
}
