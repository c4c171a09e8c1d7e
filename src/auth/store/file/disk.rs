//! The token file and what lies beside it. Everything here blocks.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::super::text::Entry;
use crate::auth::{StoreError, StoredToken};

/// A token file where its path leads to.
pub(super) struct Disk {
    path: PathBuf,
}

/// What is in the file.
pub(super) struct Content {
    bytes: Zeroizing<Vec<u8>>,
    path: PathBuf,
}

/// The file's format, and its entries by their keys, each still in the file's own bytes: an entry
/// that this version cannot read is written back as it was.
#[derive(Serialize, Deserialize)]
struct Layout<'a> {
    format: u64,
    #[serde(borrow)]
    entries: BTreeMap<String, &'a RawValue>,
}

impl Disk {
    /// Follows links to where they lead, also when nothing is there yet.
    pub(super) fn at(path: &Path) -> Result<Self, StoreError> {
        let mut target = path.to_path_buf();
        for _ in 0..MOST_LINKS {
            let Ok(next) = fs::read_link(&target) else { return Ok(Self { path: target }) };
            target = target.parent().map_or_else(|| next.clone(), |parent| parent.join(&next));
        }
        Err(corrupt(path, "it is a link that leads to itself".to_owned()))
    }

    /// No file is an empty one.
    pub(super) fn read(&self) -> Result<Content, StoreError> {
        let mut bytes = Zeroizing::new(Vec::new());
        match open_regular(&self.path, OpenOptions::new().read(true)) {
            Ok(file) => {
                let most = MOST_BYTES + 1;
                let read = file.take(most).read_to_end(&mut bytes);
                read.map_err(|error| failed(&self.path, "read", error))?;
            }
            // A directory that is gone, as an unmounted disk is, does not mean that nothing was
            // kept.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.has_directory() => {}
            Err(error) => return Err(failed(&self.path, "read", error)),
        }
        if bytes.len() as u64 > MOST_BYTES {
            return Err(corrupt(&self.path, format!("it is longer than {MOST_BYTES} bytes")));
        }
        let content = Content { bytes, path: self.path.clone() };
        content.layout()?;
        Ok(content)
    }

    /// The only moment that may lose a token is before the rename.
    pub(super) fn write(&self, content: &[u8]) -> Result<(), StoreError> {
        if content.len() as u64 > MOST_BYTES {
            let reason = format!(
                "the token file would be longer than the {MOST_BYTES} bytes that are read; use a \
                 store for many users"
            );
            return Err(StoreError::custom(reason));
        }
        let new = self.beside(".new");
        // Left by a process that died: its mode may be anything.
        fs::remove_file(&new)
            .or_else(|error| not_found(error).map_err(|error| failed(&new, "removed", error)))?;
        let written = create_private(&new).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        let renamed = written
            .and_then(|()| fs::rename(&new, &self.path))
            .and_then(|()| sync_directory(&self.path));
        renamed.map_err(|error| failed(&self.path, "written", error))
    }

    /// Waits for other writers, but not for ever: one of them may have been stopped. `None` where
    /// there are no locks.
    pub(super) fn write_lock(&self) -> Result<Option<File>, StoreError> {
        let path = self.beside(".lock");
        let lock = open_lock(&path)?;
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(lock)),
                Err(TryLockError::WouldBlock) if began.elapsed() >= WRITE_LOCK_LIMIT => {
                    return Err(StoreError::TimedOut { limit: WRITE_LOCK_LIMIT });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
                Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed(&path, "locked", error)),
            }
        }
    }

    /// The lock of one key; `None` when another process holds it.
    pub(super) fn try_refresh_lock(&self, key: &str) -> Result<Option<File>, StoreError> {
        let directory = self.beside(".locks");
        create_private_directory(&directory)
            .map_err(|error| failed(&directory, "created", error))?;
        let path = directory.join(lock_name(key));
        let lock = open_lock(&path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) if has_no_locks(&error) => {
                let reason = format!("{} is on a file system without locks", path.display());
                Err(StoreError::NoLocks { reason })
            }
            Err(TryLockError::Error(error)) => Err(failed(&path, "locked", error)),
        }
    }

    fn has_directory(&self) -> bool {
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        directory.unwrap_or_else(|| Path::new(".")).is_dir()
    }

    /// The path with `suffix` after its name.
    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }
}

impl Content {
    /// The entry under `key`.
    pub(super) fn get(&self, key: &str) -> Result<Option<StoredToken>, StoreError> {
        let Some(entry) = self.layout()?.entries.remove(key) else { return Ok(None) };
        let entry: Entry = self.parsed(entry.get().as_bytes())?;
        entry.into_stored().map(Some)
    }

    /// The same file with `stored` under `key`.
    pub(super) fn with(
        &self,
        key: &str,
        stored: &StoredToken,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let text = stored.to_text();
        let mut layout = self.layout()?;
        layout.entries.insert(key.to_owned(), self.parsed(text.expose().as_bytes())?);
        written(&layout)
    }

    /// The same file without `key`; `None` if it has none.
    pub(super) fn without(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let mut layout = self.layout()?;
        layout.entries.remove(key).map(|_| written(&layout)).transpose()
    }

    fn layout(&self) -> Result<Layout<'_>, StoreError> {
        if self.bytes.is_empty() {
            return Ok(Layout { format: FORMAT, entries: BTreeMap::new() });
        }
        let layout: Layout<'_> = self.parsed(&self.bytes)?;
        match layout.format {
            FORMAT => Ok(layout),
            other => Err(corrupt(&self.path, format!("its format is {other}, expected {FORMAT}"))),
        }
    }

    /// Says the category and place of an error only: serde's own text would quote the file.
    fn parsed<'a, T: Deserialize<'a>>(&self, bytes: &'a [u8]) -> Result<T, StoreError> {
        serde_json::from_slice(bytes).map_err(|error| {
            let kind = error.classify();
            let line = error.line();
            let column = error.column();
            corrupt(&self.path, format!("{kind:?} at line {line} column {column}"))
        })
    }
}

fn written(layout: &Layout<'_>) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let content = serde_json::to_vec_pretty(layout);
    content.map(Zeroizing::new).map_err(|error| StoreError::custom(error.to_string()))
}

/// What is no regular file is not opened: a FIFO would block, a device might do anything.
fn open_regular(path: &Path, options: &OpenOptions) -> io::Result<File> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => Err(io::Error::other("it is no regular file")),
        Ok(_) => options.open(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => options.open(path),
        Err(error) => Err(error),
    }
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    make_private(&mut options);
    options.open(path)
}

fn open_lock(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    make_private(&mut options);
    open_regular(path, &options).map_err(|error| failed(path, "opened", error))
}

#[cfg(unix)]
fn make_private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn make_private(_: &mut OpenOptions) {}

fn create_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(false);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }
}

/// Without this, a crash of the machine may forget the rename.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if directory.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// No name of a user becomes one of a file.
fn lock_name(key: &str) -> String {
    let digest = hmac_sha256::Hash::hash(key.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// `ENOLCK` is what an NFS server without a lock service says.
fn has_no_locks(error: &io::Error) -> bool {
    const ENOLCK: i32 = if cfg!(target_os = "linux") { 37 } else { 77 };
    error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(ENOLCK)
}

fn not_found(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

pub(super) fn failed(path: &Path, action: &'static str, error: io::Error) -> StoreError {
    StoreError::Io { path: path.into(), action, source: Arc::new(error) }
}

fn corrupt(path: &Path, reason: String) -> StoreError {
    StoreError::Corrupt { path: path.into(), reason }
}

const FORMAT: u64 = 2;

/// A thousand users take about half a megabyte.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// As many as Linux follows.
const MOST_LINKS: usize = 40;

/// How long a writer waits for the others; less than the limit of the operation, which is 5 s.
const WRITE_LOCK_LIMIT: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_locks_is_known_by_its_errors() {
        assert!(has_no_locks(&io::ErrorKind::Unsupported.into()));
        assert!(!has_no_locks(&io::ErrorKind::PermissionDenied.into()));
        #[cfg(target_os = "linux")]
        assert!(has_no_locks(&io::Error::from_raw_os_error(37)));
    }

    #[test]
    fn locks_have_names_of_their_own_without_the_users() {
        let anna = lock_name("app user \"anna\"");
        let bert = lock_name("app user \"bert\"");

        assert_ne!(anna, bert);
        assert_eq!(anna.len(), 32);
        assert!(!anna.contains("anna"));
    }
}
