//! One token, as long as it is good.

use std::fmt;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderValue};

use super::cache::bearer;
use super::{AuthError, Authenticator};
use crate::oauth::AccessToken;

/// Signs with a token that was requested elsewhere and is never replaced.
///
/// What [`SpotifyClientConfig::with_token`](crate::SpotifyClientConfig::with_token) plugs in. When
/// the token has expired, calls fail with a typed 401.
#[derive(Clone)]
pub struct TokenAuthenticator {
    header: Result<HeaderValue, AuthError>,
}

impl TokenAuthenticator {
    /// Signs with `token`. One that no header can carry comes out when the client is built.
    pub fn new(token: impl Into<AccessToken>) -> Self {
        Self { header: bearer(&token.into()) }
    }
}

impl fmt::Debug for TokenAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenAuthenticator([redacted])")
    }
}

#[async_trait]
impl Authenticator for TokenAuthenticator {
    async fn apply(&self, request: &mut reqwest::Request) -> Result<(), AuthError> {
        request.headers_mut().insert(AUTHORIZATION, self.header.clone()?);
        Ok(())
    }

    fn connect(&self, _: &crate::oauth::OAuthClient) -> Result<(), AuthError> {
        self.header.clone().map(drop)
    }
}
