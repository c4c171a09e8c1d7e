//! How tokens are requested: grants, responses and their errors (OAuth 2.0, [RFC 6749]).
//!
//! | flow | login | request | authenticator |
//! |---|---|---|---|
//! | client credentials: no user | none | [`ClientCredentialsRequest`] | [`CredentialsAuthenticator`] |
//! | authorization code: an app with a secret | [`Login::authorization_code`] | [`AuthorizationCodeRequest::confidential`] | [`AuthorizationCodeAuthenticator`] |
//! | PKCE: an app without | [`Login::pkce`] | [`AuthorizationCodeRequest::public`] | [`PkceAuthenticator`] |
//! | token swap: a server of yours has it | [`Login::authorization_code`] | [`AuthorizationCodeRequest::swap`] | [`TokenSwapAuthenticator`] |
//!
//! [`OAuthClient`] sends one token request and returns the token or a typed error. It keeps
//! nothing: caching and refreshing are the business of [`auth`](crate::auth).
//!
//! The implicit grant is not here: Spotify ended it in November 2025, since it puts tokens into
//! URLs.
//!
//! [`CredentialsAuthenticator`]: crate::auth::CredentialsAuthenticator
//! [`AuthorizationCodeAuthenticator`]: crate::auth::AuthorizationCodeAuthenticator
//! [`PkceAuthenticator`]: crate::auth::PkceAuthenticator
//! [`TokenSwapAuthenticator`]: crate::auth::TokenSwapAuthenticator
//! [RFC 6749]: https://www.rfc-editor.org/rfc/rfc6749

mod app;
mod client;
mod client_credentials;
mod code;
mod error;
mod limit;
mod login;
mod login_error;
mod named_secrets;
mod pkce;
mod refresh;
mod request;
mod response;
mod scope;
mod scrub;
mod secret;
mod token;
mod turns;
mod under_way;

pub(crate) use app::OAuthApp;
pub use client::{OAuthClient, OAuthConfig};
pub use client_credentials::ClientCredentialsRequest;
pub use code::{AuthorizationCode, AuthorizationCodeRequest};
pub use error::{OAuthError, OAuthErrorCode};
pub(crate) use limit::{RequestLimit, RequestStep};
pub use login::{Login, PendingLogin};
pub use login_error::LoginError;
pub use refresh::RefreshRequest;
pub use request::{TokenForm, TokenRequest};
pub use scope::{Scope, ScopeError, Scopes};
pub(crate) use scrub::Scrubber;
pub use secret::{AccessToken, ClientSecret, PkceVerifier, RefreshToken};
pub use token::Token;
pub(crate) use turns::Turns;
pub(crate) use under_way::{Left, Obstacle, TaskGuard, Tasks, UnderWay, Whose};
