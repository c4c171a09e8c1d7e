//! Who refreshes a token: a key of the server with its owner's random value and an end.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::FleetError;
use super::found::Loaded;
use super::names::Place;
use super::returned::read;
use super::scripts::{LOAD, RELEASE_LEASE, RENEW_LEASE, TAKE_LEASE, TAKE_TURN};
use super::server::Server;
use super::tokens::{MOST_WAITS, Parts};
use crate::auth::{RefreshLock, TokenKey};

/// Keeps other processes from refreshing the same token, until it is dropped or its process dies.
pub(super) struct Lease {
    server: Arc<Server>,
    key: String,
    owner: String,
    runtime: Handle,
    renewing: Option<AbortHandle>,
}

/// Waits for the lease of a place.
///
/// Asks with the same value each time: a call whose response was lost may have taken it, and the
/// next one finds that it is its own.
pub(super) async fn take(server: &Arc<Server>, place: &Place) -> Result<Lease, FleetError> {
    let lease = Lease::asked_for(server, place)?;
    let mut pauses = Pauses(FIRST_PAUSE);
    while !lease.is_taken(place).await? {
        pauses.wait().await;
    }
    Ok(lease.renewed())
}

/// The same, but `None` as soon as the token that stands there is good and another than the known
/// one.
async fn take_turn(
    server: &Arc<Server>,
    place: &Place,
    known: &str,
) -> Result<Option<Lease>, FleetError> {
    let lease = Lease::asked_for(server, place)?;
    let mut pauses = Pauses(FIRST_PAUSE);
    loop {
        match lease.turn(place, known).await? {
            0 => pauses.wait().await,
            1 => return Ok(Some(lease.renewed())),
            -1 => return Err(FleetError::layout(&lease.key)),
            _ => return Ok(None),
        }
    }
}

impl Parts {
    /// A lease, as a lock. A server that is full, or cannot save its data, takes none; who has no login has nothing to
    /// refresh, and is told so all the same.
    pub(super) async fn lock(
        &self,
        key: &TokenKey,
        known: Option<&str>,
    ) -> Result<RefreshLock, FleetError> {
        match self.lease(key, known).await {
            Err(error @ (FleetError::OutOfMemory | FleetError::NotPersisted { .. }))
                if self.expects_login(key) =>
            {
                match self.load(key, true).await {
                    Ok(None) => Ok(RefreshLock::new(())),
                    _ => Err(error),
                }
            }
            taken => Ok(taken?.map_or_else(RefreshLock::passed, RefreshLock::new)),
        }
    }

    /// The lease of a key, or `None` as soon as the token that stands there is good and another than the
    /// `known` one, if there is one to be compared.
    ///
    /// A user's refresh token is sent by one process: where the server may have forgotten who does, those
    /// who do are let take their lease again first, and so after each loss that comes meanwhile. An app's
    /// token is not waited for.
    async fn lease(
        &self,
        key: &TokenKey,
        known: Option<&str>,
    ) -> Result<Option<Lease>, FleetError> {
        let (server, place) = (self.server()?, self.names.place(key)?);
        let mut waits = if self.expects_login(key) { MOST_WAITS } else { 0 };
        let mut taken = None;
        loop {
            // Before it is taken, so that who holds it finds no other's, and after that, since it may have
            // been waited for.
            if waits > 0
                && let Some(left) = self.leases_settle_in(&place).await?
            {
                drop(taken.take());
                sleep(left).await;
                waits -= 1;
            } else if taken.is_some() {
                return Ok(taken);
            } else {
                taken = match known {
                    Some(known) => take_turn(server, &place, known).await?,
                    None => Some(take(server, &place).await?),
                };
                if taken.is_none() {
                    return Ok(None);
                }
            }
        }
    }

    /// How long those who hold a lease that the server may have forgotten still take to take it again.
    /// Nobody whom the server has forgotten refreshes what was saved since it began.
    async fn leases_settle_in(&self, place: &Place) -> Result<Option<Duration>, FleetError> {
        let server = self.server()?;
        if !server.is_connected_for(&place.logins) {
            // What the server is can be said once there is a connection.
            self.found_since_it_began(place).await?;
        }
        server.notice_its_life(&self.names).await;
        if server.known_to_settle_in(&place.logins, false).is_none() {
            return Ok(None);
        }
        Ok(server.known_to_settle_in(&place.logins, self.found_since_it_began(place).await?))
    }

    /// Whether what stands at a place was not put back.
    async fn found_since_it_began(&self, place: &Place) -> Result<bool, FleetError> {
        match self.look_unopened(place).await {
            Ok((_, number, _, _, put_back, ..)) => Ok(number > 0 && put_back < 0),
            Err(FleetError::Layout { .. } | FleetError::Altered { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Between two questions, longer each time.
struct Pauses(Duration);

impl Pauses {
    async fn wait(&mut self) {
        sleep(self.0.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}

impl Lease {
    /// From here on it is given back, however this ends.
    fn asked_for(server: &Arc<Server>, place: &Place) -> Result<Self, FleetError> {
        let reason = "there is no tokio runtime; call this from within one";
        let runtime = Handle::try_current().map_err(|_| FleetError::Config { reason })?;
        let server = Arc::clone(server);
        let key = place.lease.clone();
        let owner = format!("{:032x}", fastrand::u128(..));
        Ok(Self { server, key, owner, runtime, renewing: None })
    }

    async fn turn(&self, place: &Place, known: &str) -> Result<i32, FleetError> {
        if !self.server.has_one_master() {
            return self.turn_in_steps(place, known).await;
        }
        let arguments = [
            place.scopes.as_bytes(),
            known.as_bytes(),
            self.owner.as_bytes(),
            LENGTH_MS.as_bytes(),
        ];
        read(self.server.run(&TAKE_TURN, &[&place.logins, &self.key], &arguments).await?)
    }

    /// The same in two calls, of a key each: no script reaches two keys of a slot that is on its way
    /// to another master of a cluster. What is taken for nothing is given back.
    async fn turn_in_steps(&self, place: &Place, known: &str) -> Result<i32, FleetError> {
        let is_taken = self.is_taken(place).await?;
        let scopes = [place.scopes.as_bytes()];
        let found = self.server.run(&LOAD, &[&place.logins], &scopes).await?;
        let (revision, _, left, ..): Loaded = read(found)?;
        let is_replaced = !revision.is_empty() && revision != known && left > 0;
        Ok(match (is_replaced, is_taken) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        })
    }

    async fn is_taken(&self, place: &Place) -> Result<bool, FleetError> {
        let arguments = [self.owner.as_bytes(), LENGTH_MS.as_bytes(), place.logins.as_bytes()];
        let taken = self.server.run(&TAKE_LEASE, &[&self.key], &arguments).await?;
        Ok(read::<u32>(taken)? == 1)
    }

    /// Renews it in a task of its own, as long as a refresh can take.
    fn renewed(mut self) -> Self {
        let server = Arc::clone(&self.server);
        let key = self.key.clone();
        let owner = self.owner.clone();
        let renewing = async move {
            let ends_at = Instant::now() + LONGEST;
            let mut pause = RENEWAL;
            while Instant::now() + pause < ends_at {
                sleep(pause).await;
                let renew = async |again: &[u8]| {
                    let arguments = [owner.as_bytes(), LENGTH_MS.as_bytes(), again];
                    read::<u32>(server.run(&RENEW_LEASE, &[&key], &arguments).await?)
                };
                // One that the server has forgotten is taken again; a renewal that comes after the
                // lease was given back has nobody who would do that.
                let renewed = match renew(b"0").await {
                    Ok(2) => renew(b"1").await,
                    renewed => renewed,
                };
                pause = match renewed {
                    // Also when it is another's, who may have asked a server that had just forgotten
                    // it, and gives it back; else the revision at the save decides.
                    Ok(_) => RENEWAL,
                    Err(_) => LONGEST_PAUSE,
                };
            }
        };
        self.renewing = Some(self.runtime.spawn(renewing).abort_handle());
        self
    }
}

/// Released without waiting; on a runtime that ends it ends by itself.
impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(task) = &self.renewing {
            task.abort();
        }
        let server = Arc::clone(&self.server);
        let key = std::mem::take(&mut self.key);
        let owner = std::mem::take(&mut self.owner);
        self.runtime.spawn(async move {
            let _ = server.run(&RELEASE_LEASE, &[&key], &[owner.as_bytes()]).await;
        });
    }
}

/// 10 s: a process that was killed keeps others up for less than callers wait.
const LENGTH_MS: &str = "10000";

/// Two renewals may fail. Less than others wait before they refresh after a loss.
const RENEWAL: Duration = Duration::from_secs(2);

/// Longer than a refresh takes, so that a task that hangs cannot hold it for ever.
const LONGEST: Duration = Duration::from_secs(150);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
