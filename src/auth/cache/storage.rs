//! A store with its key, and with a limit to everything it does.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::credentials::Unsaved;
use super::fetch;
use crate::auth::{LoginId, RefreshLock, Revision, StoreError, StoredToken, TokenKey, TokenStore};
use crate::sync::Mutex;
use crate::transport::TimeLimit;

#[derive(Debug, Clone)]
pub(super) struct Storage(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Arc<dyn TokenStore>,
    key: Arc<TokenKey>,
    polls: Mutex<Polls>,
}

/// Operations that are running at this moment. One that waits is not: it is polled in no time.
#[derive(Debug, Default)]
struct Polls {
    number: usize,
    since: Option<Instant>,
}

impl Storage {
    pub(super) fn new(store: Arc<dyn TokenStore>, key: TokenKey) -> Self {
        Self(Arc::new(Parts { store, key: Arc::new(key), polls: Mutex::default() }))
    }

    pub(super) fn key(&self) -> &Arc<TokenKey> {
        &self.0.key
    }

    pub(super) async fn load(&self) -> Result<Option<StoredToken>, StoreError> {
        let parts = Arc::clone(&self.0);
        self.call(OPERATION_LIMIT, async move { parts.store.load(&parts.key).await }).await
    }

    /// The last login or removal that the store remembers, where nothing is kept.
    pub(super) fn latest(&self) -> Option<LoginId> {
        self.0.store.latest(&self.0.key)
    }

    pub(super) async fn save(&self, unsaved: &Unsaved) -> Result<(), StoreError> {
        self.save_over(&unsaved.stored, unsaved.replaces).await
    }

    pub(super) async fn save_over(
        &self,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        let parts = Arc::clone(&self.0);
        let token = token.clone();
        let operation = async move { parts.store.save(&parts.key, &token, replaces).await };
        self.call(OPERATION_LIMIT, operation).await
    }

    /// The lock, or nothing where another has saved a good token.
    pub(super) async fn turn(
        &self,
        known: Option<Revision>,
        limit: Duration,
    ) -> Result<RefreshLock, StoreError> {
        let parts = Arc::clone(&self.0);
        self.call(limit, async move { parts.store.turn(&parts.key, known).await }).await
    }

    pub(super) async fn lock(&self, limit: Duration) -> Result<RefreshLock, StoreError> {
        let parts = Arc::clone(&self.0);
        self.call(limit, async move { parts.store.lock(&parts.key).await }).await
    }

    /// Where there are other threads, in a task of its own: a store that blocks its thread then has
    /// a limit all the same, and takes one thread, however often it is called.
    async fn call<T: Send + 'static>(
        &self,
        limit: Duration,
        operation: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.0.is_blocked() {
            return Err(StoreError::TimedOut { limit });
        }
        let parts = Arc::clone(&self.0);
        let operation = Box::pin(operation);
        let operation = Guarded { parts, operation };
        let in_time = TimeLimit::after(limit);
        let result = match has_other_threads() {
            true => in_time.run(Task(tokio::spawn(fetch::within_the_same(operation)))).await,
            false => in_time.run(operation).await,
        };
        result.unwrap_or(Err(StoreError::TimedOut { limit }))
    }
}

impl Parts {
    /// Whether an operation blocks the thread that runs it: another would take one more.
    fn is_blocked(&self) -> bool {
        self.polls.lock().since.is_some_and(|since| since.elapsed() > LONGEST_POLL)
    }

    fn begin_poll(&self) {
        let mut polls = self.polls.lock();
        polls.number += 1;
        polls.since.get_or_insert_with(Instant::now);
    }

    fn end_poll(&self) {
        let mut polls = self.polls.lock();
        polls.number -= 1;
        if polls.number == 0 {
            polls.since = None;
        }
    }
}

/// A store is user code: that it panics is its failure, and costs no token.
struct Guarded<F> {
    parts: Arc<Parts>,
    operation: Pin<Box<F>>,
}

impl<T, F: Future<Output = Result<T, StoreError>>> Future for Guarded<F> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.parts.begin_poll();
        let polled = AssertUnwindSafe(|| self.operation.as_mut().poll(context));
        let polled = std::panic::catch_unwind(polled);
        self.parts.end_poll();
        polled.unwrap_or_else(|_| Poll::Ready(Err(StoreError::of_panic())))
    }
}

/// Aborted when its waiter is dropped.
struct Task<T>(JoinHandle<Result<T, StoreError>>);

impl<T> Future for Task<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = Pin::new(&mut self.0).poll(context);
        ended.map(|result| result.unwrap_or_else(|_| Err(StoreError::custom("the runtime ends"))))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn has_other_threads() -> bool {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    flavor.is_ok_and(|flavor| flavor != RuntimeFlavor::CurrentThread)
}

/// How long reading and writing may take.
pub(super) const OPERATION_LIMIT: Duration = Duration::from_secs(5);

/// What runs for longer without a pause blocks its thread.
const LONGEST_POLL: Duration = Duration::from_secs(1);
