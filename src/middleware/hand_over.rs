//! Where a request is handed over to the layers of the user's own.

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use super::record::{HandedOver, carry, hold_to_login, proven};
use super::{CallRecord, Partition, Whose};
use crate::auth::AuthError;

/// An extension of a request: whose it is, as the user's layers were told.
#[derive(Clone)]
struct Told(Partition);

/// Tells the layers below it whose requests these are, which is the same for all attempts of a call,
/// and takes what they return for no proof of what they did.
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
        let partition = held(&self.0)?;
        extensions.insert(partition);
        extensions.insert(Told(partition));
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

/// Whose the task's call is, as long as that is the login that it began with.
fn held(whose: &Whose) -> Result<Partition> {
    let login = whose.login();
    hold_to_login(login).map_err(Error::middleware)?;
    Ok(whose.of_login(login))
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

/// Where a request is signed and goes out: notes whose it is. A login may have changed that while it
/// waited; then it does not go.
#[derive(Debug)]
pub(crate) struct NoteWhose(pub(crate) Whose);

#[async_trait]
impl Middleware for NoteWhose {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let partition = held(&self.0)?;
        if extensions.get().is_some_and(|Told(told)| *told != partition) {
            return Err(Error::middleware(AuthError::OtherLogin));
        }
        if let Some(record) = CallRecord::carried(extensions) {
            record.note_partition(partition);
        }
        next.run(request, extensions).await
    }
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
