//! Starts that stores grant: when a store is asked for them again, and when they go. Time stands
//! still until nobody has anything to do.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

use tokio::time::{Instant, sleep};

use super::super::shared::{Granted, Told};
use super::fake_store::{ENDPOINT, SECOND, Store, call, milliseconds, wanted};
use super::*;
use crate::sync::Mutex;

/// Beside one that is not urgent, and waits.
async fn an_urgent_one_goes_within(back: u64, app: &Arc<App>) {
    let waits = tokio::spawn({
        let app = Arc::clone(app);
        async move { app.permit(wanted(ENDPOINT, false)).await.map(drop) }
    });
    sleep(milliseconds(337)).await;
    let began = Instant::now();

    races::permit(app, wanted(ENDPOINT, true)).await.unwrap().settle(Outcome::Succeeded);

    let waited = began.elapsed();
    assert!(waited < milliseconds(back + 10), "{waited:?} in place of {back} ms");
    waits.abort();
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
        let store = Store::new(grant).taking(milliseconds(1));

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
        let store = Store::new(move |_, _| {
            asked += 1;
            let granted = Granted::default().with_rate(5.0, 2);
            match asked {
                1 => granted.with_starts(1, 8 * SECOND, SECOND),
                2 => granted.with_come_back_in(milliseconds(back)),
                _ => granted.with_starts(1, Duration::ZERO, Duration::ZERO),
            }
        })
        .taking(milliseconds(1));
        let app = store.app();
        an_urgent_one_goes_within(back, &app).await;
    }
}

/// The others are to come back later, or their starts are too far away.
#[tokio::test(start_paused = true)]
async fn what_others_were_told_holds_up_nobody_urgent() {
    let rate = Granted::default().with_rate(1.0, 4);
    let far_away = rate.with_starts(1, 60 * SECOND, SECOND);
    for others in [rate.with_come_back_in(5 * SECOND), rate.with_come_back_in(SECOND), far_away] {
        for (after, patience) in [(3, 0), (100, 0), (100, 60_000), (700, 100)] {
            let grant = move |told: &Told, _| match told.is_urgent {
                true => rate.with_starts(1, Duration::ZERO, Duration::ZERO),
                false => others,
            };
            let store = Store::new(grant).taking(milliseconds(1));
            let app = store.app();
            let waits = tokio::spawn({
                let app = Arc::clone(&app);
                async move { app.permit(wanted(ENDPOINT, false)).await.map(drop) }
            });
            sleep(milliseconds(after)).await;
            let began = Instant::now();

            let patience = milliseconds(patience);
            let urgent = Wanted { patience, ..wanted(ENDPOINT, true) };
            races::permit(&app, urgent).await.unwrap().settle(Outcome::Succeeded);

            let waited = began.elapsed();
            assert!(waited <= milliseconds(4), "{waited:?}, {others:?}, after {after} ms");
            waits.abort();
        }
    }
}

/// As the others were told before it.
#[tokio::test(start_paused = true)]
async fn an_urgent_request_comes_back_when_it_is_told_though_others_come_later() {
    for back in [40, 100, 900] {
        let mut asked = 0;
        let rate = Granted::default().with_rate(1.0, 4);
        let store = Store::new(move |told, _| {
            asked += u32::from(told.is_urgent);
            match asked {
                0 => rate.with_come_back_in(5 * SECOND),
                1 => rate.with_come_back_in(milliseconds(back)),
                _ => rate.with_starts(1, Duration::ZERO, Duration::ZERO),
            }
        });
        let app = store.taking(milliseconds(1)).app();
        an_urgent_one_goes_within(back, &app).await;
    }
}

/// As somebody would write one: a start at a time, or when to come back.
fn token_bucket(rate: f64) -> Store {
    let mut next = 0.0;
    Store::new(move |told, now| {
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
    })
    .taking(milliseconds(1))
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

/// With one line for all: the urgent are granted a start in their turn as well. Returns when the
/// starts that it granted may go.
fn line(rate: f64, most: u32) -> (Store, Arc<Mutex<Vec<f64>>>) {
    let granted_for = Arc::new(Mutex::new(Vec::new()));
    let starts = Arc::clone(&granted_for);
    let mut next = 0.0;
    let store = Store::new(move |told, now| {
        let now = now.as_secs_f64();
        let count = told.starts.max(u32::from(told.is_urgent)).min(most);
        next = f64::max(next, now);
        let (first, step) = (duration(next - now), duration(1.0 / rate));
        for _ in 0..count {
            starts.lock().push(next);
            next += 1.0 / rate;
        }
        Granted::default().with_rate(rate, 1).with_starts(count, first, step)
    })
    .taking(milliseconds(2));
    (store, granted_for)
}

#[tokio::test(start_paused = true)]
async fn no_start_goes_before_its_moment_also_of_the_urgent() {
    for (rate, most, urgent_from) in
        [(1.0, 4, 6), (1.0, 4, 0), (1.0, 1, 3), (5.0, 4, 6), (0.5, 2, 4), (2.0, 8, 1), (1.0, 4, 12)]
    {
        let (store, granted_for) = line(rate, most);
        let app = store.app();
        let calls = (0..12).map(|number| {
            let (app, clock) = (Arc::clone(&app), store.clock.clone());
            tokio::spawn(async move {
                sleep(milliseconds(100) * number).await;
                let permit = races::permit(&app, wanted(ENDPOINT, number >= urgent_from)).await;
                permit.unwrap().settle(Outcome::Succeeded);
                clock.elapsed().as_secs_f64()
            })
        });
        let mut went = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            went.push(call.await.unwrap());
        }

        went.sort_by(f64::total_cmp);
        let mut granted_for = granted_for.lock().clone();
        granted_for.sort_by(f64::total_cmp);
        let in_time = went.iter().zip(&granted_for).all(|(went, start)| *went >= start - 0.001);
        assert!(
            in_time,
            "{rate} a second, {most} at once: {went:.2?}, granted for {granted_for:.2?}"
        );
        let last = went[11] - 12.0 / rate;
        assert!(last < 1.5, "{rate} a second, {most} at once: {went:.2?}, {last} s too late");
    }
}
