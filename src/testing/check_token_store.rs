//! Whether a store keeps what [`TokenStore`] promises.

mod entries;
mod error;
mod keys;
mod locks;
mod writers;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sync::Mutex;

use crate::auth::{RefreshLock, Revision, StoreError, StoredToken, TokenKey, TokenStore};
use crate::oauth::Token;

pub use error::{StoreCheckError, StorePromise};

/// Runs every promise of [`TokenStore`] against a store: for the tests of one that you write.
///
/// It saves under keys of its own, whose client ids begin with `check-`, and removes them at its
/// end, also after a failure: a database that is in use otherwise may be checked too. The locks are
/// checked if the store has some. It needs a tokio runtime with time that is not paused; on a
/// multi-threaded one it also finds writers that are in each other's way on two threads, and a call
/// that blocks its thread.
///
/// # Errors
///
/// A [`StoreCheckError`] with the first promise that is broken, and how that was seen.
///
/// ```
/// use spotify_web::auth::MemoryTokenStore;
/// use spotify_web::testing::check_token_store;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), spotify_web::testing::StoreCheckError> {
/// // In a `#[tokio::test(flavor = "multi_thread")]`, with your store:
/// check_token_store(MemoryTokenStore::new()).await?;
/// # Ok(())
/// # }
/// ```
pub async fn check_token_store(store: impl TokenStore + 'static) -> Result<(), StoreCheckError> {
    let check = Check::new(Arc::new(store));
    let kept = check.all().await;
    let cleaned_up = check.clean_up().await;
    kept.and(cleaned_up)
}

/// A store under test.
struct Check {
    store: Arc<dyn TokenStore>,
    /// Of this run alone.
    client: String,
    /// What is to be removed at the end.
    keys: Mutex<Vec<TokenKey>>,
}

type Checked<T = ()> = Result<T, StoreCheckError>;

/// What a call of the store came to.
type Called<T = ()> = Checked<Result<T, StoreError>>;

impl Check {
    fn new(store: Arc<dyn TokenStore>) -> Self {
        let client = format!("check-{:016x}", fastrand::u64(..));
        Self { store, client, keys: Mutex::default() }
    }

    /// From the simple to what only a few get wrong, so that the first error is the clearest.
    async fn all(&self) -> Checked {
        entries::check_fields(self).await?;
        keys::check(self).await?;
        entries::check(self).await?;
        writers::check(self).await?;
        locks::check(self).await?;
        self.check_debug()
    }

    fn check_debug(&self) -> Checked {
        let short = format!("{:?}", self.store);
        let long = format!("{:#?}", self.store);
        let is_kept = ![short, long].iter().any(|text| shows_a_token(text));
        StorePromise::ShowsNoToken.holds(is_kept, "`Debug` of the store shows one")
    }

    /// Whatever can be removed, also where something cannot.
    async fn clean_up(&self) -> Checked {
        let keys = std::mem::take(&mut *self.keys.lock());
        let mut removed = Ok(());
        for key in &keys {
            removed = removed.and(self.remove(key).await);
        }
        removed
    }

    /// The key of a user of this run.
    fn key(&self, user: &str) -> TokenKey {
        self.used(TokenKey::new(&self.client).with_user(user))
    }

    /// The same key, which is to be removed at the end.
    fn used(&self, key: TokenKey) -> TokenKey {
        self.keys.lock().push(key.clone());
        key
    }
}

/// The store's calls, each in a task of its own: one that hangs or panics is an error.
impl Check {
    async fn load(&self, key: &TokenKey) -> Checked<Option<StoredToken>> {
        let loaded = self.call("load", {
            let store = Arc::clone(&self.store);
            let key = key.clone();
            async move { store.load(&key).await }
        });
        let broken = |error| StorePromise::KeepsAllFields.broken_by(error, "`load` failed");
        loaded.await?.map_err(broken)
    }

    async fn try_save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Called {
        let store = Arc::clone(&self.store);
        let key = key.clone();
        let token = token.clone();
        self.call("save", async move { store.save(&key, &token, replaces).await }).await
    }

    /// A save that must succeed.
    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
        promise: StorePromise,
    ) -> Checked {
        let saved = self.try_save(key, token, replaces).await?;
        saved.map_err(|error| promise.broken_by(error, format!("`save` failed for {key}")))
    }

    async fn try_remove(&self, key: &TokenKey) -> Called {
        let store = Arc::clone(&self.store);
        let key = key.clone();
        self.call("remove", async move { store.remove(&key).await }).await
    }

    async fn remove(&self, key: &TokenKey) -> Checked {
        let broken = |error| StorePromise::Removes.broken_by(error, "`remove` failed");
        self.try_remove(key).await?.map_err(broken)
    }

    /// Where nothing is kept; that is no error.
    async fn remove_nothing(&self, key: &TokenKey) -> Checked {
        let seen = "`remove` failed where nothing was kept, which is no error";
        let broken = |error| StorePromise::Removes.broken_by(error, seen);
        self.try_remove(key).await?.map_err(broken)
    }

    async fn lock(&self, key: &TokenKey) -> Called<RefreshLock> {
        let store = Arc::clone(&self.store);
        let key = key.clone();
        self.call("lock", async move { store.lock(&key).await }).await
    }

    async fn call<T: Send + 'static>(
        &self,
        name: &str,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Called<T> {
        let mut task = tokio::spawn(call);
        let Ok(ended) = tokio::time::timeout(CALL_LIMIT, &mut task).await else {
            task.abort();
            let seen = format!("`{name}` did not end within {CALL_LIMIT:?}");
            return Err(StorePromise::Responds.broken(seen));
        };
        let panicked = |_| StorePromise::Responds.broken(format!("`{name}` panicked"));
        let result = ended.map_err(panicked)?;
        match &result {
            Err(error) if shows_a_token(&format!("{error} {error:?}")) => {
                Err(StorePromise::ShowsNoToken.broken(format!("an error of `{name}` shows one")))
            }
            _ => Ok(result),
        }
    }
}

/// An entry whose token is told apart from every other by `name`.
fn entry(name: &str) -> StoredToken {
    let token = Token::new(format!("{SECRET}-access-{name}"), Duration::from_secs(3600))
        .with_refresh_token(format!("{SECRET}-refresh-{name}"))
        .with_scopes(["user-top-read", "streaming"]);
    StoredToken::new(token, in_an_hour())
}

/// In whole seconds, which is all that a store keeps.
fn in_an_hour() -> SystemTime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(now.as_secs() + 3600)
}

fn shows_a_token(text: &str) -> bool {
    text.contains(SECRET)
}

/// Begins every token, to be found wherever one is shown.
const SECRET: &str = "s3cr3t-0f-a-check";

/// Longer than the cache waits, which is 5 s: a busy machine is not the store's fault.
const CALL_LIMIT: Duration = Duration::from_secs(30);
