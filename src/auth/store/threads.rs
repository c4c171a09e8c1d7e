//! Threads for work that may block for good.

use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};

use super::StoreError;

/// File systems and keyrings block, some of them for good: their work is done in a thread that
/// nobody has to wait for, neither a caller nor a runtime that shuts down. Clones have their threads
/// in common.
#[derive(Debug, Clone)]
pub(super) struct Threads {
    name: &'static str,
    permits: Arc<Semaphore>,
}

impl Threads {
    pub(super) fn named(name: &'static str) -> Self {
        Self { name, permits: Arc::new(Semaphore::new(MOST)) }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let (sender, receiver) = oneshot::channel();
        let thread = move || {
            // A caller that has gone needs no result.
            let _ = sender.send(work());
            drop(permit);
        };
        let name = self.name;
        let started = std::thread::Builder::new().name(name.into()).spawn(thread);
        let no_thread = |error| StoreError::custom(format!("no thread can be started: {error}"));
        started.map_err(no_thread)?;
        let unfinished = |_| Err(StoreError::custom(format!("the thread `{name}` panicked")));
        receiver.await.unwrap_or_else(unfinished)
    }
}

/// How many may hang before further work waits for them.
const MOST: usize = 4;
