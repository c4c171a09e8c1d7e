//! From a page to all of them.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::builder::Request;
use super::connection::Connection;
use super::decode::decode;
use super::page_queue::{PageQueue, Source, Span, Turned};
use super::params::{Nothing, Parameters};
use crate::error::Error;
use crate::model::{CursorPage, Page};
use crate::oauth::Scope;

/// A page that leads to the next one: [`Page`] and [`CursorPage`].
pub trait Paged: DeserializeOwned + Send + 'static {
    /// What the list is made of.
    type Item: Send + 'static;

    /// Address of the next page; `None` at the end.
    fn next_address(&self) -> Option<&str>;

    /// Number of items in the list, where Spotify tells.
    fn total(&self) -> Option<u32>;

    /// The greatest number of items in a page, where pages can be asked for by their offset.
    fn limit(&self) -> Option<u32>;

    /// The items that are there, without the `None`s.
    fn into_present(self) -> impl Iterator<Item = Self::Item>;
}

impl<T: DeserializeOwned + Send + 'static> Paged for Page<T> {
    type Item = T;

    fn next_address(&self) -> Option<&str> {
        self.next.as_deref()
    }

    fn total(&self) -> Option<u32> {
        Some(self.total)
    }

    fn limit(&self) -> Option<u32> {
        Some(self.limit)
    }

    fn into_present(self) -> impl Iterator<Item = T> {
        Self::into_present(self)
    }
}

impl<T: DeserializeOwned + Send + 'static> Paged for CursorPage<T> {
    type Item = T;

    fn next_address(&self) -> Option<&str> {
        self.next.as_deref()
    }

    fn total(&self) -> Option<u32> {
        self.total
    }

    /// Each page has the cursor of the next one.
    fn limit(&self) -> Option<u32> {
        None
    }

    fn into_present(self) -> impl Iterator<Item = T> {
        self.items.into_iter().flatten()
    }
}

impl<G: Paged, P: Parameters + 'static> Request<G, P> {
    /// All items from here to the end of the list, in order. The page after the one that is taken
    /// from is asked for already.
    ///
    /// Items that Spotify sends as `null` are passed over; [`pages`](Self::pages) keep them. The
    /// stream ends where a page has no next one. After an error it goes on with the page that
    /// failed, so leave it at the first error, or ask again after a while.
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
        ItemStream { queue: self.queue(items), items: VecDeque::new(), total: None }
    }

    /// All pages from here to the end of the list, in order, as [`stream`](Self::stream) has the
    /// items.
    pub fn pages(self) -> PageStream<G> {
        PageStream { queue: self.queue(|page| page) }
    }

    /// All items from here to the end of the list, in order, asking for eight pages side by side.
    ///
    /// Without a [`limit`](Self::limit), pages are as large as the endpoint allows.
    ///
    /// # Errors
    ///
    /// The first [`Error`]; the items before it are lost, which [`stream`](Self::stream) avoids.
    pub async fn all(self) -> Result<Vec<G::Item>, Error> {
        self.all_with_progress(|_| {}).await
    }

    /// The same, and tells after every page how far it has come.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
    /// let items = spotify.playlists().items("3cEYpjA9oz9GiPac4AsH4n");
    /// let items = items
    ///     .all_with_progress(|it| println!("{} of {:?}", it.fetched, it.total))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub async fn all_with_progress(
        self,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Vec<G::Item>, Error> {
        self.with_largest_pages().stream().collect_all(progress).await
    }

    fn queue<X: Send + 'static>(self, content: fn(G) -> X) -> PageQueue<X> {
        let (connection, scopes) = (self.connection().clone(), self.needed_scopes());
        PageQueue::new(connection, self.into_address().map(Some), source(scopes, content))
    }
}

/// How far [`all_with_progress`](Request::all_with_progress) has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Number of items so far.
    pub fetched: usize,
    /// Number of items in the list, as the last page says; it may change, and may be wrong.
    pub total: Option<u32>,
}

/// The items of a list, over all its pages.
///
/// A [`Stream`]; without that trait at hand, [`next`](Self::next) does.
#[must_use = "a stream does nothing unless it is asked"]
pub struct ItemStream<T> {
    queue: PageQueue<Items<T>>,
    items: VecDeque<T>,
    total: Option<u32>,
}

/// The items of a page, and the total that it names.
type Items<T> = (VecDeque<T>, Option<u32>);

impl<T: Send + 'static> ItemStream<T> {
    /// The items of `page` and of all pages after it.
    pub(crate) fn from_page<G: Paged<Item = T>>(connection: Connection, page: G) -> Self {
        let next = page.next_address().map(str::to_owned);
        let queue = PageQueue::new(connection, Ok(next), source::<G, _>(&[], items));
        let (items, total) = items(page);
        Self { queue, items, total }
    }

    /// Asks for so many pages side by side, from 1, where pages can be asked for by their offset.
    ///
    /// One by default: the page after the one that is taken from. So many pages are under way at the
    /// most, and one less may have come and wait to be taken.
    pub fn concurrency(mut self, pages: usize) -> Self {
        self.queue.set_width(pages);
        self
    }

    /// The next item, or `None` at the end.
    ///
    /// # Errors
    ///
    /// The [`Error`] of the page that could not be had; asked once more, it is tried again.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Everything, side by side.
    pub(crate) async fn collect_all(
        self,
        mut progress: impl FnMut(Progress),
    ) -> Result<Vec<T>, Error> {
        let mut stream = self.concurrency(PAGES_OF_ALL);
        let mut all = Vec::new();
        while let Some(item) = stream.next().await {
            all.push(item?);
            if stream.items.is_empty() {
                progress(Progress { fetched: all.len(), total: stream.total });
            }
        }
        Ok(all)
    }
}

impl<T: Send + 'static> Stream for ItemStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(item) = this.items.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(this.queue.poll_page(context)) {
                Some(Ok((items, total))) => (this.items, this.total) = (items, total),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// The pages of a list.
///
/// A [`Stream`]; without that trait at hand, [`next`](Self::next) does.
#[must_use = "a stream does nothing unless it is asked"]
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
    /// The [`Error`] of the page that could not be had; asked once more, it is tried again.
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

/// The page at an absolute address, such as `next` holds.
pub(crate) fn page_at<G>(connection: &Connection, address: &str) -> Request<G, Nothing> {
    Request::new(connection, Method::GET, connection.resolve(address))
}

/// Asks for pages, and turns each into what is wanted of it.
fn source<G: Paged, X: 'static>(scopes: &'static [Scope], content: fn(G) -> X) -> Source<X> {
    Source {
        fetch: Box::new(move |connection, address| {
            page_at::<G>(connection, address).scopes(scopes).answer()
        }),
        turn: Box::new(move |answer| {
            let page = decode::<G>(answer)?;
            let next = page.next_address().map(str::to_owned);
            let span = page.total().zip(page.limit()).map(|(total, limit)| Span { total, limit });
            Ok(Turned { content: content(page), next, span })
        }),
    }
}

fn items<G: Paged>(page: G) -> Items<G::Item> {
    let total = page.total();
    (page.into_present().collect(), total)
}

impl<T> Unpin for ItemStream<T> {}

impl<G> Unpin for PageStream<G> {}

impl<T> fmt::Debug for ItemStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream").field("waiting", &self.items.len()).finish_non_exhaustive()
    }
}

impl<G> fmt::Debug for PageStream<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageStream").finish_non_exhaustive()
    }
}

/// How many pages `all` asks for side by side.
const PAGES_OF_ALL: usize = 8;
