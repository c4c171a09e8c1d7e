//! The client credentials grant.

use super::app::OAuthApp;
use super::{ClientSecret, OAuthError, TokenForm, TokenRequest};

/// Asks for a token for the app itself, without a user ([RFC 6749, section 4.4]).
///
/// Such a token reads the catalogue and public playlists. Endpoints that act for a user refuse it
/// with 401 or 403.
///
/// [RFC 6749, section 4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let config = fake.config();
/// use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient};
///
/// let request = ClientCredentialsRequest::new("CLIENT_ID", "CLIENT_SECRET");
/// let token = OAuthClient::new(&config).request_token(request).await?;
/// assert_eq!(token.expires_in.as_secs(), 3600);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct ClientCredentialsRequest {
    app: OAuthApp,
}

impl ClientCredentialsRequest {
    /// Takes the app's id and secret from its page in Spotify's dashboard.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<ClientSecret>) -> Self {
        Self { app: OAuthApp::confidential(client_id, client_secret) }
    }

    pub(crate) fn client_id(&self) -> Option<&str> {
        self.app.client_id()
    }
}

impl TokenRequest for ClientCredentialsRequest {
    fn form(&self) -> Result<TokenForm, OAuthError> {
        self.app.form("client_credentials")
    }
}
