//! Tokens in the system's keyring.

mod error;
mod item;
mod locks;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use keyring_core::CredentialStore;

use self::item::Item;
use self::locks::LockFiles;
use super::key::digest;
use super::locks::{KeyGuard, KeyLocks};
use super::threads::Threads;
use super::{RefreshLock, Revision, StoreError, StoredToken, TokenKey, TokenStore, check_replaces};

pub use error::KeyringError;

/// Keeps tokens in the keyring of the operating system, which the user's own login unlocks.
///
/// The keyring is one for [`keyring_core`](https://docs.rs/keyring-core): the program chooses a
/// backend, and either makes it the default with `keyring_core::set_default_store` before the first
/// call, or hands it to [`with_keyring`](Self::with_keyring).
///
/// Each [`TokenKey`] has one entry, whose service is the name given here, and whose user is a digest
/// of the key: names of users may be longer than a keyring allows, and Windows ignores their case.
/// Its secret is [`StoredToken::to_text`] in UTF-8, some 1,500 bytes for a login with all scopes.
///
/// | backend | keeps at most | while it is locked |
/// |---|---|---|
/// | Windows, `windows-native-keyring-store` | 2,560 bytes | never, in a session of the user |
/// | macOS and iOS, `apple-native-keyring-store` | no limit that matters here | asks the user |
/// | Secret Service, `dbus-secret-service-keyring-store`, `zbus-secret-service-keyring-store` | no limit that matters here | asks the user; where nobody can be asked, [`KeyringError::NoAccess`] |
/// | Linux kernel, `linux-keyutils-keyring-store` | 32 KiB; forgets them when the machine stops, or after days without use | never |
///
/// What is too long for the keyring is [`KeyringError::TooLong`], and what was kept before stays.
/// While the user is asked, other calls for the key wait; the token cache gives each of them up
/// after 5 s, and a later one finds the keyring unlocked, or asks again. No call blocks a thread of the runtime or
/// its shutdown: a keyring that hangs costs a thread of its own for each key, at most four for a
/// store.
///
/// # Several processes
///
/// A keyring replaces an entry without looking, and locks nothing. So the writes and refreshes of
/// several processes are kept apart by lock files without content, in the directory that the system
/// has for this user's processes:
///
/// | | directory |
/// |---|---|
/// | Linux and other Unix | `XDG_RUNTIME_DIR`; where there is none, as in a job of cron, none |
/// | macOS, iOS, Windows | the user's own for temporary files |
///
/// Without one, only one process may use the keyring at a time: the listener is told
/// [`StoreError::NoLocks`], and all stores of the process keep their writes and refreshes apart in
/// memory. [`with_lock_directory`](Self::with_lock_directory) names another.
///
/// ```
/// use spotify_web::auth::{KeyringTokenStore, PkceAuthenticator, TokenKey};
///
/// # fn main() -> Result<(), keyring_core::Error> {
/// // Here one in memory, for tests; `dbus_secret_service_keyring_store::Store::new()?` on Linux.
/// keyring_core::set_default_store(keyring_core::mock::Store::new()?);
/// let authenticator = PkceAuthenticator::new("CLIENT_ID")
///     .with_store(KeyringTokenStore::new("my-program"), TokenKey::new("CLIENT_ID"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KeyringTokenStore {
    service: Arc<str>,
    keyring: Option<Arc<CredentialStore>>,
    lock_files: Option<LockFiles>,
    threads: Threads,
}

impl KeyringTokenStore {
    /// A store whose entries have the service `service`, by which users find them in their keyring:
    /// the name of the program. Keyrings refuse an empty one.
    pub fn new(service: impl Into<String>) -> Self {
        let service: Arc<str> = Arc::from(service.into());
        let lock_files = locks::of_this_user().map(|place| LockFiles::new(&place, &service));
        Self { service, keyring: None, lock_files, threads: Threads::named("token-keyring") }
    }

    /// Uses `keyring` in place of the default one, which is looked up at each call.
    #[must_use]
    pub fn with_keyring(self, keyring: Arc<CredentialStore>) -> Self {
        Self { keyring: Some(keyring), ..self }
    }

    /// Keeps the lock files of several processes in `directory`, which must exist, and be the same
    /// for all of them. No other user should be able to write there.
    #[must_use]
    pub fn with_lock_directory(self, directory: impl Into<PathBuf>) -> Self {
        let lock_files = Some(LockFiles::new(&directory.into(), &self.service));
        Self { lock_files, ..self }
    }

    /// Threads that use one entry at once may see the writes of each other in any order, so there is
    /// one. Work that was given up keeps the entry until it has ended.
    async fn blocking<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce(&Item) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let name = digest(&turn.key().to_string());
        let service = Arc::clone(&self.service);
        let keyring = self.keyring.clone();
        let work = move || {
            let done = Item::of(keyring, &service, &name).and_then(|item| work(&item));
            drop(turn);
            done
        };
        self.threads.run(work).await
    }

    /// Of one who reads.
    async fn turn(&self, key: &TokenKey) -> Turn {
        Turn { here: USED.lock(&self.place(key)).await, _elsewhere: None }
    }

    /// Of one who writes, and keeps the writers of other processes away. Who waits for these keeps no
    /// reader waiting.
    async fn write_turn(&self, key: &TokenKey) -> Result<Turn, StoreError> {
        let elsewhere = match &self.lock_files {
            Some(files) => Some(files.writing(key).await?),
            None => None,
        };
        Ok(Turn { _elsewhere: elsewhere, ..self.turn(key).await })
    }

    fn place(&self, key: &TokenKey) -> Place {
        (Arc::clone(&self.service), key.clone())
    }
}

/// Shows nothing of the keyring, whose `Debug` may show what it keeps.
impl fmt::Debug for KeyringTokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringTokenStore").field("service", &self.service).finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenStore for KeyringTokenStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.blocking(self.turn(key).await, Item::read).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        let token = token.clone();
        let turn = self.write_turn(key).await?;
        self.blocking(turn, move |item| {
            check_replaces(item.read()?.map(|there| there.revision()), replaces)?;
            item.write(&token)
        })
        .await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.blocking(self.write_turn(key).await?, Item::remove).await
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        match &self.lock_files {
            Some(files) => files.refreshing(key).await,
            None => {
                let guard = REFRESHED.lock(&self.place(key)).await;
                Ok(RefreshLock::within_process(guard, locks::none()))
            }
        }
    }
}

/// Keeps others from an entry, until it is dropped.
struct Turn {
    here: KeyGuard<Place>,
    _elsewhere: Option<RefreshLock>,
}

impl Turn {
    fn key(&self) -> &TokenKey {
        &self.here.key().1
    }
}

/// An entry, by its service and key.
type Place = (Arc<str>, TokenKey);

/// What this process reads or writes at present, by all its stores.
static USED: LazyLock<KeyLocks<Place>> = LazyLock::new(KeyLocks::default);

/// What it refreshes without lock files.
static REFRESHED: LazyLock<KeyLocks<Place>> = LazyLock::new(KeyLocks::default);
