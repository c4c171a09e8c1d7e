//! From a page to all of them.

use std::collections::VecDeque;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::builder::Request;
use super::connection::Connection;
use super::decode::Decoder;
use super::page_queue::{PageQueue, ParsedPage, Read};
use super::page_url::offset;
use super::params::{Nothing, Parameters};
use crate::error::Error;
use crate::model::{CursorPage, Page, PageItem, Unreadable};

/// A page that leads to the next one: [`Page`] and [`CursorPage`].
pub trait Paged: DeserializeOwned + Send + 'static {
    /// What the list is made of.
    type Item: Send + 'static;

    /// The URL of the next page; `None` at the end.
    fn next_url(&self) -> Option<&str>;

    /// The URL of the page before; `None` at the beginning, and where pages have a cursor.
    fn previous_url(&self) -> Option<&str> {
        None
    }

    /// Number of items in the list, where Spotify tells.
    fn total(&self) -> Option<u32>;

    /// The greatest number of items in a page, where pages can be asked for by their offset.
    fn limit(&self) -> Option<u32>;

    /// How many items of the list come before this page, where Spotify tells.
    fn offset(&self) -> Option<u32>;

    /// Number of places in this page, whatever stands there.
    fn count(&self) -> usize;

    /// What stands at each place.
    fn into_page_items(self) -> Vec<PageItem<Self::Item>>;
}

impl<T: DeserializeOwned + Send + 'static> Paged for Page<T> {
    type Item = T;

    fn next_url(&self) -> Option<&str> {
        self.next.as_deref()
    }

    fn previous_url(&self) -> Option<&str> {
        self.previous.as_deref()
    }

    fn total(&self) -> Option<u32> {
        self.total
    }

    fn limit(&self) -> Option<u32> {
        Some(self.limit)
    }

    fn offset(&self) -> Option<u32> {
        Some(self.offset)
    }

    fn count(&self) -> usize {
        self.items.len()
    }

    fn into_page_items(self) -> Vec<PageItem<T>> {
        self.items
    }
}

impl<T: DeserializeOwned + Send + 'static> Paged for CursorPage<T> {
    type Item = T;

    fn next_url(&self) -> Option<&str> {
        self.next.as_deref()
    }

    fn total(&self) -> Option<u32> {
        self.total
    }

    /// Each page has the cursor of the next one.
    fn limit(&self) -> Option<u32> {
        None
    }

    /// A list that grows at its front has no fixed places.
    fn offset(&self) -> Option<u32> {
        None
    }

    fn count(&self) -> usize {
        self.items.len()
    }

    fn into_page_items(self) -> Vec<PageItem<T>> {
        self.items
    }
}

impl<G: Paged, P: Parameters + 'static> Request<G, P> {
    /// All items from here to the end of the list, in order. The page after the one that is taken
    /// from is asked for already.
    ///
    /// What is set on the request holds for every page, the deadline for each. `null` and what cannot
    /// be read is left out, with one warning for the list; [`entries`](Self::entries) have it, and
    /// [`fail_on_unreadable`](ItemStream::fail_on_unreadable) makes an error of it. After a transient
    /// error the stream goes on with the page that failed, after a pause; any other error ends it.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
    /// let mut items = spotify.playlists().items("3cEYpjA9oz9GiPac4AsH4n").stream();
    /// while let Some(item) = items.next().await {
    ///     println!("{:?}", item?.added_at);
    /// }
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn stream(self) -> ItemStream<G::Item> {
        ItemStream::new(self.entries())
    }

    /// As [`stream`](Self::stream), but with what stands at every place of the list.
    pub fn entries(self) -> EntryStream<G::Item> {
        EntryStream::new(self.queue(batch))
    }

    /// All pages from here to the end of the list, in order, as [`stream`](Self::stream) has the
    /// items.
    pub fn pages(self) -> PageStream<G> {
        PageStream { queue: self.queue(|page, _| page) }
    }

    /// All items from here to the end of the list, in order, asking for eight pages side by side.
    ///
    /// Without a [`limit`](Self::limit), pages are as large as the endpoint allows. A deadline, of the
    /// request or of the client, is for all of it.
    ///
    /// # Errors
    ///
    /// The first [`Error`]; the items before it are lost, which [`stream`](Self::stream) avoids.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
    /// let items = spotify.playlists().items("3cEYpjA9oz9GiPac4AsH4n");
    /// let items = items
    ///     .all()
    ///     .progress(|so_far| println!("{} of {:?}", so_far.fetched, so_far.total))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn all(self) -> All<G::Item> {
        All::new(self.with_largest_pages().entries())
    }

    fn queue<X: 'static>(self, content: fn(G, Option<u64>) -> X) -> PageQueue<X> {
        let read = reader(self.decoder(), content);
        PageQueue::new(self.prepare(), read)
    }
}

/// Everything of a list, to be awaited; from [`Request::all`].
#[must_use = "nothing is sent before it is awaited"]
pub struct All<T> {
    stream: ItemStream<T>,
    progress: Box<dyn FnMut(Progress) + Send>,
}

impl<T: Send + 'static> All<T> {
    fn new(entries: EntryStream<T>) -> Self {
        let stream = ItemStream::new(entries.concurrency(PAGES_OF_ALL));
        Self { stream, progress: Box::new(|_| {}) }
    }

    /// The items of `page` and of all pages after it.
    pub(crate) fn from_page<G: Paged<Item = T>>(connection: &Connection, page: G) -> Self {
        Self::new(EntryStream::from_page(connection, page))
    }

    /// Has a callback told after every page how far it has come.
    pub fn progress(self, callback: impl FnMut(Progress) + Send + 'static) -> Self {
        Self { progress: Box::new(callback), ..self }
    }

    /// As [`ItemStream::fail_on_unreadable`].
    pub fn fail_on_unreadable(self) -> Self {
        Self { stream: self.stream.fail_on_unreadable(), ..self }
    }

    /// What stands at every place of the list, and not its items alone.
    ///
    /// # Errors
    ///
    /// The first [`Error`].
    pub async fn entries(mut self) -> Result<Vec<ListEntry<T>>, Error> {
        let mut all = Vec::new();
        self.each(|entry, left_out| {
            left_out.count(&entry)?;
            all.push(entry);
            Ok(())
        })
        .await?;
        self.stream.left_out.forget();
        Ok(all)
    }

    async fn items(mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        self.each(|entry, left_out| {
            all.extend(left_out.item_of(entry)?);
            Ok(())
        })
        .await?;
        Ok(all)
    }

    async fn each(
        &mut self,
        mut take: impl FnMut(ListEntry<T>, &mut LeftOut) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let ItemStream { entries, left_out } = &mut self.stream;
        entries.queue.share_deadline();
        let mut fetched = 0;
        while let Some(entry) = entries.next().await {
            take(entry?, left_out)?;
            fetched += 1;
            if entries.batch.is_empty() {
                let (total, left_out) = (entries.total, left_out.number());
                (self.progress)(Progress { fetched: fetched - left_out, total, left_out });
            }
        }
        Ok(())
    }
}

impl<T: Send + 'static> IntoFuture for All<T> {
    type Output = Result<Vec<T>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.items())
    }
}

/// How far [`Request::all`] has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Number of items so far.
    pub fetched: usize,
    /// Number of items in the list, as the last page says; it may change, and may be wrong.
    pub total: Option<u32>,
    /// Number of places so far that have no item: `null`, or not readable.
    pub left_out: usize,
}

/// A place of a list, and what stands there.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ListEntry<T> {
    /// Its place, from 0 for the first of the list.
    pub position: u64,
    /// What stands there.
    pub item: PageItem<T>,
}

/// The items of a list, over all its pages.
///
/// A [`Stream`]; where that trait is not imported, [`next`](Self::next) does.
#[must_use = "a stream does nothing unless it is polled"]
pub struct ItemStream<T> {
    entries: EntryStream<T>,
    left_out: LeftOut,
}

impl<T: Send + 'static> ItemStream<T> {
    fn new(entries: EntryStream<T>) -> Self {
        let mut left_out = LeftOut::default();
        left_out.endpoint = entries.queue.endpoint();
        Self { entries, left_out }
    }

    /// The items of `page` and of all pages after it.
    pub(crate) fn from_page<G: Paged<Item = T>>(connection: &Connection, page: G) -> Self {
        Self::new(EntryStream::from_page(connection, page))
    }

    /// Asks for so many pages side by side, from 1, where pages can be asked for by their offset.
    ///
    /// One by default: the page after the one that is taken from. So many pages are under way at the
    /// most, and one less may have come and wait to be taken.
    pub fn concurrency(self, pages: usize) -> Self {
        Self { entries: self.entries.concurrency(pages), ..self }
    }

    /// Ends with [`Error::UnreadableItem`] at an item that cannot be read, instead of leaving it out.
    pub fn fail_on_unreadable(mut self) -> Self {
        self.left_out.fails_on_unreadable = true;
        self
    }

    /// The next item, or `None` at the end.
    ///
    /// # Errors
    ///
    /// The [`Error`] of the page that could not be fetched; see [`Request::stream`] for what comes
    /// after it.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// How many places had no item so far: `null`, or not readable.
    pub fn left_out(&self) -> usize {
        self.left_out.number()
    }
}

impl<T: Send + 'static> Stream for ItemStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let Some(entry) = ready!(this.entries.poll_entry(context)?) else {
                return Poll::Ready(None);
            };
            match this.left_out.item_of(entry) {
                Ok(Some(item)) => return Poll::Ready(Some(Ok(item))),
                Ok(None) => {}
                Err(error) => {
                    this.entries.end();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

/// What stands at every place of a list, over all its pages.
///
/// A [`Stream`]; where that trait is not imported, [`next`](Self::next) does.
#[must_use = "a stream does nothing unless it is polled"]
pub struct EntryStream<T> {
    queue: PageQueue<Batch<T>>,
    batch: VecDeque<PageItem<T>>,
    /// The place of the first of them.
    position: u64,
    total: Option<u32>,
}

/// What is taken of a page: its items, the place where it begins, and the total that it names.
struct Batch<T> {
    items: Vec<PageItem<T>>,
    start: Option<u64>,
    total: Option<u32>,
}

impl<T: Send + 'static> EntryStream<T> {
    fn new(queue: PageQueue<Batch<T>>) -> Self {
        Self { queue, batch: VecDeque::new(), position: 0, total: None }
    }

    fn from_page<G: Paged<Item = T>>(connection: &Connection, page: G) -> Self {
        let next = page.next_url().filter(|next| !next.trim().is_empty());
        let queue = match next.map(|next| page_at::<G>(connection, next)) {
            Some(request) => request.queue(batch),
            None => PageQueue::ended(reader(Decoder::plain(), batch::<G>)),
        };
        let mut entries = Self::new(queue);
        let start = page.offset().map(u64::from);
        entries.take(batch(page, start));
        entries
    }

    /// As [`ItemStream::concurrency`].
    pub fn concurrency(mut self, pages: usize) -> Self {
        self.queue.set_width(pages);
        self
    }

    /// What stands at the next place, or `None` at the end.
    ///
    /// # Errors
    ///
    /// As [`ItemStream::next`].
    pub async fn next(&mut self) -> Option<Result<ListEntry<T>, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    fn take(&mut self, batch: Batch<T>) {
        self.position = batch.start.unwrap_or(self.position);
        self.total = batch.total;
        self.batch = batch.items.into();
    }

    fn end(&mut self) {
        self.batch.clear();
        self.queue.end();
    }

    fn poll_entry(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<ListEntry<T>>, Error>> {
        loop {
            if let Some(item) = self.batch.pop_front() {
                let position = self.position;
                self.position += 1;
                return Poll::Ready(Ok(Some(ListEntry { position, item })));
            }
            match ready!(self.queue.poll_page(context)) {
                Some(Ok(batch)) => self.take(batch),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(None)),
            }
        }
    }
}

impl<T: Send + 'static> Stream for EntryStream<T> {
    type Item = Result<ListEntry<T>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_entry(context).map(Result::transpose)
    }
}

/// The pages of a list.
///
/// A [`Stream`]; where that trait is not imported, [`next`](Self::next) does.
#[must_use = "a stream does nothing unless it is polled"]
pub struct PageStream<G> {
    queue: PageQueue<G>,
}

impl<G: Paged> PageStream<G> {
    /// As [`ItemStream::concurrency`].
    pub fn concurrency(mut self, pages: usize) -> Self {
        self.queue.set_width(pages);
        self
    }

    /// The next page, or `None` at the end.
    ///
    /// # Errors
    ///
    /// As [`ItemStream::next`].
    pub async fn next(&mut self) -> Option<Result<G, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl<G: Paged> Stream for PageStream<G> {
    type Item = Result<G, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().queue.poll_page(context)
    }
}

/// The page at a URL that `next` holds.
pub(crate) fn page_at<G>(connection: &Connection, next: &str) -> Request<G, Nothing> {
    Request::new(connection, Method::GET, connection.resolve_next(next, None))
}

/// Reads pages, and takes of each what is wanted.
fn reader<G: Paged, X: 'static>(decoder: Decoder<G>, content: fn(G, Option<u64>) -> X) -> Read<X> {
    Box::new(move |response, url| {
        let page = decoder.decode(response)?;
        let (next, total, limit) = (page.next_url().map(str::to_owned), page.total(), page.limit());
        let start = offset(url).or_else(|| page.offset().map(u64::from));
        let (count, content) = (page.count(), content(page, start));
        Ok(ParsedPage { content, next, count, start, total, limit })
    })
}

fn batch<G: Paged>(page: G, start: Option<u64>) -> Batch<G::Item> {
    let total = page.total();
    Batch { items: page.into_page_items(), start, total }
}

/// What a stream of items has left out. Dropped, it says so.
#[derive(Default)]
struct LeftOut {
    endpoint: String,
    fails_on_unreadable: bool,
    nulls: usize,
    unreadable: usize,
    /// The first that could not be read: its place in the list, and the place in it.
    first: Option<(u64, Box<str>)>,
}

impl LeftOut {
    fn number(&self) -> usize {
        self.nulls + self.unreadable
    }

    /// The item of an entry; without one, it is counted.
    fn item_of<T>(&mut self, entry: ListEntry<T>) -> Result<Option<T>, Error> {
        self.count(&entry)?;
        Ok(entry.item.into_item())
    }

    fn count<T>(&mut self, entry: &ListEntry<T>) -> Result<(), Error> {
        match &entry.item {
            PageItem::Item(_) => Ok(()),
            PageItem::Null => {
                self.nulls += 1;
                Ok(())
            }
            PageItem::Unreadable(unreadable) => self.count_unreadable(entry.position, unreadable),
        }
    }

    fn count_unreadable(&mut self, position: u64, unreadable: &Unreadable) -> Result<(), Error> {
        if self.fails_on_unreadable {
            return Err(Error::UnreadableItem { position, source: unreadable.clone() });
        }
        self.unreadable += 1;
        self.first.get_or_insert_with(|| (position, unreadable.path().into()));
        Ok(())
    }

    /// Nothing is left out where it is handed out.
    fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Drop for LeftOut {
    fn drop(&mut self) {
        if self.number() == 0 {
            return;
        }
        let Self { endpoint, nulls, unreadable, first, .. } = self;
        tracing::warn!(endpoint, nulls, unreadable, ?first, "left out places of a list");
    }
}

impl<T> Unpin for ItemStream<T> {}

impl<T> Unpin for EntryStream<T> {}

impl<G> Unpin for PageStream<G> {}

impl<T> fmt::Debug for All<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("All").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ItemStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream").field("entries", &self.entries).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for EntryStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryStream").field("waiting", &self.batch.len()).finish_non_exhaustive()
    }
}

impl<G> fmt::Debug for PageStream<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageStream").finish_non_exhaustive()
    }
}

/// How many pages `all` asks for side by side: 10,000 items of a playlist in 25 rounds, and not more
/// than a browser opens of its own accord.
const PAGES_OF_ALL: usize = 8;
