//! From a page to all of them.

use reqwest::Method;
use serde::de::DeserializeOwned;
use url::Url;

use super::builder::Request;
use super::connection::Connection;
use super::decode::Decoder;
use super::known_lists::KnownList;
use super::next_page::PagePlace;
use super::page_queue::{PageQueue, ParsedPage, Read};
use super::page_url::offset;
use super::params::{Nothing, Parameters};
use super::streams::{All, Batch, EntryStream, ItemStream, PageStream};
use crate::error::Error;
use crate::model::{CursorPage, FeaturedPlaylists, NextLink, Page, PageItem, SimplifiedPlaylist};

/// A page that leads to the next one: [`Page`], [`CursorPage`] and what holds one.
pub trait Paged: DeserializeOwned + Send + 'static {
    /// What the list is made of.
    type Item: Send + 'static;

    /// How the list goes on after this page.
    fn next_link(&self) -> &NextLink;

    /// The URL of this page, where Spotify tells. Relative links are meant from there.
    fn url(&self) -> Option<&str> {
        None
    }

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

    fn next_link(&self) -> &NextLink {
        &self.next
    }

    fn url(&self) -> Option<&str> {
        self.href.as_deref()
    }

    fn previous_url(&self) -> Option<&str> {
        self.previous.as_deref()
    }

    fn total(&self) -> Option<u32> {
        self.total
    }

    fn limit(&self) -> Option<u32> {
        self.limit
    }

    fn offset(&self) -> Option<u32> {
        self.offset
    }

    fn count(&self) -> usize {
        self.items.len()
    }

    fn into_page_items(self) -> Vec<PageItem<T>> {
        self.items
    }
}

impl Paged for FeaturedPlaylists {
    type Item = SimplifiedPlaylist;

    fn next_link(&self) -> &NextLink {
        self.playlists.next_link()
    }

    fn url(&self) -> Option<&str> {
        self.playlists.url()
    }

    fn previous_url(&self) -> Option<&str> {
        self.playlists.previous_url()
    }

    fn total(&self) -> Option<u32> {
        self.playlists.total
    }

    fn limit(&self) -> Option<u32> {
        self.playlists.limit()
    }

    fn offset(&self) -> Option<u32> {
        self.playlists.offset()
    }

    fn count(&self) -> usize {
        self.playlists.count()
    }

    fn into_page_items(self) -> Vec<PageItem<SimplifiedPlaylist>> {
        self.playlists.items
    }
}

impl<T: DeserializeOwned + Send + 'static> Paged for CursorPage<T> {
    type Item = T;

    fn next_link(&self) -> &NextLink {
        &self.next
    }

    fn url(&self) -> Option<&str> {
        self.href.as_deref()
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
    /// What is set on the request holds for every page, the deadline for each. `null` and what
    /// cannot be read is left out, with one warning for the list; [`entries`](Self::entries) have
    /// it, and
    /// [`fail_on_unreadable`](ItemStream::fail_on_unreadable) makes an error of it. After a
    /// transient error the stream goes on with the page that failed, after a pause of the retries'
    /// back-off, which grows with each failure in a row, whatever a call may wait for; any other
    /// error ends it.
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
        PageStream::new(self.queue(|page, _| page))
    }

    /// All items from here to the end of the list, in order, asking for eight pages side by side.
    ///
    /// Over HTTP/2 it is sixteen, from the first page on, since one connection carries them. The
    /// rate limiter has each wait for its permit, as any other request. [`stream`](Self::stream)
    /// with [`concurrency`](ItemStream::concurrency) sets another number.
    ///
    /// Without a [`limit`](Self::limit), pages are as large as the endpoint allows. A deadline, of
    /// the request or of the client, is for all of it.
    ///
    /// # Errors
    ///
    /// The first [`Error`]; the items before it are lost, which [`stream`](Self::stream) avoids.
    /// [`Error::UnreadableItem`] where none of the list's items can be read, so that it is not taken
    /// for an empty list.
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

/// The page after `page`, by the rules of all lists; `None` where that is the last.
pub(crate) fn next_request<G: Paged>(
    connection: &Connection,
    page: &G,
) -> Option<Request<G, Nothing>> {
    let url = url_of(connection, page);
    let place = PagePlace {
        method: Method::GET,
        url: url.as_ref(),
        start: start_of(page, url.as_ref()),
        count: page.count(),
        total: page.total(),
    };
    let next = place.following(connection, page.next_link(), None).transpose()?;
    Some(page_at(connection, next))
}

/// The page before `page`; `None` where that is the first.
pub(crate) fn previous_request<G: Paged>(
    connection: &Connection,
    page: &G,
) -> Option<Request<G, Nothing>> {
    let previous = page.previous_url().filter(|url| !url.trim().is_empty())?;
    let url = url_of(connection, page);
    Some(page_at(connection, connection.resolve_link("previous", previous, url.as_ref())))
}

/// A page by its URL alone, asked for as the endpoint that is there would.
fn page_at<G: Paged>(connection: &Connection, url: Result<Url, Error>) -> Request<G, Nothing> {
    let known = url.as_ref().ok().and_then(|url| connection.known_list(url));
    let request = Request::new(connection, Method::GET, url);
    let Some(KnownList { endpoint, scopes, field }) = known else { return request };
    let request = request.endpoint(endpoint).scopes(scopes);
    match field {
        Some(field) => request.page(field),
        None => request,
    }
}

/// What stands at each place of `page` and of all pages after it.
pub(crate) fn entries_from<G: Paged>(connection: &Connection, page: G) -> EntryStream<G::Item> {
    let url = url_of(connection, &page);
    let mut queue = match next_request(connection, &page) {
        Some(request) => request.queue(batch),
        None => PageQueue::ended(reader(Decoder::plain(), batch::<G>)),
    };
    if let Some(url) = &url {
        queue.note_seen(url);
    }
    let start = start_of(&page, url.as_ref());
    EntryStream::after(queue, batch(page, start))
}

fn url_of<G: Paged>(connection: &Connection, page: &G) -> Option<Url> {
    connection.resolve_link("href", page.url()?, None).ok()
}

/// The place that a page begins at, as its URL or the page itself says.
fn start_of<G: Paged>(page: &G, url: Option<&Url>) -> Option<u64> {
    url.and_then(offset).or_else(|| page.offset().map(u64::from))
}

/// Reads pages, and takes of each what is wanted.
fn reader<G: Paged, X: 'static>(decoder: Decoder<G>, content: fn(G, Option<u64>) -> X) -> Read<X> {
    Box::new(move |response, url| {
        let page = decoder.decode(response)?;
        let start = start_of(&page, Some(url));
        Ok(ParsedPage {
            next: page.next_link().clone(),
            count: page.count(),
            start,
            total: page.total(),
            limit: page.limit(),
            content: content(page, start),
        })
    })
}

fn batch<G: Paged>(page: G, start: Option<u64>) -> Batch<G::Item> {
    let total = page.total();
    let start = start.map(|start| u32::try_from(start).unwrap_or(u32::MAX));
    Batch { items: page.into_page_items(), start, total }
}
