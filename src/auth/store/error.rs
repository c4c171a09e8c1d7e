//! Why a token could not be kept or read.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why a token could not be kept or read. No text of it shows a token.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused.
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
    #[error("{path} is damaged or no token file: {reason}; move it away and log in again")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was wrong with it; never a part of it.
        reason: String,
    },
    /// Somebody else has saved a token meanwhile, and that one stays.
    #[error("a token of version {stored} is there already, so version {offered} is not saved")]
    Stale {
        /// The version that is kept.
        stored: u64,
        /// The version that was to be saved.
        offered: u64,
    },
    /// The store did not answer in time.
    #[error("the token store did not answer within {limit:?}")]
    TimedOut {
        /// The limit for one operation.
        limit: Duration,
    },
    /// An error of a store of the user's own.
    #[error("{message}")]
    Custom {
        /// What went wrong, without secrets.
        message: String,
    },
}

impl StoreError {
    /// An error of a store of your own. Its text must not show a token.
    pub fn custom(message: impl Into<String>) -> Self {
        Self::Custom { message: message.into() }
    }
}

fn hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "; create its directory first",
        io::ErrorKind::PermissionDenied => "; give this user the right to",
        io::ErrorKind::StorageFull => "; make room on the disk",
        io::ErrorKind::ReadOnlyFilesystem => "; choose a place that can be written to",
        _ => "",
    }
}
