//! Exchanges with a store that are begun, heard or repeated later than they were meant to be: of a
//! runtime that is driven for the time of each call, of a process that is stopped for a while, and
//! of a keeper that sleeps too long. Time stands still until nobody has anything to do.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

use std::time::SystemTime;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};

use super::super::shared::{SharedLimit, Sharing};
use super::*;
use crate::auth::{Clock, Now};

/// Both of its clocks go on while the process is stopped, and its timers do not.
#[derive(Debug, Clone)]
struct WithStops {
    begin: Instant,
    stopped: Arc<Mutex<Duration>>,
}

impl WithStops {
    fn new() -> Self {
        Self { begin: Instant::now(), stopped: Arc::default() }
    }

    fn stop(&self, time: Duration) {
        *self.stopped.lock() += time;
    }

    fn elapsed(&self) -> Duration {
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
struct Store {
    clock: WithStops,
    /// How long its response is on the way.
    takes: Duration,
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    closed_until: Duration,
    epoch: u64,
    /// For how long the process is stopped while the next responses are on the way.
    stops: Vec<Duration>,
    told: Vec<(Duration, Told)>,
    grant: Box<Grant>,
}

type Grant = dyn FnMut(&Told, Duration) -> Granted + Send;

impl Store {
    fn new(grant: impl FnMut(&Told, Duration) -> Granted + Send + 'static) -> Self {
        let grant = Box::new(grant);
        let (stops, told) = (Vec::new(), Vec::new());
        let kept = Kept { closed_until: Duration::ZERO, epoch: 0, stops, told, grant };
        let kept = Arc::new(Mutex::new(kept));
        Self { clock: WithStops::new(), takes: milliseconds(50), kept }
    }

    fn free() -> Self {
        Self::new(|_, _| Granted::default())
    }

    fn app(&self) -> Arc<App> {
        let options = RateLimitOptions::default().with_clock(self.clock.clone());
        Arc::new(App::new(None, options.with_shared(self.clone())))
    }

    fn close(&self, duration: Duration) {
        let kept = &mut *self.kept.lock();
        kept.closed_until = kept.closed_until.max(self.clock.elapsed() + duration);
        kept.epoch += 1;
    }

    /// What it was told of refusals, and when.
    fn refusals(&self) -> Vec<(Duration, Duration)> {
        let told = &self.kept.lock().told;
        told.iter().filter_map(|(when, told)| Some((*when, told.refused_for?))).collect()
    }

    /// The times between two exchanges.
    fn pauses(&self) -> Vec<Duration> {
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

const ENDPOINT: u64 = 7;

fn wanted(endpoint: u64, is_urgent: bool) -> Wanted {
    let pair = Pair { endpoint, user: 0 };
    Wanted { pair, is_urgent, number: None, patience: Duration::from_secs(60) }
}

/// A call whose response takes 20 ms. Returns for how long it waited.
async fn call(app: &Arc<App>, endpoint: u64, outcome: Outcome) -> Duration {
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

/// A script: its runtime runs only while it calls.
struct Script {
    runtime: Runtime,
    store: Store,
    app: Arc<App>,
    /// Whether a task that was left behind runs before the next call does.
    is_task_first: bool,
}

impl Script {
    fn each(store: fn() -> Store) -> impl Iterator<Item = Self> {
        [false, true].into_iter().map(move |is_task_first| {
            let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
            let runtime = runtime.unwrap();
            let store = runtime.block_on(async { store() });
            let app = runtime.block_on(async { store.app() });
            Self { runtime, store, app, is_task_first }
        })
    }

    fn call(&self, endpoint: u64, outcome: Outcome) -> Duration {
        self.runtime.block_on(call(&self.app, endpoint, outcome))
    }

    fn idles(&self, time: Duration) {
        self.store.clock.stop(time);
        if self.is_task_first {
            self.runtime.block_on(tokio::task::yield_now());
        }
    }

    /// Another process was refused.
    fn closes(&self, pause: Duration) {
        self.runtime.block_on(async { self.store.close(pause) });
    }

    fn time(&self) -> Duration {
        self.runtime.block_on(async { self.store.clock.elapsed() })
    }

    fn sharing(&self) -> Option<Sharing> {
        self.runtime.block_on(async { self.app.stats().sharing })
    }
}

fn refused(seconds: f64) -> Outcome {
    Outcome::Refused(Some(seconds))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_refusal_that_is_over_is_told_to_nobody() {
    for script in Script::each(Store::free) {
        script.call(ENDPOINT, Outcome::Succeeded);
        script.call(ENDPOINT, refused(5.0));
        script.idles(8 * SECOND);

        script.call(ENDPOINT, Outcome::Succeeded);
        script.idles(2 * SECOND);
        script.call(ENDPOINT, Outcome::Succeeded);

        assert_eq!(script.store.refusals(), []);
    }
}

#[test]
fn a_refusal_that_is_told_late_is_told_with_what_is_left_of_its_pause() {
    for script in Script::each(Store::free) {
        script.call(ENDPOINT, Outcome::Succeeded);
        script.call(ENDPOINT, refused(20.0));
        let opens = script.time() + 20 * SECOND;
        script.idles(5 * SECOND);

        script.call(ENDPOINT, Outcome::Succeeded);

        let refusals = script.store.refusals();
        assert_eq!(refusals.len(), 1, "{refusals:?}");
        let (when, pause) = refusals[0];
        let off = (when + pause).abs_diff(opens);
        assert!(off < milliseconds(50), "{when:?} {pause:?}, and open at {opens:?}");
    }
}

/// The second call leaves an exchange behind, whose response comes in the third.
#[test]
fn a_closing_that_is_over_when_it_is_heard_of_closes_nothing() {
    for idle in [20, 3600] {
        for script in Script::each(Store::free) {
            script.call(ENDPOINT, Outcome::Succeeded);
            script.idles(milliseconds(800));
            script.closes(15 * SECOND);
            script.call(ENDPOINT, Outcome::Succeeded);
            script.idles(idle * SECOND);

            let waits: Vec<_> = (0..5).map(|_| script.call(ENDPOINT, Outcome::Succeeded)).collect();

            assert!(waits.iter().all(|wait| *wait < SECOND / 4), "{waits:?}");
            assert_eq!(script.sharing(), Some(Sharing::Free));
        }
    }
}

#[test]
fn a_response_from_before_a_closing_lets_nothing_go_during_it() {
    for script in Script::each(Store::free) {
        script.call(ENDPOINT, Outcome::Succeeded);
        script.idles(milliseconds(800));
        script.call(ENDPOINT, Outcome::Succeeded);
        script.idles(5 * SECOND);
        script.closes(15 * SECOND);

        let wait = script.call(ENDPOINT, Outcome::Succeeded);

        assert!((15 * SECOND..16 * SECOND).contains(&wait), "{wait:?}");
    }
}

/// That nothing was heard is noticed when the next call comes, and the store may have responded.
#[test]
fn a_process_that_did_not_run_for_a_moment_does_not_go_on_alone() {
    for idle in [300, 450, 600, 900] {
        for script in Script::each(Store::free) {
            script.call(ENDPOINT, Outcome::Succeeded);
            script.idles(milliseconds(800));
            script.call(ENDPOINT, Outcome::Succeeded);
            script.closes(15 * SECOND);
            script.idles(milliseconds(idle));

            let wait = script.call(ENDPOINT, Outcome::Succeeded);

            assert!(wait > 13 * SECOND, "{wait:?}, after {idle} ms");
        }
    }
}

/// That it waits for the store, and again for its pause, is no limit of others.
#[tokio::test(start_paused = true)]
async fn a_process_by_itself_tells_of_no_others_that_wait() {
    let mut store = Store::free();
    store.takes = milliseconds(2);
    let app = store.app();
    call(&app, ENDPOINT, Outcome::Succeeded).await;
    sleep(SECOND).await;
    call(&app, ENDPOINT, refused(1.0)).await;
    call(&app, ENDPOINT, Outcome::Succeeded).await;
    sleep(SECOND).await;
    call(&app, ENDPOINT, Outcome::Succeeded).await;

    assert_eq!(store.refusals().len(), 1);
    assert!(store.kept.lock().told.iter().all(|(_, told)| !told.others_wait));
}

/// As by SIGSTOP.
#[test]
fn a_response_that_was_on_its_way_while_the_process_was_stopped_is_not_taken() {
    for stopped in [milliseconds(300), milliseconds(1500), 12 * SECOND] {
        for script in Script::each(Store::free) {
            script.store.kept.lock().stops = vec![stopped];
            script.closes(stopped / 2);

            let wait = script.call(ENDPOINT, Outcome::Succeeded);

            assert!(wait < milliseconds(120), "{wait:?}, stopped for {stopped:?}");
            assert_eq!(script.sharing(), Some(Sharing::Free));
        }
    }
}

/// No response is young enough, ever.
#[test]
fn a_process_that_hears_everything_late_goes_on_alone() {
    for stopped in [milliseconds(160), milliseconds(300), 2 * SECOND] {
        for script in Script::each(Store::free) {
            script.store.kept.lock().stops = vec![stopped; 100];

            let waits: Vec<_> = (0..5).map(|_| script.call(ENDPOINT, Outcome::Succeeded)).collect();

            assert!(waits.iter().all(|wait| *wait < SECOND), "{waits:?}");
            assert_eq!(script.sharing(), Some(Sharing::Alone), "stopped for {stopped:?}");
        }
    }
}

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Until then a caller waits.
async fn wait(app: &Arc<App>, time: Duration) {
    let waits = tokio::spawn({
        let app = Arc::clone(app);
        async move { app.permit(wanted(ENDPOINT, false)).await.map(drop) }
    });
    sleep(time).await;
    waits.abort();
}

#[tokio::test(start_paused = true)]
async fn a_store_is_asked_again_when_it_said() {
    for back in [20, 50, 100, 199, 300, 500, 900, 2500] {
        let back = milliseconds(back);
        let grant = move |_: &Told, _| Granted::default().with_rate(5.0, 2).with_come_back_in(back);
        let mut store = Store::new(grant);
        store.takes = milliseconds(1);

        wait(&store.app(), 6 * SECOND).await;

        let pauses = store.pauses();
        let late = back + milliseconds(4);
        assert!(
            pauses.len() > 1 && pauses.iter().all(|it| (back..=late).contains(it)),
            "{pauses:?}"
        );
    }
}

/// The first start is far away, and the urgent request has one of its own a moment after it asked.
#[tokio::test(start_paused = true)]
async fn a_store_is_asked_again_for_the_urgent_when_it_said() {
    for back in [20, 50, 100, 300, 500] {
        let mut asked = 0;
        let mut store = Store::new(move |_, _| {
            asked += 1;
            let granted = Granted::default().with_rate(5.0, 2);
            match asked {
                1 => granted.with_starts(1, 8 * SECOND, SECOND),
                2 => granted.with_come_back_in(milliseconds(back)),
                _ => granted.with_starts(1, Duration::ZERO, Duration::ZERO),
            }
        });
        store.takes = milliseconds(1);
        let app = store.app();
        let waits = tokio::spawn({
            let app = Arc::clone(&app);
            async move { app.permit(wanted(ENDPOINT, false)).await.map(drop) }
        });
        sleep(milliseconds(337)).await;
        let began = Instant::now();

        races::permit(&app, wanted(ENDPOINT, true)).await.unwrap().settle(Outcome::Succeeded);

        let waited = began.elapsed();
        assert!(waited < milliseconds(back + 10), "{waited:?} in place of {back} ms");
        waits.abort();
    }
}

/// As somebody would write one: a start at a time, or when to come back.
fn token_bucket(rate: f64) -> Store {
    let mut next = 0.0;
    let mut store = Store::new(move |told, now| {
        let now = now.as_secs_f64();
        let granted = Granted::default().with_rate(rate, 1);
        if told.starts == 0 {
            return granted;
        }
        if now < next {
            return granted.with_come_back_in(duration(next - now));
        }
        next = f64::max(next, now - 0.02) + 1.0 / rate;
        granted.with_starts(1, Duration::ZERO, Duration::ZERO)
    });
    store.takes = milliseconds(1);
    store
}

#[tokio::test(start_paused = true)]
async fn a_plain_token_bucket_is_used_to_nine_tenths() {
    for rate in [2.0, 5.0, 10.0, 20.0, 40.0] {
        let app = token_bucket(rate).app();
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let app = Arc::clone(&app);
                tokio::spawn(async move {
                    let mut went = 0;
                    let ends = Instant::now() + 30 * SECOND;
                    while Instant::now() < ends {
                        call(&app, ENDPOINT, Outcome::Succeeded).await;
                        went += 1;
                    }
                    went
                })
            })
            .collect();
        let mut went = 0.0;
        for task in tasks {
            went += f64::from(task.await.unwrap());
        }
        assert!(went >= 0.9 * 30.0 * rate, "{went} in 30 s at {rate} a second");
    }
}
