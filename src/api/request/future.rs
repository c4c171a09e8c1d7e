//! A request on its way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::connection::{Answer, Answering};
use crate::error::Error;

/// How an answer becomes a value.
pub(super) type Decode<T> = fn(&Answer) -> Result<T, Error>;

/// The future of a [`Request`](super::Request). Nothing is sent before it is polled; when it is dropped,
/// the request is dropped with it, but a token refresh that it started goes on.
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
/// let sending = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").send();
/// let track = tokio::spawn(sending).await??;
/// println!("{}", track.name);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[must_use = "a future does nothing unless it is polled"]
pub struct Sending<T> {
    answering: Answering,
    decode: Decode<T>,
}

impl<T> Sending<T> {
    pub(super) fn new(answering: Answering, decode: Decode<T>) -> Self {
        Self { answering, decode }
    }
}

impl<T> Future for Sending<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answering.as_mut().poll(context))?;
        Poll::Ready((self.decode)(&answer))
    }
}

impl<T> fmt::Debug for Sending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
