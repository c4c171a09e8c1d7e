//! A request that is being made.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::decode::Decoder;
use super::sending::Responding;
use crate::error::Error;

/// The future of a [`Request`](crate::api::Request). Nothing is sent before it is polled; when it
/// is dropped, the request is dropped with it, but a token refresh that it started goes on.
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
/// let request = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").send();
/// let track = tokio::spawn(request).await??;
/// println!("{}", track.name);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[must_use = "a future does nothing unless it is polled"]
pub struct RequestFuture<T> {
    response: Responding,
    decoder: Decoder<T>,
}

impl<T> RequestFuture<T> {
    pub(super) fn new(response: Responding, decoder: Decoder<T>) -> Self {
        Self { response, decoder }
    }
}

impl<T> Future for RequestFuture<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.response.as_mut().poll(context))?;
        Poll::Ready(self.decoder.decode(response))
    }
}

impl<T> fmt::Debug for RequestFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFuture").finish_non_exhaustive()
    }
}
