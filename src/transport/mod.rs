//! How a request travels: to which origin, over which connection, and how much is read.

mod body;
mod http_client;
mod origin;

use std::time::Duration;

use reqwest::Response;
use reqwest::header::RETRY_AFTER;

pub(crate) use body::{BodyError, read_body};
pub(crate) use http_client::{HttpOptions, SharedHttpClient};
pub use origin::{Origin, OriginError};

/// How long the server asks to be left alone, in whole seconds.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// What a server says, fit for an error text: without control characters, and at most 200 long.
pub(crate) fn clipped(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(200).collect()
}
