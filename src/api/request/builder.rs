//! A request that has not been sent yet.

use std::any::TypeId;
use std::borrow::Cow;
use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde::de::DeserializeOwned;
use url::Url;

use super::body::Body;
use super::connection::Connection;
use super::decode::Decoder;
use super::future::RequestFuture;
use super::observing::Endpoint;
use super::params::{Nothing, Parameters};
use super::prepared::{Deadline, PreparedRequest};
use super::query::set_query;
use super::response::Response;
use super::sending::Responding;
use crate::error::Error;
use crate::middleware::{OneLogin, RequestClass, Safety};
use crate::oauth::Scope;
use crate::transport::Interest;

/// A request that returns `T` and takes the optional parameters in `P`.
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
    pub(super) connection: Connection,
    method: Method,
    /// The URL, or the first thing that was wrong.
    url: Result<Url, Error>,
    pub(super) query: Vec<(Cow<'static, str>, String)>,
    pub(super) body: Option<Body>,
    scopes: &'static [Scope],
    endpoint: Endpoint,
    class: RequestClass,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    /// `None` for a body that is the value.
    decoder: Option<Decoder<T>>,
    /// The number of ids, where the response has a value for each.
    pub(super) ids: Option<usize>,
    /// A function, so that a request can be sent to another task whatever it returns.
    returns: PhantomData<fn() -> (T, P)>,
}

impl<T, P: Parameters> Request<T, P> {
    pub(crate) fn new(connection: &Connection, method: Method, url: Result<Url, Error>) -> Self {
        let request = Self {
            connection: connection.clone(),
            endpoint: Endpoint::default(),
            class: RequestClass::of(&method),
            timeout: None,
            deadline: None,
            method,
            url,
            query: Vec::new(),
            body: None,
            scopes: &[],
            decoder: None,
            ids: None,
            returns: PhantomData,
        };
        let request = match P::TAKES_TYPES {
            true => request.with("additional_types", "track,episode".to_owned()),
            false => request,
        };
        match connection.market().filter(|_| P::TAKES_MARKET) {
            Some(market) => request.with("market", market.to_string()),
            None => request,
        }
    }

    /// The same request, whose response is read as something else.
    pub(super) fn of_type<U>(self) -> Request<U, P> {
        let Self { connection, method, url, query, body, scopes, endpoint, class, .. } = self;
        let timeout = self.timeout;
        let deadline = self.deadline;
        let decoder = None;
        let returns = PhantomData;
        Request {
            connection,
            method,
            url,
            query,
            body,
            scopes,
            endpoint,
            class,
            timeout,
            deadline,
            decoder,
            ids: None,
            returns,
        }
    }

    /// Says which scopes it needs, or one of them.
    pub(crate) fn scopes(mut self, scopes: &'static [Scope]) -> Self {
        self.scopes = scopes;
        self
    }

    pub(crate) fn endpoint(self, endpoint: Endpoint) -> Self {
        Self { endpoint, ..self }
    }

    /// Sent twice, it would do something twice, whatever the method says.
    pub(crate) fn once(mut self) -> Self {
        self.class.safety = Safety::NonIdempotent;
        self
    }

    /// Goes before what waits.
    pub(crate) fn urgent(mut self) -> Self {
        self.class.is_urgent = true;
        self
    }

    /// Sets how often it is retried at the most after a failure, in place of the client's; 0 for
    /// never. Retries after a 429 are not counted, but 0 turns those off as well; see
    /// [`RetryOptions::with_retries`](crate::middleware::RetryOptions::with_retries).
    pub fn retries(mut self, retries: u32) -> Self {
        self.class.retries = Some(retries);
        self
    }

    /// Sets how long one attempt may take, in place of the client's. Zero is an
    /// [`Error::Parameter`], since every attempt would fail.
    pub fn timeout(self, timeout: Duration) -> Self {
        let request = Self { timeout: Some(timeout), ..self };
        if timeout.is_zero() {
            let reason = "is zero; leave it out for the client's".to_owned();
            return request.fail(Error::Parameter { name: "timeout", reason });
        }
        request
    }

    /// Sets how long the whole call may take, with its waits and retries, in place of the client's.
    ///
    /// Past it, the call fails with [`Error::DeadlineExceeded`], or with the error of a response
    /// whose status is final. A wait that would end after it is not begun: a call that is known to
    /// wait for longer for the rate limiter fails at once with [`Error::RateLimited`], and one
    /// whose next retry would come too late with the error of its last attempt.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Sets how long the call may wait for permits of the rate limiter and for `Retry-After`, all
    /// its attempts together, in place of the client's
    /// [`with_max_wait`](crate::SpotifyClientConfig::with_max_wait): zero is for never. One that is
    /// known to need longer fails at once, with [`Error::RateLimited`].
    ///
    /// ```
    /// # use spotify_web::testing::{FakeResponse, FakeSpotify};
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
    /// # fake.next_api(FakeResponse::status(429).with_header("retry-after", "7"));
    /// use std::time::Duration;
    /// use spotify_web::Error;
    ///
    /// let track = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").max_wait(Duration::ZERO).await;
    ///
    /// assert!(matches!(track, Err(Error::RateLimited { .. })), "a user waits for it, and looks at the clock");
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.class.max_wait = Some(max_wait);
        self
    }

    pub(super) fn is_write(&self) -> bool {
        !self.method.is_safe()
    }

    /// Says which method takes more of what this one takes a list of.
    pub(crate) fn or_in_batches(self, method: &'static str) -> Self {
        Self { url: self.url.map_err(|error| error.with_batches(method)), ..self }
    }

    /// Keeps the first thing that is wrong.
    pub(crate) fn fail(mut self, error: Error) -> Self {
        if self.url.is_ok() {
            self.url = Err(error);
        }
        self
    }

    /// What is sent; or the response to a request that is wrong.
    pub(crate) fn prepare(self) -> Result<(Connection, PreparedRequest), Responding> {
        let seeds = if P::TAKES_SEEDS { check_seeds(&self.query) } else { Ok(()) };
        let mut url = match self.url.and_then(|url| seeds.map(|()| url)) {
            Ok(url) => url,
            Err(error) => return Err(self.connection.refuse(self.method, self.endpoint, error)),
        };
        set_query(&mut url, self.query);
        let is_get = self.method == Method::GET;
        let mut request = reqwest::Request::new(self.method, url);
        match self.body {
            Some(Body { content_type, content }) => {
                request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                *request.body_mut() = Some(content.into());
            }
            // Spotify wants a length where there could be a body.
            None if !is_get => {
                request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            None => {}
        }
        if self.timeout.is_some() {
            *request.timeout_mut() = self.timeout;
        }
        let Self { connection, scopes, endpoint, class, deadline, .. } = self;
        let deadline = deadline.or_else(|| connection.default_deadline()).map(Deadline::After);
        let login = None;
        let interest = Interest::Body;
        let prepared =
            PreparedRequest { request, scopes, endpoint, class, deadline, login, interest };
        Ok((connection, prepared))
    }
}

/// Only when all are known: each kind of seeds may be set anew.
fn check_seeds(query: &[(Cow<'static, str>, String)]) -> Result<(), Error> {
    let lists = query.iter().filter(|(name, _)| name.starts_with("seed_"));
    let count = lists.map(|(_, list)| list.split(',').count()).sum::<usize>();
    let value = u32::try_from(count).unwrap_or(u32::MAX);
    match (1..=5).contains(&value) {
        true => Ok(()),
        false => Err(Error::Range { name: "seeds", value, range: 1..=5, extended: None }),
    }
}

impl<T: DeserializeOwned + 'static, P: Parameters> Request<T, P> {
    /// Sends the request, as `.await` does.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn send(self) -> RequestFuture<T> {
        self.send_in(None)
    }

    /// Sends the request and returns status, headers and the raw body as well.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). A body that cannot be read is in the error:
    /// [`Error::raw_body`].
    pub async fn send_with_response(self) -> Result<Response<T>, Error> {
        let decoder = self.decoder();
        let sending = match self.prepare() {
            Ok((connection, prepared)) => connection.send(prepared),
            Err(refused) => refused,
        };
        let mut response = sending.await?;
        let status = response.status;
        let headers = std::mem::take(&mut response.headers);
        let raw = response.body.as_ref().map(Bytes::clone).unwrap_or_default();
        Ok(Response { status, headers, body: decoder.decode(response)?, raw })
    }

    /// Sends the request as one of several that are made for one login.
    pub(crate) fn send_for(self, login: &OneLogin) -> RequestFuture<T> {
        self.send_in(Some(login.clone()))
    }

    fn send_in(self, login: Option<OneLogin>) -> RequestFuture<T> {
        let decoder = self.decoder();
        let is_command = self.is_write() && TypeId::of::<T>() == TypeId::of::<()>();
        let interest = if is_command { Interest::Status } else { Interest::Body };
        let response = match self.prepare() {
            Ok((connection, prepared)) => {
                connection.send(PreparedRequest { login, interest, ..prepared })
            }
            Err(refused) => refused,
        };
        RequestFuture::new(response, decoder)
    }

    /// The page is in the field of this name, and in no other.
    pub(crate) fn page(self, field: &'static str) -> Self {
        Self { decoder: Some(Decoder::page(field)), ..self }
    }

    pub(crate) fn decoder(&self) -> Decoder<T> {
        self.decoder.unwrap_or_else(Decoder::plain)
    }
}

impl<T: DeserializeOwned + 'static, P: Parameters> Request<Vec<Option<T>>, P> {
    /// The list is in the field of this name; what cannot be read is `None` at its place.
    pub(crate) fn several(self, field: &'static str) -> Self {
        Self { decoder: Some(Decoder::several(field, self.ids)), ..self }
    }

    /// The list is the whole body. One value for each id that was asked for, which is the one in
    /// the path where there is no list of them, and else an error: the others would be taken for
    /// those of their neighbours.
    pub(crate) fn one_for_each(self) -> Self {
        Self { decoder: Some(Decoder::one_for_each(self.ids.unwrap_or(1))), ..self }
    }
}

impl<T: DeserializeOwned + 'static, P: Parameters> Request<Vec<T>, P> {
    /// The list is the whole body; what cannot be read is left out.
    pub(crate) fn bare_list(self) -> Self {
        Self { decoder: Some(Decoder::bare_list()), ..self }
    }

    /// The list is in the field of this name; what cannot be read is left out.
    pub(crate) fn list(self, field: &'static str) -> Self {
        Self { decoder: Some(Decoder::list(field)), ..self }
    }
}

impl<T, P> IntoFuture for Request<T, P>
where
    T: DeserializeOwned + 'static,
    P: Parameters + 'static,
{
    type Output = Result<T, Error>;
    type IntoFuture = RequestFuture<T>;

    fn into_future(self) -> Self::IntoFuture {
        self.send()
    }
}

impl<T, P> Clone for Request<T, P> {
    fn clone(&self) -> Self {
        Self {
            connection: self.connection.clone(),
            method: self.method.clone(),
            url: self.url.as_ref().map(Url::clone).map_err(Error::of_unsent),
            query: self.query.clone(),
            body: self.body.clone(),
            endpoint: self.endpoint.clone(),
            returns: PhantomData,
            ..*self
        }
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
