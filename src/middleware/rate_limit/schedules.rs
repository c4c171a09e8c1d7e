//! Random schedules over an app's limiter, on a runtime whose time stands still until nobody has
//! anything to do. Tasks run only when they are woken, so that a wake-up that is lost is seen.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that fails is a test that panics"
)]

#[path = "schedules/steps.rs"]
mod steps;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::SystemTime;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::steps::{Step, steps};
use super::super::endpoint::key_of_name;
use super::super::state::State;
use super::super::stats::Closing;
use super::*;
use crate::auth::{Clock, Now};
use crate::sync::Mutex;

/// Who comes, and what is known of it afterwards.
#[derive(Debug, Clone, Copy)]
struct Caller {
    pair: Pair,
    is_urgent: bool,
    patience: Duration,
}

#[derive(Default)]
struct Log {
    /// In the order in which they came to the limiter.
    came: Vec<(usize, Instant)>,
    ended: HashMap<usize, Instant>,
    /// Each caller's number of its permit, which is in the order of the permits.
    granted: HashMap<usize, u64>,
    permits: Vec<Permit>,
    errors: Vec<RateLimited>,
    too_early: Vec<String>,
    closed: Vec<Closed>,
}

/// No request to an endpoint, or to any, may start before.
struct Closed {
    endpoint: Option<u64>,
    until: Instant,
}

type Lazy = Pin<Box<dyn Future<Output = ()> + Send>>;

struct World {
    app: Arc<App>,
    clock: TokioClock,
    log: Arc<Mutex<Log>>,
    callers: Vec<Caller>,
    tasks: Vec<(usize, JoinHandle<()>)>,
    left: Vec<usize>,
    lazy: Vec<(usize, Lazy)>,
    /// All that ever were, whose time runs on while nobody polls them.
    were_lazy: Vec<usize>,
}

/// Its wall clock can be set forward.
#[derive(Debug, Clone)]
struct TokioClock(Instant, Arc<Mutex<Duration>>);

impl Clock for TokioClock {
    fn now(&self) -> Now {
        let now = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + (now - self.0) + *self.1.lock();
        Now { monotonic: now.into_std(), wall }
    }
}

impl World {
    fn new() -> Self {
        let clock = TokioClock(Instant::now(), Arc::default());
        let options = RateLimitOptions::default().with_clock(clock.clone());
        let app = Arc::new(App::new(None, options));
        let log = Arc::default();
        let callers = Vec::new();
        let tasks = Vec::new();
        let left = Vec::new();
        let lazy = Vec::new();
        let were_lazy = Vec::new();
        Self { app, clock, log, callers, tasks, left, lazy, were_lazy }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Come { pair, is_urgent, patience } => {
                self.come(Caller { pair, is_urgent, patience });
            }
            Step::ComeLazily(pair, patience) => {
                self.come_lazily(Caller { pair, is_urgent: false, patience }).await;
            }
            Step::Poll(index) => self.poll(index).await,
            Step::Forget(index) => {
                if !self.lazy.is_empty() {
                    let index = index % self.lazy.len();
                    self.left.push(self.lazy.swap_remove(index).0);
                }
            }
            Step::Leave(index) => self.leave(index),
            Step::Settle(index, outcome) => self.settle(index, outcome),
            Step::Drop(index) => drop(self.take(index)),
            Step::Panic(index) => {
                if let Some(permit) = self.take(index) {
                    let layer = AssertUnwindSafe(|| {
                        let _held = permit;
                        resume_unwind(Box::new("a layer panics"))
                    });
                    let _: Result<(), _> = catch_unwind(layer);
                }
            }
            Step::CloseFor(duration) => {
                self.closes(None, duration);
                drop(self.app.close_for(duration));
            }
            Step::Restore(name, left) => self.restore(name, left),
            Step::Reopen => {
                self.log.lock().closed.clear();
                drop(self.app.reopen());
            }
            Step::Jump(jump) => self.jump(jump).await,
            Step::Run => run().await,
            Step::Pass(duration) => tokio::time::sleep(duration).await,
        }
    }

    fn come(&mut self, caller: Caller) {
        let id = self.callers.len();
        let call = self.call(caller);
        self.tasks.push((id, tokio::spawn(call)));
    }

    async fn come_lazily(&mut self, caller: Caller) {
        let id = self.callers.len();
        let call = Box::pin(self.call(caller));
        self.were_lazy.push(id);
        self.lazy.push((id, call));
        self.poll(self.lazy.len() - 1).await;
    }

    async fn poll(&mut self, index: usize) {
        if self.lazy.is_empty() {
            return;
        }
        let index = index % self.lazy.len();
        let call = &mut self.lazy[index].1;
        if poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await.is_ready() {
            drop(self.lazy.swap_remove(index));
        }
    }

    fn call(&mut self, caller: Caller) -> impl Future<Output = ()> + Send + use<> {
        let id = self.callers.len();
        let app = Arc::clone(&self.app);
        let log = Arc::clone(&self.log);
        self.callers.push(caller);
        async move {
            log.lock().came.push((id, Instant::now()));
            let verdict = match app.permit_at_once(caller.pair, String::new) {
                Ok(permit) => Ok(permit),
                Err(stay) => {
                    let pair = stay.pair;
                    let Caller { is_urgent, patience, .. } = caller;
                    let wanted = Wanted {
                        pair,
                        is_urgent,
                        number: None,
                        patience,
                        to_deadline: Duration::MAX,
                    };
                    races::permit(&app, wanted).await
                }
            };
            log.lock().ended(id, verdict);
        }
    }

    fn restore(&self, name: &str, left: Duration) {
        self.closes(Some(key_of_name(name)), left);
        let until = self.app.options.clock.now().wall + left;
        let endpoint = Some(name.to_owned());
        drop(self.app.restore(&Closing {
            client_id: None,
            endpoint,
            until,
            reason: None,
            is_by_hand: false,
            is_of_all_apps: false,
        }));
    }

    async fn jump(&self, jump: Duration) {
        *self.clock.1.lock() += jump;
        let closed = |closed: &mut Closed| closed.until -= jump.min(closed.until - self.clock.0);
        self.log.lock().closed.iter_mut().for_each(closed);
        // Within a second those who wait look at the clocks.
        tokio::time::sleep(Duration::from_millis(1002)).await;
    }

    fn leave(&mut self, index: usize) {
        if !self.tasks.is_empty() {
            let index = index % self.tasks.len();
            let (id, task) = &self.tasks[index];
            task.abort();
            self.left.push(*id);
        }
    }

    fn take(&self, index: usize) -> Option<Permit> {
        let permits = &mut self.log.lock().permits;
        (!permits.is_empty()).then(|| permits.swap_remove(index % permits.len()))
    }

    fn settle(&self, index: usize, outcome: Outcome) {
        let Some(permit) = self.take(index) else { return };
        if let Outcome::Refused(pause) = outcome {
            let pause = Duration::from_secs_f64(pause.unwrap_or(1.0).max(1.0));
            self.closes(Some(permit.pair.endpoint), pause);
        }
        permit.settle(outcome);
    }

    fn closes(&self, endpoint: Option<u64>, pause: Duration) {
        self.log.lock().closed.push(Closed { endpoint, until: Instant::now() + pause });
    }

    /// What must hold when nobody has anything to do.
    fn check(&self) -> TestCaseResult {
        let core = &mut *self.app.core.lock();
        let now = core.now(&self.app.options);
        let log = self.log.lock();
        // Until somebody else sees that the keeper oversleeps, others may sleep too.
        if core.queue.len() > 0 && self.lazy.is_empty() {
            let next = self.waiting(&log).map(|pair| earliest(&core.state, pair, now));
            let next = next.fold(f64::INFINITY, f64::min);
            prop_assert!(next > now, "somebody waits who may go");
            let wakes_at = core.keeper.map(|keeper| keeper.wakes_at);
            prop_assert!(
                wakes_at.is_some_and(|moment| moment <= next + 1e-6),
                "{wakes_at:?}, {next}"
            );
        }
        prop_assert_eq!(&log.too_early, &Vec::<String>::new());
        prop_assert!(log.errors.iter().all(|error| !error.retry_after.is_zero()));
        Ok(())
    }

    fn waiting(&self, log: &Log) -> impl Iterator<Item = Pair> {
        let came = log.came.iter().map(|(id, _)| *id);
        let waits = came.filter(|id| !log.ended.contains_key(id) && !self.left.contains(id));
        waits.map(|id| self.callers[id].pair).collect::<Vec<_>>().into_iter()
    }

    /// Everybody has been told in time, in order, and nothing is left behind.
    fn check_end(&self) -> TestCaseResult {
        let log = self.log.lock();
        for (id, came) in &log.came {
            let Some(ended) = log.ended.get(id) else {
                prop_assert!(self.left.contains(id), "{} was never told", id);
                continue;
            };
            if self.were_lazy.contains(id) {
                continue;
            }
            let latest = *came + self.callers[*id].patience + Duration::from_millis(3);
            prop_assert!(*ended <= latest, "{} waited for {:?}", id, *ended - *came);
        }
        let mut last = HashMap::new();
        for (id, number) in log.came.iter().filter_map(|(id, _)| Some((id, log.granted.get(id)?))) {
            let Caller { pair, is_urgent, .. } = self.callers[*id];
            if self.were_lazy.contains(id) {
                continue;
            }
            let before = last.insert((pair, is_urgent), number);
            prop_assert!(
                before.is_none_or(|earlier| earlier < number),
                "{} went before its turn",
                id
            );
        }
        let core = self.app.core.lock();
        prop_assert_eq!(core.queue.len(), 0);
        prop_assert!(core.keeper.is_none());
        prop_assert_eq!(core.granted.overdue_at(), f64::INFINITY);
        prop_assert_eq!(core.state.app.in_flight(), 0);
        prop_assert!(
            core.state.endpoints.values().all(|endpoint| endpoint.bucket.in_flight() == 0)
        );
        prop_assert!(core.state.endpoints.values().all(|endpoint| endpoint.users == 0));
        Ok(())
    }
}

impl Log {
    fn ended(&mut self, id: usize, verdict: Result<Permit, RateLimited>) {
        let now = Instant::now();
        self.ended.insert(id, now);
        match verdict {
            Ok(permit) => {
                if self.closed.iter().any(|closed| closed.forbids(&permit, now)) {
                    self.too_early.push(format!("number {} to {:?}", permit.number, permit.pair));
                }
                self.granted.insert(id, permit.number);
                self.permits.push(permit);
            }
            Err(error) => self.errors.push(error),
        }
    }
}

impl Closed {
    fn forbids(&self, permit: &Permit, now: Instant) -> bool {
        let is_concerned = self.endpoint.is_none_or(|endpoint| endpoint == permit.pair.endpoint);
        is_concerned && now + Duration::from_millis(1) < self.until
    }
}

/// When a request may start if nothing else happens.
fn earliest(state: &State, pair: Pair, now: Seconds) -> Seconds {
    let mut time = now;
    while let Err(obstacle) = state.check(pair, time) {
        // Sums of seconds are rounded.
        time = obstacle.until().max(time) + 1e-9;
    }
    time
}

/// Until nobody has anything to do at this time.
async fn run() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

async fn schedule(steps: Vec<Step>) -> TestCaseResult {
    let mut world = World::new();
    for step in steps {
        let is_quiet = matches!(step, Step::Run | Step::Pass(_));
        world.step(step).await;
        if is_quiet {
            run().await;
            world.check()?;
        }
    }
    let lazy = std::mem::take(&mut world.lazy).into_iter();
    world.tasks.extend(lazy.map(|(id, call)| (id, tokio::spawn(call))));
    // All that is under way succeeds, as often as it takes.
    for _ in 0..200 {
        run().await;
        let permits = std::mem::take(&mut world.log.lock().permits);
        permits.into_iter().for_each(|permit| permit.settle(Outcome::Succeeded));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    world.check_end()
}

fn run_schedule(steps: Vec<Step>) -> TestCaseResult {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(schedule(steps))
}

#[test]
fn a_closing_of_no_length_lets_nobody_sleep_who_may_go() {
    let pair = Pair { endpoint: key_of_name("GET /one"), user: 0 };
    let come = |patience| Step::Come { pair, is_urgent: false, patience };
    let millis = Duration::from_millis;
    let steps = vec![
        Step::CloseFor(millis(1906)),
        come(millis(1906)),
        come(millis(2905)),
        Step::Pass(millis(1051)),
        Step::Pass(millis(855)),
        Step::CloseFor(Duration::ZERO),
        Step::Run,
    ];
    run_schedule(steps).expect("nobody sleeps");
}

/// A step that is too little to be sleep, and was before the closing.
#[test]
fn a_clock_that_was_set_forward_by_less_than_a_second_shortens_no_later_closing() {
    let pair = Pair { endpoint: key_of_name("GET /three"), user: 0 };
    let come = Step::Come { pair, is_urgent: false, patience: Duration::ZERO };
    let millis = Duration::from_millis;
    for is_refused in [true, false] {
        let closes = match is_refused {
            true => Step::Settle(0, Outcome::Refused(Some(7.47))),
            false => Step::CloseFor(millis(7470)),
        };
        let steps = vec![
            come.clone(),
            Step::Jump(millis(596)),
            Step::Run,
            closes,
            Step::Pass(millis(3380)),
            Step::Jump(millis(2492)),
            come.clone(),
            Step::Run,
        ];
        run_schedule(steps).expect("nobody goes too early");
    }
}

/// What its refusals close lets endpoints try that were not refused: a closing by hand does not,
/// though it is the shorter one, and those who wait for it go when it is over.
#[test]
fn a_closing_by_hand_holds_while_refusals_close_for_longer() {
    let pair = |name| Pair { endpoint: key_of_name(name), user: 0 };
    let come = |name, patience| Step::Come { pair: pair(name), is_urgent: false, patience };
    let millis = Duration::from_millis;
    for (by_hand, patience) in [(2, 0), (300, 0), (300, 301), (700, 800), (999, 5000), (1500, 5000)]
    {
        let steps = vec![
            come("GET /one", Duration::ZERO),
            come("GET /two", Duration::ZERO),
            Step::Run,
            Step::Settle(0, Outcome::Refused(None)),
            Step::Settle(0, Outcome::Refused(None)),
            Step::Pass(millis(1001)),
            come("GET /one", Duration::ZERO),
            Step::Run,
            Step::Settle(0, Outcome::Succeeded),
            come("GET /one", Duration::ZERO),
            Step::Run,
            Step::Settle(0, Outcome::Refused(Some(4.0))),
            Step::CloseFor(millis(by_hand)),
            come("GET /three", millis(patience)),
            Step::Run,
            Step::Pass(millis(by_hand + 1)),
        ];
        run_schedule(steps).expect("nobody goes too early, nor too late");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..Default::default() })]

    /// No permit is lost, nobody waits for longer than it may, order is kept, nothing goes while
    /// closed, and who leaves leaves nothing behind.
    #[test]
    fn whatever_happens_permits_are_kept(steps in vec(steps(), 1..80)) {
        run_schedule(steps)?;
    }
}
