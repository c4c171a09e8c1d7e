//! The connection to a fleet's server: one for the process, replaced when it fails.
//!
//! The driver's own reconnecting connection stays on one that has gone silent, and knows no
//! Sentinel; so this is a slot of ours. Every call has a limit, connecting included. Connecting
//! goes on when the call that began it has given up, so that the next one finds it done.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, SingleNodeRoutingInfo, Slot as HashSlot, SlotAddr};
use redis::{Cmd, Pipeline, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::connecting::connect;
use super::failure::Failure;
use super::health::{FleetStats, Health};
use super::scripts::Script;
use super::server_url::{ServerKind, ServerUrl};
use super::tls::Tls;
use super::{FleetError, FleetEvent};
use crate::auth::Listener;

/// The server of a fleet.
pub(super) struct Server {
    url: ServerUrl,
    /// Certificates of authorities that the program trusts beside those of the system, as PEM.
    trusted: Option<Arc<[u8]>>,
    slot: Mutex<Slot>,
    health: Health,
    /// The number of the connection.
    reconnections: watch::Sender<u64>,
}

#[derive(Default)]
struct Slot {
    live: Option<Live>,
    /// Counts connections.
    number: u64,
    /// Counts attempts.
    attempts: u64,
    /// In a row, on this connection.
    timeouts: u32,
    /// The connection that is being made, for all who wait.
    attempt: Option<Attempt>,
}

#[derive(Clone)]
struct Attempt {
    number: u64,
    began: Instant,
    connected: watch::Receiver<Option<Connected>>,
}

impl Attempt {
    /// One whose runtime has ended comes to nothing; one that takes longer than it may is of a
    /// runtime that nobody drives.
    fn is_under_way(&self) -> bool {
        self.began.elapsed() < CONNECTING && self.connected.has_changed().is_ok()
    }
}

pub(super) type Connected = Result<(u64, Live), FleetError>;

/// A connection, or one for each master of a cluster.
#[derive(Clone)]
pub(super) enum Live {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A master of a cluster, by host and port.
pub(super) type Master = (String, u16);

/// Which of a cluster's servers is to be sent something; a single one is sent everything.
#[derive(Clone, Copy)]
pub(super) enum To<'a> {
    Any,
    Master(&'a Master),
    /// The master that has this key.
    HolderOf(&'a str),
}

impl<'a> To<'a> {
    pub(super) fn of(master: Option<&'a Master>) -> Self {
        master.map_or(Self::Any, Self::Master)
    }

    fn route(self) -> SingleNodeRoutingInfo {
        match self {
            Self::Any => SingleNodeRoutingInfo::Random,
            Self::Master((host, port)) => {
                SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port }
            }
            Self::HolderOf(key) => SingleNodeRoutingInfo::SpecificNode(Route::with_slot(
                HashSlot::for_key(key),
                SlotAddr::Master,
            )),
        }
    }
}

/// How long a call may take.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    connecting: Duration,
    call: Duration,
}

impl Limit {
    /// Connecting included, as far as anybody waits for it.
    pub(super) const fn within(limit: Duration) -> Self {
        Self { connecting: limit, call: limit }
    }
}

impl Server {
    pub(super) fn new(url: ServerUrl) -> Self {
        let (slot, health) = (Mutex::default(), Health::default());
        Self { url, trusted: None, slot, health, reconnections: watch::Sender::new(0) }
    }

    /// The same server, with nothing done yet.
    pub(super) fn told_to(&self, listener: Listener<FleetEvent>) -> Self {
        Self { health: Health::told_to(listener), ..self.beside() }
    }

    /// The same, with other certificates to be trusted.
    pub(super) fn trusting(&self, pem: Arc<[u8]>) -> Self {
        let health = self.health.anew();
        Self { trusted: Some(pem), health, ..self.beside() }
    }

    /// The same server, by a connection of its own.
    pub(super) fn beside(&self) -> Self {
        Self { trusted: self.trusted.clone(), ..Self::new(self.url.clone()) }
    }

    /// Changes with each connection that takes the place of another.
    pub(super) fn reconnections(&self) -> watch::Receiver<u64> {
        self.reconnections.subscribe()
    }

    /// Whether all numbers that it gives to logins are by one clock.
    pub(super) fn has_one_clock(&self) -> bool {
        !matches!(self.url.kind, ServerKind::Cluster)
    }

    /// The number of the connection that was made last.
    pub(super) fn connections(&self) -> u64 {
        self.slot.lock().number
    }

    pub(super) fn stats(&self) -> FleetStats {
        self.health.stats()
    }

    /// Runs a script, which the server may have forgotten, and which may run twice.
    pub(super) async fn run(
        self: &Arc<Self>,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<Value, FleetError> {
        match self.call(&script.known(keys, arguments)).await {
            Err(Failure::NoScript) => self.call(&script.whole(keys, arguments)).await,
            result => result,
        }
        .map_err(Failure::into_error)
    }

    /// Runs a script that must not run twice.
    pub(super) async fn run_once(
        self: &Arc<Self>,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
        limit: Limit,
    ) -> Result<Value, FleetError> {
        match self.send(&script.known(keys, arguments), limit).await {
            Err(Failure::NoScript) => self.send(&script.whole(keys, arguments), limit).await,
            result => result,
        }
        .map_err(Failure::into_error)
    }

    /// Runs a command that may run twice.
    pub(super) async fn command(self: &Arc<Self>, command: &Cmd) -> Result<Value, FleetError> {
        self.call(command).await.map_err(Failure::into_error)
    }

    /// Sends commands that may run twice, all at once, and to one server of a cluster. Each has its
    /// own value, which may be an error.
    pub(super) async fn pipeline(
        self: &Arc<Self>,
        commands: &Pipeline,
        to: To<'_>,
    ) -> Result<Vec<Value>, FleetError> {
        let sent = |mut live: Live| async move { live.pipeline(commands, to).await };
        self.call_once(sent, USUAL).await.map_err(Failure::into_error)
    }

    /// Whether there are several masters.
    pub(super) async fn is_cluster(self: &Arc<Self>) -> Result<bool, FleetError> {
        Ok(matches!(self.connection(USUAL).await?, (_, Live::Cluster(_))))
    }

    /// Once more on a new connection when the old one turns out to be closed: all that is called
    /// here may run twice.
    async fn call(self: &Arc<Self>, command: &Cmd) -> Result<Value, Failure> {
        match self.send(command, USUAL).await {
            Err(Failure::Closed(_) | Failure::Demoted(_)) => self.send(command, USUAL).await,
            result => result,
        }
    }

    async fn send(self: &Arc<Self>, command: &Cmd, limit: Limit) -> Result<Value, Failure> {
        self.call_once(|mut live| async move { live.call(command).await }, limit).await
    }

    async fn call_once<T, F>(
        self: &Arc<Self>,
        call: impl FnOnce(Live) -> F,
        limit: Limit,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let result = match self.connection(limit).await {
            Ok((number, live)) => {
                let is_single = matches!(live, Live::One(_));
                let result = in_time(call(live.clone()), limit, is_single).await;
                self.note(number, live, result.as_ref().err(), limit);
                result
            }
            Err(error) => Err(Failure::Error(error)),
        };
        match &result {
            Err(Failure::NoScript) => {}
            // A server that says what stands under a key responds.
            Ok(_) | Err(Failure::Error(FleetError::Layout)) => {
                self.health.called(None, limit.call);
            }
            Err(failure) => self.health.called(failure.error(), limit.call),
        }
        result
    }

    async fn connection(self: &Arc<Self>, limit: Limit) -> Connected {
        let mut attempt = {
            let slot = &mut *self.slot.lock();
            if let Some(live) = &slot.live {
                return Ok((slot.number, live.clone()));
            }
            self.attempt(slot)?
        };
        let connected = timeout(limit.connecting, attempt.wait_for(Option::is_some)).await;
        match connected {
            Err(_) => Err(FleetError::TimedOut { limit: limit.connecting }),
            Ok(Ok(connected)) => connected.clone().unwrap_or_else(|| Err(no_runtime())),
            Ok(Err(_)) => Err(no_runtime()),
        }
    }

    /// The connection that is being made, which is begun if there is none.
    fn attempt(
        self: &Arc<Self>,
        slot: &mut Slot,
    ) -> Result<watch::Receiver<Option<Connected>>, FleetError> {
        if let Some(attempt) = slot.attempt.as_ref().filter(|attempt| attempt.is_under_way()) {
            return Ok(attempt.connected.clone());
        }
        let runtime = Handle::try_current().map_err(|_| no_runtime())?;
        let (sender, receiver) = watch::channel(None);
        slot.attempts += 1;
        let number = slot.attempts;
        slot.attempt = Some(Attempt { number, began: Instant::now(), connected: receiver.clone() });
        let server = Arc::downgrade(self);
        let url = self.url.clone();
        let trusted = self.trusted.clone();
        runtime.spawn(async move {
            let limit = FleetError::TimedOut { limit: USUAL.connecting };
            let connecting = async {
                let connected = connect(&url, Tls::of(&url, trusted.as_deref())?).await;
                connected.map_err(|error| Failure::of(&error).into_error())
            };
            let live = timeout(USUAL.connecting, connecting).await.unwrap_or(Err(limit));
            if let Some(server) = server.upgrade() {
                sender.send_replace(Some(server.connected(number, live)));
            }
        });
        Ok(receiver)
    }

    fn connected(&self, attempt: u64, live: Result<Live, FleetError>) -> Connected {
        let mut slot = self.slot.lock();
        if slot.attempt.as_ref().is_none_or(|current| current.number != attempt) {
            // Another has taken its place, by a runtime that is driven.
            let there = slot.live.clone().map(|live| (slot.number, live));
            return there.ok_or(FleetError::TimedOut { limit: CONNECTING });
        }
        slot.attempt = None;
        let live = live?;
        self.health.connected();
        let number = slot.number + 1;
        let attempts = slot.attempts;
        *slot = Slot { live: Some(live.clone()), number, attempts, ..Slot::default() };
        if number > 1 {
            self.reconnections.send_replace(number);
        }
        Ok((number, live))
    }

    /// A connection that has failed is used no more, and neither is one that has gone silent. One
    /// that is too slow for a short limit may be well: it is asked.
    fn note(self: &Arc<Self>, number: u64, live: Live, failure: Option<&Failure>, limit: Limit) {
        let mut slot = self.slot.lock();
        if slot.number != number {
            return;
        }
        slot.timeouts = match failure {
            Some(Failure::Error(FleetError::TimedOut { .. })) => slot.timeouts + 1,
            _ => 0,
        };
        if matches!(failure, Some(Failure::Closed(_) | Failure::Demoted(_))) {
            slot.live = None;
        }
        if slot.timeouts < MOST_TIMEOUTS {
            return;
        }
        match limit.call < USUAL.call {
            true => {
                slot.timeouts = 0;
                self.ask_whether_it_is_silent(number, live);
            }
            false => slot.live = None,
        }
    }

    fn ask_whether_it_is_silent(self: &Arc<Self>, number: u64, mut live: Live) {
        let (Ok(runtime), server) = (Handle::try_current(), Arc::downgrade(self)) else { return };
        runtime.spawn(async move {
            let asked = timeout(USUAL.call, live.call(&redis::cmd("PING"))).await;
            let Some(server) = server.upgrade().filter(|_| asked.is_err()) else { return };
            let mut slot = server.slot.lock();
            if slot.number == number {
                slot.live = None;
            }
        });
    }
}

async fn in_time<T>(
    call: impl Future<Output = Result<T, RedisError>>,
    limit: Limit,
    is_single: bool,
) -> Result<T, Failure> {
    match timeout(limit.call, call).await {
        Ok(Err(error)) if is_single => Err(Failure::of_single(&error)),
        Ok(result) => result.map_err(|error| Failure::of(&error)),
        Err(_) => Err(Failure::Error(FleetError::TimedOut { limit: limit.call })),
    }
}

impl Live {
    pub(super) async fn call(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::One(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        }
        .and_then(Value::extract_error)
    }

    async fn pipeline(
        &mut self,
        commands: &Pipeline,
        to: To<'_>,
    ) -> Result<Vec<Value>, RedisError> {
        match self {
            Self::One(connection) => {
                connection.req_packed_commands(commands, 0, commands.len()).await
            }
            Self::Cluster(cluster) => {
                cluster.route_pipeline(commands.clone(), 0, commands.len(), to.route()).await
            }
        }
    }
}

/// Without the driver's connection, which says nothing.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.url).finish()
    }
}

pub(super) fn no_runtime() -> FleetError {
    FleetError::Config {
        reason: "there is no tokio runtime, or it has ended; call this within one",
    }
}

/// A call takes a tenth of a millisecond, and connecting through a Sentinel is two connections. All
/// of it fits into what a token cache gives its store.
const USUAL: Limit = Limit { connecting: CONNECTING, call: Duration::from_millis(500) };

pub(super) const CONNECTING: Duration = Duration::from_millis(1500);

/// A server that is only slow is not helped by new connections.
const MOST_TIMEOUTS: u32 = 3;
