//! Lists as streams, and what is made of them.

use std::collections::VecDeque;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::left_out::{LeftOut, ListEntry};
use super::page_queue::PageQueue;
use crate::error::Error;
use crate::model::PageItem;

/// Everything of a list, to be awaited; from [`Request::all`](crate::api::Request::all).
#[must_use = "nothing is sent before it is awaited"]
pub struct All<T> {
    stream: ItemStream<T>,
    progress: Box<dyn FnMut(Progress) + Send>,
}

impl<T: Send + 'static> All<T> {
    pub(crate) fn new(entries: EntryStream<T>) -> Self {
        let mut stream = ItemStream::new(entries.concurrency(PAGES_OF_ALL));
        stream.entries.queue.set_width_of_shared(PAGES_OF_ALL_SHARED);
        Self { stream, progress: Box::new(|_| {}) }
    }

    /// Has a callback told how far it has come: after every page, and at the end at least once.
    pub fn progress(self, callback: impl FnMut(Progress) + Send + 'static) -> Self {
        Self { progress: Box::new(callback), ..self }
    }

    /// As [`ItemStream::fail_on_unreadable`].
    pub fn fail_on_unreadable(self) -> Self {
        Self { stream: self.stream.fail_on_unreadable(), ..self }
    }

    /// Fetches it, as `.await` does: a future for `tokio::spawn` and its like.
    ///
    /// # Errors
    ///
    /// The first [`Error`].
    pub fn send(self) -> impl Future<Output = Result<Vec<T>, Error>> + Send + use<T> {
        self.into_future()
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
        if all.is_empty() {
            self.stream.left_out.nothing_readable()?;
        }
        Ok(all)
    }

    async fn each(
        &mut self,
        mut take: impl FnMut(ListEntry<T>, &mut LeftOut) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let ItemStream { entries, left_out } = &mut self.stream;
        entries.queue.share_deadline();
        let mut told = None;
        while let Some(entry) = entries.next().await {
            take(entry?, left_out)?;
            if entries.batch.is_empty() {
                let so_far = Progress::of(entries.taken, entries.total, left_out);
                (self.progress)(so_far);
                told = Some(so_far);
            }
        }
        // Empty pages at the end, or a list with nothing in it.
        let whole = Progress::of(entries.taken, entries.total, left_out);
        if told != Some(whole) {
            (self.progress)(whole);
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

/// How far a list has come: [`Request::all`](crate::api::Request::all), an [`ItemStream`] or an
/// [`EntryStream`].
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

impl Progress {
    fn of(places: usize, total: Option<u32>, left_out: &LeftOut) -> Self {
        let left_out = left_out.number();
        Self { fetched: places - left_out, total, left_out }
    }
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
    pub(crate) fn new(entries: EntryStream<T>) -> Self {
        let left_out = LeftOut::of(entries.queue.endpoint());
        Self { entries, left_out }
    }

    /// Sets how many pages are requested side by side, from 1 to 256, where pages can be asked for
    /// by their offset.
    ///
    /// One by default: the page after the one that is taken from. This number of pages is under way
    /// at the most, and one less may have come and wait to be taken.
    pub fn concurrency(self, pages: usize) -> Self {
        Self { entries: self.entries.concurrency(pages), ..self }
    }

    /// Ends with [`Error::UnreadableItem`] at an item that cannot be read, instead of leaving it
    /// out.
    pub fn fail_on_unreadable(mut self) -> Self {
        self.left_out.fail_on_unreadable();
        self
    }

    /// The next item, or `None` at the end.
    ///
    /// # Errors
    ///
    /// The [`Error`] of the page that could not be fetched; see
    /// [`Request::stream`](crate::api::Request::stream) for what comes after it.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// How many places had no item so far: `null`, or not readable.
    pub fn left_out(&self) -> usize {
        self.left_out.number()
    }

    /// How far it has come.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::builder().with_playlist_length(120).start().await?;
    /// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
    /// let mut items = spotify.playlists().items("3cEYpjA9oz9GiPac4AsH4n").stream();
    /// while let Some(item) = items.next().await {
    ///     item?;
    ///     let so_far = items.so_far();
    ///     println!("{} of {:?}", so_far.fetched + so_far.left_out, so_far.total);
    /// }
    /// # assert_eq!(items.so_far().total, Some(120));
    /// # Ok(())
    /// # }
    /// ```
    pub fn so_far(&self) -> Progress {
        Progress::of(self.entries.taken, self.entries.total, &self.left_out)
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
    position: u32,
    /// Number of places that were handed out.
    taken: usize,
    total: Option<u32>,
}

/// What is taken of a page: its items, the place where it begins, and the total that it names.
pub(super) struct Batch<T> {
    pub(super) items: Vec<PageItem<T>>,
    pub(super) start: Option<u32>,
    pub(super) total: Option<u32>,
}

impl<T: Send + 'static> EntryStream<T> {
    pub(super) fn new(queue: PageQueue<Batch<T>>) -> Self {
        Self { queue, batch: VecDeque::new(), position: 0, taken: 0, total: None }
    }

    /// The same, after what was taken from a page before.
    pub(super) fn after(queue: PageQueue<Batch<T>>, batch: Batch<T>) -> Self {
        let mut entries = Self::new(queue);
        entries.take(batch);
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

    /// How far it has come; places without an item count as
    /// [`left_out`](Progress::left_out) on an [`ItemStream`] alone.
    pub fn so_far(&self) -> Progress {
        Progress { fetched: self.taken, total: self.total, left_out: 0 }
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
                self.position = self.position.saturating_add(1);
                self.taken += 1;
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

impl<G: Send + 'static> PageStream<G> {
    pub(super) fn new(queue: PageQueue<G>) -> Self {
        Self { queue }
    }

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

impl<G: Send + 'static> Stream for PageStream<G> {
    type Item = Result<G, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().queue.poll_page(context)
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

/// How many pages `all` asks for side by side: 10,000 items of a playlist in 25 rounds, and not
/// more than a browser opens of its own accord.
const PAGES_OF_ALL: usize = 8;

/// The same over HTTP/2, which needs no more connections for it. Measured on links of 20 to 150 ms:
/// half the time of eight. 24 would save a quarter of what is left, and have as many more under way
/// when the app's limit is reached.
const PAGES_OF_ALL_SHARED: usize = 16;
