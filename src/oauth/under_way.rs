//! What the token caches of one client and its users have under way.

use std::sync::{Arc, Weak};

use tokio::sync::watch;

use crate::sync::Mutex;

/// Counts tasks that may hold a token that is saved nowhere else. Clones share the count.
#[derive(Debug, Clone)]
pub(crate) struct UnderWay(Arc<watch::Sender<usize>>);

impl Default for UnderWay {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl UnderWay {
    pub(crate) fn count(&self) -> usize {
        *self.0.borrow()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.count() == 0
    }

    /// Waits until no task is under way.
    pub(crate) async fn idle(&self) {
        // Its sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|tasks| *tasks == 0).await;
    }
}

/// The tasks of one cache, in the counts of all clients that it is plugged into, whenever that was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    running: usize,
    /// Those that are gone wait for nothing.
    clients: Vec<Weak<watch::Sender<usize>>>,
}

/// A task that is under way.
#[derive(Debug)]
pub(crate) struct TaskGuard(Tasks);

impl Tasks {
    /// Counts them for another client, too.
    pub(crate) fn report_to(&self, client: &UnderWay) {
        let Counted { running, clients } = &mut *self.0.lock();
        clients.retain(|known| known.strong_count() > 0);
        let new = Arc::downgrade(&client.0);
        if !clients.iter().any(|known| known.ptr_eq(&new)) {
            client.0.send_modify(|tasks| *tasks += *running);
            clients.push(new);
        }
    }

    pub(crate) fn begin(&self) -> TaskGuard {
        let Counted { running, clients } = &mut *self.0.lock();
        *running += 1;
        for client in clients.iter().filter_map(Weak::upgrade) {
            client.send_modify(|tasks| *tasks += 1);
        }
        TaskGuard(self.clone())
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        let Counted { running, clients } = &mut *self.0.0.lock();
        *running -= 1;
        for client in clients.iter().filter_map(Weak::upgrade) {
            client.send_modify(|tasks| *tasks -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_are_gone_are_forgotten() {
        let tasks = Tasks::default();
        let lasting = UnderWay::default();
        tasks.report_to(&lasting);
        let running = tasks.begin();

        for _ in 0..100 {
            tasks.report_to(&UnderWay::default());
        }

        assert!(tasks.0.lock().clients.len() <= 2);
        assert!(!lasting.is_idle());
        drop(running);
        assert!(lasting.is_idle());
    }
}
