//! Calls that may not wait for a limit, beside a store. Time stands still until nobody has anything
//! to do.

use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use super::super::shared::{Granted, Told};
use super::fake_store::{ENDPOINT, NewRuntimes, SECOND, Store, milliseconds, wanted};
use super::*;

/// A call that may wait for a limit for so long. Returns for how long it waited, and whether it
/// went.
async fn calls(app: &Arc<App>, patience: Duration, to_deadline: Duration) -> (Duration, bool) {
    call_of(app, false, patience, to_deadline).await
}

async fn call_of(
    app: &Arc<App>,
    is_urgent: bool,
    patience: Duration,
    to_deadline: Duration,
) -> (Duration, bool) {
    let began = Instant::now();
    let pair = Pair { endpoint: ENDPOINT, user: 0 };
    let wanted = Wanted { pair, is_urgent, number: None, patience, to_deadline };
    let permit = match app.permit_at_once(pair, String::new) {
        Ok(permit) => Ok(permit),
        Err(_) => races::permit(app, wanted).await,
    };
    let went = permit.map(|permit| permit.settle(Outcome::Succeeded)).is_ok();
    (began.elapsed(), went)
}

#[tokio::test(start_paused = true)]
async fn who_may_not_wait_for_a_limit_goes_where_there_is_none() {
    for (takes, patience) in [(0, 0), (1, 0), (2, 1), (50, 5), (180, 0), (180, 50), (10_000, 0)] {
        let app = Store::free().taking(milliseconds(takes)).app();
        for number in 0..20 {
            let (waited, went) = calls(&app, milliseconds(patience), Duration::MAX).await;

            assert!(went, "number {number}, {takes} ms, {patience} ms");
            assert!(waited <= milliseconds(takes.min(210) + 2), "{waited:?}, {takes} ms");
            sleep(2 * SECOND).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_wait_for_a_limit_goes_where_the_store_has_a_start() {
    let grant = |told: &Told, _| {
        let granted = Granted::default().with_rate(5.0, 2);
        granted.with_starts(told.starts, Duration::ZERO, milliseconds(200))
    };
    let app = Store::new(grant).taking(milliseconds(20)).app();
    for number in 0..20 {
        let (waited, went) = calls(&app, Duration::ZERO, Duration::MAX).await;
        assert!(went && waited <= milliseconds(22), "number {number}: {waited:?}");
        sleep(2 * SECOND).await;
    }
}

/// The store has responded, and what is left to wait for is the limit.
#[tokio::test(start_paused = true)]
async fn who_may_not_wait_for_a_limit_fails_when_the_store_says_that_there_is_one() {
    let rate = Granted::default().with_rate(5.0, 2);
    for granted in [rate.with_come_back_in(milliseconds(40)), rate.with_starts(1, SECOND, SECOND)] {
        for patience in [0, 10, 30] {
            let app = Store::new(move |_, _| granted).taking(milliseconds(20)).app();

            let (waited, went) = calls(&app, milliseconds(patience), Duration::MAX).await;

            assert!(!went, "{granted:?}, {patience} ms");
            let longest = milliseconds(patience.max(20) + 2);
            assert!(waited <= longest, "{waited:?}, {granted:?}, {patience} ms");
        }
    }
}

/// The first response that is late is no silence: the store is asked anew.
#[tokio::test(start_paused = true)]
async fn who_may_not_wait_for_a_limit_waits_for_the_second_response_where_the_first_is_late() {
    for (first, second) in [(201, 20), (205, 150), (209, 195), (201, 205), (209, 209), (205, 900)] {
        for patience in [0, 50, 300] {
            let store = Store::free().taking(milliseconds(first));
            let app = store.app();
            let goes = tokio::spawn({
                let app = Arc::clone(&app);
                async move { calls(&app, milliseconds(patience), Duration::MAX).await }
            });
            sleep(milliseconds(100)).await;
            store.kept.lock().takes = milliseconds(second);

            let (waited, went) = goes.await.unwrap();

            assert!(went, "{first} ms, {second} ms, {patience} ms");
            assert!(waited <= milliseconds(first + second.min(210) + 4), "{waited:?}");
        }
    }
}

/// Nobody drives the runtime that it was begun on, which is noticed after 400 ms.
#[test]
fn who_may_not_wait_for_a_limit_waits_for_the_end_of_an_exchange_that_stands_still() {
    for (takes, idle) in [(5, 0), (5, 100), (5, 200), (150, 0), (150, 399), (190, 10)] {
        let mut program = NewRuntimes::new(|| Store::free().taking(milliseconds(takes)));
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.unwrap();
        let app = Arc::clone(&program.app);
        runtime.block_on(async {
            let wanted = wanted(ENDPOINT, false);
            let mut waits = pin!(app.permit(wanted));
            poll_fn(|context| Poll::Ready(waits.as_mut().poll(context).is_ready())).await;
        });
        program.idles(milliseconds(idle));

        let call = async |app: &Arc<App>| calls(app, Duration::ZERO, Duration::MAX).await;
        let (waited, went) = program.run(call);

        assert!(went, "{takes} ms, after {idle} ms");
        assert!(waited <= milliseconds(400 - idle + takes + 15), "{waited:?}, {takes} ms");
        drop(runtime);
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_waits_for_the_store_beyond_its_deadline() {
    for deadline in [0, 30, 100] {
        let app = Store::free().taking(10 * SECOND).app();
        let deadline = milliseconds(deadline);
        let (waited, went) = calls(&app, Duration::ZERO, deadline).await;
        assert!(!went && waited <= deadline + milliseconds(2), "{waited:?} of {deadline:?}");
    }
}

/// What is granted to another that waits is far away; what an urgent request is, is as it is said.
/// Returns with the other.
async fn beside_one_that_waits(
    takes: Duration,
    mut urgent: impl FnMut(Granted) -> Granted + Send + 'static,
) -> (Arc<App>, Store, tokio::task::JoinHandle<(Duration, bool)>) {
    let store = Store::new(move |told, _| {
        let granted = Granted::default().with_rate(1.0, 2);
        match told.starts {
            0 if told.is_urgent => urgent(granted),
            0 => granted,
            _ => granted.with_starts(1, 9 * SECOND, SECOND),
        }
    });
    let store = store.taking(takes);
    let app = store.app();
    let other = tokio::spawn({
        let app = Arc::clone(&app);
        async move { calls(&app, 60 * SECOND, Duration::MAX).await }
    });
    sleep(takes + milliseconds(337)).await;
    (app, store, other)
}

#[tokio::test(start_paused = true)]
async fn who_is_urgent_and_may_not_wait_for_a_limit_goes_where_the_store_has_a_start_for_it() {
    for (takes, patience) in [(1, 0), (20, 0), (20, 10), (20, 500), (190, 0), (190, 100)] {
        let grant = |granted: Granted| granted.with_starts(1, Duration::ZERO, Duration::ZERO);
        let takes = milliseconds(takes);
        let (app, _store, other) = beside_one_that_waits(takes, grant).await;
        // The fifth would leave it to the other.
        for number in 0..4 {
            let (waited, went) = call_of(&app, true, milliseconds(patience), Duration::MAX).await;
            assert!(went, "number {number}, {takes:?}, {patience} ms");
            assert!(waited <= takes + milliseconds(2), "{waited:?}, {takes:?}");
            sleep(SECOND).await;
        }
        other.abort();
    }
}

/// It waits for the response, and for what that says as long as it may; then it fails at once.
#[tokio::test(start_paused = true)]
async fn who_is_urgent_and_may_not_wait_for_a_limit_fails_when_the_store_says_that_there_is_one() {
    for moment in [0, 300] {
        for patience in [0, 10, 100] {
            let grant = move |granted: Granted| match moment {
                0 => granted.with_come_back_in(SECOND),
                _ => granted.with_starts(1, milliseconds(moment), SECOND),
            };
            let (app, store, other) = beside_one_that_waits(milliseconds(20), grant).await;
            let patience = milliseconds(patience);
            let (waited, went) = call_of(&app, true, patience, Duration::MAX).await;
            assert!(!went, "{moment} ms, {patience:?}");
            let longest = patience.max(milliseconds(20)) + milliseconds(2);
            assert!(waited <= longest, "{waited:?}, {moment} ms, {patience:?}");

            let (waited, went) = call_of(&app, true, Duration::ZERO, Duration::MAX).await;
            assert!(!went && waited.is_zero(), "{waited:?}: the store has said it");
            let asked = store.kept.lock().told.iter().filter(|(_, told)| told.is_urgent).count();
            assert_eq!(asked, 1);
            other.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_urgent_waits_for_a_silent_store_for_long_nor_beyond_its_deadline() {
    for (takes, deadline, longest) in
        [(20, 5, 5), (150, 100, 100), (5000, 30, 30), (5000, 900, 250)]
    {
        let grant = |granted: Granted| granted.with_starts(1, Duration::ZERO, Duration::ZERO);
        let (app, store, other) = beside_one_that_waits(milliseconds(20), grant).await;
        store.kept.lock().takes = milliseconds(takes);
        let (waited, went) = call_of(&app, true, Duration::ZERO, milliseconds(deadline)).await;
        assert!(!went && waited <= milliseconds(longest + 2), "{waited:?}, {takes} ms");
        other.abort();
    }
}

/// Calls that come at the same time. Returns for how long each waited, and whether it went.
async fn at_once(
    count: usize,
    app: &Arc<App>,
    is_urgent: bool,
    patience: Duration,
) -> Vec<(Duration, bool)> {
    let calls = (0..count).map(|_| {
        let app = Arc::clone(app);
        tokio::spawn(async move { call_of(&app, is_urgent, patience, Duration::MAX).await })
    });
    let mut ended = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        ended.push(call.await.unwrap());
    }
    ended
}

/// Each is granted a start by an exchange of its own.
#[tokio::test(start_paused = true)]
async fn all_who_are_urgent_and_may_not_wait_for_a_limit_wait_for_the_store() {
    for (takes, patience, count) in [(1, 0, 2), (20, 0, 4), (20, 10, 3), (190, 0, 2)] {
        let grant = |granted: Granted| granted.with_starts(1, Duration::ZERO, Duration::ZERO);
        let (app, _store, other) = beside_one_that_waits(milliseconds(takes), grant).await;

        let ended = at_once(count, &app, true, milliseconds(patience)).await;

        for (number, (waited, went)) in (1..).zip(ended) {
            assert!(went, "number {number} of {count}, {takes} ms, {patience} ms: {waited:?}");
            assert!(waited <= number * milliseconds(takes + 2), "number {number}: {waited:?}");
        }
        other.abort();
    }
}

/// The docs say so: two thirds of a second.
#[tokio::test(start_paused = true)]
async fn of_many_who_may_not_wait_for_a_limit_none_waits_for_the_store_for_long() {
    for (takes, is_urgent) in [(20, true), (150, true), (190, true), (150, false), (190, false)] {
        let grant = |told: &Told, _| {
            let granted = Granted::default().with_rate(5.0, 2);
            let starts = told.starts.max(u32::from(told.is_urgent)).min(1);
            granted.with_starts(starts, Duration::ZERO, Duration::ZERO)
        };
        let app = Store::new(grant).taking(milliseconds(takes)).app();

        let ended = at_once(40, &app, is_urgent, Duration::ZERO).await;

        let in_time = |(waited, _): &(Duration, bool)| *waited <= milliseconds(667);
        assert!(ended.iter().all(in_time), "{takes} ms, urgent: {is_urgent}: {ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_may_not_wait_for_a_limit_wait_for_the_store() {
    for (rate, count, patience) in [(5.0, 2, 0), (1.0, 2, 0), (20.0, 10, 0), (5.0, 4, 10)] {
        let store = Store::new(move |told, _| {
            Granted::default().with_rate(rate, 1).with_starts(
                told.starts,
                Duration::ZERO,
                Duration::ZERO,
            )
        });
        let app = store.taking(milliseconds(20)).app();
        calls(&app, Duration::ZERO, Duration::MAX).await;
        sleep(SECOND).await;

        let ended = at_once(count, &app, false, milliseconds(patience)).await;

        let all = ended.iter().all(|(waited, went)| *went && *waited <= milliseconds(22));
        assert!(all, "{count} calls, {rate} a second, {patience} ms: {ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_may_not_wait_for_a_limit_fail_when_the_store_says_that_there_is_one() {
    for is_urgent in [false, true] {
        let store =
            Store::new(|_, _| Granted::default().with_rate(5.0, 2).with_come_back_in(SECOND));
        let app = store.taking(milliseconds(20)).app();
        calls(&app, Duration::ZERO, Duration::MAX).await;
        sleep(2 * SECOND).await;

        for (waited, went) in at_once(3, &app, is_urgent, Duration::ZERO).await {
            assert!(!went && waited <= milliseconds(22), "urgent: {is_urgent}, {waited:?}");
        }
    }
}

/// The store has not said when, but the rate is known.
#[tokio::test(start_paused = true)]
async fn who_comes_behind_more_than_may_go_in_its_time_fails_at_once_before_the_store_responds() {
    for (waiting, patience) in [(100, 1000), (30, 0), (60, 8000)] {
        let store = Store::new(|told, _| {
            let granted = Granted::default().with_rate(5.0, 1);
            granted.with_starts(told.starts.min(1), Duration::ZERO, milliseconds(200))
        });
        let app = store.taking(milliseconds(20)).app();
        calls(&app, Duration::ZERO, Duration::MAX).await;
        sleep(2 * SECOND).await;
        let others: Vec<_> = (0..waiting)
            .map(|_| {
                let app = Arc::clone(&app);
                tokio::spawn(async move { calls(&app, 60 * SECOND, Duration::MAX).await })
            })
            .collect();
        sleep(milliseconds(10)).await;

        let (waited, went) = calls(&app, milliseconds(patience), Duration::MAX).await;

        assert!(!went && waited.is_zero(), "behind {waiting}, {patience} ms: {waited:?}");
        others.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// The same for a call with a limit that is granted a start after it. Returns after how long it
/// failed, and what it was told.
async fn fails(app: &Arc<App>, is_urgent: bool, patience: Duration) -> (Duration, Duration) {
    let began = Instant::now();
    let wanted = Wanted { is_urgent, patience, ..wanted(ENDPOINT, is_urgent) };
    let limited = races::permit(app, wanted).await.unwrap_err();
    (began.elapsed(), limited.retry_after)
}

#[tokio::test(start_paused = true)]
async fn who_is_granted_a_start_after_its_time_fails_at_once() {
    let rate = Granted::default().with_rate(1.0, 2);
    let grants = [
        (rate.with_starts(1, 3 * SECOND, SECOND), 3000, 2900),
        (rate.with_starts(1, 3 * SECOND, SECOND), 3000, 1000),
        (rate.with_starts(1, 3 * SECOND, SECOND), 3000, 100),
        (rate.with_starts(1, 9 * SECOND, Duration::ZERO), 9000, 5000),
        (rate.with_come_back_in(5 * SECOND), 5000, 3000),
    ];
    for (granted, moment, patience) in grants {
        for is_urgent in [false, true] {
            let app = Store::new(move |_, _| granted).taking(milliseconds(20)).app();

            let (waited, told) = fails(&app, is_urgent, milliseconds(patience)).await;

            // An urgent one asks for one of its own.
            let longest = milliseconds(if is_urgent { 44 } else { 22 });
            assert!(waited <= longest, "{patience} ms, {granted:?}: {waited:?}");
            let late = told.abs_diff(milliseconds(moment));
            assert!(late <= milliseconds(25), "{patience} ms, {granted:?}: told {told:?}");
        }
    }
}

/// Starts half a second apart, of which two come in time.
#[tokio::test(start_paused = true)]
async fn who_is_granted_a_later_start_of_a_batch_than_it_waits_for_fails_at_once() {
    let store = Store::new(|told, _| {
        let granted = Granted::default().with_rate(2.0, 1);
        granted.with_starts(told.starts, milliseconds(200), milliseconds(500))
    });
    let app = store.taking(milliseconds(20)).app();

    let ended = at_once(5, &app, false, SECOND).await;

    let (gone, failed): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(_, went)| *went);
    assert_eq!(gone.len(), 2, "{gone:?}, {failed:?}");
    assert!(failed.iter().all(|(waited, _)| *waited <= milliseconds(22)), "{failed:?}");
}

/// Others wait for a start that is far away, and one that is for the urgent comes before.
#[tokio::test(start_paused = true)]
async fn who_is_urgent_waits_for_a_start_of_its_own_that_comes_in_time() {
    for (moment, patience) in [(300, 400), (900, 1000), (2000, 5000)] {
        let mut asked = 0;
        let grant = move |granted: Granted| {
            asked += 1;
            match asked {
                1 => granted.with_come_back_in(milliseconds(moment)),
                _ => granted.with_starts(1, Duration::ZERO, SECOND),
            }
        };
        let (app, _store, other) = beside_one_that_waits(milliseconds(20), grant).await;

        let (waited, went) = call_of(&app, true, milliseconds(patience), Duration::MAX).await;

        assert!(went, "{moment} ms, {patience} ms");
        assert!(waited <= milliseconds(moment + 45), "{waited:?}, {moment} ms");
        other.abort();
    }
}
