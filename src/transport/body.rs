//! Reading the body of an answer, within a limit.

use bytes::Bytes;
use reqwest::Response;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is longer than the limit.
    TooLong,
    /// It was torn.
    Torn(reqwest::Error),
}

/// Reads a body of at most `limit` bytes; one that was [read ahead](read_ahead) is there already.
pub(crate) async fn read_body(response: &mut Response, limit: usize) -> Result<Bytes, BodyError> {
    match response.extensions_mut().remove::<ReadAhead>() {
        Some(ReadAhead(body)) => body.ok_or(BodyError::TooLong),
        None => read(response, limit).await,
    }
}

/// Reads a body of at most `limit` bytes and keeps it with the answer, for [`read_body`].
///
/// # Errors
///
/// Why it was torn. That it is too long is kept like a body.
pub(crate) async fn read_ahead(response: &mut Response, limit: usize) -> reqwest::Result<()> {
    let body = match read(response, limit).await {
        Ok(body) => Some(body),
        Err(BodyError::TooLong) => None,
        Err(BodyError::Torn(error)) => return Err(error),
    };
    response.extensions_mut().insert(ReadAhead(body));
    Ok(())
}

/// A body that was read before it was asked for; `None` where it is too long.
#[derive(Clone)]
struct ReadAhead(Option<Bytes>);

/// One that came in one piece is not copied.
async fn read(response: &mut Response, limit: usize) -> Result<Bytes, BodyError> {
    let first = next_piece(response, limit).await?.unwrap_or_default();
    match next_piece(response, limit - first.len()).await? {
        None => Ok(first),
        // What small answers do without takes no room in their futures.
        Some(second) => Box::pin(read_on(response, limit, [first, second])).await,
    }
}

async fn read_on(
    response: &mut Response,
    limit: usize,
    pieces: [Bytes; 2],
) -> Result<Bytes, BodyError> {
    let mut body = pieces.concat();
    // What is announced may be a lie: believe it only for so much memory.
    let rest = response.content_length().and_then(|length| usize::try_from(length).ok());
    body.reserve(rest.unwrap_or_default().min(MOST_AT_ONCE));
    while let Some(piece) = next_piece(response, limit - body.len()).await? {
        body.extend_from_slice(&piece);
    }
    Ok(body.into())
}

/// What comes next, as long as it is at most `room` bytes.
async fn next_piece(response: &mut Response, room: usize) -> Result<Option<Bytes>, BodyError> {
    match response.chunk().await.map_err(BodyError::Torn)? {
        Some(piece) if piece.len() > room => Err(BodyError::TooLong),
        piece => Ok(piece),
    }
}

const MOST_AT_ONCE: usize = 1024 * 1024;
