//! One entry of the keyring. Everything here blocks.

use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error, get_default_store};
use zeroize::Zeroizing;

use super::KeyringError;
use crate::auth::{StoreError, StoredToken};

/// What the keyring keeps for a key, if it does.
pub(super) struct Item(Entry);

impl Item {
    /// The one called `name`, in `keyring` or in the default one.
    pub(super) fn of(
        keyring: Option<Arc<CredentialStore>>,
        service: &str,
        name: &str,
    ) -> Result<Self, StoreError> {
        let keyring = keyring.or_else(get_default_store).ok_or(KeyringError::NoDefaultStore)?;
        let entry = keyring.build(service, name, None).map_err(KeyringError::of)?;
        Ok(Self(entry))
    }

    pub(super) fn read(&self) -> Result<Option<StoredToken>, StoreError> {
        let secret = match self.0.get_secret() {
            Ok(secret) => Zeroizing::new(secret),
            Err(Error::NoEntry) => return Ok(None),
            Err(error) => return Err(KeyringError::of(error).into()),
        };
        let no_text = |_| StoreError::unreadable("it is no text");
        StoredToken::from_text(std::str::from_utf8(&secret).map_err(no_text)?).map(Some)
    }

    /// As bytes: of a text Windows keeps half as many characters.
    pub(super) fn write(&self, token: &StoredToken) -> Result<(), StoreError> {
        let text = token.to_text();
        let written = self.0.set_secret(text.expose().as_bytes());
        written.map_err(|error| KeyringError::of_writing(error, text.expose().len()).into())
    }

    pub(super) fn remove(&self) -> Result<(), StoreError> {
        match self.0.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(KeyringError::of(error).into()),
        }
    }
}
