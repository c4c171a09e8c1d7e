//! An authenticator out of a token source and the cache.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderValue};

use super::{
    AuthError, Authenticator, CacheStats, Rejection, Replay, TokenCache, TokenCacheOptions,
    TokenKey, TokenSource, TokenStore, Unfinished,
};
use crate::oauth::OAuthClient;

/// Signs with the tokens of a [`TokenSource`], each cached, refreshed ahead of its expiry and
/// replaced when the server rejects it.
///
/// Clones share one cache.
///
/// ```
/// use spotify_web::auth::{AuthError, CachedAuthenticator, TokenSource};
/// use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient, Token};
/// use spotify_web::SpotifyClient;
///
/// /// Asks another server than Spotify's for its tokens.
/// #[derive(Debug)]
/// struct OwnServer(OAuthClient);
///
/// #[spotify_web::async_trait::async_trait]
/// impl TokenSource for OwnServer {
///     async fn request_token(&self, _previous: Option<&Token>) -> Result<Token, AuthError> {
///         Ok(self.0.request_token(ClientCredentialsRequest::new("id", "secret")).await?)
///     }
/// }
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = spotify_web::testing::FakeSpotify::start().await?;
/// # let config = fake.config();
/// let source = OwnServer(OAuthClient::new(&config));
/// let authenticator = CachedAuthenticator::new(source);
/// let spotify = SpotifyClient::new(config.with_authenticator(authenticator.clone()))?;
/// spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").await?;
/// println!("{:?}", authenticator.stats());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CachedAuthenticator<S: TokenSource> {
    cache: TokenCache<S>,
}

impl<S: TokenSource> CachedAuthenticator<S> {
    /// An authenticator with the default [`TokenCacheOptions`].
    pub fn new(source: S) -> Self {
        Self { cache: TokenCache::new(source) }
    }

    /// The same with options of your own. Many authenticators may share them in one `Arc`.
    ///
    /// Like every `with_` method, it returns an authenticator that no longer shares its token with
    /// clones that were made before.
    #[must_use]
    pub fn with_options(self, options: impl Into<Arc<TokenCacheOptions>>) -> Self {
        Self { cache: self.cache.with_options(options) }
    }

    /// Keeps the token in `store`, where it outlives the program, under a key that says whose token
    /// it is: see [`TokenCache::with_store`].
    #[must_use]
    pub fn with_store(self, store: impl TokenStore + 'static, key: TokenKey) -> Self {
        Self { cache: self.cache.with_store(store, key) }
    }

    /// Scopes that the program needs: see [`TokenCache::with_required_scopes`].
    #[must_use]
    pub fn with_required_scopes<T: Into<String>>(
        self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Self {
        Self { cache: self.cache.with_required_scopes(scopes) }
    }

    /// The cache, to look at or to use elsewhere.
    pub fn cache(&self) -> &TokenCache<S> {
        &self.cache
    }

    /// What the cache has done so far.
    pub fn stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// What `apply` does, without the boxed future of a trait method.
    pub(super) async fn sign(&self, request: &mut reqwest::Request) -> Result<(), AuthError> {
        let header = self.cache.header().await?;
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(())
    }
}

impl<S: TokenSource> Clone for CachedAuthenticator<S> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone() }
    }
}

#[async_trait]
impl<S: TokenSource> Authenticator for CachedAuthenticator<S> {
    async fn apply(&self, request: &mut reqwest::Request) -> Result<(), AuthError> {
        self.sign(request).await
    }

    async fn rejected(&self, rejection: &Rejection) -> Result<Replay, AuthError> {
        self.cache.rejected(rejection).await
    }

    fn accepted(&self, credentials: &HeaderValue) {
        self.cache.accepted(credentials);
    }

    fn unfinished(&self) -> Option<Unfinished<'_>> {
        self.cache.unfinished()
    }

    async fn settle(&self) -> Result<(), AuthError> {
        self.cache.settle().await
    }

    fn connect(&self, oauth: &OAuthClient) -> Result<(), AuthError> {
        self.cache.check()?;
        self.cache.report_to(oauth.under_way());
        self.cache.source().connect(oauth)
    }

    fn client_id(&self) -> Option<&str> {
        self.cache.source().client_id()
    }

    fn login_number(&self) -> u64 {
        self.cache.login_number()
    }
}

/// Has an authenticator sign by the [`CachedAuthenticator`] in its field `inner`, so that its
/// source can stay private.
///
/// `login_number` is what the number of its login is by that one.
macro_rules! signs_by_its_cache {
    ($name:ident, $login_number:expr) => {
        impl $name {
            /// The same with options for the token cache. Many authenticators may share them in one
            /// `Arc`.
            ///
            /// Like every `with_` method, it returns an authenticator that no longer shares its
            /// token with clones that were made before.
            #[must_use]
            pub fn with_options(
                self,
                options: impl Into<std::sync::Arc<$crate::auth::TokenCacheOptions>>,
            ) -> Self {
                Self { inner: self.inner.with_options(options) }
            }

            /// Keeps the token in `store`, where it outlives the program, under a key that says
            /// whose token it is. The key names the app of this authenticator: see
            /// [`TokenCache::with_store`](crate::auth::TokenCache::with_store).
            #[must_use]
            pub fn with_store(
                self,
                store: impl $crate::auth::TokenStore + 'static,
                key: $crate::auth::TokenKey,
            ) -> Self {
                Self { inner: self.inner.with_store(store, key) }
            }

            /// Forgets failures and their back-off, and that a login has ended: the next caller
            /// asks at once.
            pub fn reset(&self) {
                self.inner.cache().reset();
            }

            /// Waits until no refresh that has begun before is under way and nothing is unsaved, for
            /// a clean end of the program.
            ///
            /// # Errors
            ///
            /// As [`TokenCache::settle`](crate::auth::TokenCache::settle).
            pub async fn settle(&self) -> Result<(), $crate::auth::AuthError> {
                self.inner.cache().settle().await
            }

            /// The key under which the store keeps the token: whose it is.
            pub fn key(&self) -> Option<&$crate::auth::TokenKey> {
                self.inner.cache().key()
            }

            /// What the token cache has done so far.
            pub fn stats(&self) -> $crate::auth::CacheStats {
                self.inner.stats()
            }
        }

        #[async_trait::async_trait]
        impl $crate::auth::Authenticator for $name {
            async fn apply(
                &self,
                request: &mut reqwest::Request,
            ) -> Result<(), $crate::auth::AuthError> {
                self.inner.sign(request).await
            }

            async fn rejected(
                &self,
                rejection: &$crate::auth::Rejection,
            ) -> Result<$crate::auth::Replay, $crate::auth::AuthError> {
                self.inner.rejected(rejection).await
            }

            fn accepted(&self, credentials: &reqwest::header::HeaderValue) {
                self.inner.accepted(credentials);
            }

            fn unfinished(&self) -> Option<$crate::auth::Unfinished<'_>> {
                self.inner.unfinished()
            }

            async fn settle(&self) -> Result<(), $crate::auth::AuthError> {
                self.inner.cache().settle().await
            }

            fn connect(
                &self,
                oauth: &$crate::oauth::OAuthClient,
            ) -> Result<(), $crate::auth::AuthError> {
                self.inner.connect(oauth)
            }

            fn client_id(&self) -> Option<&str> {
                self.inner.client_id()
            }

            fn login_number(&self) -> u64 {
                ($login_number)(&self.inner)
            }
        }
    };
}

pub(super) use signs_by_its_cache;
