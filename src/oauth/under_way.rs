//! What the token caches of one client and its users have under way.

use std::error::Error;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::sync::Mutex;

/// Why a task cannot end.
pub(crate) type Obstacle = Arc<dyn Error + Send + Sync>;

/// Counts tasks that may hold a token that is saved nowhere else. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(Arc<watch::Sender<Load>>);

#[derive(Debug, Clone, Default)]
struct Load {
    tasks: usize,
    /// Those of them that cannot end until somebody does something about it.
    stuck: usize,
    /// What keeps the last of these.
    obstacle: Option<Obstacle>,
    /// How many wait for all of them.
    waiters: usize,
}

impl UnderWay {
    pub(crate) fn count(&self) -> usize {
        self.0.borrow().tasks
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.count() == 0
    }

    /// Waits until no task is under way that can end, and says what keeps the others from it. Those
    /// are given a moment: who waits has them try again.
    pub(crate) async fn idle(&self) -> Option<Obstacle> {
        let _waiter = Waiter::of(self);
        let mut loads = self.0.subscribe();
        loop {
            // Its sender lives as long as `self`.
            let load = loads.wait_for(|load| load.tasks == load.stuck).await.ok()?.clone();
            if load.tasks == 0 {
                return None;
            }
            let more = loads.wait_for(|load| load.tasks != load.stuck || load.tasks == 0);
            if timeout(LAST_TRY, more).await.is_err() {
                return load.obstacle;
            }
        }
    }
}

struct Waiter<'a>(&'a UnderWay);

impl<'a> Waiter<'a> {
    fn of(under_way: &'a UnderWay) -> Self {
        under_way.0.send_modify(|load| load.waiters += 1);
        Self(under_way)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|load| load.waiters -= 1);
    }
}

/// The tasks of one cache, in the counts of all clients that it is plugged into, whenever that was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    running: u32,
    stuck: u32,
    /// In a box, since hardly any cache ever has one.
    obstacle: Option<Box<Obstacle>>,
    /// Those that are gone wait for nothing.
    clients: Vec<Weak<watch::Sender<Load>>>,
}

/// A task that is under way.
#[derive(Debug)]
pub(crate) struct TaskGuard {
    tasks: Tasks,
    is_stuck: bool,
}

impl Tasks {
    /// Counts them for another client, too.
    pub(crate) fn report_to(&self, client: &UnderWay) {
        let Counted { running, stuck, obstacle, clients } = &mut *self.0.lock();
        clients.retain(|known| known.strong_count() > 0);
        let new = Arc::downgrade(&client.0);
        if clients.iter().any(|known| known.ptr_eq(&new)) {
            return;
        }
        client.0.send_modify(|load| {
            load.tasks += *running as usize;
            load.stuck += *stuck as usize;
            load.obstacle = obstacle.as_deref().cloned().or_else(|| load.obstacle.take());
        });
        // Nearly always the only one.
        clients.reserve_exact(1);
        clients.push(new);
    }

    pub(crate) fn begin(&self) -> TaskGuard {
        let counted = &mut *self.0.lock();
        counted.running += 1;
        counted.tell(|load| load.tasks += 1);
        TaskGuard { tasks: self.clone(), is_stuck: false }
    }
}

impl Counted {
    fn tell(&self, change: impl Fn(&mut Load)) {
        for client in self.clients.iter().filter_map(Weak::upgrade) {
            client.send_modify(&change);
        }
    }
}

impl TaskGuard {
    /// Nobody needs to wait for the task: it cannot end until somebody does something about it.
    pub(crate) fn is_stuck(&mut self, obstacle: &Obstacle) {
        let counted = &mut *self.tasks.0.lock();
        counted.obstacle = Some(Box::new(Arc::clone(obstacle)));
        let more = u32::from(!std::mem::replace(&mut self.is_stuck, true));
        counted.stuck += more;
        counted.tell(|load| {
            load.stuck += more as usize;
            load.obstacle = Some(Arc::clone(obstacle));
        });
    }

    /// Waits until somebody waits for all tasks of a client.
    pub(crate) async fn until_somebody_waits(&self) {
        let clients: Vec<_> =
            self.tasks.0.lock().clients.iter().filter_map(Weak::upgrade).collect();
        let mut waits: Vec<_> =
            clients.iter().map(|client| Box::pin(has_waiter(client.subscribe()))).collect();
        drop(clients);
        poll_fn(|context| {
            match waits.iter_mut().any(|wait| wait.as_mut().poll(context).is_ready()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// It may end by itself.
    pub(crate) fn goes_on(&mut self) {
        if std::mem::take(&mut self.is_stuck) {
            let counted = &mut *self.tasks.0.lock();
            counted.stuck -= 1;
            counted.tell(|load| load.stuck -= 1);
        }
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.goes_on();
        let counted = &mut *self.tasks.0.lock();
        counted.running -= 1;
        counted.tell(|load| load.tasks -= 1);
    }
}

async fn has_waiter(mut loads: watch::Receiver<Load>) {
    if loads.wait_for(|load| load.waiters > 0).await.is_err() {
        // The client is gone.
        std::future::pending::<()>().await;
    }
}

/// Longer than a task takes for a retry.
const LAST_TRY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_stuck_is_not_waited_for() {
        let tasks = Tasks::default();
        let before = UnderWay::default();
        tasks.report_to(&before);
        let mut stuck = tasks.begin();
        let obstacle: Obstacle = Arc::new(std::fmt::Error);
        stuck.is_stuck(&obstacle);
        stuck.is_stuck(&obstacle);
        let after = UnderWay::default();
        tasks.report_to(&after);

        for client in [&before, &after] {
            assert!(client.idle().await.is_some());
            assert_eq!(client.count(), 1);
        }
        let running = tasks.begin();
        assert!(before.idle().now_or_never().is_none());
        drop(running);
        stuck.goes_on();
        assert!(after.idle().now_or_never().is_none());
        drop(stuck);
        for client in [&before, &after] {
            assert!(client.idle().await.is_none());
        }
    }

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
