//! What is forgotten of an app or an endpoint that nobody uses, and what is not.

use tokio::time::sleep;

use super::super::RateLimiter;
use super::*;

fn app() -> Arc<App> {
    let app = Arc::new(App::new(None, options()));
    (1..=256).for_each(|endpoint| pass(&app, endpoint));
    app
}

fn options() -> RateLimitOptions {
    RateLimitOptions::default().with_clock(tests::SetForward::new())
}

fn pair(endpoint: u64) -> Pair {
    Pair { endpoint, user: 0 }
}

fn pass(app: &Arc<App>, endpoint: u64) {
    let permit = app.permit_at_once(pair(endpoint), String::new).unwrap();
    permit.settle(Outcome::Succeeded);
}

fn wanted(pair: Pair) -> Wanted {
    Wanted { pair, is_urgent: false, number: None, patience: MINUTE, to_deadline: Duration::MAX }
}

/// Longer than a window.
const LONG: Duration = Duration::from_secs(35);
const MINUTE: Duration = Duration::from_secs(60);

/// Waits, also where it could go at once.
fn waits(app: &Arc<App>, endpoint: u64) -> tokio::task::JoinHandle<Permit> {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        match app.permit_at_once(pair(endpoint), String::new) {
            Ok(permit) => permit,
            Err(stay) => races::permit(&app, wanted(stay.pair)).await.unwrap(),
        }
    })
}

fn is_closed(app: &Arc<App>, endpoint: u64) -> bool {
    let core = app.core.lock();
    let bucket = core.state.endpoints.get(&endpoint).map(|endpoint| &endpoint.bucket);
    bucket.is_some_and(|bucket| bucket.refused == 1 && bucket.closed_until > 0.0)
}

fn refused() -> Outcome {
    Outcome::Refused(Some(20.0))
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_somebody_waits_at_is_not_forgotten() {
    let app = app();
    drop(app.close_for(LONG + Duration::from_secs(5)));
    let call = waits(&app, 7);
    sleep(LONG).await;
    let other = waits(&app, 999);

    call.await.unwrap().settle(refused());

    assert!(is_closed(&app, 7));
    other.await.unwrap();
}

/// A call gets its token between two permits.
#[tokio::test(start_paused = true)]
async fn an_endpoint_of_a_call_that_is_to_wait_is_not_forgotten() {
    let app = app();
    drop(app.close_for(Duration::from_secs(1)));
    let stay = app.permit_at_once(pair(7), String::new).unwrap_err();
    sleep(LONG).await;
    waits(&app, 999).await.unwrap().settle(Outcome::Succeeded);

    let permit = races::permit(&app, wanted(stay.pair)).await.unwrap();
    permit.settle(refused());

    assert!(is_closed(&app, 7));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_with_a_request_under_way_is_not_forgotten() {
    for begins_an_epoch in [false, true] {
        let app = app();
        let permit = app.permit_at_once(pair(7), String::new).unwrap();
        if begins_an_epoch {
            let core = &mut *app.core.lock();
            let now = core.now(&app.options);
            let endpoint = core.state.endpoints.get_mut(&7).unwrap();
            endpoint.bucket.close(now + 0.01);
        }
        sleep(LONG).await;
        pass(&app, 999);

        permit.settle(refused());

        assert!(is_closed(&app, 7));
    }
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_bounded_however_many_calls_wait_and_known_again_when_they_have_gone() {
    let app = app();
    drop(app.close_for(LONG + Duration::from_secs(5)));
    sleep(LONG).await;
    let calls: Vec<_> = (1000..2000).map(|endpoint| waits(&app, endpoint)).collect();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(app.core.lock().state.endpoints.len(), 257, "and that of the rest");
    for (number, call) in calls.into_iter().enumerate() {
        let permit = call.await.unwrap();
        match number % 3 {
            0 => permit.settle(Outcome::Succeeded),
            1 => permit.give_back(),
            _ => drop(permit),
        }
    }
    sleep(LONG).await;

    pass(&app, 5000);

    let known = app.core.lock().state.endpoints.keys().copied().collect::<Vec<_>>();
    assert_eq!(known, [5000]);
}

fn others_come(limiter: &RateLimiter, count: usize) {
    for number in 0..count {
        pass(&limiter.for_app(Some(&number.to_string())).app, 7);
    }
}

/// Its clients come and go.
#[tokio::test(start_paused = true)]
async fn what_an_app_has_learnt_is_kept_though_none_of_its_limiters_is() {
    let learn: [fn(&mut Core); 3] = [
        |core| core.state.app.pace(2.0, 0.0),
        |core| core.state.endpoints.get_mut(&7).unwrap().bucket.pace(2.0, 0.0),
        |core| core.state.app.last_refused = Some(0.0),
    ];
    for learn in learn {
        let limiter = RateLimiter::new(options());
        let app = limiter.for_app(Some("mine")).app;
        pass(&app, 7);
        learn(&mut app.core.lock());
        let id = app.id;
        drop(app);

        others_come(&limiter, 1000);

        assert_eq!(limiter.for_app(Some("mine")).app.id, id);
    }
}

#[tokio::test(start_paused = true)]
async fn apps_of_which_nothing_is_known_are_bounded() {
    let limiter = RateLimiter::new(options());
    others_come(&limiter, 10_000);
    assert!(limiter.registry.known().len() <= 256, "{}", limiter.registry.known().len());

    let limiter = RateLimiter::new(options());
    limiter.close_endpoint_for("GET /v1/recommendations", 600 * MINUTE).unwrap();
    others_come(&limiter, 10_000);
    assert!(limiter.registry.known().len() <= 256, "what is closed for all is nothing of its own");

    let limiter = RateLimiter::new(options());
    for number in 0..1000 {
        let limiter = limiter.for_app(Some(&format!("paced {number}")));
        limiter.app.core.lock().state.app.pace(2.0, 0.0);
    }
    assert!(limiter.registry.known().len() > 1000);
    sleep(10 * MINUTE).await;
    others_come(&limiter, 10_000);
    let known = limiter.registry.known().len();
    assert!(known <= 1024, "a rate that nobody needs is forgotten by itself: {known}");
}
