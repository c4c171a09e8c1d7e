//! Tokens that act for a user: from one login on, refreshed for as long as it lasts.

use std::fmt;
use std::sync::OnceLock;

use async_trait::async_trait;

use super::cached::signs_by_its_cache;
use super::{AuthError, Authenticator, CachedAuthenticator, TokenSource};
use crate::oauth::{ClientSecret, OAuthApp, OAuthClient, RefreshRequest, Token};
use crate::transport::shown_url;

/// Defines an authenticator that refreshes; they differ in how an app proves who it is.
macro_rules! refreshing {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Clones share one token. Give it a store ([`with_store`](Self::with_store)), so that the
        /// login outlives the program: a refresh token that is rotated is saved before the new
        /// access token is used.
        #[derive(Debug, Clone)]
        pub struct $name {
            inner: CachedAuthenticator<RefreshSource>,
        }

        impl $name {
            /// Takes over the token of a login, in place of one before, and saves it where there is
            /// a store.
            ///
            /// Another process that shares the store, and in which nobody was logged in or the
            /// login had ended, notices at its first call after up to 60 s, or after
            /// [`reset`](Self::reset).
            ///
            /// # Errors
            ///
            /// As [`TokenCache::log_in`](super::TokenCache::log_in).
            pub async fn log_in(&self, token: Token) -> Result<(), AuthError> {
                self.inner.cache().log_in(token).await
            }

            /// Whether the user must log in, because nobody has yet or because the login has ended.
            ///
            /// # Errors
            ///
            /// As [`TokenCache::needs_login`](super::TokenCache::needs_login).
            pub async fn needs_login(&self) -> Result<bool, AuthError> {
                self.inner.cache().needs_login().await
            }

            /// Scopes that the program needs. A stored login that lacks one needs a login, and
            /// [`AuthError::MissingScopes`] says which.
            ///
            /// Like every `with_` method, this makes an authenticator that has no token yet: call
            /// it before a login, or give it a store.
            #[must_use]
            pub fn with_required_scopes<T: Into<String>>(
                self,
                scopes: impl IntoIterator<Item = T>,
            ) -> Self {
                Self { inner: self.inner.with_required_scopes(scopes) }
            }

            /// The scopes that the user has granted, as the accounts service said them.
            ///
            /// `None` while no login is here, and where the accounts service did not say. A login
            /// in the store is here after the first call or after
            /// [`needs_login`](Self::needs_login).
            pub fn granted_scopes(&self) -> Option<Vec<String>> {
                self.inner.cache().granted_scopes()
            }

            /// Ends the login here, in the store and, at their next refresh, in other processes
            /// that share it: until then, up to an hour, they go on with the access token that they
            /// have.
            ///
            /// # Errors
            ///
            /// As [`TokenCache::log_out`](super::TokenCache::log_out).
            pub async fn log_out(&self) -> Result<(), AuthError> {
                self.inner.cache().log_out().await
            }

            fn of(source: RefreshSource) -> Self {
                Self { inner: CachedAuthenticator::new(source) }
            }
        }

        signs_by_its_cache!($name, Authenticator::login_number);
    };
}

refreshing!(
    /// Signs for a user who logged in to an app that keeps a secret: the authorization code flow
    /// ([RFC 6749, section 4.1]).
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let config = fake.config();
    /// use spotify_web::SpotifyClient;
    /// use spotify_web::auth::AuthorizationCodeAuthenticator;
    /// use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient};
    ///
    /// let login = Login::authorization_code("CLIENT_ID", "https://example.test/callback");
    /// # let login = login.with_authorize_url(fake.authorize_url());
    /// let pending = login.begin()?;
    /// // The user opens `pending.url()`, agrees, and comes back to this URL.
    /// # let redirect = fake.agree(pending.url());
    /// let code = pending.finish(&redirect)?;
    ///
    /// let request = AuthorizationCodeRequest::confidential("CLIENT_ID", "CLIENT_SECRET", code);
    /// let token = OAuthClient::new(&config).request_token(request).await?;
    ///
    /// let authenticator = AuthorizationCodeAuthenticator::new("CLIENT_ID", "CLIENT_SECRET");
    /// authenticator.log_in(token).await?;
    /// let spotify = SpotifyClient::new(config.with_authenticator(authenticator))?;
    /// println!("{:?}", spotify.users().me().await?.display_name);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    ///
    /// [RFC 6749, section 4.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1
    AuthorizationCodeAuthenticator
);

impl AuthorizationCodeAuthenticator {
    /// Takes the app's id and secret. Nobody has logged in yet.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<ClientSecret>) -> Self {
        Self::of(RefreshSource::new(OAuthApp::confidential(client_id, client_secret), None))
    }
}

refreshing!(
    /// Signs for a user who logged in to an app that keeps no secret, with PKCE ([RFC 7636]).
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let config = fake.config();
    /// use spotify_web::SpotifyClient;
    /// use spotify_web::auth::PkceAuthenticator;
    /// use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient};
    ///
    /// let login = Login::pkce("CLIENT_ID", "http://127.0.0.1:8888/callback");
    /// # let login = login.with_authorize_url(fake.authorize_url());
    /// let pending = login.begin()?;
    /// # let redirect = fake.agree(pending.url());
    /// let code = pending.finish(&redirect)?;
    ///
    /// let request = AuthorizationCodeRequest::public("CLIENT_ID", code);
    /// let token = OAuthClient::new(&config).request_token(request).await?;
    ///
    /// let authenticator = PkceAuthenticator::new("CLIENT_ID");
    /// authenticator.log_in(token).await?;
    /// let spotify = SpotifyClient::new(config.with_authenticator(authenticator))?;
    /// println!("{:?}", spotify.users().me().await?.display_name);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    ///
    /// [RFC 7636]: https://www.rfc-editor.org/rfc/rfc7636
    PkceAuthenticator
);

impl PkceAuthenticator {
    /// Takes the app's id. Nobody has logged in yet.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self::of(RefreshSource::new(OAuthApp::public(client_id), None))
    }
}

refreshing!(
    /// Signs for a user who logged in to an app whose secret a token swap server of yours holds.
    ///
    /// The code goes to the server's URL for swapping, by
    /// [`AuthorizationCodeRequest::swap`](crate::oauth::AuthorizationCodeRequest::swap); refresh
    /// tokens go to its URL for refreshing, which this takes.
    ///
    /// <https://developer.spotify.com/documentation/ios/concepts/token-swap-and-refresh>
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let config = fake.config();
    /// # let (swap_url, refresh_url) = (fake.swap_url(), fake.refresh_url());
    /// use spotify_web::auth::TokenSwapAuthenticator;
    /// use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient};
    ///
    /// let login = Login::authorization_code("CLIENT_ID", "my-app://callback");
    /// # let login = login.with_authorize_url(fake.authorize_url());
    /// let pending = login.begin()?;
    /// # let redirect = fake.agree(pending.url());
    /// let code = pending.finish(&redirect)?;
    ///
    /// let swap = OAuthClient::new(&config).at(&swap_url);
    /// let token = swap.request_token(AuthorizationCodeRequest::swap(code)).await?;
    ///
    /// let authenticator = TokenSwapAuthenticator::new(refresh_url);
    /// authenticator.log_in(token).await?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    TokenSwapAuthenticator
);

impl TokenSwapAuthenticator {
    /// Takes the server's URL for refreshing. Nobody has logged in yet.
    pub fn new(refresh_url: impl Into<String>) -> Self {
        Self::of(RefreshSource::new(OAuthApp::Swap, Some(refresh_url.into())))
    }
}

/// Exchanges the refresh token of the token before.
struct RefreshSource {
    app: OAuthApp,
    /// Where, if not where the client requests its tokens.
    refresh_url: Option<String>,
    oauth: OnceLock<OAuthClient>,
}

impl RefreshSource {
    fn new(app: OAuthApp, refresh_url: Option<String>) -> Self {
        Self { app, refresh_url, oauth: OnceLock::new() }
    }

    fn at_its_url(&self, oauth: &OAuthClient) -> OAuthClient {
        self.refresh_url.as_ref().map_or_else(|| oauth.clone(), |url| oauth.at(url))
    }
}

impl fmt::Debug for RefreshSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshSource")
            .field("app", &self.app)
            .field("refresh_url", &self.refresh_url.as_deref().map(shown_url))
            .field("oauth", &self.oauth.get())
            .finish()
    }
}

#[async_trait]
impl TokenSource for RefreshSource {
    async fn request_token(&self, previous: Option<&Token>) -> Result<Token, AuthError> {
        let refresh_token = previous.and_then(|token| token.refresh_token.clone());
        let refresh_token = refresh_token.ok_or(AuthError::NotLoggedIn)?;
        let oauth = self.oauth.get().ok_or(AuthError::NotConnected)?;
        let request = RefreshRequest::by(self.app.clone(), refresh_token);
        Ok(oauth.request_token(request).await?)
    }

    fn connect(&self, oauth: &OAuthClient) -> Result<(), AuthError> {
        self.app.check()?;
        Ok(self.oauth.get_or_init(|| self.at_its_url(oauth)).check_url()?)
    }

    fn client_id(&self) -> Option<&str> {
        self.app.client_id()
    }
}
