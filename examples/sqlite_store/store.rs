//! Tokens in SQLite: a file to copy into a server, and to change for another database.
//!
//! One row for each key, with the revision and one text; the text is a secret. A real server may
//! encrypt it before it writes it.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use spotify_web::auth::{RefreshLock, Revision, StoreError, StoredToken, TokenKey, TokenStore};
use tokio::sync::oneshot;

/// Several processes of one machine may use the same file. Clones share one connection.
#[derive(Debug, Clone)]
pub(crate) struct SqliteTokenStore(Arc<Worker>);

/// SQLite blocks, so its work is done in a thread of its own.
#[derive(Debug)]
struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// With the last clone: what was to be done is done before the program ends.
impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // It panicked if there is an error; its caller has been told.
            let _ = thread.join();
        }
    }
}

impl SqliteTokenStore {
    /// The file is made if it is not there, for this user alone.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = open_private(path)?;
        let (jobs, queue) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new()
            .name("tokens".to_owned())
            .spawn(move || queue.into_iter().for_each(|job| job(&connection)))
            .map_err(|error| StoreError::custom(error.to_string()))?;
        Ok(Self(Arc::new(Worker { jobs: Some(jobs), thread: Some(thread) })))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        // A caller that has gone needs no result.
        self.post(move |connection| drop(sender.send(work(connection))));
        let ended = || StoreError::custom("the thread of the token store has ended");
        receiver.await.map_err(|_| ended())?.map_err(|error| failed(&error))
    }

    fn post(&self, job: impl FnOnce(&Connection) + Send + 'static) {
        // When the thread has ended, the job is dropped, and its caller is told.
        let _ = self.0.jobs.as_ref().map(|jobs| jobs.send(Box::new(job)));
    }
}

#[async_trait]
impl TokenStore for SqliteTokenStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        let key = key.to_string();
        let text = self.run(move |connection| {
            let sql = "SELECT token FROM tokens WHERE key = ?1";
            connection.query_row(sql, [key], |row| row.get::<_, String>(0)).optional()
        });
        text.await?.map(|text| StoredToken::from_text(&text)).transpose()
    }

    /// Compare-and-swap in one statement: no other writer can come between.
    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        let (key, revision) = (key.to_string(), token.revision().to_string());
        let (text, replaces) = (token.to_text(), replaces.map(|replaces| replaces.to_string()));
        let rows = self.run(move |connection| match replaces {
            None => connection.execute(
                "INSERT INTO tokens (key, revision, token) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![key, revision, text.expose()],
            ),
            Some(replaces) => connection.execute(
                "UPDATE tokens SET revision = ?2, token = ?3 WHERE key = ?1 AND revision = ?4",
                params![key, revision, text.expose(), replaces],
            ),
        });
        if rows.await? == 1 { Ok(()) } else { Err(StoreError::Stale) }
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        let key = key.to_string();
        self.run(move |connection| connection.execute("DELETE FROM tokens WHERE key = ?1", [key]))
            .await
            .map(drop)
    }

    /// A lease, since nobody frees what a process held that has died. Within one process, a
    /// `tokio::sync::Mutex` for each key is enough.
    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        let lease = Lease { key: key.to_string(), id: fastrand::i64(..), store: self.clone() };
        while !lease.try_take().await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(RefreshLock::new(lease))
    }
}

/// Given up when it is dropped, also by a caller that stops waiting for it.
struct Lease {
    key: String,
    id: i64,
    store: SqliteTokenStore,
}

impl Lease {
    /// Takes it where it is free, or where its holder has died.
    async fn try_take(&self) -> Result<bool, StoreError> {
        let (key, id) = (self.key.clone(), self.id);
        let rows = self.store.run(move |connection| {
            connection.execute(
                "INSERT INTO token_leases (key, id, ends) VALUES (?1, ?2, unixepoch() + ?3)
                 ON CONFLICT (key) DO UPDATE SET id = excluded.id, ends = excluded.ends
                 WHERE ends <= unixepoch()",
                params![key, id, LEASE_SECONDS],
            )
        });
        Ok(rows.await? == 1)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (key, id) = (std::mem::take(&mut self.key), self.id);
        self.store.post(move |connection| {
            let sql = "DELETE FROM token_leases WHERE key = ?1 AND id = ?2";
            // What cannot be deleted ends by itself.
            let _ = connection.execute(sql, params![key, id]);
        });
    }
}

fn open_private(path: &Path) -> Result<Connection, StoreError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(path);
    opened.map_err(|error| StoreError::custom(format!("{}: {error}", path.display())))?;
    let opened = Connection::open(path).and_then(|connection| {
        connection.busy_timeout(BUSY)?;
        connection.execute_batch(TABLES)?;
        Ok(connection)
    });
    opened.map_err(|error| failed(&error))
}

/// No message of SQLite has a value of a row in it. What needs somebody is told as that.
fn failed(error: &rusqlite::Error) -> StoreError {
    let message = format!("the token store failed: {error}");
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly,
        ) => StoreError::permanent(message),
        _ => StoreError::custom(message),
    }
}

/// `FULL`: a rotated refresh token is the only one that works, so it must outlive a power cut.
const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS tokens (
        key TEXT PRIMARY KEY, revision TEXT NOT NULL, token TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS token_leases (
        key TEXT PRIMARY KEY, id INTEGER NOT NULL, ends INTEGER NOT NULL
    ) STRICT;
";

/// How long other processes may keep the file; less than the 5 s that the cache gives a call.
const BUSY: Duration = Duration::from_secs(4);

/// As long as the cache waits for a lock, which is longer than it ever holds one.
const LEASE_SECONDS: u32 = 150;

/// How often a lease of another holder is looked at.
const PAUSE: Duration = Duration::from_millis(50);
