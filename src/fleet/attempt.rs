//! What one task does for all who wait for it, also when the one that began it has given up.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::FleetError;
use crate::transport::{can_send, can_wait};

/// One that is under way, or was.
#[derive(Clone)]
pub(super) struct Attempt<T> {
    number: u64,
    began: Instant,
    outcome: watch::Receiver<Option<T>>,
}

/// The place of those of one kind, of which the last one counts.
pub(super) struct Attempts<T> {
    /// How many there were.
    number: u64,
    last: Option<Attempt<T>>,
    /// For how long one may be under way.
    longest: Duration,
}

/// By whom the last attempt is made.
pub(super) struct Trier<T> {
    pub(super) number: u64,
    pub(super) runtime: Handle,
    pub(super) outcome: watch::Sender<Option<T>>,
}

impl<T: Clone> Attempts<T> {
    pub(super) const fn new(longest: Duration) -> Self {
        Self { number: 0, last: None, longest }
    }

    /// The one that is under way. Where there is none, a new one, and who makes it.
    pub(super) fn join(&mut self) -> Result<(Attempt<T>, Option<Trier<T>>), FleetError> {
        if let Some(last) = self.last.as_ref().filter(|it| it.is_under_way(self.longest)) {
            return Ok((last.clone(), None));
        }
        if !can_send() {
            return Err(unsuitable_runtime());
        }
        let runtime = Handle::try_current().map_err(|_| no_runtime())?;
        let (sender, outcome) = watch::channel(None);
        self.number += 1;
        let attempt = Attempt { number: self.number, began: Instant::now(), outcome };
        self.last = Some(attempt.clone());
        let trier = Trier { number: self.number, runtime, outcome: sender };
        Ok((attempt, Some(trier)))
    }

    /// Whether this is over now by the last one: the place of another has been taken, by a runtime that
    /// is driven.
    pub(super) fn ends(&mut self, number: u64) -> bool {
        let is_last = self.last.as_ref().is_some_and(|last| last.number == number);
        if is_last {
            self.last = None;
        }
        is_last
    }
}

impl<T: Clone> Attempt<T> {
    /// One whose runtime has ended comes to nothing; one that takes longer than it may is of a
    /// runtime that nobody drives.
    fn is_under_way(&self, longest: Duration) -> bool {
        self.began.elapsed() < longest && self.outcome.has_changed().is_ok()
    }

    /// One of which that has come.
    pub(super) fn over(outcome: T) -> Self {
        let (_, outcome) = watch::channel(Some(outcome));
        Self { number: 0, began: Instant::now(), outcome }
    }

    /// What comes of it, which is nothing where its runtime has ended; `None` where that is too late.
    async fn outcome(mut self, until: Instant) -> Option<Option<T>> {
        let outcome = timeout_at(until, self.outcome.wait_for(Option::is_some)).await.ok()?;
        Some(outcome.ok().and_then(|outcome| outcome.clone()))
    }
}

/// What comes of the one that is under way, or of the next, where the runtime of that ends; `None`
/// where it is too late.
pub(super) async fn outcome_of<T: Clone>(
    joins: impl Fn() -> Result<Attempt<Result<T, FleetError>>, FleetError>,
    until: Instant,
) -> Result<Option<T>, FleetError> {
    for _ in 0..MOST_RUNTIMES {
        match joins()?.outcome(until).await {
            None => return Ok(None),
            Some(Some(outcome)) => return outcome.map(Some),
            Some(None) => {}
        }
    }
    Err(no_runtime())
}

/// Whether calls can be made from here, which have limits.
pub(super) fn check_runtime() -> Result<(), FleetError> {
    if can_wait() { Ok(()) } else { Err(unsuitable_runtime()) }
}

pub(super) fn no_runtime() -> FleetError {
    FleetError::Config {
        reason: "there is no tokio runtime, or it has ended; call this within one",
    }
}

/// On which no call can be made, or no connection.
fn unsuitable_runtime() -> FleetError {
    match () {
        () if Handle::try_current().is_err() => no_runtime(),
        () if !can_wait() => FleetError::Config { reason: NO_TIME },
        () => FleetError::Config { reason: NO_IO },
    }
}

/// More than end while one call waits.
const MOST_RUNTIMES: usize = 3;

const NO_TIME: &str = "the tokio runtime has no time enabled, without which no call of the fleet can have a limit; build \
    it with `enable_all`";

const NO_IO: &str = "the tokio runtime has no IO enabled, without which nothing can connect to the fleet's server; build \
    it with `enable_all`";
