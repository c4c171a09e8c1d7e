//! What the token caches of one client and its users have under way.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// Counts tasks that may hold a token that is saved nowhere else. Clones share the count.
#[derive(Debug, Clone)]
pub(crate) struct UnderWay(Arc<watch::Sender<usize>>);

impl Default for UnderWay {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl UnderWay {
    pub(crate) fn is_idle(&self) -> bool {
        *self.0.borrow() == 0
    }

    /// Waits until no task is under way.
    pub(crate) async fn idle(&self) {
        // Its sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|tasks| *tasks == 0).await;
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The tasks of one cache, in the counts of all clients that it is plugged into, whenever that was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    running: usize,
    clients: Vec<UnderWay>,
}

/// A task that is under way.
#[derive(Debug)]
pub(crate) struct TaskGuard(Tasks);

impl Tasks {
    /// Counts them for another client, too.
    pub(crate) fn report_to(&self, client: &UnderWay) {
        let Counted { running, clients } = &mut *self.0.lock();
        if !clients.iter().any(|known| known.is_same(client)) {
            client.0.send_modify(|tasks| *tasks += *running);
            clients.push(client.clone());
        }
    }

    pub(crate) fn begin(&self) -> TaskGuard {
        let Counted { running, clients } = &mut *self.0.lock();
        *running += 1;
        for client in clients {
            client.0.send_modify(|tasks| *tasks += 1);
        }
        TaskGuard(self.clone())
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        let Counted { running, clients } = &mut *self.0.0.lock();
        *running -= 1;
        for client in clients {
            client.0.send_modify(|tasks| *tasks -= 1);
        }
    }
}
