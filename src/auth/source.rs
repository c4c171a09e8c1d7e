//! How a new token is requested.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::AuthError;
use crate::oauth::{OAuthClient, Token};

/// Requests tokens for a [`TokenCache`](super::TokenCache).
///
/// The cache decides when; a source only asks. It is never asked twice at once, runs in a task of
/// its own whatever becomes of the callers, and may fail or panic: callers get a typed error, and
/// the next attempt waits for the back-off.
///
/// A refresh token belongs in the [`Token`] that is returned, which the cache keeps, saves and
/// gives back as `previous`. One that a source keeps to itself is the source's to save:
/// [`settle`](super::TokenCache::settle) does not know of it.
///
/// ```
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use spotify_web::auth::{AuthError, CachedAuthenticator, TokenSource};
/// use spotify_web::oauth::Token;
///
/// /// Tokens from a service of the house that owns the app's secret.
/// #[derive(Debug)]
/// struct TokenService;
///
/// #[async_trait]
/// impl TokenSource for TokenService {
///     async fn request_token(&self, _previous: Option<&Token>) -> Result<Token, AuthError> {
///         Ok(Token::new("token from the service", Duration::from_secs(3600)))
///     }
/// }
///
/// let authenticator = CachedAuthenticator::new(TokenService);
/// ```
#[async_trait]
pub trait TokenSource: Debug + Send + Sync + 'static {
    /// Requests a token. `previous` is the one that it replaces, with its refresh token, where the
    /// cache had one.
    ///
    /// # Errors
    ///
    /// Say with [`AuthError::is_transient`] whether it is worth asking again soon.
    async fn request_token(&self, previous: Option<&Token>) -> Result<Token, AuthError>;

    /// Called when the authenticator is plugged into a client; see
    /// [`Authenticator::connect`](super::Authenticator::connect).
    ///
    /// # Errors
    ///
    /// An [`AuthError`] where it is known already that no token can be obtained.
    fn connect(&self, oauth: &OAuthClient) -> Result<(), AuthError> {
        let _ = oauth;
        Ok(())
    }

    /// Whether a token is lost where the program ends before it is saved, as that of a login is:
    /// [`settle`](super::TokenCache::settle) waits for it then, and its error says that it is not
    /// saved. `false` for a source whose tokens anybody can request again, as the app's own; a
    /// login that the cache has all the same is waited for.
    fn needs_saving(&self) -> bool {
        true
    }

    /// The client id of the app whose tokens it requests, where it is known; see
    /// [`Authenticator::client_id`](super::Authenticator::client_id). The key of a store must name
    /// the same app.
    fn client_id(&self) -> Option<&str> {
        None
    }
}

/// One source for several caches, or one that is kept to look at.
#[async_trait]
impl<S: TokenSource + ?Sized> TokenSource for Arc<S> {
    async fn request_token(&self, previous: Option<&Token>) -> Result<Token, AuthError> {
        (**self).request_token(previous).await
    }

    fn connect(&self, oauth: &OAuthClient) -> Result<(), AuthError> {
        (**self).connect(oauth)
    }

    fn needs_saving(&self) -> bool {
        (**self).needs_saving()
    }

    fn client_id(&self) -> Option<&str> {
        (**self).client_id()
    }
}
