//! The last layer of a client without a rate limiter.

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};

use super::CallTrace;

/// Counts what leaves, where no limiter does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountingMiddleware;

#[async_trait]
impl Middleware for CountingMiddleware {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        if let Some(trace) = extensions.get_mut::<CallTrace>() {
            trace.attempts += 1;
        }
        next.run(request, extensions).await
    }
}
