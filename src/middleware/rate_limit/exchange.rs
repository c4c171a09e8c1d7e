//! Exchanges with the store through which processes share a limit: one after the other, each in a
//! task.
//!
//! A task may go before its exchange has ended, with the runtime of the call that began it: then it
//! is begun anew by who needs it. A runtime that shuts down takes no task, and is none. A call that was refused waits for what it has to tell, since its
//! runtime may end with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::Seconds;
use super::app::App;
use super::lock::Core;
use super::membership::{Exchange, PATIENCE};
use super::shared::{Granted, SharedLimit, SharedLimitError, Told};

impl App {
    /// Whether there is something to tell the other processes, or to ask for. It is
    /// [begun](Self::begin) when nothing is locked.
    #[inline]
    pub(super) fn due(&self, core: &mut Core, now: Seconds) -> Option<Exchange> {
        self.options.shared.as_ref().and_then(|_| core.due(now))
    }

    /// Tells and asks in a task of its own, until there is nothing more to tell. What is told is
    /// found out when the task runs, which may be much later. Without a runtime nothing is told,
    /// and the limiter goes on as when there is no response.
    #[inline]
    pub(super) fn begin(self: &Arc<Self>, exchange: Option<Exchange>) {
        if let (Some(first), Some(shared)) = (exchange, &self.options.shared)
            && let Ok(runtime) = Handle::try_current()
        {
            let shared = Arc::clone(shared);
            let is_spawned = Arc::new(AtomicBool::new(false));
            let mut task = Task {
                app: Arc::clone(self),
                exchange: Some(first),
                is_spawned: Arc::clone(&is_spawned),
            };
            runtime.spawn(async move { task.run(&*shared, first).await });
            is_spawned.store(true, Ordering::Relaxed);
        }
    }

    /// What an exchange tells that is sent now, or the next one, if it was given up.
    fn send(&self, exchange: Exchange) -> Option<(Exchange, Told)> {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.send(exchange, now).or_else(|| core.send_next(now))
    }

    /// Takes over what came of an exchange, and says what is to be told next.
    pub(super) fn heard(
        &self,
        exchange: Exchange,
        granted: Result<Granted, SharedLimitError>,
    ) -> Option<(Exchange, Told)> {
        let error = granted.as_ref().err().cloned();
        let (goes_alone, next) = {
            let core = &mut *self.core.lock();
            let now = core.now(&self.options);
            let goes_alone = core.state.heard(exchange, granted.ok(), fastrand::f64(), now);
            core.note_word(now);
            core.dismiss_hopeless(now);
            self.changed(core, now);
            core.dismiss_late(now);
            let next = core.send_next(now);
            core.dismiss_impatient(now);
            (goes_alone, next)
        };
        self.exchanged.notify_waiters();
        if let Some(error) = error.filter(|_| goes_alone) {
            tracing::warn!(client_id = self.client_id, %error, "this process goes on alone");
        }
        next
    }

    /// An exchange has gone with its task. Who waits for it begins another, or goes.
    fn lost(&self, exchange: Exchange) {
        let goes_alone = {
            let core = &mut *self.core.lock();
            let now = core.now(&self.options);
            let goes_alone = core.state.lost(exchange, fastrand::f64(), now);
            core.note_word(now);
            self.changed(core, now);
            core.dismiss_impatient(now);
            if core.queue.len() > 0 {
                core.want_keeper();
            }
            goes_alone
        };
        self.exchanged.notify_waiters();
        if goes_alone {
            let error = "its exchanges ended with their runtimes";
            tracing::warn!(client_id = self.client_id, error, "this process goes on alone");
        }
    }

    /// Waits until the store was told of the 429s that are known, for as long as an exchange takes
    /// at most.
    pub(super) async fn refusals_told(self: &Arc<Self>, longest: Duration) {
        // What was not told by then is told by the next call.
        let until = Instant::now() + longest.min(patience());
        loop {
            let exchanged = self.exchanged.notified();
            if !self.is_telling() || tokio::time::timeout_at(until, exchanged).await.is_err() {
                return;
            }
            // Whatever ends each exchange at once, the runtime has its turn.
            tokio::task::yield_now().await;
        }
    }

    /// Whether the store is still to hear of one. An exchange that is due for it is begun.
    pub(super) fn is_telling(self: &Arc<Self>) -> bool {
        let (is_telling, exchange) = {
            let core = &mut *self.core.lock();
            let now = core.now(&self.options);
            (core.state.is_telling(), self.due(core, now))
        };
        self.begin(exchange);
        is_telling
    }
}

/// What runs an exchange, until it is dropped with its runtime.
struct Task {
    app: Arc<App>,
    exchange: Option<Exchange>,
    /// Whether its runtime took it. One that shuts down drops it at once: its exchange is as one
    /// that was begun without a runtime, and to begin it anew there would never end.
    is_spawned: Arc<AtomicBool>,
}

impl Task {
    async fn run(&mut self, shared: &dyn SharedLimit, first: Exchange) {
        let mut next = self.app.send(first);
        while let Some((exchange, told)) = next {
            self.exchange = Some(exchange);
            let granted = tell(shared, self.app.client_id.as_deref(), &told).await;
            next = self.app.heard(exchange, granted);
            self.exchange = next.map(|(exchange, _)| exchange);
            self.app.announce(None);
        }
        self.exchange = None;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.filter(|_| self.is_spawned.load(Ordering::Relaxed)) {
            self.app.lost(exchange);
        }
    }
}

fn patience() -> Duration {
    Duration::from_secs_f64(PATIENCE)
}

async fn tell(
    shared: &dyn SharedLimit,
    app: Option<&str>,
    told: &Told,
) -> Result<Granted, SharedLimitError> {
    let mut exchanged = pin!(Guarded::new(async { shared.exchange(app, told).await }));
    for longest in [patience(), GRACE] {
        if let Ok(granted) = tokio::time::timeout(longest, exchanged.as_mut()).await {
            return granted;
        }
    }
    Err(SharedLimitError::new(format!("no response within {} ms", patience().as_millis())))
}

/// A response that came while the process stood still is read in this time, after the timer. It is
/// late, but the store is not silent.
const GRACE: Duration = Duration::from_millis(10);

/// A store is user code: that it panics is its failure, and is told as one. It may do so as well
/// when it is given up.
struct Guarded<F>(Option<Pin<Box<F>>>);

impl<F> Guarded<F> {
    fn new(exchange: F) -> Self {
        Self(Some(Box::pin(exchange)))
    }
}

impl<F: Future<Output = Result<Granted, SharedLimitError>>> Future for Guarded<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let exchange = &mut self.0;
        let polled = unless_it_panics(|| {
            exchange.as_mut().map_or(Poll::Pending, |exchange| exchange.as_mut().poll(context))
        });
        polled.unwrap_or_else(|| Poll::Ready(Err(SharedLimitError::new("the exchange panicked"))))
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        let exchange = self.0.take();
        unless_it_panics(|| drop(exchange));
    }
}

fn unless_it_panics<T>(runs: impl FnOnce() -> T) -> Option<T> {
    // What a panic carries may panic when it is dropped.
    catch_unwind(AssertUnwindSafe(runs)).map_err(std::mem::forget).ok()
}
