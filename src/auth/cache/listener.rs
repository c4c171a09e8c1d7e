//! Whom to tell what happens: user code, which may be slow and may panic.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::auth::{TokenEvent, TokenKey};
use crate::sync::Mutex;

/// Calls the listener in a thread of its own, one event after the other, so that a slow one delays
/// no token.
pub(crate) struct Listener<E>(Arc<Inner<E>>);

/// What a listener is told.
pub(crate) trait Event: Send + 'static {
    /// Whose it is, for the log.
    fn key(&self) -> Option<&TokenKey>;
}

impl Event for TokenEvent {
    fn key(&self) -> Option<&TokenKey> {
        self.key.as_deref()
    }
}

/// Clones are the same listener.
impl<E> Clone for Listener<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<E> {
    call: Box<dyn Fn(&E) + Send + Sync>,
    queue: Mutex<Queue<E>>,
    is_idle: Condvar,
}

struct Queue<E> {
    events: VecDeque<E>,
    is_running: bool,
    /// Who waits until everything has been told, and until when. Dropped, they go on.
    waiting: Vec<(Instant, oneshot::Sender<()>)>,
}

impl<E: Event> Listener<E> {
    pub(crate) fn new(call: impl Fn(&E) + Send + Sync + 'static) -> Self {
        let queue = Queue { events: VecDeque::new(), is_running: false, waiting: Vec::new() };
        let queue = Mutex::new(queue);
        let is_idle = Condvar::new();
        Self(Arc::new(Inner { call: Box::new(call), queue, is_idle }))
    }

    pub(crate) fn tell(&self, event: E) {
        let is_running = {
            let mut queue = self.0.queue.lock();
            if queue.events.len() >= MOST_EVENTS {
                let event = queue.events.pop_front();
                let key = event.as_ref().and_then(Event::key);
                let client_id = key.map(TokenKey::client_id);
                let user = key.and_then(TokenKey::user);
                tracing::warn!(
                    client_id,
                    user,
                    "the listener for events is too slow; an event is left out"
                );
            }
            queue.events.push_back(event);
            std::mem::replace(&mut queue.is_running, true)
        };
        if !is_running {
            self.run();
        }
    }

    /// In a thread that no runtime waits for when it shuts down; the listener may use the runtime.
    fn run(&self) {
        let mut run = Run { inner: Arc::clone(&self.0), is_over: false };
        let runtime = Handle::try_current().ok();
        let thread = move || {
            let _entered = runtime.as_ref().map(Handle::enter);
            RUNS.set(Arc::as_ptr(&run.inner).addr());
            run.all();
        };
        if std::thread::Builder::new().name("spotify-events".into()).spawn(thread).is_err() {
            tracing::error!("no thread could be started for the listener for events");
        }
    }

    /// Waits until everything has been told, but no longer than `limit`: a slow listener may be
    /// busy with the events of others.
    pub(super) async fn idle_within(&self, limit: Duration) {
        // Waiting for oneself would never end.
        if RUNS.get() == Arc::as_ptr(&self.0).addr() {
            return;
        }
        if let Some(told) = self.told_within(limit) {
            let _ = told.await;
        }
    }

    /// `None` when there is nothing to wait for.
    fn told_within(&self, limit: Duration) -> Option<oneshot::Receiver<()>> {
        let mut queue = self.0.queue.lock();
        if !queue.is_running {
            return None;
        }
        let (waiting, told) = oneshot::channel();
        queue.waiting.push((Instant::now() + limit, waiting));
        let is_first = queue.waiting.len() == 1;
        drop(queue);
        if is_first {
            self.end_waiting_in_time();
        }
        Some(told)
    }

    /// In a thread, since the limits are by the time of the listener's thread, which tokio's clock
    /// says nothing of, and since tokio's threads for what blocks may all be busy.
    fn end_waiting_in_time(&self) {
        let inner = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("spotify-events-end".into());
        if thread.spawn(move || inner.end_waiting()).is_err() {
            self.0.queue.lock().waiting.clear();
        }
    }
}

impl<E> Inner<E> {
    /// Ends each wait when everything has been told, or at its limit.
    fn end_waiting(&self) {
        let mut queue = self.queue.lock();
        loop {
            let now = Instant::now();
            let is_running = queue.is_running;
            queue.waiting.retain(|(end, waiting)| is_running && *end > now && !waiting.is_closed());
            let Some(end) = queue.waiting.iter().map(|(end, _)| *end).min() else { return };
            let waited = self.is_idle.wait_timeout(queue, end.saturating_duration_since(now));
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Runs until nothing is left; dropped before that, it lets another run.
struct Run<E> {
    inner: Arc<Inner<E>>,
    is_over: bool,
}

impl<E> Run<E> {
    fn all(&mut self) {
        while let Some(event) = self.next() {
            let told = std::panic::catch_unwind(AssertUnwindSafe(|| (self.inner.call)(&event)));
            if told.is_err() {
                tracing::error!("the listener for events panicked");
            }
        }
    }

    fn next(&mut self) -> Option<E> {
        let mut queue = self.inner.queue.lock();
        let event = queue.events.pop_front();
        // In the same step, so that who adds one knows that nobody runs.
        queue.is_running = event.is_some();
        self.is_over = event.is_none();
        event
    }
}

impl<E> Drop for Run<E> {
    fn drop(&mut self) {
        if !self.is_over {
            self.inner.queue.lock().is_running = false;
        }
        self.inner.is_idle.notify_all();
    }
}

impl<E> fmt::Debug for Listener<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

thread_local! {
    /// The listener whose thread this is.
    static RUNS: Cell<usize> = const { Cell::new(0) };
}

const MOST_EVENTS: usize = 10_000;
