//! What concerns many logins at once: listing, removing and sealing them anew.

use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::attempt::no_runtime;
use super::listing::{Listing, Standing, Step};
use super::remembered::UserRemoval;
use super::sealing::is_sealed;
use super::tokens::Parts;
use super::walk::patiently;
use super::{FleetError, RedisTokenStore};
use crate::auth::TokenKey;

/// The logins of a fleet: a stream of keys, from [`RedisTokenStore::logins`].
pub struct Logins {
    /// `None` is the end; one that ends without it was never begun, or its runtime has ended.
    steps: mpsc::Receiver<Option<Result<Step, FleetError>>>,
    is_over: bool,
    /// What is left of a step. They are opened as they are taken, while the next step is under way.
    logins: std::vec::IntoIter<Result<Standing, FleetError>>,
    parts: Arc<Parts>,
    /// Where logins are taken over, one may stand at two places.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl RedisTokenStore {
    /// All logins that the fleet keeps, each once, in no order. Logged-out users are not among
    /// them. An app's own token is; its key has no user, as that of a program's only user has none.
    ///
    /// It reads on as they are taken, at most 500 entries in a step and two steps ahead; the server
    /// serves others in between. Call it within a tokio runtime: without one, or when that ends before
    /// the list, its last item is an error. After an error it ends, except for a record that cannot be opened and for
    /// what something else wrote.
    pub fn logins(&self) -> Logins {
        let (sender, steps) = mpsc::channel(1);
        let parts = Arc::clone(self.parts());
        let listing = async move {
            let mut listing = Listing::new(&parts);
            while let Some(step) = listing.next().await.transpose() {
                let step = match step {
                    Ok(step) => step.without_ended(&parts).await,
                    failure => failure,
                };
                let is_failure = step.is_err();
                if sender.send(Some(step)).await.is_err() {
                    return;
                }
                if is_failure {
                    break;
                }
            }
            sender.send(None).await.ok();
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(listing);
        }
        let (logins, parts) = (Vec::new().into_iter(), Arc::clone(self.parts()));
        let (seen, hasher) = (HashSet::new(), RandomState::new());
        Logins { steps, is_over: false, logins, parts, seen, hasher }
    }

    /// Logs a user out of one app everywhere, in one step: all logins, in every set of scopes.
    /// Returns how many it removed, one for each set of scopes: 0 where the user had none, which is
    /// no error. A login that was ended by a log-out counts too, as long as its mark is kept. Of calls
    /// at once for one user each counts what it has removed itself.
    ///
    /// Other processes notice when they next look into the store, which is before a refresh; until
    /// then the access token that they have is good. No process puts a removed login back, also
    /// where there was none to remove.
    ///
    /// # Errors
    ///
    /// A [`FleetError`] when some of the logins may still be there, or come back; [`FleetError::NotReplicated`] when they
    /// are removed, but may come back with a failover.
    pub async fn remove_user(&self, client_id: &str, user: &str) -> Result<u64, FleetError> {
        let parts = self.parts();
        let name = parts.names.logins(client_id, Some(user))?;
        // By which a call that is sent again finds what it removed.
        let mark = format!("{:016x}", fastrand::u64(..));
        let key = TokenKey::new(client_id).with_user(user);
        let last = parts.remembered.last_of(&key);
        // What cannot be looked for unsealed keeps nothing that is sealed from being removed.
        let unsealed = parts.remove_unsealed_user(client_id, user, &mark, last).await;
        let of_unsealed = unsealed.as_ref().ok().and_then(Option::as_ref);
        let last = of_unsealed.map(|removed| removed.moment).max(last);
        let made = Some(parts.clock.now().monotonic);
        let (removed, number, login) = parts.remove_all(&name, &mark, last).await?;
        let unsealed_number = of_unsealed.map(|removed| removed.number);
        let removal = UserRemoval { number, unsealed: unsealed_number, login, made };
        parts.notice_after(&key).await;
        parts.remember_user_removal(&key, removal).await?;
        let unsealed = unsealed?.map_or(0, |removed| removed.not_sealed_as_well);
        parts.confirm(&key).await?;
        Ok(removed + unsealed)
    }

    /// Seals with the first key what was sealed with another, and with
    /// [`adopt_unsealed`](super::RedisFleet::adopt_unsealed) also what was not sealed at all. Returns how many
    /// logins it sealed anew. A login that is refreshed meanwhile is sealed with the first key anyway.
    ///
    /// # Errors
    ///
    /// A [`FleetError`] of the server, at once; what was sealed before it stays so. One of a record
    /// that cannot be opened when all others are sealed anew: [`FleetError::UnknownKey`] where a key
    /// is missing, [`FleetError::OtherNameKey`] where it was saved with another name key,
    /// [`FleetError::Unsealed`] where `adopt_unsealed` is missing.
    pub async fn reseal(&self) -> Result<u64, FleetError> {
        let parts = self.parts();
        let (mut listing, mut number, mut failure) = (Listing::new(parts), 0, None);
        let note = match parts.unsealed {
            Some(_) => match patiently(|| parts.unsealed_note()).await {
                Err(error @ FleetError::Layout { .. }) => {
                    failure = Some(error);
                    None
                }
                note => note?,
            },
            None => None,
        };
        while let Some(step) = listing.next().await? {
            let resealed = step.reseal(parts).await?;
            number += resealed.number;
            failure = failure.or(resealed.failure);
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        if let Some(note) = note {
            patiently(|| parts.forget_unsealed_note(&note)).await?;
        }
        Ok(number)
    }

    /// Whether logins can be opened, as far as they are found in time. One that cannot is its user's
    /// trouble; when no sealed one can, it is that of the sealing keys, of which one without a seal
    /// proves nothing. One that is not sealed is one of many that were saved before there were keys;
    /// an app's own token that is not sealed says nothing.
    pub(super) async fn check_some(&self) -> Result<(), FleetError> {
        let parts = self.parts();
        let refuses_unsealed = parts.unsealed.as_ref().is_some_and(|it| !it.adopts);
        let looks_for_unsealed = refuses_unsealed && parts.unsealed_note().await?.is_some();
        let ends_at = Instant::now() + LONGEST_CHECK;
        let mut listing = Listing::new(parts);
        let mut seen = Seen::default();
        while let Some(step) = listing.next().await? {
            for login in step.logins {
                seen.add(login, parts);
            }
            let has_unsealed = !looks_for_unsealed || seen.unsealed.is_some();
            if seen.is_enough() && has_unsealed || Instant::now() >= ends_at {
                break;
            }
        }
        seen.failure().map_or(Ok(()), Err)
    }
}

/// What a check has found of logins.
#[derive(Default)]
struct Seen {
    /// Whether one was opened that proves the keys: where there are keys, a sealed one.
    is_proved: bool,
    /// Whether one was opened that is taken over.
    is_opened: bool,
    not_opened: usize,
    /// The first of each kind.
    sealed: Option<FleetError>,
    unsealed: Option<FleetError>,
    other: Option<FleetError>,
}

impl Seen {
    fn add(&mut self, login: Result<Standing, FleetError>, parts: &Parts) {
        let has_keys = parts.unsealed.is_some();
        let is_sealed = login.as_ref().is_ok_and(|login| is_sealed(&login.record));
        let is_ignored = login.as_ref().is_ok_and(|login| login.is_ignored(parts));
        match login.and_then(|login| login.open(parts)) {
            Ok(_) if is_ignored => {}
            Ok(_) => {
                self.is_opened = true;
                self.is_proved |= is_sealed || !has_keys;
            }
            Err(error @ FleetError::Unsealed { .. }) => {
                self.unsealed.get_or_insert(error);
            }
            Err(error) => {
                self.not_opened += 1;
                let first = if is_sealed { &mut self.sealed } else { &mut self.other };
                first.get_or_insert(error);
            }
        }
    }

    fn is_enough(&self) -> bool {
        self.is_proved || self.not_opened >= ENOUGH
    }

    /// What is wrong with all of them.
    fn failure(self) -> Option<FleetError> {
        let Self { is_proved, is_opened, sealed, unsealed, other, .. } = self;
        let other = other.filter(|_| !is_proved && !is_opened);
        sealed.filter(|_| !is_proved).or(unsealed).or(other)
    }
}

impl Logins {
    /// The next login, or `None` at the end.
    ///
    /// # Errors
    ///
    /// A [`FleetError`]; see [`RedisTokenStore::logins`] for what comes after it.
    pub async fn next(&mut self) -> Option<Result<TokenKey, FleetError>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// The next of the step who has not logged out.
    fn next_key(&mut self) -> Option<Result<TokenKey, FleetError>> {
        let Self { logins, parts, seen, hasher, .. } = self;
        logins.find_map(|login| {
            let is_ignored = login.as_ref().is_ok_and(|login| login.is_ignored(parts));
            match login.and_then(|login| login.open(parts)) {
                Ok(opened) if is_ignored || opened.token.is_logged_out() => None,
                Ok(opened) if parts.adopts_unsealed() => {
                    seen.insert(hasher.hash_one(&opened.key)).then_some(Ok(opened.key))
                }
                opened => Some(opened.map(|opened| opened.key)),
            }
        })
    }
}

impl Stream for Logins {
    type Item = Result<TokenKey, FleetError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(key) = self.next_key() {
                return Poll::Ready(Some(key));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            let step = match ready!(self.steps.poll_recv(context)) {
                Some(Some(step)) => step,
                end => {
                    self.is_over = true;
                    let is_whole = end.is_some();
                    return Poll::Ready((!is_whole).then(|| Err(no_runtime())));
                }
            };
            match step {
                Ok(step) => self.logins = step.logins.into_iter(),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

/// After which `check` looks for no more logins.
const LONGEST_CHECK: Duration = Duration::from_secs(5);

/// Logins of which none can be opened, before that is said of all.
const ENOUGH: usize = 500;
