//! Pages that are being fetched, in order.
//!
//! The queue keeps the first request and asks for every further page with the same one, at another
//! URL: what was set for the first holds for all. Only `next` decides how the list goes on; `total`
//! is a hint for what to ask for ahead.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use url::Url;

use super::connection::{Connection, Deadline, PreparedRequest, Responding};
use super::next_page::{BACK, PagePlace};
use super::page_url::{Extent, after, offset, within_reach};
use super::response::RawResponse;
use crate::error::Error;
use crate::model::NextLink;
use crate::transport::can_send;

/// What a page is turned into, and where the list goes on.
pub(crate) struct ParsedPage<X> {
    pub(crate) content: X,
    pub(crate) next: NextLink,
    /// Number of places in the page, whatever stands there.
    pub(crate) count: usize,
    /// How many items of the list come before it.
    pub(crate) start: Option<u64>,
    /// Number of items in the list.
    pub(crate) total: Option<u32>,
    /// The greatest number of items in a page, where pages can be asked for by their offset.
    pub(crate) limit: Option<u32>,
}

/// Reads the page at a URL.
pub(crate) type Read<X> = Box<dyn Fn(RawResponse, &Url) -> Result<ParsedPage<X>, Error> + Send>;

/// Asks for pages ahead of who takes them, and hands them out in order.
///
/// Never more than `width` pages are under way. A page is read when it is taken; until then at most
/// `width - 1` wait, so that a slow one in front does not hold up those behind it, and where none
/// is taken, none is asked for.
pub(crate) struct PageQueue<X> {
    /// Absent where the first request was wrong already.
    way: Option<Way>,
    read: Read<X>,
    width: usize,
    /// The width from the first page on that came over a connection which carries many.
    width_of_shared: Option<usize>,
    /// How many of them may be guesses from `extent`: fewer where guesses were wrong.
    guesses: usize,
    slots: VecDeque<Slot>,
    /// As the last page had it.
    extent: Option<Extent>,
    /// Failures of the page in front, in a row.
    failures: u32,
    /// When pages are asked for again, after such a failure.
    paused_until: Option<Instant>,
    /// What the server wants to be waited for, where that is longer than a call may wait.
    refusal: Option<Refusal>,
    seen: Seen,
}

/// How pages are asked for.
struct Way {
    connection: Connection,
    template: PreparedRequest,
}

/// A page by its URL; without one, the error that ends the list.
struct Slot {
    url: Option<Url>,
    state: State,
}

enum State {
    Idle,
    /// To be asked for again after a pause.
    Pausing(Pause),
    Fetching(Responding),
    Fetched(Box<Result<RawResponse, Error>>),
}

/// Until then, pages are refused with the error of the server that asked for it.
struct Refusal {
    until: Instant,
    error: Error,
}

/// Until when a page is not asked for.
struct Pause {
    end: Instant,
    /// Made anew whenever it is polled: a list may go to another runtime, or be polled outside of
    /// any.
    timer: Option<Pin<Box<Sleep>>>,
}

/// What there was already, so that no list goes on for ever.
#[derive(Default)]
struct Seen {
    /// Hashes of URLs: a list that leads back would have to be found in few pages, and a chance
    /// hit in 2^64 ends a list with an error and no more.
    urls: HashSet<u64>,
    hasher: RandomState,
    /// Pages in a row that were empty.
    empty: u32,
}

impl<X> PageQueue<X> {
    /// A queue that begins with the page of a request.
    pub(crate) fn new(
        prepared: Result<(Connection, PreparedRequest), Responding>,
        read: Read<X>,
    ) -> Self {
        match prepared {
            Ok((connection, template)) => {
                // A list that begins at its end has nothing.
                let url = within_reach(template.request.url().clone());
                let first = url.map(|url| Slot { url: Some(url), state: State::Idle });
                Self::with(Some(Way { connection, template }), first, read)
            }
            Err(refused) => {
                let first = Slot { url: None, state: State::Fetching(refused) };
                Self::with(None, Some(first), read)
            }
        }
    }

    /// A queue that has come to its end.
    pub(crate) fn ended(read: Read<X>) -> Self {
        Self::with(None, None, read)
    }

    fn with(way: Option<Way>, first: Option<Slot>, read: Read<X>) -> Self {
        let slots = first.into_iter().collect();
        Self {
            way,
            read,
            width: 1,
            width_of_shared: None,
            guesses: usize::MAX,
            slots,
            extent: None,
            failures: 0,
            paused_until: None,
            refusal: None,
            seen: Seen::default(),
        }
    }

    /// Sets how many pages are asked for side by side, from 1 to [`MOST_SIDE_BY_SIDE`].
    pub(crate) fn set_width(&mut self, width: usize) {
        self.width = width.clamp(1, MOST_SIDE_BY_SIDE);
    }

    /// Sets how many it is where one connection carries them all.
    pub(crate) fn set_width_of_shared(&mut self, width: usize) {
        self.width_of_shared = Some(width);
    }

    /// Has the deadline of the request count for all pages together, from now on.
    pub(crate) fn share_deadline(&mut self) {
        if let Some(way) = &mut self.way {
            way.template.deadline = way.template.deadline.and_then(Deadline::fixed);
        }
    }

    /// A page at this URL is there already: a list that leads to it leads back.
    pub(crate) fn note_seen(&mut self, url: &Url) {
        self.seen.note(url);
    }

    /// Asks for no more.
    pub(crate) fn end(&mut self) {
        self.slots.clear();
    }

    /// The endpoint without ids, for logs.
    pub(crate) fn endpoint(&self) -> String {
        self.way.as_ref().map(|way| way.template.endpoint.to_string()).unwrap_or_default()
    }

    /// The next page in order, or `None` at the end.
    ///
    /// After a transient error the same page is asked for again, after the pause that a retry would
    /// take; any other ends the list.
    pub(crate) fn poll_page(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<X, Error>>> {
        self.drive(context);
        // The page stays in front until it is read: reading it runs code of the program's own, and
        // after a panic it is asked for again.
        let Some(front) = self.slots.front_mut() else { return Poll::Ready(None) };
        let Some(fetched) = front.take_fetched() else { return Poll::Pending };
        let url = front.url.clone();
        let result = match (fetched, &url) {
            (Ok(response), Some(url)) => {
                if let Some(width) = self.width_of_shared.filter(|_| response.shares_connection) {
                    self.set_width(width);
                }
                (self.read)(response, url)
            }
            (Ok(_), None) => return Poll::Ready(None),
            (Err(error), _) => Err(error),
        };
        match (result, url) {
            (Ok(page), Some(url)) => {
                self.slots.pop_front();
                self.failures = 0;
                let content = self.go_on(&url, page);
                // What follows is asked for now, not when a caller waits for it.
                self.drive(context);
                Poll::Ready(Some(Ok(content)))
            }
            (Err(error), Some(_)) if error.is_transient() => {
                self.pause_after(&error);
                Poll::Ready(Some(Err(error)))
            }
            (result, _) => {
                self.slots.clear();
                Poll::Ready(result.err().map(Err))
            }
        }
    }

    /// Has the page in front be asked for again after the pause that a retry would take. Nobody
    /// waits longer than a call may: where the server wants more, the page is refused unsent.
    fn pause_after(&mut self, error: &Error) {
        let Some(way) = &self.way else { return };
        self.failures = self.failures.saturating_add(1);
        let now = Instant::now();
        let longest = way.longest_wait();
        let (pause, wanted) = way.pause(error, self.failures);
        let again = wanted.filter(|wanted| *wanted > longest).and_then(|wanted| {
            Some(Refusal { until: now + wanted.min(LONGEST_PAUSE), error: error.repeated(wanted)? })
        });
        let pause = match again {
            Some(_) => pause,
            None => pause.max(wanted.unwrap_or_default()),
        };
        if again.is_some() {
            self.slots.truncate(1);
        }
        self.refusal = again;
        let end = now + pause.min(longest).min(LONGEST_PAUSE);
        self.paused_until = Some(end);
        if let Some(front) = self.slots.front_mut() {
            front.state = State::pausing(end);
        }
    }

    /// Takes in what has come, and asks for what comes after it.
    fn drive(&mut self, context: &mut Context<'_>) {
        let Some(way) = &self.way else {
            self.slots.iter_mut().for_each(|slot| slot.take_in(context));
            return;
        };
        let mut under_way = 0;
        let now = Instant::now();
        let paused_until = self.paused_until.filter(|end| now < *end);
        if let Some(error) = self.refusal.as_ref().and_then(|refusal| refusal.at(now))
            && paused_until.is_none()
            && let Some(front) = self.slots.front_mut()
        {
            front.state = State::Fetched(Box::new(Err(error)));
            return;
        }
        for (index, slot) in self.slots.iter_mut().enumerate() {
            under_way += usize::from(slot.poll(way, context));
            // The page in front has told of the failure, and all wait for the same end of it.
            if let Some(end) = paused_until.filter(|_| index > 0 && slot.has_failed_for_now()) {
                slot.state = State::pausing(end);
                under_way += usize::from(slot.poll(way, context));
            }
        }
        while paused_until.is_none()
            && under_way < self.width
            && self.slots.len() < (2 * self.width - 1).min(self.guesses)
            && let Some(last) = self.slots.back().and_then(|slot| slot.url.as_ref())
            && let Some(url) = self.extent.and_then(|extent| after(last, extent))
        {
            let mut slot = Slot { url: Some(url), state: State::Idle };
            under_way += usize::from(slot.poll(way, context));
            self.slots.push_back(slot);
        }
    }

    /// After the page at `url`: what is asked for ahead stays only if it is what `next` leads to.
    fn go_on(&mut self, url: &Url, page: ParsedPage<X>) -> X {
        let ParsedPage { content, next, count, start, total, limit } = page;
        let next = self.next(url, &next, start, count, total);
        let to = next.as_ref().ok().and_then(|next| next.as_ref().and_then(offset));
        self.learn(start, to);
        let limit = limit.map(u64::from);
        // What `next` says of the size of pages is true, whatever the page says.
        let step = to.zip(start).map(|(to, start)| to.saturating_sub(start)).or(limit);
        self.extent =
            limit.and_then(|_| total.zip(step)).map(|(total, step)| Extent { total, step });
        match next {
            Ok(Some(next)) => {
                let is_next = |slot: &Slot| {
                    slot.url.as_ref().is_some_and(|url| {
                        *url == next || (offset(url).is_some() && offset(url) == offset(&next))
                    })
                };
                if !self.slots.front().is_some_and(is_next) {
                    self.slots = [Slot { url: Some(next), state: State::Idle }].into();
                }
            }
            Ok(None) => self.slots.clear(),
            Err(error) => self.slots = [Slot::error(error)].into(),
        }
        content
    }

    /// Guesses less after a wrong guess, and more again after right ones.
    fn learn(&mut self, start: Option<u64>, to: Option<u64>) {
        let guess = self.extent.and_then(|extent| start?.checked_add(extent.step));
        self.guesses = match guess.zip(to) {
            Some((guess, to)) if guess != to => 1,
            Some(_) => self.guesses.saturating_mul(2),
            None => self.guesses,
        };
    }

    /// Where the page at `url` leads to; `None` at the end of the list.
    fn next(
        &mut self,
        url: &Url,
        next: &NextLink,
        start: Option<u64>,
        count: usize,
        total: Option<u32>,
    ) -> Result<Option<Url>, Error> {
        let Some(Way { connection, template }) = &self.way else { return Ok(None) };
        let method = template.request.method().clone();
        let place = PagePlace { method, url: Some(url), start, count, total };
        let next = place.following(connection, next, Some(template.request.url()))?;
        match next.as_ref().and_then(|next| self.seen.wanders(url, next, count)) {
            Some(reason) => Err(place.wrong(reason)),
            None => Ok(next),
        }
    }
}

impl Seen {
    fn note(&mut self, url: &Url) {
        self.urls.insert(self.hasher.hash_one(url.as_str()));
    }

    /// What is wrong with a page at `url`, of `count` places, that leads to `next`.
    fn wanders(&mut self, url: &Url, next: &Url, count: usize) -> Option<&'static str> {
        self.note(url);
        self.empty = if count == 0 { self.empty + 1 } else { 0 };
        match self.urls.contains(&self.hasher.hash_one(next.as_str())) {
            true => Some(BACK),
            false => (self.empty >= MOST_EMPTY_PAGES).then_some("is empty, as were many before it"),
        }
    }
}

impl Refusal {
    /// The error at this moment; `None` when it is over.
    fn at(&self, now: Instant) -> Option<Error> {
        let left = self.until.checked_duration_since(now).filter(|left| !left.is_zero())?;
        self.error.repeated(left)
    }
}

impl State {
    fn pausing(end: Instant) -> Self {
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

impl Slot {
    /// Whether it is worth asking again.
    fn has_failed_for_now(&self) -> bool {
        let State::Fetched(fetched) = &self.state else { return false };
        fetched.as_ref().as_ref().is_err_and(Error::is_transient)
    }

    fn error(error: Error) -> Self {
        Self { url: None, state: State::Fetched(Box::new(Err(error))) }
    }

    /// What has come; the page is then to be asked for again.
    fn take_fetched(&mut self) -> Option<Result<RawResponse, Error>> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Fetched(fetched) => Some(*fetched),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Asks, or takes in what has come; whether it is under way afterwards.
    fn poll(&mut self, way: &Way, context: &mut Context<'_>) -> bool {
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
    fn take_in(&mut self, context: &mut Context<'_>) {
        self.state = match std::mem::replace(&mut self.state, State::Idle) {
            State::Fetching(mut fetching) => match fetching.as_mut().poll(context) {
                Poll::Ready(fetched) => State::Fetched(Box::new(fetched)),
                Poll::Pending => State::Fetching(fetching),
            },
            other => other,
        };
    }
}

impl Way {
    /// How long a call may wait.
    fn longest_wait(&self) -> Duration {
        let deadline = self.template.deadline.map_or(Duration::MAX, Deadline::left);
        self.template.class.max_wait.unwrap_or_else(|| self.connection.max_wait()).min(deadline)
    }

    /// The pause after this number of failures in a row, and what the server wants to be waited for.
    fn pause(&self, error: &Error, failures: u32) -> (Duration, Option<Duration>) {
        match error {
            // Its task is gone, and nothing is wrong with the server.
            Error::Interrupted => (Duration::ZERO, None),
            // The limiter knows when it is over, also when it is opened before, and until then lets
            // nothing pass.
            Error::RateLimited { .. } if self.connection.has_limiter() => {
                (self.connection.pause(1), None)
            }
            error => (self.connection.pause(failures), error.retry_after()),
        }
    }

    fn fetch(&self, url: Url) -> Responding {
        match self.template.at(url) {
            Some(prepared) => in_task(self.connection.clone().send(prepared)),
            // Only a body that is a stream cannot be sent again, and no request here has one.
            None => Box::pin(std::future::ready(Err(Error::Interrupted))),
        }
    }
}

/// In a task of its own, so that it comes along while its taker does other things; dropped, it
/// stops.
fn in_task(fetching: Responding) -> Responding {
    match Handle::try_current() {
        Ok(runtime) => Box::pin(Task(runtime.spawn(fetching))),
        Err(_) => fetching,
    }
}

struct Task(JoinHandle<Result<RawResponse, Error>>);

impl Future for Task {
    type Output = Result<RawResponse, Error>;

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

/// A list that was filtered may have empty pages in the middle. A hundred in a row are 5,000 items
/// that are all gone, or a server that never comes to an end.
const MOST_EMPTY_PAGES: u32 = 100;

/// A server says how long a list is: what it says may not become as many tasks. More at a time would
/// run into the rate limits at once.
const MOST_SIDE_BY_SIDE: usize = 256;

/// Far beyond any wait that makes sense, and near enough to be added to a moment.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
