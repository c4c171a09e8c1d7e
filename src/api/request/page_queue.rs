//! Pages on their way, in order.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use url::Url;

use super::connection::{Answer, Answering, Connection};
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

/// How pages are had, of whatever type they are.
pub(crate) struct Source<X> {
    pub(crate) fetch: Fetch,
    pub(crate) turn: Turn<X>,
}

/// Asks for the page at an address.
type Fetch = Box<dyn Fn(&Connection, &str) -> Answering + Send>;

/// Reads a page.
type Turn<X> = Box<dyn Fn(&Answer) -> Result<Turned<X>, Error> + Send>;

/// Asks for pages ahead of who takes them, and hands them out in order.
///
/// What leads on is `next` alone; a `total` is only believed as far as asking ahead goes, so that one
/// that lies costs a request and nothing else. Never more than `width` pages are under way. A page is
/// read when it is taken; until then at most `width - 1` wait, so that a slow one in front does not
/// hold up those behind it, and whoever takes none is asked for none.
pub(crate) struct PageQueue<X> {
    connection: Connection,
    source: Source<X>,
    width: usize,
    slots: VecDeque<Slot>,
    /// As the last page had it.
    span: Option<Span>,
}

/// A page by its address.
struct Slot {
    address: String,
    state: State,
}

enum State {
    /// Not asked for yet, or once more after a failure.
    Idle,
    Fetching(Answering),
    Fetched(Result<Answer, Error>),
}

impl<X> PageQueue<X> {
    /// A queue that begins with the page at an address, or has nothing.
    pub(crate) fn new(
        connection: Connection,
        first: Result<Option<String>, Error>,
        source: Source<X>,
    ) -> Self {
        let first = match first {
            Ok(address) => address.map(|address| Slot { address, state: State::Idle }),
            Err(error) => Some(Slot { address: String::new(), state: State::Fetched(Err(error)) }),
        };
        Self { connection, source, width: 1, slots: first.into_iter().collect(), span: None }
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
        match fetched.and_then(|answer| (self.source.turn)(&answer)) {
            Ok(turned) => {
                self.span = turned.span;
                self.go_on(&slot.address, turned.next);
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

    /// Takes in what has come, and asks for what comes after it.
    fn drive(&mut self, context: &mut Context<'_>) {
        let mut under_way = 0;
        for slot in &mut self.slots {
            under_way += usize::from(slot.poll(&self.connection, &self.source, context));
        }
        while under_way < self.width
            && self.slots.len() < 2 * self.width - 1
            && let Some(address) = self.slots.back().and_then(|it| after(&it.address, self.span?))
        {
            let mut slot = Slot { address, state: State::Idle };
            under_way += usize::from(slot.poll(&self.connection, &self.source, context));
            self.slots.push_back(slot);
        }
    }

    /// After the page at `address`: what is asked for ahead stays only if it is what `next` leads to.
    fn go_on(&mut self, address: &str, next: Option<String>) {
        let Some(next) = next else { return self.slots.clear() };
        if next == address || offset(&next).is_some_and(|to| Some(to) <= offset(address)) {
            let reason = "leads back; the list has no end".to_owned();
            let error = Err(Error::Parameter { name: "next", reason });
            self.slots = [Slot { address: next, state: State::Fetched(error) }].into();
            return;
        }
        let expected = |slot: &Slot| slot.address == next || offset(&slot.address) == offset(&next);
        if !self.slots.front().is_some_and(expected) {
            self.slots = [Slot { address: next, state: State::Idle }].into();
        }
    }
}

impl Slot {
    /// Asks, or takes in what has come; whether it is under way afterwards.
    fn poll<X>(
        &mut self,
        connection: &Connection,
        source: &Source<X>,
        context: &mut Context<'_>,
    ) -> bool {
        if let State::Idle = self.state {
            self.state = State::Fetching(in_task((source.fetch)(connection, &self.address)));
        }
        let State::Fetching(fetching) = &mut self.state else { return false };
        let Poll::Ready(fetched) = fetching.as_mut().poll(context) else { return true };
        self.state = State::Fetched(fetched);
        false
    }
}

/// In a task of its own, so that it comes along while its taker does other things; dropped, it stops.
fn in_task(fetching: Answering) -> Answering {
    match Handle::try_current() {
        Ok(runtime) => Box::pin(Task(runtime.spawn(fetching))),
        Err(_) => fetching,
    }
}

struct Task(JoinHandle<Result<Answer, Error>>);

impl Future for Task {
    type Output = Result<Answer, Error>;

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

impl Drop for Task {
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
