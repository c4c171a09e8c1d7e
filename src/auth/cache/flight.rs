//! One token request on its way, and those who wait for it.

use tokio::sync::watch;

use crate::auth::AuthError;

/// What came of a fetch; the token itself is in the cache by then.
pub(super) type Outcome = Result<(), AuthError>;

/// A fetch that any number of callers can wait for. A caller that goes away changes nothing.
#[derive(Debug, Clone)]
pub(super) struct Flight(watch::Receiver<Option<Outcome>>);

/// Tells those who wait. Dropped without a word, it tells them that the fetch was interrupted.
#[derive(Debug)]
pub(super) struct Signal(watch::Sender<Option<Outcome>>);

impl Flight {
    pub(super) fn new() -> (Self, Signal) {
        let (sender, receiver) = watch::channel(None);
        (Self(receiver), Signal(sender))
    }

    /// The outcome, or `None` when the fetch was interrupted.
    pub(super) async fn outcome(mut self) -> Option<Outcome> {
        let outcome = self.0.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
    }
}

impl Signal {
    pub(super) fn send(self, outcome: Outcome) {
        self.0.send_replace(Some(outcome));
    }
}
