//! How tokens are requested: grants, answers and their errors (OAuth 2.0, [RFC 6749]).
//!
//! [`OAuthClient`] sends one token request and says what came of it. It keeps nothing: caching and
//! refreshing are the business of [`auth`](crate::auth).
//!
//! The implicit grant is not here: Spotify ended it in November 2025, since it puts tokens into
//! addresses.
//!
//! [RFC 6749]: https://www.rfc-editor.org/rfc/rfc6749

mod answer;
mod client;
mod client_credentials;
mod error;
mod request;
mod scope;
mod secret;
mod token;

pub use client::{OAuthClient, OAuthConfig};
pub use client_credentials::ClientCredentialsRequest;
pub use error::{OAuthError, OAuthErrorCode};
pub use request::{TokenForm, TokenRequest};
pub use scope::{Scope, ScopeError};
pub use secret::{AccessToken, ClientSecret, RefreshToken};
pub use token::Token;
