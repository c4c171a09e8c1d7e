//! What concerns many logins at once: listing, removing and sealing them anew.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

use super::listing::{Listing, several};
use super::scripts::REMOVE_ALL;
use super::tokens::KEPT_FOR_MS;
use super::{FleetError, RedisTokenStore};
use crate::auth::TokenKey;

/// The logins of a fleet: a stream of keys, from [`RedisTokenStore::logins`].
pub struct Logins {
    keys: mpsc::Receiver<Result<TokenKey, FleetError>>,
}

impl RedisTokenStore {
    /// All logins that the fleet keeps, each once, in no order. Logged-out users are not among
    /// them.
    ///
    /// It reads on as they are taken, at most 500 entries in a step, so that the server serves
    /// others in between. After an error it ends, except for a record that cannot be opened.
    pub fn logins(&self) -> Logins {
        let (sender, keys) = mpsc::channel(AHEAD);
        let parts = Arc::clone(self.parts());
        let listing = async move {
            let mut listing = Listing::new(&parts);
            while let Some(step) = listing.next().await.transpose() {
                let logins = match step {
                    Ok(logins) => logins,
                    Err(error) => {
                        let _ = sender.send(Err(error)).await;
                        return;
                    }
                };
                for login in logins {
                    let opened = login.open(&parts);
                    if opened.as_ref().is_ok_and(|opened| opened.token.is_logged_out()) {
                        continue;
                    }
                    if sender.send(opened.map(|opened| opened.key)).await.is_err() {
                        return;
                    }
                }
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(listing);
        }
        Logins { keys }
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
        while let Some(logins) = listing.next().await? {
            let sealings = logins.into_iter().map(|login| {
                let parts = Arc::clone(parts);
                async move { login.reseal(&parts).await }
            });
            resealed += several(sealings).await?.into_iter().map(u64::from).sum::<u64>();
        }
        Ok(resealed)
    }
}

impl Stream for Logins {
    type Item = Result<TokenKey, FleetError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.keys.poll_recv(context)
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

/// How many logins are read ahead of who takes them.
const AHEAD: usize = 16;
