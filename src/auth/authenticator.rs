//! The plug.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::header::HeaderValue;

use super::AuthError;
use crate::oauth::OAuthClient;

/// Signs every request that leaves a client.
///
/// Plugged into a config with
/// [`with_authenticator`](crate::SpotifyClientConfig::with_authenticator). An authenticator is
/// shared by all clones of the client and called from many tasks at once. Its `Debug` must not show
/// a secret.
///
/// ```
/// use async_trait::async_trait;
/// use reqwest::header::{AUTHORIZATION, HeaderValue};
/// use spotify_web::auth::{AuthError, Authenticator};
///
/// /// Takes the token that a vault process keeps fresh in a file.
/// #[derive(Debug)]
/// struct VaultAuthenticator;
///
/// #[async_trait]
/// impl Authenticator for VaultAuthenticator {
///     async fn apply(&self, request: &mut reqwest::Request) -> Result<(), AuthError> {
///         let token = std::fs::read_to_string("/run/vault/spotify-token")
///             .map_err(|error| AuthError::custom("the vault's token cannot be read", error))?;
///         let mut header = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
///             .map_err(|error| AuthError::custom("the vault's token is malformed", error))?;
///         header.set_sensitive(true);
///         request.headers_mut().insert(AUTHORIZATION, header);
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Authenticator: Debug + Send + Sync {
    /// Adds credentials to an outgoing request, obtaining or refreshing them first where needed.
    ///
    /// Called once for each attempt, and only for requests to the API's own origin.
    ///
    /// # Errors
    ///
    /// An [`AuthError`] keeps the request from being sent.
    async fn apply(&self, request: &mut reqwest::Request) -> Result<(), AuthError>;

    /// Told that the server refused `rejected`, the `Authorization` that [`apply`](Self::apply)
    /// added, with 401. Says whether another attempt would carry a different one.
    ///
    /// # Errors
    ///
    /// An [`AuthError`] is what the caller gets instead of the answer.
    async fn refused(&self, rejected: &HeaderValue) -> Result<Replay, AuthError> {
        let _ = rejected;
        Ok(Replay::No)
    }

    /// Called when it is plugged into a client, with the way to that client's accounts service:
    /// its HTTP client, addresses and time limit. The first client that it is plugged into counts.
    ///
    /// # Errors
    ///
    /// An [`AuthError`] where it can be known already that no token can be had, such as an empty
    /// client id; the client is then not built.
    fn connect(&self, oauth: &OAuthClient) -> Result<(), AuthError> {
        let _ = oauth;
        Ok(())
    }

    /// The client id of the app whose tokens it signs with, where it is known. The API limits each app for
    /// itself, so the [rate limiter](crate::middleware::RateLimiter) keeps them apart by it.
    fn client_id(&self) -> Option<&str> {
        None
    }
}

/// Whether a refused request is worth another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replay {
    /// Another attempt would carry a different token, or wait for one.
    Yes,
    /// Another attempt would carry the same token or none.
    No,
}

#[async_trait]
impl<A: Authenticator + ?Sized> Authenticator for Arc<A> {
    async fn apply(&self, request: &mut reqwest::Request) -> Result<(), AuthError> {
        (**self).apply(request).await
    }

    async fn refused(&self, rejected: &HeaderValue) -> Result<Replay, AuthError> {
        (**self).refused(rejected).await
    }

    fn connect(&self, oauth: &OAuthClient) -> Result<(), AuthError> {
        (**self).connect(oauth)
    }

    fn client_id(&self) -> Option<&str> {
        (**self).client_id()
    }
}
