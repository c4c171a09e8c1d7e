//! Why signing in failed.

use std::io;
use std::time::Duration;

use crate::oauth::{LoginError, OAuthError};
use crate::report::{debug_for_people, says_it_all};

/// Why signing in returned no token. All texts say what to do, and none shows a secret.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The login cannot begin, or the user or the accounts service rejected it.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The code could not be exchanged, or no token can be requested at all.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The login has no PKCE, so that its code could not be exchanged without a secret. Nothing was
    /// opened.
    #[error("signing in on a desktop needs PKCE; make the login with `Login::pkce`")]
    WithoutPkce,
    /// The redirect URI does not lead to a port of this machine. Nothing was opened.
    #[error(
        "the redirect URI `{redirect_uri}` does not lead to this program; use one such as \
         http://127.0.0.1:8888/callback"
    )]
    Redirect {
        /// The one that was given.
        redirect_uri: String,
    },
    /// The port of the redirect URI could not be bound. Nothing was opened.
    #[error(
        "port {port} of the redirect URI could not be bound; end the program that uses it, or register \
         another port"
    )]
    Port {
        /// Which port; 0 where any would have done.
        port: u16,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The user did not come back in time.
    #[error("the user did not log in within {limit:?}; start again")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The runtime has ended.
    #[error("the runtime ended before the user had logged in; start again")]
    Interrupted,
}

debug_for_people! {
    SignInError, says_it_all;
    fields
        Redirect { redirect_uri }
        Port { port, source }
        TimedOut { limit };
    values Login OAuth;
    words WithoutPkce Interrupted;
}
