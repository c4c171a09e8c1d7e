//! The timeout of a token request, which does not run while the request waits for a permit.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep_until;

use crate::sync::Mutex;
use crate::transport::TimeLimit;

/// What a request has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestStep {
    /// It waits for its turn.
    Queued,
    /// It is its turn.
    Sent,
    /// Who asked has given it up before its turn.
    Left,
}

/// Limits a token request from the moment when it is its turn.
///
/// An [`OAuthClient`](super::OAuthClient) that is asked within [`run`](Self::run), in the same
/// task, says when that is. Then it sets no limit of its own: who runs the request may want to wait
/// for longer than callers do.
pub(crate) struct RequestLimit {
    limit: Duration,
    turn: Arc<Turn>,
}

struct Turn {
    /// What the client said last, with a limit of its own.
    said: Mutex<Option<(RequestStep, Duration)>>,
    may_send: Box<dyn Fn() -> Checking + Send + Sync>,
    is_withdrawn: AtomicBool,
}

/// Finds out whether a request may be sent.
type Checking = Pin<Box<dyn Future<Output = bool> + Send>>;

impl RequestLimit {
    /// `may_send` is asked when it is the request's turn.
    pub(crate) fn new<F: Future<Output = bool> + Send + 'static>(
        limit: Duration,
        may_send: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        let may_send = move || Box::pin(may_send()) as Checking;
        let said = Mutex::default();
        let is_withdrawn = AtomicBool::new(false);
        Self { limit, turn: Arc::new(Turn { said, may_send: Box::new(may_send), is_withdrawn }) }
    }

    /// Whether the request was not sent when it was its turn.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.turn.is_withdrawn.load(Ordering::Relaxed)
    }

    /// Runs the request, or gives back its limit when that is over. It can be waited for after
    /// that.
    pub(crate) async fn run<F: Future + Unpin>(
        &self,
        request: &mut F,
        mut told: impl FnMut(RequestStep),
    ) -> Result<F::Output, Duration> {
        let mut limit = self.limit;
        let mut is_queued = false;
        let mut end = TimeLimit::after(limit);
        let mut sleep = std::pin::pin!(sleep_until(end.due()));
        std::future::poll_fn(|context| {
            let turn = Arc::clone(&self.turn);
            let polled = TURN.sync_scope(turn, || Pin::new(&mut *request).poll(context));
            let said = self.turn.said.lock().take();
            if let Some((step, own)) = said {
                told(step);
                is_queued = step == RequestStep::Queued;
                limit = self.limit.min(own);
                end = TimeLimit::after(limit);
                sleep.as_mut().reset(end.due());
            }
            if let Poll::Ready(output) = polled {
                return Poll::Ready(Ok(output));
            }
            if is_queued {
                return Poll::Pending;
            }
            while sleep.as_mut().poll(context).is_ready() {
                if end.has_passed() {
                    return Poll::Ready(Err(limit));
                }
                sleep.as_mut().reset(end.due());
            }
            Poll::Pending
        })
        .await
    }
}

/// A request that is not sent yet. Dropped, it tells the one that limits it that it was given up.
pub(super) struct Unsent {
    turn: Option<Arc<Turn>>,
    own_limit: Duration,
}

impl Unsent {
    pub(super) fn new(own_limit: Duration) -> Self {
        Self { turn: TURN.try_with(Arc::clone).ok(), own_limit }
    }

    /// Says that it waits for its turn.
    pub(super) fn is_queued(&self) {
        self.say(RequestStep::Queued);
    }

    fn say(&self, step: RequestStep) {
        if let Some(turn) = &self.turn {
            *turn.said.lock() = Some((step, self.own_limit));
        }
    }

    /// Says that it is the request's turn. `None` when nobody limits it; else whether it may be
    /// sent.
    pub(super) async fn its_turn(mut self) -> Option<bool> {
        let turn = self.turn.clone()?;
        let may_send = (turn.may_send)().await;
        turn.is_withdrawn.fetch_or(!may_send, Ordering::Relaxed);
        self.say(RequestStep::Sent);
        self.turn = None;
        Some(may_send)
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.say(RequestStep::Left);
    }
}

tokio::task_local! {
    static TURN: Arc<Turn>;
}
