//! Reading the body of an answer, within a limit.

use reqwest::Response;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is longer than the limit, in bytes.
    TooLong(usize),
    /// It was torn.
    Torn(reqwest::Error),
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
    // What is announced may be a lie: believe it only for so much memory.
    let mut body =
        Vec::with_capacity(announced.unwrap_or(FIRST_GUESS).min(limit).min(MOST_AT_ONCE));
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Torn)? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

const FIRST_GUESS: usize = 8 * 1024;
const MOST_AT_ONCE: usize = 1024 * 1024;
