//! Where tokens outlive the program.

mod error;
mod file;
mod key;
#[cfg(feature = "keyring")]
#[cfg_attr(docsrs_spotify_web, doc(cfg(feature = "keyring")))]
mod keyring;
mod locks;
mod memory;
mod stored;
mod text;
mod threads;

use std::any::Any;
use std::fmt::{self, Debug};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_trait::async_trait;

pub use error::StoreError;
pub use file::FileTokenStore;
pub use key::{TokenKey, TokenKeyError};
#[cfg(feature = "keyring")]
pub use keyring::{KeyringError, KeyringTokenStore};
pub use memory::MemoryTokenStore;
pub(super) use stored::Content;
pub use stored::{LoginId, Revision, StoredToken};
pub use text::TokenText;

/// Keeps tokens for a [`TokenCache`](super::TokenCache), also for several in several processes.
///
/// A store is a map from [`TokenKey`] to [`StoredToken`] whose entries are replaced by
/// compare-and-swap: [`save`](Self::save) names the [`Revision`] that it replaces, and a store that
/// holds another one refuses. So no late writer ever puts back what a refresh, a login or a log-out
/// has replaced, and a store needs to understand nothing of a token: its text
/// ([`StoredToken::to_text`]) and its revision are enough for two columns of a database.
///
/// The cache reads a store before every refresh, saves what it got before it is handed out, and
/// removes nothing by itself. It gives each operation 5 s. A store that fails costs no token that
/// is at hand; what could not be saved is saved later.
///
/// No method may block its thread: work that does goes to `tokio::task::spawn_blocking` or a thread
/// of the store's own, as in [`FileTokenStore`]. On a runtime of several threads a call that blocks
/// is given up like one that hangs, but its thread is gone from the runtime until it returns; so
/// that there is one of them and not one for each call, other calls for its key fail meanwhile with
/// [`StoreError::TimedOut`], a transient failure, and other keys go on. On a runtime of one thread
/// everything stands still until it returns.
///
/// `testing::check_token_store` (feature `testing`) runs every promise of this trait against a
/// store of yours: also that its `Debug` shows no token. The example `sqlite_store` is one to copy.
///
/// ```
/// use std::collections::HashMap;
/// use std::fmt;
/// use std::sync::Mutex;
///
/// use spotify_web::auth::{Revision, StoreError, StoredToken, TokenKey, TokenStore};
///
/// /// What a table of a database would be: the text of each token, and its revision.
/// #[derive(Default)]
/// struct Table(Mutex<HashMap<String, String>>);
///
/// impl fmt::Debug for Table {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("Table")
///     }
/// }
///
/// #[spotify_web::async_trait::async_trait]
/// impl TokenStore for Table {
///     async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
///         let rows = self.0.lock().unwrap();
///         rows.get(&key.to_string()).map(|text| StoredToken::from_text(text)).transpose()
///     }
///
///     async fn save(
///         &self,
///         key: &TokenKey,
///         token: &StoredToken,
///         replaces: Option<Revision>,
///     ) -> Result<(), StoreError> {
///         let mut rows = self.0.lock().unwrap();
///         let there = rows.get(&key.to_string()).map(|text| StoredToken::from_text(text));
///         if there.transpose()?.map(|there| there.revision()) != replaces {
///             return Err(StoreError::Stale);
///         }
///         rows.insert(key.to_string(), token.to_text().expose().to_owned());
///         Ok(())
///     }
///
///     async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
///         self.0.lock().unwrap().remove(&key.to_string());
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait TokenStore: Debug + Send + Sync {
    /// What is kept under `key`, or `None`. It sees every save that has returned, also those of
    /// other processes: a replica that lags behind may show a login that has been replaced, or a
    /// refresh token that has been used.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] when this is not known: a store that cannot be read is not an empty one.
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError>;

    /// Keeps `token` under `key`, wholly or not at all, in place of the entry with the revision
    /// `replaces`; `None` means that there is no entry yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Stale`] when another entry is there, or none where one was named. What is
    /// there must stay.
    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError>;

    /// Erases what is kept under `key`, which logs the user out. Nothing kept is no error.
    ///
    /// A cache that has seen the entry before takes its absence for a log-out and does not put it
    /// back.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] when it may still be there.
    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError>;

    /// Waits until no other caller refreshes the token of `key`, and keeps others from it as long
    /// as the [`RefreshLock`] lives. Each key has a lock of its own. A store that is not shared
    /// need not do anything.
    ///
    /// Without it, two processes with one rotating refresh token can end each other's login. The
    /// cache waits for up to 180 s, which is longer than it ever holds one: while a token request
    /// waits for its turn behind others, it holds none, unless a rotated token is not saved yet,
    /// and that for half a minute.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoLocks`] where locks are impossible: the refresh then goes on without, and
    /// the listener is told. After any other error a user's token is not refreshed: that is a
    /// transient failure.
    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        let _ = key;
        Ok(RefreshLock::none())
    }

    /// The same as [`lock`](Self::lock), but where the store can tell, the wait ends early, with
    /// [`RefreshLock::passed`], when the entry is another than `known` and its token is good: of
    /// many that wait, all have the token then, and not one after the other.
    ///
    /// # Errors
    ///
    /// Those of [`lock`](Self::lock).
    async fn turn(
        &self,
        key: &TokenKey,
        known: Option<Revision>,
    ) -> Result<RefreshLock, StoreError> {
        let _ = known;
        self.lock(key).await
    }

    /// Which login was the last under `key`, or which moment ended it, as far as the store remembers that
    /// where nothing is kept any more. A login that is made now is later than it, whatever the clocks
    /// say; the cache asks when [`load`](Self::load) has found nothing. By default nothing is
    /// remembered, which is right for a store that never brings an earlier state back.
    ///
    /// A store that passes everything on to another passes this on, too:
    ///
    /// ```
    /// # use spotify_web::auth::{LoginId, Revision, StoreError, StoredToken, TokenKey, TokenStore};
    /// /// Tells of each save.
    /// #[derive(Debug)]
    /// struct Told<S>(S);
    ///
    /// #[spotify_web::async_trait::async_trait]
    /// impl<S: TokenStore> TokenStore for Told<S> {
    ///     fn latest(&self, key: &TokenKey) -> Option<LoginId> {
    ///         self.0.latest(key)
    ///     }
    ///     // and the others
    /// #   async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
    /// #       self.0.load(key).await
    /// #   }
    /// #   async fn save(
    /// #       &self, key: &TokenKey, token: &StoredToken, replaces: Option<Revision>,
    /// #   ) -> Result<(), StoreError> {
    /// #       self.0.save(key, token, replaces).await
    /// #   }
    /// #   async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
    /// #       self.0.remove(key).await
    /// #   }
    /// }
    /// ```
    fn latest(&self, key: &TokenKey) -> Option<LoginId> {
        let _ = key;
        None
    }

    /// Says that what is kept under `key` are logins, also where the key names no user: a cache calls
    /// it once, when it gets the store, if its source [needs saving](super::TokenSource::needs_saving).
    /// It is for stores that treat an app's own token as what can be requested again. By default
    /// nothing comes of it.
    ///
    /// A store that passes everything on to another passes this on, too:
    ///
    /// ```
    /// # use spotify_web::auth::{Revision, StoreError, StoredToken, TokenKey, TokenStore};
    /// # #[derive(Debug)]
    /// # struct Told<S>(S);
    /// # #[spotify_web::async_trait::async_trait]
    /// # impl<S: TokenStore> TokenStore for Told<S> {
    /// fn expect_logins(&self, key: &TokenKey) {
    ///     self.0.expect_logins(key);
    /// }
    /// #   async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
    /// #       self.0.load(key).await
    /// #   }
    /// #   async fn save(
    /// #       &self, key: &TokenKey, token: &StoredToken, replaces: Option<Revision>,
    /// #   ) -> Result<(), StoreError> {
    /// #       self.0.save(key, token, replaces).await
    /// #   }
    /// #   async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
    /// #       self.0.remove(key).await
    /// #   }
    /// # }
    /// ```
    fn expect_logins(&self, key: &TokenKey) {
        let _ = key;
    }
}

/// One store for many authenticators.
#[async_trait]
impl<S: TokenStore + ?Sized> TokenStore for Arc<S> {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        (**self).load(key).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        (**self).save(key, token, replaces).await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        (**self).remove(key).await
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        (**self).lock(key).await
    }

    async fn turn(
        &self,
        key: &TokenKey,
        known: Option<Revision>,
    ) -> Result<RefreshLock, StoreError> {
        (**self).turn(key, known).await
    }

    fn latest(&self, key: &TokenKey) -> Option<LoginId> {
        (**self).latest(key)
    }

    fn expect_logins(&self, key: &TokenKey) {
        (**self).expect_logins(key);
    }
}

/// Keeps others from refreshing the same token, until it is dropped.
#[must_use = "dropping it lets others refresh"]
pub struct RefreshLock {
    guard: Option<Box<dyn Any + Send>>,
    /// Why other processes are not kept away.
    lacks: Option<StoreError>,
    /// Whether there was no need to wait for it.
    is_passed: bool,
}

impl RefreshLock {
    /// Holds `guard` for as long as the refresh takes.
    pub fn new(guard: impl Any + Send) -> Self {
        Self { guard: Some(Box::new(guard)), lacks: None, is_passed: false }
    }

    /// Keeps nobody from anything: the store is not shared.
    pub fn none() -> Self {
        Self { guard: None, lacks: None, is_passed: false }
    }

    /// Keeps nobody from anything: another caller has saved a good token meanwhile. For
    /// [`TokenStore::turn`].
    pub fn passed() -> Self {
        Self { guard: None, lacks: None, is_passed: true }
    }

    /// The same as [`new`](Self::new), for a place where other processes cannot be kept away. The
    /// listener is told `error`, such as [`StoreError::NoLocks`], once.
    pub fn within_process(guard: impl Any + Send, error: StoreError) -> Self {
        Self { guard: Some(Box::new(guard)), lacks: Some(error), is_passed: false }
    }

    /// Whether it keeps everybody away.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.guard.is_some() && self.lacks.is_none()
    }

    /// Why it does not keep other processes away, where it should.
    pub(crate) fn lacks(&self) -> Option<&StoreError> {
        self.lacks.as_ref()
    }

    /// Whether there was no need to wait for it.
    pub(crate) fn is_passed(&self) -> bool {
        self.is_passed
    }
}

/// A store is user code: that its guard panics costs nobody a token.
impl Drop for RefreshLock {
    fn drop(&mut self) {
        let guard = self.guard.take();
        if catch_unwind(AssertUnwindSafe(|| drop(guard))).is_err() {
            tracing::error!("the guard of a token store's lock panicked as it was dropped");
        }
    }
}

impl Debug for RefreshLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshLock")
    }
}

/// An entry may be replaced only by a writer that has seen it.
fn check_replaces(there: Option<Revision>, replaces: Option<Revision>) -> Result<(), StoreError> {
    if there == replaces { Ok(()) } else { Err(StoreError::Stale) }
}
