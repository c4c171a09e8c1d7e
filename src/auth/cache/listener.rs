//! Whom to tell what happens: user code, which may be slow and may panic.

use std::collections::VecDeque;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::auth::TokenEvent;

/// Calls the listener in a thread of its own, one event after the other, so that a slow one delays
/// no token.
#[derive(Clone)]
pub(super) struct Listener(Arc<Inner>);

struct Inner {
    call: Box<dyn Fn(&TokenEvent) + Send + Sync>,
    queue: Mutex<Queue>,
    is_idle: Notify,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<TokenEvent>,
    is_running: bool,
}

impl Listener {
    pub(super) fn new(call: impl Fn(&TokenEvent) + Send + Sync + 'static) -> Self {
        let (queue, is_idle) = (Mutex::default(), Notify::new());
        Self(Arc::new(Inner { call: Box::new(call), queue, is_idle }))
    }

    pub(super) fn tell(&self, event: TokenEvent) {
        let is_running = {
            let mut queue = self.0.queue.lock();
            if queue.events.len() >= MOST_EVENTS {
                queue.events.pop_front();
                tracing::warn!("the listener for token events is too slow; an event is left out");
            }
            queue.events.push_back(event);
            std::mem::replace(&mut queue.is_running, true)
        };
        if !is_running {
            self.run();
        }
    }

    /// In the runtime's threads for what blocks, where the listener may use the runtime.
    fn run(&self) {
        let run = Run(Arc::clone(&self.0));
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || run.all())),
            Err(_) => drop(std::thread::spawn(move || run.all())),
        }
    }

    /// Waits until everything has been told.
    pub(super) async fn idle(&self) {
        loop {
            let is_idle = self.0.is_idle.notified();
            if !self.0.queue.lock().is_running {
                return;
            }
            is_idle.await;
        }
    }
}

/// Runs until nothing is left; dropped before, as by a runtime that shuts down, it lets another run.
struct Run(Arc<Inner>);

impl Run {
    fn all(&self) {
        while let Some(event) = self.next() {
            let told = std::panic::catch_unwind(AssertUnwindSafe(|| (self.0.call)(&event)));
            if told.is_err() {
                tracing::error!("the listener for token events panicked");
            }
        }
    }

    fn next(&self) -> Option<TokenEvent> {
        let mut queue = self.0.queue.lock();
        let event = queue.events.pop_front();
        // In the same step, so that whoever adds one knows that nobody runs.
        queue.is_running = event.is_some();
        event
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        if !std::thread::panicking() && !queue.events.is_empty() {
            queue.is_running = false;
        }
        drop(queue);
        self.0.is_idle.notify_waiters();
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

const MOST_EVENTS: usize = 10_000;
