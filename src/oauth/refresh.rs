//! What a new access token is had for.

use super::app::{OAuthApp, not_blank};
use super::{ClientSecret, OAuthError, RefreshToken, TokenForm, TokenRequest};

/// Turns in a refresh token for a new access token ([RFC 6749, section 6]).
///
/// The answer may bring a new refresh token, after which the old one is dead; where it brings none,
/// the old one stays good. The authenticators of [`auth`](crate::auth) see to that.
///
/// [RFC 6749, section 6]: https://www.rfc-editor.org/rfc/rfc6749#section-6
#[derive(Debug, Clone)]
pub struct RefreshRequest {
    client: OAuthApp,
    refresh_token: RefreshToken,
}

impl RefreshRequest {
    /// By an app that keeps a secret.
    pub fn confidential(
        client_id: impl Into<String>,
        client_secret: impl Into<ClientSecret>,
        refresh_token: impl Into<RefreshToken>,
    ) -> Self {
        Self::by(OAuthApp::confidential(client_id, client_secret), refresh_token.into())
    }

    /// By an app that can keep none, which logged in with PKCE.
    pub fn public(client_id: impl Into<String>, refresh_token: impl Into<RefreshToken>) -> Self {
        Self::by(OAuthApp::public(client_id), refresh_token.into())
    }

    /// By a token swap server of yours: only the refresh token is sent, to its address for refreshing.
    pub fn swap(refresh_token: impl Into<RefreshToken>) -> Self {
        Self::by(OAuthApp::Swap, refresh_token.into())
    }

    pub(crate) fn by(client: OAuthApp, refresh_token: RefreshToken) -> Self {
        Self { client, refresh_token }
    }
}

impl TokenRequest for RefreshRequest {
    fn form(&self) -> Result<TokenForm, OAuthError> {
        not_blank("refresh token", self.refresh_token.expose())?;
        let form = self.client.form("refresh_token")?;
        Ok(form.secret_parameter("refresh_token", self.refresh_token.expose()))
    }
}
