//! Another connection in the place of one on which too much was given up, at the cost of no request.
//!
//! It is made in the background, and takes the place of the worn one when a request comes that has it at
//! once; until then, all go by the worn one. Where it cannot be made, that is all that there is.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::early;
use super::pool::Pool;
use crate::sync::Mutex;

/// What is to take the place of a pool with a worn connection.
#[derive(Default)]
pub(super) struct Relief(Mutex<State>);

#[derive(Default)]
struct State {
    /// How many times a connection was begun.
    attempts: u32,
    last: Attempt,
}

/// What became of the last attempt to make a connection.
enum Attempt {
    UnderWay,
    /// The pool has a connection, and keeps it until then.
    Made(Arc<Pool>, Instant),
    /// It took the place of the worn one.
    Taken,
    /// Nothing; the next is not made before then.
    Over(Option<Instant>),
}

impl Default for Attempt {
    fn default() -> Self {
        Self::Over(None)
    }
}

impl Relief {
    /// Whether a connection is to be made now. The one who is told so [ends](Self::end) that.
    pub(super) fn begin(&self) -> bool {
        let (mut state, now) = (self.0.lock(), Instant::now());
        let not_before = match &state.last {
            Attempt::UnderWay | Attempt::Taken => return false,
            // Nobody took it in its time.
            Attempt::Made(_, until) => until.checked_add(state.pause()),
            Attempt::Over(not_before) => *not_before,
        };
        if not_before.is_some_and(|not_before| now < not_before) {
            return false;
        }
        state.attempts = state.attempts.saturating_add(1);
        state.last = Attempt::UnderWay;
        true
    }

    /// Notes what has a connection now, if anything does.
    pub(super) fn end(&self, made: Option<Arc<Pool>>) {
        let (mut state, now) = (self.0.lock(), Instant::now());
        state.last = match made {
            Some(pool) => Attempt::Made(pool, now + KEPT),
            None => Attempt::Over(now.checked_add(state.pause())),
        };
    }

    #[cfg(all(test, feature = "http2"))]
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.0.lock().last, Attempt::UnderWay)
    }

    /// The pool that is used from now on, by a request that takes its connection.
    pub(super) fn take(&self) -> Option<Arc<Pool>> {
        let mut state = self.0.lock();
        let pool = match &state.last {
            Attempt::Made(pool, until) if Instant::now() < *until => Arc::clone(pool),
            _ => return None,
        };
        state.last = Attempt::Taken;
        Some(pool)
    }
}

impl State {
    fn pause(&self) -> Duration {
        SHORTEST_PAUSE * 2_u32.pow(self.attempts.clamp(1, MOST_DOUBLINGS) - 1)
    }
}

/// How long a connection may be taken: less than it is kept, so that the request that takes it finds it.
const KEPT: Duration = early::LONGEST.saturating_sub(Duration::from_secs(1));

/// Between a failure to connect and the next attempt. It doubles up to a minute.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const MOST_DOUBLINGS: u32 = 7;

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use reqwest::Client;
    use tokio::time::advance;

    use super::super::clients::{Clients, Traffic};
    use super::*;

    fn pool() -> Arc<Pool> {
        let clients = Clients::made_by(Box::new(|_, _| Client::builder().build())).unwrap();
        Arc::new(Pool::new("https", clients.another(Traffic::Reads).unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn one_connection_is_made_at_a_time_and_after_a_failure_there_is_a_pause() {
        let relief = Relief::default();
        for seconds in [1, 2, 4, 8, 16, 32, 64, 64, 64] {
            assert!(relief.begin());
            assert!(!relief.begin(), "it is under way");
            advance(Duration::from_secs(1000)).await;
            assert!(!relief.begin(), "it ends by itself");

            relief.end(None);

            assert!(relief.take().is_none());
            advance(Duration::from_secs(seconds) - Duration::from_millis(1)).await;
            assert!(!relief.begin(), "{seconds}");
            advance(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_given_to_one_request_while_it_is_kept() {
        let (relief, made) = (Relief::default(), pool());
        assert!(relief.begin());
        relief.end(Some(pool()));
        assert!(!relief.begin(), "there is one");
        advance(KEPT).await;
        assert!(relief.take().is_none(), "it is closed");
        assert!(!relief.begin(), "as after a failure");
        advance(SHORTEST_PAUSE).await;
        assert!(relief.begin());
        relief.end(Some(Arc::clone(&made)));
        advance(KEPT - Duration::from_millis(1)).await;

        assert!(Arc::ptr_eq(&relief.take().unwrap(), &made));

        assert!(relief.take().is_none());
        advance(Duration::from_secs(1000)).await;
        assert!(!relief.begin(), "it is relieved");
    }
}
