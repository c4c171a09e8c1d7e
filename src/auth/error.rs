//! Why a request could not be signed.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::{StoreError, TokenKey, Unsettled};
use crate::oauth::{OAuthError, OAuthErrorCode, Token};
use crate::report::{debug_for_people, says_it_all};
use crate::transport::lacks_io;

/// Why there is no token to sign a request with.
///
/// Cheap to clone: everyone who waited for one attempt gets the same error.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
// A tag as wide as what is beside it: a header in a `Result` is then moved by whole words, which
// takes a seventh off a hit.
#[repr(u64)]
pub enum AuthError {
    /// The token request failed.
    #[error("no access token could be obtained")]
    Request {
        /// Why, as the accounts service said it; its `Retry-After` may be longer than the cache
        /// waits.
        source: Arc<OAuthError>,
        /// After what time the token cache asks again, if a token is needed then; `None` where no
        /// cache has said so, and where waiting does not help.
        retry_in: Option<Duration>,
    },
    /// The refresh token has ended: six months after the login, or because it was revoked. Nothing
    /// is sent any more until the user has logged in again.
    #[error("the login has ended; the user must log in again")]
    LoginEnded {
        /// How the accounts service said so; `None` where the store does.
        #[source]
        source: Option<Arc<OAuthError>>,
    },
    /// There is no refresh token, neither from a login nor in the store: nobody has logged in yet,
    /// or the user has logged out.
    #[error("nobody is logged in; begin a login")]
    NotLoggedIn,
    /// The login lacks scopes that the program needs.
    #[error("the login lacks the scopes {}; the user must log in again and allow them", missing.join(", "))]
    MissingScopes {
        /// Which.
        missing: Vec<String>,
    },
    /// The token store failed, so that it is not known whether anybody is logged in, or whose token
    /// is the newest. Nothing is lost, and it is no log-out: it is tried again.
    #[error("the token store failed; no refresh token is sent until it works again")]
    Store {
        /// Why.
        source: Arc<StoreError>,
        /// After what time the token cache looks into it again, if a token is needed then; `None`
        /// where no cache has said so, and where waiting does not help.
        retry_in: Option<Duration>,
    },
    /// A log-out is not in the token store yet. It holds in this process, and saving is tried
    /// again; other processes that share the store do not know of it.
    #[error("the log-out could not be saved; it holds in this process alone")]
    NotSaved(#[source] StoreError),
    /// No token came in time. A request that is under way goes on.
    #[error("no access token came within {limit:?}")]
    TimedOut {
        /// The limit for one token request, or for how long a caller waits.
        limit: Duration,
    },
    /// Settling gave up: logins whose refresh has not ended, or whose store does not take them. All
    /// go on, and saving is tried again, as long as the program runs.
    #[error("{0}")]
    NotSettled(Unsettled),
    /// The authenticator does not know yet where to request its tokens.
    #[error("the authenticator is not connected; plug it into a SpotifyClient, or call `connect`")]
    NotConnected,
    /// The token's key names another app than the one whose tokens the authenticator requests.
    /// Nothing was sent, and the store was neither read nor written.
    #[error(
        "the key {key} is of another app than the authenticator; begin it with `TokenKey::new({client_id:?})`"
    )]
    KeyOfAnotherApp {
        /// The key that was given with the store.
        key: Arc<TokenKey>,
        /// The client id that the authenticator requests tokens with.
        client_id: String,
    },
    /// The token that came had already expired when it arrived.
    #[error("the new access token had already expired when it arrived")]
    ExpiredOnArrival,
    /// The token source returned the very token that the server has rejected.
    #[error("the token source returned the token that the server has rejected")]
    RejectedBefore,
    /// The user logged out or another one logged in while the call was made, or between the pages
    /// of a list or the batches of a long one. What was begun for one is not sent on for another:
    /// this attempt was not sent. Of a write, an attempt before it may have been carried out for
    /// the user who began it, which
    /// [`may_have_been_carried_out`](crate::Error::may_have_been_carried_out) says.
    ///
    /// It is not transient: whether the call is to be made for who is logged in now is for the
    /// program to say.
    #[error("another login began during the call; it goes on for nobody else")]
    OtherLogin,
    /// The token source or the store panicked.
    #[error("the token source or its store panicked; the next attempt starts anew")]
    SourcePanicked,
    /// The task that requested the token ended without a result, as when its runtime shuts down.
    #[error("the token request ended without a result; try again")]
    Interrupted,
    /// An option of the token cache is out of its range.
    #[error("token cache option {name} {reason}")]
    Option {
        /// Which option.
        name: &'static str,
        /// The range, and what to do.
        reason: &'static str,
    },
    /// The token source or the store asked for a token while it was being asked for one.
    #[error("a token was asked for from within the request for it; there is none to hand out yet")]
    WithinFetch,
    /// Not called from within a tokio runtime with time enabled.
    #[error("tokens need a tokio runtime with time enabled (`enable_time` or `enable_all`)")]
    NoRuntime,
    /// The token source panicked on a tokio runtime without IO, on which nothing can be connected.
    #[error("tokens need a tokio runtime with IO enabled (`enable_io` or `enable_all`)")]
    NoIo,
    /// The token cannot be sent: it is empty, or has characters that a header cannot carry.
    #[error("the access token is empty, or has characters that a header cannot carry")]
    Malformed,
    /// An error of an authenticator or token source of the user's own.
    #[error("{message}")]
    Custom {
        /// What went wrong, without secrets.
        message: String,
        /// Whether the same may well succeed later.
        transient: bool,
        /// What caused it.
        #[source]
        source: Option<Arc<dyn Error + Send + Sync>>,
    },
}

debug_for_people! {
    AuthError, says_it_all;
    fields
        Request { source, retry_in }
        Store { source, retry_in }
        LoginEnded { source }
        MissingScopes { missing }
        TimedOut { limit }
        KeyOfAnotherApp { key, client_id }
        Option { name, reason }
        Custom { message, transient, source };
    values NotSaved NotSettled;
    words
        NotLoggedIn NotConnected ExpiredOnArrival RejectedBefore OtherLogin SourcePanicked
        Interrupted WithinFetch NoRuntime NoIo Malformed;
}

impl AuthError {
    /// A transient error of an authenticator or token source of your own. Its texts must not show a
    /// secret.
    pub fn custom(
        message: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let source = Some(Arc::from(source.into()));
        Self::Custom { message: message.into(), transient: true, source }
    }

    /// The same for what will not pass by itself; it is retried at most once a minute.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Custom { message: message.into(), transient: false, source: None }
    }

    /// Whether the same may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Request { source, .. } => source.is_transient(),
            Self::Custom { transient, .. } => *transient,
            Self::Store { source, .. } => source.is_transient(),
            Self::NotSaved(error) => error.is_transient(),
            Self::NotSettled(unsettled) => unsettled.is_transient(),
            Self::TimedOut { .. }
            | Self::ExpiredOnArrival
            | Self::RejectedBefore
            | Self::SourcePanicked
            | Self::Interrupted => true,
            Self::LoginEnded { .. }
            | Self::NotLoggedIn
            | Self::MissingScopes { .. }
            | Self::OtherLogin
            | Self::NotConnected
            | Self::KeyOfAnotherApp { .. }
            | Self::Option { .. }
            | Self::WithinFetch
            | Self::NoRuntime
            | Self::NoIo
            | Self::Malformed => false,
        }
    }

    /// How long to wait before asking again: until then the token cache sends nothing, and returns
    /// this error. Counts from when the error was returned. `None` where it is not known, and where
    /// waiting does not help.
    ///
    /// Never longer than the cache itself waits, whatever the accounts service says: see
    /// [`with_max_retry_after`](super::TokenCacheOptions::with_max_retry_after). Outside of a cache
    /// it is the `Retry-After` of the accounts service.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Request { source, retry_in } => retry_in.or_else(|| source.retry_after()),
            Self::Store { retry_in, .. } => *retry_in,
            _ => None,
        }
    }

    /// Whether only a login of the user helps.
    pub fn needs_login(&self) -> bool {
        matches!(self, Self::LoginEnded { .. } | Self::NotLoggedIn | Self::MissingScopes { .. })
    }
}

impl AuthError {
    /// What a panic of the source comes to.
    pub(super) fn of_panic() -> Self {
        if lacks_io() { Self::NoIo } else { Self::SourcePanicked }
    }

    /// Whether it is the caller who has to do something, and the next one may have done it: there
    /// is nothing to wait for.
    pub(super) fn is_the_callers(&self) -> bool {
        match self {
            Self::NotConnected | Self::NoRuntime | Self::NoIo => true,
            Self::Store { source, .. } => matches!(**source, StoreError::NoIo),
            Self::Request { source, .. } => matches!(**source, OAuthError::NoRuntime),
            _ => false,
        }
    }

    /// An error of a grant without a user: nobody's login has ended, whatever the server says.
    pub(super) fn without_user(error: OAuthError) -> Self {
        Self::of_request(Arc::new(error))
    }

    /// A store that failed.
    pub(super) fn of_store(source: StoreError) -> Self {
        Self::Store { source: Arc::new(source), retry_in: None }
    }

    fn of_request(source: Arc<OAuthError>) -> Self {
        Self::Request { source, retry_in: None }
    }

    /// Says when the cache asks again, if waiting helps.
    pub(super) fn with_retry_in(mut self, wait: Option<Duration>) -> Self {
        let helps = self.is_transient() || self.retry_after().is_some();
        if let Self::Request { retry_in, .. } | Self::Store { retry_in, .. } = &mut self {
            *retry_in = wait.filter(|_| helps).or(*retry_in);
        }
        self
    }

    /// The same for a source that used `?`.
    pub(super) fn about_no_login(self) -> Self {
        match self {
            Self::LoginEnded { source: Some(source) } => Self::of_request(source),
            other => other,
        }
    }

    /// The token that a response carried although it could not be used.
    pub(super) fn carried_token(&self) -> Option<&Token> {
        match self {
            Self::Request { source, .. } => source.token(),
            _ => None,
        }
    }
}

/// `invalid_grant` ends the login, unless the response carries a refresh token all the same.
impl From<OAuthError> for AuthError {
    fn from(error: OAuthError) -> Self {
        match (error.token(), error.code()) {
            (None, Some(OAuthErrorCode::InvalidGrant)) if !error.is_transient() => {
                Self::LoginEnded { source: Some(Arc::new(error)) }
            }
            _ => Self::of_request(Arc::new(error)),
        }
    }
}
