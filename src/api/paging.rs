//! From a page to all of them.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::connection::Connection;
use super::params::{Nothing, Parameters};
use super::request::Request;
use crate::error::Error;
use crate::model::Page;

impl<T, P> Request<Page<T>, P>
where
    T: DeserializeOwned + Send + 'static,
    P: Parameters + 'static,
{
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
    pub fn stream(self) -> ItemStream<T> {
        let connection = self.connection().clone();
        ItemStream {
            connection,
            items: VecDeque::new(),
            pages: Pages::Fetching(self.into_future()),
            address: None,
        }
    }

    /// All items from here to the end of the list.
    ///
    /// # Errors
    ///
    /// The first [`Error`]; the items before it are lost, which [`stream`](Self::stream) avoids.
    pub async fn all(self) -> Result<Vec<T>, Error> {
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
}

type FetchingPage<T> = Pin<Box<dyn Future<Output = Result<Page<T>, Error>> + Send>>;

enum Pages<T> {
    Fetching(FetchingPage<T>),
    Next(String),
    End,
}

impl<T: DeserializeOwned + Send + 'static> ItemStream<T> {
    /// The items of `page` and of all pages after it.
    pub(crate) fn from_page(connection: Connection, page: Page<T>) -> Self {
        let mut stream =
            Self { connection, items: VecDeque::new(), pages: Pages::End, address: None };
        stream.turn_to(page);
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

    fn turn_to(&mut self, page: Page<T>) {
        self.pages = page.next.clone().map_or(Pages::End, Pages::Next);
        self.items.extend(page.into_present());
    }

    /// A page that leads to itself would be asked for without end.
    fn fetch(&mut self, address: String) -> Result<FetchingPage<T>, Error> {
        if self.address.as_ref() == Some(&address) {
            let reason = "leads to the page that it is on".to_owned();
            return Err(Error::Parameter { name: "next", reason });
        }
        let page = page_at(&self.connection, &address).into_future();
        self.address = Some(address);
        Ok(page)
    }
}

/// The page at an absolute address, such as `next` holds.
pub(crate) fn page_at<T>(connection: &Connection, address: &str) -> Request<Page<T>, Nothing> {
    Request::new(connection, Method::GET, connection.resolve(address))
}

impl<T: DeserializeOwned + Send + 'static> Stream for ItemStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(item) = this.items.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            let page = match std::mem::replace(&mut this.pages, Pages::End) {
                Pages::End => return Poll::Ready(None),
                Pages::Next(address) => this.fetch(address).map(Pages::Fetching).map(|it| {
                    this.pages = it;
                }),
                Pages::Fetching(mut fetching) => match fetching.as_mut().poll(context) {
                    Poll::Ready(page) => page.map(|page| this.turn_to(page)),
                    Poll::Pending => {
                        this.pages = Pages::Fetching(fetching);
                        return Poll::Pending;
                    }
                },
            };
            if let Err(error) = page {
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
