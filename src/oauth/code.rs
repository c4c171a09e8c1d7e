//! The authorization code grant.

use std::fmt;

use zeroize::Zeroizing;

use super::app::OAuthApp;
use super::{ClientSecret, OAuthError, PkceVerifier, TokenForm, TokenRequest};
use crate::transport::shown_url;

/// What comes back from a login: good for one token, once, and for about ten minutes.
///
/// Returned by [`PendingLogin::finish`](super::PendingLogin::finish). `Debug` shows no secret.
pub struct AuthorizationCode {
    pub(super) code: Zeroizing<String>,
    pub(super) redirect_uri: String,
    pub(super) verifier: Option<PkceVerifier>,
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationCode")
            .field("redirect_uri", &shown_url(&self.redirect_uri))
            .field("with_pkce", &self.verifier.is_some())
            .finish_non_exhaustive()
    }
}

/// Exchanges the code of a login for a token ([RFC 6749, section 4.1.3]).
///
/// A code that was used before, has ended or was given to another app is refused with
/// [`InvalidGrant`](super::OAuthErrorCode::InvalidGrant): begin a new login.
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let config = fake.config();
/// use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient};
///
/// let login = Login::pkce("CLIENT_ID", "http://127.0.0.1:8888/callback");
/// # let login = login.with_authorize_url(fake.authorize_url());
/// let pending = login.begin()?;
/// println!("open {}", pending.url());
/// # let redirect = fake.agree(pending.url());
/// let code = pending.finish(&redirect)?;
///
/// let request = AuthorizationCodeRequest::public("CLIENT_ID", code);
/// let token = OAuthClient::new(&config).request_token(request).await?;
/// assert!(token.refresh_token.is_some());
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
///
/// [RFC 6749, section 4.1.3]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3
#[derive(Debug)]
pub struct AuthorizationCodeRequest {
    client: OAuthApp,
    code: AuthorizationCode,
}

impl AuthorizationCodeRequest {
    /// By an app that keeps a secret: a server.
    pub fn confidential(
        client_id: impl Into<String>,
        client_secret: impl Into<ClientSecret>,
        code: AuthorizationCode,
    ) -> Self {
        Self { client: OAuthApp::confidential(client_id, client_secret), code }
    }

    /// By an app that can keep none, with PKCE ([RFC 7636, section 4.5]).
    ///
    /// [RFC 7636, section 4.5]: https://www.rfc-editor.org/rfc/rfc7636#section-4.5
    pub fn public(client_id: impl Into<String>, code: AuthorizationCode) -> Self {
        Self { client: OAuthApp::public(client_id), code }
    }

    /// By a token swap server of yours, which adds the secret: only the code is sent, to its URL.
    ///
    /// <https://developer.spotify.com/documentation/ios/concepts/token-swap-and-refresh>
    pub fn swap(code: AuthorizationCode) -> Self {
        Self { client: OAuthApp::Swap, code }
    }
}

impl TokenRequest for AuthorizationCodeRequest {
    fn form(&self) -> Result<TokenForm, OAuthError> {
        let AuthorizationCode { code, redirect_uri, verifier } = &self.code;
        let form = self.client.form("authorization_code")?;
        let form = form.secret_parameter("code", code.as_str());
        let form = match self.client {
            OAuthApp::Swap => form,
            _ => form.parameter("redirect_uri", redirect_uri.as_str()),
        };
        match (verifier, &self.client) {
            (Some(verifier), _) if verifier.is_valid() => {
                Ok(form.secret_parameter("code_verifier", verifier.expose()))
            }
            (Some(_), _) => Err(input("verifier", "is not of 43 to 128 allowed characters")),
            (None, OAuthApp::Public { .. }) => {
                Err(input("code", "came without PKCE; begin the login with `Login::pkce`"))
            }
            (None, _) => Ok(form),
        }
    }
}

fn input(name: &'static str, reason: &str) -> OAuthError {
    OAuthError::Input { name, reason: reason.to_owned() }
}
