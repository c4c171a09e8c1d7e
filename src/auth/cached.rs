//! An authenticator out of a token source and the cache.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderValue};

use super::{
    AuthError, Authenticator, CacheStats, Replay, TokenCache, TokenCacheOptions, TokenSource,
};
use crate::oauth::OAuthClient;

/// Signs with the tokens of a [`TokenSource`], each cached, refreshed ahead of its expiry and
/// replaced when the server refuses it.
///
/// Clones share one cache.
#[derive(Debug)]
pub struct CachedAuthenticator<S: TokenSource> {
    cache: TokenCache<S>,
}

impl<S: TokenSource> CachedAuthenticator<S> {
    /// An authenticator with the default [`TokenCacheOptions`].
    pub fn new(source: S) -> Self {
        Self { cache: TokenCache::new(source) }
    }

    /// An authenticator with options of your own. Many may share them in one `Arc`.
    pub fn with_options(source: S, options: impl Into<Arc<TokenCacheOptions>>) -> Self {
        Self { cache: TokenCache::with_options(source, options) }
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

    async fn refused(&self, rejected: &HeaderValue) -> Result<Replay, AuthError> {
        Ok(self.cache.refused(rejected))
    }

    fn connect(&self, oauth: &OAuthClient) -> Result<(), AuthError> {
        self.cache.check()?;
        self.cache.source().connect(oauth)
    }

    fn client_id(&self) -> Option<&str> {
        self.cache.source().client_id()
    }
}

/// Has an authenticator sign by the [`CachedAuthenticator`] in its field `inner`, which is nobody else's
/// business: so its source can stay private.
macro_rules! signs_by_its_cache {
    ($name:ident) => {
        impl $name {
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

            async fn refused(
                &self,
                rejected: &reqwest::header::HeaderValue,
            ) -> Result<$crate::auth::Replay, $crate::auth::AuthError> {
                self.inner.refused(rejected).await
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
        }
    };
}

pub(super) use signs_by_its_cache;
