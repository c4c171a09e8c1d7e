//! Calls that may not wait for a limit, beside a store. Time stands still until nobody has anything
//! to do.

use tokio::time::{Instant, sleep};

use super::super::shared::{Granted, Told};
use super::fake_store::{ENDPOINT, SECOND, Store, milliseconds};
use super::*;

/// A call that may wait for a limit for so long. Returns for how long it waited, and whether it
/// went.
async fn calls(app: &Arc<App>, patience: Duration, to_deadline: Duration) -> (Duration, bool) {
    let began = Instant::now();
    let pair = Pair { endpoint: ENDPOINT, user: 0 };
    let wanted = Wanted { pair, is_urgent: false, number: None, patience, to_deadline };
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

#[tokio::test(start_paused = true)]
async fn no_call_waits_for_the_store_beyond_its_deadline() {
    for deadline in [0, 30, 100] {
        let app = Store::free().taking(10 * SECOND).app();
        let deadline = milliseconds(deadline);
        let (waited, went) = calls(&app, Duration::ZERO, deadline).await;
        assert!(!went && waited <= deadline + milliseconds(2), "{waited:?} of {deadline:?}");
    }
}
