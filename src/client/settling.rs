//! Waiting until nothing is under way that would be lost.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::SpotifyClient;
use crate::auth::{AuthError, Authenticator, settle_tasks};
use crate::error::Error;

/// What [`SpotifyClient::settle`] waits for.
#[derive(Debug, Clone)]
pub(super) enum Settles {
    /// The client of a config: all users that were made of it.
    AllUsers,
    /// A user's client.
    User(Arc<dyn Authenticator>),
}

impl SpotifyClient {
    /// Waits until nothing is under way that would be lost if the program ended now, such as a
    /// refresh whose rotated token is not saved yet. For a clean end of the program, as on Ctrl-C.
    ///
    /// An app's own token is not waited for, whatever its store does: the next is a request away.
    ///
    /// End the calls first: what begins while it waits is not waited for, so that neither traffic
    /// that goes on nor a store that fails for one user makes it wait for the others again.
    ///
    /// A client that [`for_user`](Self::for_user) made waits for its user. The client that it was
    /// made of waits for all of them, also for those whose clients and authenticators are gone: all
    /// whose authenticators were plugged in. Either takes two minutes at the most.
    ///
    /// # Errors
    ///
    /// [`Error::Unsettled`] says whose login may be lost, and why: see
    /// [`Unsettled`](crate::auth::Unsettled).
    pub async fn settle(&self) -> Result<(), Error> {
        match &self.settles {
            Settles::User(user) => user.settle().await.map_err(Error::Unsettled),
            Settles::AllUsers => self.settle_all_users().await,
        }
    }

    /// Who cannot be saved keeps nobody else from it.
    async fn settle_all_users(&self) -> Result<(), Error> {
        let mut own = pin!(self.settle_own());
        let mut users = pin!(settle_tasks(self.oauth.under_way()));
        let mut own_is = None;
        let mut users_are = None;
        poll_fn(|context| {
            poll_once(&mut own_is, own.as_mut(), context);
            // The fetch that it is called within would wait for itself.
            if !matches!(own_is, Some(Err(AuthError::WithinFetch))) {
                poll_once(&mut users_are, users.as_mut(), context);
            }
            match (&own_is, &users_are) {
                (Some(Err(AuthError::WithinFetch)), _) | (Some(_), Some(_)) => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
        let errors = [own_is, users_are].map(|settled| settled.and_then(Result::err));
        let error = match errors {
            [Some(own), Some(users)] => own.and_of_users(users),
            [own, users] => match own.or(users) {
                Some(error) => error,
                None => return Ok(()),
            },
        };
        Err(Error::Unsettled(error))
    }

    async fn settle_own(&self) -> Result<(), AuthError> {
        match &self.config.authenticator {
            Some(authenticator) => authenticator.settle().await,
            None => Ok(()),
        }
    }
}

/// Polls what has not ended, and keeps its result.
fn poll_once<F: Future>(
    result: &mut Option<F::Output>,
    work: Pin<&mut F>,
    context: &mut Context<'_>,
) {
    if result.is_none()
        && let Poll::Ready(ended) = work.poll(context)
    {
        *result = Some(ended);
    }
}
