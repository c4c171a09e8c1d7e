//! A request that waited for a permit is signed anew, so that no token expires in the queue.

use std::future::poll_fn;
use std::sync::Arc;

use reqwest::Request;
use reqwest_middleware::{Error, Result};

use super::super::record::hold_to_login;
use super::permit::Permit;
use crate::auth::{AuthError, Authenticator};
use crate::transport::Origin;

/// Who signs what goes to an origin.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) authenticator: Arc<dyn Authenticator>,
    pub(super) origin: Origin,
}

impl Signer {
    /// Signs a request that has a permit. Where the token is not at hand, the permit is given back
    /// before the token is waited for: nobody holds a permit while waiting for a token.
    pub(super) async fn sign(
        &self,
        permit: Permit,
        request: &mut Request,
    ) -> Result<Option<Permit>> {
        if !self.origin.covers(request.url()) {
            return Ok(Some(permit));
        }
        let mut permit = Some(permit);
        let login = self.authenticator.login_number();
        let mut signing = self.authenticator.apply(request);
        let signed = poll_fn(|context| {
            let polled = signing.as_mut().poll(context);
            if polled.is_pending()
                && let Some(permit) = permit.take()
            {
                permit.give_back();
            }
            polled
        });
        let signed = signed.await;
        drop(signing);
        // Where another login began meanwhile, the token may be of either.
        let logins = [login, self.authenticator.login_number()];
        let held = signed.and_then(|()| logins.into_iter().try_for_each(hold_to_login));
        if let Err(error) = held {
            permit.into_iter().for_each(Permit::give_back);
            return Err(Error::middleware::<AuthError>(error));
        }
        Ok(permit)
    }
}
