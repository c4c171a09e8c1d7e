//! What the token caches of one client and its users have under way.

use std::any::Any;
use std::collections::HashMap;
use std::error::Error;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::sync::Mutex;

/// Why a task has not ended yet.
pub(crate) type Obstacle = Arc<dyn Error + Send + Sync>;

/// Names the owner of a cache; the one that waits for its tasks knows the type.
pub(crate) type Whose = Arc<dyn Any + Send + Sync>;

/// A cache that has something under way.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    pub(crate) whose: Whose,
    /// What kept its tasks from their ends the last time.
    pub(crate) obstacle: Option<Obstacle>,
}

/// Counts tasks that may hold a token that is saved nowhere else. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(Arc<watch::Sender<Load>>);

#[derive(Debug, Default)]
struct Load {
    tasks: usize,
    /// Those of them that cannot end until somebody does something about it.
    stuck: usize,
    /// How many wait for all of them.
    waiters: usize,
    /// The caches that they are of, by the places of their counts.
    busy: HashMap<usize, Tasks>,
}

impl UnderWay {
    pub(crate) fn is_idle(&self) -> bool {
        self.0.borrow().tasks == 0
    }

    /// The caches that have something under way, in no order.
    pub(crate) fn left(&self) -> Vec<Left> {
        // Their counts are locked before the load and never after it.
        let busy: Vec<_> = self.0.borrow().busy.values().cloned().collect();
        busy.iter().filter_map(Tasks::left).collect()
    }

    /// Waits until no task is under way that can end. The others are given a moment: who waits has
    /// them try again.
    pub(crate) async fn idle(&self) {
        let _waiter = Waiter::of(self);
        let mut loads = self.0.subscribe();
        loop {
            // Its sender lives as long as `self`.
            let rest = loads.wait_for(|load| load.tasks == load.stuck).await.map(|load| load.tasks);
            if rest.is_ok_and(|tasks| tasks == 0) {
                return;
            }
            let more = loads.wait_for(|load| load.tasks != load.stuck || load.tasks == 0);
            if timeout(LAST_TRY, more).await.is_err() {
                return;
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
    /// While something is under way. In a box, since few caches have that at a time.
    left: Option<Box<Left>>,
    /// Those that are gone wait for nothing.
    clients: Vec<Weak<watch::Sender<Load>>>,
}

/// A task that is under way.
#[derive(Debug)]
pub(crate) struct TaskGuard {
    tasks: Tasks,
    is_stuck: bool,
    /// Whether the obstacle that is told is of this task.
    tells: bool,
}

impl Tasks {
    /// Counts them for another client, too.
    pub(crate) fn report_to(&self, client: &UnderWay) {
        let Counted { running, stuck, clients, .. } = &mut *self.0.lock();
        clients.retain(|known| known.strong_count() > 0);
        let new = Arc::downgrade(&client.0);
        if clients.iter().any(|known| known.ptr_eq(&new)) {
            return;
        }
        client.0.send_modify(|load| {
            load.tasks += *running as usize;
            load.stuck += *stuck as usize;
            if *running > 0 {
                load.busy.insert(self.place(), self.clone());
            }
        });
        // Nearly always the only one.
        clients.reserve_exact(1);
        clients.push(new);
    }

    pub(crate) fn begin(&self, whose: &Whose) -> TaskGuard {
        let counted = &mut *self.0.lock();
        counted.running += 1;
        let is_first = counted.running == 1;
        counted
            .left
            .get_or_insert_with(|| Box::new(Left { whose: Arc::clone(whose), obstacle: None }));
        counted.tell(|load| {
            load.tasks += 1;
            if is_first {
                load.busy.insert(self.place(), self.clone());
            }
        });
        TaskGuard { tasks: self.clone(), is_stuck: false, tells: false }
    }

    /// What is under way, if anything is.
    pub(crate) fn left(&self) -> Option<Left> {
        self.0.lock().left.as_deref().cloned()
    }

    fn place(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl Counted {
    fn tell(&self, change: impl Fn(&mut Load)) {
        for client in self.clients.iter().filter_map(Weak::upgrade) {
            client.send_modify(&change);
        }
    }

    fn set_obstacle(&mut self, obstacle: Option<Obstacle>) {
        if let Some(left) = &mut self.left {
            left.obstacle = obstacle;
        }
    }
}

impl TaskGuard {
    /// Nobody needs to wait for the task: it cannot end until somebody does something about it.
    pub(crate) fn is_stuck(&mut self, obstacle: Obstacle) {
        let counted = &mut *self.tasks.0.lock();
        counted.set_obstacle(Some(obstacle));
        self.tells = true;
        if !std::mem::replace(&mut self.is_stuck, true) {
            counted.stuck += 1;
            counted.tell(|load| load.stuck += 1);
        }
    }

    /// It may end by itself, whatever kept it from that before.
    pub(crate) fn goes_on(&mut self, obstacle: Option<Obstacle>) {
        let counted = &mut *self.tasks.0.lock();
        if self.tells || obstacle.is_some() {
            self.tells = obstacle.is_some();
            counted.set_obstacle(obstacle);
        }
        if std::mem::take(&mut self.is_stuck) {
            counted.stuck -= 1;
            counted.tell(|load| load.stuck -= 1);
        }
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
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.goes_on(None);
        let counted = &mut *self.tasks.0.lock();
        counted.running -= 1;
        let is_last = counted.running == 0;
        let place = self.tasks.place();
        counted.tell(|load| {
            load.tasks -= 1;
            if is_last {
                load.busy.remove(&place);
            }
        });
        if is_last {
            counted.left = None;
        }
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

    fn begun(tasks: &Tasks, whose: &'static str) -> TaskGuard {
        tasks.begin(&(Arc::new(whose) as Whose))
    }

    fn names(client: &UnderWay) -> Vec<(&'static str, bool)> {
        let told = |left: &Left| {
            let name = left.whose.downcast_ref::<&'static str>().copied();
            (name.unwrap_or_default(), left.obstacle.is_some())
        };
        client.left().iter().map(told).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_stuck_is_not_waited_for() {
        let tasks = Tasks::default();
        let before = UnderWay::default();
        tasks.report_to(&before);
        let mut stuck = begun(&tasks, "anna");
        let obstacle: Obstacle = Arc::new(std::fmt::Error);
        stuck.is_stuck(Arc::clone(&obstacle));
        stuck.is_stuck(obstacle);
        let after = UnderWay::default();
        tasks.report_to(&after);

        for client in [&before, &after] {
            client.idle().await;
            assert!(!client.is_idle());
            assert_eq!(names(client), [("anna", true)]);
        }
        let running = begun(&tasks, "anna");
        assert!(before.idle().now_or_never().is_none());
        drop(running);
        stuck.goes_on(None);
        assert_eq!(names(&after), [("anna", false)]);
        assert!(after.idle().now_or_never().is_none());
        drop(stuck);
        for client in [&before, &after] {
            client.idle().await;
            assert!(client.is_idle() && names(client).is_empty());
        }
    }

    #[test]
    fn an_obstacle_is_told_as_long_as_the_task_that_met_it() {
        let (tasks, client) = (Tasks::default(), UnderWay::default());
        tasks.report_to(&client);
        let (mut saves, requests) = (begun(&tasks, "anna"), begun(&tasks, "anna"));
        saves.goes_on(Some(Arc::new(std::fmt::Error)));
        assert_eq!(names(&client), [("anna", true)]);
        drop(saves);
        assert_eq!(names(&client), [("anna", false)]);
        drop(requests);
        assert_eq!(names(&client), []);
    }

    #[test]
    fn clients_that_are_gone_are_forgotten() {
        let tasks = Tasks::default();
        let lasting = UnderWay::default();
        tasks.report_to(&lasting);
        let running = begun(&tasks, "anna");

        for _ in 0..100 {
            tasks.report_to(&UnderWay::default());
        }

        assert!(tasks.0.lock().clients.len() <= 2);
        assert!(!lasting.is_idle());
        drop(running);
        assert!(lasting.is_idle());
    }
}
