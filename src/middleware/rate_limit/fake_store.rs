//! A store for tests, whose time is tokio's, with stops of the process.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

use std::time::SystemTime;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};

use super::super::shared::{Granted, SharedLimit, SharedLimitError, Told};
use super::*;
use crate::auth::{Clock, Now};
use crate::sync::Mutex;

/// Both of its clocks go on while the process is stopped, and its timers do not.
#[derive(Debug, Clone)]
pub(super) struct WithStops {
    first: std::time::Instant,
    /// When the time of this runtime began, which each has of its own.
    begin: Arc<Mutex<Instant>>,
    stopped: Arc<Mutex<Duration>>,
}

impl WithStops {
    pub(super) fn new() -> Self {
        let begin = Instant::now();
        Self {
            first: begin.into_std(),
            begin: Arc::new(Mutex::new(begin)),
            stopped: Arc::default(),
        }
    }

    pub(super) fn stop(&self, time: Duration) {
        *self.stopped.lock() += time;
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begin.lock().elapsed() + *self.stopped.lock()
    }

    /// Goes on from there on another runtime.
    fn moves(&self, elapsed: Duration) {
        *self.begin.lock() = Instant::now();
        *self.stopped.lock() = elapsed;
    }
}

impl Clock for WithStops {
    fn now(&self) -> Now {
        let elapsed = self.elapsed();
        Now { monotonic: self.first + elapsed, wall: SystemTime::UNIX_EPOCH + elapsed }
    }
}

/// A store that closes as it is told, and else grants what a function says.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) clock: WithStops,
    pub(super) kept: Arc<Mutex<Kept>>,
}

pub(super) struct Kept {
    /// How long what it is told is on the way, and then its response.
    pub(super) reached_in: Duration,
    pub(super) takes: Duration,
    pub(super) closed_until: Duration,
    epoch: u64,
    /// For how long the process is stopped while the next responses are on the way.
    pub(super) stops: Vec<Duration>,
    pub(super) told: Vec<(Duration, Told)>,
    grant: Box<Grant>,
}

pub(super) type Grant = dyn FnMut(&Told, Duration) -> Granted + Send;

impl Store {
    pub(super) fn new(grant: impl FnMut(&Told, Duration) -> Granted + Send + 'static) -> Self {
        let kept = Kept {
            reached_in: Duration::ZERO,
            takes: milliseconds(50),
            closed_until: Duration::ZERO,
            epoch: 0,
            stops: Vec::new(),
            told: Vec::new(),
            grant: Box::new(grant),
        };
        Self { clock: WithStops::new(), kept: Arc::new(Mutex::new(kept)) }
    }

    /// The same, with responses that are on the way for so long.
    pub(super) fn taking(self, time: Duration) -> Self {
        self.kept.lock().takes = time;
        self
    }

    pub(super) fn free() -> Self {
        Self::new(|_, _| Granted::default())
    }

    pub(super) fn app(&self) -> Arc<App> {
        let options = RateLimitOptions::default().with_clock(self.clock.clone());
        Arc::new(App::new(None, options.with_shared(self.clone())))
    }

    pub(super) fn close(&self, duration: Duration) {
        let kept = &mut *self.kept.lock();
        kept.closed_until = kept.closed_until.max(self.clock.elapsed() + duration);
        kept.epoch += 1;
    }

    /// What it was told of refusals, and when.
    pub(super) fn refusals(&self) -> Vec<(Duration, Duration)> {
        let told = &self.kept.lock().told;
        told.iter().filter_map(|(when, told)| Some((*when, told.refused_for?))).collect()
    }

    /// The times between two exchanges.
    pub(super) fn pauses(&self) -> Vec<Duration> {
        self.kept.lock().told.windows(2).map(|told| told[1].0 - told[0].0).collect()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

#[async_trait::async_trait]
impl SharedLimit for Store {
    async fn exchange(&self, _: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError> {
        let reached_in = self.kept.lock().reached_in;
        sleep(reached_in).await;
        let now = self.clock.elapsed();
        if let Some(pause) = told.refused_for {
            self.close(pause);
        }
        let granted = {
            let kept = &mut *self.kept.lock();
            kept.told.push((now, *told));
            let closed_for = kept.closed_until.saturating_sub(now);
            (kept.grant)(told, now).with_closing(kept.epoch, closed_for)
        };
        let (stops, takes) = {
            let kept = &mut *self.kept.lock();
            (kept.stops.pop(), kept.takes)
        };
        self.clock.stop(stops.unwrap_or_default());
        sleep(takes).await;
        Ok(granted)
    }
}

/// A program that has a new runtime for each call.
pub(super) struct NewRuntimes {
    pub(super) store: Store,
    pub(super) app: Arc<App>,
    time: Duration,
}

impl NewRuntimes {
    pub(super) fn new(store: impl FnOnce() -> Store) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let (store, app) = runtime.unwrap().block_on(async {
            let store = store();
            let app = store.app();
            (store, app)
        });
        Self { store, app, time: Duration::ZERO }
    }

    pub(super) fn run<T>(&mut self, call: impl AsyncFnOnce(&Arc<App>) -> T) -> T {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        self.run_on(&runtime.unwrap(), call)
    }

    /// On one that is kept.
    pub(super) fn run_on<T>(
        &mut self,
        runtime: &Runtime,
        call: impl AsyncFnOnce(&Arc<App>) -> T,
    ) -> T {
        runtime.block_on(async {
            self.store.clock.moves(self.time);
            let ended = call(&self.app).await;
            self.time = self.store.clock.elapsed();
            ended
        })
    }

    pub(super) fn idles(&mut self, time: Duration) {
        self.time += time;
    }
}

pub(super) const ENDPOINT: u64 = 7;

pub(super) fn wanted(endpoint: u64, is_urgent: bool) -> Wanted {
    let pair = Pair { endpoint, user: 0 };
    Wanted {
        pair,
        is_urgent,
        number: None,
        patience: Duration::from_secs(60),
        to_deadline: Duration::MAX,
    }
}

/// A call whose response takes 20 ms. Returns for how long it waited.
pub(super) async fn call(app: &Arc<App>, endpoint: u64, outcome: Outcome) -> Duration {
    let began = Instant::now();
    let wanted = wanted(endpoint, false);
    let permit = match app.permit_at_once(wanted.pair, String::new) {
        Ok(permit) => permit,
        Err(_) => races::permit(app, wanted).await.unwrap(),
    };
    let waited = began.elapsed();
    sleep(milliseconds(20)).await;
    permit.settle(outcome);
    waited
}

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

pub(super) fn refused(seconds: f64) -> Outcome {
    Outcome::Refused(Some(seconds))
}
