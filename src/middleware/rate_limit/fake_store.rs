//! A store for tests, whose time is tokio's, with stops of the process.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

use std::time::SystemTime;

use tokio::time::{Instant, sleep};

use super::super::shared::SharedLimit;
use super::*;
use crate::auth::{Clock, Now};

/// Both of its clocks go on while the process is stopped, and its timers do not.
#[derive(Debug, Clone)]
pub(super) struct WithStops {
    begin: Instant,
    stopped: Arc<Mutex<Duration>>,
}

impl WithStops {
    pub(super) fn new() -> Self {
        Self { begin: Instant::now(), stopped: Arc::default() }
    }

    pub(super) fn stop(&self, time: Duration) {
        *self.stopped.lock() += time;
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begin.elapsed() + *self.stopped.lock()
    }
}

impl Clock for WithStops {
    fn now(&self) -> Now {
        let elapsed = self.elapsed();
        Now { monotonic: self.begin.into_std() + elapsed, wall: SystemTime::UNIX_EPOCH + elapsed }
    }
}

/// A store that closes as it is told, and else grants what a function says.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) clock: WithStops,
    /// How long its response is on the way.
    pub(super) takes: Duration,
    pub(super) kept: Arc<Mutex<Kept>>,
}

pub(super) struct Kept {
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
        let grant = Box::new(grant);
        let (stops, told) = (Vec::new(), Vec::new());
        let kept = Kept { closed_until: Duration::ZERO, epoch: 0, stops, told, grant };
        let kept = Arc::new(Mutex::new(kept));
        Self { clock: WithStops::new(), takes: milliseconds(50), kept }
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
        let stops = self.kept.lock().stops.pop();
        self.clock.stop(stops.unwrap_or_default());
        sleep(self.takes).await;
        Ok(granted)
    }
}

pub(super) const ENDPOINT: u64 = 7;

pub(super) fn wanted(endpoint: u64, is_urgent: bool) -> Wanted {
    let pair = Pair { endpoint, user: 0 };
    Wanted { pair, is_urgent, number: None, patience: Duration::from_secs(60) }
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
