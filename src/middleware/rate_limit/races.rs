//! Real threads: nobody sleeps on when the only request that may be under way ends.
//!
//! All that is shared is under one lock, and wake-ups are sent when it is open again, so that threads
//! can differ only in the order in which they take it, and in when they are woken: `schedules` tries
//! those orders, and this that the lock is where it must be. loom would need the channels and timers
//! of tokio built for it.

#![expect(clippy::expect_used, reason = "a test that fails is a test that panics")]

use super::*;

/// A permit, though the machine may be so busy that the first ones are void when they are picked
/// up.
pub(super) async fn permit(app: &Arc<App>, wanted: Wanted) -> Result<Permit, RateLimited> {
    let mut wanted = wanted;
    loop {
        let began = tokio::time::Instant::now();
        match app.permit(wanted).await? {
            Turn::Go(permit) => return Ok(permit),
            Turn::Late { number, idle } => {
                let waited = began.elapsed().saturating_sub(idle);
                let patience = wanted.patience.saturating_sub(waited);
                wanted = Wanted { number: Some(number), patience, ..wanted };
            }
        }
    }
}

async fn call(app: Arc<App>, number: usize) -> Result<(), RateLimited> {
    let pair = Pair { endpoint: 1 + number as u64 % 2, user: 0 };
    let permit = match app.permit_at_once(pair, String::new) {
        Ok(permit) => permit,
        Err(stay) => {
            let pair = stay.pair;
            let patience = Duration::from_secs(60);
            let wanted = Wanted {
                pair,
                is_urgent: number.is_multiple_of(3),
                number: None,
                patience,
                to_deadline: Duration::MAX,
            };
            permit(&app, wanted).await?
        }
    };
    tokio::task::yield_now().await;
    // Some are dropped with their permit: the width stays one, and the place is free again.
    if !number.is_multiple_of(4) {
        permit.settle(Outcome::Succeeded);
    }
    Ok(())
}

/// After a closing one request may be under way. Each round begins with that, while others come and
/// leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_end_of_the_only_probe_wakes_the_others() {
    let app = Arc::new(App::new(None, RateLimitOptions::default()));
    for round in 0..300 {
        drop(app.close_for(Duration::from_millis(1)));
        let calls: Vec<_> =
            (0..12).map(|number| tokio::spawn(call(Arc::clone(&app), number + round))).collect();
        for (number, call) in calls.into_iter().enumerate() {
            if (number + round) % 5 == 0 {
                call.abort();
            }
            match call.await {
                Ok(ended) => ended.expect("a permit within a minute"),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        let core = app.core.lock();
        assert_eq!((core.queue.len(), core.state.app.in_flight()), (0, 0), "round {round}");
        assert!(core.keeper.is_none());
    }
}
