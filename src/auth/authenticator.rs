//! The plug.

use std::fmt::Debug;
use std::pin::Pin;
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
    /// Called for each attempt, and only for requests to the API's own origin. A request that
    /// waited for a rate limiter's permit is signed again before it leaves: what is added must
    /// replace what was there.
    ///
    /// Its only time limit is the deadline of the call: an implementation that may hang sets its
    /// own. A panic reaches the caller.
    ///
    /// # Errors
    ///
    /// An [`AuthError`] keeps the request from being sent.
    async fn apply(&self, request: &mut reqwest::Request) -> Result<(), AuthError>;

    /// Called when a request with the credentials that [`apply`](Self::apply) added got a 401.
    /// Returns whether another attempt would carry different ones, and may wait for them.
    ///
    /// Called only where `apply` set `Authorization`. There is at most one more attempt; if that
    /// gets a 401 as well, the caller gets it, and this is not called again.
    ///
    /// # Errors
    ///
    /// An [`AuthError`] is what the caller gets instead of the response.
    async fn rejected(&self, rejection: &Rejection) -> Result<Replay, AuthError> {
        let _ = rejection;
        Ok(Replay::No)
    }

    /// Called when the server has accepted these credentials, an `Authorization` header: a later
    /// 401 may then be the fault of the request that gets it.
    fn accepted(&self, credentials: &HeaderValue) {
        let _ = credentials;
    }

    /// What was begun for a call that did not wait for it, such as a refresh ahead of expiry.
    ///
    /// A `current_thread` runtime may not run any longer when the call is over, as in a program
    /// that blocks on one call after the other. There the client waits for this before it returns;
    /// it should take a second at most.
    fn unfinished(&self) -> Option<Unfinished<'_>> {
        None
    }

    /// Waits until nothing is under way that would be lost if the program ended now, such as a
    /// refresh whose token is not saved yet.
    ///
    /// # Errors
    ///
    /// The [`AuthError`] that says what would be lost.
    async fn settle(&self) -> Result<(), AuthError> {
        Ok(())
    }

    /// Called when it is plugged into a client, with that client's way to the accounts service: its
    /// HTTP client, URLs and time limit. The first client that it is plugged into counts.
    ///
    /// # Errors
    ///
    /// An [`AuthError`] where it can be known already that no token can be obtained, such as an
    /// empty client id; the client is then not built.
    fn connect(&self, oauth: &OAuthClient) -> Result<(), AuthError> {
        let _ = oauth;
        Ok(())
    }

    /// The client id of the app whose tokens it signs with, where it is known. The API limits each
    /// app separately, and the [rate limiter](crate::middleware::RateLimiter) tells them apart by
    /// it.
    fn client_id(&self) -> Option<&str> {
        None
    }

    /// Which login it signs for: another number when the user logs out or another one logs in, and
    /// the same as long as tokens are refreshed. With it changes the
    /// [`Partition`](crate::middleware::Partition) of its requests, and a call that was signed for
    /// one is not sent on for another: [`AuthError::OtherLogin`].
    ///
    /// One that signs by another authenticator returns that one's.
    fn login_number(&self) -> u64 {
        0
    }
}

/// What [`Authenticator::unfinished`] waits for.
pub type Unfinished<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A 401, as an [`Authenticator`] gets to know it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rejection {
    /// The `Authorization` that the request carried.
    pub credentials: HeaderValue,
    /// Why the server rejected it, as far as it said.
    pub reason: RejectionReason,
}

impl Rejection {
    /// A rejection of `credentials`.
    pub fn new(credentials: HeaderValue, reason: RejectionReason) -> Self {
        Self { credentials, reason }
    }
}

/// What a 401 was for, as far as the server said ([RFC 6750, section 3.1] and Spotify's messages).
///
/// [RFC 6750, section 3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectionReason {
    /// The token: `invalid_token`, "The access token expired".
    Token,
    /// The request: `insufficient_scope`, "Permissions missing", "Valid user authentication
    /// required". It says nothing against the token.
    Request,
    /// It did not say.
    Unknown,
}

/// Whether a rejected request is worth another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replay {
    /// Another attempt would carry a different token.
    Yes,
    /// Another attempt would carry the same token or none.
    No,
}

#[async_trait]
impl<A: Authenticator + ?Sized> Authenticator for Arc<A> {
    async fn apply(&self, request: &mut reqwest::Request) -> Result<(), AuthError> {
        (**self).apply(request).await
    }

    async fn rejected(&self, rejection: &Rejection) -> Result<Replay, AuthError> {
        (**self).rejected(rejection).await
    }

    fn accepted(&self, credentials: &HeaderValue) {
        (**self).accepted(credentials);
    }

    fn unfinished(&self) -> Option<Unfinished<'_>> {
        (**self).unfinished()
    }

    async fn settle(&self) -> Result<(), AuthError> {
        (**self).settle().await
    }

    fn connect(&self, oauth: &OAuthClient) -> Result<(), AuthError> {
        (**self).connect(oauth)
    }

    fn client_id(&self) -> Option<&str> {
        (**self).client_id()
    }

    fn login_number(&self) -> u64 {
        (**self).login_number()
    }
}
