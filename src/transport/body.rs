//! Reading the body of a response, within a limit.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::{Response, ResponseBuilderExt};

use super::begun::read_begin;
use crate::sync::Mutex;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is longer than the limit.
    TooLong,
    /// It is truncated.
    Truncated(reqwest::Error),
}

/// What is wanted of a successful response: an extension of the request where that is no more than
/// its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    Status,
    Body,
}

/// Reads a body of at most `limit` bytes; one that was [read ahead](read_ahead) is there already.
pub(crate) async fn read_body(response: &mut Response, limit: usize) -> Result<Bytes, BodyError> {
    match response.extensions_mut().remove::<ReadAhead>() {
        Some(ReadAhead::Body(body)) => Ok(body),
        Some(ReadAhead::Failed(error)) => Err(error.lock().take().unwrap_or(BodyError::TooLong)),
        None => read(response, limit).await,
    }
}

/// Reads a body of at most `limit` bytes and keeps what came of it with the response, for
/// [`read_body`]. Returns whether the body is truncated.
///
/// The status of a response that is not successful says enough, and so does any where nobody wants
/// the body: what comes is waited for as long as those who [peek](super::peek_body) into it wait,
/// and is truncated after that.
pub(crate) async fn read_ahead(response: &mut Response, limit: usize, interest: Interest) -> bool {
    let read = match (response.status().is_success(), interest) {
        (true, Interest::Body) => read(response, limit).await,
        (true, Interest::Status) | (false, _) => Ok(read_begin(response, limit).await),
    };
    let is_truncated = matches!(read, Err(BodyError::Truncated(_)));
    response.extensions_mut().insert(match read {
        Ok(body) => ReadAhead::Body(body),
        Err(error) => ReadAhead::Failed(Arc::new(Mutex::new(Some(error)))),
    });
    is_truncated
}

/// A response whose body was [read ahead](read_ahead), without what was not read of it.
pub(crate) fn without_rest(response: Response) -> Response {
    match body_read_ahead(&response) {
        Some(_) => with_body(response, |_| reqwest::Body::default()),
        None => response,
    }
}

/// The body of a response as far as [`read_ahead`] has read it, without taking it.
pub(crate) fn body_read_ahead(response: &Response) -> Option<&Bytes> {
    match response.extensions().get()? {
        ReadAhead::Body(body) => Some(body),
        ReadAhead::Failed(_) => None,
    }
}

/// The same response with a body that is made of what is left of it, for others to read again.
pub(super) fn with_body(
    mut response: Response,
    body: impl FnOnce(Response) -> reqwest::Body,
) -> Response {
    let status = response.status();
    let version = response.version();
    let headers = std::mem::take(response.headers_mut());
    let extensions = std::mem::take(response.extensions_mut());
    let builder = http::Response::builder().status(status).version(version);
    // Status and URL are those of a response that came.
    let builder = builder.url(response.url().clone());
    let mut again = builder.body(body(response)).unwrap_or_default();
    *again.headers_mut() = headers;
    again.extensions_mut().extend(extensions);
    again.into()
}

/// What came of a body that was read before it was asked for.
#[derive(Clone)]
enum ReadAhead {
    Body(Bytes),
    /// Shared, since an extension must be `Clone` and an error is not.
    Failed(Arc<Mutex<Option<BodyError>>>),
}

/// A body that came in one piece is not copied.
async fn read(response: &mut Response, limit: usize) -> Result<Bytes, BodyError> {
    let first = next_piece(response, limit).await?.unwrap_or_default();
    match next_piece(response, limit - first.len()).await? {
        None => Ok(first),
        // Kept out of the futures of small responses.
        Some(second) => Box::pin(read_on(response, limit, [first, second])).await,
    }
}

async fn read_on(
    response: &mut Response,
    limit: usize,
    pieces: [Bytes; 2],
) -> Result<Bytes, BodyError> {
    let mut body = pieces.concat();
    // `Content-Length` may be wrong: memory is reserved up to a bound.
    let rest = response.content_length().and_then(|length| usize::try_from(length).ok());
    body.reserve(rest.unwrap_or_default().min(MOST_AT_ONCE));
    while let Some(piece) = next_piece(response, limit - body.len()).await? {
        body.extend_from_slice(&piece);
    }
    Ok(body.into())
}

/// What comes next, as long as it is at most `room` bytes.
async fn next_piece(response: &mut Response, room: usize) -> Result<Option<Bytes>, BodyError> {
    match response.chunk().await.map_err(BodyError::Truncated)? {
        Some(piece) if piece.len() > room => Err(BodyError::TooLong),
        piece => Ok(piece),
    }
}

/// Five times the size of a page of 50 tracks; larger bodies grow as they come.
const MOST_AT_ONCE: usize = 1024 * 1024;
