//! What counts as demand that a limit holds back: calls that wait for something else do not.

#![expect(clippy::unwrap_used, reason = "a test that fails is a test that panics")]

use super::tests::{SetForward, wanted};
use super::*;

/// For three minutes two requests a second to an endpoint, of which three are refused for a second
/// each, as by a burst of somebody else, while one waits for another endpoint, where all that is sent
/// fails, at other times than those end. Returns how many of the last 249 waited.
async fn slow_beside(waits: impl FnOnce(&mut Core)) -> usize {
    let clock = SetForward::new();
    let app = Arc::new(App::new(None, RateLimitOptions::default().with_clock(clock)));
    let wanted = |endpoint, patience| {
        let patience = Duration::from_secs(patience);
        Wanted { patience, ..wanted(endpoint) }
    };
    {
        let core = &mut *app.core.lock();
        for endpoint in [1, 2] {
            core.state.endpoint(endpoint, 0.0, String::new);
        }
        waits(core);
    }
    let waiter = tokio::spawn({
        let (app, wanted) = (Arc::clone(&app), wanted(2, 3600));
        async move {
            while let Ok(permit) = races::permit(&app, wanted).await {
                tokio::time::sleep(Duration::from_millis(37)).await;
                permit.settle(Outcome::Failed);
            }
        }
    });
    let began = tokio::time::Instant::now();
    let mut slow = 0;
    for number in 0..360 {
        let due = began + Duration::from_millis(500) * number;
        tokio::time::sleep_until(due).await;
        let permit = match app.permit_at_once(wanted(1, 60).pair, String::new) {
            Ok(permit) => permit,
            Err(_) => races::permit(&app, wanted(1, 60)).await.unwrap(),
        };
        slow += usize::from(number > 110 && due.elapsed() > Duration::from_millis(200));
        tokio::time::sleep(Duration::from_millis(20)).await;
        permit.settle(match number {
            80 | 90 | 100 => Outcome::Refused(Some(1.0)),
            _ => Outcome::Succeeded,
        });
    }
    waiter.abort();
    slow
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_closed_endpoint_makes_no_stray_refusal_elsewhere_a_limit() {
    let closed = |core: &mut Core| {
        core.state.endpoints.get_mut(&2).unwrap().bucket.close(600.0);
    };
    assert_eq!(slow_beside(closed).await, 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_failing_endpoint_makes_no_stray_refusal_elsewhere_a_limit() {
    let failing = |_: &mut Core| {};
    assert_eq!(slow_beside(failing).await, 0);
}

/// A call that waits makes all that come after it queue up, and those that may go do so at once.
#[tokio::test(start_paused = true)]
async fn what_the_queue_lets_go_at_once_has_not_waited() {
    let clock = SetForward::new();
    let app = Arc::new(App::new(None, RateLimitOptions::default().with_clock(clock)));
    app.core.lock().state.endpoint(2, 0.0, String::new);
    app.core.lock().state.endpoints.get_mut(&2).unwrap().bucket.close(10.0);
    let waiter = tokio::spawn({
        let (app, wanted) = (Arc::clone(&app), wanted(2));
        async move { races::permit(&app, wanted).await.map(|permit| permit.has_waited()) }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;

    let goes = races::permit(&app, wanted(1)).await.unwrap();

    assert_eq!(goes.has_waited(), Some(false));
    assert_eq!(waiter.await.unwrap().unwrap(), Some(true));
}
