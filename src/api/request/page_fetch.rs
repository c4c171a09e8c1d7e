//! A page while it is fetched: asked for, waited for, and there.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use url::Url;

use super::connection::Connection;
use super::prepared::PreparedRequest;
use super::response::RawResponse;
use super::sending::Responding;
use crate::error::{Error, RequestLine};
use crate::transport::can_send;

/// How pages are asked for.
pub(super) struct Way {
    pub(super) connection: Connection,
    pub(super) template: PreparedRequest,
}

/// A page by its URL; without one, the error that ends the list.
pub(super) struct Slot {
    pub(super) url: Option<Url>,
    pub(super) state: State,
}

pub(super) enum State {
    Idle,
    /// To be asked for again after a pause.
    Pausing(Pause),
    Fetching(Responding),
    Fetched(Box<Result<RawResponse, Error>>),
}

/// Until when a page is not asked for.
pub(super) struct Pause {
    end: Instant,
    /// Made anew whenever it is polled: a list may go to another runtime, or be polled outside of
    /// any.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Slot {
    /// Whether it is worth asking again.
    pub(super) fn has_failed_for_now(&self) -> bool {
        let State::Fetched(fetched) = &self.state else { return false };
        fetched.as_ref().as_ref().is_err_and(Error::is_transient)
    }

    pub(super) fn error(error: Error) -> Self {
        Self { url: None, state: State::Fetched(Box::new(Err(error))) }
    }

    /// What has come; the page is then to be asked for again.
    pub(super) fn take_fetched(&mut self) -> Option<Result<RawResponse, Error>> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Fetched(fetched) => Some(*fetched),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Asks, or takes in what has come; whether it is under way afterwards.
    pub(super) fn poll(&mut self, way: &Way, context: &mut Context<'_>) -> bool {
        if let State::Pausing(pause) = &mut self.state {
            if pause.poll(context).is_pending() {
                return true;
            }
            self.state = State::Idle;
        }
        if let (State::Idle, Some(url)) = (&self.state, &self.url) {
            self.state = State::Fetching(way.fetch(url.clone()));
        }
        self.take_in(context);
        matches!(self.state, State::Fetching(_))
    }

    /// Takes in what has come. After a panic the page is asked for again: it is no longer under way
    /// while it is looked at.
    pub(super) fn take_in(&mut self, context: &mut Context<'_>) {
        self.state = match std::mem::replace(&mut self.state, State::Idle) {
            State::Fetching(mut fetching) => match fetching.as_mut().poll(context) {
                Poll::Ready(fetched) => State::Fetched(Box::new(fetched)),
                Poll::Pending => State::Fetching(fetching),
            },
            other => other,
        };
    }
}

impl State {
    pub(super) fn pausing(end: Instant) -> Self {
        Self::Pausing(Pause { end, timer: None })
    }
}

impl Pause {
    /// Outside of a runtime nothing can be waited for: the request then says what is missing.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.timer = None;
        if Instant::now() >= self.end || !can_send() {
            return Poll::Ready(());
        }
        self.timer.insert(Box::pin(tokio::time::sleep_until(self.end))).as_mut().poll(context)
    }
}

impl Way {
    fn fetch(&self, url: Url) -> Responding {
        match self.template.at(url) {
            Some(prepared) => {
                let line = prepared.line();
                in_task(line, self.connection.clone().send(prepared))
            }
            // Only a body that is a stream cannot be sent again, and no request here has one.
            None => Box::pin(std::future::ready(Err(Error::Interrupted))),
        }
    }
}

/// In a task of its own, so that it comes along while its taker does other things; dropped, it
/// stops.
fn in_task(line: RequestLine, fetching: Responding) -> Responding {
    match Handle::try_current() {
        Ok(runtime) => Box::pin(Task { task: runtime.spawn(fetching), unpolled: Some(line) }),
        Err(_) => fetching,
    }
}

struct Task {
    task: JoinHandle<Result<RawResponse, Error>>,
    /// Until it is polled, which is right after it was spawned.
    unpolled: Option<RequestLine>,
}

impl Future for Task {
    type Output = Result<RawResponse, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let unpolled = self.unpolled.take();
        Poll::Ready(match ready!(Pin::new(&mut self.task).poll(context)) {
            Ok(fetched) => fetched,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // One that never ran was given to a runtime that has ended.
                Err(_) => {
                    Err(unpolled.map_or(Error::Interrupted, |request| Error::NoRuntime { request }))
                }
            },
        })
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.task.abort();
    }
}
