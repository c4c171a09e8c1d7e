//! What concerns many logins at once: listing, removing and sealing them anew.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::sync::mpsc;

use super::listing::{Listing, Step};
use super::scripts::REMOVE_ALL;
use super::sealing::Opened;
use super::tokens::{KEPT_FOR_MS, Parts};
use super::{FleetError, RedisTokenStore};
use crate::auth::TokenKey;

/// The logins of a fleet: a stream of keys, from [`RedisTokenStore::logins`].
pub struct Logins {
    steps: mpsc::Receiver<Vec<Result<TokenKey, FleetError>>>,
    /// What is left of a step.
    keys: std::vec::IntoIter<Result<TokenKey, FleetError>>,
}

impl RedisTokenStore {
    /// All logins that the fleet keeps, each once, in no order. Logged-out users are not among
    /// them.
    ///
    /// It reads on as they are taken, at most 500 entries in a step and two steps ahead; the server
    /// serves others in between. After an error it ends, except for a record that cannot be opened.
    pub fn logins(&self) -> Logins {
        let (sender, steps) = mpsc::channel(1);
        let parts = Arc::clone(self.parts());
        let listing = async move {
            let mut listing = Listing::new(&parts);
            while let Some(step) = listing.next().await.transpose() {
                let is_end = step.is_err();
                let keys =
                    step.map_or_else(|error| vec![Err(error)], |step| keys_of(&step, &parts));
                if sender.send(keys).await.is_err() || is_end {
                    return;
                }
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(listing);
        }
        Logins { steps, keys: Vec::new().into_iter() }
    }

    /// Logs a user out of one app everywhere, in one step: all logins, in every set of scopes.
    ///
    /// Other processes notice when they next look into the store, which is before a refresh; until
    /// then the access token that they have is good. No process puts a removed login back.
    ///
    /// # Errors
    ///
    /// A [`FleetError`] when the logins may still be there.
    pub async fn remove_user(&self, client_id: &str, user: &str) -> Result<(), FleetError> {
        let parts = self.parts();
        let key = parts.names.logins(client_id, Some(user));
        parts.server()?.run(&REMOVE_ALL, &[&key], &[KEPT_FOR_MS.as_bytes()]).await.map(drop)
    }

    /// Seals with the first key what was sealed with another or not at all. Returns how many logins
    /// it sealed anew. A login that is refreshed meanwhile is sealed with the first key anyway.
    ///
    /// # Errors
    ///
    /// The first [`FleetError`]; what was sealed before it stays so.
    pub async fn reseal(&self) -> Result<u64, FleetError> {
        let parts = self.parts();
        let (mut listing, mut resealed) = (Listing::new(parts), 0);
        while let Some(step) = listing.next().await? {
            resealed += step.reseal(parts).await?;
        }
        Ok(resealed)
    }
}

/// Of those who have not logged out.
fn keys_of(step: &Step, parts: &Parts) -> Vec<Result<TokenKey, FleetError>> {
    let opened = step.logins.iter().map(|login| login.open(parts));
    let is_there = |opened: &Result<Opened, _>| {
        !opened.as_ref().is_ok_and(|opened| opened.token.is_logged_out())
    };
    opened.filter(is_there).map(|opened| opened.map(|opened| opened.key)).collect()
}

impl Stream for Logins {
    type Item = Result<TokenKey, FleetError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(key) = self.keys.next() {
                return Poll::Ready(Some(key));
            }
            match ready!(self.steps.poll_recv(context)) {
                Some(keys) => self.keys = keys.into_iter(),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}
