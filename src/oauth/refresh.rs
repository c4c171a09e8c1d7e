//! The refresh token grant.

use super::app::{OAuthApp, not_blank};
use super::{ClientSecret, OAuthError, RefreshToken, TokenForm, TokenRequest};

/// Exchanges a refresh token for a new access token ([RFC 6749, section 6]).
///
/// The response may carry a new refresh token, which replaces the old one; where it carries none,
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

    /// By a token swap server of yours: only the refresh token is sent, to its URL for refreshing.
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
