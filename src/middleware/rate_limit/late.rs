//! Exchanges with a store that are begun, heard or repeated later than they were meant to be: of a
//! runtime that is driven for the time of each call, of a process that is stopped for a while, and
//! of a keeper that sleeps too long. Time stands still until nobody has anything to do.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::super::shared::{Granted, Sharing};
use super::fake_store::{ENDPOINT, SECOND, Store, call, milliseconds, refused};
use super::*;

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
    for takes in [2, 49, 60, 100, 180, 195] {
        let store = Store::free().taking(milliseconds(takes));
        let app = store.app();
        call(&app, ENDPOINT, Outcome::Succeeded).await;
        for _ in 0..3 {
            sleep(SECOND).await;
            call(&app, ENDPOINT, refused(1.0)).await;
            call(&app, ENDPOINT, Outcome::Succeeded).await;
        }
        sleep(SECOND).await;
        call(&app, ENDPOINT, Outcome::Succeeded).await;

        assert_eq!(store.refusals().len(), 3);
        let told = &store.kept.lock().told;
        assert!(told.iter().all(|(_, told)| !told.others_wait), "{takes} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_store_while_another_is_refused_is_no_demand() {
    let store = Store::free().taking(milliseconds(150));
    let app = store.app();
    call(&app, ENDPOINT, Outcome::Succeeded).await;
    sleep(milliseconds(770)).await;
    let pair = fake_store::wanted(ENDPOINT, false).pair;
    let permit = app.permit_at_once(pair, String::new).unwrap();
    sleep(milliseconds(100)).await;
    let waits = tokio::spawn({
        let app = Arc::clone(&app);
        async move { call(&app, ENDPOINT, Outcome::Succeeded).await }
    });
    store.kept.lock().takes = milliseconds(2);
    sleep(milliseconds(20)).await;
    permit.settle(refused(1.0));
    waits.await.unwrap();

    let told = store.kept.lock().told.clone();
    assert!(told.iter().any(|(_, told)| told.refused_for.is_some()), "{told:?}");
    assert!(told.iter().all(|(_, told)| !told.others_wait), "{told:?}");
}

/// Each has waited for the store as well, the one for longer and the other for no time.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_start_after_the_store_responded_is_demand() {
    for (takes, first_in) in [(2, 100), (100, 100), (190, 60), (190, 900)] {
        let store = Store::new(move |told, _| {
            let granted = Granted::default().with_rate(1.0, 2);
            granted.with_starts(told.starts.min(1), milliseconds(first_in), SECOND)
        });
        let store = store.taking(milliseconds(takes));
        let app = store.app();

        call(&app, ENDPOINT, refused(1.0)).await;
        app.refusals_told(Duration::MAX).await;

        let told = store.kept.lock().told.clone();
        let refusal = told.iter().find(|(_, told)| told.refused_for.is_some());
        assert!(refusal.unwrap().1.others_wait, "{takes} ms, {first_in} ms: {told:?}");
    }
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

/// The timer is heard of first, and what reads the response runs after it.
#[tokio::test(start_paused = true)]
async fn a_process_that_was_stopped_for_a_little_longer_than_it_waits_does_not_go_on_alone() {
    for takes in [201, 205, 209] {
        let store = Store::free().taking(milliseconds(takes));
        let app = store.app();
        let waits = tokio::spawn({
            let app = Arc::clone(&app);
            async move { call(&app, ENDPOINT, Outcome::Succeeded).await }
        });
        sleep(milliseconds(100)).await;
        store.kept.lock().takes = milliseconds(1);

        waits.await.unwrap();

        assert_eq!(app.stats().sharing, Some(Sharing::Free), "{takes} ms");
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
