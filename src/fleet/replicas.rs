//! That replicas have what was saved: `WAIT`, on a connection of its own, since it keeps up whatever
//! comes behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{Pipeline, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::FleetError;
use super::failure::Failure;
use super::server::{Server, To};
use super::tokens::{KEPT_FOR_MS, read};

/// How many replicas are to confirm, and who asks them.
#[derive(Clone)]
pub(super) struct Replicas(Arc<Parts>);

struct Parts {
    wanted: u32,
    server: Arc<Server>,
    /// Counts those who have asked for a confirmation.
    arrivals: AtomicU64,
    last: Mutex<Round>,
}

/// One `WAIT`, for all who came before it.
#[derive(Default)]
struct Round {
    arrivals: u64,
    confirmed: u32,
}

impl Replicas {
    pub(super) fn new(wanted: u32, server: Arc<Server>) -> Self {
        let (arrivals, last) = (AtomicU64::default(), Mutex::default());
        Self(Arc::new(Parts { wanted, server, arrivals, last }))
    }

    /// Waits until enough replicas have what was written before under the name of a key, but not
    /// for long: replicas that are away keep nobody from going on.
    pub(super) async fn confirm(&self, name: &str) -> Result<(), FleetError> {
        let Parts { wanted, .. } = *self.0;
        let confirmed = timeout(LONGEST, self.0.round(name)).await.unwrap_or(Ok(0))?;
        match confirmed >= wanted {
            true => Ok(()),
            false => Err(FleetError::NotReplicated { wanted, confirmed }),
        }
    }
}

impl Parts {
    async fn round(&self, name: &str) -> Result<u32, FleetError> {
        let arrival = self.arrivals.fetch_add(1, Ordering::AcqRel) + 1;
        let mut last = self.last.lock().await;
        if arrival <= last.arrivals {
            return Ok(last.confirmed);
        }
        let arrivals = self.arrivals.load(Ordering::Acquire);
        let confirmed = self.wait(name).await?;
        // In a cluster each master has replicas of its own.
        if !self.server.is_cluster().await? {
            *last = Round { arrivals, confirmed };
        }
        Ok(confirmed)
    }

    /// What is waited for is what this connection wrote, with all that was written before; so it
    /// writes what stands there already. The first time finds out whether the server is still a
    /// master.
    async fn wait(&self, name: &str) -> Result<u32, FleetError> {
        let renewed = redis::cmd("PEXPIRE").arg(name).arg(KEPT_FOR_MS).take();
        if read::<u32>(self.server.command(&renewed).await?)? == 0 {
            // Another server has taken over, which does not have it.
            return Ok(0);
        }
        let mut commands = Pipeline::new();
        commands.add_command(renewed).cmd("WAIT").arg(self.wanted).arg(WAIT_MS);
        let values = self.server.pipeline(&commands, To::HolderOf(name)).await?;
        let values: Result<Vec<_>, _> = values.into_iter().map(Value::extract_error).collect();
        let values = values.map_err(|error| Failure::of(&error).into_error())?;
        values.into_iter().next_back().map_or(Ok(0), read)
    }
}

/// A replica that is well confirms within the time of a round trip.
const WAIT_MS: u32 = 200;

/// Who comes during a round waits for it and the next.
const LONGEST: Duration = Duration::from_millis(450);
