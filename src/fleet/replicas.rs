//! That replicas have what was saved: `WAIT`, on a connection of its own, since it keeps up whatever
//! comes behind it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Pipeline, Value};
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::timeout;

use super::FleetError;
use super::failure::Failure;
use super::link::Node;
use super::masters::To;
use super::returned::read_plain;
use super::server::Server;
use crate::sync::Mutex;

/// How many replicas are to confirm, and who asks them.
#[derive(Clone)]
pub(super) struct Replicas(Arc<Parts>);

struct Parts {
    wanted: u32,
    server: Arc<Server>,
    /// Those who wait, by their master in a cluster; a single server has one for all. Who is in the
    /// queue of another master asks alone.
    queues: Mutex<HashMap<Option<Node>, Arc<Queue>>>,
}

/// Who waits for one master: one of them asks for all, so that masters keep each other up as little
/// as users do.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

struct Waiting {
    name: String,
    kept_for_ms: &'static str,
    outcome: oneshot::Sender<Outcome>,
}

/// Under which name the logins stand that replicas are to have, and for how long they are kept from
/// now on.
#[derive(Clone, Copy)]
pub(super) struct Renewal<'a> {
    pub(super) name: &'a str,
    pub(super) kept_for_ms: &'static str,
}

/// How many confirmed what stands under a name; `None` where another master has it by now.
type Outcome = Result<Option<u32>, FleetError>;

impl Replicas {
    pub(super) fn new(wanted: u32, server: Arc<Server>) -> Self {
        Self(Arc::new(Parts { wanted, server, queues: Mutex::default() }))
    }

    /// The same number of replicas of another server.
    pub(super) fn of(&self, server: &Server) -> Self {
        Self::new(self.0.wanted, Arc::new(server.beside()))
    }

    /// Waits until enough replicas have what was written before under the name of a key, but not
    /// for long: replicas that are away keep nobody from going on.
    pub(super) async fn confirm(&self, of: Renewal<'_>) -> Result<(), FleetError> {
        let Parts { wanted, .. } = *self.0;
        let confirmed = timeout(LONGEST, self.0.confirmed(of)).await.unwrap_or(Ok(0))?;
        match confirmed >= wanted {
            true => Ok(()),
            false => Err(FleetError::NotReplicated { wanted, confirmed }),
        }
    }
}

impl Parts {
    async fn confirmed(&self, of: Renewal<'_>) -> Result<u32, FleetError> {
        let queue = self.queue_of(of.name).await?;
        if let Some(confirmed) = self.with_others(&queue, of).await? {
            return Ok(confirmed);
        }
        // Its slot has moved since it was known who has it.
        let outcome = self.ask(&[of]).await?.into_iter().next();
        Ok(outcome.unwrap_or(Ok(None))?.unwrap_or(0))
    }

    async fn with_others(&self, queue: &Queue, of: Renewal<'_>) -> Outcome {
        let mut outcome = queue.join(of);
        let _turn = queue.turn.lock().await;
        match outcome.try_recv() {
            Ok(outcome) => return outcome,
            // Who asked has gone.
            Err(TryRecvError::Closed) => outcome = queue.join(of),
            Err(TryRecvError::Empty) => {}
        }
        let waiting = std::mem::take(&mut *queue.waiting.lock());
        let renewals: Vec<_> = waiting.iter().map(Waiting::renewal).collect();
        let outcomes = self.ask(&renewals).await;
        let failure = outcomes.as_ref().err().cloned();
        let mut outcomes = outcomes.unwrap_or_default().into_iter();
        for Waiting { outcome, .. } in waiting {
            let failed = || failure.clone().map_or(Ok(None), Err);
            outcome.send(outcomes.next().unwrap_or_else(failed)).ok();
        }
        outcome.try_recv().unwrap_or(Ok(None))
    }

    /// What is waited for is what this connection wrote, with all that was written before; so it
    /// writes what stands there already, for each who waits. The first time finds out whether the
    /// server is still a master.
    async fn ask(&self, renewals: &[Renewal<'_>]) -> Result<Vec<Outcome>, FleetError> {
        let Some(first) = renewals.first() else { return Ok(Vec::new()) };
        self.server.command_on(first.name, &first.command()).await?;
        let mut commands = Pipeline::new();
        for renewal in renewals {
            commands.add_command(renewal.command());
        }
        commands.cmd("WAIT").arg(self.wanted).arg(WAIT_MS);
        let mut values = self.server.pipeline(&commands, To::HolderOf(first.name)).await?;
        let confirmed = values.pop().unwrap_or(Value::Int(0)).extract_error();
        let confirmed = confirmed.map_err(|error| Failure::of(&error).into_error())?;
        let confirmed = read_plain::<u32>(confirmed)?;
        let outcome = |renewed: Value| match renewed.extract_error() {
            // Another server has taken over, which does not have it.
            Ok(renewed) => Ok(Some(if read_plain::<u32>(renewed)? == 0 { 0 } else { confirmed })),
            Err(_) => Ok(None),
        };
        Ok(values.into_iter().map(outcome).collect())
    }

    async fn queue_of(&self, name: &str) -> Result<Arc<Queue>, FleetError> {
        let master = self.server.owner(name).await?;
        Ok(Arc::clone(self.queues.lock().entry(master).or_default()))
    }
}

impl Queue {
    fn join(&self, of: Renewal<'_>) -> oneshot::Receiver<Outcome> {
        let (outcome, receiver) = oneshot::channel();
        self.waiting.lock().push(Waiting {
            name: of.name.to_owned(),
            kept_for_ms: of.kept_for_ms,
            outcome,
        });
        receiver
    }
}

impl Waiting {
    fn renewal(&self) -> Renewal<'_> {
        Renewal { name: &self.name, kept_for_ms: self.kept_for_ms }
    }
}

impl Renewal<'_> {
    fn command(&self) -> Cmd {
        redis::cmd("PEXPIRE").arg(self.name).arg(self.kept_for_ms).take()
    }
}

/// A replica that is well confirms within the time of a round trip.
const WAIT_MS: u32 = 200;

/// Who comes during a round waits for it and the next.
const LONGEST: Duration = Duration::from_millis(450);
