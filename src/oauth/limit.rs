//! The time limit of a token request, which does not run while the request waits for its turn.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

/// What a request has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestStep {
    /// It waits for its turn.
    Queued,
    /// It is its turn.
    Sent,
}

/// Limits a token request from the moment when it is its turn.
///
/// An [`OAuthClient`](super::OAuthClient) that is asked within [`run`](Self::run), in the same task,
/// says when that is. Then it sets no limit of its own: who runs the request may want to wait for
/// longer than callers do.
pub(crate) struct RequestLimit {
    limit: Duration,
    said: Arc<Mutex<Option<Said>>>,
}

/// What the client said last, with a limit of its own.
type Said = (RequestStep, Duration);

impl RequestLimit {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, said: Arc::default() }
    }

    /// Runs the request, or gives back its limit when that is over. It can be waited for after that.
    pub(crate) async fn run<F: Future + Unpin>(
        &self,
        request: &mut F,
        mut told: impl FnMut(RequestStep),
    ) -> Result<F::Output, Duration> {
        let mut limit = self.limit;
        let mut is_queued = false;
        let mut sleep = std::pin::pin!(sleep(limit));
        std::future::poll_fn(|context| {
            let said = Arc::clone(&self.said);
            let polled = SAID.sync_scope(said, || Pin::new(&mut *request).poll(context));
            if let Poll::Ready(output) = polled {
                return Poll::Ready(Ok(output));
            }
            if let Some((step, own)) = self.said.lock().take() {
                told(step);
                is_queued = step == RequestStep::Queued;
                limit = self.limit.min(own);
                let deadline = Instant::now().checked_add(limit);
                sleep.as_mut().reset(deadline.unwrap_or_else(|| Instant::now() + LONGEST));
            }
            if is_queued {
                return Poll::Pending;
            }
            sleep.as_mut().poll(context).map(|()| Err(limit))
        })
        .await
    }
}

/// Says what a request has come to, to whoever limits it. Says whether anybody does.
pub(super) fn say(step: RequestStep, own_limit: Duration) -> bool {
    SAID.try_with(|said| *said.lock() = Some((step, own_limit))).is_ok()
}

tokio::task_local! {
    static SAID: Arc<Mutex<Option<Said>>>;
}

/// A limit that no clock can express is as long as this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
