//! What the token caches of one client and its users have under way.

use std::any::Any;
use std::collections::{HashMap, HashSet};
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

/// Counts caches with tasks that may hold a token that is saved nowhere else. Clones share the
/// count.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(Arc<watch::Sender<Load>>);

#[derive(Debug, Default)]
struct Load {
    /// How many wait for all caches.
    waiters: usize,
    /// How often a cache that had nothing under way has begun something.
    begun: u64,
    /// The caches that have something under way, by the places of their counts.
    busy: HashMap<usize, Busy>,
}

/// A cache, from when it had nothing under way until it has nothing again.
#[derive(Debug)]
struct Busy {
    number: u64,
    /// Whether none of its tasks can end until somebody does something about it.
    is_stuck: bool,
    tasks: Tasks,
}

impl UnderWay {
    pub(crate) fn is_idle(&self) -> bool {
        self.0.borrow().busy.is_empty()
    }

    /// Waits for the caches that have something under way now, each until it has nothing or is
    /// stuck: what begins later is not waited for, or traffic that goes on would never let it end.
    /// Those that are stuck are given a moment, since who waits has them try again, and what they
    /// try then is waited for to its end.
    ///
    /// Returns, in no order, the caches that have not ended by then or within the limit, and those
    /// that became stuck meanwhile.
    pub(crate) async fn settle(&self, limit: Duration) -> Vec<Left> {
        let _waiter = Waiter::of(self);
        let before = self.0.borrow().awaited();
        // Whether they have ended or the time is over, the load says.
        drop(timeout(limit, self.until_settled(&before)).await);
        self.left_of(&before)
    }

    async fn until_settled(&self, before: &[Awaited]) {
        self.until_stuck(before).await;
        let mut loads = self.0.subscribe();
        // Its sender lives as long as `self`.
        let all_end = async {
            for cache in before {
                drop(loads.wait_for(|load| load.goes_on(cache).is_none()).await);
            }
        };
        if timeout(LAST_TRY, all_end).await.is_err() {
            // A retry that runs now may be the one that succeeds.
            self.until_stuck(before).await;
        }
    }

    /// Waits until each was idle, or stuck, which it is not while it tries.
    async fn until_stuck(&self, before: &[Awaited]) {
        let mut loads = self.0.subscribe();
        for cache in before {
            drop(loads.wait_for(|load| load.goes_on(cache).is_none_or(|busy| busy.is_stuck)).await);
        }
    }

    fn left_of(&self, before: &[Awaited]) -> Vec<Left> {
        // Their counts are locked before the load and never after it.
        let tasks: Vec<_> = {
            let load = self.0.borrow();
            let awaited: HashSet<_> = before.iter().map(|cache| cache.number).collect();
            let is_left = |busy: &&Busy| busy.is_stuck || awaited.contains(&busy.number);
            load.busy.values().filter(is_left).map(|busy| busy.tasks.clone()).collect()
        };
        tasks.iter().filter_map(Tasks::left).collect()
    }
}

/// A cache that was busy when somebody began to wait.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    place: usize,
    number: u64,
}

impl Load {
    fn awaited(&self) -> Vec<Awaited> {
        let awaited =
            |(place, busy): (&usize, &Busy)| Awaited { place: *place, number: busy.number };
        self.busy.iter().map(awaited).collect()
    }

    /// A cache that has not been idle since.
    fn goes_on(&self, cache: &Awaited) -> Option<&Busy> {
        self.busy.get(&cache.place).filter(|busy| busy.number == cache.number)
    }

    /// What a cache has under way now.
    fn note(&mut self, tasks: &Tasks, running: u32, stuck: u32) {
        if running == 0 {
            self.busy.remove(&tasks.place());
            return;
        }
        let begun = &mut self.begun;
        let busy = self.busy.entry(tasks.place()).or_insert_with(|| {
            *begun += 1;
            Busy { number: *begun, is_stuck: false, tasks: tasks.clone() }
        });
        busy.is_stuck = running == stuck;
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
        client.0.send_modify(|load| load.note(self, *running, *stuck));
        // Nearly always the only one.
        clients.reserve_exact(1);
        clients.push(new);
    }

    pub(crate) fn begin(&self, whose: &Whose) -> TaskGuard {
        let counted = &mut *self.0.lock();
        counted.running += 1;
        counted
            .left
            .get_or_insert_with(|| Box::new(Left { whose: Arc::clone(whose), obstacle: None }));
        counted.tell(self);
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
    fn tell(&self, tasks: &Tasks) {
        for client in self.clients.iter().filter_map(Weak::upgrade) {
            client.send_modify(|load| load.note(tasks, self.running, self.stuck));
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
            counted.tell(&self.tasks);
        }
    }

    /// It may end by itself, whatever kept it from that before.
    pub(crate) fn goes_on(&mut self, obstacle: Option<Obstacle>) {
        if self.tells || obstacle.is_some() {
            self.tells = obstacle.is_some();
            self.tasks.0.lock().set_obstacle(obstacle);
        }
        self.tries();
    }

    /// It tries again: how that ends is worth waiting for. What kept it from its end until now is
    /// still told.
    pub(crate) fn tries(&mut self) {
        if std::mem::take(&mut self.is_stuck) {
            let counted = &mut *self.tasks.0.lock();
            counted.stuck -= 1;
            counted.tell(&self.tasks);
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
        counted.tell(&self.tasks);
        if counted.running == 0 {
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

/// Longer than a task pauses before a retry.
const LAST_TRY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn begun(tasks: &Tasks, whose: &'static str) -> TaskGuard {
        tasks.begin(&(Arc::new(whose) as Whose))
    }

    fn names(left: &[Left]) -> Vec<(&'static str, bool)> {
        let told = |left: &Left| {
            let name = left.whose.downcast_ref::<&'static str>().copied();
            (name.unwrap_or_default(), left.obstacle.is_some())
        };
        let mut names: Vec<_> = left.iter().map(told).collect();
        names.sort_unstable();
        names
    }

    fn under_way(client: &UnderWay) -> Vec<(&'static str, bool)> {
        names(&client.left_of(&client.0.borrow().awaited()))
    }

    async fn settled(client: &UnderWay) -> Vec<(&'static str, bool)> {
        names(&client.settle(LIMIT).await)
    }

    fn obstacle() -> Obstacle {
        Arc::new(std::fmt::Error)
    }

    const LIMIT: Duration = Duration::from_secs(120);

    #[tokio::test(start_paused = true)]
    async fn what_is_stuck_is_not_waited_for() {
        let tasks = Tasks::default();
        let before = UnderWay::default();
        tasks.report_to(&before);
        let mut stuck = begun(&tasks, "anna");
        stuck.is_stuck(obstacle());
        stuck.is_stuck(obstacle());
        let after = UnderWay::default();
        tasks.report_to(&after);

        for client in [&before, &after] {
            assert_eq!(settled(client).await, [("anna", true)]);
            assert!(!client.is_idle());
        }
        let running = begun(&tasks, "anna");
        assert!(before.settle(LIMIT).now_or_never().is_none());
        drop(running);
        stuck.goes_on(None);
        assert_eq!(under_way(&after), [("anna", false)]);
        assert!(after.settle(LIMIT).now_or_never().is_none());
        drop(stuck);
        for client in [&before, &after] {
            assert_eq!(settled(client).await, []);
            assert!(client.is_idle());
        }
    }

    /// Healthy caches that are busy for half of the time, one that is stuck and is tried again, and
    /// one that has been under way for long.
    #[tokio::test(start_paused = true)]
    async fn each_cache_is_waited_for_until_it_was_idle_or_stuck_once() {
        let client = UnderWay::default();
        let all: [Tasks; 10] = Default::default();
        all.iter().for_each(|tasks| tasks.report_to(&client));
        for (number, tasks) in all.iter().cloned().enumerate() {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(100) * number as u32).await;
                let mut kept = Vec::new();
                loop {
                    let mut busy = begun(&tasks, if number == 0 { "stuck" } else { "healthy" });
                    tokio::time::sleep(Duration::from_millis(700)).await;
                    if number == 0 {
                        busy.is_stuck(obstacle());
                        kept.push(busy);
                    } else {
                        drop(busy);
                    }
                    // One is busy again at once: nobody sees that it was idle.
                    if number != 1 {
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }
            });
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        let begun_at = tokio::time::Instant::now();

        assert_eq!(settled(&client).await, [("stuck", true)]);

        assert!(begun_at.elapsed() < LAST_TRY * 2, "{:?}", begun_at.elapsed());
        let long = Tasks::default();
        long.report_to(&client);
        let _running = begun(&long, "long");
        assert_eq!(settled(&client).await, [("long", false), ("stuck", true)]);
    }

    /// It cannot be saved, and that is known.
    #[tokio::test(start_paused = true)]
    async fn what_becomes_stuck_meanwhile_is_told_too() {
        let client = UnderWay::default();
        let early = Tasks::default();
        let late = Tasks::default();
        [&early, &late].into_iter().for_each(|tasks| tasks.report_to(&client));
        let running = begun(&early, "early");
        let begins_later = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut stuck = begun(&late, "late");
            stuck.is_stuck(obstacle());
            drop(running);
            stuck
        };

        let (left, _stuck) = tokio::join!(settled(&client), begins_later);

        assert_eq!(left, [("late", true)]);
    }

    /// A retry that runs when the moment is over, whatever becomes of it.
    #[tokio::test(start_paused = true)]
    async fn a_retry_is_waited_for_to_its_end() {
        for succeeds in [true, false] {
            let tasks = Tasks::default();
            let client = UnderWay::default();
            tasks.report_to(&client);
            let mut task = begun(&tasks, "anna");
            task.is_stuck(obstacle());
            let retries = async move {
                tokio::time::sleep(LAST_TRY - Duration::from_secs(1)).await;
                task.tries();
                tokio::time::sleep(LAST_TRY).await;
                if !succeeds {
                    task.is_stuck(obstacle());
                }
                (!succeeds).then_some(task)
            };
            let begun_at = tokio::time::Instant::now();

            let (left, _task) = tokio::join!(settled(&client), retries);

            let expected: &[_] = if succeeds { &[] } else { &[("anna", true)] };
            assert_eq!(left, expected);
            assert!(begun_at.elapsed() < LAST_TRY * 2, "{:?}", begun_at.elapsed());
        }
    }

    /// It is known until the retry says otherwise.
    #[tokio::test(start_paused = true)]
    async fn an_obstacle_is_told_while_its_task_tries_again() {
        let tasks = Tasks::default();
        let client = UnderWay::default();
        tasks.report_to(&client);
        let mut task = begun(&tasks, "anna");
        task.is_stuck(obstacle());

        task.tries();

        assert_eq!(under_way(&client), [("anna", true)]);
        assert!(client.settle(LIMIT).now_or_never().is_none());
    }

    #[test]
    fn an_obstacle_is_told_as_long_as_the_task_that_met_it() {
        let tasks = Tasks::default();
        let client = UnderWay::default();
        tasks.report_to(&client);
        let mut saves = begun(&tasks, "anna");
        let requests = begun(&tasks, "anna");
        saves.goes_on(Some(Arc::new(std::fmt::Error)));
        assert_eq!(under_way(&client), [("anna", true)]);
        drop(saves);
        assert_eq!(under_way(&client), [("anna", false)]);
        drop(requests);
        assert_eq!(under_way(&client), []);
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
