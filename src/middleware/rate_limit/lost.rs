//! Exchanges that end with their task: with the runtime of a call, or of a store that panics. Time
//! stands still until nobody has anything to do.

use std::future::pending;
use std::sync::mpsc;

use tokio::runtime::Builder;
use tokio::time::sleep;

use super::super::shared::{Granted, SharedLimit, SharedLimitError, Sharing, Told};
use super::fake_store::{
    ENDPOINT, NewRuntimes, SECOND, Store, WithStops, call, milliseconds, refused, wanted,
};
use super::*;

/// Polls a call once on a runtime that takes no more tasks. Says whether that poll came to an end.
fn is_polled_while_the_runtime_shuts_down(
    call: impl Future<Output: Send> + Send + 'static,
) -> bool {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let (began, begins) = mpsc::channel();
    let (ended, ends) = mpsc::channel();
    runtime.spawn(async move {
        began.send(()).unwrap();
        while !tokio::spawn(pending::<()>()).is_finished() {
            std::thread::yield_now();
        }
        let mut call = pin!(call);
        poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
        ended.send(()).unwrap();
    });
    begins.recv().unwrap();
    runtime.shutdown_background();
    ends.recv_timeout(30 * SECOND).is_ok()
}

#[test]
fn a_runtime_shuts_down_while_a_call_waits_on_it() {
    let program = NewRuntimes::new(Store::free);
    let app = Arc::clone(&program.app);
    let waits = async move { app.permit(wanted(ENDPOINT, false)).await.map(drop) };
    assert!(is_polled_while_the_runtime_shuts_down(waits));
    assert!(begins_no_other(&program.app));
    assert_eq!(program.app.stats().sharing, Some(Sharing::Free));
}

/// The exchange counts as under way, as where there was no runtime.
fn begins_no_other(app: &App) -> bool {
    let core = &mut *app.core.lock();
    let now = core.now(&app.options);
    core.due(now).is_none()
}

#[test]
fn a_runtime_shuts_down_while_a_refusal_is_told_on_it() {
    let mut program = NewRuntimes::new(Store::free);
    let permit = program.run(async |app| {
        call(app, ENDPOINT, Outcome::Succeeded).await;
        app.permit_at_once(wanted(ENDPOINT, false).pair, String::new).unwrap()
    });
    let app = Arc::clone(&program.app);
    let tells = async move {
        permit.settle(refused(5.0));
        app.refusals_told(Duration::MAX).await;
    };
    assert!(is_polled_while_the_runtime_shuts_down(tells));
    assert!(begins_no_other(&program.app));

    // The next runtime tells it.
    program.idles(SECOND);
    program.run(async |app| app.refusals_told(Duration::MAX).await);
    assert_eq!(program.store.refusals().len(), 1);
}

/// A call that is given up after a time. Says whether it went.
async fn call_within(app: &Arc<App>, longest: Duration) -> bool {
    tokio::time::timeout(longest, call(app, ENDPOINT, Outcome::Succeeded)).await.is_ok()
}

/// The first loss says nothing about the store, and the second in a row is silence.
#[test]
fn a_process_whose_runtimes_end_before_the_store_responds_goes_on_alone() {
    for longest in [30, 150, 190] {
        let mut program = NewRuntimes::new(|| Store::free().taking(10 * SECOND));
        let mut went = Vec::new();
        for _ in 0..6 {
            went.push(program.run(async |app| call_within(app, milliseconds(longest)).await));
            program.idles(milliseconds(100));
        }
        assert_eq!(went, [false, false, true, true, true, true], "{longest} ms");
        let sharing = program.run(async |app| app.stats().sharing);
        assert_eq!(sharing, Some(Sharing::Alone), "{longest} ms");
    }
}

/// The second of two that wait goes when the exchange that it has begun is lost, too.
#[test]
fn who_waits_goes_at_once_when_the_second_exchange_is_lost() {
    let mut program = NewRuntimes::new(|| Store::free().taking(10 * SECOND));
    let begins = |app: &Arc<App>| {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let (runtime, app) = (runtime.unwrap(), Arc::clone(app));
        runtime.block_on(async {
            let mut waits = pin!(app.permit(wanted(ENDPOINT, false)));
            poll_fn(|context| Poll::Ready(waits.as_mut().poll(context).is_ready())).await;
        });
        runtime
    };
    drop(begins(&program.app));
    let second = begins(&program.app);

    let waited = program.run(async |app| {
        let waits = tokio::spawn({
            let app = Arc::clone(app);
            async move { call(&app, ENDPOINT, Outcome::Succeeded).await }
        });
        sleep(milliseconds(30)).await;
        second.shutdown_background();
        waits.await.unwrap()
    });

    assert!(waited <= milliseconds(32), "{waited:?}");
}

/// Most exchanges of calls that go at once end with their runtimes.
#[test]
fn an_exchange_that_is_lost_while_nobody_waits_for_it_is_no_silence() {
    for (takes, pause) in [(50, 0), (50, 30), (100, 80), (190, 170), (30, 400)] {
        let mut program = NewRuntimes::new(|| Store::free().taking(milliseconds(takes)));
        for number in 0..200 {
            program.run(async |app| call(app, ENDPOINT, Outcome::Succeeded).await);
            program.idles(milliseconds(pause));
            let sharing = program.run(async |app| app.stats().sharing);
            assert_eq!(sharing, Some(Sharing::Free), "number {number}, {takes} ms, {pause} ms");
        }
    }
}

/// One that is silent, and panics when it is given up, as one does that holds a runtime.
#[derive(Debug)]
struct PanicsWhenDropped;

struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::resume_unwind(Box::new(()));
        }
    }
}

#[async_trait::async_trait]
impl SharedLimit for PanicsWhenDropped {
    async fn exchange(&self, _: Option<&str>, _: &Told) -> Result<Granted, SharedLimitError> {
        let _panics = Panics;
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_when_it_is_given_up_is_silent() {
    for patience in [Duration::ZERO, SECOND, 60 * SECOND] {
        let options = RateLimitOptions::default().with_clock(WithStops::new());
        let app = Arc::new(App::new(None, options.with_shared(PanicsWhenDropped)));
        let began = tokio::time::Instant::now();

        let wanted = Wanted { patience, ..wanted(ENDPOINT, false) };
        races::permit(&app, wanted).await.unwrap().settle(Outcome::Succeeded);

        let waited = began.elapsed();
        assert!(waited <= milliseconds(212), "{waited:?}");
        assert_eq!(app.stats().sharing, Some(Sharing::Alone));
    }
}
