//! Tokens in a file.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::memory::check_version;
use super::{RefreshLock, StoreError, StoredToken, TokenKey, TokenStore};
use crate::oauth::Token;

/// Keeps tokens in a JSON file that only this user can read.
///
/// The file has mode 0600 and is replaced as a whole: what is new is written beside it, synced, and
/// renamed over it, so that a crash leaves the old tokens or the new ones. Several processes may
/// share it; empty lock files beside it (`.lock`, `.refresh-lock`) keep them apart, and are freed by
/// the system when a process dies. A file that cannot be understood is never overwritten.
///
/// One file may hold the tokens of several users; each write replaces all of it, so it is meant for
/// a few. Its directory must exist. On systems other than Unix, the directory's permissions decide
/// who can read it.
///
/// ```no_run
/// // Writes into the current directory.
/// use spotify_web::auth::{CredentialsAuthenticator, FileTokenStore, TokenCacheOptions, TokenKey};
///
/// let store = FileTokenStore::new("spotify-tokens.json");
/// let options = TokenCacheOptions::default().with_store(store, TokenKey::new("CLIENT_ID"));
/// let authenticator = CredentialsAuthenticator::with_options("CLIENT_ID", "SECRET", options);
/// ```
#[derive(Debug, Clone)]
pub struct FileTokenStore {
    path: Arc<Path>,
}

impl FileTokenStore {
    /// A store in the file at `path`, which is made when the first token is saved.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: Arc::from(path.into()) }
    }

    /// File systems block: their work is done where that harms nobody.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let path = Arc::clone(&self.path);
        let done = tokio::task::spawn_blocking(move || work(&path)).await;
        done.unwrap_or_else(|_| Err(StoreError::custom("the token file was not finished with")))
    }

    /// Reads, changes and writes while no other process does.
    async fn change(
        &self,
        change: impl FnOnce(&mut Entries) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.blocking(|path| {
            let _lock = write_lock(&beside(path, ".lock"))?;
            let mut entries = read(path)?;
            change(&mut entries)?;
            write(path, &entries)
        })
        .await
    }
}

#[async_trait]
impl TokenStore for FileTokenStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        let key = key.to_string();
        self.blocking(move |path| Ok(read(path)?.remove(&key).map(Entry::into_stored))).await
    }

    async fn save(&self, key: &TokenKey, token: &StoredToken) -> Result<(), StoreError> {
        let (key, token) = (key.to_string(), token.clone());
        self.change(move |entries| {
            check_version(entries.get(&key).map(|entry| entry.version), &token)?;
            entries.insert(key, Entry::from(&token));
            Ok(())
        })
        .await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        let key = key.to_string();
        self.change(move |entries| {
            entries.remove(&key);
            Ok(())
        })
        .await
    }

    /// Asks again and again instead of blocking: a thread that waits for a lock cannot be cancelled.
    async fn lock(&self, _: &TokenKey) -> Result<RefreshLock, StoreError> {
        let path = beside(&self.path, ".refresh-lock");
        loop {
            let lock = open_lock(&path)?;
            match lock.try_lock() {
                Ok(()) => return Ok(RefreshLock::new(lock)),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
                Err(TryLockError::Error(error)) => return Err(failed(&path, "locked", error)),
            }
        }
    }
}

type Entries = BTreeMap<String, Entry>;

/// What the file is: its format, and the tokens by their keys.
#[derive(Serialize, Deserialize)]
struct Content<E> {
    format: u32,
    entries: E,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    version: u64,
    ended: bool,
    /// Seconds since 1970.
    expires_at: u64,
    lifetime: u64,
    access_token: Zeroizing<String>,
    refresh_token: Option<Zeroizing<String>>,
    scopes: Option<Vec<String>>,
}

impl Entry {
    fn into_stored(self) -> StoredToken {
        let mut token = Token::new(self.access_token.as_str(), Duration::from_secs(self.lifetime));
        token.refresh_token = self.refresh_token.map(|token| token.as_str().into());
        token.scopes = self.scopes;
        let expires_at = UNIX_EPOCH.checked_add(Duration::from_secs(self.expires_at));
        // What a clock cannot express has expired.
        let expires_at = expires_at.unwrap_or(UNIX_EPOCH);
        StoredToken { token, expires_at, version: self.version, ended: self.ended }
    }
}

impl From<&StoredToken> for Entry {
    fn from(stored: &StoredToken) -> Self {
        let token = &stored.token;
        let secret = |text: &str| Zeroizing::new(text.to_owned());
        Self {
            version: stored.version,
            ended: stored.ended,
            expires_at: seconds_since_1970(stored.expires_at),
            lifetime: token.expires_in.as_secs(),
            access_token: secret(token.access_token.expose()),
            refresh_token: token.refresh_token.as_ref().map(|token| secret(token.expose())),
            scopes: token.scopes.clone(),
        }
    }
}

fn seconds_since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// No file is an empty one.
fn read(path: &Path) -> Result<Entries, StoreError> {
    let content = match fs::read(path) {
        Ok(content) => Zeroizing::new(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Entries::new()),
        Err(error) => return Err(failed(path, "read", error)),
    };
    // Category and place only: serde's own text would quote the file.
    let content: Content<Entries> = serde_json::from_slice(&content).map_err(|error| {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        corrupt(path, format!("{kind:?} at line {line} column {column}"))
    })?;
    match content.format {
        FORMAT => Ok(content.entries),
        other => Err(corrupt(path, format!("its format is {other}, expected {FORMAT}"))),
    }
}

/// The only moment that may lose a token is before the rename.
fn write(path: &Path, entries: &Entries) -> Result<(), StoreError> {
    let content = serde_json::to_vec_pretty(&Content { format: FORMAT, entries })
        .map_err(|error| StoreError::custom(error.to_string()))?;
    let content = Zeroizing::new(content);
    let new = beside(path, ".new");
    // Left by a process that died: its mode may be anything.
    fs::remove_file(&new)
        .or_else(|error| not_found(error).map_err(|it| failed(&new, "removed", it)))?;
    let written = create_private(&new).and_then(|mut file| {
        file.write_all(&content)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&new, path)).and_then(|()| sync_directory(path));
    renamed.map_err(|error| failed(path, "written", error))
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Without this, a crash of the machine may forget the rename.
fn sync_directory(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        return File::open(directory)?.sync_all();
    }
    Ok(())
}

fn open_lock(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| failed(path, "opened", error))
}

/// Waits for other writers, but not for ever: one of them may have been stopped.
fn write_lock(path: &Path) -> Result<File, StoreError> {
    let lock = open_lock(path)?;
    let began = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(failed(path, "locked", error)),
            Err(TryLockError::WouldBlock) if began.elapsed() >= LOCK_LIMIT => {
                return Err(StoreError::TimedOut { limit: LOCK_LIMIT });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// The path with `suffix` after its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn not_found(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn failed(path: &Path, action: &'static str, error: io::Error) -> StoreError {
    StoreError::Io { path: path.into(), action, source: Arc::new(error) }
}

fn corrupt(path: &Path, reason: String) -> StoreError {
    StoreError::Corrupt { path: path.into(), reason }
}

const FORMAT: u32 = 1;

/// How often a lock that another process holds is asked for.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// How long a writer waits for the others.
const LOCK_LIMIT: Duration = Duration::from_secs(4);
