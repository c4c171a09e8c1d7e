//! What the token caches of one client and its users have under way.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts tasks that may hold a token that is saved nowhere else. Clones share the count.
#[derive(Debug, Clone)]
pub(crate) struct UnderWay(Arc<watch::Sender<usize>>);

impl Default for UnderWay {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

/// A task that is under way.
#[derive(Debug)]
pub(crate) struct TaskGuard(UnderWay);

impl UnderWay {
    pub(crate) fn begin(&self) -> TaskGuard {
        self.0.send_modify(|tasks| *tasks += 1);
        TaskGuard(self.clone())
    }

    pub(crate) fn is_idle(&self) -> bool {
        *self.0.borrow() == 0
    }

    /// Waits until no task is under way.
    pub(crate) async fn idle(&self) {
        // Its sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|tasks| *tasks == 0).await;
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.0.send_modify(|tasks| *tasks -= 1);
    }
}
