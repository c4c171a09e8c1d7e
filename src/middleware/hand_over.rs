//! Where a request is handed over to the layers of the user's own.

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};

use super::Whose;
use super::record::HandedOver;

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
        let handed_over = HandedOver::begin(extensions);
        let result = next.run(request, extensions).await;
        handed_over.end(&result);
        result
    }
}
