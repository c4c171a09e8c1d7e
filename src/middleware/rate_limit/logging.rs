//! What is logged, and that nothing is locked then.

use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber, span};

use super::super::shared::SharedLimitError;
use super::super::{Closing, Closings, RateLimiter};
use super::passing::{Silent, exchanges};
use super::tests::{SetForward, wanted};
use super::*;
use crate::sync::Mutex;

/// Sees what is logged, and whether that is under an app's lock.
#[derive(Clone)]
struct Hears {
    apps: [Arc<App>; 2],
    limiter: RateLimiter,
    heard: Arc<Mutex<Vec<(String, bool)>>>,
}

/// The text of an event.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Hears {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, of: &Metadata<'_>) -> bool {
        of.target().starts_with("spotify_web::middleware::rate_limit")
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let is_locked =
            self.apps.iter().any(|app| app.core.is_locked()) || self.limiter.registry.is_locked();
        self.heard.lock().push((text.0, is_locked));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A subscriber may ask the limiter, as a listener may.
#[tokio::test(start_paused = true)]
async fn nothing_is_logged_under_the_lock() {
    let options = RateLimitOptions::default().with_clock(SetForward::new());
    let panics = options.clone().with_listener(|_| panic!("a bug in a listener"));
    let app = Arc::new(App::new(None, panics));
    let shares = options.with_shared(Silent);
    let member = Arc::new(App::new(None, shares));
    let apps = [Arc::clone(&app), Arc::clone(&member)];
    let hears = Hears { apps, limiter: RateLimiter::default(), heard: Arc::default() };
    // With one alone, a thread that hears nothing may say for all that nobody does.
    let _second = Dispatch::new(hears.clone());
    let _guard = tracing::subscriber::set_default(hears.clone());
    let pair = wanted(7).pair;

    app.permit_at_once(pair, String::new).unwrap().settle(Outcome::Refused(Some(1.0)));
    app.announce(Some(pair.endpoint));
    tokio::time::sleep(Duration::from_secs(2)).await;
    app.permit_at_once(pair, String::new).unwrap().settle(Outcome::Succeeded);
    exchanges(&member, Err(SharedLimitError::new("away")));
    let closing = Closing {
        client_id: None,
        endpoint: Some("none".to_owned()),
        until: SystemTime::now() + Duration::from_secs(60),
        reason: None,
        is_by_hand: false,
        is_of_all_apps: true,
    };
    hears.limiter.restore(&Closings { closings: vec![closing] });

    let heard = hears.heard.lock().clone();
    let expected = [
        "a rate limit is closed",
        "the rate limiter's listener panicked",
        "a rate limit is open again",
        "this process goes on alone",
        "a closing is not restored: it names no endpoint",
    ];
    assert_eq!(heard, expected.map(|text| (text.to_owned(), false)));
}
