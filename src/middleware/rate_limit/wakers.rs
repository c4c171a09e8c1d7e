//! Wakers of executors that run what they wake at once, and ask the limiter: nothing is locked when
//! one is woken or dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Wake, Waker};

use tokio::time::{Instant, sleep};

use super::super::shared::Granted;
use super::super::{Closing, Closings, RateLimiter};
use super::fake_store::{SECOND, Store, milliseconds};
use super::tests::SetForward;
use super::*;
use crate::auth::Clock;
use crate::sync::Mutex;

type Call = Pin<Box<dyn Future<Output = Result<Turn, RateLimited>> + Send>>;

/// A call that is polled by its waker.
struct Inline {
    limiter: RateLimiter,
    call: Mutex<Option<Call>>,
    ended: Mutex<Option<Result<Turn, RateLimited>>>,
    /// Whether something was locked, each time that it was woken.
    woken: Mutex<Vec<bool>>,
}

impl Inline {
    /// Says whether a wake-up may ask the limiter.
    fn sees(&self) -> bool {
        let is_locked = self.limiter.app.core.is_locked() || self.limiter.registry.is_locked();
        self.woken.lock().push(is_locked);
        !is_locked
    }

    fn poll(self: &Arc<Self>) {
        let Some(mut call) = self.call.lock().take() else { return };
        let waker = Waker::from(Arc::clone(self));
        match call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(ended) => *self.ended.lock() = Some(ended),
            Poll::Pending => *self.call.lock() = Some(call),
        }
    }

    /// As a caller that gives up.
    fn leaves(&self) {
        let call = self.call.lock().take();
        drop(call);
    }

    fn has_permit(&self) -> bool {
        matches!(*self.ended.lock(), Some(Ok(Turn::Go(_))))
    }

    fn has_failed(&self) -> bool {
        matches!(*self.ended.lock(), Some(Err(_)))
    }

    fn is_waiting(&self) -> bool {
        self.call.lock().is_some()
    }

    /// Whether it was woken, and nothing was locked then.
    fn was_woken_unlocked(&self) -> bool {
        let woken = self.woken.lock();
        !woken.is_empty() && !woken.contains(&true)
    }
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        // The runtime of a test that has failed is no place to wait.
        if self.sees() && !std::thread::panicking() {
            self.limiter.stats();
            self.poll();
        }
    }
}

/// What ends the hopes of one who waits, beside the request that is under way.
type Act<'a> = dyn Fn(&RateLimiter, Permit) + 'a;

const PAIR: Pair = Pair { endpoint: 7, user: 0 };

fn wanted(patience: Duration) -> Wanted {
    Wanted { pair: PAIR, is_urgent: false, number: None, patience, to_deadline: Duration::MAX }
}

fn limiter(clock: impl Clock + 'static) -> RateLimiter {
    RateLimiter::new(RateLimitOptions::default().with_clock(clock))
}

/// One that has come, and waits.
fn waits(limiter: &RateLimiter, wanted: Wanted) -> Arc<Inline> {
    let app = Arc::clone(&limiter.app);
    let call: Call = Box::pin(async move { app.permit(wanted).await });
    let inline = Arc::new(Inline {
        limiter: limiter.clone(),
        call: Mutex::new(Some(call)),
        ended: Mutex::default(),
        woken: Mutex::default(),
    });
    inline.poll();
    assert!(inline.is_waiting(), "it waits");
    inline
}

fn refuse(limiter: &RateLimiter, pause: f64) {
    let permit = limiter.app.permit_at_once(PAIR, || "GET /one".to_owned()).unwrap();
    permit.settle(Outcome::Refused(Some(pause)));
}

#[tokio::test(start_paused = true)]
async fn who_is_granted_a_permit_by_the_end_of_a_request_is_woken_with_nothing_locked() {
    for outcome in [Outcome::Succeeded, Outcome::Nothing, Outcome::Unsent, Outcome::Failed] {
        let limiter = limiter(SetForward::new());
        refuse(&limiter, 1.0);
        sleep(milliseconds(1001)).await;
        let probe = limiter.app.permit_at_once(PAIR, String::new).unwrap();
        let waiter = waits(&limiter, wanted(60 * SECOND));

        probe.settle(outcome);

        assert!(waiter.has_permit() && waiter.was_woken_unlocked(), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_let_go_by_hand_is_woken_with_nothing_locked() {
    let acts: [fn(&RateLimiter); 3] = [
        RateLimiter::reopen,
        |limiter| limiter.reopen_endpoint("GET /one").unwrap(),
        |limiter| limiter.for_app(None).reopen(),
    ];
    for (number, act) in acts.into_iter().enumerate() {
        let limiter = limiter(SetForward::new());
        let endpoint = super::super::endpoint::key_of_name("GET /one");
        let pair = Pair { endpoint, ..PAIR };
        let permit = limiter.app.permit_at_once(pair, || "GET /one".to_owned()).unwrap();
        permit.settle(Outcome::Refused(Some(5.0)));
        let waiter = waits(&limiter, Wanted { pair, ..wanted(60 * SECOND) });

        act(&limiter);

        assert!(waiter.has_permit() && waiter.was_woken_unlocked(), "act {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_dismissed_by_a_closing_is_woken_with_nothing_locked() {
    let restores = |limiter: &RateLimiter, is_of_all_apps| {
        let until = limiter.registry.options.clock.now().wall + 20 * SECOND;
        let closing = Closing {
            client_id: None,
            endpoint: None,
            until,
            reason: None,
            is_by_hand: true,
            is_of_all_apps,
        };
        limiter.restore(&Closings { closings: vec![closing] });
    };
    let acts: [&Act<'_>; 6] = [
        &|_, probe| probe.settle(Outcome::Refused(Some(20.0))),
        &|limiter, _probe| limiter.close_for(20 * SECOND),
        &|limiter, _probe| limiter.for_app(None).close_for(20 * SECOND),
        &|limiter, _probe| limiter.close_endpoint_for("GET /one", 20 * SECOND).unwrap(),
        &|limiter, _probe| restores(limiter, true),
        &|limiter, _probe| restores(limiter, false),
    ];
    for (number, act) in acts.into_iter().enumerate() {
        let limiter = limiter(SetForward::new());
        let endpoint = super::super::endpoint::key_of_name("GET /one");
        let pair = Pair { endpoint, ..PAIR };
        let permit = limiter.app.permit_at_once(pair, || "GET /one".to_owned()).unwrap();
        permit.settle(Outcome::Refused(Some(1.0)));
        sleep(milliseconds(1001)).await;
        let probe = limiter.app.permit_at_once(pair, String::new).unwrap();
        let waiter = waits(&limiter, Wanted { pair, ..wanted(5 * SECOND) });

        act(&limiter, probe);

        assert!(waiter.has_failed() && waiter.was_woken_unlocked(), "act {number}");
    }
}

/// Its own timer wakes it; others have gone on by then.
#[tokio::test(start_paused = true)]
async fn who_has_waited_for_as_long_as_it_may_is_woken_with_nothing_locked() {
    let limiter = limiter(SetForward::new());
    refuse(&limiter, 1.0);
    sleep(milliseconds(1001)).await;
    let _probe = limiter.app.permit_at_once(PAIR, String::new).unwrap();
    let waiter = waits(&limiter, wanted(milliseconds(700)));

    sleep(SECOND).await;

    assert!(waiter.has_failed() && waiter.was_woken_unlocked());
}

/// One was not polled for as long as no other sleeps, and has lost its permit besides.
#[tokio::test(start_paused = true)]
async fn who_is_told_to_come_anew_is_woken_with_nothing_locked() {
    let limiter = limiter(SetForward::new());
    refuse(&limiter, 1.0);
    sleep(milliseconds(1001)).await;
    let probe = limiter.app.permit_at_once(PAIR, String::new).unwrap();
    let mut busy = Vec::new();
    for _ in 0..2 {
        let app = Arc::clone(&limiter.app);
        let mut call: Call = Box::pin(async move { app.permit(wanted(60 * SECOND)).await });
        poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
        busy.push(call);
    }
    let idle = Arc::new(Inline {
        limiter: limiter.clone(),
        call: Mutex::default(),
        ended: Mutex::default(),
        woken: Mutex::default(),
    });
    for call in &mut busy {
        let waker = Waker::from(Arc::clone(&idle));
        assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    sleep(milliseconds(1200)).await;
    let waiter = waits(&limiter, wanted(60 * SECOND));
    probe.settle(Outcome::Succeeded);

    sleep(SECOND).await;

    assert!(waiter.has_permit() && waiter.was_woken_unlocked());
    assert!(idle.was_woken_unlocked());
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_as_keeper_is_woken_with_nothing_locked() {
    let limiter = limiter(SetForward::new());
    refuse(&limiter, 1.0);
    let keeper = waits(&limiter, wanted(60 * SECOND));
    let next = waits(&limiter, wanted(60 * SECOND));

    keeper.leaves();

    assert!(next.was_woken_unlocked());
    assert!(keeper.woken.lock().iter().all(|is_locked| !is_locked), "nor who left");
    sleep(milliseconds(1100)).await;
    assert!(next.has_permit() && next.was_woken_unlocked());
}

#[tokio::test(start_paused = true)]
async fn who_leaves_with_a_permit_that_another_gets_wakes_it_with_nothing_locked() {
    let limiter = limiter(SetForward::new());
    refuse(&limiter, 1.0);
    sleep(milliseconds(1001)).await;
    let probe = limiter.app.permit_at_once(PAIR, String::new).unwrap();
    let app = Arc::clone(&limiter.app);
    let mut first: Call = Box::pin(async move { app.permit(wanted(60 * SECOND)).await });
    poll_fn(|context| Poll::Ready(first.as_mut().poll(context).is_ready())).await;
    let second = waits(&limiter, wanted(60 * SECOND));
    probe.settle(Outcome::Nothing);
    assert!(second.is_waiting());

    drop(first);

    assert!(second.has_permit() && second.was_woken_unlocked());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_store_is_woken_with_nothing_locked() {
    for (takes, starts) in [(20, 1), (20, 0), (10_000, 0)] {
        let store = Store::new(move |told, _| {
            let granted = Granted::default().with_rate(1.0, 2);
            match starts {
                0 => granted.with_come_back_in(SECOND),
                _ => granted.with_starts(told.starts, Duration::ZERO, SECOND),
            }
        });
        let store = store.taking(milliseconds(takes));
        let options = RateLimitOptions::default().with_clock(store.clock.clone());
        let limiter = RateLimiter::new(options.with_shared(store.clone()));
        let began = Instant::now();
        let waiter = waits(&limiter, wanted(Duration::ZERO));

        while waiter.is_waiting() && began.elapsed() < SECOND {
            sleep(milliseconds(5)).await;
        }

        let goes = starts > 0 || takes > 200;
        assert_eq!((waiter.has_permit(), waiter.has_failed()), (goes, !goes), "{takes} ms");
        assert!(waiter.was_woken_unlocked());
    }
}

/// Each goes when the one before it has ended, in whose wake-up it is run.
#[tokio::test(start_paused = true)]
async fn a_line_of_calls_that_run_in_each_others_wake_ups_goes_through() {
    let limiter = limiter(SetForward::new());
    refuse(&limiter, 1.0);
    let calls: Vec<_> = (0..20).map(|_| waits(&limiter, wanted(60 * SECOND))).collect();
    let began = Instant::now();

    while calls.iter().any(|call| call.is_waiting()) && began.elapsed() < 60 * SECOND {
        sleep(milliseconds(10)).await;
        let ended: Vec<_> = calls.iter().filter_map(|call| call.ended.lock().take()).collect();
        for turn in ended {
            match turn {
                Ok(Turn::Go(permit)) => permit.settle(Outcome::Succeeded),
                other => panic!("{other:?}"),
            }
        }
    }

    assert!(calls.iter().all(|call| call.was_woken_unlocked() && !call.is_waiting()));
}

/// A waker of an executor that is out of order.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("nothing can be woken");
    }
}

/// Does something while a panic unwinds.
struct Unwinds<F: FnMut()>(F);

impl<F: FnMut()> Drop for Unwinds<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Calls that wait, with a waker.
fn waiting(limiter: &RateLimiter, count: usize, waker: &Waker) -> Vec<Call> {
    let calls = (0..count).map(|_| {
        let app = Arc::clone(&limiter.app);
        let mut call: Call = Box::pin(async move { app.permit(wanted(60 * SECOND)).await });
        assert!(call.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        call
    });
    calls.collect()
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_keeps_nobody_from_what_it_is_told() {
    type ByHand<'a> = &'a dyn Fn(&RateLimiter);
    let acts: [(ByHand<'_>, bool); 4] = [
        (&|limiter| limiter.reopen(), true),
        (&|limiter| limiter.close_for(600 * SECOND), false),
        (&|limiter| drop(Unwinds(|| limiter.reopen())), true),
        (
            &|limiter| {
                let _reopens = Unwinds(|| limiter.reopen());
                panic!("something else");
            },
            true,
        ),
    ];
    for (number, (act, goes)) in acts.into_iter().enumerate() {
        for panicking in [1, 2, 4] {
            let limiter = limiter(SetForward::new());
            refuse(&limiter, 5.0);
            let mut calls = waiting(&limiter, panicking, &Waker::from(Arc::new(Panics)));
            calls.extend(waiting(&limiter, 3, Waker::noop()));

            let acted = catch_unwind(AssertUnwindSafe(|| act(&limiter)));

            assert!(acted.is_err(), "the panic goes on");
            for mut call in calls {
                let told = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                let is_told = match &told {
                    Poll::Ready(Ok(Turn::Go(_))) => goes,
                    Poll::Ready(Err(_)) => !goes,
                    _ => false,
                };
                assert!(is_told, "act {number}, {panicking}: {told:?}");
            }
        }
    }
}

/// Nothing is known of what it waits for, and it has its number.
#[tokio::test(start_paused = true)]
async fn who_is_told_nothing_comes_anew() {
    let limiter = limiter(SetForward::new());
    refuse(&limiter, 1.0);
    let waiter = waits(&limiter, wanted(60 * SECOND));

    let owners = limiter.app.core.lock().queue.take_owners(|_| true);
    drop(owners);

    let ended = waiter.ended.lock().take();
    assert!(matches!(ended, Some(Ok(Turn::Late { number: 2, idle: Duration::ZERO }))), "{ended:?}");
}
