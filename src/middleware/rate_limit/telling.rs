//! What a store is told of refusals where the runtime of each call ends with it. Time stands still
//! until nobody has anything to do.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use super::super::shared::Sharing;
use super::fake_store::{
    ENDPOINT, NewRuntimes, SECOND, Store, call, milliseconds, refused, wanted,
};
use super::*;

/// A call that is refused for five seconds. Returns for how long it waited for the telling.
async fn is_refused(app: &Arc<App>, longest: Duration) -> Duration {
    call(app, ENDPOINT, refused(5.0)).await;
    let began = Instant::now();
    app.refusals_told(longest).await;
    began.elapsed()
}

fn taking(takes: u64) -> NewRuntimes {
    NewRuntimes::new(|| Store::free().taking(milliseconds(takes)))
}

#[test]
fn a_refusal_is_told_before_its_call_ends() {
    for (takes, idle) in [(1, 0), (50, 0), (150, 0), (190, 0), (1, 800), (50, 800), (90, 800)] {
        let mut program = taking(takes);
        program.run(async |app| call(app, ENDPOINT, Outcome::Succeeded).await);
        program.idles(milliseconds(idle));

        let waited = program.run(async |app| is_refused(app, Duration::MAX).await);

        let refusals = program.store.refusals();
        assert_eq!(refusals.len(), 1, "{refusals:?}, {takes} ms, after {idle} ms");
        assert!(refusals[0].1 > milliseconds(4900), "{refusals:?}");
        assert!(waited <= milliseconds(200), "{waited:?}");
        assert_eq!(program.run(async |app| app.stats().sharing), Some(Sharing::Closed));
    }
}

#[test]
fn a_refused_call_waits_for_the_telling_as_long_as_an_exchange_takes_at_most() {
    for (takes, longest, expected) in
        [(10_000, Duration::MAX, 200), (10_000, milliseconds(70), 70), (30, Duration::MAX, 30)]
    {
        let mut program = taking(1);
        program.run(async |app| call(app, ENDPOINT, Outcome::Succeeded).await);
        program.store.kept.lock().takes = milliseconds(takes);

        let waited = program.run(async |app| is_refused(app, longest).await);

        let late = waited.abs_diff(milliseconds(expected));
        assert!(late <= milliseconds(2), "{waited:?} in place of {expected} ms");
    }
}

#[test]
fn who_has_nothing_to_tell_waits_for_no_telling() {
    // Nobody shares the limit.
    let mut program = taking(1);
    let options = RateLimitOptions::default().with_clock(program.store.clock.clone());
    let by_itself = Arc::new(App::new(None, options));
    let waited = program.run(async |_| is_refused(&by_itself, Duration::MAX).await);
    assert_eq!(waited, Duration::ZERO);

    // The store does not respond, and nobody would hear of it.
    let mut program = taking(10_000);
    program.run(async |app| call(app, ENDPOINT, Outcome::Succeeded).await);
    assert_eq!(program.run(async |app| app.stats().sharing), Some(Sharing::Alone));
    let waited = program.run(async |app| is_refused(app, Duration::MAX).await);
    assert_eq!(waited, Duration::ZERO);

    // It is an endpoint's own limit.
    let mut program = taking(1);
    let waited = program.run(async |app| {
        call(app, ENDPOINT + 1, Outcome::Succeeded).await;
        call(app, ENDPOINT, Outcome::Refused(Some(3600.0))).await;
        let began = Instant::now();
        app.refusals_told(Duration::MAX).await;
        began.elapsed()
    });
    assert_eq!(waited, Duration::ZERO);
    assert_eq!(program.store.refusals(), []);
}

/// Nobody drives the runtime that it was begun on.
#[test]
fn an_exchange_that_does_not_end_keeps_a_refused_call_no_longer_than_any_other() {
    let mut program = taking(50);
    program.run(async |app| call(app, ENDPOINT, Outcome::Succeeded).await);
    program.idles(milliseconds(800));
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let permit = program.run_on(&runtime, async |app| {
        app.permit_at_once(wanted(ENDPOINT, false).pair, String::new).unwrap()
    });

    let waited = program.run(async |app| is_refused(app, Duration::MAX).await);

    assert!(waited.abs_diff(milliseconds(200)) <= milliseconds(2), "{waited:?}");
    drop((permit, runtime));
}

/// What is told goes on with its task.
#[tokio::test(start_paused = true)]
async fn a_refused_call_that_is_dropped_while_it_waits_for_the_telling_leaves_nothing_behind() {
    for after in [1, 20, 49] {
        let store = Store::free();
        let app = store.app();
        call(&app, ENDPOINT, Outcome::Succeeded).await;
        let refused = tokio::spawn({
            let app = Arc::clone(&app);
            async move { is_refused(&app, Duration::MAX).await }
        });
        sleep(milliseconds(20 + after)).await;
        refused.abort();
        assert!(refused.await.unwrap_err().is_cancelled());

        sleep(SECOND).await;

        assert_eq!(store.refusals().len(), 1, "after {after} ms");
        assert_eq!(Arc::strong_count(&app), 1);
        let core = app.core.lock();
        assert_eq!((core.queue.len(), core.state.app.in_flight()), (0, 0));
    }
}

/// The exchange of the first call ends with its runtime.
#[test]
fn a_refusal_is_told_though_another_exchange_was_lost() {
    for idle in [0, 100, 399, 5000] {
        let mut program = taking(100);
        program.run(async |app| call(app, ENDPOINT, Outcome::Succeeded).await);
        program.idles(milliseconds(800));
        program.run(async |app| call(app, ENDPOINT, Outcome::Succeeded).await);
        program.idles(milliseconds(idle));

        program.run(async |app| is_refused(app, Duration::MAX).await);

        assert_eq!(program.store.refusals().len(), 1, "after {idle} ms");
    }
}

/// Its call has a deadline.
#[test]
fn a_refusal_whose_exchange_was_lost_on_the_way_is_told_by_the_next() {
    let mut program = taking(1);
    program.run(async |app| call(app, ENDPOINT, Outcome::Succeeded).await);
    program.store.kept.lock().reached_in = milliseconds(30);
    program.run(async |app| is_refused(app, milliseconds(10)).await);
    assert_eq!(program.store.refusals(), []);

    program.idles(SECOND);
    let limited = program.run(async |app| {
        let waits = app.permit(wanted(ENDPOINT, false));
        tokio::time::timeout(milliseconds(50), waits).await.is_err()
    });

    assert!(limited);
    let refusals = program.store.refusals();
    assert!(refusals.len() == 1 && refusals[0].1 < 4 * SECOND, "{refusals:?}");
}

/// The first one's runtime is shut down while another call waits for its exchange.
#[test]
fn who_waits_for_an_exchange_that_is_lost_begins_another_at_once() {
    let mut program = taking(50);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let app = Arc::clone(&program.app);
    runtime.block_on(async {
        let mut waits = pin!(app.permit(wanted(ENDPOINT, false)));
        poll_fn(|context| Poll::Ready(waits.as_mut().poll(context).is_ready())).await;
    });

    let waited = program.run(async |app| {
        let waits = tokio::spawn({
            let app = Arc::clone(app);
            async move { call(&app, ENDPOINT, Outcome::Succeeded).await }
        });
        sleep(milliseconds(30)).await;
        runtime.shutdown_background();
        waits.await.unwrap()
    });

    assert!(waited <= milliseconds(85), "{waited:?}");
}
