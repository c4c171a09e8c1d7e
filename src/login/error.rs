//! Why nobody was signed in.

use std::io;
use std::time::Duration;

use crate::oauth::{LoginError, OAuthError};

/// Why signing in brought no token. All texts say what to do, and none shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The login cannot begin, or the user or the accounts service refused it.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The code could not be turned in.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The redirect URI leads to no loopback address.
    #[error(
        "the redirect URI `{redirect_uri}` leads elsewhere; use one such as http://127.0.0.1:8888/callback"
    )]
    Redirect {
        /// The one that was given.
        redirect_uri: String,
    },
    /// The port of the redirect URI cannot be had.
    #[error(
        "port {port} of the redirect URI cannot be had; end the program that has it, or register another"
    )]
    Port {
        /// Which port.
        port: u16,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The user did not come back in time.
    #[error("nobody logged in within {limit:?}; start again")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The runtime has ended.
    #[error("the runtime ended before anybody had logged in; start again")]
    Interrupted,
}
