//! Who signs a request, and with which token.
//!
//! An [`Authenticator`] is the plug: [`TokenAuthenticator`] holds one token,
//! [`CredentialsAuthenticator`] requests tokens on demand; [`AuthorizationCodeAuthenticator`],
//! [`PkceAuthenticator`] and [`TokenSwapAuthenticator`] act for a user who has logged in. Those
//! that refresh differ only in how a token is requested, which is a [`TokenSource`]; each has a
//! [`TokenCache`], and may have a [`TokenStore`] in which its token outlives the program.
//!
//! To write one of your own, implement [`TokenSource`] and get the cache for free through
//! [`CachedAuthenticator`], or implement [`Authenticator`] from scratch.
//!
//! What concerns one user stays with that user: each authenticator has a token, a back-off and a
//! key of its own, whatever options, stores and clients it shares with others.

mod authenticator;
mod cache;
mod cached;
mod credentials;
mod error;
mod event;
mod fixed;
mod refreshing;
mod source;
mod store;
mod unsettled;

pub use crate::backoff::Backoff;
pub use authenticator::{Authenticator, Rejection, RejectionReason, Replay, Unfinished};
pub(crate) use cache::settle_tasks;
pub use cache::{CacheStats, Clock, Now, SystemClock, TokenCache, TokenCacheOptions};
#[cfg(feature = "redis")]
pub(crate) use cache::{Event, Listener};
pub use cached::CachedAuthenticator;
pub use credentials::CredentialsAuthenticator;
pub use error::AuthError;
pub use event::{TokenEvent, TokenEventKind};
pub use fixed::TokenAuthenticator;
pub use refreshing::{AuthorizationCodeAuthenticator, PkceAuthenticator, TokenSwapAuthenticator};
pub use source::TokenSource;
pub use store::{
    FileTokenStore, LoginId, MemoryTokenStore, RefreshLock, Revision, StoreError, StoredToken,
    TokenKey, TokenKeyError, TokenStore, TokenText,
};
#[cfg(feature = "keyring")]
#[cfg_attr(docsrs_spotify_web, doc(cfg(feature = "keyring")))]
pub use store::{KeyringError, KeyringTokenStore};
pub use unsettled::{Unsettled, UnsettledLogin};
