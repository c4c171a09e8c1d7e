//! Tokens in a file.

mod disk;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;

use self::disk::Disk;
use super::locks::KeyLocks;
use super::threads::Threads;
use super::{RefreshLock, Revision, StoreError, StoredToken, TokenKey, TokenStore, check_replaces};

/// Keeps tokens in a JSON file that only this user can read.
///
/// The file is replaced as a whole: what is new is written beside it, synced, and renamed over it,
/// so that a crash leaves the old tokens or the new ones. Several processes may share it; a lock
/// file beside it (`.lock`) keeps their writes apart, and one for each key (in `.locks/`) their
/// refreshes. The system frees them when a process dies; the files stay, one without content for
/// each key that was ever refreshed, since a lock on a file that somebody removes keeps nobody
/// away. A file that cannot be understood is never overwritten, and one that was emptied after
/// tokens were kept in it is such a file; an entry that cannot be understood is left as it is, and
/// leaves all others in place. Remove the file, and all of its users log in again.
///
/// One file may hold the tokens of several users; each write replaces all of it, so it is meant for
/// a few: at most 16 MiB are read. Its directory must exist. Symbolic links are followed, and stay
/// as they are. Whatever lies at the path, no call blocks a thread of the runtime or its shutdown:
/// a file system that hangs costs a thread of its own, at most four for a store.
///
/// | | a private file | replacing a file | locks |
/// |---|---|---|---|
/// | Linux, Android, FreeBSD | mode 0600 | atomic, and synced with its directory | `flock`, also over NFS since Linux 2.6.12 |
/// | macOS | mode 0600 | atomic; `F_FULLFSYNC` by the standard library | `flock` |
/// | Windows | the directory's permissions decide | atomic; fails for a moment while another process reads it, and is then tried again later | `LockFileEx` |
///
/// Where the file system has no locks, [`StoreError::NoLocks`] is told to the listener, tokens are
/// saved all the same, and only one process may use the file; all stores of that process keep their
/// writes and refreshes apart in memory. In a place that cannot be written to, tokens are read and
/// refreshed as ever, and what cannot be saved is told; a refresh is refused only where the lock of
/// its key is there and may not be opened, since another user's process may hold it.
///
/// ```no_run
/// // Writes into the current directory.
/// use spotify_web::auth::{CredentialsAuthenticator, FileTokenStore, TokenKey};
///
/// let store = FileTokenStore::new("spotify-tokens.json");
/// let authenticator = CredentialsAuthenticator::new("CLIENT_ID", "SECRET")
///     .with_store(store, TokenKey::new("CLIENT_ID"));
/// ```
#[derive(Debug, Clone)]
pub struct FileTokenStore {
    path: Arc<Path>,
    threads: Threads,
}

impl FileTokenStore {
    /// A store in the file at `path`, which is made when the first token is saved.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: Arc::from(path.into()), threads: Threads::named("token-file") }
    }

    /// The keys of all logins in the file, and of apps' own tokens, in the order of their texts. Users
    /// who have logged out are not among them.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let file = std::env::temp_dir().join(format!("spotify-web-logins-{}", std::process::id()));
    /// use spotify_web::auth::{FileTokenStore, TokenStore};
    ///
    /// let store = FileTokenStore::new(&file);
    /// for key in store.logins().await? {
    ///     let login = store.load(&key).await?;
    /// }
    /// # Ok::<(), spotify_web::auth::StoreError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// A [`StoreError`] when the file cannot be read.
    pub async fn logins(&self) -> Result<Vec<TokenKey>, StoreError> {
        self.blocking(|disk| disk.read()?.logins()).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Disk) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let path = Arc::clone(&self.path);
        self.threads.run(move || work(&Disk::at(&path)?)).await
    }

    /// The file that keeps others from refreshing the token of `key`.
    async fn lock_file(&self, key: &TokenKey) -> Result<std::fs::File, StoreError> {
        let mut pause = FIRST_LOCK_PAUSE;
        loop {
            let key = key.to_string();
            if let Some(lock) = self.blocking(move |disk| disk.try_refresh_lock(&key)).await? {
                return Ok(lock);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_LOCK_PAUSE);
        }
    }
}

#[async_trait]
impl TokenStore for FileTokenStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        let key = key.to_string();
        self.blocking(move |disk| disk.read()?.get(&key)).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        let key = key.to_string();
        let token = token.clone();
        self.blocking(move |disk| {
            let lock = disk.write_lock()?;
            let content = disk.read()?;
            check_replaces(content.get(&key)?.map(|there| there.revision()), replaces)?;
            disk.write(&content.with(&key, &token)?, &lock)
        })
        .await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        let key = key.to_string();
        self.blocking(move |disk| {
            let lock = disk.write_lock()?;
            match disk.read()?.without(&key)? {
                Some(rest) => disk.write(&rest, &lock),
                None => Ok(()),
            }
        })
        .await
    }

    /// Those of this process queue in memory; only the first of them tries the file, again and
    /// again, since a thread that waits for a lock cannot be cancelled.
    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        let place = self.blocking(|disk| Ok(disk.place())).await?;
        let guard = REFRESHING.lock(&(place, key.clone())).await;
        match self.lock_file(key).await {
            // The file's lock is given up first.
            Ok(file) => Ok(RefreshLock::new((file, guard))),
            Err(error @ StoreError::NoLocks { .. }) => {
                Ok(RefreshLock::within_process(guard, error))
            }
            Err(error) => Err(error),
        }
    }
}

/// The refreshes of this process, of all its stores: by the place of the file and the key.
static REFRESHING: LazyLock<KeyLocks<(PathBuf, TokenKey)>> = LazyLock::new(KeyLocks::default);

/// How soon a lock that another process holds is tried again, and how late.
const FIRST_LOCK_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_LOCK_PAUSE: Duration = Duration::from_millis(50);
