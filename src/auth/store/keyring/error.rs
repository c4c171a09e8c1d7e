//! Why the keyring did not do what it was to do.

use keyring_core::Error;
use zeroize::Zeroize;

/// Why the keyring of the system did not keep or return a token. No text of it shows a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The program has not chosen a keyring.
    #[error(
        "no keyring was chosen; call `keyring_core::set_default_store` with one at the start of \
         the program, or `with_keyring`"
    )]
    NoDefaultStore,
    /// The keyring is locked, or this program may not use it.
    #[error("the keyring is locked or denies access: {reason}; unlock it, or allow this program")]
    NoAccess {
        /// What the keyring says.
        reason: String,
    },
    /// Several entries have the name of this one, and nobody can tell which of them is right.
    #[error(
        "the keyring has {entries} entries in the place of one; remove them in the keyring's own \
         program, and the user logs in again"
    )]
    Ambiguous {
        /// How many there are.
        entries: usize,
    },
    /// The token is longer than what the keyring keeps. What was kept before is still there.
    #[error(
        "the keyring keeps at most {limit} bytes, and the token has {length}; ask for fewer \
         scopes, or use another store"
    )]
    TooLong {
        /// The limit, in bytes.
        limit: u32,
        /// How long the token's text is, in bytes.
        length: usize,
    },
    /// The keyring does not do such a thing, or not with this name of a service.
    #[error("the keyring refuses: {reason}")]
    Refused {
        /// What the keyring says.
        reason: String,
    },
    /// What the keyring holds is damaged. It is left as it is.
    #[error("the keyring is damaged: {reason}")]
    Damaged {
        /// What the keyring says of it, without what was found.
        reason: String,
    },
    /// The keyring failed, as when its service does not run.
    #[error("the keyring failed: {reason}")]
    Failed {
        /// What the keyring says.
        reason: String,
    },
}

impl KeyringError {
    /// Whether it may pass by itself. All but a failure of the keyring's service need somebody: the
    /// user, who unlocks it, or who writes the program.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// Its texts are taken, and nothing else: some errors hold the secret that was read.
    pub(super) fn of(error: Error) -> Self {
        match error {
            Error::NoDefaultStore => Self::NoDefaultStore,
            Error::PlatformFailure(error) => Self::Failed { reason: error.to_string() },
            Error::NoStorageAccess(error) => Self::NoAccess { reason: error.to_string() },
            Error::Ambiguous(entries) => Self::Ambiguous { entries: entries.len() },
            Error::BadEncoding(secret) | Error::BadDataFormat(secret, _) => damaged(secret),
            Error::BadStoreFormat(reason) => Self::Damaged { reason },
            Error::TooLong(name, limit) => {
                Self::Refused { reason: format!("{name} is longer than {limit}") }
            }
            Error::Invalid(name, reason) => Self::Refused { reason: format!("{name} {reason}") },
            Error::NotSupportedByStore(reason) => Self::Refused { reason },
            other => Self::Failed { reason: other.to_string() },
        }
    }

    /// The same for a write of `length` bytes.
    pub(super) fn of_writing(error: Error, length: usize) -> Self {
        match error {
            // A backend calls it a secret, a password or a blob; names are much shorter.
            Error::TooLong(_, limit) if usize::try_from(limit).is_ok_and(|it| it < length) => {
                Self::TooLong { limit, length }
            }
            error => Self::of(error),
        }
    }
}

fn damaged(mut secret: Vec<u8>) -> KeyringError {
    secret.zeroize();
    KeyringError::Damaged { reason: "an entry has not the form that it was given".to_owned() }
}
