//! The client credentials grant.

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
    client_id: String,
    client_secret: ClientSecret,
}

impl ClientCredentialsRequest {
    /// Takes the app's id and secret from its page in Spotify's dashboard.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<ClientSecret>) -> Self {
        Self { client_id: client_id.into(), client_secret: client_secret.into() }
    }
}

impl TokenRequest for ClientCredentialsRequest {
    fn form(&self) -> Result<TokenForm, OAuthError> {
        not_blank("client id", &self.client_id)?;
        not_blank("client secret", self.client_secret.expose())?;
        Ok(TokenForm::new("client_credentials")
            .basic(self.client_id.as_str(), self.client_secret.clone()))
    }
}

/// An empty value is most often a variable of the environment that is not set.
fn not_blank(name: &'static str, value: &str) -> Result<(), OAuthError> {
    if value.trim().is_empty() {
        return Err(OAuthError::Input { name, reason: "is empty; set it to the app's".to_owned() });
    }
    Ok(())
}
