//! Which pages are asked for, and in which order they are handed out.
//!
//! The queue keeps the first request and asks for every further page with the same one, at another
//! URL: what was set for the first holds for all. Only `next` decides how the list goes on; `total`
//! is a hint for what to ask for ahead.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use tokio::time::Instant;
use url::Url;

use super::connection::Connection;
use super::next_page::PagePlace;
use super::page_fetch::{Slot, State, Way};
use super::page_url::{Extent, after, offset, within_reach};
use super::pauses::Pauses;
use super::prepared::{Deadline, PreparedRequest};
use super::response::RawResponse;
use super::seen::Seen;
use super::sending::Responding;
use crate::error::Error;
use crate::middleware::OneLogin;
use crate::model::NextLink;

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
    pauses: Pauses,
    seen: Seen,
}

impl<X> PageQueue<X> {
    /// A queue that begins with the page of a request.
    pub(crate) fn new(
        prepared: Result<(Connection, PreparedRequest), Responding>,
        read: Read<X>,
    ) -> Self {
        match prepared {
            Ok((connection, prepared)) => {
                let login = Some(OneLogin::default());
                let template = PreparedRequest { login, ..prepared };
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
            pauses: Pauses::default(),
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
                self.pauses.end();
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

    /// Has the page in front be asked for again after a pause.
    fn pause_after(&mut self, error: &Error) {
        let Some(Way { connection, template }) = &self.way else { return };
        let end = self.pauses.begin(connection, template, error);
        if self.pauses.refuses() {
            self.slots.truncate(1);
        }
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
        let paused_until = self.pauses.until(now);
        if let Some(error) = self.pauses.refusal(now)
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

/// A server says how long a list is: what it says may not become as many tasks. More at a time
/// would run into the rate limits at once.
const MOST_SIDE_BY_SIDE: usize = 256;
