//! What finds the stores that break a promise, and lets pass those that keep all.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use spotify_web::auth::{
    FileTokenStore, MemoryTokenStore, RefreshLock, Revision, StoreError, StoredToken, TokenKey,
    TokenStore,
};
use spotify_web::testing::{StorePromise, check_token_store};

use crate::common::Directory;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stores_of_this_crate_keep_every_promise() {
    let (memory, directory) = (MemoryTokenStore::new(), Directory::new());
    check_token_store(memory.clone()).await.unwrap();
    check_token_store(Arc::new(memory)).await.unwrap();
    let of_any_kind: Arc<dyn TokenStore> = Arc::new(MemoryTokenStore::new());
    check_token_store(of_any_kind).await.unwrap();
    check_token_store(FileTokenStore::new(directory.file())).await.unwrap();
}

#[tokio::test]
async fn a_store_without_locks_keeps_every_promise() {
    for fault in [Fault::NoLocks, Fault::SaysThatThereAreNoLocks] {
        check_token_store(Faulty::new(fault)).await.unwrap();
    }
}

/// Nothing is left behind in a store that is in use otherwise.
#[tokio::test]
async fn the_check_leaves_the_store_as_it_was() {
    let directory = Directory::new();
    check_token_store(FileTokenStore::new(directory.file())).await.unwrap();

    let content: serde_json::Value =
        serde_json::from_slice(&std::fs::read(directory.file()).unwrap()).unwrap();
    assert_eq!(content["entries"], serde_json::json!({}));
}

#[tokio::test(start_paused = true)]
async fn every_broken_promise_is_found() {
    for (fault, promise) in FAULTS {
        let found = check_token_store(Faulty::new(fault)).await;
        let error = found.expect_err(&format!("{fault:?} was not found"));
        assert_eq!(error.promise, promise, "{fault:?}: {error}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_to_remove_nothing_is_told_that_this_is_no_error() {
    let error = check_token_store(Faulty::new(Fault::FailsToRemoveNothing)).await.unwrap_err();

    let seen = "`remove` failed where nothing was kept, which is no error";
    assert!(error.to_string().contains(seen), "{error}");
}

/// Also where it blocks every thread that there is.
#[test]
fn a_lock_that_blocks_its_thread_is_found() {
    for threads in [1, 2, 4] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_time()
            .build()
            .unwrap();
        let check = runtime.spawn(check_token_store(Faulty::new(Fault::BlocksItsThread)));
        let error = runtime.block_on(check).unwrap().unwrap_err();

        assert_eq!(error.promise, StorePromise::Responds, "{error}");
        let seen = "`lock` blocks the thread that it waits on";
        assert!(error.to_string().ends_with(seen), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_leaves_nothing_behind() {
    let store = Arc::new(Faulty::new(Fault::FirstOverAnother));
    check_token_store(Arc::clone(&store)).await.unwrap_err();

    assert!(store.entries.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_broken_promise_is_told_in_one_sentence() {
    let error = check_token_store(Faulty::new(Fault::FirstOverAnother)).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "a writer that has not seen the entry gets `StoreError::Stale`, and the entry stays: \
         but `save` succeeded as the first entry, over one that was there"
    );
}

/// One way of being wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NoLocks,
    SaysThatThereAreNoLocks,
    ForgetsScopes,
    ForgetsRefreshToken,
    ShortensTokens,
    RoundsTheExpiry,
    LoadsAsNewLogin,
    FindsNothing,
    ForgetsTheEnd,
    FirstOverAnother,
    OverAnyRevision,
    OverNothing,
    RefusesInOtherWords,
    WritesAndRefuses,
    SkipsTheSameRevision,
    TakesLogOutsForAbsence,
    RemovesNothing,
    RemovesEverything,
    FailsToRemoveNothing,
    IgnoresUsers,
    IgnoresScopes,
    IgnoresClients,
    IgnoresCase,
    TrimsKeys,
    EndsKeysAtNul,
    ShortensKeys,
    ReadsPatterns,
    TakesNoUserForEmpty,
    LooksBeforeItWrites,
    WritesWhatOthersHad,
    LocksNobodyOut,
    HasOneLock,
    KeepsItsLocks,
    KeepsLocksOfWhoGaveUp,
    BlocksItsThread,
    ShowsTokensInDebug,
    ShowsTokensInErrors,
    Hangs,
    Panics,
}

const FAULTS: [(Fault, StorePromise); 36] = [
    (Fault::ForgetsScopes, StorePromise::KeepsAllFields),
    (Fault::ForgetsRefreshToken, StorePromise::KeepsAllFields),
    (Fault::ShortensTokens, StorePromise::KeepsAllFields),
    (Fault::RoundsTheExpiry, StorePromise::KeepsAllFields),
    (Fault::LoadsAsNewLogin, StorePromise::KeepsAllFields),
    (Fault::FindsNothing, StorePromise::KeepsAllFields),
    (Fault::ForgetsTheEnd, StorePromise::ReplacesSameRevision),
    (Fault::FirstOverAnother, StorePromise::RefusesStaleWriters),
    (Fault::OverAnyRevision, StorePromise::RefusesStaleWriters),
    (Fault::OverNothing, StorePromise::RefusesStaleWriters),
    (Fault::RefusesInOtherWords, StorePromise::RefusesStaleWriters),
    (Fault::WritesAndRefuses, StorePromise::RefusesStaleWriters),
    (Fault::SkipsTheSameRevision, StorePromise::ReplacesSameRevision),
    (Fault::TakesLogOutsForAbsence, StorePromise::KeepsLogOuts),
    (Fault::RemovesNothing, StorePromise::Removes),
    (Fault::RemovesEverything, StorePromise::Removes),
    (Fault::FailsToRemoveNothing, StorePromise::Removes),
    (Fault::IgnoresUsers, StorePromise::KeepsKeysApart),
    (Fault::IgnoresScopes, StorePromise::KeepsKeysApart),
    (Fault::IgnoresClients, StorePromise::KeepsKeysApart),
    (Fault::IgnoresCase, StorePromise::KeepsKeysApart),
    (Fault::TrimsKeys, StorePromise::KeepsKeysApart),
    (Fault::EndsKeysAtNul, StorePromise::KeepsKeysApart),
    (Fault::ShortensKeys, StorePromise::KeepsKeysApart),
    (Fault::ReadsPatterns, StorePromise::KeepsKeysApart),
    (Fault::TakesNoUserForEmpty, StorePromise::KeepsKeysApart),
    (Fault::LooksBeforeItWrites, StorePromise::OneWriterWins),
    (Fault::WritesWhatOthersHad, StorePromise::KeepsKeysApart),
    (Fault::LocksNobodyOut, StorePromise::LockExcludes),
    (Fault::HasOneLock, StorePromise::LocksKeysApart),
    (Fault::KeepsItsLocks, StorePromise::FreesLocks),
    (Fault::KeepsLocksOfWhoGaveUp, StorePromise::FreesLocks),
    (Fault::ShowsTokensInDebug, StorePromise::ShowsNoToken),
    (Fault::ShowsTokensInErrors, StorePromise::ShowsNoToken),
    (Fault::Hangs, StorePromise::Responds),
    (Fault::Panics, StorePromise::Responds),
];

/// A right store with one fault.
struct Faulty {
    fault: Fault,
    entries: Mutex<HashMap<Row, StoredToken>>,
    locks: MemoryTokenStore,
}

/// What the store makes of a key.
type Row = (String, Option<String>, Vec<String>);

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self { fault, entries: Mutex::default(), locks: MemoryTokenStore::new() }
    }

    fn row(&self, key: &TokenKey) -> Row {
        let changed = |text: &str| match self.fault {
            Fault::IgnoresCase => text.to_lowercase(),
            Fault::TrimsKeys => text.trim_end().to_owned(),
            Fault::EndsKeysAtNul => text.split('\0').next().unwrap().to_owned(),
            Fault::ShortensKeys => text.chars().take(255).collect(),
            _ => text.to_owned(),
        };
        let (client, user) = (changed(key.client_id()), key.user().map(changed));
        let scopes = key.scopes().to_vec();
        match self.fault {
            Fault::IgnoresUsers => (client, None, scopes),
            Fault::IgnoresScopes => (client, user, Vec::new()),
            Fault::IgnoresClients => (String::new(), user, scopes),
            Fault::TakesNoUserForEmpty => (client, Some(user.unwrap_or_default()), scopes),
            _ => (client, user, scopes),
        }
    }

    fn find(&self, key: &TokenKey) -> Option<StoredToken> {
        let (row, entries) = (self.row(key), self.entries.lock());
        if self.fault != Fault::ReadsPatterns {
            return entries.get(&row).cloned();
        }
        let pattern = row.1.unwrap_or_default();
        let is_like = |user: &str| {
            user.len() == pattern.len()
                && user.chars().zip(pattern.chars()).all(|(char, like)| like == '_' || like == char)
        };
        let mut found = entries.iter().filter(|((client, user, scopes), _)| {
            (client, scopes) == (&row.0, &row.2) && is_like(user.as_deref().unwrap_or_default())
        });
        found.next().map(|(_, entry)| entry.clone())
    }

    /// As a store does that keeps only a part of the text.
    fn changed(&self, stored: &StoredToken) -> StoredToken {
        let mut text: serde_json::Value = serde_json::from_str(stored.to_text().expose()).unwrap();
        let fields = text.as_object_mut().unwrap();
        match self.fault {
            Fault::ForgetsScopes => drop(fields.remove("scopes")),
            Fault::ForgetsRefreshToken => drop(fields.remove("refresh_token")),
            Fault::ForgetsTheEnd => drop(fields.remove("ended")),
            Fault::RoundsTheExpiry => {
                let minutes = fields["expires_at"].as_u64().unwrap() / 60 + 1;
                fields["expires_at"] = (minutes * 60 + 1).into();
            }
            Fault::ShortensTokens => {
                for name in ["access_token", "refresh_token"] {
                    if let Some(token) = fields.get(name).and_then(|it| it.as_str()) {
                        fields[name] = token[..token.len().min(4096)].into();
                    }
                }
            }
            _ => return stored.clone(),
        }
        StoredToken::from_text(&text.to_string()).unwrap()
    }

    fn is_stale(&self, there: Option<Revision>, replaces: Option<Revision>) -> bool {
        let is_forgiven = match self.fault {
            Fault::FirstOverAnother => replaces.is_none(),
            Fault::OverAnyRevision => replaces.is_some() && there.is_some(),
            Fault::OverNothing => there.is_none(),
            _ => false,
        };
        there != replaces && !is_forgiven
    }

    fn refusal(&self, token: &StoredToken) -> StoreError {
        match self.fault {
            Fault::RefusesInOtherWords => StoreError::custom("duplicate key"),
            Fault::ShowsTokensInErrors => {
                StoreError::custom(format!("UNIQUE failed: {}", token.to_text().expose()))
            }
            _ => StoreError::Stale,
        }
    }
}

#[async_trait]
impl TokenStore for Faulty {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        let found = self.find(key);
        Ok(match self.fault {
            Fault::FindsNothing => None,
            Fault::Hangs => std::future::pending().await,
            Fault::TakesLogOutsForAbsence => found.filter(|it| !it.is_logged_out()),
            Fault::LoadsAsNewLogin => found.map(|it| match (it.token(), it.expires_at()) {
                (Some(token), Some(end)) => StoredToken::new(token.clone(), end),
                _ => it,
            }),
            _ => found,
        })
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        assert!(self.fault != Fault::Panics, "the store panics as told");
        let row = self.row(key);
        let there = self.entries.lock().get(&row).map(StoredToken::revision);
        if self.is_stale(there, replaces) {
            if self.fault == Fault::WritesAndRefuses {
                self.entries.lock().insert(row, token.clone());
            }
            return Err(self.refusal(token));
        }
        if self.fault == Fault::SkipsTheSameRevision && there == Some(token.revision()) {
            return Ok(());
        }
        let changed = self.changed(token);
        match self.fault {
            Fault::LooksBeforeItWrites => {
                tokio::task::yield_now().await;
                self.entries.lock().insert(row, changed);
            }
            Fault::WritesWhatOthersHad => {
                let _lock = self.locks.lock(key).await?;
                let mut all = self.entries.lock().clone();
                if self.is_stale(all.get(&row).map(StoredToken::revision), replaces) {
                    return Err(StoreError::Stale);
                }
                tokio::task::yield_now().await;
                all.insert(row, changed);
                *self.entries.lock() = all;
            }
            _ => {
                let mut entries = self.entries.lock();
                // Another thread may have been faster.
                if self.is_stale(entries.get(&row).map(StoredToken::revision), replaces) {
                    return Err(self.refusal(token));
                }
                entries.insert(row, changed);
            }
        }
        Ok(())
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        let row = self.row(key);
        match self.fault {
            Fault::RemovesNothing => {}
            Fault::RemovesEverything => self.entries.lock().clear(),
            _ => {
                let removed = self.entries.lock().remove(&row);
                if removed.is_none() && self.fault == Fault::FailsToRemoveNothing {
                    return Err(StoreError::custom("no such row"));
                }
            }
        }
        Ok(())
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        match self.fault {
            Fault::NoLocks => Ok(RefreshLock::none()),
            Fault::SaysThatThereAreNoLocks => {
                Err(StoreError::NoLocks { reason: "there are none".to_owned() })
            }
            Fault::LocksNobodyOut => Ok(RefreshLock::new(())),
            Fault::HasOneLock => self.locks.lock(&TokenKey::new("all")).await,
            Fault::KeepsItsLocks => {
                std::mem::forget(self.locks.lock(key).await?);
                Ok(RefreshLock::new(()))
            }
            Fault::KeepsLocksOfWhoGaveUp => {
                let (locks, key) = (self.locks.clone(), key.clone());
                let (sender, receiver) = tokio::sync::oneshot::channel();
                tokio::spawn(async move {
                    // Nobody is there to take it, and so nobody drops it.
                    sender.send(locks.lock(&key).await).map_err(std::mem::forget)
                });
                receiver.await.unwrap()
            }
            Fault::BlocksItsThread => {
                let (locks, key) = (self.locks.clone(), key.clone());
                let blocks = move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(locks.lock(&key))
                };
                std::thread::spawn(blocks).join().unwrap()
            }
            _ => self.locks.lock(key).await,
        }
    }
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Faulty");
        if self.fault == Fault::ShowsTokensInDebug {
            let entries = self.entries.lock();
            let texts: Vec<_> =
                entries.values().map(|it| it.to_text().expose().to_owned()).collect();
            debug.field("entries", &texts);
        }
        debug.finish_non_exhaustive()
    }
}
