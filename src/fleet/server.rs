//! The connection to a fleet's server: one for the process, replaced when it fails.
//!
//! The driver's own reconnecting connection stays on one that has gone silent, and knows no
//! Sentinel; so this is a slot of ours. Every call has a limit, connecting included. Connecting
//! goes on when the call that began it has given up, so that the next one finds it done.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::Mutex;
use redis::{Cmd, Pipeline, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::connecting::{Found, Role, connect};
use super::failure::{DEMOTED, Failure, IS_CLUSTER, IS_LOADING, IS_SENTINEL, USER_ALONE};
use super::greeting::explained;
use super::health::{Asked, FleetStats, Health, Writes};
use super::live::{Live, To};
use super::losses::Losses;
use super::returned::Returned;
use super::scripts::{EXCHANGE, SAVE, Script, TAKE_LEASE, TAKE_TURN};
use super::server_url::{ServerKind, ServerUrl};
use super::tls::Tls;
use super::width::is_one_of_many;
use super::{FleetError, FleetEvent, text_of};
use crate::auth::Listener;
use crate::transport::{can_send, can_wait};

/// The server of a fleet.
pub(super) struct Server {
    url: ServerUrl,
    /// Certificates of authorities that the program trusts beside those of the system, as PEM.
    trusted: Option<Arc<[u8]>>,
    slot: Mutex<Slot>,
    health: Health,
    pub(super) losses: Losses,
}

#[derive(Default)]
struct Slot {
    live: Option<Live>,
    /// Counts connections.
    number: u64,
    /// Counts attempts.
    attempts: u64,
    /// In a row, on this connection, but for those of many calls at a time.
    timeouts: u32,
    /// When a single server that has said that it is the master responded last.
    was_master: Option<Instant>,
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

impl Slot {
    /// A master that has become a replica has a successor, to which its URL may lead soon.
    fn error_of_replica(&self) -> FleetError {
        match self.was_master.is_some_and(|at| at.elapsed() < FAILOVER) {
            true => FleetError::Server { reason: DEMOTED.to_owned() },
            false => FleetError::Replica,
        }
    }
}

pub(super) type Connected = Result<(u64, Live), FleetError>;

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

/// What a call is about.
#[derive(Clone, Copy, Default)]
struct Of<'a> {
    script: Option<&'a Script>,
    /// The first that it has.
    key: Option<&'a str>,
}

impl Of<'_> {
    /// By which one script is told from another.
    fn number(&self) -> usize {
        self.script.map_or(NO_SCRIPT, |script| std::ptr::from_ref(script).addr())
    }
}

impl Server {
    pub(super) fn new(url: ServerUrl) -> Self {
        let (slot, health) = (Mutex::default(), Health::default());
        Self { url, trusted: None, slot, health, losses: Losses::new() }
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

    /// Whether it is no cluster.
    pub(super) fn has_one_master(&self) -> bool {
        !matches!(self.url.kind, ServerKind::Cluster)
    }

    /// The number of the connection that was made last.
    pub(super) fn connections(&self) -> u64 {
        self.slot.lock().number
    }

    /// The connection, if there is one.
    pub(super) fn live(&self) -> Option<Live> {
        self.slot.lock().live.clone()
    }

    pub(super) fn stats(&self) -> FleetStats {
        self.health.stats()
    }

    /// All that the fleet does was tried since `began`, and went well.
    pub(super) fn has_all_rights(&self, began: std::time::Instant) {
        self.health.has_all_rights(began);
    }

    /// Runs a script, which the server may have forgotten, and which may run twice.
    pub(super) async fn run(
        self: &Arc<Self>,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<Returned, FleetError> {
        let asked = Of { script: Some(script), key: keys.first().copied() };
        let result = match self.call(&script.known(keys, arguments), asked).await {
            Err(Failure::NoScript) => self.call(&script.whole(keys, arguments), asked).await,
            result => result,
        };
        Returned::of(keys, result)
    }

    /// Runs a script that must not run twice.
    pub(super) async fn run_once(
        self: &Arc<Self>,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
        limit: Limit,
    ) -> Result<Returned, FleetError> {
        let asked = Of { script: Some(script), key: keys.first().copied() };
        let result = match self.send(&script.known(keys, arguments), limit, asked).await {
            Err(Failure::NoScript) => self.send(&script.whole(keys, arguments), limit, asked).await,
            result => result,
        };
        Returned::of(keys, result)
    }

    /// Runs a command that may run twice.
    pub(super) async fn command(self: &Arc<Self>, command: &Cmd) -> Result<Value, FleetError> {
        self.call(command, Of::default()).await.map_err(Failure::into_error)
    }

    /// Runs a script by its hash, and says whether the server has it.
    pub(super) async fn knows(self: &Arc<Self>, command: &Cmd) -> Result<bool, FleetError> {
        match self.call(command, Of::default()).await {
            Ok(_) => Ok(true),
            Err(Failure::NoScript) => Ok(false),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// The same, of a command on one key of the fleet's.
    pub(super) async fn command_on(
        self: &Arc<Self>,
        key: &str,
        command: &Cmd,
    ) -> Result<Returned, FleetError> {
        let asked = Of { script: None, key: Some(key) };
        Returned::of(&[key], self.call(command, asked).await)
    }

    /// Sends commands that may run twice, all at once, and to one server of a cluster. Each has its
    /// own value, which may be an error.
    pub(super) async fn pipeline(
        self: &Arc<Self>,
        commands: &Pipeline,
        to: To<'_>,
    ) -> Result<Vec<Value>, FleetError> {
        let sent = |mut live: Live| async move { live.pipeline(commands, to).await };
        let writes = |values: &Vec<Value>| match values.iter().all(is_refusal) {
            true => Writes::Nothing,
            false => Writes::No,
        };
        self.call_once(sent, USUAL, Of::default(), writes).await.map_err(Failure::into_error)
    }

    /// What the server tells of itself in a section of `INFO`, as far as it tells; that it may not is
    /// no failure of its.
    pub(super) async fn info(self: &Arc<Self>, section: &str, to: To<'_>) -> Option<String> {
        let mut asks = Pipeline::new();
        asks.cmd("INFO").arg(section);
        let told = self.pipeline(&asks, to).await.ok()?.into_iter().next()?;
        text_of(&told).map(str::to_owned)
    }

    /// The hosts of its URL, with their ports.
    pub(super) fn hosts(&self) -> &[(String, u16)] {
        &self.url.hosts
    }

    /// Whether there are several masters.
    pub(super) async fn is_cluster(self: &Arc<Self>) -> Result<bool, FleetError> {
        Ok(matches!(self.connection(USUAL).await?, (_, Live::Cluster(_))))
    }

    /// Once more on a new connection when the old one turns out to be closed: all that is called
    /// here may run twice.
    async fn call(self: &Arc<Self>, command: &Cmd, asked: Of<'_>) -> Result<Value, Failure> {
        match self.send(command, USUAL, asked).await {
            Err(Failure::Closed(_) | Failure::Demoted(_)) => self.send(command, USUAL, asked).await,
            result => result,
        }
    }

    async fn send(
        self: &Arc<Self>,
        command: &Cmd,
        limit: Limit,
        asked: Of<'_>,
    ) -> Result<Value, Failure> {
        let writes =
            |value: &Value| asked.script.map_or(Writes::No, |script| writes_of(script, value));
        self.call_once(|mut live| async move { live.call(command).await }, limit, asked, writes)
            .await
    }

    async fn call_once<T, F>(
        self: &Arc<Self>,
        call: impl FnOnce(Live) -> F,
        limit: Limit,
        of: Of<'_>,
        writes: impl FnOnce(&T) -> Writes,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let result = match self.connection(limit).await {
            Ok((number, live)) => {
                let is_single = matches!(live, Live::One(_));
                let result = in_time(call(live.clone()), limit, is_single).await;
                let result = result.map_err(|failure| self.of_its_kind(failure).on(of.key));
                self.note(number, live, result.as_ref().err(), limit);
                result
            }
            Err(error) => Err(Failure::Error(error)),
        };
        let asked = |writes| Asked { call: of.number(), writes };
        match &result {
            Err(Failure::NoScript) => {}
            Ok(value) => self.health.called(None, limit.call, asked(writes(value))),
            // A server that says what stands under a key responds, but has written nothing.
            Err(Failure::Layout | Failure::Altered) => {
                let asked = Asked { call: NO_SCRIPT, writes: Writes::No };
                self.health.called(None, limit.call, asked);
            }
            Err(failure) => {
                self.health.called(failure.error(), limit.call, asked(Writes::No));
            }
        }
        result
    }

    /// Sentinels and clusters know of another master; a URL of one server may not.
    fn of_its_kind(&self, failure: Failure) -> Failure {
        match (failure, &self.url.kind) {
            (Failure::Demoted(_), ServerKind::Standalone { .. }) => {
                Failure::Demoted(self.slot.lock().error_of_replica())
            }
            (Failure::Error(FleetError::WrongPassword), _) if self.url.has_user_alone() => {
                Failure::of_url(USER_ALONE)
            }
            (failure, _) => failure,
        }
    }

    async fn connection(self: &Arc<Self>, limit: Limit) -> Connected {
        if !can_wait() {
            return Err(unsuitable_runtime());
        }
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
        if !can_send() {
            return Err(unsuitable_runtime());
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
                match connect(&url, Tls::of(&url, trusted.as_deref())?).await {
                    Ok(connected) => Ok(connected),
                    Err(error) => Err(explained(&error, &url).await),
                }
            };
            let connected = timeout(USUAL.connecting, connecting).await.unwrap_or(Err(limit));
            if let Some(server) = server.upgrade() {
                sender.send_replace(Some(server.connected(number, connected)));
            }
        });
        Ok(receiver)
    }

    fn connected(&self, attempt: u64, connected: Result<Found, FleetError>) -> Connected {
        let mut slot = self.slot.lock();
        if slot.attempt.as_ref().is_none_or(|current| current.number != attempt) {
            // Another has taken its place, by a runtime that is driven.
            let there = slot.live.clone().map(|live| (slot.number, live));
            return there.ok_or(FleetError::TimedOut { limit: CONNECTING });
        }
        slot.attempt = None;
        let Found { live, role, holdings } = connected?;
        match role {
            Role::Replica => return Err(slot.error_of_replica()),
            Role::OfCluster => return Err(FleetError::Config { reason: IS_CLUSTER }),
            Role::Sentinel => return Err(FleetError::Config { reason: IS_SENTINEL }),
            Role::Loading => return Err(FleetError::Server { reason: IS_LOADING.to_owned() }),
            Role::Master => slot.was_master = Some(Instant::now()),
            Role::Unknown => {}
        }
        self.health.connected();
        let number = slot.number + 1;
        let Slot { attempts, was_master, .. } = *slot;
        *slot = Slot { live: Some(live.clone()), number, attempts, was_master, ..Slot::default() };
        self.losses.connected(number == 1, &holdings);
        Ok((number, live))
    }

    /// A connection that has failed is used no more, and neither is one that has gone silent. One
    /// that is too slow for a short limit may be well: it is asked.
    fn note(self: &Arc<Self>, number: u64, live: Live, failure: Option<&Failure>, limit: Limit) {
        let mut slot = self.slot.lock();
        if slot.number != number {
            return;
        }
        if failure.is_none() {
            slot.was_master = slot.was_master.map(|_| Instant::now());
        }
        slot.timeouts = match failure {
            Some(Failure::Error(FleetError::TimedOut { .. })) if is_one_of_many() => slot.timeouts,
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

/// By what a script returned, which is 1 first where it has written.
fn writes_of(script: &Script, returned: &Value) -> Writes {
    let is = |one: &Script| std::ptr::eq(script, one);
    let first = match returned {
        Value::Array(values) => values.first(),
        value => Some(value),
    };
    let has_written = first == Some(&Value::Int(1));
    match () {
        () if [&SAVE, &TAKE_LEASE, &TAKE_TURN].into_iter().any(is) && has_written => Writes::Surely,
        () if is(&EXCHANGE) => Writes::Perhaps,
        () => Writes::No,
    }
}

fn is_refusal(value: &Value) -> bool {
    matches!(value, Value::ServerError(_))
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

/// On which no call can be made, or no connection.
fn unsuitable_runtime() -> FleetError {
    match () {
        () if Handle::try_current().is_err() => no_runtime(),
        () if !can_wait() => FleetError::Config { reason: NO_TIME },
        () => FleetError::Config { reason: NO_IO },
    }
}

const NO_TIME: &str = "the tokio runtime has no time enabled, without which no call of the fleet can have a limit; build \
    it with `enable_all`";

const NO_IO: &str = "the tokio runtime has no IO enabled, without which nothing can connect to the fleet's server; build \
    it with `enable_all`";

/// A call takes a tenth of a millisecond, and connecting through a Sentinel is two connections. All
/// of it fits into what a token cache gives its store.
const USUAL: Limit = Limit { connecting: CONNECTING, call: Duration::from_millis(500) };

const CONNECTING: Duration = Duration::from_millis(1500);

/// A call of a walk, or of what concerns one key, is told from no other.
const NO_SCRIPT: usize = 0;

/// Longer than it takes until a name leads to the new master.
const FAILOVER: Duration = Duration::from_secs(60);

/// A server that is only slow is not helped by new connections.
const MOST_TIMEOUTS: u32 = 3;
