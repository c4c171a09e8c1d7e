//! One connection, made when it is needed and replaced when it fails: to a single server, or to one node
//! of a cluster.
//!
//! The driver's own reconnecting connection stays on one that has gone silent, and knows no
//! Sentinel; so this is a slot of ours. Every call has a limit, connecting included. Connecting
//! goes on when the call that began it has given up, so that the next one finds it done.

use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, Pipeline, RedisError, Value};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use super::FleetError;
use super::attempt::{Attempt, Attempts, check_runtime, outcome_of};
use super::connecting::{Found, Role, connect};
use super::failed_attempts::FailedAttempts;
use super::failure::{DEMOTED, Failure, IS_CLUSTER, IS_LOADING, IS_SENTINEL, NO_CLUSTER};
use super::greeting::explained;
use super::health::Health;
use super::losses::Losses;
use super::server_url::ServerUrl;
use super::tls::Tls;
use super::width::is_one_of_many;
use crate::sync::Mutex;
use crate::transport::can_wait;

/// A server or node by host and port.
pub(super) type Node = (String, u16);

/// What all connections of a fleet to its server have in common.
pub(super) struct Shared {
    pub(super) url: ServerUrl,
    /// Certificates of authorities that the program trusts beside those of the system, as PEM.
    pub(super) trusted: Option<Arc<[u8]>>,
    pub(super) health: Health,
    pub(super) losses: Losses,
}

/// Where a connection leads.
enum Whereto {
    /// Where the URL does.
    Url,
    Node {
        /// The fleet's URL with this one alone.
        url: ServerUrl,
        node: Node,
        /// It may have taken over from one that this process has had to do with.
        is_newcomer: bool,
    },
}

pub(super) struct Link {
    shared: Arc<Shared>,
    whereto: Whereto,
    slot: Mutex<Slot>,
}

struct Slot {
    live: Option<MultiplexedConnection>,
    /// Counts connections.
    number: u64,
    /// In a row, on this connection, but for those of many calls at a time.
    timeouts: u32,
    /// When there was a response last, if only to who connected.
    responded: Option<Instant>,
    /// When a single server that has said that it is the master responded last.
    was_master: Option<Instant>,
    /// The connection that is being made, for all who wait.
    attempts: Attempts<Connected>,
    /// Those in a row from which no connection came.
    failed: FailedAttempts,
}

type Connected = Result<(u64, MultiplexedConnection), FleetError>;

/// Why nothing has come of a call.
pub(super) enum Missed {
    /// It was never sent.
    Connection(FleetError),
    Late(Duration),
    /// By the server, or the connection to it.
    Failed(RedisError),
}

/// How long a call may take.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) connecting: Duration,
    pub(super) call: Duration,
}

impl Limit {
    /// Connecting included, as far as anybody waits for it.
    pub(super) const fn within(limit: Duration) -> Self {
        Self { connecting: limit, call: limit }
    }
}

/// What is sent.
#[derive(Clone, Copy)]
pub(super) enum Sent<'a> {
    One(&'a Cmd),
    /// Each has its own value, which may be an error.
    Several(&'a Pipeline),
}

impl Sent<'_> {
    async fn by(self, mut connection: MultiplexedConnection) -> Result<Vec<Value>, RedisError> {
        match self {
            Self::One(command) => {
                let value = connection.req_packed_command(command).await?;
                Ok(vec![value.extract_error()?])
            }
            Self::Several(commands) => {
                connection.req_packed_commands(commands, 0, commands.len()).await
            }
        }
    }
}

impl Slot {
    fn live(&self) -> Option<(u64, MultiplexedConnection)> {
        self.live.clone().map(|live| (self.number, live))
    }

    /// A master that has become a replica has a successor, to which its URL may lead soon.
    fn error_of_replica(&self) -> FleetError {
        match self.was_master.is_some_and(|at| at.elapsed() < FAILOVER) {
            true => FleetError::Server { reason: DEMOTED.to_owned() },
            false => FleetError::Replica,
        }
    }
}

impl Link {
    pub(super) fn to_url(shared: Arc<Shared>) -> Self {
        Self::new(shared, Whereto::Url)
    }

    pub(super) fn to_node(shared: Arc<Shared>, node: Node, is_newcomer: bool) -> Self {
        let url = ServerUrl { hosts: vec![node.clone()], ..shared.url.clone() };
        Self::new(shared, Whereto::Node { url, node, is_newcomer })
    }

    fn new(shared: Arc<Shared>, whereto: Whereto) -> Self {
        let slot = Slot {
            live: None,
            number: 0,
            timeouts: 0,
            responded: None,
            was_master: None,
            attempts: Attempts::new(CONNECTING),
            failed: FailedAttempts::default(),
        };
        Self { shared, whereto, slot: Mutex::new(slot) }
    }

    /// The number of the connection that was made last.
    pub(super) fn number(&self) -> u64 {
        self.slot.lock().number
    }

    pub(super) fn is_live(&self) -> bool {
        self.slot.lock().live.is_some()
    }

    /// Sends it by a connection that is made if there is none, and has it replaced where it fails.
    pub(super) async fn send(
        self: &Arc<Self>,
        sent: Sent<'_>,
        limit: Limit,
    ) -> Result<Vec<Value>, Missed> {
        let (number, live) = self.connection(limit.connecting).await.map_err(Missed::Connection)?;
        let result = match timeout(limit.call, sent.by(live.clone())).await {
            Ok(result) => result.map_err(Missed::Failed),
            Err(_) => Err(Missed::Late(limit.call)),
        };
        self.note(number, live, result.as_ref().err(), limit);
        result
    }

    /// A connection that was closed while it was idle fails what is sent by it next. Where that is not to be
    /// sent again, it is something else, for which no right is needed that the fleet has not.
    pub(super) async fn wake(self: &Arc<Self>) {
        let idle = {
            let slot = self.slot.lock();
            let is_idle = slot.responded.is_some_and(|at| at.elapsed() >= IDLE);
            slot.live().filter(|_| is_idle)
        };
        let (Some((number, live)), true) = (idle, can_wait()) else { return };
        let asks = redis::cmd("TIME");
        let missed = match timeout(USUAL.call, Sent::One(&asks).by(live.clone())).await {
            Ok(asked) => asked.err().map(Missed::Failed),
            Err(_) => Some(Missed::Late(USUAL.call)),
        };
        self.note(number, live, missed.as_ref(), USUAL);
    }

    /// Of a replica where the URL names it alone.
    pub(super) fn error_of_replica(&self) -> FleetError {
        self.slot.lock().error_of_replica()
    }

    async fn connection(self: &Arc<Self>, limit: Duration) -> Connected {
        check_runtime()?;
        let until = Instant::now() + limit;
        if let Some(live) = self.slot.lock().live() {
            return Ok(live);
        }
        let connected = outcome_of(|| self.attempt(), until).await?;
        connected.ok_or(FleetError::TimedOut { limit })
    }

    /// The connection that is being made, which is begun if there is none.
    fn attempt(self: &Arc<Self>) -> Result<Attempt<Connected>, FleetError> {
        let slot = &mut *self.slot.lock();
        if let Some(live) = slot.live() {
            return Ok(Attempt::over(Ok(live)));
        }
        if let Some(error) = slot.failed.just_now() {
            return Ok(Attempt::over(Err(error)));
        }
        let (attempt, trier) = slot.attempts.join()?;
        let Some(trier) = trier else { return Ok(attempt) };
        let link = Arc::downgrade(self);
        let (url, trusted) = (self.url().clone(), self.shared.trusted.clone());
        trier.runtime.spawn(async move {
            let connecting = async {
                match connect(&url, Tls::of(&url, trusted.as_deref())?).await {
                    Ok(connected) => Ok(connected),
                    Err(error) => Err(explained_once(&link, &error, &url).await),
                }
            };
            let late = FleetError::TimedOut { limit: CONNECTING };
            let connected = timeout(CONNECTING, connecting).await.unwrap_or(Err(late));
            if let Some(link) = link.upgrade() {
                trier.outcome.send_replace(Some(link.connected(trier.number, connected)));
            }
        });
        Ok(attempt)
    }

    fn url(&self) -> &ServerUrl {
        match &self.whereto {
            Whereto::Url => &self.shared.url,
            Whereto::Node { url, .. } => url,
        }
    }

    fn connected(&self, attempt: u64, connected: Result<Found, FleetError>) -> Connected {
        let mut slot = self.slot.lock();
        if !slot.attempts.ends(attempt) {
            return slot.live().ok_or(FleetError::TimedOut { limit: CONNECTING });
        }
        let connected = self.take(&mut slot, connected);
        match &connected {
            Ok(_) => slot.failed = FailedAttempts::default(),
            Err(error) => slot.failed.add(error.clone()),
        }
        connected
    }

    fn take(&self, slot: &mut Slot, connected: Result<Found, FleetError>) -> Connected {
        let Found { live, role, holdings } = connected?;
        match (role, &self.whereto) {
            (Role::Sentinel, _) => return Err(FleetError::Config { reason: IS_SENTINEL }),
            (Role::Alone, _) => return Err(FleetError::Config { reason: NO_CLUSTER }),
            (_, Whereto::Node { .. }) | (Role::Unknown, Whereto::Url) => {}
            (Role::Replica, Whereto::Url) => return Err(slot.error_of_replica()),
            (Role::OfCluster, Whereto::Url) => {
                return Err(FleetError::Config { reason: IS_CLUSTER });
            }
            (Role::Loading, Whereto::Url) => {
                return Err(FleetError::Server { reason: IS_LOADING.to_owned() });
            }
            (Role::Master, Whereto::Url) => slot.was_master = Some(Instant::now()),
        }
        let Shared { health, losses, .. } = &*self.shared;
        health.connected();
        slot.number += 1;
        slot.timeouts = 0;
        slot.responded = Some(Instant::now());
        slot.live = Some(live.clone());
        match &self.whereto {
            Whereto::Url => losses.connected(None, slot.number == 1, holdings.as_ref()),
            // What a replica holds counts when it is a master.
            Whereto::Node { .. } if matches!(role, Role::Replica) => {}
            Whereto::Node { node, is_newcomer, .. } => {
                let is_first = slot.number == 1 && !is_newcomer;
                losses.connected(Some(node), is_first, holdings.as_ref());
            }
        }
        Ok((slot.number, live))
    }

    /// A connection that has failed is used no more, and neither is one that has gone silent. One
    /// that is too slow for a short limit may be well: it is asked.
    fn note(
        self: &Arc<Self>,
        number: u64,
        live: MultiplexedConnection,
        missed: Option<&Missed>,
        limit: Limit,
    ) {
        let mut slot = self.slot.lock();
        if slot.number != number {
            return;
        }
        match missed {
            Some(Missed::Late(_)) if is_one_of_many() => return,
            Some(Missed::Late(_)) => slot.timeouts += 1,
            Some(Missed::Failed(error)) => {
                slot.timeouts = 0;
                if matches!(Failure::of(error), Failure::Closed(_) | Failure::Demoted(_)) {
                    slot.live = None;
                }
            }
            Some(Missed::Connection(_)) => {}
            None => {
                slot.timeouts = 0;
                slot.responded = Some(Instant::now());
                slot.was_master = slot.was_master.map(|_| Instant::now());
            }
        }
        if slot.timeouts < MOST_TIMEOUTS {
            return;
        }
        match limit.call < SHORT {
            true => {
                slot.timeouts = 0;
                self.ask_whether_it_is_silent(number, live);
            }
            false => slot.live = None,
        }
    }

    fn ask_whether_it_is_silent(self: &Arc<Self>, number: u64, live: MultiplexedConnection) {
        let (Ok(runtime), link) = (Handle::try_current(), Arc::downgrade(self)) else { return };
        runtime.spawn(async move {
            let until = Instant::now() + USUAL.call;
            let asked = timeout_at(until, Sent::One(&redis::cmd("TIME")).by(live)).await;
            let Some(link) = link.upgrade().filter(|_| asked.is_err()) else { return };
            let mut slot = link.slot.lock();
            if slot.number == number {
                slot.live = None;
            }
        });
    }
}

/// What is wrong with the URL or the server, as it was found out when the same was said a moment ago.
async fn explained_once(link: &Weak<Link>, error: &RedisError, url: &ServerUrl) -> FleetError {
    let known = link.upgrade().and_then(|link| link.slot.lock().failed.known(error));
    if let Some(known) = known {
        return known;
    }
    let explained = explained(error, url).await;
    if let Some(link) = link.upgrade() {
        link.slot.lock().failed.explain(error, &explained);
    }
    explained
}

/// A call takes a tenth of a millisecond, and connecting through a Sentinel is two connections. All
/// of it fits into what a token cache gives its store.
pub(super) const USUAL: Limit = Limit { connecting: CONNECTING, call: Duration::from_millis(500) };

pub(super) const CONNECTING: Duration = Duration::from_millis(1500);

/// Of what is left of a limit of a call in a cluster, after redirects, this is still as long as one.
const SHORT: Duration = Duration::from_millis(400);

/// Longer than it takes until a name leads to the new master.
const FAILOVER: Duration = Duration::from_secs(60);

/// What closes idle connections, a server or a load balancer, waits for longer.
const IDLE: Duration = Duration::from_secs(1);

/// A server that is only slow is not helped by new connections.
const MOST_TIMEOUTS: u32 = 3;
