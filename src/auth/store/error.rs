//! Why a token could not be kept or read.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::transport::lacks_io;

/// Why a token could not be kept or read. No text of it shows a token.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An operation of the file system failed.
    #[error("{path} cannot be {action}{}", hint(source.kind()))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was to be done with it, as in "cannot be read".
        action: &'static str,
        /// Why not.
        #[source]
        source: Arc<io::Error>,
    },
    /// The file is not one of this store's, or is damaged. It is left as it is.
    #[error(
        "{path} is damaged or not a token file: {reason}; move it away, and users log in again"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was wrong with it; never a part of it.
        reason: String,
    },
    /// A text is not one of [`StoredToken::to_text`](super::StoredToken::to_text), or is damaged.
    #[error(
        "this is not a valid stored token: {reason}; remove the entry, and its user logs in again"
    )]
    Unreadable {
        /// What was wrong with it; never a part of it.
        reason: String,
    },
    /// Another writer has replaced or removed the entry meanwhile, and what is there stays.
    #[error("the entry of the token store was replaced or removed meanwhile, and stays as it is")]
    Stale,
    /// The store did not respond in time.
    #[error("the token store did not respond within {limit:?}")]
    TimedOut {
        /// The limit for one operation.
        limit: Duration,
    },
    /// There can be no locks in this place. Tokens are saved all the same, but two processes must
    /// not share it.
    #[error("{reason}; let only one process use it, or choose a place with locks")]
    NoLocks {
        /// Why not.
        reason: String,
    },
    /// The server that a fleet shares failed, or does not fit.
    #[cfg(feature = "redis")]
    #[error(transparent)]
    Fleet(#[from] crate::fleet::FleetError),
    /// The keyring of the system failed, or does not fit.
    #[cfg(feature = "keyring")]
    #[error(transparent)]
    Keyring(#[from] super::KeyringError),
    /// The store panicked on a tokio runtime without IO, on which nothing can be connected.
    #[error("the token store needs a tokio runtime with IO enabled (`enable_io` or `enable_all`)")]
    NoIo,
    /// An error of a store of the user's own.
    #[error("{message}")]
    Custom {
        /// What went wrong, without secrets.
        message: String,
        /// Whether it may pass by itself.
        transient: bool,
    },
}

impl StoreError {
    /// A transient error of a store of your own, such as a connection that was lost. Its text must
    /// not show a token.
    pub fn custom(message: impl Into<String>) -> Self {
        Self::Custom { message: message.into(), transient: true }
    }

    /// The same for what does not pass until somebody does something about it, such as a table or a
    /// right that is lacking. The cache goes on trying; but a caller that waits for a save, as
    /// [`settle`](super::super::TokenCache::settle) does, is told at once.
    ///
    /// ```
    /// use spotify_web::auth::StoreError;
    ///
    /// // What a store makes of its database's errors, here by their SQLSTATE.
    /// fn store_error(sqlstate: &str, text: &str) -> StoreError {
    ///     match sqlstate {
    ///         // No such table, no such column, no right to it.
    ///         "42P01" | "42703" | "42501" => StoreError::permanent(text),
    ///         _ => StoreError::custom(text),
    ///     }
    /// }
    /// assert!(!store_error("42P01", "relation \"logins\" does not exist").is_transient());
    /// assert!(store_error("08006", "connection failure").is_transient());
    /// ```
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Custom { message: message.into(), transient: false }
    }

    /// Whether it may pass by itself. One that does not needs somebody: a file that is damaged,
    /// another thing in its place, a right that is lacking. A directory that is missing may be a
    /// mount that comes back.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Io { source, .. } => !needs_somebody(source.kind()),
            Self::Corrupt { .. } | Self::Unreadable { .. } | Self::NoLocks { .. } | Self::NoIo => {
                false
            }
            Self::Stale | Self::TimedOut { .. } => true,
            Self::Custom { transient, .. } => *transient,
            #[cfg(feature = "redis")]
            Self::Fleet(error) => error.is_transient(),
            #[cfg(feature = "keyring")]
            Self::Keyring(error) => error.is_transient(),
        }
    }

    /// What kept a task from saving.
    pub(in crate::auth) fn of_obstacle(obstacle: &(dyn std::error::Error + 'static)) -> Self {
        let own = obstacle.downcast_ref::<Self>().cloned();
        own.unwrap_or_else(|| Self::custom(obstacle.to_string()))
    }

    /// What a panic of the store comes to.
    pub(in crate::auth) fn of_panic() -> Self {
        if lacks_io() { Self::NoIo } else { Self::custom("the token store panicked") }
    }

    pub(super) fn unreadable(reason: impl Into<String>) -> Self {
        Self::Unreadable { reason: reason.into() }
    }
}

fn needs_somebody(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidFilename
    )
}

fn hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "; create its directory first",
        io::ErrorKind::PermissionDenied => "; give this user the right to",
        io::ErrorKind::StorageFull => "; make room on the disk",
        io::ErrorKind::ReadOnlyFilesystem => "; choose a place that can be written to",
        io::ErrorKind::IsADirectory => "; it is a directory: name a file",
        _ => "",
    }
}
