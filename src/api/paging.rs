//! From a page to all of them.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::connection::Connection;
use super::params::{Nothing, Parameters};
use super::request::Request;
use crate::error::Error;
use crate::model::{CursorPage, Page};

/// A page that leads to the next one: [`Page`] and [`CursorPage`].
pub trait Paged: DeserializeOwned + Send + 'static {
    /// What the list is made of.
    type Item: Send + 'static;

    /// Address of the next page; `None` at the end.
    fn next_address(&self) -> Option<&str>;

    /// The items that are there, without the `None`s.
    fn into_present(self) -> impl Iterator<Item = Self::Item>;
}

impl<T: DeserializeOwned + Send + 'static> Paged for Page<T> {
    type Item = T;

    fn next_address(&self) -> Option<&str> {
        self.next.as_deref()
    }

    fn into_present(self) -> impl Iterator<Item = T> {
        self.items.into_iter().flatten()
    }
}

impl<T: DeserializeOwned + Send + 'static> Paged for CursorPage<T> {
    type Item = T;

    fn next_address(&self) -> Option<&str> {
        self.next.as_deref()
    }

    fn into_present(self) -> impl Iterator<Item = T> {
        self.items.into_iter().flatten()
    }
}

impl<G: Paged, P: Parameters + 'static> Request<G, P> {
    /// All items from here to the end of the list, page by page as they are asked for.
    ///
    /// Items that Spotify sends as `null` are passed over; the pages themselves keep them. The
    /// stream ends where a page has no next one, or after an error.
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
        let connection = self.connection().clone();
        ItemStream {
            connection,
            items: VecDeque::new(),
            pages: Pages::Fetching(fetching(self)),
            address: None,
            fetch: |connection, address| fetching(page_at::<G>(connection, address)),
        }
    }

    /// All items from here to the end of the list.
    ///
    /// # Errors
    ///
    /// The first [`Error`]; the items before it are lost, which [`stream`](Self::stream) avoids.
    pub async fn all(self) -> Result<Vec<G::Item>, Error> {
        self.stream().collect_all().await
    }
}

/// The items of a list, over all its pages.
///
/// A [`Stream`]; without that trait at hand, [`next`](Self::next) does.
#[must_use = "a stream does nothing unless it is asked"]
pub struct ItemStream<T> {
    connection: Connection,
    items: VecDeque<T>,
    pages: Pages<T>,
    /// Where the last page came from.
    address: Option<String>,
    /// Asks for the page at an address, of whatever type it is.
    fetch: fn(&Connection, &str) -> Fetching<T>,
}

/// The items of a page, and the address of the next one.
type Turned<T> = (VecDeque<T>, Option<String>);

type Fetching<T> = Pin<Box<dyn Future<Output = Result<Turned<T>, Error>> + Send>>;

enum Pages<T> {
    Fetching(Fetching<T>),
    Next(String),
    End,
}

fn fetching<G: Paged, P: Parameters + 'static>(request: Request<G, P>) -> Fetching<G::Item> {
    Box::pin(async { request.send().await.map(turned) })
}

fn turned<G: Paged>(page: G) -> Turned<G::Item> {
    let next = page.next_address().map(str::to_owned);
    (page.into_present().collect(), next)
}

/// The page at an absolute address, such as `next` holds.
pub(crate) fn page_at<G>(connection: &Connection, address: &str) -> Request<G, Nothing> {
    Request::new(connection, Method::GET, connection.resolve(address))
}

impl<T: Send + 'static> ItemStream<T> {
    /// The items of `page` and of all pages after it.
    pub(crate) fn from_page<G: Paged<Item = T>>(connection: Connection, page: G) -> Self {
        let mut stream = Self {
            connection,
            items: VecDeque::new(),
            pages: Pages::End,
            address: None,
            fetch: |connection, address| fetching(page_at::<G>(connection, address)),
        };
        stream.turn_to(turned(page));
        stream
    }

    /// The next item, or `None` at the end.
    ///
    /// # Errors
    ///
    /// The [`Error`] of the page that could not be had; the stream ends with it.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    pub(crate) async fn collect_all(mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(item) = self.next().await {
            all.push(item?);
        }
        Ok(all)
    }

    fn turn_to(&mut self, (items, next): Turned<T>) {
        self.pages = next.map_or(Pages::End, Pages::Next);
        self.items.extend(items);
    }

    /// A page that leads to itself would be asked for without end.
    fn turn_over(&mut self, address: String) -> Result<(), Error> {
        if self.address.as_ref() == Some(&address) {
            let reason = "leads to the page that it is on".to_owned();
            return Err(Error::Parameter { name: "next", reason });
        }
        self.pages = Pages::Fetching((self.fetch)(&self.connection, &address));
        self.address = Some(address);
        Ok(())
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
            let turned = match std::mem::replace(&mut this.pages, Pages::End) {
                Pages::End => return Poll::Ready(None),
                Pages::Next(address) => this.turn_over(address),
                Pages::Fetching(mut fetching) => match fetching.as_mut().poll(context) {
                    Poll::Ready(page) => page.map(|page| this.turn_to(page)),
                    Poll::Pending => {
                        this.pages = Pages::Fetching(fetching);
                        return Poll::Pending;
                    }
                },
            };
            if let Err(error) = turned {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl<T> Unpin for ItemStream<T> {}

impl<T> fmt::Debug for ItemStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream").field("waiting", &self.items.len()).finish_non_exhaustive()
    }
}
