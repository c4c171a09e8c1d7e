//! A request that has not been sent yet.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::connection::{Answer, Connection, Outgoing};
use super::decode::decode;
use super::params::{
    AcceptsAdditionalTypes, AcceptsAnything, AcceptsExternal, AcceptsFields, AcceptsGroups,
    AcceptsMarket, AcceptsPaging, Nothing, Parameters,
};
use crate::error::Error;
use crate::model::{AlbumGroup, Market, MarketError};

/// A request that answers with `T` and takes the optional parameters in `P`.
///
/// Sent by `.await`. A setter is there where the endpoint has that parameter; what is wrong with a
/// parameter or an id comes out when the request is sent, before anything goes out.
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
/// let albums = spotify.artists().albums("6sFIWsNpZYqfjUpaCgueju").market("DE").limit(5).await?;
/// assert!(albums.items.len() <= 5);
///
/// let error = spotify.artists().albums("6sFIWsNpZYqfjUpaCgueju").limit(51).await.unwrap_err();
/// assert_eq!(error.to_string(), "limit is 51, but must be from 1 to 10");
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[must_use = "a request is sent by `.await`"]
pub struct Request<T, P = Nothing> {
    connection: Connection,
    method: Method,
    /// The address, or the first thing that was wrong.
    url: Result<Url, Error>,
    query: Vec<(Cow<'static, str>, String)>,
    json: Option<Vec<u8>>,
    /// A function, so that a request can be sent to another task whatever it answers with.
    answers: PhantomData<fn() -> (T, P)>,
}

/// A decoded answer with its status and headers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Response<T> {
    /// The status; always a successful one.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The answer itself.
    pub body: T,
}

impl<T, P: Parameters> Request<T, P> {
    pub(crate) fn new(connection: &Connection, method: Method, url: Result<Url, Error>) -> Self {
        let request = Self {
            connection: connection.clone(),
            method,
            url,
            query: Vec::new(),
            json: None,
            answers: PhantomData,
        };
        match connection.market().filter(|_| P::TAKES_MARKET) {
            Some(market) => request.with("market", market.to_string()),
            None => request,
        }
    }

    /// A parameter that Spotify wants and that must say something.
    pub(crate) fn required(self, name: &'static str, value: String) -> Self {
        match value.trim().is_empty() {
            true => self.fail(Error::Parameter { name, reason: "is empty".to_owned() }),
            false => self.with(name, value),
        }
    }

    /// Sets a parameter, in place of what it was set to before.
    pub(crate) fn with(mut self, name: impl Into<Cow<'static, str>>, value: String) -> Self {
        let name = name.into();
        self.query.retain(|(other, _)| *other != name);
        self.query.push((name, value));
        self
    }

    /// Keeps the first thing that is wrong.
    fn fail(mut self, error: Error) -> Self {
        if self.url.is_ok() {
            self.url = Err(error);
        }
        self
    }

    fn in_range(self, name: &'static str, value: u32, min: u32, max: u32) -> Self {
        match (min..=max).contains(&value) {
            true => self.with(name, value.to_string()),
            false => self.fail(Error::Range { name, value, range: min..=max }),
        }
    }

    fn into_outgoing(self) -> Result<(Connection, Outgoing), Error> {
        let mut url = self.url?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        Ok((self.connection, Outgoing { method: self.method, url, json: self.json }))
    }
}

impl<T, P: AcceptsMarket> Request<T, P> {
    /// Only what can be played in this market, and as it is there: the two letters of a country.
    ///
    /// In place of the config's default market.
    pub fn market<M>(self, market: M) -> Self
    where
        M: TryInto<Market, Error: Into<MarketError>>,
    {
        match market.try_into() {
            Ok(market) => self.with("market", market.to_string()),
            Err(error) => self.fail(error.into().into()),
        }
    }
}

impl<T, P: AcceptsPaging> Request<T, P> {
    /// The greatest number of items in a page, from 1 to what the endpoint allows.
    pub fn limit(self, limit: u32) -> Self {
        self.in_range("limit", limit, 1, P::MAX_LIMIT)
    }

    /// How many items to pass over.
    pub fn offset(self, offset: u32) -> Self {
        self.in_range("offset", offset, 0, P::MAX_OFFSET)
    }
}

impl<T, P: AcceptsFields> Request<T, P> {
    /// Only these fields of the answer, in [Spotify's notation]: `items(added_at,item(name))`.
    ///
    /// A model needs the ids of what it describes: leave those in.
    ///
    /// [Spotify's notation]: https://developer.spotify.com/documentation/web-api/reference/get-playlist
    pub fn fields(self, fields: impl Into<String>) -> Self {
        self.with("fields", fields.into())
    }
}

impl<T, P: AcceptsAdditionalTypes> Request<T, P> {
    /// Has episodes come as episodes; without it, Spotify sends them in the shape of tracks.
    pub fn with_episodes(self) -> Self {
        self.with("additional_types", "track,episode".to_owned())
    }
}

impl<T, P: AcceptsGroups> Request<T, P> {
    /// Only the albums that the artist is related to in one of these ways; all by default.
    pub fn include_groups(self, groups: impl IntoIterator<Item = AlbumGroup>) -> Self {
        let groups: Vec<_> = groups.into_iter().map(|group| group.to_string()).collect();
        self.with("include_groups", groups.join(","))
    }
}

impl<T, P: AcceptsExternal> Request<T, P> {
    /// Marks audio that is hosted elsewhere as playable; by default it is marked as not.
    pub fn include_external_audio(self) -> Self {
        self.with("include_external", "audio".to_owned())
    }
}

impl<T, P: AcceptsAnything> Request<T, P> {
    /// Sets a parameter of the query; percent-encoded when it is sent.
    pub fn query(self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.with(name.into(), value.to_string())
    }

    /// Sets a JSON body.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(json) => {
                self.json = Some(json);
                self
            }
            Err(error) => {
                self.fail(Error::Parameter { name: "body", reason: format!("is no JSON: {error}") })
            }
        }
    }
}

impl<T: DeserializeOwned + 'static, P: Parameters> Request<T, P> {
    /// Sends the request, as `.await` does.
    ///
    /// # Errors
    ///
    /// See [`Error`]. When the future is dropped, the request is dropped with it; a token refresh
    /// that it started goes on.
    pub async fn send(self) -> Result<T, Error> {
        decode(&self.answer().await?)
    }

    /// Sends the request and answers with status and headers as well.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_with_response(self) -> Result<Response<T>, Error> {
        let answer = self.answer().await?;
        let body = decode(&answer)?;
        Ok(Response { status: answer.status, headers: answer.headers, body })
    }

    async fn answer(self) -> Result<Answer, Error> {
        let (connection, outgoing) = self.into_outgoing()?;
        connection.send(outgoing).await
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl<T, P> IntoFuture for Request<T, P>
where
    T: DeserializeOwned + 'static,
    P: Parameters + 'static,
{
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<T, P> fmt::Debug for Request<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.url.as_ref().map(Url::path))
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
