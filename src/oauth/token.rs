//! Tokens.

use std::time::Duration;

use super::{AccessToken, RefreshToken};

/// A successful response to a token request ([RFC 6749, section 5.1]).
///
/// [RFC 6749, section 5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Token {
    /// What requests carry.
    pub access_token: AccessToken,
    /// How long the access token is good for, from before it was requested. Spotify's are for an
    /// hour.
    pub expires_in: Duration,
    /// What the next access token is requested with; absent for the client credentials grant, and
    /// wherever the one that was used before stays good.
    pub refresh_token: Option<RefreshToken>,
    /// What the token allows; `None` when the response does not say, which means as before on a
    /// refresh, and as requested at a login.
    ///
    /// A response to a login whose `scope` is empty says that nothing was granted; it does not say
    /// "as requested", for which the field is left out ([RFC 6749, section
    /// 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)). On a refresh an empty `scope` is
    /// `None`: it cannot take all scopes away.
    pub scopes: Option<Vec<String>>,
}

impl Token {
    /// What [`expires_in`](Self::expires_in) is taken for when a response does not say.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);

    /// A hundred years: beyond any token that a server means, and what every clock can add. Longer
    /// lifetimes mean "does not expire".
    pub(crate) const LONGEST_LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

    /// A bearer token without refresh token and scopes, such as a
    /// [`TokenSource`](crate::auth::TokenSource) returns.
    pub fn new(access_token: impl Into<AccessToken>, expires_in: Duration) -> Self {
        Self { access_token: access_token.into(), expires_in, refresh_token: None, scopes: None }
    }

    /// The same with a refresh token.
    #[must_use]
    pub fn with_refresh_token(self, refresh_token: impl Into<RefreshToken>) -> Self {
        Self { refresh_token: Some(refresh_token.into()), ..self }
    }

    /// The same with scopes.
    #[must_use]
    pub fn with_scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: Some(scopes.into_iter().map(Into::into).collect()), ..self }
    }

    /// The token that follows `old`: what the response does not name stays as it was
    /// ([RFC 6749, section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)). An empty list of
    /// scopes names none; a refresh cannot take all of them away.
    pub(crate) fn following(self, old: Option<&Self>) -> Self {
        let Some(old) = old else { return self };
        let new = self.without_blank_refresh_token();
        Self {
            refresh_token: new.refresh_token.or_else(|| old.refresh_token.clone()),
            scopes: new.scopes.filter(|scopes| !scopes.is_empty()).or_else(|| old.scopes.clone()),
            ..new
        }
    }

    /// A refresh token of nothing is none: no server takes it.
    pub(crate) fn without_blank_refresh_token(self) -> Self {
        let refresh_token = self.refresh_token.filter(|token| !token.expose().trim().is_empty());
        Self { refresh_token, ..self }
    }
}
