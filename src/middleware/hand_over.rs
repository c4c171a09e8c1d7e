//! Where a request is handed over to the layers of the user's own.

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};

use super::Whose;
use super::record::{HandedOver, carry, proven};

/// Tells the layers below it whose requests these are, and takes what they return for no proof of
/// what they did.
#[derive(Debug)]
pub(crate) struct HandOver(pub(crate) Whose);

#[async_trait]
impl Middleware for HandOver {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        extensions.insert(self.0.partition());
        hand_over(request, extensions, next).await
    }
}

/// Where a request is handed over to the user's layers that see what is sent: what these return is
/// not what the client's own layers above them say.
#[derive(Debug)]
pub(crate) struct HandOverInside;

#[async_trait]
impl Middleware for HandOverInside {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        hand_over(request, extensions, next).await
    }
}

async fn hand_over(
    request: Request,
    extensions: &mut Extensions,
    next: Next<'_>,
) -> Result<Response> {
    let handed_over = HandedOver::begin(extensions);
    let result = next.run(request, extensions).await;
    handed_over.end(&result, extensions);
    result
}

/// Where the user's layers hand a request back to the client's own: below it are authentication and
/// the rate limiter, whose word it is that a request was not sent.
#[derive(Debug)]
pub(crate) struct HandBack;

#[async_trait]
impl Middleware for HandBack {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        carry(extensions);
        let result = next.run(request, extensions).await;
        proven(result, extensions)
    }
}
