//! A request that has not been sent yet.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::connection::Connection;
use super::decode::Decoder;
use super::future::RequestFuture;
use super::into_id::IntoIds;
use super::observing::Endpoint;
use super::params::{Nothing, Parameters};
use super::prepared::{Deadline, PreparedRequest};
use super::quota::MaxLimit;
use super::response::Response;
use super::sending::Responding;
use crate::error::Error;
use crate::middleware::{RequestClass, Safety};
use crate::model::SpotifyUri;
use crate::oauth::Scope;
use crate::transport::clipped;

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
    connection: Connection,
    method: Method,
    /// The URL, or the first thing that was wrong.
    url: Result<Url, Error>,
    query: Vec<(Cow<'static, str>, String)>,
    body: Option<Body>,
    scopes: &'static [Scope],
    endpoint: Endpoint,
    class: RequestClass,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    /// `None` for a body that is the value.
    decoder: Option<Decoder<T>>,
    /// The number of ids, where the response has a value for each.
    ids: Option<usize>,
    /// A function, so that a request can be sent to another task whatever it returns.
    returns: PhantomData<fn() -> (T, P)>,
}

/// A body with its type.
struct Body {
    content_type: &'static str,
    content: Vec<u8>,
}

/// A list with 1 to `most` elements, as strings.
fn listed<I: fmt::Display>(
    name: &'static str,
    ids: impl IntoIds<I>,
    most: u32,
) -> Result<Vec<String>, Error> {
    bounded(name, ids.into_ids()?.iter().map(ToString::to_string).collect(), most)
}

fn bounded(name: &'static str, list: Vec<String>, most: u32) -> Result<Vec<String>, Error> {
    let count = u32::try_from(list.len()).unwrap_or(u32::MAX);
    match (1..=most).contains(&count) {
        true => Ok(list),
        false => Err(Error::Range { name, value: count, range: 1..=most, extended: None }),
    }
}

/// What stands between commas, and would be two things with a comma in it.
fn separable(name: &'static str, list: Vec<String>) -> Result<Vec<String>, Error> {
    match list.iter().find(|each| each.contains(',') || each.trim().is_empty()) {
        Some(wrong) => {
            let wrong = clipped(wrong);
            let reason = format!("holds `{wrong}`, which cannot be sent in a list between commas");
            Err(Error::Parameter { name, reason })
        }
        None => Ok(list),
    }
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
    /// never. A 429 is no failure, unless it is 0; see
    /// [`RetryOptions::with_retries`](crate::middleware::RetryOptions::with_retries).
    pub fn retries(mut self, retries: u32) -> Self {
        self.class.retries = Some(retries);
        self
    }

    /// Sets how long one attempt may take, in place of the client's.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Sets how long the whole call may take, with its waits and retries, in place of the client's.
    ///
    /// Past it, the call fails with [`Error::DeadlineExceeded`]. One that is known to wait for
    /// longer for the rate limiter fails at once, with [`Error::RateLimited`].
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

    pub(crate) fn with_json(self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(content) => self.with_body("application/json", content),
            Err(error) => self.fail(Error::Parameter {
                name: "body",
                reason: format!("cannot be written as JSON: {error}"),
            }),
        }
    }

    /// A JSON body, or what is wrong with it.
    pub(crate) fn with_checked(self, body: Result<serde_json::Value, Error>) -> Self {
        match body {
            Ok(body) => self.with_json(&body),
            Err(error) => self.fail(error),
        }
    }

    pub(crate) fn with_body(mut self, content_type: &'static str, content: Vec<u8>) -> Self {
        self.body = Some(Body { content_type, content });
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.query.retain(|(other, _)| other != name);
        self
    }

    /// Sets a parameter to a list of at most `most` ids, joined by commas.
    pub(crate) fn ids<I: fmt::Display>(
        self,
        name: &'static str,
        ids: impl IntoIds<I>,
        most: u32,
    ) -> Self {
        let ids = listed(name, ids, most);
        let number = ids.as_ref().ok().map(Vec::len);
        Self { ids: number, ..self.joined(name, ids) }
    }

    /// Sets a parameter to a list of at most `most` strings, joined by commas.
    pub(crate) fn strings(self, name: &'static str, list: Vec<String>, most: u32) -> Self {
        self.joined(name, bounded(name, list, most))
    }

    /// Sets a parameter to any number of words but none, joined by commas.
    pub(crate) fn named(self, name: &'static str, words: Vec<String>) -> Self {
        match words.is_empty() {
            true => self.required(name, String::new()),
            false => self.joined(name, Ok(words)),
        }
    }

    fn joined(self, name: &'static str, list: Result<Vec<String>, Error>) -> Self {
        match list.and_then(|list| separable(name, list)) {
            Ok(list) => self.with(name, list.join(",")),
            Err(error) => self.fail(error),
        }
    }

    /// A JSON body with a list of at most `most` ids in one field.
    pub(crate) fn json_ids<I: fmt::Display>(
        self,
        name: &'static str,
        ids: impl IntoIds<I>,
        most: u32,
    ) -> Self {
        self.with_json_field(name, listed(name, ids, most))
    }

    /// A list of 1 to `most` objects that each hold a URI.
    pub(crate) fn json_uris(
        self,
        name: &'static str,
        uris: impl IntoIds<SpotifyUri>,
        most: u32,
    ) -> Self {
        let objects = listed(name, uris, most).map(|uris| {
            uris.into_iter().map(|uri| serde_json::json!({ "uri": uri })).collect::<Vec<_>>()
        });
        self.with_json_field(name, objects)
    }

    /// A JSON body with one field.
    fn with_json_field(self, name: &str, value: Result<impl Serialize, Error>) -> Self {
        match value {
            Ok(value) => self.with_json(&HashMap::from([(name, value)])),
            Err(error) => self.fail(error),
        }
    }

    /// A JPEG in base 64, as Spotify wants pictures.
    pub(crate) fn with_jpeg(self, jpeg: &[u8]) -> Self {
        let wrong = |reason: String| Error::Parameter { name: "cover", reason };
        let content = BASE64_STANDARD.encode(jpeg);
        if !jpeg.starts_with(b"\xff\xd8\xff") {
            self.fail(wrong("is not a JPEG; convert it first".to_owned()))
        } else if content.len() > MOST_BASE64 {
            let size = content.len();
            self.fail(wrong(format!(
                "takes {size} bytes in base 64, of {MOST_BASE64}; make it smaller"
            )))
        } else {
            self.with_body("image/jpeg", content.into_bytes())
        }
    }

    /// Keeps the first thing that is wrong.
    pub(crate) fn fail(mut self, error: Error) -> Self {
        if self.url.is_ok() {
            self.url = Err(error);
        }
        self
    }

    /// Sets a parameter that has a range.
    pub(crate) fn in_range(self, name: &'static str, value: u32, min: u32, max: u32) -> Self {
        match (min..=max).contains(&value) {
            true => self.with(name, value.to_string()),
            false => self.fail(Error::Range { name, value, range: min..=max, extended: None }),
        }
    }

    /// Sets a parameter whose range begins with 1 and depends on the quota of the app.
    pub(crate) fn within(self, name: &'static str, value: u32, max: MaxLimit) -> Self {
        let range = 1..=max.of(self.connection.quota());
        match range.contains(&value) {
            true => self.with(name, value.to_string()),
            false => {
                let extended = (1..=max.extended).contains(&value).then_some(max.extended);
                self.fail(Error::Range { name, value, range, extended })
            }
        }
    }

    /// As large as the endpoint allows, unless a limit is set.
    pub(crate) fn with_largest_pages(self) -> Self {
        match P::LARGEST_PAGE {
            Some(limit) if !self.query.iter().any(|(name, _)| name == "limit") => {
                let limit = limit.of(self.connection.quota());
                self.with("limit", limit.to_string())
            }
            _ => self,
        }
    }

    /// What is sent; or the response to a request that is wrong.
    pub(crate) fn prepare(self) -> Result<(Connection, PreparedRequest), Responding> {
        let seeds = if P::TAKES_SEEDS { check_seeds(&self.query) } else { Ok(()) };
        let mut url = match self.url.and_then(|url| seeds.map(|()| url)) {
            Ok(url) => url,
            Err(error) => return Err(self.connection.refuse(self.method, self.endpoint, error)),
        };
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
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
        Ok((connection, PreparedRequest { request, scopes, endpoint, class, deadline }))
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
        let decoder = self.decoder();
        RequestFuture::new(self.send_raw(), decoder)
    }

    /// Sends the request and returns status, headers and the raw body as well.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). A body that cannot be read is in the error:
    /// [`Error::raw_body`].
    pub async fn send_with_response(self) -> Result<Response<T>, Error> {
        let decoder = self.decoder();
        let mut response = self.send_raw().await?;
        let status = response.status;
        let headers = std::mem::take(&mut response.headers);
        let raw = response.body.as_ref().map(Bytes::clone).unwrap_or_default();
        Ok(Response { status, headers, body: decoder.decode(response)?, raw })
    }

    /// The page is in the field of this name, and in no other.
    pub(crate) fn page(self, field: &'static str) -> Self {
        Self { decoder: Some(Decoder::page(field)), ..self }
    }

    pub(crate) fn decoder(&self) -> Decoder<T> {
        self.decoder.unwrap_or_else(Decoder::plain)
    }

    fn send_raw(self) -> Responding {
        match self.prepare() {
            Ok((connection, prepared)) => connection.send(prepared),
            Err(refused) => refused,
        }
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

impl<T, P> fmt::Debug for Request<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.url.as_ref().map(Url::path))
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

const MOST_BASE64: usize = 256 * 1024;
