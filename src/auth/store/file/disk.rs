//! The token file and what lies beside it. Everything here blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::super::key::digest;
use super::super::text::Entry;
use crate::auth::{StoreError, StoredToken, TokenKey};
use crate::sync::Mutex;
use crate::transport::json_fault;

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

    /// Where the file is, however it is named: one of this process's stores may name it otherwise.
    pub(super) fn place(&self) -> PathBuf {
        let directory = fs::canonicalize(self.directory());
        match (directory, self.path.file_name()) {
            (Ok(directory), Some(name)) => directory.join(name),
            _ => self.path.clone(),
        }
    }

    /// No file is one without entries. Neither is an empty one that was made for the first token.
    pub(super) fn read(&self) -> Result<Content, StoreError> {
        let mut bytes = Zeroizing::new(Vec::new());
        let is_there = match open_regular(&self.path, OpenOptions::new().read(true)) {
            Ok(file) => {
                let most = MOST_BYTES + 1;
                let read = file.take(most).read_to_end(&mut bytes);
                read.map_err(|error| failed(&self.path, "read", error))?;
                true
            }
            // A directory that is gone, as an unmounted disk is, does not mean that nothing was
            // kept.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.directory().is_dir() => {
                false
            }
            Err(error) => return Err(failed(&self.path, "read", error)),
        };
        if bytes.len() as u64 > MOST_BYTES {
            return Err(corrupt(&self.path, format!("it is longer than {MOST_BYTES} bytes")));
        }
        if is_there && bytes.is_empty() && self.has_held_tokens() {
            return Err(corrupt(&self.path, "it was emptied".to_owned()));
        }
        let content = Content { bytes, path: self.path.clone() };
        content.layout()?;
        Ok(content)
    }

    /// The only moment that may lose a token is before the rename.
    pub(super) fn write(&self, content: &[u8], lock: &WriteLock) -> Result<(), StoreError> {
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
        renamed.map_err(|error| failed(&self.path, "written", error))?;
        self.note_tokens(&lock.file);
        Ok(())
    }

    /// Waits for other writers, but not for ever: one of them may have been stopped.
    ///
    /// Other processes are kept away where the file system has locks, this one's threads anywhere.
    pub(super) fn write_lock(&self) -> Result<WriteLock, StoreError> {
        let path = self.beside(".lock");
        let lock = open_lock(&path)?;
        let began = Instant::now();
        let place = self.place();
        let mut here = None;
        loop {
            here = here.or_else(|| Writing::begin(&place));
            match here.as_ref().map(|_| lock.try_lock()) {
                Some(Err(TryLockError::Error(error))) if !has_no_locks(&error) => {
                    return Err(failed(&path, "locked", error));
                }
                Some(Ok(()) | Err(TryLockError::Error(_))) => {
                    return Ok(WriteLock { file: lock, _here: here });
                }
                _ if began.elapsed() >= WRITE_LOCK_LIMIT => {
                    return Err(StoreError::TimedOut { limit: WRITE_LOCK_LIMIT });
                }
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// The lock of one key; `None` when another process holds it.
    pub(super) fn try_refresh_lock(&self, key: &str) -> Result<Option<File>, StoreError> {
        if !self.directory().is_dir() {
            // Not of the directory of the locks, which nobody need make.
            return Err(failed(&self.path, "opened", io::ErrorKind::NotFound.into()));
        }
        let directory = self.beside(".locks");
        let path = directory.join(digest(key));
        let is_there = create_private_directory(&directory);
        let opened = is_there.and_then(|()| open_regular(&path, &lock_options()));
        let lock = opened.or_else(|error| open_to_read(&path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) if has_no_locks(&error) => {
                Err(no_locks(&path, "on a file system without locks"))
            }
            Err(TryLockError::Error(error)) => Err(failed(&path, "locked", error)),
        }
    }

    fn directory(&self) -> &Path {
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        directory.unwrap_or_else(|| Path::new("."))
    }

    /// Whether tokens were ever written here, which [`Self::note_tokens`] has noted.
    fn has_held_tokens(&self) -> bool {
        fs::metadata(self.beside(".lock")).is_ok_and(|lock| lock.len() > 0)
    }

    /// Only what is noted is lost where this fails: an emptied file then passes for a new one.
    ///
    /// Through the handle that holds the lock: Windows lets no other write into a locked file.
    fn note_tokens(&self, mut lock: &File) {
        if !self.has_held_tokens() {
            let _ = lock.write_all(NOTE);
        }
    }

    /// The path with `suffix` after its name.
    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }
}

/// Keeps other writers away, until it is dropped: the file's lock first.
pub(super) struct WriteLock {
    file: File,
    _here: Option<Writing>,
}

/// This process writes a file.
struct Writing(PathBuf);

impl Writing {
    /// `None` while another thread does.
    fn begin(place: &Path) -> Option<Self> {
        WRITTEN.lock().insert(place.to_owned()).then(|| Self(place.to_owned()))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        WRITTEN.lock().remove(&self.0);
    }
}

/// The files that this process writes at present.
static WRITTEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

impl Content {
    /// The entry under `key`.
    pub(super) fn get(&self, key: &str) -> Result<Option<StoredToken>, StoreError> {
        let Some(entry) = self.layout()?.entries.remove(key) else { return Ok(None) };
        let entry: Entry = self.parsed(entry.get().as_bytes())?;
        entry.into_stored().map(Some)
    }

    /// The keys of all entries but those of who has logged out. One that cannot be read may be a login.
    pub(super) fn logins(&self) -> Result<Vec<TokenKey>, StoreError> {
        let mut entries = self.layout()?.entries;
        entries.retain(|_, entry| {
            let entry = self.parsed::<Entry>(entry.get().as_bytes()).and_then(Entry::into_stored);
            !entry.is_ok_and(|stored| stored.is_logged_out())
        });
        Ok(entries.keys().filter_map(|key| key.parse().ok()).collect())
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

    fn parsed<'a, T: Deserialize<'a>>(&self, bytes: &'a [u8]) -> Result<T, StoreError> {
        serde_json::from_slice(bytes).map_err(|error| corrupt(&self.path, json_fault(&error)))
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
        Ok(there) if !there.is_file() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
        }
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
    open_regular(path, &lock_options()).map_err(|error| failed(path, "opened", error))
}

fn lock_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    make_private(&mut options);
    options
}

/// The lock of one who may not write there, which keeps others away as well.
fn open_to_read(path: &Path, denied: io::Error) -> Result<File, StoreError> {
    if !is_denied(&denied) {
        return Err(failed(path, "opened", denied));
    }
    let is_read_only = denied.kind() == io::ErrorKind::ReadOnlyFilesystem;
    match open_regular(path, OpenOptions::new().read(true)) {
        Ok(lock) => Ok(lock),
        // Nobody has ever locked what is not there; what is there may be held by others.
        Err(error) if is_read_only || error.kind() == io::ErrorKind::NotFound => {
            Err(no_locks(path, "in a place that cannot be written to"))
        }
        Err(_) => Err(failed(path, "opened", denied)),
    }
}

fn no_locks(path: &Path, what: &str) -> StoreError {
    StoreError::NoLocks { reason: format!("{} is {what}", path.display()) }
}

fn is_denied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
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

/// What stands in the lock file once tokens were kept.
const NOTE: &[u8] = b"tokens were kept\n";

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
}
