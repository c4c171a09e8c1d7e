//! What a call that passes costs.

use super::super::shared::{Granted, SharedLimit, SharedLimitError, Told};
use super::tests::SetForward;
use super::*;

#[test]
fn passing_costs_no_allocation() {
    let app = Arc::new(App::new(None, RateLimitOptions::default()));
    let pass = || {
        let pair = Pair { endpoint: 7, user: 0 };
        app.permit_at_once(pair, || "GET /".to_owned()).unwrap().settle(Outcome::Succeeded);
    };
    pass();
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| pass()));
    assert_eq!(counted.count_total, 0);
}

/// F46, between two exchanges; without a shared limit it is the test above.
#[tokio::test(start_paused = true)]
async fn passing_beside_other_processes_costs_no_allocation() {
    let clock = SetForward::new();
    let options = RateLimitOptions::default().with_clock(clock).with_shared(Silent);
    let app = Arc::new(App::new(None, options));
    let pass = || {
        let pair = Pair { endpoint: 7, user: 0 };
        app.permit_at_once(pair, || "GET /".to_owned()).unwrap().settle(Outcome::Succeeded);
    };
    assert!(exchanges(&app, Ok(Granted::default())).is_none());
    pass();
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| pass()));
    assert_eq!(counted.count_total, 0);
}

/// Begins an exchange, of which that comes.
pub(super) fn exchanges(
    app: &App,
    granted: Result<Granted, SharedLimitError>,
) -> Option<(Exchange, Told)> {
    let now = app.core.lock().now(&app.options);
    let (exchange, _) = app.core.lock().send_next(now).unwrap();
    app.heard(exchange, granted)
}

#[derive(Debug)]
pub(super) struct Silent;

#[async_trait::async_trait]
impl SharedLimit for Silent {
    async fn exchange(&self, _: Option<&str>, _: &Told) -> Result<Granted, SharedLimitError> {
        std::future::pending().await
    }
}
