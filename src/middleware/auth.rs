//! Authentication: the innermost layer, so that each attempt carries a fresh token.

use std::sync::Arc;

use async_trait::async_trait;
use http::Extensions;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Request, Response, StatusCode};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::auth::{AuthError, Authenticator, Replay};
use crate::transport::{Origin, repeated};

/// Has an [`Authenticator`] sign every request to one origin.
///
/// Requests to any other origin pass through without credentials. A request that is refused with 401
/// is sent once more, if the authenticator has a different token for it; that is safe for writes
/// too, since the server refused before it acted. A body that is a stream cannot be sent again: then
/// the 401 is the answer.
///
/// An [`AuthError`] comes out as [`reqwest_middleware::Error::Middleware`].
///
/// ```
/// use reqwest_middleware::ClientBuilder;
/// use spotify_web::SpotifyClientConfig;
/// use spotify_web::auth::TokenAuthenticator;
/// use spotify_web::middleware::AuthMiddleware;
///
/// let http = SpotifyClientConfig::default().http_client()?; // or a client of your own
/// let origin = "https://api.example.test".parse()?;
/// let client = ClientBuilder::new(http)
///     .with(AuthMiddleware::new(TokenAuthenticator::new("TOKEN"), origin))
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct AuthMiddleware {
    authenticator: Arc<dyn Authenticator>,
    origin: Origin,
}

impl AuthMiddleware {
    /// Signs what goes to `origin`. An authenticator of this crate that requests tokens should be
    /// [connected](Authenticator::connect) first, unless Spotify's accounts service is meant.
    pub fn new(authenticator: impl Authenticator + 'static, origin: Origin) -> Self {
        Self { authenticator: Arc::new(authenticator), origin }
    }

    async fn sign(&self, request: &mut Request) -> Result<Option<HeaderValue>> {
        self.authenticator.apply(request).await.map_err(Error::middleware::<AuthError>)?;
        Ok(request.headers().get(AUTHORIZATION).cloned())
    }

    /// Whether the origin refused the credentials; a server that it redirected to may not judge.
    fn is_refusal(&self, response: &Response) -> bool {
        response.status() == StatusCode::UNAUTHORIZED && self.origin.covers(response.url())
    }

    async fn refused(&self, rejected: &HeaderValue) -> Result<Replay> {
        self.authenticator.refused(rejected).await.map_err(Error::middleware::<AuthError>)
    }

    /// Sends once more with other credentials, where there are any; else the refusal is the answer.
    async fn replay(
        &self,
        refusal: Response,
        rejected: HeaderValue,
        again: Option<Request>,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let replay = self.refused(&rejected).await?;
        let (Replay::Yes, Some(mut again)) = (replay, again) else { return Ok(refusal) };
        let other = self.sign(&mut again).await?;
        let Some(other) = other.filter(|other| *other != rejected) else { return Ok(refusal) };
        let response = next.run(again, extensions).await?;
        if self.is_refusal(&response) {
            // No further attempt; but nobody else should run into the same token.
            self.refused(&other).await?;
        }
        Ok(response)
    }
}

#[async_trait]
impl Middleware for AuthMiddleware {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        // In blocks, since what was looked at takes room in the future to the end of its scope.
        let (sending, signed, again) = {
            let mut request = request;
            if !self.origin.covers(request.url()) {
                return next.run(request, extensions).await;
            }
            let again = repeated(&request);
            let signed = self.sign(&mut request).await?;
            (next.clone().run(request, extensions), signed, again)
        };
        let replay = {
            let response = sending.await?;
            match signed {
                // What most requests do without takes no room in them.
                Some(rejected) if self.is_refusal(&response) => {
                    Box::pin(self.replay(response, rejected, again, extensions, next))
                }
                _ => return Ok(response),
            }
        };
        replay.await
    }
}
