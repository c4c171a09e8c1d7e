//! Pages on their way, in order.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use url::Url;

use super::connection::Connection;
use crate::error::Error;

/// What a page is turned into, and where the list goes on.
pub(crate) struct Turned<X> {
    pub(crate) content: X,
    pub(crate) next: Option<String>,
    /// Number of items in the list and in a page, where pages can be asked for by their offset.
    pub(crate) span: Option<Span>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) total: u32,
    pub(crate) limit: u32,
}

pub(crate) type Fetching<X> = Pin<Box<dyn Future<Output = Result<Turned<X>, Error>> + Send>>;

/// Asks for the page at an address, of whatever type it is.
pub(crate) type Fetch<X> = Box<dyn Fn(&Connection, &str) -> Fetching<X> + Send>;

/// Asks for pages ahead of who takes them, and hands them out in order.
///
/// What leads on is `next` alone; a `total` is only believed as far as asking ahead goes, so that one
/// that lies costs a request and nothing else. Never more than `width` pages are under way or wait to
/// be taken, and asking goes on only when one is taken.
pub(crate) struct PageQueue<X> {
    connection: Connection,
    fetch: Fetch<X>,
    width: usize,
    slots: VecDeque<Slot<X>>,
}

/// A page by its address.
struct Slot<X> {
    address: String,
    state: State<X>,
}

enum State<X> {
    /// Not asked for yet, or once more after a failure.
    Idle,
    Fetching(Fetching<X>),
    Fetched(Result<Turned<X>, Error>),
}

impl<X: Send + 'static> PageQueue<X> {
    /// A queue that begins with the page at an address, or has nothing.
    pub(crate) fn new(
        connection: Connection,
        first: Result<Option<String>, Error>,
        fetch: Fetch<X>,
    ) -> Self {
        let first = match first {
            Ok(address) => address.map(|address| Slot { address, state: State::Idle }),
            Err(error) => Some(Slot { address: String::new(), state: State::Fetched(Err(error)) }),
        };
        Self { connection, fetch, width: 1, slots: first.into_iter().collect() }
    }

    /// Sets how many pages are asked for side by side, from 1.
    pub(crate) fn set_width(&mut self, width: usize) {
        self.width = width.max(1);
    }

    /// The next page in order, or `None` at the end. After an error, the same page once more.
    pub(crate) fn poll_page(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<X, Error>>> {
        self.drive(context);
        let Some(mut slot) = self.slots.pop_front() else { return Poll::Ready(None) };
        let State::Fetched(fetched) = slot.state else {
            self.slots.push_front(slot);
            return Poll::Pending;
        };
        match fetched {
            Ok(turned) => {
                self.go_on(&slot.address, turned.next, turned.span);
                // What follows is asked for now, not when somebody waits for it.
                self.drive(context);
                Poll::Ready(Some(Ok(turned.content)))
            }
            Err(error) => {
                slot.state = State::Idle;
                match may_pass(&error) {
                    true => self.slots.push_front(slot),
                    false => self.slots.clear(),
                }
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    /// Asks for what is not under way, and takes in what has come.
    fn drive(&mut self, context: &mut Context<'_>) {
        for slot in &mut self.slots {
            if let State::Idle = slot.state {
                let fetching = (self.fetch)(&self.connection, &slot.address);
                slot.state = State::Fetching(in_task(fetching));
            }
            if let State::Fetching(fetching) = &mut slot.state
                && let Poll::Ready(fetched) = fetching.as_mut().poll(context)
            {
                slot.state = State::Fetched(fetched);
            }
        }
    }

    /// After the page at `address`: what is asked for ahead stays only if it is what `next` leads to.
    fn go_on(&mut self, address: &str, next: Option<String>, span: Option<Span>) {
        let Some(next) = next else { return self.slots.clear() };
        if next == address || offset(&next).is_some_and(|to| Some(to) <= offset(address)) {
            let reason = "leads back; the list has no end".to_owned();
            let error = Err(Error::Parameter { name: "next", reason });
            self.slots = [Slot { address: next, state: State::Fetched(error) }].into();
            return;
        }
        let expected =
            |slot: &Slot<X>| slot.address == next || offset(&slot.address) == offset(&next);
        if !self.slots.front().is_some_and(expected) {
            self.slots = [Slot { address: next, state: State::Idle }].into();
        }
        while self.slots.len() < self.width
            && let Some(address) = self.slots.back().and_then(|last| after(&last.address, span?))
        {
            self.slots.push_back(Slot { address, state: State::Idle });
        }
    }
}

/// In a task of its own, so that it comes along while its taker does other things; dropped, it stops.
fn in_task<X: Send + 'static>(fetching: Fetching<X>) -> Fetching<X> {
    match Handle::try_current() {
        Ok(runtime) => Box::pin(Task(runtime.spawn(fetching))),
        Err(_) => fetching,
    }
}

struct Task<X>(JoinHandle<Result<Turned<X>, Error>>);

impl<X> Future for Task<X> {
    type Output = Result<Turned<X>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(context)) {
            Ok(fetched) => fetched,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::Interrupted),
            },
        })
    }
}

impl<X> Drop for Task<X> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether the same page may come when it is asked for again: not what was never sent.
fn may_pass(error: &Error) -> bool {
    error.is_transient() || error.status().is_some() || matches!(error, Error::Decode { .. })
}

fn offset(address: &str) -> Option<u64> {
    let url = Url::parse(address).ok()?;
    url.query_pairs().find(|(name, _)| name == "offset").and_then(|(_, value)| value.parse().ok())
}

/// The page after the one at `address`, if the list is said to go on.
fn after(address: &str, span: Span) -> Option<String> {
    let next = offset(address)?.checked_add(span.limit.into())?;
    if span.limit == 0 || next >= span.total.into() {
        return None;
    }
    let mut url = Url::parse(address).ok()?;
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    url.query_pairs_mut().clear().extend_pairs(pairs.into_iter().map(|(name, value)| {
        if name == "offset" { (name, next.to_string()) } else { (name, value) }
    }));
    Some(url.into())
}
